// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/probe"
	"github.com/vigild/vigild/engine/sys/dial"
)

// probes are those under way that are more than a connection: each has a goroutine, and there is none for a check that
// rests.
type probes struct {
	loop *Loop
	// going ends them; waiting are those for which there is no room yet.
	going   map[health.CheckID]context.CancelFunc
	waiting []health.Probe
	// programs are those that the parent runs, by the name of the probe.
	programs map[health.CheckID]uint64
	running  int
}

// nameOf and partsOf make one number of a check and its turn, and take it apart.
func nameOf(p health.Probe) uint64 { return uint64(p.Check)<<32 | uint64(p.Serial) }

func partsOf(id uint64) (health.CheckID, uint32) { return health.CheckID(id >> 32), uint32(id) }

// begin starts one probe: exactly one outcome comes of it.
func (s *probes) begin(p health.Probe) {
	l := s.loop
	v, ok := l.pool.Check(p.Check)
	if !ok {
		return
	}
	c, ok := v.Check.Prober.(*probe.Check)
	switch {
	case v.Check.Kind == event.CheckerMisc:
		s.programs[p.Check] = nameOf(p)
		l.opts.Exec(nameOf(p), v.Check.Spec)
	case !ok:
		// The configuration gives every check what runs it.
		l.Input(&health.Outcome{Check: p.Check, Serial: p.Serial, Reason: event.FailLocalResource, Detail: "nothing runs this check"})
	case c.Fast():
		l.engine.Start(nameOf(p), &c.Target, c.Timeout)
	case s.running >= l.opts.Probes:
		s.waiting = append(s.waiting, p)
	default:
		s.launch(p, c)
	}
}

func (s *probes) launch(p health.Probe, c *probe.Check) {
	ctx, cancel := context.WithCancel(context.Background())
	s.running++
	s.going[p.Check] = cancel
	in := s.loop.inbox
	go func() {
		defer cancel()
		o := c.Prober.Probe(ctx, &c.Target)
		o.Check, o.Serial = p.Check, p.Serial
		in.outcome(&o)
	}()
}

// ended notes that n of them have ended, and starts what waits.
func (s *probes) ended(n int) {
	s.running -= n
	for s.running < s.loop.opts.Probes && len(s.waiting) > 0 {
		p := s.waiting[0]
		s.waiting = s.waiting[1:]
		if v, ok := s.loop.pool.Check(p.Check); ok && v.Serial == p.Serial {
			s.begin(p)
		}
	}
}

// forget ends the probe of a check that is no more.
func (s *probes) forget(id health.CheckID) {
	if cancel := s.going[id]; cancel != nil {
		cancel()
		delete(s.going, id)
	}
	if name, ok := s.programs[id]; ok {
		s.loop.opts.Forget(name)
		delete(s.programs, id)
	}
}

func (s *probes) close() {
	for _, cancel := range s.going {
		cancel()
	}
}

// connected is the outcome of a connection.
func connected(r *dial.Result) health.Outcome {
	o := probe.Connected(*r)
	o.Check, o.Serial = partsOf(r.ID)
	return o
}

// Ran brings the end of a program.
func (l *Loop) Ran(id uint64, r *ipc.Ran) {
	l.inbox.put(func() {
		check, serial := partsOf(id)
		if l.probes.programs[check] == id {
			delete(l.probes.programs, check)
		}
		v, ok := l.pool.Check(check)
		o := ranOutcome(r, ok && v.Check.Dynamic)
		o.Check, o.Serial = check, serial
		l.step(&o)
	})
}

// ranOutcome makes an outcome of the end of a program.
func ranOutcome(r *ipc.Ran, dynamic bool) health.Outcome {
	o := health.Outcome{Phase: event.PhaseScript, Status: int32(r.Status), Total: r.Took, Detail: r.Detail}
	switch why := r.Reason; {
	case why == event.ReasonNone:
		o.Pass, o.Phase = true, event.PhaseNone
	case why == event.FailExit && dynamic && r.Status >= 2 && r.Status <= 255:
		// compat: of misc_dynamic 0 means the configured weight, 1 a failure, and the rest are two more than the weight.
		o.Pass, o.Phase, o.HasWeight, o.Weight = true, event.PhaseNone, true, int32(r.Status)-2
	case why == event.FailExit:
		o.Reason = event.FailScriptExit
	case why == event.FailSignal:
		o.Reason, o.Detail = event.FailScriptExit, fmt.Sprintf("ended by signal %d (%s)", r.Signal, r.Detail)
	case why == event.FailTimeout:
		o.Reason = event.FailScriptTimeout
	default: // it could not be started
		o.Reason = event.FailLocalResource
	}
	return o
}
