// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
)

// Snapshot appends to out the present state of everything as Edges marked so:
// interfaces, tracked objects, instances (with the evidence of their last
// transition), their addresses, sync groups. Each names, as its Root, the
// story that led to the state, and its At is when that was.
func (r *Router) Snapshot(now event.Instant, out *Output) {
	if now > r.now {
		r.now = now
	}
	r.out = out
	again := func(e event.Event) {
		if e.Root == (event.Ref{}) {
			e.Root = e.Cause
		}
		e.Snapshot = true
		r.emit(e)
	}
	for _, i := range r.used() {
		e := i.last
		if e.Kind == event.KindNone {
			e = event.Event{Kind: event.InterfaceChanged, Count: int64(i.index)}
		}
		e.Subject, e.To = event.Subject{Kind: event.SubjectInterface, Name: i.name}, i.state()
		again(e)
	}
	for _, o := range r.order {
		e := o.last
		e.Kind, e.Subject, e.To = event.TrackChanged, event.Subject{Kind: o.key.kind, Name: o.key.name}, o.state()
		again(e)
	}
	for _, in := range r.instances {
		e := in.last
		if e.Kind == event.KindNone {
			e = event.Event{Kind: event.VRRPState, At: in.since}
		}
		e.Subject, e.To, e.Priority = in.subject, in.state, in.priority
		again(e)
		if in.state == event.Master && in.owned.Kind != event.KindNone {
			e := in.owned
			e.Subject = in.subject
			again(e)
		}
	}
	for _, g := range r.groups {
		e := g.last
		e.Kind, e.Subject, e.To = event.GroupState, g.subject, g.state
		again(e)
	}
	r.out = nil
}

// used are the interfaces that matter to somebody, in order of first use.
func (r *Router) used() (out []*iface) {
	seen := map[*iface]bool{}
	add := func(i *iface) {
		if i != nil && !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	for _, in := range r.instances {
		add(in.ifc)
		for _, i := range in.others {
			add(i)
		}
		for k := range in.follows {
			add(in.follows[k].ifc)
		}
	}
	return out
}

// Tallies appends the counters of every instance to dst, as of now.
func (r *Router) Tallies(now event.Instant, dst []event.Tally) []event.Tally {
	for _, in := range r.instances {
		dst = append(dst, in.tallyAt(now))
	}
	return dst
}

func (in *instance) tallyAt(now event.Instant) event.Tally {
	t := in.tally
	t.Subject, t.At = in.subject, now
	if i := stateIndex(in.state); i >= 0 && now > in.since {
		t.InState[i] += now.Sub(in.since)
	}
	h := &in.heard
	t.Priority, t.MasterPriority, t.LastAdvert, t.Margin = in.priority, h.masterPriority, h.at, h.margin
	t.MasterInterval, t.MasterDown = in.interval, in.masterDown()
	t.SplitBrain = in.conflict.source.IsValid()
	master := h.master
	if in.state == event.Master {
		t.MasterPriority, master = in.priority, in.source
	}
	if master != in.masterOf {
		in.masterOf, in.masterText = master, ""
		if master != (netip.Addr{}) {
			in.masterText = master.String()
		}
	}
	t.Master = in.masterText
	return t
}

// RouterTally returns the counters of the Router as a whole, as of now. What
// only the loop knows (dropped packets, clock steps, privileges) is zero.
func (r *Router) RouterTally(now event.Instant) event.RouterTally {
	t := r.tally
	t.At = now
	return t
}
