// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"
	"encoding/json"
	"os"
	"syscall"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// Watcher watches tracked objects: track.Set.
type Watcher interface {
	Configure(*track.Settings) error
	Close()
}

// Answer is what a Command of the observe role is answered.
type Answer struct {
	Body json.RawMessage
	// Files go along and are closed here.
	Files []*os.File
	Err   error
}

// Options is what the parent's loop needs from outside.
type Options struct {
	Clock    role.Clock
	Launcher Launcher
	// Load reads the configuration anew.
	Load func() (*Generation, error)
	// Watch makes the trackers.
	Watch func(report func(track.Report)) Watcher
	// Readers are the parent's own exits: the log, notify scripts, FIFOs.
	Readers []role.Reader
	// Said is where the Readers' own events (notify.sent, exec.done) come from.
	Said <-chan event.Event
	// Settle waits, at most until ctx is done, for what the Readers still do.
	Settle  func(ctx context.Context)
	Signals <-chan os.Signal
	// Tell talks to the service manager: READY=1 and so on; nil for nobody.
	// Watchdog is the interval of WATCHDOG=1, 0 for none.
	Tell     func(state string)
	Watchdog time.Duration
	// Dump writes the dump files for a signal that asks for neither a stop nor a
	// reload.
	Dump func(sig os.Signal, v *ledger.View)
	// Commands are the requests that the observe role may make. They run in
	// goroutines of their own.
	Commands map[string]func(ctx context.Context, body json.RawMessage) Answer
	// Exits says what the parent's exits count; it goes to the observe role with
	// the counters. Nil for nothing.
	Exits func() json.RawMessage
	// Started is told the pid of each worker.
	Started func(role event.Role, pid int)
	// NoRespawn ends the parent when a worker ends (--dont-respawn).
	NoRespawn bool
}

// Loop keeps the workers running and brings everybody the configuration,
// the events of the others, and the outcome of programs.
type Loop struct {
	o       Options
	out     *role.Producer
	ledger  *ledger.Ledger
	journal journal
	workers map[event.Role]*worker
	watch   *watching
	// gen is in force, trying is being prepared.
	gen     *Generation
	trying  *trial
	numbers int
	// cause is the config.loaded event of gen.
	cause event.Ref
	// again asks for another reload after the present one. asking are the ids of
	// the requests that wait for the outcome of the present one, askingNext of
	// those that came too late for it.
	again              bool
	asking, askingNext []uint64
	// by is who asked for the reload that goes on, empty for a signal; byNext for
	// the next.
	by, byNext string
	// last holds the newest report of each tracked object, for a vrrp worker
	// that is restarted.
	last map[event.Subject]ipc.Frame
	// seen are the newest numbers per epoch, to find holes.
	seen  map[uint64]uint64
	dumps map[uint64]os.Signal
	// shares are how many workers have yet to answer a request.
	shares map[uint64]int
	// servers is what the check worker was doing, for one that is restarted;
	// serverRows is the description that the last one gave.
	servers map[event.Subject]ipc.Resumed
	// weights are those that somebody asked for, as the check role hears of them.
	weights    map[event.Subject]ipc.Frame
	serverRows *os.File
	// serverRowsID is the configuration that they describe, as the counters name it.
	serverRowsID uint64
	programs     programs
	nextID       uint64
	// denied are the refusals that were said.
	denied map[string]bool

	frames  chan fromWorker
	exits   chan *Running
	reports chan track.Report
	loaded  chan loadResult
	drafts  chan *os.File
	answers chan ipc.Frame
	// done releases everyone who waits to hand something to the loop.
	done chan struct{}
	// timer is for the next restart, the end of a trial, and the watchdog.
	timer    *time.Timer
	stopping bool
	ready    bool
	beat     time.Time
	status   int
}

// fromWorker is a frame, or with closed the end of the link.
type fromWorker struct {
	run    *Running
	frame  ipc.Frame
	closed bool
}

// New returns a Loop that has done nothing yet.
func New(o Options) *Loop {
	return &Loop{
		o: o, out: role.NewProducer(event.RoleParent, o.Clock), ledger: ledger.New(),
		workers: make(map[event.Role]*worker), last: map[event.Subject]ipc.Frame{}, seen: map[uint64]uint64{},
		dumps: map[uint64]os.Signal{}, denied: map[string]bool{}, shares: map[uint64]int{}, servers: map[event.Subject]ipc.Resumed{}, weights: map[event.Subject]ipc.Frame{},
		programs: programs{ended: make(chan outcome, 64), run: track.Once},
		frames:   make(chan fromWorker, 64), exits: make(chan *Running, 8), reports: make(chan track.Report, 64),
		drafts: make(chan *os.File), loaded: make(chan loadResult, 1), answers: make(chan ipc.Frame, 8), done: make(chan struct{}),
		timer: time.NewTimer(time.Hour),
	}
}

// Run starts the workers of the first generation and supervises until a
// signal or a worker that cannot go on ends it. It returns the exit status.
func (p *Loop) Run(first *Generation) int {
	defer close(p.done)
	defer p.timer.Stop()
	p.watch = newWatching(p)
	p.try(first, p.o.Clock.Now())
	for !p.stopping {
		p.step(nil, nil)
	}
	p.shutdown()
	return p.status
}

// step waits for one thing and does it; false when the deadline or the end of
// what is waited for came first.
func (p *Loop) step(deadline <-chan time.Time, over <-chan struct{}) bool {
	p.timer.Reset(p.untilDue())
	select {
	case <-deadline:
		return false
	case <-over:
		return false
	case m := <-p.frames:
		p.hear(m)
	case r := <-p.exits:
		p.exited(r)
	case r := <-p.reports:
		p.report(r)
	case err := <-p.watch.faults:
		p.publish(&event.Event{
			Kind: event.PrivilegeDenied, Subject: workerSubject(event.RoleParent), Reason: event.FailKernel, Detail: err.Error(),
		})
	case e := <-p.o.Said:
		p.publish(&e)
	case o := <-p.programs.ended:
		p.finished(o)
	case f := <-p.answers:
		p.answer(f)
	case f := <-p.drafts:
		p.draft(f)
	case l := <-p.loaded:
		p.loadedOne(l)
	case s := <-p.o.Signals:
		p.signal(s)
	case <-p.timer.C:
		p.due()
	}
	return true
}

// until goes on until a channel is closed, for at most limit.
func (p *Loop) until(limit time.Duration, over <-chan struct{}) bool {
	t := time.NewTimer(limit)
	defer t.Stop()
	for p.step(t.C, over) {
	}
	return isClosed(over)
}

func (p *Loop) signal(s os.Signal) {
	switch s {
	case syscall.SIGTERM, syscall.SIGINT:
		p.stopping = true
	case syscall.SIGHUP:
		p.reload()
	default:
		p.dump(s)
	}
}

// dump asks for fresh counters and writes the file when they have come.
func (p *Loop) dump(s os.Signal) {
	if p.o.Dump == nil {
		return
	}
	if w := p.workers[event.RoleVRRP]; w != nil && w.phase == active {
		p.nextID++
		id := p.nextID | ownID
		p.dumps[id] = s
		w.run.Link.Send(ipc.Frame{Type: ipc.TallyPlease, ID: id})
		return
	}
	p.o.Dump(s, p.ledger.View())
}

// ownID marks requests of the parent itself among those that it forwards.
const ownID = 1 << 63

// untilDue is how long the loop may wait when nothing else happens.
func (p *Loop) untilDue() time.Duration {
	next := time.Now().Add(time.Hour)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if p.o.Watchdog > 0 && p.ready {
		earlier(p.beat.Add(p.o.Watchdog))
	}
	if p.trying != nil {
		earlier(p.trying.deadline)
		if !p.trying.wondered && p.trying.gen != nil {
			earlier(p.trying.deadline.Add(patient - prepareTime))
		}
	}
	if !p.stopping {
		for _, w := range p.workers {
			earlier(w.again)
			earlier(w.last)
		}
	}
	return max(time.Until(next), 0)
}

// due does what its time has come for.
func (p *Loop) due() {
	now := time.Now()
	if p.o.Watchdog > 0 && p.ready && now.Sub(p.beat) >= p.o.Watchdog {
		p.beat = now
		p.tell("WATCHDOG=1")
	}
	switch t := p.trying; {
	case t == nil:
	case !now.Before(t.deadline):
		p.expire()
	case t.gen != nil && !t.wondered && !now.Before(t.deadline.Add(patient-prepareTime)):
		p.wonder()
	}
	if p.stopping {
		return
	}
	for _, w := range p.workers {
		if !w.last.IsZero() && !now.Before(w.last) {
			w.last = time.Time{}
			p.kill(w)
		}
		if !w.again.IsZero() && !now.Before(w.again) {
			p.restart(w)
		}
	}
}

func (p *Loop) tell(state string) {
	if p.o.Tell != nil {
		p.o.Tell(state)
	}
}

// publish says an event of the parent itself.
func (p *Loop) publish(e *event.Event) event.Ref {
	p.out.Stamp(e)
	p.spread([]event.Event{*e})
	return e.Ref()
}

// spread tells everybody: the ledger, the parent's exits, the observe role.
func (p *Loop) spread(es []event.Event) {
	if len(es) == 0 {
		return
	}
	for i := range es {
		p.ledger.Apply(&es[i])
	}
	p.journal.add(es)
	if w := p.workers[event.RoleObserve]; w != nil && w.phase == active {
		w.run.Link.Publish(es)
	}
	if len(p.o.Readers) == 0 {
		return
	}
	v := p.ledger.View()
	for _, r := range p.o.Readers {
		r.Events(v, es)
	}
}

// shutdown takes everything down in keepalived's order.
func (p *Loop) shutdown() {
	p.tell("STOPPING=1")
	close(p.watch.wanted)
	p.until(2*proc.Grace, p.watch.ended)
	wait := stopVRRP
	if p.gen != nil && p.gen.StopWait > 0 {
		wait = p.gen.StopWait
	}
	p.endWorker(event.RoleVRRP, wait)
	p.endWorker(event.RoleCheck, wait)
	p.endWorker(event.RoleBFD, stopBFD)
	p.endPrograms()
	p.settle()
	p.endWorker(event.RoleObserve, stopObserve)
	if p.trying != nil {
		p.trying.gen.close()
	}
	if p.gen != nil {
		p.gen.close()
	}
	p.forgetRows()
}

const (
	// stopVRRP is the default of child_wait_time (compat), stopObserve leaves 2 s for mails,
	// webhooks and traces, stopPrograms is what a STOP script may take (compat).
	stopVRRP     = 5 * time.Second
	stopObserve  = 3 * time.Second
	stopBFD      = time.Second
	stopPrograms = time.Second
	// killed is how long the end of a process that was killed may take.
	killed = 5 * time.Second
)

// settle waits for the programs that the last events started.
func (p *Loop) settle() {
	if p.o.Settle == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopPrograms)
	defer cancel()
	closed := make(chan struct{})
	go func() { p.o.Settle(ctx); close(closed) }()
	p.until(stopPrograms+proc.Grace, closed)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// endWorker says goodbye to a worker and waits for its end.
func (p *Loop) endWorker(role event.Role, limit time.Duration) {
	w := p.workers[role]
	if w == nil || !w.alive() {
		return
	}
	w.asked = true
	w.run.Link.Send(ipc.Frame{Type: ipc.Bye})
	if p.until(limit, w.gone) {
		return
	}
	p.kill(w)
	p.until(killed, w.gone)
}
