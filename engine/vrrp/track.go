// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// objectKey names a tracked object.
type objectKey struct {
	kind event.SubjectKind
	name string
}

// object is a tracked script, file, process, BFD session or virtual server.
// Interfaces are tracked as ifaces.
type object struct {
	key   objectKey
	users []*instance
	index int
	// known says that a verdict exists, up is the verdict.
	known, up bool
	// value is what a file holds or how many processes there are.
	value int64
	// count runs from 0 to rise+fall-1; a script is up from rise on.
	count      int
	rise, fall int
	// least and most bound the number of processes; most < 0 is no bound.
	least, most int
	// gain and loss delay the verdict on a process.
	gain, loss time.Duration
	// weight and reverse are a file's own.
	weight  int
	reverse bool
	timer   timer
	// pending is the process count that is not yet believed.
	pending int64
	last    event.Event
}

// state is the verdict as exits show it.
func (o *object) state() event.State {
	switch {
	case !o.known:
		return event.Unknown
	case o.up:
		return event.Up
	}
	return event.Down
}

// follow is one tracked object of one instance.
type follow struct {
	obj     *object
	ifc     *iface // instead of obj
	weight  int
	reverse bool
	// ofGroup says that the group follows it and the instance by the group.
	ofGroup bool
}

func (f *follow) kind() event.SubjectKind {
	if f.ifc != nil {
		return event.SubjectInterface
	}
	return f.obj.key.kind
}

func (f *follow) name() string {
	if f.ifc != nil {
		return f.ifc.name
	}
	return f.obj.key.name
}

func (f *follow) up() bool {
	if f.ifc != nil {
		return f.ifc.up
	}
	return f.obj.up
}

// last is the change that led to the verdict, nil of an interface.
func (f *follow) last() *event.Event {
	if f.obj == nil {
		return nil
	}
	return &f.obj.last
}

// known says whether there is a verdict. compat: a file that was never read
// holds 0, and a BFD session begins down. A virtual server begins up.
func (f *follow) known() bool {
	return f.ifc != nil || f.obj.known || f.obj.key.kind == event.SubjectFile || f.obj.key.elsewhere()
}

// delta is what the object adds to the priority now. compat: a positive weight
// is added while it is up, a negative one while it is down, reverse changes the
// sign, and a file's value is multiplied by its weight.
func (f *follow) delta() int {
	if !f.known() {
		return 0
	}
	d := 0
	switch up := f.up(); {
	case f.kind() == event.SubjectFile:
		const most = 1 << 30 // far beyond what matters, far below overflow
		d = int(max(-most, min(most, f.obj.value))) * f.weight
	case (f.weight > 0) == up:
		d = f.weight
	}
	if f.reverse {
		d = -d
	}
	return max(-254, min(253, d))
}

// faulty says whether the object makes its follower FAULT. compat: with weight
// 0 when it is down (reverse: up); a file also when its product is -254 or less.
func (f *follow) faulty() bool {
	if !f.known() {
		return false
	}
	if f.kind() == event.SubjectFile {
		if f.weight != 0 {
			return f.delta() <= -254
		}
		return (f.obj.value != 0) != f.reverse
	}
	return f.weight == 0 && f.up() == f.reverse
}

// pending says whether the follower must wait for a first verdict.
func (f *follow) pending() bool { return f.weight == 0 && !f.known() }

// effective is the priority with all terms (RFC 9568 knows only the configured
// one; compat: keepalived clamps the sum to 1..254 and leaves the owner alone).
func (in *instance) effective() uint8 {
	if in.set.Owner() {
		if in.demoted {
			return 254
		}
		return 255
	}
	sum := int(in.set.Priority)
	for i := range in.follows {
		if in.follows[i].weight != 0 {
			sum += in.follows[i].delta()
		}
	}
	return uint8(max(1, min(254, sum)))
}

// reprioritise brings the effective priority up to date. compat: a BACKUP's
// timer is moved by the difference that the priority makes to its length; a
// master sends its next advert when it is due.
func (r *Router) reprioritise(in *instance, by because) {
	why := event.Tracking
	if by.cause != (event.Ref{}) && by.cause == r.config {
		why = event.Reload
	}
	r.weighed(in, why, by, &cause{})
}

// weighed brings the effective priority up to date for a reason.
func (r *Router) weighed(in *instance, why event.Reason, by because, c *cause) because {
	to := in.effective()
	if to == in.priority {
		return by
	}
	was := in.masterDown()
	in.priority = to
	if in.state == event.Backup && in.due[dueProtocol] != 0 {
		in.due[dueProtocol] = max(r.now, in.due[dueProtocol].Add(in.masterDown()-was))
		r.arm(in)
	}
	return r.emit(event.Event{
		Kind: event.VRRPPriority, Subject: in.subject, Priority: to, Reason: why,
		Cause: by.cause, Root: by.root, Evidence: r.evidence(in, c),
	})
}

// changed reports an object and lets its followers look again.
func (r *Router) changed(o *object, from event.State, e event.Event) {
	e.Kind, e.Subject = event.TrackChanged, event.Subject{Kind: o.key.kind, Name: o.key.name}
	e.From, e.To = from, o.state()
	o.last = e
	by := r.emit(e)
	o.last.At, o.last.Root = r.now, by.root
	for _, in := range o.users {
		r.review(in, event.ReasonNone, by)
	}
}

// scriptResult counts one run of a script. compat: rise successes make it up,
// fall failures down; the very first result decides at once.
func (r *Router) scriptResult(x ScriptResult) {
	o := r.objects[objectKey{event.SubjectScript, x.Name}]
	if o == nil {
		return
	}
	from, top := o.state(), o.rise+o.fall-1
	switch {
	case !o.known && x.OK:
		o.count = top
	case !o.known:
		o.count = 0
	case x.OK:
		o.count++
		if o.count >= o.rise {
			if !o.up {
				o.count = top
			}
			o.count = min(o.count, top)
		}
	default:
		o.count--
		if o.count < o.rise && o.up {
			o.count = 0
		}
		o.count = max(o.count, 0)
	}
	o.known, o.up = true, o.count >= o.rise
	if o.state() != from {
		r.changed(o, from, event.Event{Reason: x.Reason, Count: int64(x.Status), Took: x.Took, Cause: x.Cause})
	}
}

// fileValue takes the new value of a file.
func (r *Router) fileValue(x FileValue) {
	o := r.objects[objectKey{event.SubjectFile, x.Name}]
	if o == nil || o.known && o.value == x.Value {
		return
	}
	from := o.state()
	o.value = x.Value
	own := follow{obj: o, weight: o.weight, reverse: o.reverse}
	o.known, o.up = true, !own.faulty()
	r.changed(o, from, event.Event{Count: x.Value})
}

// processCount takes the number of processes. compat: a gain is believed after
// fork_delay, a loss after terminate_delay, unless it goes back meanwhile.
func (r *Router) processCount(x ProcessCount) {
	o := r.objects[objectKey{event.SubjectProcess, x.Name}]
	if o == nil {
		return
	}
	was := o.pending
	o.pending = int64(x.Count)
	if o.known && o.inside(o.pending) == o.up {
		o.value = o.pending
		r.timers.remove(&o.timer)
		return
	}
	wait := o.loss
	if o.pending > was {
		wait = o.gain
	}
	if o.known && wait > 0 {
		if o.timer.place == 0 {
			r.timers.set(&o.timer, r.now.Add(wait))
		}
		return
	}
	r.believe(o)
}

func (o *object) inside(n int64) bool {
	return n >= int64(o.least) && (o.most < 0 || n <= int64(o.most))
}

// expire is the end of a process's delay.
func (o *object) expire(r *Router) {
	r.timers.remove(&o.timer)
	r.believe(o)
}

// believe makes the pending count of a process the verdict.
func (r *Router) believe(o *object) {
	from := o.state()
	o.value, o.known, o.up = o.pending, true, o.inside(o.pending)
	if o.state() != from {
		r.changed(o, from, event.Event{Count: o.value})
	}
}

// verdict takes what another role has found out about an object, and has told
// by the event cause if that is not zero.
func (r *Router) verdict(key objectKey, up bool, cause event.Ref) {
	o := r.objects[key]
	if o == nil && !r.started {
		o = newObject(key)
		r.objects[key] = o
	}
	if o == nil || o.known && o.up == up {
		return
	}
	from := o.state()
	was := o.up
	o.known, o.up = true, up
	if cause == (event.Ref{}) {
		r.changed(o, from, event.Event{})
		return
	}
	if key.kind == event.SubjectVirtualServer && was == up {
		return // it was taken for so
	}
	for _, in := range o.users {
		r.review(in, event.ReasonNone, because{cause, cause})
	}
}

// newObject is an object that nothing was said of.
func newObject(key objectKey) *object {
	o := &object{key: key, up: key.kind == event.SubjectVirtualServer}
	o.timer.owner = o
	return o
}

// elsewhere says whether an object has no settings here: another role keeps it.
func (k objectKey) elsewhere() bool {
	return k.kind == event.SubjectBFD || k.kind == event.SubjectVirtualServer
}

// track lets an instance follow an object.
func (r *Router) track(in *instance, t Track, ofGroup bool) {
	f := follow{weight: t.Weight, reverse: t.Reverse, ofGroup: ofGroup}
	if t.Kind == event.SubjectInterface {
		f.ifc = r.uses(in, t.Name)
		in.follows = append(in.follows, f)
		return
	}
	key := objectKey{t.Kind, t.Name}
	f.obj = r.objects[key]
	if f.obj == nil {
		f.obj = newObject(key) // one that is kept elsewhere
		r.objects[key] = f.obj
		r.order = append(r.order, f.obj)
	}
	in.follows = append(in.follows, f)
	if slices.Contains(f.obj.users, in) {
		return
	}
	f.obj.users = append(f.obj.users, in)
}

// installObjects makes the tracked objects; those that were there keep their verdict.
func (r *Router) installObjects(s *Settings) {
	old := r.objects
	r.objects, r.order = map[objectKey]*object{}, nil
	get := func(kind event.SubjectKind, name string) *object {
		key := objectKey{kind, name}
		o := old[key]
		if o == nil {
			o = newObject(key)
		}
		delete(old, key)
		o.users = nil
		r.objects[key] = o
		r.order = append(r.order, o)
		o.index = len(r.order)
		return o
	}
	for _, x := range s.Scripts {
		o := get(event.SubjectScript, x.Name)
		o.rise, o.fall = max(1, x.Rise), max(1, x.Fall)
		if !o.known && x.InitFail {
			o.known, o.up, o.count = true, false, o.rise-1 // the first success decides
		}
		o.count = min(o.count, o.rise+o.fall-1)
		if o.known && o.up {
			o.count = max(o.count, o.rise)
		} else {
			o.count = min(o.count, o.rise-1)
		}
	}
	for _, x := range s.Files {
		o := get(event.SubjectFile, x.Name)
		o.weight, o.reverse = x.Weight, x.Reverse
		own := follow{obj: o, weight: o.weight, reverse: o.reverse}
		o.up = !own.faulty()
	}
	for _, x := range s.Processes {
		o := get(event.SubjectProcess, x.Name)
		o.least, o.most, o.gain, o.loss = x.Quorum, x.QuorumMax, x.ForkDelay, x.TerminateDelay
		if o.known {
			o.up = o.inside(o.value)
		}
	}
	for key, o := range old {
		r.timers.remove(&o.timer)
		if key.elsewhere() {
			o.users = nil
			r.objects[key] = o
		}
	}
}
