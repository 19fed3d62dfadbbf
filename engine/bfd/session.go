// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// interval is a timer value that is negotiated (RFC 5880 section 6.8.3): what
// our packets say, and what holds until a Poll Sequence has ended.
type interval struct{ said, held time.Duration }

// neighbor is what a neighbour has told, or what is assumed before it has.
type neighbor struct {
	discr  uint32
	state  State
	diag   Diag
	mult   uint8
	demand bool
	// minTx is bfd.RemoteMinTxInterval, minRx bfd.RemoteMinRxInterval.
	minTx, minRx time.Duration
	// heard is when the last valid packet came, zero if none.
	heard event.Instant
}

// unheard is a neighbour of which nothing is known (RFC 5880 section 6.8.1).
var unheard = neighbor{state: Down, minRx: time.Microsecond}

// session is one BFD session. Variables have the names of RFC 5880 section
// 6.8.1 where it has any.
type session struct {
	id    int
	set   Settings
	discr uint32
	state State
	diag  Diag
	since event.Instant
	tx    interval // bfd.DesiredMinTxInterval
	rx    interval // bfd.RequiredMinRxInterval
	peer  neighbor
	// polling is a Poll Sequence of ours that was not answered yet.
	polling bool
	// answer asks for a packet with Final at once.
	answer bool
	// next is when the next periodic packet is due, sent when the last one was.
	next, sent event.Instant
	// late is when we last looked too late at what was due.
	late event.Instant
	// doubt is a later deadline that was granted because we had been late
	// ourselves; doubted is the packet that it counts from.
	doubt, doubted event.Instant
	// heldUntil ends the time in which a session that a predecessor had up may
	// be down without a word.
	heldUntil event.Instant
	last      event.Event
	count     Counters
	// kept is what a successor was left last, and when.
	kept   Resumed
	keptAt event.Instant
}

// Counters are what a session has counted since it was made.
type Counters struct {
	Sent, Unsent, Received uint64
	// Refused counts packets that came from too far away.
	Refused uint64
}

// detection is how long the neighbour may be silent (RFC 5880 section 6.8.4).
func (s *session) detection() time.Duration {
	return time.Duration(s.peer.mult) * s.expected()
}

// expected is the interval agreed on for the neighbour's packets.
func (s *session) expected() time.Duration { return max(s.rx.held, s.peer.minTx) }

// deadline is when the neighbour has been silent too long; 0 for never.
func (s *session) deadline() event.Instant {
	if s.peer.heard == 0 {
		return 0
	}
	at := s.peer.heard.Add(s.detection())
	if s.doubted == s.peer.heard {
		at = max(at, s.doubt)
	}
	return at
}

// suspectLeast is the least lateness of our own that counts: less a scheduler
// may take without being to blame.
const suspectLeast = 5 * time.Millisecond

// look notes whether we come too late to what was due: by a tenth of the
// interval that the neighbour's packets come at, and by suspectLeast. It is
// called before anything is done about what is due.
func (s *session) look(now event.Instant) {
	if due := s.due(); due != 0 && now.Sub(due) >= max(s.expected()/10, suspectLeast) {
		s.late = now
	}
}

// suspect says that we were so late within the detection time that the machine
// may have stood still, and the neighbour's packets with it. The neighbour is
// then given the time of one more packet, once. (RFC 5880 does not know of it;
// the detection time is a bound for the neighbour's silence, not for ours.)
func (s *session) suspect(now event.Instant) bool {
	if s.doubted == s.peer.heard || s.late == 0 || now.Sub(s.late) > s.detection() {
		return false
	}
	s.doubted, s.doubt = s.peer.heard, now.Add(s.expected())
	return true
}

// periodic says whether packets are sent at an interval now (RFC 5880 section 6.8.7).
func (s *session) periodic() bool {
	switch {
	case s.set.Passive && s.peer.discr == 0:
		return false
	case s.peer.minRx == 0:
		return false
	case s.peer.demand && s.state == Up && s.peer.state == Up && !s.polling:
		return false
	}
	return true
}

// due is when the session must next be looked at; 0 for never.
func (s *session) due() event.Instant {
	at := earlier(s.deadline(), s.heldUntil)
	if s.periodic() {
		at = earlier(at, s.next)
	}
	return at
}

// earlier is the earlier of two instants, of which 0 is never.
func earlier(a, b event.Instant) event.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// want sets our timers to what the state and the settings ask for.
func (s *session) want() {
	tx := s.set.IdleTx
	if s.state == Up {
		tx = s.set.MinTx
	}
	if s.tx.said != tx || s.rx.said != s.set.MinRx {
		s.tx.said, s.rx.said = tx, s.set.MinRx
		// Only in a session that is up is there somebody to answer a Poll; in
		// others every packet tells the new values in time.
		s.polling = s.state == Up
	}
	// What makes life harder for the neighbour waits until it has been told
	// (RFC 5880 section 6.8.3): longer intervals of our packets, shorter ones of its.
	if !s.polling || s.tx.said < s.tx.held {
		s.tx.held = s.tx.said
	}
	if !s.polling || s.rx.said > s.rx.held {
		s.rx.held = s.rx.said
	}
}

// heard takes a packet that belongs to the session: the second half of
// RFC 5880 section 6.8.6.
func (s *session) heard(t *Table, c *Control) {
	s.count.Received++
	was := s.peer
	s.peer = neighbor{
		discr: c.MyDiscriminator, state: c.State, diag: c.Diag, mult: c.Multiplier, demand: c.Demand,
		minTx: c.DesiredMinTx, minRx: c.RequiredMinRx, heard: max(t.now, was.heard),
	}
	if was.discr == 0 && s.set.Passive || was.minRx == 0 {
		s.next = t.now // from now on we may speak
	}
	if c.Final && s.polling {
		s.polling = false
		s.want()
	}
	if s.heldUntil != 0 && s.state == Up && c.State == Up {
		t.resumed(s)
	}
	switch to, diag, why := s.judge(c.State); {
	case to != s.state:
		t.become(s, to, diag, why)
	case was.minRx > c.RequiredMinRx && s.periodic():
		// A neighbour that wants to hear more often does so from now on (RFC 5880
		// section 6.8.7 counts from the last packet).
		s.next = min(s.next, max(t.now, s.sent.Add(t.jitter(s))))
	}
	s.answer = s.answer || c.Poll
}

// judge is the state machine of RFC 5880 section 6.8.6.
func (s *session) judge(theirs State) (to State, diag Diag, why event.Reason) {
	if theirs == AdminDown {
		if s.state == Down {
			return Down, s.diag, event.ReasonNone
		}
		return Down, NeighborSignaledDown, event.NeighborAdminDown
	}
	switch s.state {
	case Down:
		if theirs == Down {
			return Init, NoDiagnostic, event.NeighborUp
		}
		if theirs == Init {
			return Up, NoDiagnostic, event.NeighborUp
		}
	case Init:
		if theirs >= Init {
			return Up, NoDiagnostic, event.NeighborUp
		}
	case Up:
		if theirs == Down {
			return Down, NeighborSignaledDown, event.NeighborDown
		}
	case AdminDown:
	}
	return s.state, s.diag, event.ReasonNone
}

// packet is what the session has to say now.
func (s *session) packet() Control {
	return Control{
		Diag: s.diag, State: s.state, Poll: s.polling, Multiplier: s.set.Multiplier,
		MyDiscriminator: s.discr, YourDiscriminator: s.peer.discr,
		DesiredMinTx: s.tx.said, RequiredMinRx: s.rx.said,
	}
}

// evidence is what was known when the session changed.
func (s *session) evidence(now event.Instant) event.Evidence {
	ev := event.Evidence{Peer: s.set.Neighbor}
	if s.peer.heard == 0 {
		return ev
	}
	ev.N, ev.Heard[0] = 1, event.Heard{At: s.peer.heard, Source: s.set.Neighbor, Interval: s.peer.minTx}
	ev.Interval, ev.Detection = s.expected(), s.detection()
	ev.Deadline = s.peer.heard.Add(ev.Detection)
	if now > ev.Deadline {
		ev.Lateness = now.Sub(ev.Deadline)
	}
	return ev
}
