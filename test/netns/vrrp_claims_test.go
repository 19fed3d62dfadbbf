// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/test/netns/lab"
)

const claimsConf = `
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  version 3
  advert_int 0.2
  priority 150
  virtual_ipaddress {
    10.0.0.200/16
  }
}
vrrp_instance VI_6 {
  interface eth0
  virtual_router_id 56
  advert_int 0.2
  priority 150
  virtual_ipaddress {
    fe80::200
    2001:db8:0::200/64
  }
}
`

// TestStrangerSpeaksForAddress: a host that runs no VRRP announces an address of
// a MASTER, as a forgotten machine with the same address does. It is counted and
// told; that another host speaks for an address that is not ours is not.
func TestStrangerSpeaksForAddress(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, x := l.Router("a", w), l.Router("x", w)
	d := a.Start(lab.Vigild, claimsConf)
	d.Wait("VI_1", lab.Master, starting)
	d.Wait("VI_6", lab.Master, starting)
	say := func(addr string) {
		x.Do(func() error {
			face, err := net.InterfaceByName("eth0")
			if err != nil {
				return err
			}
			s, err := raw.NewAnnouncer()
			if err != nil {
				return err
			}
			_, _, err = s.Send([]raw.Announcement{{IfIndex: face.Index, MAC: [6]byte{2, 0, 0, 0, 0, 0x99}, Addr: netip.MustParseAddr(addr)}})
			return errors.Join(err, s.Close())
		})
	}
	claims := func(name string) float64 {
		m, err := d.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		n, _ := m.Sum("vigil_vrrp_split_brain_evidence_total", `vrrp_instance="`+name+`"`, `evidence="address_claimed"`)
		return n
	}
	for name, addr := range map[string]string{"VI_1": "10.0.0.200", "VI_6": "2001:db8::200"} {
		lab.Until(t, soon, "the claim of "+addr+" is counted", func() bool {
			say(addr) // the listener follows a new MASTER within half a second
			return claims(name) > 0
		})
		lab.Until(t, soon, name+" tells of a split brain", func() bool {
			why := d.Ctl("why", name)
			return strings.Contains(why, "Split brain: 02:00:00:00:00:99 speaks for "+addr)
		})
	}
	// What was said more than once may be counted a little later.
	settled := func() (n float64) {
		since := time.Now()
		lab.Until(t, soon, "no more claims are counted", func() bool {
			if now := claims("VI_1"); now != n {
				n, since = now, time.Now()
			}
			return time.Since(since) > time.Second
		})
		return n
	}
	before := settled()
	say("10.0.0.201")
	if n := settled(); n != before {
		t.Errorf("a claim for another address was counted: %v, %v", before, n)
	}
}
