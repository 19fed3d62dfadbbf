// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// guide reads a configuration as it was published.
func guide(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/guide/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestGuideMasterMaster plays the guide with two directors of which each is
// master of two instances in a group and backup of the other's two, with AH: when
// an interface of one fails, both members of each of its groups move, the one on
// the other interface too; and all comes back with the interface.
func TestGuideMasterMaster(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	outside, inside := l.Wire(), l.Wire()
	directors := make([]*lab.Router, 2)
	daemons := make([]*lab.Daemon, 2)
	for i := range directors {
		d := l.Router(fmt.Sprintf("director%d", i+1), outside, inside)
		for k, net := range []string{"192.168.200", "192.168.100"} {
			d.IP(fmt.Sprintf("addr del %v/16 dev eth%d", d.Addr4(k), k), fmt.Sprintf("addr add %s.%d/24 dev eth%d", net, 201+i, k))
		}
		directors[i] = d
	}
	outsideHeard := outside.Capture()
	for i, d := range directors {
		daemons[i] = begin(d, lab.Vigild, guide(t, fmt.Sprintf("vrrp-director%d.conf", i+1)))
	}
	pairs := [][]string{{"192.168.200.10", "192.168.200.11", "192.168.100.10"}, {"192.168.200.12", "192.168.200.13", "192.168.100.11"}}
	groups := []string{"VG1", "VG2"}
	// holds waits until the groups are master at these directors, who then have all
	// of their addresses, and nobody else any.
	holds := func(when string, at ...int) {
		t.Helper()
		for g, i := range at {
			daemons[i].Wait(groups[g], lab.Master, 30*time.Second)
		}
		lab.Until(t, 30*time.Second, "the addresses are where they belong "+when, func() bool {
			for i, d := range directors {
				for g, list := range pairs {
					for _, a := range list {
						dev := "eth0"
						if a[:11] == "192.168.100" {
							dev = "eth1"
						}
						if d.Has(dev, netip.MustParseAddr(a)) != (at[g] == i) {
							return false
						}
					}
				}
			}
			return true
		})
	}
	holds("at first", 0, 1)
	directors[0].Cut(0)
	daemons[0].Wait("VG1", lab.Fault, 30*time.Second)
	holds("without eth0 of director 1", 1, 1)
	directors[0].Mend(0)
	holds("with eth0 of director 1 again", 0, 1)
	// A director that dies leaves everything to the other.
	daemons[1].Kill()
	daemons[0].Wait("VG2", lab.Master, 30*time.Second)
	lab.Until(t, 30*time.Second, "director 1 has everything", func() bool {
		for _, list := range pairs {
			if !directors[0].Has("eth0", netip.MustParseAddr(list[0])) || !directors[0].Has("eth1", netip.MustParseAddr(list[2])) {
				return false
			}
		}
		return true
	})
	n := 0
	for _, f := range outsideHeard.Adverts(func(*lab.Advert) bool { return true }) {
		if f.Advert.AH == nil {
			t.Errorf("an advert without authentication header: %v", &f)
		}
		n++
	}
	if n == 0 {
		t.Error("no advert was heard")
	}
}
