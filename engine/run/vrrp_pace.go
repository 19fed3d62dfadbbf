// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// pacer keeps announcements apart where vrrp_garp_interval, vrrp_gna_interval or a
// garp_group asks for it. It is stepped with the time and sends nothing itself.
type pacer struct {
	lanes map[laneKey]*lane
}

// laneKey names what shares a gap: an interface or a group, and ARP or neighbour
// advertisements.
type laneKey struct {
	name string
	six  bool
}

type lane struct {
	gap  time.Duration
	next event.Instant
	// queue is in the order in which the addresses were first announced.
	queue []paced
	order map[netip.Addr]int
}

// paced is an announcement that waits.
type paced struct {
	raw.Announcement
	owner, place int
}

// gapOf says which gap announcements on an interface must keep, 0 for none. The
// first group that has the interface counts (compat).
func gapOf(s *vrrp.Settings, dev string, six bool) (key laneKey, gap time.Duration) {
	if s == nil {
		return key, 0
	}
	for i := range s.AnnounceGroups {
		g := &s.AnnounceGroups[i]
		if !slices.Contains(g.Interfaces, dev) {
			continue
		}
		if gap = g.Garp; six {
			gap = g.Gna
		}
		return laneKey{"group " + g.Interfaces[0], six}, gap
	}
	if gap = s.GarpInterval; six {
		gap = s.GnaInterval
	}
	return laneKey{dev, six}, gap
}

// add queues an announcement. compat: one that waits already is not queued again,
// so of several rounds at once only the first has all addresses.
func (p *pacer) add(key laneKey, gap time.Duration, a raw.Announcement, owner int) (queued bool) {
	if p.lanes == nil {
		p.lanes = map[laneKey]*lane{}
	}
	l := p.lanes[key]
	if l == nil {
		l = &lane{order: map[netip.Addr]int{}}
		p.lanes[key] = l
	}
	l.gap = gap
	place, known := l.order[a.Addr]
	if !known {
		place = len(l.order)
		l.order[a.Addr] = place
	}
	at, waits := slices.BinarySearchFunc(l.queue, place, func(w paced, place int) int { return w.place - place })
	if waits {
		l.queue[at].Announcement, l.queue[at].owner = a, owner
		return false
	}
	l.queue = slices.Insert(l.queue, at, paced{a, owner, place})
	return true
}

// due returns what may be sent now, of each lane one: compat: of those that wait,
// the one whose address was announced first of all.
func (p *pacer) due(now event.Instant) (out []paced) {
	for key, l := range p.lanes {
		switch {
		case now < l.next:
		case len(l.queue) == 0:
			delete(p.lanes, key)
		default:
			out = append(out, l.queue[0])
			l.queue = slices.Delete(l.queue, 0, 1)
			l.next = now.Add(l.gap)
		}
	}
	return out
}

// deadline is when the next lane moves; ok is false if nothing is kept.
func (p *pacer) deadline() (at event.Instant, ok bool) {
	for _, l := range p.lanes {
		if !ok || l.next < at {
			at, ok = l.next, true
		}
	}
	return at, ok
}

// forget drops what waits for an instance, which gives its addresses up.
func (p *pacer) forget(owner int) {
	for _, l := range p.lanes {
		l.queue = slices.DeleteFunc(l.queue, func(w paced) bool { return w.owner == owner })
	}
}

// flush sends what is due of what waits, and sees to the rest in time.
func (h *hands) flush() {
	if len(h.pacer.lanes) == 0 {
		return
	}
	now := h.clock.Now()
	for _, w := range h.pacer.due(now) {
		if _, _, err := h.kernel.Announce([]raw.Announcement{w.Announcement}); err != nil {
			failed := vrrp.Done{ID: w.owner, Kind: vrrp.Announce, Why: event.AnnounceRepeat, Failed: 1, Start: now, End: h.clock.Now(), Detail: err.Error()}
			if err := h.news.settle(&failed); err != nil {
				h.news.broken(err)
			}
		}
	}
	if at, ok := h.pacer.deadline(); ok {
		h.waker.Reset(max(at.Sub(now), 0))
	}
}
