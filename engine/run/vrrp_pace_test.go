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
		{"eth0", false, "eth0", time.Second}, {"eth0", true, "eth0", 2 * time.Second},
		{"eth1", false, "group eth1", 3 * time.Second}, {"eth2", false, "group eth1", 3 * time.Second},
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

// TestPacer queues two addresses three times each on one lane: one leaves every
// second, in turns, and a third of another lane does not wait for them.
func TestPacer(t *testing.T) {
	var p pacer
	a := func(n byte) raw.Announcement {
		return raw.Announcement{IfIndex: 1, Addr: netip.AddrFrom4([4]byte{10, 0, 0, n})}
	}
	lane, other := laneKey{"eth0", false}, laneKey{"eth1", false}
	for range 5 { // more rounds than are asked for
		p.add(lane, time.Second, a(1), 7, 3)
		p.add(lane, time.Second, a(2), 8, 3)
	}
	p.add(other, time.Second, a(3), 9, 1)
	var order []byte
	sent := map[byte][]time.Duration{}
	for now := event.Instant(0); ; {
		for _, x := range p.due(now) {
			n := x.Addr.As4()[3]
			order = append(order, n)
			sent[n] = append(sent[n], time.Duration(now))
		}
		at, ok := p.deadline()
		if !ok {
			break
		}
		if at <= now && len(p.due(now)) == 0 {
			if at, ok = p.deadline(); !ok {
				break
			}
		}
		if now = at; now > event.Instant(time.Minute) {
			t.Fatal("it does not end")
		}
	}
	if !slices.Equal(sent[1], []time.Duration{0, 2 * time.Second, 4 * time.Second}) ||
		!slices.Equal(sent[2], []time.Duration{time.Second, 3 * time.Second, 5 * time.Second}) || !slices.Equal(sent[3], []time.Duration{0}) {
		t.Errorf("sent at %v", sent)
	}
	p.add(lane, time.Second, a(1), 7, 1)
	p.forget(7)
	if got := p.due(event.Instant(time.Hour)); len(got) != 0 {
		t.Errorf("it announces what was given up: %v", got)
	}
}
