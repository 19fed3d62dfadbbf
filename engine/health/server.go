// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"math"

	"github.com/vigild/vigild/engine/event"
)

// server is one real server of a virtual server, or its sorry server. It is UP
// when all of its checks are.
type server struct {
	id      uint32 // its place in Pool.servers
	slot    int    // its place in the service
	set     *ServerSettings
	service *service
	subject event.Subject
	checks  []CheckID
	sorry   bool

	// up is the state. failed counts the checks that are DOWN; held says that it
	// is UP in spite of them, because of the brake.
	up, held bool
	failed   int
	// unsaid says that it is DOWN from the start, and that this was not yet told.
	unsaid bool
	// proven says that it once was seen to be well.
	proven bool
	// weight is the one in force while it is UP.
	weight     int32
	override   int32
	overridden bool
	// shadow says that another server of the service has the same destination.
	shadow bool
	// dirty says that the kernel is to be told of it.
	dirty bool

	since   event.Instant
	changes uint64
	// last is the transition that led to the state, with its reason and evidence.
	last     event.Ref
	reason   event.Reason
	detail   string
	evidence *event.CheckEvidence
}

// state is the state as events and rows say it.
func (v *server) state() event.State {
	if v.service.suspended && !v.sorry {
		return event.Disabled
	}
	return verdict(v.up)
}

// pooled is the weight that the server has in the pool.
func (v *server) pooled() int32 {
	if !v.up {
		return 0
	}
	return v.weight
}

// effective is the weight by the settings and the checks, never below 0.
func (p *Pool) effective(v *server) int32 {
	if v.overridden {
		return v.override
	}
	return int32(min(max(p.summed(v), 0), math.MaxInt32))
}

// summed is the weight that is configured with what the checks add to it.
func (p *Pool) summed(v *server) int64 {
	w := int64(v.set.Weight)
	for _, id := range v.checks {
		w += p.checks[id].delta
	}
	return w
}

// consider puts a server into the state that its checks ask for. id is the
// check that changed, because of reason.
func (p *Pool) consider(v *server, id CheckID, cause event.Ref, reason event.Reason) {
	if v.service.suspended {
		return
	}
	up := v.failed == 0
	if up && v.held {
		p.unhold(v)
	}
	if up == v.up || !up && p.holds(v, cause) {
		return
	}
	p.become(v, up, id, cause, reason)
}

// noCheck stands for no check in become.
const noCheck = CheckID(math.MaxUint32)

// sayDown tells that a server which began DOWN is so indeed (compat: keepalived
// runs notify_down with the first failure).
func (p *Pool) sayDown(v *server, id CheckID, cause event.Ref, reason event.Reason) {
	if !v.unsaid || v.service.suspended {
		return
	}
	v.unsaid, v.reason, v.since = false, reason, p.now
	v.evidence, v.detail = &event.CheckEvidence{}, p.checks[id].detail
	p.checks[id].evidence(v.evidence)
	v.service.arithmetic(v.evidence, 0, 0)
	v.last = p.emit(event.Event{
		Kind: event.ServerState, Subject: v.subject, To: event.Down, Reason: reason, Cause: cause,
		Detail: v.detail, Evidence: event.Evidence{Check: *v.evidence},
	})
}

// become is the only writer of a server's state.
func (p *Pool) become(v *server, up bool, id CheckID, cause event.Ref, reason event.Reason) {
	s := v.service
	from, before, alive := v.state(), v.pooled(), s.alive
	v.up, v.since, v.unsaid = up, p.now, false
	v.changes++
	if up {
		s.alive += int64(v.weight)
		s.up++
	} else {
		s.alive -= int64(v.weight)
		s.up--
	}
	v.reason = reason
	if v.evidence == nil {
		v.evidence = &event.CheckEvidence{}
	}
	*v.evidence, v.detail = event.CheckEvidence{}, ""
	if id != noCheck {
		c := &p.checks[id]
		c.evidence(v.evidence)
		if !up {
			v.detail = c.detail
		}
	}
	s.arithmetic(v.evidence, int64(before), int64(v.pooled()))
	v.last = p.emit(event.Event{
		Kind: event.ServerState, Subject: v.subject, From: from, To: v.state(), Reason: reason, Cause: cause,
		Detail: v.detail, Evidence: event.Evidence{Check: *v.evidence},
	})
	why := event.ServerDown
	if up {
		why = event.ServerUp
	}
	p.touch(v, why, v.last)
	p.judgeQuorum(s, v, alive, v.last, why)
	if up && len(s.brake.held) > 0 {
		s.brake.due = p.now // there may be room for another now
	}
}

// reweigh puts the weight in force that settings and checks ask for.
func (p *Pool) reweigh(v *server, id CheckID, reason event.Reason, cause event.Ref) {
	w := p.effective(v)
	if w == v.weight {
		return
	}
	s := v.service
	before, alive := v.weight, s.alive
	v.weight = w
	if v.up {
		s.alive += int64(w) - int64(before)
	}
	e := event.Event{
		Kind: event.ServerState, Subject: v.subject, From: v.state(), To: v.state(), Reason: event.WeightChanged, Cause: cause,
	}
	if reason != event.WeightChanged {
		e.Reason = reason
	}
	if id != noCheck {
		p.checks[id].evidence(&e.Evidence.Check)
	}
	s.arithmetic(&e.Evidence.Check, int64(before), int64(w))
	ref := p.emit(e)
	if !v.up {
		return
	}
	p.touch(v, event.WeightChanged, ref)
	p.judgeQuorum(s, v, alive, ref, event.WeightChanged)
}

// setWeight overrides the weight of a server.
func (p *Pool) setWeight(in SetWeight) {
	if p.overrides == nil {
		p.overrides = map[event.Subject]int32{}
	}
	delete(p.overrides, in.Server)
	s := p.byName[in.Server.Name]
	if p.settings == nil && !in.Clear {
		p.overrides[in.Server] = max(in.Weight, 0)
	}
	if s == nil || p.stopping {
		return
	}
	for _, v := range s.servers {
		if v.subject == in.Server {
			if !in.Clear {
				p.overrides[in.Server] = max(in.Weight, 0)
			}
			v.overridden, v.override = !in.Clear, max(in.Weight, 0)
			p.reweigh(v, noCheck, event.Admin, in.Cause)
		}
	}
}

// object names what a check without probes follows.
type object struct {
	kind event.Checker
	name string
}

// value gives the checks of a file what it says.
func (p *Pool) value(in Value) {
	p.values[in.Object] = in
	if p.stopping {
		return
	}
	for _, id := range p.objects[object{event.CheckerFile, in.Object}] {
		p.settle(id, in.Cause)
	}
}

// session gives the checks of a BFD session its state.
func (p *Pool) session(in Session) {
	p.sessions[in.Object] = in
	if p.stopping {
		return
	}
	for _, id := range p.objects[object{event.CheckerBFD, in.Object}] {
		p.settle(id, in.Cause)
	}
}

// settle judges a check that follows a file or session by what that last said.
func (p *Pool) settle(id CheckID, cause event.Ref) {
	c := &p.checks[id]
	o, delta, known := p.said(c)
	if !known {
		return
	}
	o.Cause = cause
	same := c.run && c.up == o.Pass
	if !same {
		p.judge(id, &o)
	} else {
		c.status, c.lastRun = o.Status, p.now
	}
	// The array of checks does not move while a Step goes on, except in configure.
	if c.delta != delta {
		c.delta = delta
		p.reweigh(c.server, id, event.WeightChanged, cause)
	}
}

// said is the outcome and weight by what the file or session of a check last
// said; ok is false if it said nothing yet.
func (p *Pool) said(c *check) (o Outcome, delta int64, ok bool) {
	switch c.set.Kind { //nolint:exhaustive // the others are probed
	case event.CheckerBFD:
		in, known := p.sessions[c.set.Object]
		o.Pass = in.Up
		if !in.Up {
			o.Reason = event.FailBFDDown
		}
		return o, 0, known
	case event.CheckerFile:
		in, known := p.values[c.set.Object]
		o.Pass, delta = c.set.file(in)
		o.Status = int32(min(max(in.Value, math.MinInt32), math.MaxInt32))
		if !o.Pass {
			o.Reason = event.FailFileWeight
		}
		return o, delta, known
	}
	return Outcome{}, 0, false
}

// file is what the value of a file means (compat): with a multiplier, what it
// adds to the weight, DOWN at the least there is; without one, 0 is up and all
// else is down. The least value there is means that the file has none.
func (c *CheckSettings) file(in Value) (up bool, delta int64) {
	value := in.Value
	if !in.Known {
		value = 0
	}
	if value <= math.MinInt32 {
		return false, 0
	}
	if c.Multiplier == 0 {
		return (value == 0) != c.Reverse, 0
	}
	m := int64(c.Multiplier)
	if c.Reverse {
		m = -m
	}
	const most = math.MaxInt32
	delta = min(max(min(max(value, -most), most)*m, -most), most)
	return delta > -most, delta
}
