// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// stimulusKind is what can happen to one instance: a closed set.
type stimulusKind uint8

const (
	// onStart: the instance is ready to begin (RFC 9568's Startup event).
	onStart stimulusKind = iota
	// onTimer: dueProtocol has come.
	onTimer
	// onAdvert: a good advert was received.
	onAdvert
	// onFault: something that the instance needs is missing.
	onFault
	// onClear: nothing is missing any more.
	onClear
	// onGroup: a member of the sync group moved; the others follow to x.to.
	onGroup
	// onGone: somebody else removed an address of ours.
	onGone
)

// stimulus is one of them with what belongs to it.
type stimulus struct {
	kind stimulusKind
	// at is the kernel's receive time of an advert, else now.
	at event.Instant
	// due is the deadline of onTimer.
	due event.Instant
	// source, priority and interval are the advert's.
	source   netip.Addr
	priority uint8
	interval time.Duration
	// why and by explain onStart, onFault, onClear, onGroup and onGone.
	why event.Reason
	by  because
	// fault is what is missing, or was.
	fault fault
	// to is where the group goes, leader who moved first.
	to     event.State
	leader string
}

// step gives an instance one stimulus in its present state.
func (r *Router) step(in *instance, x stimulus) {
	switch in.state {
	case event.Init:
		r.inInit(in, &x)
	case event.Backup:
		r.inBackup(in, &x)
	case event.Master:
		r.inMaster(in, &x)
	case event.Fault:
		r.inFault(in, &x)
	case event.Stop, event.Deleted:
	case event.StateNone, event.Up, event.Down, event.Unknown, event.Disabled:
	}
	r.arm(in)
}

// inInit is RFC 9568 section 6.4.1: not started.
func (r *Router) inInit(in *instance, x *stimulus) {
	switch x.kind {
	case onStart:
		c := cause{why: event.Startup, by: x.by}
		switch {
		case r.atOnce(in):
			// RFC 9568 section 6.4.1: the owner is Active at once.
			r.moved(in, event.Startup, r.become(in, event.Master, c))
			return
		case in.set.Owner() && in.wants:
			// It has to wait for vrrp_startup_delay or its group, and no longer.
			c.wait = time.Microsecond
		case in.wants:
			// compat: state MASTER.
			c.wait = in.firstWait()
		}
		wants := in.wants
		by := r.become(in, event.Backup, c)
		in.wants, in.election.first = wants, wants
		if in.group.is(event.Master) {
			// A reload put it into a group that is master: it joins, at once.
			by = r.become(in, event.Master, cause{why: event.SyncGroup, by: by})
			r.settleGroup(in.group, event.SyncGroup, by, in)
			return
		}
		r.moved(in, event.Startup, by)
	case onFault:
		r.moved(in, x.why, r.become(in, event.Fault, x.cause()))
	case onGroup:
		if x.to == event.Fault {
			r.become(in, event.Fault, x.cause())
		}
	case onTimer, onAdvert, onClear, onGone:
		// RFC 9568 section 6.4.1: Initialize does not process adverts.
	}
}

// atOnce says whether an instance that starts is master from the beginning: an
// owner whose state is MASTER, and in a sync group all of its members.
func (r *Router) atOnce(in *instance) bool {
	if r.now < r.notBefore {
		return false
	}
	return in.set.Owner() && in.wants && in.group.owners()
}

// cause turns a stimulus into the cause of a transition.
func (x *stimulus) cause() cause {
	c := cause{
		why: x.why, by: x.by, at: x.at, due: x.due,
		object: x.fault.kind, objectName: x.fault.name, objectState: x.fault.state, objectLast: x.fault.last,
	}
	switch x.kind {
	case onGroup:
		c.object, c.objectName, c.objectState = event.SubjectInstance, x.leader, x.to
	case onAdvert:
		c.peer, c.peerPriority = x.source, x.priority
	case onFault:
		c.zeros = 2 // compat: keepalived sends two adverts of priority 0 here.
	case onStart, onTimer, onClear, onGone:
	}
	return c
}

// inBackup is RFC 9568 section 6.4.2.
func (r *Router) inBackup(in *instance, x *stimulus) {
	switch x.kind {
	case onTimer:
		r.masterDown(in, x)
	case onAdvert:
		r.backupAdvert(in, x)
	case onFault:
		r.moved(in, x.why, r.become(in, event.Fault, x.cause()))
	case onGroup:
		if x.to == event.Master || x.to == event.Fault {
			r.become(in, x.to, x.cause())
		}
	case onStart, onClear, onGone:
		// The addresses are not ours.
	}
}

// masterDown is the end of the master-down interval: RFC 9568 section 6.4.2.
func (r *Router) masterDown(in *instance, x *stimulus) {
	if !in.group.lets(in) {
		// compat: a member whose group is not ready waits another interval.
		in.wants = true
		in.due[dueProtocol] = r.now.Add(in.masterDown())
		return
	}
	if r.suspect(in, x) {
		return
	}
	c := x.cause()
	if s := &in.election.suspicion; s.held != 0 {
		c.due, c.held, c.by = s.due, s.held, s.by
	}
	c.peer, c.peerPriority = in.heard.master, in.heard.masterPriority
	switch e := &in.election; {
	case e.zero:
		c.why, c.peer, c.peerPriority = event.PriorityZero, e.zeroBy, 0
	case e.lower.At != 0:
		c.why, c.peer, c.peerPriority = event.Preempt, e.lower.Source, e.lower.Priority
	case e.first:
		c.why = event.Startup
	default:
		c.why, c.unheard = event.MasterDownTimer, r.unheard(in)
		in.silent(r.now)
	}
	r.moved(in, c.why, r.become(in, event.Master, c))
}

// backupAdvert is an advert heard by a BACKUP.
func (r *Router) backupAdvert(in *instance, x *stimulus) {
	r.crowded(in, x)
	if x.priority == 0 {
		// RFC 9568 section 6.4.2: the master gives up; wait for Skew_Time.
		in.due[dueProtocol] = max(x.at, r.notBefore).Add(in.skew())
		in.election.zero, in.election.zeroBy = true, x.source
		return
	}
	if !in.yields(x.priority, x.at) {
		// RFC 9568 section 6.4.2: discard, and let the timer run down.
		in.election.lower = event.Heard{At: x.at, Source: x.source, Priority: x.priority}
		return
	}
	// RFC 9568 section 6.4.2: obey, and learn the interval (version 3).
	r.accepted(in, x)
	if in.set.Version == 3 {
		in.interval = x.interval
	}
	in.wants = false
	if in.election.suspicion.held != 0 {
		in.tally.Averted++
	}
	preempt := in.election.preemptAt
	in.election = election{preemptAt: preempt}
	in.due[dueProtocol] = max(x.at, r.notBefore).Add(in.masterDown())
}

// inMaster is RFC 9568 section 6.4.3 (its Active state).
func (r *Router) inMaster(in *instance, x *stimulus) {
	switch x.kind {
	case onTimer:
		// RFC 9568 section 6.4.3: send, and reset the timer. The beat is
		// kept: lateness of ours must not add up.
		r.send(in, in.priority)
		next := x.due.Add(in.set.AdvertInterval)
		if next <= r.now {
			next = r.now.Add(in.set.AdvertInterval)
		}
		in.due[dueProtocol] = next
	case onAdvert:
		r.masterAdvert(in, x)
	case onFault:
		r.moved(in, x.why, r.become(in, event.Fault, x.cause()))
	case onGroup:
		c := x.cause()
		switch x.to {
		case event.Backup:
			if x.why == event.Reload {
				c.zeros = 1 // nobody else leads this: tell the peer
			}
			r.become(in, event.Backup, c)
		case event.Fault:
			c.zeros = 1
			r.become(in, event.Fault, c)
		case event.StateNone, event.Init, event.Master, event.Stop, event.Deleted, event.Up, event.Down, event.Unknown, event.Disabled:
		}
	case onGone:
		// compat: the address is won back by a new election that is short.
		c := x.cause()
		c.zeros, c.wait = 1, in.skew()
		r.moved(in, x.why, r.become(in, event.Backup, c))
	case onStart, onClear:
	}
}

// masterAdvert is an advert heard by a MASTER.
func (r *Router) masterAdvert(in *instance, x *stimulus) {
	if x.priority == 0 {
		// RFC 9568 section 6.4.3: somebody gives up what is ours anyway:
		// send an advert and reset the timer.
		r.assert(in)
		return
	}
	in.tally.Conflicts[in.precedence(x.priority)-event.ConflictLower]++
	stepped := r.outlasted(in, x)
	why, beaten := in.beats(x.priority, x.source)
	if !beaten {
		r.defend(in, x)
		return
	}
	// RFC 9568 section 6.4.3: give way, without priority 0.
	if in.set.HigherPrioSendAdvert {
		r.send(in, in.priority) // compat: higher_prio_send_advert
	}
	c := x.cause()
	c.why, c.by = why, stepped
	if in.set.Version == 3 {
		// The Active_Adver_Interval is the new master's from here on.
		in.interval = x.interval
	}
	by := r.become(in, event.Backup, c)
	h := &in.heard
	h.master, h.masterPriority, h.at, h.margin = x.source, x.priority, x.at, 0
	r.moved(in, why, by)
}

// assert sends an advert out of turn and restarts the beat.
func (r *Router) assert(in *instance) {
	r.send(in, in.priority)
	in.due[dueProtocol] = r.now.Add(in.set.AdvertInterval)
}

// defend answers another master that has to give way to us.
func (r *Router) defend(in *instance, x *stimulus) {
	r.conflicting(in, x, in.precedence(x.priority))
	if x.source == in.source {
		return // compat: our own address: an answer would come back to us for ever.
	}
	// RFC 9568 section 6.4.3: assert our role. compat: unless
	// lower_prio_no_advert, which leaves the timer alone too.
	if !in.set.LowerPrioNoAdvert {
		r.assert(in)
	}
	if x.priority < in.priority {
		in.guard.Follow()
		r.reclaim(in, in.conflict.ref)
		// compat: the addresses of a whole sync group may have been taken.
		for _, m := range in.group.others(in) {
			if m.state == event.Master {
				r.reclaim(m, in.conflict.ref)
				r.arm(m)
			}
		}
	}
}

// announceSource tells the neighbours where a unicast instance is that has
// recovered, so that its peers reach it. compat: so does keepalived.
func (r *Router) announceSource(in *instance, by because) {
	if in.set.Unicast && in.ifc != nil && in.source.IsValid() {
		own := []Address{{Prefix: netip.PrefixFrom(in.source, in.source.BitLen())}}
		r.act(Action{
			Kind: Announce, ID: in.id, Repeat: 1, Reason: event.AnnounceSource, Cause: by.cause, Root: by.root, Part: true, Only: own,
		})
	}
}

// reclaim tells the neighbours that the addresses are here. compat: garp_lower_prio_*.
func (r *Router) reclaim(in *instance, ref event.Ref) {
	r.announce(in, event.AnnounceLowerPriority, in.set.GarpLowerPrioRepeat, because{ref, ref})
	if in.set.GarpLowerPrioRepeat > 0 {
		in.lowerRef = ref
		in.due[dueLower] = after(r.now, in.set.GarpLowerPrioDelay)
	}
}

// inFault is the other half of RFC 9568's Initialize: started, but unable.
func (r *Router) inFault(in *instance, x *stimulus) {
	switch x.kind {
	case onClear:
		// compat: back by way of BACKUP with a full timer, the owner too.
		by := r.become(in, event.Backup, x.cause())
		r.announceSource(in, by)
		r.moved(in, x.why, by)
	case onGroup:
		if x.to == event.Backup {
			r.announceSource(in, r.become(in, event.Backup, x.cause()))
		}
	case onStart, onTimer, onAdvert, onFault, onGone:
		// RFC 9568 section 6.4.1: Initialize does not process adverts.
	}
}
