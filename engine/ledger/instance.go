// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// instance is an Instance and what is needed to go on folding it.
type instance struct {
	live live[Instance]
	// at is the place of the newest state.
	at    place
	carry carried[event.Tally]
	// promo is the promotion under way.
	promo promotion
	// adopted are the events whose effects belong to the story as well.
	adopted []event.Ref
}

// edit returns the picture of an instance for writing.
func (l *Ledger) edit(in *instance) *Instance {
	l.stale = true
	v := in.live.edit()
	l.listed = false
	return v
}

// instance finds or makes the instance of that name; nil if there is no room.
func (l *Ledger) instance(name string) *instance {
	in, ok := l.instances[name]
	if ok {
		return in
	}
	if len(l.instances)-len(l.order) >= SubjectMax || !l.described && len(l.instances) >= SubjectMax {
		l.head.Unexpected++
		l.stale = true
		return nil
	}
	in = &instance{}
	v := in.live.edit()
	v.Row.Subject = event.Subject{Kind: event.SubjectInstance, Name: name}
	v.State = event.Init
	v.Transitions = make([]uint64, len(l.transitions))
	v.Marks = make([]Mark, len(l.transitions))
	l.instances[name] = in
	if !l.described {
		l.order = append(l.order, in)
		l.listed = false
	}
	return in
}

// transition folds vrrp.state.
func (l *Ledger) transition(e *event.Event, at place) {
	if _, known := l.instances[e.Subject.Name]; !known && e.To == event.Deleted {
		return
	}
	in := l.instance(e.Subject.Name)
	if in == nil {
		return
	}
	if !e.Snapshot {
		l.count(in, e)
	}
	if at.before(in.at) {
		return
	}
	if e.Snapshot {
		l.restate(in, e, at)
		return
	}
	v := l.edit(in)
	// A worker that resumes did not interrupt the state.
	if !(e.Reason == event.Resumed && v.State == e.To) {
		v.Since, v.SinceWall = e.At, e.Wall
	}
	in.at = at
	v.State = e.To
	v.Previous = v.Last
	l.remember(in, v, e)
	v.StoryMore, v.Story = 0, nil
	v.arithmetic(e)
	in.promo = promotion{}
	if e.From == event.Init && e.To != event.Master {
		v.disowned()
	}
	// Every transition ends a conflict, and so does the end of a process, whose
	// successor has not heard of it.
	v.Conflicting = false
	switch {
	case e.To != event.Master:
	case e.Reason != event.Resumed:
		in.promo = l.promoted(e)
	}
	v.ConfirmedWall = e.Wall
}

// disowned says that a process which begins has no address, whatever its
// predecessor had: what that left behind is removed first, and what went while
// nobody looked is told by nobody.
func (v *Instance) disowned() {
	v.Addresses = slices.Clone(v.Addresses)
	for i, a := range v.Addresses {
		if a.Owned || a.Lost {
			v.Addresses[i] = &Address{Row: a.Row}
		}
	}
}

// count counts a transition, in whatever order it arrives.
func (l *Ledger) count(in *instance, e *event.Event) {
	i, ok := l.transitions[event.Transition{From: e.From, To: e.To, Reason: e.Reason}]
	if !ok {
		l.head.Unexpected++
		return
	}
	v := l.edit(in)
	v.Transitions = slices.Clone(v.Transitions)
	v.Transitions[i]++
	v.Marks = slices.Clone(v.Marks)
	v.Marks[i] = Mark{e.ID(), e.Wall}
}

// set folds a setting that somebody changed until the next reload.
func (l *Ledger) set(e *event.Event) {
	in := l.instances[e.Subject.Name]
	if e.Subject.Kind != event.SubjectInstance || in == nil {
		return
	}
	v := l.edit(in)
	switch e.Subject.Sub {
	case event.SettingPriority:
		v.Base, v.Row.Priority = uint8(e.Count), uint8(e.Count)
	case event.SettingPreempt:
		v.Row.Preempt = e.Count != 0
	case event.SettingAccept:
		v.Row.Accept = e.Count != 0
	}
}

// restate folds a snapshot of a state: it replaces what is known where it
// differs, and counts nothing.
func (l *Ledger) restate(in *instance, e *event.Event, at place) {
	v := l.edit(in)
	v.ConfirmedWall = max(v.ConfirmedWall, e.Wall)
	if v.State != e.To || v.Last.Kind == event.KindNone {
		v.State = e.To
		v.Since, v.SinceWall = e.At, e.Wall
		l.remember(in, v, e)
		v.Story, v.StoryMore = nil, 0
		in.promo = promotion{}
	}
	in.at = at
	v.arithmetic(e)
}

// remember makes e the last transition of the instance.
func (l *Ledger) remember(in *instance, v *Instance, e *event.Event) {
	if l.stories[v.Last.Story()] == in {
		delete(l.stories, v.Last.Story())
	}
	if l.stories[v.Last.Ref()] == in {
		delete(l.stories, v.Last.Ref())
	}
	for _, ref := range in.adopted {
		if l.stories[ref] == in {
			delete(l.stories, ref)
		}
	}
	in.adopted = nil
	v.Last = *e
	l.stories[e.Ref()] = in
	if _, taken := l.stories[e.Story()]; !taken {
		l.stories[e.Story()] = in
	}
}

// arithmetic takes over the priority that an event explains.
func (v *Instance) arithmetic(e *event.Event) {
	if e.Priority != 0 {
		v.Priority = e.Priority
	}
	ev := &e.Evidence
	if ev.Base == 0 {
		return
	}
	v.Base = ev.Base
	v.Terms = append([]event.Term(nil), ev.Terms[:min(int(ev.NTerm), len(ev.Terms))]...)
}

// priority folds vrrp.priority.
func (l *Ledger) priority(e *event.Event) {
	if in := l.instance(e.Subject.Name); in != nil {
		l.edit(in).arithmetic(e)
	}
}

// conflict folds vrrp.conflict: another master, or the end of it.
func (l *Ledger) conflict(e *event.Event) {
	in := l.instance(e.Subject.Name)
	if in == nil || e.Snapshot && in.live.value.Conflicting == (e.To != event.Down) {
		return
	}
	v := l.edit(in)
	v.Conflicting = e.To != event.Down
	if v.Conflicting {
		v.Conflict = *e
	}
}

// nearMiss folds vrrp.near_miss.
func (l *Ledger) nearMiss(e *event.Event) {
	if in := l.instance(e.Subject.Name); in != nil {
		l.edit(in).NearMiss = *e
	}
}

// suspicion folds vrrp.suspicion.
func (l *Ledger) suspicion(e *event.Event) {
	if in := l.instance(e.Subject.Name); in != nil {
		l.edit(in).Suspicion = *e
	}
}

// rejected folds vrrp.advert_rejected, of an instance or of none.
func (l *Ledger) rejected(e *event.Event) {
	if e.Subject.Kind != event.SubjectInstance {
		l.head.Rejected = reject(l.head.Rejected, e)
		return
	}
	if in := l.instance(e.Subject.Name); in != nil {
		v := l.edit(in)
		v.Rejected = reject(v.Rejected, e)
	}
}

// reject returns a new list with e as its newest entry.
func reject(list []Rejection, e *event.Event) []Rejection {
	r := Rejection{FirstWall: e.Wall}
	out := make([]Rejection, 0, min(len(list)+1, RejectionMax))
	for _, old := range list {
		if old.Last.Reason == e.Reason && old.Last.Evidence.Peer == e.Evidence.Peer {
			r = old
			continue
		}
		out = append(out, old)
	}
	if len(out) == RejectionMax {
		out = append(out[:0], out[1:]...)
	}
	r.Last = *e
	if !e.Snapshot || r.Runs == 0 {
		r.Runs++
	}
	return append(out, r)
}

// addresses folds address.added, address.removed and address.lost. Without a
// name of one address (Subject.Sub) an event speaks of all of the instance.
func (l *Ledger) addresses(e *event.Event) {
	if e.Subject.Kind != event.SubjectInstance {
		l.staticAddresses(e)
		return
	}
	in := l.instance(e.Subject.Name)
	if in == nil {
		return
	}
	v := l.edit(in)
	v.Addresses = slices.Clone(v.Addresses)
	for i, a := range v.Addresses {
		if !names(e.Subject.Sub, a) {
			continue
		}
		fresh := *a
		apply(&fresh, e)
		v.Addresses[i] = &fresh
	}
	if e.Kind == event.AddressAdded && !e.Snapshot {
		l.phase(in, e, phaseAddress, e.Took)
	}
}

// staticAddresses folds the events of addresses that no instance has.
func (l *Ledger) staticAddresses(e *event.Event) {
	for i := range l.static.items {
		if names(e.Subject.Sub, l.static.at(i)) {
			apply(l.static.edit(i), e)
		}
	}
}

// names says whether sub, an address with or without its length or nothing,
// speaks of a.
func names(sub string, a *Address) bool {
	return sub == "" || sub == a.Row.Prefix.String() || sub == a.Row.Prefix.Addr().String()
}

// apply folds the fate of one address.
func apply(a *Address, e *event.Event) {
	switch e.Kind { //nolint:exhaustive // the caller passes these three
	case event.AddressAdded:
		// A batch of which nothing went in leaves nothing.
		a.Owned, a.Lost = !e.Failed() || e.Subject.Sub == "" && e.Count > 0, false
	case event.AddressRemoved:
		a.Owned, a.Lost = false, false
	case event.AddressLost:
		a.Owned, a.Lost = false, true
	}
}

// announced folds announce.sent.
func (l *Ledger) announced(e *event.Event) {
	in, ok := l.instances[e.Subject.Name]
	if !ok || e.Snapshot || e.Reason != event.AnnounceTransition {
		return
	}
	l.phase(in, e, phaseAnnounce, e.Took)
}
