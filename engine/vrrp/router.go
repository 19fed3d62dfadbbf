// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"fmt"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Router is all virtual routers of one process: instances, sync groups and
// what they track. It is not safe for use by two goroutines.
//
// Stories: a vrrp.state, group.state, track.changed, interface.changed,
// address.lost, vrrp.conflict and stalled event is its own root; its Cause
// names the event that led to it. Every other event (address.added and
// address.removed, announce.sent, vrrp.priority) belongs to the story of its
// cause. So one transition with all that it did is one story, and the chain of
// Causes leads from a member of a sync group to the member that moved it and
// from there to the script that failed.
type Router struct {
	// epoch and seq name the events.
	epoch, seq uint64
	// now and out are those of the Step that is going on.
	now event.Instant
	out *Output

	settings *Settings
	config   event.Ref // the config.loaded event of settings
	started  bool
	stopping bool
	// hearing are the places that are listened to, nil if the loop does not tell.
	hearing map[Watch]bool
	// notBefore is the end of vrrp_startup_delay.
	notBefore event.Instant

	instances []*instance
	byID      map[int]*instance
	lastID    int
	lookup    map[lookupKey][]*instance
	groups    []*group
	objects   map[objectKey]*object
	order     []*object // the objects in configuration order
	ifaces    map[string]*iface
	byIndex   map[int]*iface
	// owners finds who has a virtual address on an interface.
	owners map[ownerKey]owner
	// fixed finds static addresses, lines who has a route or rule; nil is for the static ones.
	fixed   map[ownerKey]owner
	lines   map[lineKey][]*instance
	statics statics

	timers  timers
	watches uint64 // counts changes of what must be listened to
	stakes  uint64 // counts changes of whose addresses are here
	// outstanding counts Own and Disown actions that are not Done.
	outstanding int

	tally     event.RouterTally
	pause     pauses
	strangers strangers
}

// New returns a Router that is waiting for its first Configure. epoch goes into
// the Ref of every event, and is drawn at random when the process starts.
func New(epoch uint64) *Router {
	r := &Router{
		epoch:   epoch,
		byID:    map[int]*instance{},
		lookup:  map[lookupKey][]*instance{},
		objects: map[objectKey]*object{},
		ifaces:  map[string]*iface{},
		byIndex: map[int]*iface{},
		owners:  map[ownerKey]owner{},
		fixed:   map[ownerKey]owner{},
		lines:   map[lineKey][]*instance{},
	}
	r.statics.timer.owner = &r.statics
	return r
}

// Step gives the Router one input at the time now and appends to out what is
// to be done and what happened. It cannot fail. now never goes back. An
// advert received, a Tick that sends adverts and every other input that
// changes nothing but timers and counters does not allocate.
func (r *Router) Step(now event.Instant, in Input, out *Output) {
	if now > r.now {
		r.now = now
	}
	r.out = out
	if late, fresh := r.pause.look(r.now, r.timers.heap); fresh {
		r.lag(late)
	}
	switch in := in.(type) {
	case Tick:
		r.tick()
	case *Packet:
		r.receive(in)
	case Link:
		r.link(in)
	case IfAddr:
		r.address(in)
	case Entry:
		r.entry(in)
	case *Claim:
		r.claimed(in)
	case ScriptResult:
		r.scriptResult(in)
	case FileValue:
		r.fileValue(in)
	case ProcessCount:
		r.processCount(in)
	case ServiceState:
		r.verdict(objectKey{event.SubjectVirtualServer, in.Name}, in.Up, in.Cause)
	case BFDState:
		r.verdict(objectKey{event.SubjectBFD, in.Name}, in.Up, in.Cause)
	case Reannounce:
		r.reannounce(in.Name)
	case *Configure:
		r.configure(in)
	case *Done:
		r.done(in)
	case SendFailed:
		if i := r.byID[in.ID]; i != nil {
			i.tally.SendErrors += uint64(in.N)
		}
	case Set:
		r.set(in)
	case Stop:
		r.stop()
	case Ears:
		r.ears(in)
	}
	r.out = nil
}

// Deadline is when the Router must next be stepped with Tick; ok is false if
// nothing is due ever.
func (r *Router) Deadline() (at event.Instant, ok bool) {
	if len(r.timers.heap) == 0 {
		return 0, false
	}
	return r.timers.heap[0].due, true
}

// Stopped says that a Stop was given and that every Own and Disown is Done.
func (r *Router) Stopped() bool { return r.stopping && r.outstanding == 0 }

// early is how long before its time an advert may be sent: one wake-up of the
// process costs more than several adverts. No other timer is ever early.
const early = 200 * time.Microsecond

// tick does all that is due.
func (r *Router) tick() {
	r.thaw()
	for len(r.timers.heap) > 0 && r.timers.heap[0].due <= r.now {
		t := r.timers.heap[0]
		if t.due != r.pause.ring[r.pause.head].due {
			r.lag(r.now.Sub(t.due)) // else it was counted when it was seen
		}
		t.owner.expire(r)
	}
	for len(r.timers.heap) > 0 && r.timers.heap[0].due <= r.now.Add(early) {
		in, ok := r.timers.heap[0].owner.(*instance)
		if !ok || in.state != event.Master || in.due[dueProtocol] != in.timer.due {
			return
		}
		r.lag(0)
		r.step(in, stimulus{kind: onTimer, at: r.now, due: in.due[dueProtocol]})
	}
}

// lagBounds is event.LagBounds as durations.
var lagBounds = func() (out []time.Duration) {
	for _, b := range event.LagBounds() {
		out = append(out, time.Duration(b*float64(time.Second)))
	}
	return out
}()

// lag counts how late a timer was run.
func (r *Router) lag(d time.Duration) {
	i := 0
	for i < len(lagBounds) && d > lagBounds[i] {
		i++
	}
	r.tally.Lag[i]++
	r.tally.LagSum += d
	r.tally.LagMax = max(r.tally.LagMax, d)
}

// because is what led to an event: its cause and the root of the story.
type because struct{ cause, root event.Ref }

// next is the name that the next event will have.
func (r *Router) next() event.Ref { return event.Ref{Epoch: r.epoch, Seq: r.seq + 1} }

// emit publishes an event and returns what its consequences are because of.
func (r *Router) emit(e event.Event) because {
	r.seq++
	e.Epoch, e.Seq, e.Origin = r.epoch, r.seq, event.RoleVRRP
	if e.At == 0 {
		e.At = r.now
	}
	r.out.Events = append(r.out.Events, e)
	return because{e.Ref(), e.Story()}
}

// act wants something done.
func (r *Router) act(a Action) {
	switch a.Kind {
	case Own, Disown:
		r.outstanding++
		if in := r.byID[a.ID]; in != nil {
			in.pending++
		}
	case Send, Announce, Admit, Evict:
	}
	r.out.Actions = append(r.out.Actions, a)
}

// done reports the outcome of an action.
func (r *Router) done(d *Done) {
	in := r.byID[d.ID]
	subject := event.Subject{Kind: event.SubjectRouter, Name: "static"}
	if in != nil {
		subject = in.subject
	}
	e := event.Event{
		Subject: subject, Reason: d.Why, Cause: d.Cause, Root: d.Root, Count: int64(d.Count),
		At: d.End, Took: d.End.Sub(d.Start), Detail: clip(d.Detail),
	}
	if d.Failed > 0 {
		e.Reason = event.FailKernel
	}
	switch d.Kind {
	case Own, Disown:
		e.Kind = event.AddressAdded
		if d.Kind == Disown {
			e.Kind = event.AddressRemoved
		}
		r.settled(in)
		if d.Count == 0 && d.Failed == 0 {
			return // nothing was there, so nothing happened
		}
		if in != nil && d.Kind == Disown && d.Why == event.Startup && in.left > 0 && e.Detail == "" {
			e.Detail = fmt.Sprintf("%d left behind by an earlier run", in.left)
		}
		if in != nil && d.Kind == Own {
			in.owned = e
		}
		defer r.missed(in)
	case Announce:
		e.Kind = event.AnnounceSent
		e.Count = int64(d.Frames4 + d.Frames6)
		if in != nil {
			in.tally.GratuitousARPs += uint64(d.Frames4)
			in.tally.UnsolicitedNAs += uint64(d.Frames6)
			in.tally.AnnounceErrors += uint64(d.Failed)
		}
	case Send, Admit, Evict:
		return
	}
	by := r.emit(e)
	for _, a := range d.Refused {
		e := event.Event{Kind: e.Kind, Subject: subject, Reason: event.FailKernel, Cause: by.cause, Root: by.root, Detail: clip(d.Detail)}
		e.Subject.Sub = a.String()
		r.emit(e)
	}
}

// settled counts down what is outstanding, and forgets a removed instance
// with its last action.
func (r *Router) settled(in *instance) {
	if r.outstanding > 0 {
		r.outstanding--
	}
	if in == nil {
		return
	}
	if in.pending > 0 {
		in.pending--
	}
	if in.pending == 0 && in.removed {
		delete(r.byID, in.id)
	}
}

// stop gives everything up, in keepalived's order: for each master the advert
// of priority 0 and then its addresses, then what is static, then the news.
func (r *Router) stop() {
	if r.stopping {
		return
	}
	r.stopping = true
	for _, in := range r.instances {
		r.endConflict(in)
	}
	for k, in := range r.instances {
		ref := r.next()
		ref.Seq += uint64(k) // the name of its vrrp.state below
		r.leaveFor(in, ref, event.Shutdown)
	}
	if s := r.settings; s != nil && len(s.StaticAddresses)+len(s.StaticRoutes)+len(s.StaticRules) > 0 {
		r.act(Action{Kind: Disown, Reason: event.Shutdown})
	}
	for _, in := range r.instances {
		r.become(in, event.Stop, cause{why: event.Shutdown})
	}
	for _, g := range r.groups {
		r.groupMoved(g, event.Stop, event.Shutdown, because{}, nil)
	}
	for len(r.timers.heap) > 0 {
		r.timers.remove(r.timers.heap[0])
	}
}

// clip cuts a text to the length that an event may carry.
func clip(s string) string {
	if len(s) > event.DetailMax {
		return s[:event.DetailMax]
	}
	return s
}

// expirer is something that has a deadline: an instance, a debounced
// interface, a process whose loss or gain is not yet believed.
type expirer interface {
	// expire does all that is due at r.now and sets the next deadline.
	expire(r *Router)
}

// timer is one entry of the heap of deadlines.
type timer struct {
	due event.Instant
	// turn says when due was set: of two with the same due the older comes first.
	turn uint64
	// place is the index in the heap plus one, 0 for a timer that is not set.
	place int
	owner expirer
}

// timers is a heap of deadlines, least first, that knows where each timer is,
// so that moving one of a thousand costs ten comparisons and no memory. What is
// due at once comes in the order in which it was set, compat: so that those who
// are told of several transitions are told in the order they are used to.
type timers struct {
	heap  []*timer
	turns uint64
}

// set moves t to due; 0 takes it out.
func (h *timers) set(t *timer, due event.Instant) {
	if due == 0 {
		h.remove(t)
		return
	}
	if t.place != 0 && t.due == due {
		return
	}
	later := due >= t.due
	h.turns++
	t.due, t.turn = due, h.turns
	if t.place == 0 {
		h.heap = append(h.heap, t)
		t.place = len(h.heap)
		h.up(t.place - 1)
		return
	}
	if later {
		h.down(t.place - 1)
	} else {
		h.up(t.place - 1)
	}
}

func (h *timers) remove(t *timer) {
	if t.place == 0 {
		return
	}
	i, last := t.place-1, len(h.heap)-1
	h.swap(i, last)
	h.heap[last] = nil
	h.heap = h.heap[:last]
	t.place, t.due = 0, 0
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h *timers) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].place, h.heap[j].place = i+1, j+1
}

// before says whether timer i comes before timer j.
func (h *timers) before(i, j int) bool {
	a, b := h.heap[i], h.heap[j]
	return a.due < b.due || a.due == b.due && a.turn < b.turn
}

func (h *timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.before(i, parent) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *timers) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h.heap); child++ {
			if h.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
