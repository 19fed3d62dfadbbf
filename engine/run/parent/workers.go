// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"
	"syscall"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
)

// launch starts a worker and asks it to prepare g.
func (p *Loop) launch(w *worker, g *Generation) {
	run, err := p.o.Launcher.Launch(w.role, g)
	if err != nil {
		w.patience.short++
		p.publish(&event.Event{
			Kind: event.WorkerLost, Subject: w.subject(), To: event.Down, Reason: event.FailSpawn, Detail: err.Error(),
		})
		if p.gen == nil {
			p.fail(ExitFatal)
			return
		}
		w.again = time.Now().Add(w.patience.next(0, false))
		return
	}
	w.run, w.phase, w.started = run, preparing, p.o.Clock.Now()
	w.life, w.end = context.WithCancel(context.Background())
	w.bye, w.asked, w.killed, w.gone = false, false, false, make(chan struct{})
	w.epoch, w.last, w.replacing = 0, time.Time{}, false
	for _, d := range run.Denied {
		key := w.role.String() + d.Error()
		if p.denied[key] {
			continue // it was said
		}
		p.denied[key] = true
		p.publish(&event.Event{Kind: event.PrivilegeDenied, Subject: w.subject(), Reason: event.FailPermission, Detail: d.Error()})
	}
	if p.o.Started != nil {
		p.o.Started(w.role, run.PID)
	}
	go p.pump(run)
	run.Link.Send(ipc.Frame{Type: ipc.Hello, Protocol: ipc.Protocol, Role: event.RoleParent, Epoch: p.out.Epoch()})
	if err := p.send(w, g); err != nil {
		p.publish(&event.Event{Kind: event.ConfigRejected, Subject: p.subject(), Reason: event.FailKernel, Detail: err.Error()})
		p.kill(w)
	}
}

// pump brings a worker's frames and its end to the loop.
func (p *Loop) pump(run *Running) {
	for f := range run.Link.Frames() {
		select {
		case p.frames <- fromWorker{run: run, frame: f}:
		case <-p.done:
			return
		}
	}
	select {
	case p.frames <- fromWorker{run: run, closed: true}:
	case <-p.done:
		return
	}
	<-run.Done
	select {
	case p.exits <- run:
	case <-p.done:
	}
}

// of finds the worker that a Running belongs to; nil if that life is over.
func (p *Loop) of(run *Running) *worker {
	for _, w := range p.workers {
		if w.run == run {
			return w
		}
	}
	return nil
}

// hear dispatches one frame of a worker.
func (p *Loop) hear(m fromWorker) {
	w := p.of(m.run)
	if w == nil {
		m.frame.Drop()
		return
	}
	if m.closed {
		// A worker without a link cannot be supervised. One that said goodbye
		// is about to end.
		if !w.bye {
			p.kill(w)
		}
		return
	}
	f := &m.frame
	if w.role != event.RoleCheck || f.Type != ipc.Tallies && f.Type != ipc.Rows && f.Type != ipc.Result {
		f.Drop() // nobody else has any to give
	}
	switch f.Type {
	case ipc.Hello:
		w.epoch = f.Epoch
	case ipc.Ready:
		p.prepared(w, f)
	case ipc.Events:
		p.relay(w, f)
	case ipc.Tallies:
		if w.role == event.RoleCheck {
			p.counters(f)
			return
		}
		p.tallies(f)
	case ipc.Result:
		p.result(w, f)
	case ipc.TallyPlease, ipc.SnapshotPlease:
		p.please(w, f)
	case ipc.Ack:
		p.journal.ack(f.Ref)
	case ipc.Command:
		p.command(f)
	case ipc.Bye:
		w.bye = true
	case ipc.Rows, ipc.Exec:
		if w.role != event.RoleCheck {
			f.Drop()
			p.kill(w)
			return
		}
		if f.Type == ipc.Rows {
			p.describe(f)
			return
		}
		p.exec(w, f)
	case ipc.Prepare, ipc.Commit, ipc.ExecDone, ipc.Input:
		// Only the parent may say these: a worker that does is out of its mind.
		p.kill(w)
	}
}

// kill ends a worker that cannot be talked to.
func (p *Loop) kill(w *worker) {
	if w.run == nil || w.killed {
		return
	}
	w.killed = true
	if err := w.run.Signal(syscall.SIGKILL); err != nil {
		p.publish(&event.Event{Kind: event.PrivilegeDenied, Subject: w.subject(), Reason: event.FailKernel, Detail: err.Error()})
	}
}

// exited takes the end of a worker.
func (p *Loop) exited(run *Running) {
	w := p.of(run)
	if w == nil {
		return
	}
	x := run.Exit()
	run.Link.Close()
	w.end()
	now := p.o.Clock.Now()
	lived := now.Sub(w.started)
	if w.phase == active || w.lost == 0 {
		w.lost = now
	}
	w.run, w.phase = nil, away
	close(w.gone)
	if w.asked && x.OK() {
		return // as it should be
	}
	e := lossOf(w.role, x, lived)
	p.publish(&e)
	if p.stopping {
		return
	}
	if w.replacing && p.trying != nil {
		p.launch(w, p.trying.gen)
		return
	}
	if fatalExit(x) || p.o.NoRespawn || p.gen == nil {
		p.fail(max(x.Status, ExitFatal))
		return
	}
	if p.trying != nil && p.trying.gen != nil {
		p.reject("worker " + w.role.String() + " was lost while it prepared")
	}
	wait := w.patience.next(lived, x.Signal == syscall.SIGKILL || x.Signal == syscall.SIGTERM)
	if wait == 0 {
		p.restart(w)
		return
	}
	w.again = time.Now().Add(wait)
}

// restart starts a worker again with the generation in force.
func (p *Loop) restart(w *worker) {
	w.again = time.Time{}
	if w.alive() {
		return
	}
	p.launch(w, p.gen)
}

// commit tells a worker that is ready to go over to the generation in force.
func (p *Loop) commit(w *worker) {
	if w == nil || !w.alive() || w.phase < standing {
		return
	}
	f := ipc.Frame{Type: ipc.Commit, Gen: p.gen.Number, Ref: p.cause}
	fresh := w.phase == standing
	since, lost := w.started, w.lost != 0
	if lost {
		since = w.lost
	}
	started := event.Event{Kind: event.WorkerStarted, Subject: w.subject(), To: event.Up, Took: p.o.Clock.Now().Sub(since)}
	switch w.role {
	case event.RoleVRRP:
		if fresh && lost {
			f.Resume = p.resume(started.Took)
		}
		if fresh {
			p.forewarn(w)
		}
		w.run.Link.Send(f)
		if fresh {
			p.retell(w)
		}
	case event.RoleObserve:
		if fresh && lost {
			p.remind(w)
		}
		w.run.Link.Send(ipc.Frame{Type: ipc.Rows, Gen: p.gen.Number, Rows: p.gen.rows, Final: true})
		if fresh {
			p.tellRows(w)
		}
		w.run.Link.Send(f)
		if fresh {
			p.replay(w)
		}
	case event.RoleBFD:
		if fresh && lost {
			p.sessionsUp(&f)
		}
		w.run.Link.Send(f)
	case event.RoleCheck:
		if fresh {
			p.brief(w, lost)
		}
		w.run.Link.Send(f)
	case event.RoleParent:
	}
	w.phase = active
	if fresh {
		p.publish(&started)
	}
}

// resume says what a lost vrrp worker was doing, and whether its successor is
// back before any peer could notice.
func (p *Loop) resume(away time.Duration) []ipc.Resumed {
	var out []ipc.Resumed
	for _, in := range p.ledger.View().Instances {
		interval := p.gen.Adverts[in.Row.Subject.Name]
		out = append(out, ipc.Resumed{
			Name: in.Row.Subject.Name, State: in.State, Within: interval > 0 && away < interval,
		})
	}
	return out
}
