// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// patience is how many idle intervals a session that a predecessor had up has
// to come up again: the handshake takes three packets, the neighbour's at its
// own idle interval, which is a second at least.
const patience = 4

// configure goes over to other sessions.
func (t *Table) configure(c *Configure) {
	old := t.sessions
	t.sessions, t.cause = make([]*session, 0, len(c.Sessions)), c.Cause
	for i := range c.Sessions {
		set := &c.Sessions[i]
		k := slices.IndexFunc(old, func(s *session) bool { return s.set.stays(set) })
		if k < 0 {
			t.sessions = append(t.sessions, t.make(set))
			continue
		}
		s := old[k]
		old = slices.Delete(slices.Clone(old), k, k+1)
		t.sessions = append(t.sessions, s)
		if s.set != *set {
			s.set, s.next = *set, t.now
			s.want()
		}
	}
	for _, s := range old {
		t.remove(s, c.Sessions)
	}
	for _, s := range t.sessions {
		if s.last.Kind == event.KindNone {
			t.begin(s, c)
		}
		if s.periodic() && t.now >= s.next {
			t.send(s)
		}
	}
}

// stays says that a session of other settings is the same one: to the
// neighbour it is.
func (s *Settings) stays(o *Settings) bool {
	return s.Name == o.Name && s.Neighbor == o.Neighbor && s.Local == o.Local && s.Multihop == o.Multihop
}

// make makes a session that has not begun.
func (t *Table) make(set *Settings) *session {
	t.lastID++
	s := &session{id: t.lastID, set: *set, state: Down, peer: unheard, since: t.now}
	for s.discr == 0 || t.byDiscr[s.discr] != nil {
		s.discr = uint32(t.random())
	}
	t.byDiscr[s.discr] = s
	s.want()
	// The first packet comes at a random time, so that the sessions of a start
	// do not go in step.
	s.next = t.now.Add(time.Duration(t.random() % uint64(max(set.IdleTx/10, 1))))
	return s
}

// begin reports a new session.
func (t *Table) begin(s *session, c *Configure) {
	if k := slices.IndexFunc(c.Up, func(r Resumed) bool { return r.Name == s.set.Name }); k >= 0 {
		s.heldUntil = t.now.Add(patience * s.set.IdleTx)
		s.last = event.Event{Kind: event.TrackChanged, At: t.now, Subject: s.set.subject(), To: event.Up, Reason: event.Resumed}
		t.resume(s, &c.Up[k])
		return
	}
	t.emit(s, event.Event{Kind: event.TrackChanged, To: s.shown(), Reason: event.Startup, Cause: c.Cause})
}

// remove ends a session that the configuration no longer has, or has with
// another neighbour.
func (t *Table) remove(s *session, now []Settings) {
	e := event.Event{Kind: event.TrackChanged, From: s.shown(), To: event.Deleted, Reason: event.Reload, Cause: t.cause}
	t.adminDown(s)
	delete(t.byDiscr, s.discr)
	if slices.ContainsFunc(now, func(n Settings) bool { return n.Name == s.set.Name }) {
		return // one of the same name begins and says so
	}
	t.emit(s, e)
}

// stop takes everything down and says so to every neighbour.
func (t *Table) stop() {
	for _, s := range t.sessions {
		if s.state == AdminDown {
			continue
		}
		from := s.shown()
		t.adminDown(s)
		if from != event.Down {
			t.emit(s, event.Event{Kind: event.TrackChanged, From: from, To: event.Down, Reason: event.Shutdown})
		}
	}
	t.stopped = true
}

// adminDown is RFC 5880 section 6.8.16. One packet tells the neighbour; if it is
// lost, the silence after it tells the same.
func (t *Table) adminDown(s *session) {
	s.state, s.diag, s.polling = AdminDown, AdministrativelyDown, false
	s.want()
	if s.periodic() {
		t.send(s)
	}
}
