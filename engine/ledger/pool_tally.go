// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import "github.com/vigild/vigild/engine/event"

// Counters folds a reading of the check role. What it counts itself is
// absolute within an epoch and continues where an earlier one stopped; what the
// kernel counts goes on whoever reads it. A reading of another generation than
// that of the rows is left out: its IDs mean nothing here. c is read until it
// returns.
func (l *Ledger) Counters(epoch uint64, c *event.Counters) {
	p := &l.pool
	if c.Generation != p.gen || !p.described || c.At < p.head.Counted {
		return
	}
	order := l.epochs.of(epoch, event.RoleCheck).order
	l.clock(c.At, 0)
	p.allChanged()
	p.head.Counted, p.head.CountedWall = c.At, l.wall(c.At)
	for i := range c.Services {
		if s := p.serviceByID[c.Services[i].ID]; s != nil {
			s.count(order, &c.Services[i])
		}
	}
	for i := range c.Servers {
		if t := &c.Servers[i]; int(t.ID) < len(p.serverByID) && p.serverByID[t.ID] != nil {
			p.serverByID[t.ID].count(order, t)
		}
	}
	p.countChecks(order, c.Checks)
	p.countFailures(order, c.Failures)
	p.countPhases(order, c.Phases)
	if c.HasPool {
		p.count(order, c)
	}
}

// allChanged says that everything in the next picture is another.
func (p *pool) allChanged() {
	p.picture = nil
	for _, s := range p.services {
		s.shown = nil
		for _, v := range s.servers {
			v.shown = nil
		}
	}
}

func (s *service) count(order int, t *event.ServiceTally) {
	if s.order != 0 && (order != s.order || t.Gained < s.raw.Gained || t.Lost < s.raw.Lost) {
		s.base.Gained += s.raw.Gained
		s.base.Lost += s.raw.Lost
		s.base.Held += s.raw.Held
	}
	s.order, s.raw, s.Tally = order, *t, *t
	s.Tally.Gained += s.base.Gained
	s.Tally.Lost += s.base.Lost
	s.Tally.Held += s.base.Held
}

func (v *server) count(order int, t *event.ServerTally) {
	if v.order != 0 && (order != v.order || t.Changes < v.raw.Changes) {
		v.base.Changes += v.raw.Changes
	}
	v.order, v.raw, v.Tally = order, *t, *t
	v.Tally.Changes += v.base.Changes
}

func (p *pool) countChecks(order int, all []event.CheckTally) {
	// A Pool that was handed out keeps its own; one array serves all new ones.
	fresh := make([]event.CheckTally, 0, len(all))
	for i := range all {
		t := &all[i]
		if int(t.ID) >= len(p.checkByID) || p.checkByID[t.ID].server == nil {
			continue
		}
		at := p.checkByID[t.ID]
		v := at.server
		if n := len(v.Row.Checks); len(v.checks) != n {
			v.checks = make([]carriedCount[event.CheckTally], n)
		}
		c := &v.checks[at.i]
		if c.order != 0 && (order != c.order || t.Attempts < c.raw.Attempts) {
			c.base.Attempts += c.raw.Attempts
			c.base.Failures += c.raw.Failures
			c.base.Retries += c.raw.Retries
		}
		c.order, c.raw = order, *t
		if at.i == 0 {
			from := len(fresh)
			fresh = append(fresh, make([]event.CheckTally, len(v.checks))...)
			v.Checks = fresh[from:len(fresh):len(fresh)]
		}
		if at.i < len(v.Checks) {
			v.Checks[at.i] = *t
			v.Checks[at.i].Attempts += c.base.Attempts
			v.Checks[at.i].Failures += c.base.Failures
			v.Checks[at.i].Retries += c.base.Retries
		}
	}
}

func (p *pool) countFailures(order int, all []event.FailureTally) {
	for i := range all {
		s := p.serviceByID[all[i].Service]
		if s == nil {
			continue
		}
		t := &all[i]
		c := found(&s.failures, func(c *event.FailureTally) bool { return c.Checker == t.Checker && c.Reason == t.Reason })
		if c.order != 0 && (order != c.order || t.Count < c.raw.Count) {
			c.base.Count += c.raw.Count
		}
		c.order, c.raw = order, *t
	}
	for _, s := range p.services {
		s.Failures = make([]event.FailureTally, len(s.failures))
		for i := range s.failures {
			s.Failures[i] = s.failures[i].raw
			s.Failures[i].Count += s.failures[i].base.Count
		}
	}
}

func (p *pool) countPhases(order int, all []event.PhaseTally) {
	for i := range all {
		s := p.serviceByID[all[i].Service]
		if s == nil {
			continue
		}
		t := &all[i]
		c := found(&s.phases, func(c *event.PhaseTally) bool { return c.Checker == t.Checker && c.Phase == t.Phase })
		if c.order != 0 && (order != c.order || t.Sum < c.raw.Sum) {
			addHistogram(&c.base.Histogram, &c.raw.Histogram)
		}
		c.order, c.raw = order, *t
	}
	for _, s := range p.services {
		s.Phases = make([]event.PhaseTally, len(s.phases))
		for i := range s.phases {
			s.Phases[i] = s.phases[i].raw
			addHistogram(&s.Phases[i].Histogram, &s.phases[i].base.Histogram)
		}
	}
}

// found returns the count that is meant, made at first sight.
func found[T any](list *[]carriedCount[T], is func(*T) bool) *carriedCount[T] {
	for i := range *list {
		if is(&(*list)[i].raw) {
			return &(*list)[i]
		}
	}
	*list = append(*list, carriedCount[T]{})
	return &(*list)[len(*list)-1]
}

func addHistogram(dst, src *event.Histogram) {
	for i, n := range src.Buckets {
		dst.Buckets[i] += n
	}
	dst.Sum += src.Sum
}

// count folds the counters of the check role as a whole.
func (p *pool) count(order int, c *event.Counters) {
	t := &p.tally
	if t.order != 0 && (order != t.order || fellPool(&c.Pool, &t.raw)) {
		addPool(&t.base, &t.raw)
	}
	t.order, t.at, t.raw = order, c.At, c.Pool
	p.head.Tally = c.Pool
	addPool(&p.head.Tally, &t.base)
}

// addPool adds the counters of src to dst and leaves the present values of dst.
func addPool(dst, src *event.PoolTally) {
	for i := range src.Whole {
		addHistogram(&dst.Whole[i], &src.Whole[i])
	}
	addHistogram(&dst.Delay, &src.Delay)
	for i := range src.Ops {
		dst.Ops[i] += src.Ops[i]
		dst.Errors[i] += src.Errors[i]
		dst.Drift[i] += src.Drift[i]
	}
	for i, n := range src.Kept {
		dst.Kept[i] += n
	}
	dst.Shared += src.Shared
	dst.Stray += src.Stray
	dst.Held += src.Held
	dst.Limited += src.Limited
	dst.Judged += src.Judged
}

// fellPool says whether a counter is lower than it was.
func fellPool(now, was *event.PoolTally) bool {
	var a, b uint64
	for i := range now.Ops {
		a += now.Ops[i]
		b += was.Ops[i]
	}
	return a < b || now.Delay.Sum < was.Delay.Sum
}
