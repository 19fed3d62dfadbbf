// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// election is what a BACKUP remembers between adverts.
type election struct {
	// zero says that the timer is the short one after an advert of priority 0,
	// from zeroBy.
	zero   bool
	zeroBy netip.Addr
	// lower is the last advert that was ignored because its priority is below
	// ours; its At is 0 if there was none since the timer was set.
	lower event.Heard
	// preemptAt is the end of preempt_delay, 0 while its clock stands.
	preemptAt event.Instant
	// first says that the timer is the short one of a start with state MASTER.
	first bool
}

// skew is Skew_Time, with which routers of higher priority are quicker.
// compat: it is computed in microseconds, where RFC 9568 section 6.1 counts
// centiseconds (at 10 ms intervals its skew would be zero for everybody).
func skew(version, priority uint8, interval time.Duration) time.Duration {
	if version == 2 {
		interval = time.Second // RFC 3768 section 6.1: (256 - Priority) / 256 seconds.
	}
	return (time.Duration(256-int(priority)) * interval / 256).Truncate(time.Microsecond)
}

// skew is that of the instance at its effective priority.
func (in *instance) skew() time.Duration { return skew(in.set.Version, in.priority, in.interval) }

// masterDown is Active_Down_Interval (RFC 9568 section 6.1). compat: the
// number of intervals can be set (down_timer_adverts).
func (in *instance) masterDown() time.Duration {
	return time.Duration(in.set.DownTimerAdverts)*in.interval + in.skew()
}

// firstWait is how long an instance with state MASTER listens before it takes
// over. compat: RFC 9568 section 6.4.1 only knows the owner, who does not wait,
// and everybody else, who waits for the whole interval.
func (in *instance) firstWait() time.Duration {
	return in.interval + skew(in.set.Version, 255, in.interval)
}

// yields says whether a BACKUP takes an advert of this priority, received at
// the time at, for that of its master (RFC 9568 section 6.4.2), and runs
// the clock of preempt_delay.
func (in *instance) yields(priority uint8, at event.Instant) bool {
	if priority >= in.priority {
		in.election.preemptAt = 0
		return true
	}
	if in.set.NoPreempt {
		return true
	}
	// compat: preempt_delay: the first advert of lower priority starts a clock,
	// and until that has run out the lower one is obeyed.
	if d := in.set.PreemptDelay; d > 0 {
		if in.election.preemptAt == 0 {
			in.election.preemptAt = at.Add(d)
		}
		return at < in.election.preemptAt
	}
	return false
}

// beats says whether a master must give way to an advert: RFC 9568 section
// 6.4.3: a greater priority, or an equal one and a greater primary address.
func (in *instance) beats(priority uint8, source netip.Addr) (why event.Reason, ok bool) {
	switch {
	case priority > in.priority:
		return event.HigherPriority, true
	case priority == in.priority && source.Compare(in.source) > 0:
		return event.HigherAddress, true
	}
	return event.ReasonNone, false
}

// precedence says how another master's priority compares with ours.
func (in *instance) precedence(priority uint8) event.Reason {
	switch {
	case priority < in.priority:
		return event.ConflictLower
	case priority == in.priority:
		return event.ConflictEqual
	}
	return event.ConflictHigher
}

// conflict is another master that is heard while master.
type conflict struct {
	source   netip.Addr
	priority uint8
	why      event.Reason
	ref      event.Ref
}

// conflicting reports another master that has to give way to us.
func (r *Router) conflicting(in *instance, x *stimulus) {
	c := &in.conflict
	why := in.precedence(x.priority)
	in.due[dueQuiet] = x.at.Add(in.masterDown())
	if c.source == x.source && c.why == why {
		return
	}
	k := cause{peer: x.source, peerPriority: x.priority, at: x.at}
	e := r.emit(event.Event{
		Kind: event.VRRPConflict, Subject: in.subject, From: event.Down, To: event.Up, Reason: why,
		Priority: in.priority, Evidence: r.evidence(in, &k),
	})
	*c = conflict{x.source, x.priority, why, e.cause}
}

// endConflict reports that the other master is not heard any more, or that we
// are not one.
func (r *Router) endConflict(in *instance) {
	c := in.conflict
	in.due[dueQuiet] = 0
	if !c.source.IsValid() {
		return
	}
	in.conflict = conflict{}
	r.emit(event.Event{
		Kind: event.VRRPConflict, Subject: in.subject, From: event.Up, To: event.Down, Reason: c.why,
		Priority: in.priority, Cause: c.ref, Root: c.ref, Evidence: event.Evidence{Peer: c.source, PeerPriority: c.priority},
	})
}
