// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"fmt"
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
	suspicion suspicion
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

// conflict is evidence of a split brain that goes on. source is the other
// router, or the address that is claimed.
type conflict struct {
	source   netip.Addr
	priority uint8
	why      event.Reason
	ref      event.Ref
	got      string // the hardware address of a claim
}

// conflicting reports another master that should not be there.
func (r *Router) conflicting(in *instance, x *stimulus, why event.Reason) {
	c := &in.conflict
	in.due[dueQuiet] = x.at.Add(in.masterDown())
	if c.source == x.source && c.why == why {
		return
	}
	k := cause{peer: x.source, peerPriority: x.priority, at: x.at}
	e := r.emit(event.Event{
		Kind: event.VRRPConflict, Subject: in.subject, From: event.Down, To: event.Up, Reason: why,
		Priority: in.priority, Evidence: r.evidence(in, &k),
	})
	*c = conflict{source: x.source, priority: x.priority, why: why, ref: e.cause}
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
		Priority: in.priority, Cause: c.ref, Root: c.ref, Evidence: c.evidence(),
	})
}

// evidence is what the end, or a restatement, of a conflict shows.
func (c *conflict) evidence() event.Evidence {
	if c.why == event.ConflictClaim {
		return event.Evidence{ObjectName: c.source.String(), Got: c.got}
	}
	return event.Evidence{Peer: c.source, PeerPriority: c.priority}
}

// crowd looks for two masters beside each other while BACKUP. A new master
// follows an old one, and the old one may have a last word; two that both go on
// are heard in turns.
type crowd struct {
	// now is who was heard last, then the other one before.
	now, then netip.Addr
	nowAt     event.Instant
	thenAt    event.Instant
	thenPrio  uint8
	nowPrio   uint8
	turns     uint8
}

// crowdTurns is how many changes between two sources, none older than the
// master-down interval, make two masters: three adverts of one, two of the other.
const crowdTurns = 4

// crowded looks whether an advert comes from a second master.
func (r *Router) crowded(in *instance, x *stimulus) {
	c := &in.crowd
	switch {
	case x.priority == 0:
		return
	case x.source == c.now:
		c.nowAt, c.nowPrio = x.at, x.priority
		if c.turns > 0 && x.at.Sub(c.thenAt) > in.masterDown() {
			c.turns = 0
		}
		return
	case x.source != c.then || x.at.Sub(c.thenAt) > in.masterDown():
		c.turns = 0
	}
	c.then, c.thenAt, c.thenPrio = c.now, c.nowAt, c.nowPrio
	c.now, c.nowAt, c.nowPrio = x.source, x.at, x.priority
	if !c.then.IsValid() {
		return
	}
	if c.turns++; c.turns < crowdTurns {
		return
	}
	c.turns = crowdTurns
	in.tally.TwoMasters++
	second := stimulus{source: c.then, priority: c.thenPrio, at: x.at}
	if c.nowPrio < c.thenPrio || c.nowPrio == c.thenPrio && c.now.Less(c.then) {
		second.source, second.priority = c.now, c.nowPrio
	}
	r.conflicting(in, &second, event.ConflictMasters)
}

// claim is a stranger's claim of an address of ours that waits to be judged:
// the master that we take over from, or that takes over from us, may have said
// it just before it knew, or just before we did.
type claim struct {
	addr netip.Addr
	mac  [6]byte
}

// claimIdle is how long nothing must be heard for a claim to be over.
const claimIdle = time.Minute

// claimed takes a stranger's claim.
func (r *Router) claimed(x *Claim) {
	in := r.owners[ownerKey{x.IfIndex, x.Addr}].in
	if in == nil || in.state != event.Master || r.stopping || x.MAC == ([6]byte{}) {
		return
	}
	for _, i := range []*iface{r.byIndex[x.IfIndex], in.ifc, in.vmac} {
		if i != nil && i.mac == x.MAC {
			return // our own voice, come back to us
		}
	}
	in.tally.Claims++
	at := min(x.At, r.now)
	if c := &in.conflict; c.source == x.Addr && c.why == event.ConflictClaim {
		in.due[dueQuiet] = at.Add(claimIdle)
		r.arm(in)
		return
	}
	in.claim = claim{x.Addr, x.MAC}
	if in.due[dueClaim] == 0 {
		in.due[dueClaim] = max(r.now, at.Add(in.set.AdvertInterval))
	}
	r.arm(in)
}

// judgeClaim reports a claim, if we are still master an interval after it.
func (r *Router) judgeClaim(in *instance) {
	c := in.claim
	in.due[dueClaim], in.claim = 0, claim{}
	if in.state != event.Master || in.conflict.source.IsValid() {
		return // adverts say it better
	}
	in.due[dueQuiet] = r.now.Add(claimIdle)
	in.conflict = conflict{source: c.addr, why: event.ConflictClaim, got: macText(c.mac)}
	e := event.Event{
		Kind: event.VRRPConflict, Subject: in.subject, From: event.Down, To: event.Up, Reason: event.ConflictClaim,
		Priority: in.priority, Evidence: r.evidence(in, &cause{}),
	}
	e.Subject.Sub = c.addr.String()
	about := in.conflict.evidence()
	e.Evidence.ObjectName, e.Evidence.Got = about.ObjectName, about.Got
	in.conflict.ref = r.emit(e).cause
}

// macText is a hardware address as people write it.
func macText(m [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// rival is another router that claims to own our addresses, as we do, and that
// has to give way to us.
type rival struct {
	source netip.Addr
	// adverts counts our own since it was heard first, up to rivalAdverts; from
	// and until are when one more of its adverts is one too many: what comes
	// before was sent before it can have heard the last of ours.
	adverts     uint8
	from, until event.Instant
}

// rivalAdverts is how many of our adverts a rival must have had time to hear.
const rivalAdverts = 2

// sent counts an advert of ours.
func (v *rival) sent(now event.Instant, interval time.Duration) {
	if !v.source.IsValid() || v.adverts == rivalAdverts {
		return
	}
	if v.adverts++; v.adverts == rivalAdverts {
		v.from, v.until = now.Add(interval/5), now.Add(interval*6/5)
	}
}

// outlasted makes an owner step down to 254 whose rival goes on after two of
// our adverts and 1.2 intervals more, instead of two masters for ever.
// compat: keepalived; no RFC says what two owners do.
func (r *Router) outlasted(in *instance, x *stimulus) because {
	v := &in.rival
	switch {
	case in.priority != 255 || x.priority != 255 || x.source == in.source:
		return because{}
	case v.source != x.source || v.until != 0 && x.at > v.until:
		*v = rival{source: x.source}
		return because{}
	case v.until == 0 || x.at < v.from:
		return because{}
	}
	in.demoted = true
	return r.weighed(in, event.ConflictOwner, because{}, &cause{peer: x.source, peerPriority: x.priority, at: x.at})
}

// reinstate gives an owner that had stepped down its priority back.
func (r *Router) reinstate(in *instance) {
	if in.demoted {
		in.demoted = false
		r.weighed(in, event.ConflictOwner, because{in.last.Root, in.last.Root}, &cause{})
	}
}
