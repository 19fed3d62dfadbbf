// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/track"
)

// programsMost is how many programs of MISC_CHECK run at once. Those beyond
// wait for their turn, and their time begins with it.
const programsMost = 256

// waitingMost bounds those that wait: beyond, a program counts as one that
// could not be started.
const waitingMost = 1 << 16

// programs are those that the check worker asks for. It asks by name: only what
// the configuration has is ever run.
type programs struct {
	known   map[string]*track.ScriptSettings
	running int
	waiting []order
	// going ends those that wait or run.
	going map[asked]context.CancelFunc
	ended chan outcome
	run   func(context.Context, *track.ScriptSettings) track.Report
}

// asked is who asked for a program, and how he calls it.
type asked struct {
	who *Running
	id  uint64
}

// order is one program to be run for a worker.
type order struct {
	who  *Running
	ctx  context.Context //nolint:containedctx // until nobody wants it any more, or the worker that asked is gone
	id   uint64
	what *track.ScriptSettings
}

// outcome is the end of one.
type outcome struct {
	order  order
	report track.Report
}

// use goes over to the programs of a generation. What runs goes on to its end.
func (r *programs) use(list []track.ScriptSettings) {
	r.known = make(map[string]*track.ScriptSettings, len(list))
	for i := range list {
		r.known[list[i].Name] = &list[i]
	}
}

// exec takes an order of the check worker; one without a name takes an order back.
func (p *Loop) exec(w *worker, f *ipc.Frame) {
	r := &p.programs
	o := order{who: w.run, ctx: w.life, id: f.ID, what: r.known[f.Name]}
	if f.Name == "" {
		p.forget(asked{w.run, f.ID})
		return
	}
	switch {
	case o.what == nil:
		// It asks by a generation that is not in force any more.
		p.ran(outcome{o, track.Report{Reason: event.FailSpawn, Status: -1, Detail: "the configuration has no such program"}})
	case len(r.waiting) >= waitingMost:
		p.ran(outcome{o, track.Report{Reason: event.FailOverflow, Status: -1, Detail: "too many programs wait for their turn"}})
	default:
		var end context.CancelFunc
		o.ctx, end = context.WithCancel(w.life)
		if r.going == nil {
			r.going = map[asked]context.CancelFunc{}
		}
		r.going[asked{o.who, o.id}] = end
		r.waiting = append(r.waiting, o)
		p.next()
	}
}

// forget ends a program, with its children, or takes it out of the queue when its
// turn comes.
func (p *Loop) forget(a asked) {
	if end := p.programs.going[a]; end != nil {
		end()
		delete(p.programs.going, a)
	}
}

// next starts what waits while there is room.
func (p *Loop) next() {
	r := &p.programs
	for r.running < programsMost && len(r.waiting) > 0 {
		o := r.waiting[0]
		r.waiting[0] = order{}
		r.waiting = r.waiting[1:]
		if o.ctx.Err() != nil {
			p.forget(asked{o.who, o.id}) // who asked is gone
			continue
		}
		r.running++
		go func() {
			out := outcome{o, r.run(o.ctx, o.what)}
			select {
			case r.ended <- out:
			case <-p.done:
			}
		}()
	}
	if len(r.waiting) == 0 {
		r.waiting = nil
	}
}

// finished takes the end of a program.
func (p *Loop) finished(o outcome) {
	p.programs.running--
	p.ran(o)
	p.forget(asked{o.order.who, o.order.id})
	p.next()
}

// ran tells the worker, if it is still the one that asked.
func (p *Loop) ran(o outcome) {
	if o.order.ctx.Err() != nil || p.of(o.order.who) == nil {
		return
	}
	r := &o.report
	done := ipc.Ran{Status: r.Status, Reason: r.Reason, Took: r.Took, Detail: r.Detail}
	if r.Reason == event.FailSignal {
		done.Signal = r.Status
	}
	o.order.who.Link.Send(ipc.Frame{Type: ipc.ExecDone, ID: o.order.id, Ran: &done})
}
