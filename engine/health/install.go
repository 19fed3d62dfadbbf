// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// resume takes up what was known when the last worker was lost.
func (p *Pool) resume(list []Resume) {
	if len(list) == 0 {
		return
	}
	at := make(map[event.Subject]*server, len(p.servers))
	for _, v := range p.servers {
		at[v.subject] = v
	}
	for i := range list {
		if s := p.byName[list[i].Server.Name]; s != nil && list[i].Server.Kind == event.SubjectVirtualServer {
			s.met = list[i].State == event.Up
		}
		if v := at[list[i].Server]; v != nil && !v.sorry {
			p.resumeServer(v, &list[i])
		}
	}
}

func (p *Pool) resumeServer(v *server, in *Resume) {
	up := in.State == event.Up
	switch {
	case len(v.checks) == 0, !up && in.State != event.Down && in.State != event.Disabled:
		return
	case in.State == event.Disabled:
		up = !in.HasWeight || in.Weight > 0
	}
	s := v.service
	if v.up {
		s.alive -= int64(v.weight)
		s.up--
	}
	v.up, v.failed, v.proven = up, 0, up
	for _, id := range v.checks {
		c := &p.checks[id]
		if c.probed() {
			c.up, c.run = v.up, true
		}
		if c.set.Dynamic && c.probed() && up && in.HasWeight {
			// What other checks take is in the weight too.
			c.delta, in.HasWeight = 0, false
			c.delta = int64(in.Weight) - p.summed(v)
		}
		if !c.up {
			v.failed++
		}
	}
	v.up = v.failed == 0 // a file or session may say otherwise now
	if in.Since != 0 {
		v.since = in.Since
	}
	v.weight = p.effective(v)
	if v.up {
		s.alive += int64(v.weight)
		s.up++
	}
}

// install brings a virtual server into the state that its settings ask for.
func (p *Pool) install(s *service, first, resumed bool) {
	if s.fresh {
		s.fresh = false
		p.begun(s, resumed)
	} else {
		p.amend(s)
	}
	p.touchAll(s, event.Reload, p.config)
	for _, v := range s.servers {
		for _, id := range v.checks {
			c := &p.checks[id]
			switch {
			case c.busy || c.place != 0:
			case resumed:
				p.start(id, 0, c.set.Delay)
			default:
				p.start(id, bootDelay, c.set.Warmup)
			}
		}
	}
}

// begun puts a new virtual server into its first state: DOWN, until the quorum
// is gained. That is news, but for one that is not met and has no sorry server
// (compat), and after a restart.
func (p *Pool) begun(s *service, resumed bool) {
	s.met = s.reached()
	s.reason, s.since = event.Initial, p.now
	s.arithmetic(&s.evidence, s.alive, s.alive)
	for _, v := range s.servers {
		v.unsaid = !v.up && !resumed
	}
	if resumed {
		if s.sorry != nil {
			s.sorry.up = !s.met
		}
		return
	}
	e := s.quorumEvent(nil)
	e.Cause, e.Snapshot = p.config, !s.met && s.sorry == nil
	s.last = p.emit(e)
	p.standIn(s, !s.met, s.last)
}

// amend brings a virtual server that was there before into the state that the
// new settings ask for, and judges its quorum once.
func (p *Pool) amend(s *service) {
	before := s.alive
	s.hush = true
	if suspended := s.set.HASuspend && !p.local(s); suspended != s.suspended {
		p.suspend(s, suspended, p.config)
	}
	for _, v := range s.servers {
		for _, id := range v.checks {
			if !p.checks[id].probed() {
				p.settle(id, p.config)
			}
		}
		p.reweigh(v, noCheck, event.Reload, p.config)
		id := p.failing(v)
		if id == noCheck && len(v.checks) > 0 {
			id = v.checks[0]
		}
		p.consider(v, id, p.config, event.Reload)
	}
	s.hush = false
	p.judgeQuorum(s, nil, before, p.config, event.Reload)
	p.standIn(s, !s.met, p.config)
}

// ExpandMax is the largest number of addresses that one range expands to; what
// is more is left out.
const ExpandMax = 1 << 16

// entries makes the services of the kernel that the virtual servers ask for. Of
// two virtual servers with one service of the kernel the first has it.
func (p *Pool) entries() {
	k := &p.kernel
	before := k.entries
	k.entries = make(map[ServiceKey]*entry, len(before))
	for _, s := range p.services {
		s.entries = s.entries[:0]
		for i := range s.set.Entries {
			s.expand(&s.set.Entries[i], func(key ServiceKey) { p.claim(s, key, before) })
		}
		s.overlap()
	}
	for key, e := range before {
		if k.entries[key] == nil && e.present {
			k.gone = append(k.gone, e.kernel)
		}
	}
	for _, s := range p.services {
		for _, e := range s.entries {
			e.fit()
		}
	}
}

// expand calls do for each service of the kernel that an entry stands for.
func (s *service) expand(x *event.ServiceEntry, do func(ServiceKey)) {
	if !x.First.IsValid() {
		do(ServiceKey{Family: x.Family, Mark: x.Mark, HasMark: true})
		return
	}
	last := x.Last
	if !last.IsValid() {
		last = x.First
	}
	for a, n := x.First, 0; n < ExpandMax; a, n = a.Next(), n+1 {
		do(ServiceKey{Family: family(a), Protocol: s.set.Protocol, Addr: a, Port: x.Port})
		if a == last || !a.IsValid() || !a.Less(last) {
			return
		}
	}
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return 4
	}
	return 6
}

// claim gives a virtual server a service of the kernel.
func (p *Pool) claim(s *service, key ServiceKey, before map[ServiceKey]*entry) {
	k := &p.kernel
	if k.entries[key] != nil {
		return
	}
	want := s.kernelService(key)
	e := before[key]
	switch {
	case e == nil:
		e = &entry{service: s, kernel: want}
	case e.service != s:
		e.forget()
		e.service = s
	}
	if e.kernel != want {
		e.kernel, e.edited = want, e.present
	}
	s.moved = s.moved || e.have == nil
	k.entries[key] = e
	s.entries = append(s.entries, e)
}

// kernelService is what the kernel is to know of a service.
func (s *service) kernelService(key ServiceKey) Service {
	most := uint8(128)
	if key.Family == 4 {
		most = 32
	}
	out := Service{
		ServiceKey: key, Scheduler: s.set.Scheduler, Flags: s.set.Flags,
		Timeout: s.set.Persistence.Truncate(time.Second), Granularity: most, Engine: s.set.Engine,
	}
	if out.Timeout > 0 && s.set.Granularity > 0 {
		out.Granularity = min(s.set.Granularity, most)
	}
	return out
}

// overlap finds the servers that would have the destination of one before them:
// the kernel has it once, and the first decides on it.
func (s *service) overlap() {
	if !s.moved || len(s.entries) == 0 {
		return
	}
	s.moved = false
	seen := make(map[netip.AddrPort]bool, len(s.servers))
	for _, v := range s.servers {
		a := s.entries[0].addr(v)
		v.shadow = seen[a]
		seen[a] = true
	}
}

// forget lets go of which destination is whose.
func (s *service) forget() {
	for _, e := range s.entries {
		e.forget()
	}
}

func (e *entry) forget() {
	for i := range e.have {
		if e.have[i].present {
			e.extra = append(e.extra, e.have[i].Destination)
		}
	}
	e.have = nil
}

// fit finds out anew which destination is whose. The rest is to go.
func (e *entry) fit() {
	s := e.service
	e.at = nil
	n := len(s.servers) + 1
	if len(e.have) == n {
		return
	}
	e.forget()
	e.have = make([]slot, n)
	if len(e.extra) == 0 {
		return
	}
	loose := make(map[netip.AddrPort]Destination, len(e.extra))
	for _, d := range e.extra {
		loose[d.Addr] = d
	}
	s.each(func(v *server) {
		a := e.addr(v)
		if d, ok := loose[a]; ok && !v.shadow {
			e.have[v.slot] = slot{d, true}
			delete(loose, a)
		}
	})
	rest := e.extra[:0]
	for _, d := range e.extra {
		if _, ok := loose[d.Addr]; ok {
			rest = append(rest, d)
		}
	}
	e.extra = rest
}
