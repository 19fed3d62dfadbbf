// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"github.com/vigild/vigild/engine/event"
)

// View is one session as it is now.
type View struct {
	ID       int
	Settings *Settings
	State    State
	Diag     Diag
	// Discriminator is ours, Neighbor's is its own, 0 if it is unknown.
	Discriminator, NeighborDiscriminator uint32
	// Polling says that a Poll Sequence goes on.
	Polling bool
	Counters
}

// Sessions returns every session in the order of the configuration. What it
// points to is not to be changed and valid until the next Step.
func (t *Table) Sessions() []View {
	out := make([]View, 0, len(t.sessions))
	for _, s := range t.sessions {
		out = append(out, View{
			ID: s.id, Settings: &s.set, State: s.state, Diag: s.diag,
			Discriminator: s.discr, NeighborDiscriminator: s.peer.discr, Polling: s.polling, Counters: s.count,
		})
	}
	return out
}

// Refused counts packets that belong to no session, by refusal.
func (t *Table) Refused() [RefusalCount]uint64 { return t.refused }

// Tallies appends the counters of every session, and of the Table, as of now.
func (t *Table) Tallies(now event.Instant, dst []event.BFDTally) []event.BFDTally {
	for _, s := range t.sessions {
		dst = append(dst, s.tally(now))
	}
	y := event.BFDTally{Subject: event.Subject{Kind: event.SubjectWorker, Name: event.RoleBFD.String()}, At: now}
	copy(y.Strays[:], t.refused[RefusedLength:])
	return append(dst, y)
}

// tally is the counters of a session.
func (s *session) tally(now event.Instant) event.BFDTally {
	return event.BFDTally{
		Subject: s.set.subject(), At: now, Sent: s.count.Sent, SendErrors: s.count.Unsent, Received: s.count.Received,
		Refused: s.count.Refused, Detection: s.detection(), TxInterval: max(s.tx.held, s.peer.minRx), LastPacket: s.peer.heard,
		Local: s.discr, Remote: s.peer.discr, RemoteMultiplier: s.peer.mult, RemoteMinTx: s.peer.minTx, RemoteMinRx: s.peer.minRx,
	}
}

// Snapshot appends the present state of every session as events marked so.
func (t *Table) Snapshot(now event.Instant, out *Output) {
	for _, s := range t.sessions {
		e := s.last
		t.seq++
		e.Epoch, e.Seq, e.Snapshot = t.epoch, t.seq, true
		if s.last.Seq != 0 {
			e.Root = s.last.Ref()
		}
		out.Events = append(out.Events, e)
	}
	t.now = max(t.now, now)
}

// Settings returns the settings of a session, nil if there is none (any more).
// They are not to be changed and valid until the next Step.
func (t *Table) Settings(id int) *Settings {
	if s := t.session(id); s != nil {
		return &s.set
	}
	return nil
}

func (t *Table) session(id int) *session {
	for _, s := range t.sessions {
		if s.id == id {
			return s
		}
	}
	return nil
}
