// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// mixes are routers of which the first has a VMAC on the wire and the second
// has not, and where both come to rest.
//
// compat: a router with vmac_xmit_base listens on the interface below, and the
// kernel gives a frame that comes from the virtual MAC address to the VMAC
// alone; so it cannot hear one that uses the VMAC on the wire. Both programs
// end with two masters there if the lower priority is the deaf one.
var mixes = map[string]struct {
	first, second           []string
	priority                int // of the first; the second has 100
	stateFirst, stateSecond string
}{
	"VMAC over base":  {[]string{"use_vmac"}, []string{"use_vmac", "vmac_xmit_base"}, 200, lab.Master, lab.Master},
	"VMAC under base": {[]string{"use_vmac"}, []string{"use_vmac", "vmac_xmit_base"}, 50, lab.Backup, lab.Master},
	"VMAC over none":  {[]string{"use_vmac"}, nil, 200, lab.Master, lab.Backup},
	"base over none":  {[]string{"use_vmac", "vmac_xmit_base"}, nil, 200, lab.Master, lab.Backup},
}

// TestVMACMixed lets routers speak to each other of which one has a virtual MAC
// address on the wire and the other has not. What keepalived does with itself is
// what every pair with one of ours must do.
func TestVMACMixed(t *testing.T) {
	t.Parallel()
	for name, c := range mixes {
		kinds := []pair{{lab.Keepalived, lab.Vigild}, {lab.Vigild, lab.Keepalived}}
		if c.stateFirst == c.stateSecond {
			kinds = append(kinds, pair{lab.Keepalived, lab.Keepalived})
		}
		for _, p := range kinds {
			t.Run(fmt.Sprintf("%s/%v", name, p), func(t *testing.T) {
				t.Parallel()
				l := lab.New(t)
				w := l.Wire()
				a, b := l.Router("a", w), l.Router("b", w)
				heard := w.Capture()
				first := begin(a, p.master, (&vmacCase{use: c.first}).conf(c.priority))
				first.Wait("VI_1", lab.Master, starting)
				second := begin(b, p.backup, (&vmacCase{use: c.second}).conf(100))
				second.Wait("VI_1", c.stateSecond, starting)
				first.Wait("VI_1", c.stateFirst, soon)
				// Where both are master, the one that hears says so.
				if c.stateFirst == lab.Master && c.stateSecond == lab.Master && p.master == lab.Vigild {
					lab.Until(t, soon, "the conflict is told", func() bool {
						m, err := first.Metrics()
						if err != nil {
							return false
						}
						n, _ := m.Sum("vigil_vrrp_conflicting_adverts_received_total", `precedence="lower"`)
						return n > 0
					})
				}
				// A master-down interval later they still are.
				from := heard.Len()
				for range 5 {
					from = heard.Advert(from, soon, "the next advert", func(*lab.Advert) bool { return true }).Index + 1
				}
				if is := second.State("VI_1"); is != c.stateSecond {
					t.Errorf("the second is %s, want %s", is, c.stateSecond)
				}
				if is := first.State("VI_1"); is != c.stateFirst {
					t.Errorf("the first is %s, want %s", is, c.stateFirst)
				}
			})
		}
	}
}
