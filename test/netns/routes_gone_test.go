// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/test/netns/lab"
)

// removals are what somebody else does to the routes and rules of a router, and
// whether its instance must notice. What is static must come back unless it has
// no_track.
var removals = []struct {
	ip      string
	notices bool
	// returns is what is there again afterwards, as ip shows it; empty for nothing.
	show, returns string
}{
	{"route del 10.21.0.0/16", true, "route", "10.21.0.0/16 via 10.0.0.9 dev eth0"},
	{"route del 10.22.0.0/16", false, "", ""},
	{"route del 10.23.0.0/16 table 100", true, "route show table 100", "10.23.0.0/16 via 10.0.0.9 dev eth0"},
	{"route del blackhole 10.24.0.0/16", false, "", ""},
	{"route del 10.25.0.0/16", false, "", ""},
	{"rule del priority 201", true, "rule", "201:"},
	{"rule del priority 202", false, "", ""},
	{"rule del priority 203", true, "rule", "203:"},
	{"route del 10.60.0.0/16", false, "route", "10.60.0.0/16 via 10.1.0.9 dev eth1"},
	{"rule del priority 300", false, "rule", "300:"},
	{"addr del 10.1.7.7/24 dev eth1", false, "addr show dev eth1", "10.1.7.7/24"},
	// Those of somebody else, and a change that is no removal.
	{"route add 10.21.0.0/16 via 10.0.0.9 dev eth0 metric 99 proto keepalived", false, "", ""},
	{"route del 10.21.0.0/16 via 10.0.0.9 dev eth0 metric 99 proto keepalived", false, "", ""},
	{"rule add from 10.41.0.0/16 table 101 priority 201", false, "", ""},
	{"rule del from 10.41.0.0/16 table 101 priority 201", false, "", ""},
	{"route replace 10.23.0.0/16 via 10.0.0.8 dev eth0 table 100 proto keepalived", false, "", ""},
	// Without their interface they go; with it they are there again.
	{"link set eth1 down", false, "", ""},
	{"link set eth1 up", false, "route", "10.60.0.0/16 via 10.1.0.9 dev eth1"},
}

const removalsConf = `
static_ipaddress {
    10.1.7.7/24 dev eth1
}
static_routes {
    10.60.0.0/16 via 10.1.0.9 dev eth1
}
static_rules {
    from 10.62.0.0/16 table 100 priority 300
}
`

// TestTwinRemovals removes routes and rules under keepalived and under vigild:
// both must make the same transitions, and put the same things back. keepalived
// 2.2.7 on a busy machine now and then takes a removal of its own for another's.
func TestTwinRemovals(t *testing.T) {
	t.Parallel()
	want := []string{lab.Backup, lab.Master}
	for _, x := range removals {
		if x.notices {
			want = append(want, lab.Backup, lab.Master)
		}
	}
	t.Run("vigild", func(t *testing.T) {
		t.Parallel()
		if told := removed(t, lab.Vigild); !slices.Equal(told, want) {
			t.Errorf("it tells\n%s\nwant\n%s", told, want)
		}
	})
	t.Run("keepalived", func(t *testing.T) {
		t.Parallel()
		again(t, "the transitions of keepalived", func(int) (string, bool) {
			told := removed(t, lab.Keepalived)
			return strings.Join(told, " "), slices.Equal(told, want)
		})
	})
}

// removed runs one program and gives the states that it told.
func removed(t *testing.T, kind lab.Kind) []string {
	t.Helper()
	l := lab.New(t)
	r := l.RouterNumber("twin", 7, l.Wire(), l.Wire())
	i := instance{version: 3, interval: 100 * time.Millisecond, priority: 100, extra: []string{
		"virtual_routes {",
		"    10.21.0.0/16 via 10.0.0.9 dev eth0",
		"    10.22.0.0/16 via 10.0.0.9 dev eth0 no_track",
		"    10.23.0.0/16 via 10.0.0.9 dev eth0 metric 7 table 100",
		"    blackhole 10.24.0.0/16",
		"    10.25.0.0/16 nexthop via 10.0.0.9 dev eth0 nexthop via 10.0.0.8 dev eth0",
		"}",
		"virtual_rules {",
		"    from 10.41.0.0/16 table 100 priority 201",
		"    from 10.42.0.0/16 table 100 priority 202 no_track",
		"    blackhole from 10.43.0.0/16 priority 203",
		"}",
	}}
	d := begin(r, kind, removalsConf+i.String())
	d.Wait("VI_1", lab.Master, starting)
	has := func(show, what string) func() bool {
		return func() bool { return strings.Contains(r.Run(append([]string{"ip"}, strings.Fields(show)...)...), what) }
	}
	states := func() (out []string) {
		for _, c := range d.Changes() {
			out = append(out, c.State)
		}
		return out
	}
	whole := func() bool {
		return has("rule", "203:")() && has("route", "10.21.0.0/16")() && states()[len(states())-1] == lab.Master
	}
	lab.Until(t, soon, "everything is there", func() bool { return len(states()) > 0 && whole() })
	for _, x := range removals {
		before := len(states())
		r.IP(x.ip)
		if x.notices {
			lab.Until(t, soon, fmt.Sprintf("%v notices %q, and is master again", kind, x.ip), func() bool {
				return len(states()) >= before+2 && whole()
			})
		}
		if x.returns != "" {
			lab.Until(t, soon, fmt.Sprintf("%v restores what %q took", kind, x.ip), has(x.show, x.returns))
		}
	}
	if kind == lab.Vigild {
		why := d.Ctl("why", "VI_1")
		if !strings.Contains(why, `because somebody removed the rule "from 10.43.0.0/16 preference 203 blackhole"`) {
			t.Errorf("why says\n%s", why)
		}
	}
	told := states()
	if status := d.Stop(); status != 0 {
		t.Errorf("%v ended with %d", kind, status)
	}
	return told
}

// TestDroppedNewsOfRoutes: what the kernel did not tell of routes and rules,
// because nobody took its news in time, is made up for.
func TestDroppedNewsOfRoutes(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	var e *link.Entries
	r.Do(func() (err error) {
		e, err = link.WatchEntries(1)
		return err
	})
	defer e.Close()
	index := ifindex(t, r)
	e.Want([]link.Line{
		{Family: 4, Words: strings.Fields("10.21.0.0/16 dev eth0")},
		{Family: 4, Words: strings.Fields("10.22.0.0/16 dev eth0 table 100 metric 7")},
		{Family: 6, Words: strings.Fields("2001:db8:23::/48 dev eth0")},
		{Family: 4, Words: strings.Fields("from 10.41.0.0/16 table 100 preference 201"), Rule: true},
		{Family: 4, Words: strings.Fields("10.24.0.0/16 dev eth0")},
	}, link.Names{Index: func(string) (int, error) { return index, nil }})
	drained := func(want ...link.EntryChange) {
		t.Helper()
		got, err := e.Drain(nil)
		slices.SortFunc(got, func(a, b link.EntryChange) int { return a.Line - b.Line })
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("the news are %v, %v; want %v", got, err, want)
		}
	}
	r.IP(
		"route add 10.21.0.0/16 dev eth0 proto keepalived", "route add 10.22.0.0/16 dev eth0 table 100 metric 7 proto keepalived",
		"route add 2001:db8:23::/48 dev eth0 proto keepalived", "rule add from 10.41.0.0/16 table 100 priority 201 protocol keepalived",
		"route add 10.24.0.0/16 dev eth0", // of another protocol
	)
	drained(link.EntryChange{Line: 0, Present: true}, link.EntryChange{Line: 1, Present: true},
		link.EntryChange{Line: 2, Present: true}, link.EntryChange{Line: 3, Present: true})
	var flood []string
	for i := range 20000 {
		flood = append(flood, fmt.Sprintf("route add 10.99.%d.%d/32 dev eth0 table 99 proto keepalived", i>>8, i&255))
	}
	r.IP(append(flood,
		"route del 10.21.0.0/16", "rule del priority 201", "route del 2001:db8:23::/48", "route add 2001:db8:23::/48 dev eth0 proto keepalived")...)
	drained(link.EntryChange{Line: 0}, link.EntryChange{Line: 3})
	if e.Resyncs == 0 {
		t.Error("nothing was dropped, so nothing was tested")
	}
	r.IP("route del 10.22.0.0/16 table 100", "route del 10.24.0.0/16")
	drained(link.EntryChange{Line: 1})
}
