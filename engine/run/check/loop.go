// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/sys/dial"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/sys/raw"
)

// LoopOptions is what a Loop needs from outside.
type LoopOptions struct {
	// Epoch is that of the pool's events.
	Epoch uint64
	// Publish takes events over, in order, and copies what it keeps. It must not block.
	Publish func([]event.Event)
	// Exec asks for a program to be run; Ran must be told of its end under the same id.
	Exec func(id uint64, name string)
	// Forget ends a program that Exec asked for; nobody need be told of its end.
	Forget func(id uint64)
	// Plane is the data plane, which the loop closes.
	Plane Plane
	// Connections is how many TCP connections may be under way, Probes how many probes of other kinds; 0 means 16,384
	// and 4,096.
	Connections, Probes int
	// KeepTable leaves the data plane as it is at the end (-I).
	KeepTable bool
	// Trouble is told what the kernel refuses beside the data plane.
	Trouble func(error)
}

// Loop is the loop of the check role. Its methods may be called from any goroutine and never block; what they ask is
// done by the loop in order.
type Loop struct {
	opts   LoopOptions
	pool   *health.Pool
	clock  *raw.Clock
	poller *raw.Poller
	inbox  *inbox
	engine *dial.Engine
	hands  *hands
	probes probes
	out    health.Output
	// connected are the outcomes of connections, reused.
	connected health.Outcomes
	monitor   *link.Monitor
	addresses watched
	// chores are what is done piece by piece, so that checks go on between the pieces.
	chores  []func() (more bool)
	counts  counts
	stopped bool
	// over is when the loop ends whatever is still open.
	over event.Instant
}

const (
	connectionsMost = 16384
	probesMost      = 4096
	// stopMost is how long giving the table up may take.
	stopMost = 4 * time.Second
)

// New opens a Loop in the network namespace of the calling thread.
func New(opts LoopOptions) (l *Loop, err error) {
	if opts.Connections == 0 {
		opts.Connections = connectionsMost
	}
	if opts.Probes == 0 {
		opts.Probes = probesMost
	}
	l = &Loop{opts: opts, pool: health.New(opts.Epoch)}
	if l.clock, err = raw.NewClock(); err != nil {
		return nil, err
	}
	theirs, err := raw.NewClock()
	if err != nil {
		return nil, err
	}
	if l.engine, err = dial.New(opts.Connections); err != nil {
		return nil, err
	}
	if l.poller, err = raw.NewPoller(); err != nil {
		return nil, errors.Join(err, l.engine.Close())
	}
	l.inbox = &inbox{poller: l.poller}
	if err := l.poller.Add(l.engine.Descriptor(), 0); err != nil {
		return nil, errors.Join(err, l.engine.Close(), l.inbox.close())
	}
	l.hands = newHands(opts.Plane, theirs, l.inbox)
	l.probes = probes{loop: l, going: map[health.CheckID]context.CancelFunc{}, programs: map[health.CheckID]uint64{}}
	return l, nil
}

// Run is the loop. It returns when Stop was called and everything was given up, or when ctx is done (the same).
func (l *Loop) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, l.close()) }()
	release := context.AfterFunc(ctx, l.Stop)
	defer release()
	for !l.finished() {
		if err := l.turn(); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loop) finished() bool {
	return l.stopped && (l.pool.Stopped() && len(l.chores) == 0 || l.clock.Last() >= l.over)
}

// turn is one round: sleep until something is due or comes, take in what came, and only then let time pass for the pool.
func (l *Loop) turn() error {
	now := l.clock.Now()
	due, ok := l.pool.Deadline()
	until := due
	if in, waits := l.engine.Next(); waits {
		ok, until = true, earlier(until, now.Add(in))
	}
	if l.stopped {
		ok, until = true, earlier(until, l.over)
	}
	if !ok {
		until = 0
	}
	if len(l.chores) == 0 && (!ok || until > now) {
		hear := raw.Deaf
		if l.engine.Listen() {
			hear = raw.All
		}
		woken, err := l.poller.Wait(until, hear)
		if err != nil {
			return err
		}
		if woken.Called {
			l.takeIn()
		}
	} else {
		l.takeIn()
	}
	l.collect()
	if due, ok := l.pool.Deadline(); ok && due <= l.clock.Now() {
		l.step(health.Tick{})
	}
	l.chore()
	return nil
}

// earlier is the earlier of two instants of which 0 means never.
func earlier(a, b event.Instant) event.Instant {
	if a == 0 || b < a {
		return b
	}
	return a
}

// takeIn does what other goroutines left in the inbox.
func (l *Loop) takeIn() {
	jobs, outcomes := l.inbox.take()
	for _, do := range jobs {
		do()
	}
	if len(outcomes) > 0 {
		l.probes.ended(len(outcomes))
	}
	for some := range slices.Chunk(outcomes, outcomesMost) {
		l.step(&health.Outcomes{List: some})
	}
}

// outcomesMost is how many outcomes are one step: each failure may be two events of more than a kilobyte, and ten
// thousand servers may fail at once.
const outcomesMost = 256

// collect brings the connections that have ended to the pool, many in one step: what they change is then programmed
// together.
func (l *Loop) collect() {
	for some := range slices.Chunk(l.engine.Collect(), outcomesMost) {
		l.connected.List = l.connected.List[:0]
		for i := range some {
			l.connected.List = append(l.connected.List, connected(&some[i]))
		}
		l.step(&l.connected)
	}
}

// chore does one piece of what is done by and by.
func (l *Loop) chore() {
	if len(l.chores) > 0 && !l.chores[0]() {
		l.chores[0] = nil
		l.chores = l.chores[1:]
	}
}

// step steps the pool and does what it says.
func (l *Loop) step(in health.Input) {
	l.out.Reset()
	l.pool.Step(l.clock.Now(), in, &l.out)
	for i := range l.out.Actions {
		a := &l.out.Actions[i]
		switch a.Kind {
		case health.Forget:
			l.probes.forget(a.Check)
		case health.Program:
			l.program(a.Batch, a.Ops)
		case health.Sync:
			l.sync(a.Daemon)
		case health.ReadKernel:
			l.read()
		case health.SetTimeouts:
			l.timeouts(a.Timeouts)
		}
	}
	for _, p := range l.out.Probes {
		l.probes.begin(p)
	}
	if len(l.out.Events) > 0 {
		l.publish(l.out.Events)
	}
}

// publish adds the time of day, which the pool cannot know.
func (l *Loop) publish(events []event.Event) {
	for i := range events {
		if e := &events[i]; e.Wall == 0 {
			e.Wall = l.clock.Wall(e.At)
		}
	}
	l.opts.Publish(events)
}

// Stop gives everything up; Run returns when that is done.
func (l *Loop) Stop() {
	l.inbox.put(func() {
		if l.stopped {
			return
		}
		l.stopped, l.over = true, l.clock.Now().Add(stopMost)
		l.chores = nil
		if l.opts.KeepTable {
			l.hands.freeze()
		}
		l.step(health.Stop{})
	})
}

// Input steps the pool with something that somebody else found out.
func (l *Loop) Input(in health.Input) { l.inbox.put(func() { l.step(in) }) }

// Configure puts settings into force. The first time with ha_suspend the addresses of this machine are read first.
func (l *Loop) Configure(c *health.Configure) {
	l.inbox.put(func() {
		if l.stopped {
			return
		}
		l.watchAddresses(c.Settings)
		l.step(c)
	})
}

func (l *Loop) close() error {
	l.probes.close()
	l.hands.stop()
	err := l.inbox.close()
	if l.monitor != nil {
		err = errors.Join(err, l.monitor.Close())
	}
	return errors.Join(err, l.engine.Close())
}
