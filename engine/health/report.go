// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
)

// CheckView is what a shell must know of a check to run it. It is valid until
// the next Step.
type CheckView struct {
	Service *ServiceSettings
	Server  *ServerSettings
	Check   *CheckSettings
	// Subject is the real server.
	Subject event.Subject
	// Serial is that of its last Probe.
	Serial uint32
}

// Check returns the check of a Probe; ok is false for one that is no more.
func (p *Pool) Check(id CheckID) (v CheckView, ok bool) {
	if int(id) >= len(p.checks) || p.checks[id].server == nil {
		return CheckView{}, false
	}
	c := &p.checks[id]
	return CheckView{c.server.service.set, c.server.set, c.set, c.server.subject, c.serial}, true
}

// Checks is how many places an array by CheckID must have.
func (p *Pool) Checks() int { return len(p.checks) }

// Snapshot appends to out the present state of services and servers as Edges
// marked so: of at most so many, beginning with the one that next of the call
// before says (0 first). more is false after the last.
func (p *Pool) Snapshot(now event.Instant, from, most int, out *Output) (next int, more bool) {
	p.now, p.out = max(p.now, now), out
	all := len(p.services) + len(p.servers)
	for next = from; next < all && next-from < most; next++ {
		if next < len(p.services) {
			p.snapService(p.services[next])
		} else {
			p.snapServer(p.servers[next-len(p.services)])
		}
	}
	p.out = nil
	return next, next < all
}

func (p *Pool) snapService(s *service) {
	e := s.quorumEvent(nil)
	e.At, e.Root, e.Snapshot = s.since, s.last, true
	s.arithmetic(&e.Evidence.Check, s.evidence.Weight, s.evidence.WeightNow)
	p.emit(e)
	if n := len(s.brake.held); n > 0 {
		e := event.Event{Kind: event.ServiceBrake, Subject: s.subject, From: event.Up, To: event.Up, Reason: event.Brake, Count: int64(n)}
		e.Root, e.Snapshot = s.brake.last, true
		s.arithmetic(&e.Evidence.Check, s.alive, s.alive)
		p.emit(e)
	}
}

func (p *Pool) snapServer(v *server) {
	e := event.Event{
		Kind: event.ServerState, Subject: v.subject, To: v.state(), Reason: v.reason, At: v.since, Root: v.last, Snapshot: true, Detail: v.detail,
	}
	if e.Reason == event.ReasonNone {
		e.Reason = event.Initial
	}
	if v.evidence != nil {
		e.Evidence.Check = *v.evidence
	}
	w := int64(v.pooled())
	before := w
	if v.evidence != nil {
		before = v.evidence.Weight
	}
	v.service.arithmetic(&e.Evidence.Check, before, w)
	p.emit(e)
}

// Rows appends the description of services and servers to dst: at most so
// many, beginning with the one that next of the call before says (0 first). more
// is false after the last. What only the configuration knows is left empty.
func (p *Pool) Rows(from, most int, dst []event.Row) (rows []event.Row, next int, more bool) {
	all := len(p.services) + len(p.servers)
	for next = from; next < all && next-from < most; next++ {
		if next < len(p.services) {
			dst = append(dst, event.Row{Service: p.services[next].row()})
		} else {
			dst = append(dst, event.Row{Server: p.serverRow(p.servers[next-len(p.services)])})
		}
	}
	return dst, next, next < all
}

func (s *service) row() *event.ServiceRow {
	set := s.set
	row := &event.ServiceRow{
		Subject: s.subject, ID: s.id, Index: s.index, VirtualServer: set.VirtualServer, Entries: set.Entries,
		Scheduler: set.Scheduler, Method: set.Method, Persistence: set.Persistence, Granularity: set.Granularity, Engine: set.Engine,
		OnePacket: set.Flags&FlagOnePacket != 0,
		Flag1:     set.Flags&FlagSched1 != 0, Flag2: set.Flags&FlagSched2 != 0, Flag3: set.Flags&FlagSched3 != 0,
		Alpha: set.Alpha, Omega: set.Omega, HASuspend: set.HASuspend, Quorum: s.quorum, Hysteresis: s.hysteresis,
		Brake: set.Brake.Percent, BrakeWindow: set.Brake.Window, State: s.state(), Since: s.since,
	}
	if set.Sorry != nil {
		row.Sorry, row.SorryInhibit, row.SorryMethod = set.Sorry.Addr, set.Sorry.Inhibit, set.Sorry.Method
	}
	return row
}

func (p *Pool) serverRow(v *server) *event.ServerRow {
	set := v.set
	row := &event.ServerRow{
		Subject: v.subject, ID: v.id, Service: v.service.id, Index: v.slot + 1, Addr: set.Addr, Sorry: v.sorry, Method: set.Method,
		Weight: set.Weight, WeightNow: v.weight, Upper: set.Upper, Lower: set.Lower, InhibitOnFailure: set.InhibitOnFailure,
		State: v.state(), Since: v.since,
	}
	if v.sorry {
		row.Index, row.InhibitOnFailure = 0, v.service.set.Sorry.Inhibit
		return row
	}
	if len(v.checks) > 0 {
		row.Checks = make([]event.CheckRow, 0, len(v.checks))
	}
	for _, id := range v.checks {
		c := &p.checks[id]
		row.Checks = append(row.Checks, event.CheckRow{
			ID: uint32(id), Checker: c.set.Kind, Index: c.index, Delay: c.set.Delay, Timeout: c.set.Timeout,
			Retry: c.set.Retry, RetryDelay: c.set.RetryDelay, Warmup: c.set.Warmup, Alpha: c.set.Alpha,
			Target: c.set.Target, Object: c.set.Object, Up: c.up, Run: c.run, Detail: c.set.Detail,
		})
	}
	return row
}

// Counters adds all counters to c, as of now, but for what the kernel counts:
// Stats and connections are filled in by who has them, with Locate.
func (p *Pool) Counters(now event.Instant, c *event.Counters) {
	c.Generation, c.At = p.generation, now
	for _, s := range p.services {
		c.Services = append(c.Services, s.tally())
		for _, k := range s.kinds {
			for i, n := range k.failures {
				if n > 0 {
					c.Failures = append(c.Failures, event.FailureTally{Service: s.id, Checker: k.kind, Reason: event.CheckFailureAt(i), Count: n})
				}
			}
			for i, h := range k.phases {
				if h != nil {
					c.Phases = append(c.Phases, event.PhaseTally{Service: s.id, Checker: k.kind, Phase: event.TimedPhase(i), Histogram: *h})
				}
			}
		}
	}
	for _, v := range p.servers {
		c.Servers = append(c.Servers, v.tally())
		for _, id := range v.checks {
			c.Checks = append(c.Checks, p.checks[id].tally(uint32(id)))
		}
	}
	t := &p.tally
	t.OwnServices, t.OwnDests = p.own()
	t.Services, t.Dests = t.OwnServices+p.kernel.foreignServices, t.OwnDests+p.kernel.foreignDests
	c.Pool, c.HasPool = p.tally, true
}

func (s *service) tally() event.ServiceTally {
	t := event.ServiceTally{
		ID: s.id, State: s.state(), Sorry: s.sorryOn(), Suspended: s.suspended, Braked: len(s.brake.held) > 0, Alive: s.alive,
		Gained: s.gained, Lost: s.lost, Held: s.held, Since: s.since,
	}
	if s.suspended {
		t.Disabled = uint32(len(s.servers))
	} else {
		t.Up, t.Down = uint32(s.up), uint32(len(s.servers)-s.up)
	}
	return t
}

func (v *server) tally() event.ServerTally {
	t := event.ServerTally{
		ID: v.id, Service: v.service.id, State: v.state(), Weight: v.pooled(), Changes: v.changes, Since: v.since, Wanted: v.weight,
	}
	if !v.sorry && v.service.sorryOn() {
		t.Weight = 0
	}
	return t
}

func (c *check) tally(id uint32) event.CheckTally {
	return event.CheckTally{
		ID: id, Server: c.server.id, Checker: c.set.Kind, Up: c.up, Run: c.run, Failing: c.failing,
		Attempts: c.attempts, Failures: c.failures, Retries: c.retries, LastRun: c.lastRun, LastTook: c.lastTook, Expiry: c.expiry,
	}
}

// own counts what of ours the kernel has.
func (p *Pool) own() (services, dests uint32) {
	if !p.kernel.read {
		return 0, 0
	}
	for _, s := range p.services {
		for _, e := range s.entries {
			if e.present {
				services++
			}
			for i := range e.have {
				if e.have[i].present {
					dests++
				}
			}
		}
	}
	return services, dests
}

// Locate returns the places in Counters.Services and Counters.Servers of a
// service and destination of the kernel; -1 for what is not ours. A zero
// Destination asks for the service alone.
func (p *Pool) Locate(key ServiceKey, dest Destination) (serviceAt, serverAt int) {
	e := p.kernel.entries[key]
	if e == nil {
		return -1, -1
	}
	s := e.service
	if !dest.Addr.IsValid() {
		return int(s.id), -1
	}
	if e.at == nil {
		e.at = make(map[netip.AddrPort]int, len(s.servers)+1)
		s.each(func(v *server) {
			if !v.shadow {
				e.at[e.addr(v)] = int(v.id)
			}
		})
	}
	if at, ok := e.at[dest.Addr]; ok {
		return int(s.id), at
	}
	return int(s.id), -1
}
