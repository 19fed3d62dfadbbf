// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestNetNamespace starts both programs on a host without any interface, with
// net_namespace: all they do, they do in the other namespace.
func TestNetNamespace(t *testing.T) {
	t.Parallel()
	for _, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			w := l.Wire()
			outside, inside := l.Router("outside"), l.Router("inside", w)
			links, addrs, sysctls := machineState(inside)
			heard := w.Capture()
			c := vmacCase{use: []string{"use_vmac", "no_accept"}}
			d := begin(outside, kind, "net_namespace "+inside.Name+"\n"+c.conf(100))
			d.Wait("VI_1", lab.Master, starting)
			heard.Advert(0, soon, "adverts", func(a *lab.Advert) bool { return a.Src == inside.Addr4(0) })
			lab.Until(t, soon, "the address inside", func() bool { return inside.Has("vrrp.51", c.vip()) })
			if links := outside.Run("ip", "-o", "link", "show"); strings.Count(links, "\n") != 1 {
				t.Errorf("the host outside has\n%s", links)
			}
			if rules := outside.Run("nft", "list", "ruleset"); strings.TrimSpace(rules) != "" {
				t.Errorf("the host outside has rules:\n%s", rules)
			}
			if status := d.Stop(); status != 0 {
				t.Errorf("%v ended with %d", kind, status)
			}
			cleanMachine(t, kind, inside, links, addrs, sysctls)
		})
	}
}
