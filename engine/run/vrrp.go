// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// VRRP is the loop of the vrrp role: one goroutine that owns the machine, the
// sockets and the timers. Its methods may be called from any goroutine and
// never block; what they ask is done by the loop in order.
type VRRP struct {
	opts    VRRPOptions
	machine *vrrp.Router
	clock   *raw.Clock
	poller  *raw.Poller
	inbox   *inbox
	beats   *beats
	ears    *ears
	claims  *claims
	hands   *hands
	news    *news
	vmacs   *vmacs
	own     *ownEvents
	out     vrrp.Output
	pulse   pulse
	ready   []int32
	packet  vrrp.Packet
	// heard counts the packets of this round, newest is when the last came.
	heard   int
	newest  event.Instant
	tallies []event.Tally
	stopped bool
}

// Run is the loop. It returns when Stop was called and everything was given
// up, when ctx is done (the same), or with an error if the kernel refuses what
// nothing works without.
func (v *VRRP) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, v.close()) }()
	release := context.AfterFunc(ctx, v.Stop)
	defer release()
	v.start()
	for !v.finished() {
		if err := v.turn(); err != nil {
			return err
		}
	}
	return nil
}

// turn is one round: sleep until something is due or comes, take in all that
// came, and only then let time pass for the machine.
func (v *VRRP) turn() error {
	now := v.clock.Now()
	deadline, ok := v.machine.Deadline()
	due := ok && deadline <= now
	look := due
	if !due {
		if !ok {
			deadline = 0
		}
		to, most := v.pulse.rest(v.ears.bells.ready)
		if soon := now.Add(most); to != raw.All && (deadline == 0 || deadline > soon) {
			deadline = soon
		}
		woken, err := v.poller.Wait(deadline, to)
		if err != nil {
			return err
		}
		if woken.Rang {
			v.ears.bells.quiet()
			v.pulse.rang = true
		}
		if woken.Called {
			v.takeIn()
		}
		look = woken.Heard || to != raw.All
	}
	if look {
		if err := v.listen(); err != nil {
			return err
		}
	}
	if due {
		// Every packet stamped up to now has been seen, so nobody is judged by
		// what is still in a queue.
		v.step(now, vrrp.Tick{})
	}
	v.flush()
	v.ears.follow(v)
	v.claims.follow(v)
	return nil
}

// takeIn steps the machine with what other goroutines left in the inbox.
func (v *VRRP) takeIn() {
	for _, m := range v.inbox.take() {
		if m.do != nil {
			m.do()
			continue
		}
		v.step(v.clock.Now(), m.in)
	}
}

// listen reads all packets there are.
func (v *VRRP) listen() (err error) {
	v.heard, v.newest = 0, 0
	v.ready, err = v.poller.Ready(v.ready[:0])
	if err != nil {
		return err
	}
	for _, token := range v.ready {
		r := v.ears.byToken(token)
		for more := r != nil; more; {
			var err error
			more, err = r.Read(v.clock, &v.ears.buffers, &v.ears.packet, v.hear)
			if err != nil {
				v.ears.broken(r, err)
			}
		}
	}
	v.pulse.heard(v.clock.Last(), v.heard, v.newest)
	return nil
}

// hear steps the machine with one packet, at the time at which it came.
func (v *VRRP) hear(p *raw.Packet) {
	v.heard++
	v.newest = max(v.newest, p.At)
	v.packet = vrrp.Packet{
		IfIndex: p.IfIndex, Family: p.Family, Source: p.Source, Dest: p.Dest, TTL: p.TTL,
		At: p.At, Wall: p.Wall, AH: p.AH, Head: p.Head, Payload: p.Payload,
	}
	v.step(p.At, &v.packet)
}

// step steps the machine and does what it says: adverts first, in the order
// given, then what takes time, by the hands.
func (v *VRRP) step(now event.Instant, in vrrp.Input) {
	v.out.Reset()
	v.machine.Step(now, in, &v.out)
	slow := v.out.Actions[:0]
	for _, a := range v.out.Actions {
		switch a.Kind {
		case vrrp.Send:
			v.beats.queue(a.ID, a.Priority)
		case vrrp.Own, vrrp.Disown, vrrp.Announce, vrrp.Admit, vrrp.Evict:
			slow = append(slow, a)
		}
	}
	if len(slow) > 0 {
		v.beats.flush()
		v.hands.do(slow)
	}
	if len(v.out.Events) > 0 {
		v.publish(v.out.Events)
	}
}

// flush sends what is queued and tells the machine what could not be sent.
func (v *VRRP) flush() {
	v.beats.flush()
	for id, f := range v.beats.failures() {
		v.step(v.clock.Now(), vrrp.SendFailed{ID: id, N: f.n, Detail: f.err.Error()})
	}
	if n, by := v.clock.Steps(); n != v.pulse.steps {
		v.pulse.steps = n
		v.own.publish(event.Event{
			Kind: event.ClockStepped, Subject: event.Subject{Kind: event.SubjectRouter}, Took: max(by, -by),
			Detail: fmt.Sprintf("the wall clock jumped by %v", by.Round(time.Microsecond)),
		})
	}
}

func (v *VRRP) publish(events []event.Event) {
	v.complete(events)
	v.opts.Publish(events)
}

// complete adds what the machine cannot know.
func (v *VRRP) complete(events []event.Event) {
	for i := range events {
		e := &events[i]
		e.Epoch, e.Origin = v.opts.Epoch, event.RoleVRRP
		if e.Wall == 0 {
			e.Wall = v.clock.Wall(e.At)
		}
	}
}
