// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// wakeSpread is the time over which the checks begin again that rested.
const wakeSpread = time.Second

// addresses notes which addresses are on this host, and rests or wakes the
// checks of the virtual servers with ha_suspend.
func (p *Pool) addresses(in *Addresses) {
	p.present = make(map[netip.Addr]bool, len(in.Present))
	for _, a := range in.Present {
		p.present[a.Unmap()] = true
	}
	if p.stopping {
		return
	}
	for _, s := range p.services {
		if !s.set.HASuspend {
			continue
		}
		if suspended := !p.local(s); suspended != s.suspended {
			p.suspend(s, suspended, in.Cause)
		}
	}
}

// local says whether an address of the virtual server is on this host. One
// without any address is never missed.
func (p *Pool) local(s *service) bool {
	none := true
	for _, a := range s.set.Addresses {
		none = false
		if p.present[a.Unmap()] {
			return true
		}
	}
	if !none {
		return false
	}
	for i := range s.set.Entries {
		x := &s.set.Entries[i]
		if !x.First.IsValid() {
			continue
		}
		none = false
		if p.present[x.First.Unmap()] {
			return true
		}
		for a := range p.present {
			if x.Last.IsValid() && x.First.Compare(a) <= 0 && a.Compare(x.Last) <= 0 {
				return true
			}
		}
	}
	return none
}

// suspend rests the checks of a virtual server, or wakes them. Its servers stay
// in the pool as they are (compat).
func (p *Pool) suspend(s *service, on bool, cause event.Ref) {
	for _, v := range s.servers {
		for _, id := range v.checks {
			if on {
				p.rest(id)
			}
		}
	}
	var from []event.State
	for _, v := range s.servers {
		from = append(from, v.state())
	}
	s.suspended = on
	if on {
		p.tally.Suspends++
	} else {
		p.tally.Suspends--
	}
	for i, v := range s.servers {
		e := event.Event{
			Kind: event.ServerState, Subject: v.subject, From: from[i], To: v.state(), Reason: event.HASuspend, Cause: cause,
		}
		s.arithmetic(&e.Evidence.Check, int64(v.pooled()), int64(v.pooled()))
		p.emit(e)
	}
	if on {
		return
	}
	for _, v := range s.servers {
		for _, id := range v.checks {
			if c := &p.checks[id]; !c.busy && c.place == 0 {
				p.start(id, 0, min(c.set.Delay, wakeSpread))
			}
		}
		if id := p.failing(v); id != noCheck {
			p.consider(v, id, cause, p.checks[id].why())
		} else {
			p.consider(v, noCheck, cause, event.Recovered)
		}
	}
}

// rest ends what goes on of a check. If others share its probe, one of them
// carries on.
func (p *Pool) rest(id CheckID) {
	c := &p.checks[id]
	going := c.busy || c.place != 0
	p.drop(id)
	if c.share != nil && c.share.active == id {
		p.handOver(c.share, going)
	}
}

// share is checks that do the same, and so are done once: the outcome of the
// active one is that of all.
type share struct {
	members []CheckID
	active  CheckID
}

// shareKey is what checks must have in common.
type shareKey struct {
	kind              event.Checker
	spec              string
	delay, retryDelay time.Duration
	retry             uint32
}

// shareProbes finds the checks that do the same.
func (p *Pool) shareProbes() {
	for i := range p.checks {
		p.checks[i].share = nil
	}
	if !p.settings.ShareProbes {
		return
	}
	at := map[shareKey]*share{}
	for _, v := range p.servers {
		for _, id := range v.checks {
			c := &p.checks[id]
			if !c.probed() || c.set.Spec == "" {
				continue
			}
			key := shareKey{c.set.Kind, c.set.Spec, c.set.Delay, c.set.RetryDelay, c.set.Retry}
			if at[key] == nil {
				at[key] = &share{}
			}
			at[key].members = append(at[key].members, id)
		}
	}
	for _, v := range p.servers {
		for _, id := range v.checks {
			c := &p.checks[id]
			sh := at[shareKey{c.set.Kind, c.set.Spec, c.set.Delay, c.set.RetryDelay, c.set.Retry}]
			if sh == nil || len(sh.members) < 2 || !c.probed() {
				continue
			}
			if c.share = sh; sh.members[0] == id {
				p.elect(sh)
			}
		}
	}
}

// elect makes the check active that is on its way already, or one that does not
// rest, and ends the others'.
func (p *Pool) elect(sh *share) {
	sh.active = sh.members[0]
	for _, id := range slices.Backward(sh.members) {
		if !p.checks[id].server.service.suspended {
			sh.active = id
		}
	}
	for _, id := range sh.members {
		if c := &p.checks[id]; c.busy || c.place != 0 {
			sh.active = id
			break
		}
	}
	for _, id := range sh.members {
		if id != sh.active {
			p.drop(id)
		}
	}
}

// leads says whether a check is the one to be run of those that share a probe; it
// becomes so if the active one rests.
func (p *Pool) leads(id CheckID) bool {
	sh := p.checks[id].share
	if sh == nil || sh.active == id {
		return true
	}
	if !p.checks[sh.active].server.service.suspended {
		return false
	}
	sh.active = id
	return true
}

// handOver makes another check active, if any does not rest. going says that
// the one before was under way.
func (p *Pool) handOver(sh *share, going bool) {
	for _, id := range sh.members {
		c := &p.checks[id]
		if c.server.service.suspended || id == sh.active {
			continue
		}
		sh.active = id
		if going {
			p.start(id, 0, min(c.set.Delay, wakeSpread))
		}
		return
	}
}

// shared gives all checks of a share the outcome of one.
func (p *Pool) shared(o *Outcome) {
	sh := p.checks[o.Check].share
	var next time.Duration
	n := 0
	for _, id := range sh.members {
		if p.checks[id].server.service.suspended {
			continue
		}
		if d := p.judge(id, o); n == 0 || d < next {
			next = d
		}
		n++
	}
	if n == 0 {
		return
	}
	p.tally.Shared += uint64(n - 1)
	p.again(sh.active, next)
}
