// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/simulate"
)

// epoch is the simulated moment at which every World begins: far enough from
// zero that zero can mean never, and a wall clock to go with it.
const (
	epoch     = event.Instant(1000 * time.Second)
	epochWall = int64(1_750_000_000_000_000_000)
	// parent is the epoch of the events of other roles.
	parent = uint64(99)
)

// condition is what the probes of a check say.
type condition struct {
	reason    event.Reason // none while it passes
	status    int32
	weight    int32
	hasWeight bool
	took      time.Duration
}

// spot names a check: a server's address and which of its checks.
type spot struct {
	server netip.AddrPort
	index  int
}

// World is one host with its pool, its kernel and the servers that it watches.
type World struct {
	now    event.Instant
	agenda simulate.Agenda

	pool    *health.Pool // nil while no process runs
	out     health.Output
	life    uint64 // counts processes, and is the epoch of their events
	kernel  kernel
	applied uint64 // the last batch that the kernel did
	busy    bool   // it does one
	batches []func()
	lost    bool // a process died before the kernel had done what it was told
	netlink time.Duration

	spots   map[spot]condition
	present []netip.Addr
	masters []health.Master
	values  []health.Value
	session []health.Session
	weights []health.SetWeight // since the daemon was started
	cause   uint64

	last []health.Resume // how it stood when the process was killed

	events []event.Event
	// inFlight are the probes whose outcome is outstanding.
	inFlight map[health.CheckID]uint32
	log      log
	err      error
}

func newWorld() *World {
	return &World{now: epoch, spots: map[spot]condition{}, inFlight: map[health.CheckID]uint32{}}
}

// after makes something happen later.
func (w *World) after(d time.Duration, do func()) {
	w.agenda.Add(w.now.Add(d), do)
}

// outside is the name of an event of another role.
func (w *World) outside() event.Ref {
	w.cause++
	return event.Ref{Epoch: parent, Seq: w.cause}
}

// fail notes that something went wrong which must not.
func (w *World) fail(err error) {
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("at %.3f: %w", w.now.Sub(epoch).Seconds(), err)
	}
}

// run lets d pass.
func (w *World) run(d time.Duration) {
	end := w.now.Add(d)
	for w.err == nil {
		at, ok := end, false
		if first, some := w.agenda.Next(); some && first <= end {
			at, ok = first, true
		}
		if w.pool != nil {
			if due, has := w.pool.Deadline(); has && due <= at {
				if due < at || !ok {
					w.now = max(w.now, due)
					w.step(health.Tick{})
					continue
				}
			}
		}
		if !ok {
			break
		}
		w.now = max(w.now, at)
		w.agenda.Do()
	}
	w.now = end
}

// step gives the pool an input and does what it wants.
func (w *World) step(in health.Input) {
	if w.pool == nil {
		return
	}
	w.pool.Step(w.now, in, &w.out)
	actions, probes, events := slices.Clone(w.out.Actions), slices.Clone(w.out.Probes), slices.Clone(w.out.Events)
	w.out.Reset()
	for i := range actions {
		w.act(&actions[i])
	}
	for _, b := range probes {
		w.probe(b)
	}
	w.publish(events)
}

func (w *World) publish(events []event.Event) {
	for i := range events {
		e := &events[i]
		e.Wall = epochWall + int64(e.At.Sub(epoch))
		w.events = append(w.events, *e)
		w.log.event(w, e)
	}
}

// act does one action.
func (w *World) act(a *health.Action) {
	life := w.life
	alive := func() bool { return w.pool != nil && w.life == life }
	switch a.Kind {
	case health.Forget:
		delete(w.inFlight, a.Check)
	case health.Program:
		start := w.now
		w.log.ops(w, a)
		w.inTurn(func() {
			failed, err := w.kernel.batch(a.Ops)
			w.fail(err)
			if alive() {
				w.applied = a.Batch
				w.step(&health.Applied{Batch: a.Batch, Count: len(a.Ops) - len(failed), Start: start, End: w.now, Failed: failed})
			}
		}, w.netlink)
	case health.ReadKernel:
		w.inTurn(func() {
			if alive() {
				w.step(&health.Kernel{Available: !w.kernel.absent, Table: w.kernel.read(), After: w.applied})
			}
		}, 0)
	case health.Sync:
		w.log.line(w, "> sync_daemon master=%v backup=%v", a.Daemon.Master, a.Daemon.Backup)
		w.inTurn(func() {
			if alive() {
				w.step(&health.SyncDone{Master: a.Daemon.Master, Backup: a.Daemon.Backup, Start: w.now, End: w.now})
			}
		}, 0)
	case health.SetTimeouts:
		w.inTurn(func() {
			if alive() {
				w.step(&health.TimeoutsDone{Start: w.now, End: w.now})
			}
		}, 0)
	}
}

// inTurn lets the kernel do one thing after the other.
func (w *World) inTurn(do func(), takes time.Duration) {
	life := w.life
	run := func() {
		w.busy = true
		w.after(takes, func() {
			if w.life != life {
				do() // what the kernel was at when the process died
				return
			}
			w.busy = false
			do()
			if len(w.batches) > 0 && !w.busy {
				next := w.batches[0]
				w.batches = w.batches[1:]
				next()
			}
		})
	}
	if w.busy {
		w.batches = append(w.batches, run)
		return
	}
	run()
}

// probe does one attempt of a check.
func (w *World) probe(b health.Probe) {
	v, ok := w.pool.Check(b.Check)
	if !ok {
		w.fail(fmt.Errorf("a probe of check %d, which is none", b.Check))
		return
	}
	if _, twice := w.inFlight[b.Check]; twice {
		w.fail(fmt.Errorf("a second probe of %s", v.Subject.Sub))
	}
	w.inFlight[b.Check] = b.Serial
	c := w.spots[spot{v.Server.Addr, w.index(v)}]
	w.log.probe(w, &v, b)
	life := w.life
	w.after(c.took, func() {
		if w.life != life || w.inFlight[b.Check] != b.Serial {
			return
		}
		delete(w.inFlight, b.Check)
		o := &health.Outcome{Check: b.Check, Serial: b.Serial, Pass: c.reason == event.ReasonNone, Total: c.took, Status: c.status}
		o.Phases[1] = c.took
		if !o.Pass {
			o.Reason, o.Phase = c.reason, event.PhaseConnect
		}
		o.Weight, o.HasWeight = c.weight, c.hasWeight
		w.step(o)
	})
}

// index is which check of its server it is.
func (w *World) index(v health.CheckView) int {
	for i := range v.Server.Checks {
		if &v.Server.Checks[i] == v.Check {
			return i + 1
		}
	}
	return 0
}

// start begins a process. resume says how it stood before.
func (w *World) start(set *health.Settings, resume []health.Resume) {
	w.life++
	w.pool, w.applied = health.New(w.life), 0
	clear(w.inFlight)
	w.batches, w.busy = nil, false
	w.step(&health.Addresses{Present: w.present})
	for _, m := range w.masters {
		w.step(m)
	}
	for _, v := range w.values {
		w.step(v)
	}
	for _, s := range w.session {
		w.step(s)
	}
	if resume == nil {
		w.weights = nil // the whole daemon is new
	}
	for _, in := range w.weights {
		w.step(in)
	}
	w.step(&health.Configure{Settings: set, Cause: w.outside(), Entropy: 1, Resume: resume})
}

// states is what a ledger would say of each server now.
func (w *World) states() []health.Resume {
	out := []health.Resume{}
	var snap health.Output
	for from, more := 0, true; more; {
		from, more = w.pool.Snapshot(w.now, from, 3, &snap)
	}
	for i := range snap.Events {
		e := &snap.Events[i]
		if (e.Kind == event.ServerState || e.Kind == event.ServiceQuorum) && !e.Subject.Sorry() {
			out = append(out, health.Resume{Server: e.Subject, State: e.To, Weight: int32(e.Evidence.Check.WeightNow), HasWeight: true, Since: e.At})
		}
	}
	return out
}
