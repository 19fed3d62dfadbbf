// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

const policyConf = `
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 51
  version 3
  advert_int 0.2
  priority 150
  virtual_ipaddress {
    10.0.0.200/16
    10.0.0.201/16
  }
}
`

// TestAddressRemoved takes an address away from a MASTER, under each policy.
func TestAddressRemoved(t *testing.T) {
	t.Parallel()
	for policy, c := range map[string]struct {
		returns bool
		backups int
	}{
		"keepalived": {true, 1},
		"restore":    {true, 0},
		"alert":      {false, 0},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			a := l.Router("a", l.Wire())
			d := a.Start(lab.Vigild, policyConf, lab.YAML("vrrp:\n  address_removed: "+policy+"\n"))
			d.Wait("VI_1", lab.Master, starting)
			has := func() bool { return strings.Contains(a.Run("ip", "-o", "addr", "show", "dev", "eth0"), "10.0.0.200/") }
			lab.Until(t, soon, "the addresses are there", has)
			metric := func(name string, labels ...string) float64 {
				m, err := d.Metrics()
				if err != nil {
					t.Fatal(err)
				}
				n, _ := m.Sum(name, append(labels, `vrrp_instance="VI_1"`)...)
				return n
			}
			a.IP("addr del 10.0.0.200/16 dev eth0")
			if c.returns {
				lab.Until(t, soon, "the address is back", has)
			}
			lab.Until(t, soon, "it is known whether the address is there", func() bool {
				return metric("vigil_vrrp_vip_owned", `address="10.0.0.200"`) == map[bool]float64{true: 1}[c.returns]
			})
			lab.Until(t, soon, "the loss is told", func() bool { return strings.Contains(d.Said(), `"msg":"address.lost"`) })
			gone := func() float64 { return metric("vigil_vrrp_transitions_total", `reason="address_gone"`) }
			lab.Until(t, soon, fmt.Sprintf("%d transitions because of it", c.backups), func() bool { return gone() == float64(c.backups) })
			lab.Until(t, soon, "it is MASTER", func() bool { return metric("vigil_vrrp_state", `state="master"`) == 1 })
			if n := gone(); n != float64(c.backups) {
				t.Errorf("%v transitions because of it, want %d", n, c.backups)
			}
			if !c.returns && has() {
				t.Error("the address came back")
			}
		})
	}
}
