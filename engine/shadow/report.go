// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package shadow

import (
	"net/netip"
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// Tallies appends the counters of every instance to dst, as of now.
func (m *Machine) Tallies(now event.Instant, dst []event.Tally) []event.Tally {
	for _, in := range m.instances {
		t := in.tally
		t.Subject, t.At = in.subject, now
		if i := slices.Index(event.VRRPStates(), in.state); i >= 0 && now > in.since {
			t.InState[i] += now.Sub(in.since)
		}
		peer, other := in.master()
		t.MasterInterval, t.MasterDown, t.Margin = in.interval, in.silence(), in.margin
		t.LastAdvert, t.MasterPriority = other.at, other.priority
		if in.state == event.Master {
			t.Priority, t.MasterPriority, peer = in.own.priority, in.own.priority, in.source
			t.LastAdvert = in.own.at
		}
		if other.at != 0 && t.Priority != 0 {
			t.Lead = int16(t.Priority) - int16(other.priority)
		}
		if peer != (netip.Addr{}) {
			t.Master = peer.String()
		}
		t.SplitBrain = in.rival.IsValid()
		dst = append(dst, t)
	}
	return dst
}

// RouterTally returns the counters of the whole, as of now.
func (m *Machine) RouterTally(now event.Instant) event.RouterTally {
	t := m.tally
	t.At = now
	return t
}

// Snapshot says the present state of everything as events marked so.
func (m *Machine) Snapshot(now event.Instant) []event.Event {
	m.begin(now)
	again := func(e event.Event) {
		e.Snapshot = true
		m.emit(e)
	}
	for _, in := range m.instances {
		if i := m.links[in.set.Interface]; i != nil {
			again(event.Event{
				Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: i.name}, To: i.state(), Count: int64(i.index),
			})
		}
		e := in.last
		if e.Kind == event.KindNone {
			e = event.Event{Kind: event.VRRPState, At: in.since}
		}
		e.Root = e.Story()
		e.Subject, e.To, e.Priority = in.subject, in.state, in.priorityIn(in.state)
		again(e)
		for a := range in.holds {
			e := event.Event{Kind: event.AddressAdded, Subject: in.subject, Count: 1}
			e.Subject.Sub = a.String()
			again(e)
		}
		if in.rival.IsValid() {
			again(event.Event{
				Kind: event.VRRPConflict, Subject: in.subject, From: event.Down, To: event.Up, Reason: in.why, Root: in.quarrel,
				Evidence: event.Evidence{Peer: in.rival},
			})
		}
	}
	for _, g := range m.groups {
		e := g.last
		e.Kind, e.Subject, e.To = event.GroupState, g.subject, g.state
		again(e)
	}
	return m.out
}
