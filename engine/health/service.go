// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// service is one virtual server: its servers and its quorum.
//
//	        weight alive < quorum - hysteresis
//	UP ──────────────────────────────────────────▶ DOWN
//	   ◀──────────────────────────────────────────
//	        weight alive >= quorum + hysteresis
//
// While it is DOWN and has a sorry server, that one is in the kernel in place of
// the servers that are up.
type service struct {
	id      uint32 // its place in Pool.services
	index   int    // in the configuration, from 1
	fresh   bool   // it was not there before this Configure
	set     *ServiceSettings
	subject event.Subject
	servers []*server
	sorry   *server // nil without one

	// quorum and hysteresis are those in force, total the weight of all servers as
	// configured, alive that of the ones that are up, as it is in force.
	quorum, hysteresis, total, alive int64
	// up counts the servers that are up.
	up int

	// met is the state, since when it began, last the transition that led to it.
	met      bool
	since    event.Instant
	last     event.Ref
	reason   event.Reason
	evidence event.CheckEvidence
	mover    event.Subject // the server that moved it
	// suspended says that the checks rest (ha_suspend).
	suspended bool
	// hush holds the judgement of the quorum until all has changed that changes.
	hush  bool
	brake brake

	gained, lost, held uint64
	kinds              []*kindTally

	entries []*entry
	// moved says that the destinations of the servers may be others than before.
	moved bool
	// dirty are the servers whose destinations the kernel is to be told of; all
	// says that it is to be told of all.
	dirty       []*server
	all, queued bool
}

// kindTally counts the checks of one kind.
type kindTally struct {
	kind     event.Checker
	failures [event.CheckFailureCount]uint64
	phases   [event.PhaseCount]*event.Histogram
}

// count counts one outcome.
func (s *service) count(kind event.Checker, o *Outcome) {
	var k *kindTally
	for _, x := range s.kinds {
		if x.kind == kind {
			k = x
		}
	}
	if k == nil {
		k = &kindTally{kind: kind}
		s.kinds = append(s.kinds, k)
	}
	if i, ok := o.Reason.CheckFailureIndex(); ok && !o.Pass {
		k.failures[i]++
	}
	for i, d := range o.Phases {
		if d == 0 {
			continue
		}
		if k.phases[i] == nil {
			k.phases[i] = &event.Histogram{}
		}
		observe(k.phases[i], d)
	}
}

func (s *service) state() event.State { return verdict(s.met) }

// sorryOn says that the sorry server stands in.
func (s *service) sorryOn() bool { return s.sorry != nil && s.sorry.up }

// arithmetic fills in the weights and the quorum.
func (s *service) arithmetic(v *event.CheckEvidence, before, after int64) {
	v.Weight, v.WeightNow = before, after
	v.Alive, v.Quorum, v.Hysteresis = s.alive, s.quorum, s.hysteresis
	v.ServersUp, v.Servers = uint32(s.up), uint32(len(s.servers))
}

// limits reduces quorum and hysteresis to what the weights can reach.
func (s *service) limits() {
	s.quorum = min(max(s.set.Quorum, 1), s.total)
	s.hysteresis = max(min(s.set.Hysteresis, s.quorum-1), 0)
}

// reached says whether the quorum is met, given what it was. compat: keepalived
// asks for quorum plus hysteresis even if all servers together do not weigh that
// much, and never gains such a quorum; here all servers together suffice.
func (s *service) reached() bool {
	if s.alive <= 0 {
		return false
	}
	if s.met {
		return s.alive >= s.quorum-s.hysteresis
	}
	return s.alive >= min(s.quorum+s.hysteresis, s.total)
}

// judgeQuorum puts a virtual server into the state that its weights ask for.
// before is the weight that was alive, v the server that changed it (or nil).
func (p *Pool) judgeQuorum(s *service, v *server, before int64, cause event.Ref, reason event.Reason) {
	met := s.reached()
	if met == s.met || s.hush {
		return
	}
	from := s.state()
	s.met, s.since, s.reason = met, p.now, reason
	if met {
		s.gained++
	} else {
		s.lost++
	}
	p.sayQuorum(s, v, from, before, cause)
	p.standIn(s, !met, s.last)
}

// sayQuorum publishes the state of a quorum.
func (p *Pool) sayQuorum(s *service, v *server, from event.State, before int64, cause event.Ref) {
	s.evidence, s.mover = event.CheckEvidence{}, event.Subject{}
	if v != nil {
		if v.evidence != nil {
			s.evidence = *v.evidence
		}
		s.mover = v.subject
	}
	s.arithmetic(&s.evidence, before, s.alive)
	e := s.quorumEvent(v)
	e.From, e.Cause = from, cause
	s.last = p.emit(e)
}

// quorumEvent is the event that says how the quorum stands.
func (s *service) quorumEvent(v *server) event.Event {
	e := event.Event{Kind: event.ServiceQuorum, Subject: s.subject, To: s.state(), Reason: s.reason}
	e.Evidence.Check = s.evidence
	if s.mover.Name != "" {
		e.Evidence.Object, e.Evidence.ObjectName = s.mover.Kind, s.mover.Sub
	}
	if v != nil {
		e.Evidence.ObjectState = verdict(v.up)
	}
	return e
}

// standIn lets the sorry server stand in, or go.
func (p *Pool) standIn(s *service, on bool, cause event.Ref) {
	v := s.sorry
	if v == nil || v.up == on {
		return
	}
	from := v.state()
	v.up, v.since, v.reason = on, p.now, event.SorryServer
	v.changes++
	e := event.Event{
		Kind: event.ServerState, Subject: v.subject, From: from, To: v.state(), Reason: event.SorryServer, Cause: cause, Root: cause,
	}
	s.arithmetic(&e.Evidence.Check, int64(v.weight-v.pooled()), int64(v.pooled()))
	v.last = p.emit(e)
	p.touchAll(s, event.SorryServer, cause)
}

// brake holds servers in the pool when too many fail at once.
type brake struct {
	// removed are the servers that failing checks took out and that still count.
	removed []removal
	// held are the servers that are to go and may not yet, first come first.
	held []*server
	// due is when one of them may go, 0 if time does not help; last is the last
	// event.
	due  event.Instant
	last event.Ref
}

type removal struct {
	server *server
	at     event.Instant
}

// prune forgets removals that do not count any more.
func (s *service) prune(now event.Instant) {
	s.brake.removed = slices.DeleteFunc(s.brake.removed, func(r removal) bool {
		return r.server.up || s.set.Brake.Window > 0 && now.Sub(r.at) >= s.set.Brake.Window
	})
}

// room says whether one more server may go: always one, and else as long as no
// more than the share of the weight has gone.
func (s *service) room(v *server) bool {
	gone := int64(v.set.Weight)
	for _, r := range s.brake.removed {
		gone += int64(r.server.set.Weight)
	}
	return len(s.brake.removed) == 0 || gone*100 <= s.total*int64(s.set.Brake.Percent)
}

// holds says whether a server that is to go is held in the pool. A server that
// was never seen to be well is not worth holding.
func (p *Pool) holds(v *server, cause event.Ref) bool {
	s := v.service
	if s.set.Brake.Percent == 0 || !v.proven {
		return false
	}
	if v.held {
		return true
	}
	s.prune(p.now)
	if s.room(v) {
		s.brake.removed = append(s.brake.removed, removal{v, p.now})
		return false
	}
	v.held = true
	s.held++
	p.tally.Held++
	s.brake.held = append(s.brake.held, v)
	if len(s.brake.held) == 1 {
		p.braked = append(p.braked, s)
	}
	p.sayBrake(s, len(s.brake.held) == 1, cause, v)
	s.rearm()
	return true
}

// rearm sets when the oldest removal ceases to count.
func (s *service) rearm() {
	s.brake.due = 0
	if s.set.Brake.Window > 0 && len(s.brake.held) > 0 {
		for _, r := range s.brake.removed {
			s.brake.due = sooner(s.brake.due, r.at.Add(s.set.Brake.Window))
		}
	}
}

// sayBrake publishes how many servers are held; v is the one that changed it.
func (p *Pool) sayBrake(s *service, begins bool, cause event.Ref, v *server) {
	n := len(s.brake.held)
	e := event.Event{
		Kind: event.ServiceBrake, Subject: s.subject, From: event.Up, To: event.Up, Reason: event.Brake, Cause: cause, Count: int64(n),
	}
	if begins {
		e.From = event.Down
	}
	if n == 0 {
		e.To = event.Down
	}
	e.Evidence.Object, e.Evidence.ObjectName, e.Evidence.ObjectState = v.subject.Kind, v.subject.Sub, verdict(v.failed == 0)
	s.arithmetic(&e.Evidence.Check, s.alive, s.alive)
	s.brake.last = p.emit(e)
}

// unhold forgets that a server was held.
func (p *Pool) unhold(v *server) {
	s := v.service
	v.held = false
	s.brake.held = slices.DeleteFunc(s.brake.held, func(x *server) bool { return x == v })
	if len(s.brake.held) == 0 {
		p.braked = slices.DeleteFunc(p.braked, func(x *service) bool { return x == s })
	}
	p.sayBrake(s, false, event.Ref{}, v)
	s.rearm()
}

// release lets held servers go that may go now.
func (p *Pool) release(s *service) {
	s.prune(p.now)
	for len(s.brake.held) > 0 {
		v := s.brake.held[0]
		if !s.room(v) {
			break
		}
		p.unhold(v)
		if id := p.failing(v); id != noCheck {
			s.brake.removed = append(s.brake.removed, removal{v, p.now})
			p.become(v, false, id, s.brake.last, p.checks[id].why())
		}
	}
	s.rearm()
}

// failing is the first check of a server that is down.
func (p *Pool) failing(v *server) CheckID {
	for _, id := range v.checks {
		if !p.checks[id].up {
			return id
		}
	}
	return noCheck
}

// unbrake ends all holding of a virtual server: the settings changed.
func (p *Pool) unbrake(s *service) {
	s.brake.removed = nil
	for len(s.brake.held) > 0 {
		v := s.brake.held[0]
		p.unhold(v)
		if id := p.failing(v); id != noCheck {
			p.become(v, false, id, s.brake.last, p.checks[id].why())
		}
	}
	s.brake.due = 0
}
