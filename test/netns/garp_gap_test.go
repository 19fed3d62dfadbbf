// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestAnnouncementsKeepTheirGap has keepalived and vigild announce three addresses
// on an interface whose announcements must keep a gap, and compares which
// come and how far apart they are.
func TestAnnouncementsKeepTheirGap(t *testing.T) {
	t.Parallel()
	const gap = 100 * time.Millisecond
	for _, global := range []string{"global_defs {\n vrrp_garp_interval 0.1\n}\n", "garp_group {\n garp_interval 0.1\n interfaces {\n eth0\n }\n}\n"} {
		var orders [2][]string
		for _, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
			l := lab.New(t)
			w := l.Wire()
			heard := w.Capture()
			i := instance{version: 3, priority: 255, interval: 200 * time.Millisecond, addrs: 3, extra: []string{"garp_master_delay 2", "garp_master_repeat 2"}}
			d := l.Router("a", w).Start(kind, global+i.String())
			d.Wait("VI_1", lab.Master, starting)
			announced := func(f *lab.Frame) bool { return f.Announced().IsValid() && f.Announced() != d.Router.Addr4(0) }
			lab.Until(t, soon, fmt.Sprintf("%v announces its addresses twice", kind), func() bool { return len(heard.Pick(announced)) >= 8 })
			var last time.Time
			for n, f := range heard.Pick(announced) {
				orders[kind] = append(orders[kind], f.Announced().String())
				// The wire's stamp is up to a wake-up later than the sending.
				if between := f.At.Sub(last); n > 0 && between < gap-20*time.Millisecond {
					t.Errorf("%v: two announcements within %v", kind, between)
				}
				last = f.At
			}
		}
		if !slices.Equal(orders[lab.Keepalived], orders[lab.Vigild]) {
			t.Errorf("keepalived announces %v, vigild %v", orders[lab.Keepalived], orders[lab.Vigild])
		}
	}
}
