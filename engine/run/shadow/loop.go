// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package shadow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/run"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/shadow"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// Loop is the loop: one goroutine that owns the machine. What the others bring
// it, and what is asked of it, comes as functions over one channel.
type Loop struct {
	opts    run.VRRPOptions
	machine *shadow.Machine
	clock   role.Clock
	monitor *link.Monitor
	now     []link.Change
	inbox   chan func()
	// ended releases everyone who has something for the loop.
	ended   chan struct{}
	stop    chan struct{}
	once    sync.Once
	readers sync.WaitGroup
	taps    map[int]*raw.Tap
	failed  map[int]bool
	own     *role.Producer
}

// inboxMost is how many messages may wait for the loop; whoever has more waits.
const inboxMost = 1024

// New opens what the loop needs, in the network namespace of the calling thread.
func New(opts run.VRRPOptions) (*Loop, error) {
	monitor, now, err := link.Watch()
	if err != nil {
		return nil, err
	}
	clock := role.SystemClock()
	return &Loop{
		opts: opts, machine: shadow.New(opts.Epoch), clock: clock, monitor: monitor, now: now,
		inbox: make(chan func(), inboxMost), ended: make(chan struct{}), stop: make(chan struct{}),
		taps: map[int]*raw.Tap{}, failed: map[int]bool{}, own: role.NewProducer(event.RoleVRRP, clock),
	}, nil
}

// put hands something to the loop.
func (l *Loop) put(f func()) {
	select {
	case l.inbox <- f:
	case <-l.ended:
	}
}

// Run is the loop. It returns when Stop was called or ctx is done.
func (l *Loop) Run(ctx context.Context) (err error) {
	release := context.AfterFunc(ctx, l.Stop)
	defer release()
	defer func() {
		close(l.ended)
		err = errors.Join(err, l.monitor.Close())
		for _, t := range l.taps {
			err = errors.Join(err, t.Close())
		}
		l.readers.Wait()
	}()
	for _, c := range l.now {
		l.change(c)
	}
	l.now = nil
	l.readers.Go(l.news)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.listen()
		wait := time.Hour
		if at, ok := l.machine.Deadline(); ok {
			wait = max(at.Sub(l.clock.Now()), 0)
		}
		timer.Reset(wait)
		select {
		case f := <-l.inbox:
			f()
		case <-timer.C:
			l.publish(l.machine.Tick(l.clock.Now()))
		case <-l.stop:
			l.publish(l.machine.Stop(l.clock.Now()))
			return nil
		}
	}
}

// news follows interfaces and addresses.
func (l *Loop) news() {
	err := l.monitor.Wait(func() error {
		changes, err := l.monitor.Drain(nil)
		if len(changes) > 0 {
			l.put(func() {
				for _, c := range changes {
					l.change(c)
				}
			})
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		l.put(func() { l.denied(fmt.Errorf("follow interfaces: %w", err)) })
	}
}

func (l *Loop) change(c link.Change) {
	now := l.clock.Now()
	switch {
	case c.Interface != nil:
		i := c.Interface
		l.publish(l.machine.Link(now, vrrp.Link{IfIndex: i.Index, Name: i.Name, Present: c.Present, Up: i.Up, MTU: i.MTU, MAC: i.MAC}))
	case c.Address != nil:
		a := c.Address
		l.publish(l.machine.Address(now, vrrp.IfAddr{IfIndex: a.IfIndex, Prefix: a.Prefix, Present: c.Present}))
	}
}

// listen opens taps where they are wanted and closes the others.
func (l *Loop) listen() {
	want := map[int]bool{}
	for _, index := range l.machine.Taps(nil) {
		want[index] = true
		if l.taps[index] != nil {
			continue
		}
		t, err := raw.OpenTap(index)
		if err != nil {
			if !l.failed[index] {
				l.denied(err)
			}
			l.failed[index] = true
			continue
		}
		l.taps[index], l.failed[index] = t, false
		l.readers.Go(func() { l.tap(t) })
	}
	for index, t := range l.taps {
		if !want[index] {
			delete(l.taps, index)
			_ = t.Close() // an interface that is gone
		}
	}
}

// tap brings the packets of one tap to the loop.
func (l *Loop) tap(t *raw.Tap) {
	for {
		var p raw.Tapped
		if err := t.Next(&p); err != nil {
			if !errors.Is(err, os.ErrClosed) {
				l.put(func() { l.denied(err) })
			}
			return
		}
		// What the kernel's clock said is brought to ours by the age of the packet.
		age := max(time.Duration(time.Now().UnixNano()-p.Wall), 0)
		a := &shadow.Advert{
			IfIndex: p.IfIndex, Family: p.Family, Source: p.Source, Dest: p.Dest, TTL: p.TTL, Own: p.Own,
			At: l.clock.Now().Add(-min(age, time.Second)), Wall: p.Wall, Payload: append([]byte(nil), p.Payload...),
		}
		l.put(func() { l.publish(l.machine.Hear(a)) })
	}
}

func (l *Loop) publish(es []event.Event) {
	if len(es) == 0 {
		return
	}
	l.complete(es)
	l.opts.Publish(es)
}

// complete adds the time of day.
func (l *Loop) complete(es []event.Event) {
	offset := time.Now().UnixNano() - int64(l.clock.Now())
	for i := range es {
		es[i].Wall = int64(es[i].At) + offset
	}
}

// denied says what cannot be observed.
func (l *Loop) denied(err error) {
	e := event.Event{
		Kind: event.PrivilegeDenied, Subject: event.Subject{Kind: event.SubjectWorker, Name: event.RoleVRRP.String()},
		Reason: event.FailKernel, Detail: err.Error(),
	}
	l.own.Stamp(&e)
	l.opts.Publish([]event.Event{e})
}

// Configure puts a configuration into force.
func (l *Loop) Configure(c *vrrp.Configure) {
	l.put(func() { l.publish(l.machine.Configure(l.clock.Now(), c)) })
}

// Input is for the verdicts of what is tracked: an observer runs nothing, so
// there are none.
func (l *Loop) Input(vrrp.Input) {}

// Stop ends the loop.
func (l *Loop) Stop() { l.once.Do(func() { close(l.stop) }) }

// Tallies calls reply with all counters, on the loop's goroutine.
func (l *Loop) Tallies(reply func([]event.Tally, *event.RouterTally)) {
	l.put(func() {
		now := l.clock.Now()
		router := l.machine.RouterTally(now)
		if l.opts.Lost != nil {
			router.EdgesLost = l.opts.Lost()
		}
		reply(l.machine.Tallies(now, nil), &router)
	})
}

// Snapshot calls reply with the present state as events, on the loop's goroutine.
func (l *Loop) Snapshot(reply func([]event.Event)) {
	l.put(func() {
		es := l.machine.Snapshot(l.clock.Now())
		l.complete(es)
		reply(es)
	})
}
