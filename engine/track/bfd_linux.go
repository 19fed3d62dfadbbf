// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/bfd"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
)

// BFDOptions is what the sessions need from outside.
type BFDOptions struct {
	// Epoch is that of the sessions' events.
	Epoch uint64
	// Publish takes events over, in order, and copies what it keeps. It must not
	// block.
	Publish func([]event.Event)
	// Remember takes over, and copies, the counters of sessions of which a
	// successor would have to know something else. It must not block.
	Remember func([]event.BFDTally)
	// Denied is told what the kernel refused and is tried again or done without.
	Denied func(what string, err error)
}

// BFD runs the sessions of a bfd.Table: one goroutine owns the table, the
// sockets and the time. Methods other than Run may be called from any goroutine
// and never block; what they ask is done in order.
type BFD struct {
	o       BFDOptions
	table   *bfd.Table
	clock   *raw.Clock
	poller  *raw.Poller
	ways    ways
	out     bfd.Output
	stopped bool
	mu      sync.Mutex
	asked   []func()
	closed  bool
}

// NewBFD opens what every session needs, in the network namespace of the
// calling thread. It needs no privilege.
func NewBFD(o BFDOptions) (*BFD, error) {
	b := &BFD{o: o, table: bfd.New(o.Epoch, seed())}
	var err error
	if b.clock, err = raw.NewClock(); err != nil {
		return nil, err
	}
	if b.poller, err = raw.NewPoller(); err != nil {
		return nil, err
	}
	b.ways = newWays(b.poller, o.Denied)
	return b, nil
}

func seed() uint64 {
	var s [8]byte
	rand.Read(s[:]) // never fails, says crypto/rand
	return binary.NativeEndian.Uint64(s[:])
}

// Run is the loop. It returns when Stop was called and every neighbour was
// told, when ctx is done (the same), or with an error if the kernel refuses
// what nothing works without.
func (b *BFD) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, b.close()) }()
	release := context.AfterFunc(ctx, b.Stop)
	defer release()
	for !b.stopped {
		if err := b.turn(); err != nil {
			return err
		}
	}
	return nil
}

// turn is one round: sleep until something is due or comes, take in all that
// came, and only then let time pass.
func (b *BFD) turn() error {
	now := b.clock.Now()
	at, ok := b.table.Deadline()
	if !ok || at > now {
		if !ok || b.ways.again != 0 && b.ways.again < at {
			at = b.ways.again
		}
		if at == 0 || at > now {
			if _, err := b.poller.Wait(at, raw.All); err != nil {
				return err
			}
		}
		now = b.clock.Now()
	}
	for _, do := range b.take() {
		do()
	}
	// Every packet stamped up to now is seen before time passes, so that nobody
	// is judged by what is still in a queue.
	b.listen()
	if at, ok := b.table.Deadline(); ok && at <= now {
		b.step(now, bfd.Tick{})
	}
	if b.ways.again != 0 && now >= b.ways.again {
		b.ways.open(b.table.Sessions(), now)
	}
	return nil
}

// burst is how many packets of one socket are taken before time may pass: a
// flood must not keep us from sending.
const burst = 256

// listen takes in what has come.
func (b *BFD) listen() {
	for _, e := range b.ways.ears {
		for range burst {
			d, err := e.receiver.Read()
			if err != nil || d == nil {
				// An error belongs to a packet of ours that somebody sent back, or
				// to an interface, and was taken from the socket by reading it.
				e.seen = b.clock.Now()
				break
			}
			at := b.clock.Now()
			if d.Wall != 0 {
				at = b.clock.Received(d.Wall, e.seen)
			}
			b.step(at, &bfd.Packet{
				Source: b.ways.scoped(d), Dest: d.Dest, TTL: d.TTL, Multihop: e.receiver.Port() == bfd.PortMultihop, Payload: d.Payload,
			})
		}
	}
}

// step steps the table and does what it says.
func (b *BFD) step(now event.Instant, in bfd.Input) {
	b.out.Reset()
	b.table.Step(now, in, &b.out)
	events, sends := b.out.Events, b.out.Sends
	if len(b.out.Kept) > 0 {
		b.o.Remember(b.out.Kept)
	}
	for i := range sends {
		if b.ways.send(b.table, &sends[i]) != nil {
			// It is counted; what it means for the session its timer will say.
			b.table.Step(now, bfd.Unsent{ID: sends[i].ID}, &bfd.Output{})
		}
	}
	b.publish(events)
}

// publish adds what the table cannot know.
func (b *BFD) publish(events []event.Event) {
	if len(events) == 0 {
		return
	}
	for i := range events {
		e := &events[i]
		e.Origin, e.Wall = event.RoleBFD, b.clock.Wall(e.At)
		if e.Evidence.N > 0 {
			e.Evidence.Heard[0].Wall = b.clock.Wall(e.Evidence.Heard[0].At)
		}
	}
	b.o.Publish(events)
}

// Configure puts sessions into force.
func (b *BFD) Configure(c *bfd.Configure) {
	b.ask(func() {
		now := b.clock.Now()
		// First the ears, so that no answer to the first packets is lost; the
		// sessions that are gone still say goodbye by their old way.
		b.ways.listen(c.Sessions, now)
		b.step(now, c)
		b.ways.open(b.table.Sessions(), now)
	})
}

// Stop takes every session down, tells the neighbours, and ends Run.
func (b *BFD) Stop() {
	b.ask(func() {
		if !b.stopped {
			b.stopped = true
			b.step(b.clock.Now(), bfd.Stop{})
		}
	})
}

// Tallies calls reply with all counters, on the loop's goroutine: reply copies
// what it keeps and does not block.
func (b *BFD) Tallies(reply func([]event.BFDTally)) {
	b.ask(func() { reply(b.table.Tallies(b.clock.Now(), nil)) })
}

// Snapshot calls reply with the present state as events, on the loop's
// goroutine: reply copies what it keeps and does not block.
func (b *BFD) Snapshot(reply func([]event.Event)) {
	b.ask(func() {
		var out bfd.Output
		b.table.Snapshot(b.clock.Now(), &out)
		for i := range out.Events {
			out.Events[i].Origin, out.Events[i].Wall = event.RoleBFD, b.clock.Wall(out.Events[i].At)
		}
		reply(out.Events)
	})
}

// ask leaves something to do for the loop.
func (b *BFD) ask(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.asked = append(b.asked, do)
	// Woken under the lock, because the poller is closed under it.
	if err := b.poller.Wake(); err != nil {
		b.o.Denied("wake", err)
	}
}

func (b *BFD) take() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.asked
	b.asked = nil
	return out
}

func (b *BFD) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return errors.Join(b.ways.close(), b.poller.Close())
}

// retry is how long a socket that could not be opened is left alone.
const retry = time.Second

func portOf(multihop bool) uint16 {
	if multihop {
		return bfd.PortMultihop
	}
	return bfd.Port
}

func familyOf(s *bfd.Settings) uint8 {
	if s.Neighbor.Is4() {
		return 4
	}
	return 6
}

func wayName(s *bfd.Settings) string { return fmt.Sprintf("bfd_instance %s", s.Name) }
