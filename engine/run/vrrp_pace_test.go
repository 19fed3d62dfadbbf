// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

func TestGapOf(t *testing.T) {
	s := &vrrp.Settings{
		GarpInterval: time.Second, GnaInterval: 2 * time.Second,
		AnnounceGroups: []vrrp.AnnounceGroup{{Interfaces: []string{"eth1", "eth2"}, Garp: 3 * time.Second}},
	}
	for _, c := range []struct {
		dev  string
		six  bool
		key  string
		want time.Duration
	}{
		{"eth0", false, "eth0", time.Second},
		{"eth0", true, "eth0", 2 * time.Second},
		{"eth1", false, "group eth1", 3 * time.Second},
		{"eth2", false, "group eth1", 3 * time.Second},
		{"eth2", true, "group eth1", 0}, // a group without gna_interval has none
	} {
		if key, gap := gapOf(s, c.dev, c.six); key.name != c.key || gap != c.want {
			t.Errorf("%s %v: %v %v", c.dev, c.six, key, gap)
		}
	}
	if _, gap := gapOf(nil, "eth0", false); gap != 0 {
		t.Error("a gap without settings")
	}
}

// TestPacer has two addresses wait on one lane: one leaves every second, none
// waits twice, and a third of another lane does not wait for them.
func TestPacer(t *testing.T) {
	var p pacer
	a := func(n byte) raw.Announcement {
		return raw.Announcement{IfIndex: 1, Addr: netip.AddrFrom4([4]byte{10, 0, 0, n})}
	}
	lane, other := laneKey{"eth0", false}, laneKey{"eth1", false}
	sent := func(now time.Duration) (out []byte) {
		for _, x := range p.due(event.Instant(now)) {
			out = append(out, x.Addr.As4()[3])
		}
		slices.Sort(out)
		return out
	}
	p.add(lane, time.Second, a(1), 7)
	if got := sent(0); !slices.Equal(got, []byte{1}) {
		t.Fatalf("at once: %v", got)
	}
	for range 2 {
		p.add(lane, time.Second, a(2), 8)
		p.add(lane, time.Second, a(1), 7)
		p.add(other, time.Second, a(3), 9)
	}
	for now, want := range [][]byte{{3}, {1}, {2}, nil} {
		if at, ok := p.deadline(); !ok || at > event.Instant(time.Duration(now)*time.Second) {
			t.Errorf("after %d s: the next turn is at %v, %v", now, at, ok)
		}
		if got := sent(time.Duration(now) * time.Second); !slices.Equal(got, want) {
			t.Errorf("after %d s: %v, not %v", now, got, want)
		}
	}
	if _, ok := p.deadline(); ok {
		t.Error("an empty lane is kept")
	}
	p.add(lane, time.Second, a(1), 7)
	p.forget(7)
	if got := sent(time.Hour); len(got) != 0 {
		t.Errorf("it announces what was given up: %v", got)
	}
}
