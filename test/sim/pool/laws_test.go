// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// lawful checks what must be true of any stream of the pool: numbers without
// gaps, causes that came before, changes that begin where the last one ended,
// and quorums that are lost and gained by their arithmetic.
func lawful(events []event.Event) error {
	type key struct {
		epoch   uint64
		kind    event.Kind
		subject event.Subject
	}
	state := map[key]event.State{}
	seq := map[uint64]uint64{}
	for i := range events {
		e := &events[i]
		if e.Seq != seq[e.Epoch]+1 {
			return fmt.Errorf("event %d of epoch %d follows %d", e.Seq, e.Epoch, seq[e.Epoch])
		}
		seq[e.Epoch] = e.Seq
		for _, r := range []event.Ref{e.Cause, e.Root} {
			if r.Epoch == e.Epoch && (r.Seq == 0 || r.Seq >= e.Seq) {
				return fmt.Errorf("event %d is caused by %d", e.Seq, r.Seq)
			}
		}
		if e.Reason == event.ReasonNone {
			return fmt.Errorf("no reason: %s", text(e))
		}
		if err := arithmetic(e); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
		if e.Kind != event.ServerState && e.Kind != event.ServiceQuorum && e.Kind != event.ServiceBrake {
			continue
		}
		k := key{e.Epoch, e.Kind, e.Subject}
		if was, seen := state[k]; seen && !e.Snapshot && e.From != was && (e.From != event.StateNone || e.To != was) {
			return fmt.Errorf("it was %v: %s", was, text(e))
		} else if seen && e.Snapshot && e.To != was {
			return fmt.Errorf("event %d restates %v, it was %v", e.Seq, e.To, was)
		}
		state[k] = e.To
		if e.To == event.Deleted {
			delete(state, k)
			delete(state, key{e.Epoch, event.ServiceBrake, e.Subject})
		}
	}
	return nil
}

// arithmetic checks the weights of an event.
func arithmetic(e *event.Event) error {
	v := &e.Evidence.Check
	if e.Snapshot || e.To == event.Deleted || e.Reason == event.Shutdown {
		return nil
	}
	switch e.Kind { //nolint:exhaustive // the others have none
	case event.ServiceQuorum:
		if e.To == event.Down && v.Alive >= max(v.Quorum-v.Hysteresis, 1) && e.From == event.Up {
			return fmt.Errorf("a quorum of %d less %d is lost with %d", v.Quorum, v.Hysteresis, v.Alive)
		}
		if e.To == event.Up && v.Alive < v.Quorum {
			return fmt.Errorf("a quorum of %d is gained with %d", v.Quorum, v.Alive)
		}
	case event.ServerState:
		if e.To == event.Down && e.From != event.Down && !e.Subject.Sorry() && v.WeightNow != 0 {
			return fmt.Errorf("a server that went down has weight %d", v.WeightNow)
		}
		if v.ServersUp > v.Servers {
			return fmt.Errorf("%d of %d servers are up", v.ServersUp, v.Servers)
		}
	}
	return nil
}

// keeper checks what must be true after every command.
type keeper struct {
	last event.Counters
	life uint64
}

func (k *keeper) check(w *World) error {
	if w.pool == nil {
		return nil
	}
	var c event.Counters
	w.pool.Counters(w.now, &c)
	if err := sums(&c); err != nil {
		return err
	}
	if k.life == w.life && k.last.Generation == c.Generation {
		if err := grows(&k.last, &c); err != nil {
			return err
		}
	}
	k.last, k.life = c, w.life
	if err := wanted(w, &c); err != nil {
		return err
	}
	for id, serial := range w.inFlight {
		if v, ok := w.pool.Check(id); !ok || v.Serial != serial {
			return fmt.Errorf("the probe %d of check %d is nobody's", serial, id)
		}
	}
	if n := sum(c.Pool.InFlight[:]); int(n) != len(w.inFlight) {
		return fmt.Errorf("%d probes go on, and %d are counted", len(w.inFlight), n)
	}
	return nil
}

func sum[T uint32 | uint64](list []T) (n T) {
	for _, x := range list {
		n += x
	}
	return n
}

// sums checks that the counters of servers add up to those of their services.
func sums(c *event.Counters) error {
	alive, up := map[uint32]int64{}, map[uint32]uint32{}
	down := map[uint32]bool{}
	for _, t := range c.Checks {
		if !t.Up {
			down[t.Server] = true
		}
		if t.Failures > t.Attempts || uint64(t.Failing) > t.Failures {
			return fmt.Errorf("check %d failed %d times of %d, %d in a row", t.ID, t.Failures, t.Attempts, t.Failing)
		}
	}
	held := map[uint32]bool{}
	for _, t := range c.Servers {
		if t.State != event.Down && down[t.ID] {
			held[t.Service] = true
		}
		if t.State == event.Up {
			up[t.Service]++
			alive[t.Service] += int64(t.Weight)
		}
		s := &c.Services[t.Service]
		if t.State == event.Up && down[t.ID] && !s.Braked {
			return fmt.Errorf("server %d is UP and a check of it is DOWN", t.ID)
		}
		if t.State == event.Down && !down[t.ID] && !sorryIs(c, t) {
			return fmt.Errorf("server %d is DOWN and all of its checks are UP", t.ID)
		}
		if (t.State == event.Disabled) != s.Suspended && !sorryIs(c, t) {
			return fmt.Errorf("server %d is %v, suspended: %v", t.ID, t.State, s.Suspended)
		}
	}
	for _, s := range c.Services {
		if s.Sorry {
			up[s.ID]--
		}
		if s.Suspended {
			continue
		}
		if up[s.ID] != s.Up || !s.Sorry && alive[s.ID] != s.Alive {
			return fmt.Errorf("service %d has %d up of weight %d, and counts %d of %d", s.ID, up[s.ID], alive[s.ID], s.Up, s.Alive)
		}
		if s.Braked && !held[s.ID] {
			return fmt.Errorf("service %d is braked and holds nobody", s.ID)
		}
		if s.Sorry && s.State == event.Up {
			return fmt.Errorf("service %d is UP with its sorry server", s.ID)
		}
	}
	return nil
}

// sorryIs tells sorry servers: they have no checks and weight 1 at most, and the
// servers without checks of the tests never go down.
func sorryIs(c *event.Counters, t event.ServerTally) bool {
	for _, x := range c.Checks {
		if x.Server == t.ID {
			return false
		}
	}
	return true
}

// grows checks that no counter fell.
func grows(a, b *event.Counters) error {
	for i := range a.Services {
		x, y := &a.Services[i], &b.Services[i]
		if y.Gained < x.Gained || y.Lost < x.Lost || y.Held < x.Held {
			return fmt.Errorf("a counter of service %d fell", x.ID)
		}
	}
	for i := range a.Servers {
		if b.Servers[i].Changes < a.Servers[i].Changes {
			return fmt.Errorf("a counter of server %d fell", i)
		}
	}
	for i := range a.Checks {
		x, y := &a.Checks[i], &b.Checks[i]
		if y.Attempts < x.Attempts || y.Failures < x.Failures || y.Retries < x.Retries {
			return fmt.Errorf("a counter of check %d fell", x.ID)
		}
	}
	for i := range a.Pool.Ops {
		if b.Pool.Ops[i] < a.Pool.Ops[i] || b.Pool.Errors[i] < a.Pool.Errors[i] || b.Pool.Drift[i] < a.Pool.Drift[i] {
			return fmt.Errorf("a counter of %v fell", event.IPVSOp(i))
		}
	}
	return nil
}

// wanted checks that no server that is down is to have weight, and that a
// service with a server that is up and weighs something is not to be empty.
func wanted(w *World, c *event.Counters) error {
	for _, e := range w.pool.Wanted() {
		var service event.ServiceTally
		weighs := false
		for _, d := range e.Dests {
			s, r := w.pool.Locate(e.Service.ServiceKey, d)
			if s < 0 || r < 0 {
				return fmt.Errorf("%v of %s is nobody's", d.Addr, serviceText(&e.Service))
			}
			service = c.Services[s]
			t := c.Servers[r]
			weighs = weighs || d.Weight > 0
			if d.Weight > 0 && t.State == event.Down {
				return fmt.Errorf("server %v is DOWN and is to have weight %d", d.Addr, d.Weight)
			}
			if d.Weight > 0 && d.Weight != t.Weight && t.State != event.Disabled {
				return fmt.Errorf("server %v weighs %d and is to have %d", d.Addr, t.Weight, d.Weight)
			}
		}
		at, _ := w.pool.Locate(e.Service.ServiceKey, health.Destination{})
		service = c.Services[at]
		if !weighs && service.Alive > 0 && service.State == event.Up {
			return fmt.Errorf("%s is to be empty with %d alive", serviceText(&e.Service), service.Alive)
		}
	}
	return nil
}

// fresh checks that every check that does not rest was run of late.
func fresh(w *World, c *event.Counters) error {
	for _, t := range c.Checks {
		s := &c.Services[c.Servers[t.Server].Service]
		if t.Checker == event.CheckerFile || t.Checker == event.CheckerBFD || s.Suspended {
			continue
		}
		if !t.Run && t.Attempts == 0 || w.now.Sub(t.LastRun) > 20*time.Second {
			return fmt.Errorf("check %d was not run for %v", t.ID, w.now.Sub(t.LastRun))
		}
	}
	return nil
}

// settled checks that the kernel has what is wanted, and what others put there.
func settled(w *World, others []health.ServiceKey) error {
	ours := map[health.ServiceKey]bool{}
	for _, e := range w.pool.Wanted() {
		ours[e.Service.ServiceKey] = true
	}
	for _, key := range others {
		if w.kernel.find(key) == nil {
			return fmt.Errorf("a service of somebody else is gone")
		}
	}
	if ops := health.Diff(w.pool.Wanted(), w.kernel.read()); len(ops) > 0 {
		return fmt.Errorf("the kernel lacks %d operations, the first is %s", len(ops), opText(&ops[0]))
	}
	if w.lost {
		return nil
	}
	for _, e := range w.kernel.table {
		if key := e.Service.ServiceKey; !ours[key] && key.Port != 9 {
			return fmt.Errorf("%s was left in the kernel", serviceText(&e.Service))
		}
	}
	return nil
}
