// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Table is all sessions of a worker. Deadline and Tick look at each of them:
// it is meant for some hundreds.
type Table struct {
	now      event.Instant
	entropy  uint64
	epoch    uint64
	seq      uint64
	sessions []*session
	byDiscr  map[uint32]*session
	lastID   int
	stopped  bool
	cause    event.Ref
	out      *Output
	// refused counts packets that belong to no session.
	refused [RefusalCount]uint64
}

// New returns an empty Table. Its events are numbered from 1 under epoch;
// discriminators and jitter are made of seed.
func New(epoch, seed uint64) *Table {
	return &Table{epoch: epoch, entropy: seed, byDiscr: map[uint32]*session{}}
}

// Step gives the Table the time and one thing that happened, and appends to out
// what to send and what to tell.
func (t *Table) Step(now event.Instant, in Input, out *Output) {
	t.now, t.out = now, out
	switch in := in.(type) {
	case Tick:
		t.tick()
	case *Packet:
		t.receive(in)
	case *Configure:
		t.configure(in)
	case Unsent:
		if s := t.session(in.ID); s != nil {
			s.count.Unsent++
		}
	case Stop:
		t.stop()
	}
	t.out = nil
}

// Deadline is when the Table must next be given a Tick; ok is false for never.
func (t *Table) Deadline() (at event.Instant, ok bool) {
	if t.stopped {
		return 0, false
	}
	for _, s := range t.sessions {
		at = earlier(at, s.due())
	}
	return at, at != 0
}

// tick lets time pass for every session.
func (t *Table) tick() {
	if t.stopped {
		return
	}
	for _, s := range t.sessions {
		s.look(t.now)
		if d := s.deadline(); d != 0 && t.now >= d && !s.suspect(t.now) {
			t.silent(s)
		}
		if s.heldUntil != 0 && t.now >= s.heldUntil {
			t.release(s)
		}
		if s.periodic() && t.now >= s.next {
			t.send(s)
		}
	}
}

// silent is the end of the detection time (RFC 5880 section 6.8.4).
func (t *Table) silent(s *session) {
	if s.state == Init || s.state == Up {
		t.become(s, Down, DetectionTimeExpired, event.FailTimeout)
	}
	s.peer = unheard // bfd.RemoteDiscr MUST be set to zero (section 6.8.1)
	s.polling = false
}

// send sends the next periodic packet and sets the time of the one after it.
func (t *Table) send(s *session) {
	c := s.packet()
	if s.answer {
		// A packet cannot both ask and answer (RFC 5880 section 6.8.7).
		c.Poll, c.Final, s.answer = false, true, false
	}
	t.out.Sends = append(t.out.Sends, Send{ID: s.id, Payload: c.Bytes()})
	s.count.Sent++
	s.sent = t.now
	s.next = t.now.Add(t.jitter(s))
}

// reply answers a Poll without a change of the beat.
func (t *Table) reply(s *session) {
	next, sent := s.next, s.sent
	t.send(s)
	s.next, s.sent = next, sent
}

// jitter is the time to the next packet: the agreed interval less up to a
// quarter, so that routers do not fall into step (RFC 5880 section 6.8.7). With
// a multiplier of 1 at least a tenth is taken off.
func (t *Table) jitter(s *session) time.Duration {
	least, most := 75, 100
	if s.set.Multiplier == 1 {
		most = 90
	}
	d := max(s.tx.held, s.peer.minRx)
	spread := d * time.Duration(most-least) / 100
	return d*time.Duration(least)/100 + time.Duration(t.random()%uint64(spread+1))
}

// random is SplitMix64.
func (t *Table) random() uint64 {
	t.entropy += 0x9e3779b97f4a7c15
	x := t.entropy
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// receive judges one packet (RFC 5880 section 6.8.6).
func (t *Table) receive(p *Packet) {
	c, refusal := Parse(p.Payload)
	if refusal != Accepted {
		t.refused[refusal]++
		return
	}
	s, refusal := t.find(p, &c)
	if refusal != Accepted || s.set.MinTTL > 0 && p.TTL < s.set.MinTTL {
		if refusal == Accepted {
			s.count.Refused++
		} else {
			t.refused[refusal]++
		}
		return
	}
	if t.stopped {
		return // AdminDown: packets are discarded
	}
	s.look(t.now)
	s.heard(t, &c)
	t.keep(s)
	if s.answer {
		t.reply(s)
	}
	if s.periodic() && t.now >= s.next {
		t.send(s)
	}
}

// find is the session that a packet belongs to: by discriminator, and only
// before the neighbour knows ours by address (RFC 5880 section 6.3, RFC 5881
// section 3).
func (t *Table) find(p *Packet, c *Control) (*session, Refusal) {
	if c.YourDiscriminator != 0 {
		s := t.byDiscr[c.YourDiscriminator]
		if s == nil || s.set.Multihop != p.Multihop {
			return nil, RefusedDiscriminator
		}
		return s, Accepted
	}
	for _, s := range t.sessions {
		if s.set.Multihop == p.Multihop && same(s.set.Neighbor, p.Source) && (!s.set.Local.IsValid() || same(s.set.Local, p.Dest)) {
			return s, Accepted
		}
	}
	return nil, RefusedNeighbor
}

// same compares a configured address with one of a packet. The zone counts only
// if one is configured.
func same(configured, seen netip.Addr) bool {
	if configured.Zone() == "" {
		seen = seen.WithZone("")
	}
	return configured == seen
}

// become is the single writer of a session's state.
func (t *Table) become(s *session, to State, diag Diag, why event.Reason) {
	e := event.Event{
		Kind: event.TrackChanged, From: s.shown(), Reason: why, Took: max(t.now.Sub(s.since), 0),
		Evidence: s.evidence(t.now), Detail: s.detail(to, diag),
	}
	s.state, s.diag, s.since, s.polling = to, diag, t.now, false
	s.want()
	s.next = t.now // a change is told at once (RFC 5880 section 6.8.7)
	s.kept = Resumed{}
	if s.heldUntil != 0 {
		if to != Up {
			return // what the predecessor said still holds
		}
		s.heldUntil = 0
		e.From, e.Reason = event.Up, event.Resumed
	}
	e.To = s.shown()
	t.emit(s, e)
}

// release ends the patience with a session that does not come up again.
func (t *Table) release(s *session) {
	s.heldUntil = 0
	t.emit(s, event.Event{
		Kind: event.TrackChanged, From: event.Up, To: s.shown(), Reason: event.FailTimeout, Evidence: s.evidence(t.now),
		Detail: "it did not come back after the bfd worker was started again",
	})
}

// detail says what only BFD knows of a change.
func (s *session) detail(to State, diag Diag) string {
	text := ""
	if to == Down {
		text = fmt.Sprintf("diagnostic %d, %s", diag, diag)
	}
	if d := s.peer.diag; d != NoDiagnostic && s.peer.heard != 0 && to == Down {
		text += fmt.Sprintf("; the neighbour says %d, %s", d, d)
	}
	return text
}

// shown is the state as exits show it.
func (s *session) shown() event.State {
	switch s.state {
	case Init:
		return event.Init
	case Up:
		return event.Up
	case AdminDown, Down:
	}
	return event.Down
}

// emit numbers and appends an event of a session.
func (t *Table) emit(s *session, e event.Event) {
	t.seq++
	e.Epoch, e.Seq, e.At, e.Subject = t.epoch, t.seq, t.now, s.set.subject()
	e.Count = int64(s.diag)
	s.last = e
	t.out.Events = append(t.out.Events, e)
}
