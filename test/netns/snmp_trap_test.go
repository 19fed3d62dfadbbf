// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/netns/station"
)

// trapped are the notifications of keepalived's tree that arrived at a
// receiver, without the time and without the variables that are ours alone.
func trapped(a *station.Station) (out []string) {
	for _, text := range a.Traps() {
		var kept []string
		for part := range strings.SplitSeq(text, "\t") {
			name, value, _ := strings.Cut(part, " = ")
			if strings.HasPrefix(name, "."+mib.Keepalived) || strings.HasPrefix(value, "OID: ."+mib.Keepalived) {
				kept = append(kept, strings.ReplaceAll(part, mib.Keepalived, "K"))
			}
		}
		if len(kept) > 0 {
			out = append(out, strings.Join(kept, " "))
		}
	}
	return out
}

// of are the notifications about one subject. Between subjects the order is
// compared only where one leads to the other.
func of(traps []string, name string) (out []string) {
	for _, text := range traps {
		if strings.Contains(text, `STRING: "`+name+`"`) {
			out = append(out, text)
		}
	}
	return out
}

// TestSameTraps has keepalived and vigild go through the same life and compares
// what a receiver of notifications was told.
func TestSameTraps(t *testing.T) {
	t.Parallel()
	const conf = `
global_defs {
    enable_traps
    dynamic_interfaces
}
vrrp_sync_group G {
    group {
        one
        two
    }
}
vrrp_instance one {
    interface eth0
    state MASTER
    virtual_router_id 1
    priority 150
    virtual_ipaddress { 10.0.1.1 }
}
vrrp_instance two {
    interface eth1
    virtual_router_id 2
    virtual_ipaddress { 10.1.1.2 }
}
vrrp_instance owner {
    interface eth0
    state MASTER
    virtual_router_id 3
    priority 255
    virtual_ipaddress { 10.0.1.3 }
}
vrrp_instance down {
    interface eth9
    virtual_router_id 4
    virtual_ipaddress { 10.0.1.4 }
}
`
	subjects := []string{"G", "one", "two", "owner", "down"}
	var agents [2]*station.Station
	var daemons [2]*lab.Daemon
	for _, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
		l := lab.New(t)
		a := station.New(t, l, l.RouterNumber("router", 1, l.Wire(), l.Wire()))
		agents[kind], daemons[kind] = a, a.Start(kind, conf, a.Flags())
	}
	for i, d := range daemons {
		d.Wait("down", lab.Fault, starting)
		d.Wait("owner", lab.Master, starting)
		d.Wait("G", lab.Master, starting)
		agents[i].Cut(1)
	}
	for i, d := range daemons {
		d.Wait("G", lab.Fault, soon)
		agents[i].Mend(1)
	}
	for i, d := range daemons {
		d.Wait("G", lab.Master, starting)
		lab.Until(t, soon, "the notification of the group at the receiver", func() bool {
			return len(of(trapped(agents[i]), "G")) >= 5
		})
		d.Stop()
	}
	var want, got []string
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(soon); time.Now().Before(end); <-tick.C {
		want, got = trapped(agents[lab.Keepalived]), trapped(agents[lab.Vigild])
		if len(want) > 15 && slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))) {
			break
		}
	}
	for _, s := range subjects {
		if w, g := of(want, s), of(got, s); !slices.Equal(w, g) {
			t.Errorf("%s: keepalived\n%s\nvigild\n%s", s, strings.Join(w, "\n"), strings.Join(g, "\n"))
		}
	}
	// Which member of the group moves first depends on the moment; when the
	// members and the group are told does not.
	group := func(all []string) (out []string) {
		for _, text := range all {
			for _, s := range subjects[:3] {
				if len(of([]string{text}, s)) > 0 {
					_, state, _ := strings.Cut(text, "INTEGER: ")
					out = append(out, text[strings.Index(text, "K.2.10"):][:10]+" "+state[:1])
				}
			}
		}
		return out
	}
	if w, g := group(want), group(got); !slices.Equal(w, g) {
		t.Errorf("order in the group: keepalived %q, vigild %q", w, g)
	}
}
