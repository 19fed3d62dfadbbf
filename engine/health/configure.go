// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// configure puts settings into force. What is the same goes on as it was: its
// verdicts, counters, deadlines and probes.
func (p *Pool) configure(in *Configure) {
	if p.stopping {
		return
	}
	first := p.settings == nil
	old := p.settings
	p.settings, p.config, p.entropy = in.Settings, in.Cause, p.entropy^in.Entropy
	p.generation++
	asked := p.overrides
	p.overrides = nil
	r := reload{p: p, first: first, asked: asked, before: p.services, byName: p.byName}
	p.services = make([]*service, 0, len(in.Settings.Services))
	p.byName = make(map[string]*service, len(in.Settings.Services))
	p.servers = make([]*server, 0, len(p.servers))
	p.room(in.Settings)
	for i := range in.Settings.Services {
		r.service(i, &in.Settings.Services[i])
	}
	for _, s := range r.before {
		if p.byName[s.subject.Name] != s {
			p.retire(s)
		}
	}
	p.followObjects()
	p.shareProbes()
	if first {
		p.resume(in.Resume)
	}
	p.entries()
	p.kernel.because(event.Reload, in.Cause)
	for _, s := range p.services {
		p.install(s, first, in.Resume != nil)
	}
	if first {
		p.boot(in.Resume != nil)
	} else if p.kernel.readAt == 0 && in.Settings.Poll > 0 && p.kernel.read {
		p.kernel.readAt = p.now.Add(in.Settings.Poll)
	}
	if t := in.Settings.Timeouts; t == (Timeouts{}) {
		p.limits.retryAt = 0
	} else if first || old.Timeouts != t {
		p.setTimeouts(in.Cause)
	}
	p.tally.Checks, p.tally.Servers = uint32(len(p.checks)-len(p.free)), uint32(len(p.servers))
	p.follow(!first && !sameSync(old.Sync, in.Settings.Sync), in.Cause)
}

// room makes room for as many checks as there will be, and reckons how often
// they run.
func (p *Pool) room(set *Settings) {
	n := 0
	p.perSecond = 0
	for i := range set.Services {
		for k := range set.Services[i].Servers {
			list := set.Services[i].Servers[k].Checks
			n += len(list)
			for j := range list {
				p.perSecond += float64(time.Second) / float64(max(list[j].Delay, time.Millisecond))
			}
		}
	}
	if n > cap(p.checks) {
		p.checks = slices.Grow(p.checks, n-len(p.checks))
	}
}

// boot is what only the first Configure does.
func (p *Pool) boot(resumed bool) {
	if p.settings.Flush && !resumed {
		p.send([]Op{{Kind: event.IPVSFlush}}, event.Startup, p.config, ipvsSubject)
	}
	p.readKernel(event.Startup)
}

// reload carries over what stays.
type reload struct {
	p      *Pool
	first  bool
	before []*service
	byName map[string]*service
	// asked are the weights that were asked for before.
	asked map[event.Subject]int32
}

// service carries over, or makes, one virtual server. Of two with one name the
// first counts.
func (r *reload) service(i int, set *ServiceSettings) {
	p := r.p
	var s *service
	if i < len(r.before) && r.before[i].set.VirtualServer == set.VirtualServer {
		s = r.before[i]
	} else if name := set.Subject(); p.byName[name.Name] != nil {
		return
	} else if s = r.byName[name.Name]; s == nil {
		s = &service{subject: name, fresh: true}
	}
	if p.byName[s.subject.Name] != nil {
		return
	}
	p.byName[s.subject.Name] = s
	s.id, s.index = uint32(len(p.services)), i+1
	p.services = append(p.services, s)
	if s.set != nil && s.set.Brake != set.Brake {
		p.unbrake(s)
	}
	s.set = set
	if s.fresh && set.HASuspend && !p.local(s) {
		s.suspended = true
		p.tally.Suspends++
	}
	p.carry(s)
	if len(r.asked) > 0 {
		r.override(s)
	}
}

// override carries over the weights that somebody asked for.
func (r *reload) override(s *service) {
	for _, v := range s.servers {
		w, ok := r.asked[v.subject]
		if !ok {
			continue
		}
		if r.p.overrides == nil {
			r.p.overrides = map[event.Subject]int32{}
		}
		r.p.overrides[v.subject] = w
		if v.overridden {
			continue
		}
		before := v.weight
		v.overridden, v.override, v.weight = true, w, w
		if v.up {
			s.alive += int64(w) - int64(before)
		}
	}
}

// carry carries over, or makes, the servers of a virtual server.
func (p *Pool) carry(s *service) {
	before, kept := s.servers, 0
	var at map[netip.AddrPort]*server
	same := len(before) == len(s.set.Servers) && (s.sorry != nil) == (s.set.Sorry != nil)
	for i := range before {
		if !same || before[i].set.Addr != s.set.Servers[i].Addr {
			same = false
			break
		}
	}
	if !same {
		at = make(map[netip.AddrPort]*server, len(before))
		for _, v := range slices.Backward(before) {
			at[v.set.Addr] = v
		}
		s.servers = make([]*server, 0, len(s.set.Servers))
		s.moved = true
		s.forget()
	}
	s.total, s.alive, s.up = 0, 0, 0
	for i := range s.set.Servers {
		set := &s.set.Servers[i]
		var v *server
		if same {
			v = before[i]
		} else {
			if v = at[set.Addr]; v != nil {
				kept++
				delete(at, set.Addr)
			} else {
				v = &server{service: s, subject: event.ServerSubject(s.subject.Name, set.Addr, false), since: p.now}
			}
			s.servers = append(s.servers, v)
		}
		v.slot = i
		p.enlist(v)
		p.adopt(v, set)
		s.total += int64(set.Weight)
	}
	if !same && kept < len(before) {
		for _, v := range before {
			if v.slot >= len(s.servers) || s.servers[v.slot] != v {
				p.dismiss(v)
			}
		}
	}
	p.carrySorry(s)
	s.limits()
}

// enlist gives a server its ID.
func (p *Pool) enlist(v *server) {
	v.id = uint32(len(p.servers))
	p.servers = append(p.servers, v)
}

// carrySorry carries over, makes or removes the sorry server.
func (p *Pool) carrySorry(s *service) {
	set := s.set.Sorry
	v := s.sorry
	if v != nil && (set == nil || v.set.Addr != set.Addr) {
		p.dismiss(v)
		s.forget()
		s.sorry, v = nil, nil
	}
	if set == nil {
		return
	}
	if v == nil {
		v = &server{service: s, sorry: true, subject: event.ServerSubject(s.subject.Name, set.Addr, true), since: p.now}
		s.sorry = v
	}
	v.set = &ServerSettings{Addr: set.Addr, Weight: 1, Method: set.Method}
	v.weight, v.slot = 1, len(s.servers)
	p.enlist(v)
}

// adopt gives a server its settings and checks.
func (p *Pool) adopt(v *server, set *ServerSettings) {
	fresh := v.set == nil
	v.service.moved = v.service.moved || fresh || v.set.Method != set.Method
	v.set = set
	if !p.adoptSame(v) {
		p.adoptOther(v)
	}
	v.failed = 0
	for i, id := range v.checks {
		c := &p.checks[id]
		c.index = uint8(min(i+1, math.MaxUint8))
		if !c.up {
			v.failed++
		}
	}
	if fresh {
		v.up, v.weight = v.failed == 0, p.effective(v)
	}
	if v.up {
		v.service.alive += int64(v.weight)
		v.service.up++
	}
}

// same says whether a check goes on under other settings.
func (c *check) same(set *CheckSettings) bool {
	return c.set.Kind == set.Kind && c.set.Spec == set.Spec && c.set.Object == set.Object
}

// adoptSame carries over the checks of a server whose checks are the same.
func (p *Pool) adoptSame(v *server) bool {
	if len(v.checks) != len(v.set.Checks) {
		return false
	}
	for i, id := range v.checks {
		if !p.checks[id].same(&v.set.Checks[i]) {
			return false
		}
	}
	for i, id := range v.checks {
		p.retime(id, &v.set.Checks[i])
	}
	return true
}

// adoptOther carries over the checks that stay, and makes and removes the rest.
func (p *Pool) adoptOther(v *server) {
	before := v.checks
	v.checks = make([]CheckID, 0, len(v.set.Checks))
	for i := range v.set.Checks {
		set := &v.set.Checks[i]
		at := slices.IndexFunc(before, func(id CheckID) bool { return p.checks[id].same(set) })
		if at < 0 {
			v.checks = append(v.checks, p.newCheck(v, set))
			continue
		}
		v.checks = append(v.checks, before[at])
		p.retime(before[at], set)
		before = slices.Delete(before, at, at+1)
	}
	for _, id := range before {
		p.freeCheck(id)
	}
}

// newCheck makes a check. It begins as its settings say, or as the file or
// session that it follows does.
func (p *Pool) newCheck(v *server, set *CheckSettings) CheckID {
	var id CheckID
	if n := len(p.free); n > 0 {
		id = p.free[n-1]
		p.free = p.free[:n-1]
	} else {
		id = CheckID(len(p.checks))
		p.checks = append(p.checks, check{})
	}
	c := &p.checks[id]
	*c = check{server: v, set: set, serial: c.serial, up: !set.Alpha}
	if o, delta, known := p.said(c); known {
		c.up, c.run, c.delta, c.reason, c.status = o.Pass, true, delta, o.Reason, o.Status
	}
	return id
}

// freeCheck removes a check.
func (p *Pool) freeCheck(id CheckID) {
	p.drop(id)
	p.checks[id] = check{serial: p.checks[id].serial}
	p.free = append(p.free, id)
}

// retime gives a check that goes on its new settings. It never waits longer
// than they say.
func (p *Pool) retime(id CheckID, set *CheckSettings) {
	c := &p.checks[id]
	before := c.set
	c.set = set
	if !set.Dynamic && c.probed() {
		c.delta = 0
	}
	if c.place != 0 && set.Delay < before.Delay {
		if due := p.now.Add(p.part(id, set.Delay)); due < p.timers[c.place-1].due {
			p.timers.set(p.checks, id, due)
		}
	}
}

// followObjects finds the checks that follow a file or session.
func (p *Pool) followObjects() {
	clear(p.objects)
	for _, v := range p.servers {
		for _, id := range v.checks {
			if c := &p.checks[id]; !c.probed() {
				key := object{c.set.Kind, c.set.Object}
				p.objects[key] = append(p.objects[key], id)
			}
		}
	}
}

// retire removes a virtual server.
func (p *Pool) retire(s *service) {
	s.each(p.dismiss)
	if s.suspended {
		p.tally.Suspends--
	}
	e := event.Event{
		Kind: event.ServiceQuorum, Subject: s.subject, From: s.state(), To: event.Deleted, Reason: event.Reload, Cause: p.config, Root: p.config,
	}
	s.arithmetic(&e.Evidence.Check, s.alive, 0)
	p.emit(e)
}

// dismiss removes a server.
func (p *Pool) dismiss(v *server) {
	s := v.service
	for _, id := range v.checks {
		p.freeCheck(id)
	}
	if v.held {
		p.unhold(v)
	}
	s.brake.removed = slices.DeleteFunc(s.brake.removed, func(r removal) bool { return r.server == v })
	s.dirty = slices.DeleteFunc(s.dirty, func(x *server) bool { return x == v })
	e := event.Event{
		Kind: event.ServerState, Subject: v.subject, From: v.state(), To: event.Deleted, Reason: event.Reload, Cause: p.config, Root: p.config,
	}
	s.arithmetic(&e.Evidence.Check, int64(v.pooled()), 0)
	p.emit(e)
}
