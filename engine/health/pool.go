// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// Pool is all virtual servers of one process: their servers, checks and
// quorums, and the table that the kernel is to have. It is not safe for use by
// two goroutines.
//
// Stories: a check.outcome, server.state, service.quorum and service.brake is
// its own root; its Cause names the event that led to it. The server.state of a
// sorry server and ipvs.applied belong to the story of their cause. So the chain
// of Causes leads from a quorum to the server that lost it and from there to
// the check that failed.
type Pool struct {
	// epoch and seq name the events.
	epoch, seq uint64
	// now and out are those of the Step that is going on.
	now event.Instant
	out *Output

	settings   *Settings
	config     event.Ref // the config.loaded event of settings
	generation uint32
	stopping   bool
	entropy    uint64

	services []*service // in the order of the configuration
	servers  []*server  // of all services, sorry servers included; the place is the ID
	byName   map[string]*service

	// checks has a slot for each CheckID; free are the ones without a check.
	checks []check
	free   []CheckID
	timers timers
	// perSecond is how many attempts there are in a second while all is well.
	perSecond float64
	objects   map[object][]CheckID
	// values, sessions, masters and present are what was last said of each.
	values   map[string]Value
	sessions map[string]Session
	masters  map[string]Master
	present  map[netip.Addr]bool
	// overrides are the weights that somebody asked for, nil for none.
	overrides map[event.Subject]int32

	kernel kernel
	daemon daemon
	limits limits
	// braked are the services that hold servers.
	braked []*service
	keep   keeper

	tally event.PoolTally
}

// New returns a Pool that is waiting for its first Configure. epoch goes into
// the Ref of every event, and is drawn at random when the process starts.
func New(epoch uint64) *Pool {
	return &Pool{
		epoch: epoch, byName: map[string]*service{}, objects: map[object][]CheckID{},
		values: map[string]Value{}, sessions: map[string]Session{}, masters: map[string]Master{},
		kernel: kernel{entries: map[ServiceKey]*entry{}},
	}
}

// Step gives the Pool one input at the time now and appends to out what is to
// be done and what happened. It cannot fail. now never goes back. A passing
// Outcome that changes nothing does not allocate.
func (p *Pool) Step(now event.Instant, in Input, out *Output) {
	p.now, p.out = max(p.now, now), out
	switch in := in.(type) {
	case Tick:
		p.tick()
	case *Outcome:
		p.outcome(in)
	case *Outcomes:
		for i := range in.List {
			p.outcome(&in.List[i])
		}
	case *Configure:
		p.configure(in)
	case Value:
		p.value(in)
	case Session:
		p.session(in)
	case *Kernel:
		p.kernelRead(in)
	case *Applied:
		p.applied(in)
	case *Addresses:
		p.addresses(in)
	case Master:
		p.master(in)
	case *SyncDone:
		p.syncDone(in)
	case *TimeoutsDone:
		p.timeoutsDone(in)
	case SetWeight:
		p.setWeight(in)
	case Stop:
		p.stop()
	}
	p.program()
	p.out = nil
}

// Deadline is when the Pool must next be stepped with Tick; ok is false if
// nothing is due ever.
func (p *Pool) Deadline() (at event.Instant, ok bool) {
	if p.stopping {
		return 0, false
	}
	at = p.timers.first()
	for _, due := range [...]event.Instant{p.kernel.readAt, p.daemon.retryAt, p.limits.retryAt} {
		at = sooner(at, due)
	}
	for _, s := range p.braked {
		at = sooner(at, s.brake.due)
	}
	return at, at != 0
}

// sooner is the earlier of two instants of which 0 means never.
func sooner(a, b event.Instant) event.Instant {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Stopped says that a Stop was given and that every Program and Sync is done.
func (p *Pool) Stopped() bool {
	return p.stopping && p.kernel.applied == p.kernel.batch && !p.daemon.busy
}

// tick does all that is due.
func (p *Pool) tick() {
	if p.stopping {
		return
	}
	for {
		due := p.timers.first()
		if due == 0 || due > p.now {
			break
		}
		id := p.timers.pop(p.checks)
		observe(&p.tally.Delay, p.now.Sub(due))
		p.checks[id].due = due
		p.begin(id)
	}
	if at := p.kernel.readAt; at != 0 && at <= p.now {
		p.readKernel(event.Drift)
	}
	if at := p.daemon.retryAt; at != 0 && at <= p.now {
		p.daemon.retryAt = 0
		p.follow(true, event.Ref{})
	}
	if at := p.limits.retryAt; at != 0 && at <= p.now {
		p.setTimeouts(p.limits.cause)
	}
	for _, s := range slices.Backward(p.braked) {
		if s.brake.due != 0 && s.brake.due <= p.now {
			p.release(s)
		}
	}
}

// emit publishes an event and returns its name.
func (p *Pool) emit(e event.Event) event.Ref {
	p.seq++
	e.Epoch, e.Seq, e.Origin = p.epoch, p.seq, event.RoleCheck
	if e.At == 0 {
		e.At = p.now
	}
	if len(e.Detail) > event.DetailMax {
		e.Detail = e.Detail[:event.DetailMax]
	}
	p.out.Events = append(p.out.Events, e)
	return e.Ref()
}

// act wants something done.
func (p *Pool) act(a Action) { p.out.Actions = append(p.out.Actions, a) }

// random is a number that is the same for the same check, turn and entropy
// (SplitMix64).
func (p *Pool) random(id CheckID, turn uint32) uint64 {
	x := p.entropy + (uint64(id)<<32|uint64(turn))*0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

// timer is one entry of the heap of deadlines.
type timer struct {
	due event.Instant
	id  CheckID
}

// timers is a heap of deadlines, least first, of four children each: with ten
// thousand checks setting one costs some seven comparisons. Each check knows its
// place in it, plus one; 0 means that it is not there.
type timers []timer

// first is the least deadline, 0 if there is none.
func (h timers) first() event.Instant {
	if len(h) == 0 {
		return 0
	}
	return h[0].due
}

// set moves the deadline of a check.
func (h *timers) set(checks []check, id CheckID, due event.Instant) {
	c := &checks[id]
	if c.place == 0 {
		*h = append(*h, timer{due, id})
		c.place = uint32(len(*h))
		h.up(checks, len(*h)-1)
		return
	}
	i := int(c.place) - 1
	was := (*h)[i].due
	(*h)[i].due = due
	if due < was {
		h.up(checks, i)
	} else {
		h.down(checks, i)
	}
}

// remove takes the deadline of a check out.
func (h *timers) remove(checks []check, id CheckID) {
	c := &checks[id]
	if c.place == 0 {
		return
	}
	i, last := int(c.place)-1, len(*h)-1
	moved := (*h)[last]
	*h = (*h)[:last]
	c.place = 0
	if i < last {
		(*h)[i] = moved
		checks[moved.id].place = uint32(i + 1)
		h.down(checks, i)
		h.up(checks, int(checks[moved.id].place)-1)
	}
}

// pop takes the least deadline out and returns whose it was.
func (h *timers) pop(checks []check) CheckID {
	id := (*h)[0].id
	h.remove(checks, id)
	return id
}

func (h timers) up(checks []check, i int) {
	t := h[i]
	for i > 0 {
		parent := (i - 1) / 4
		if h[parent].due <= t.due {
			break
		}
		h[i] = h[parent]
		checks[h[i].id].place = uint32(i + 1)
		i = parent
	}
	h[i] = t
	checks[t.id].place = uint32(i + 1)
}

func (h timers) down(checks []check, i int) {
	t := h[i]
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, len(h)); child++ {
			if h[child].due < h[least].due {
				least = child
			}
		}
		if h[least].due >= t.due {
			break
		}
		h[i] = h[least]
		checks[h[i].id].place = uint32(i + 1)
		i = least
	}
	h[i] = t
	checks[t.id].place = uint32(i + 1)
}
