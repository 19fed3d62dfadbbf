// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// message is one thing that another goroutine wants of the loop: an input of
// the machine, or something to do on the loop's goroutine.
type message struct {
	in vrrp.Input
	do func()
}

// inbox is how other goroutines reach the loop: they leave messages and wake
// it. Nobody waits.
type inbox struct {
	mu     sync.Mutex
	queue  []message
	spare  []message
	poller *raw.Poller
	closed bool
}

// put leaves messages; it returns false when the loop has ended.
func (b *inbox) put(ms ...message) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	wake := len(b.queue) == 0
	b.queue = append(b.queue, ms...)
	// Woken under the lock, because the poller is closed under it.
	if wake && b.poller.Wake() != nil {
		b.closed = true // an event descriptor that cannot be written is gone
	}
	b.mu.Unlock()
	return true
}

// take returns all messages; the slice is valid until the next take.
func (b *inbox) take() []message {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.spare)
	b.queue, b.spare = b.spare[:0], b.queue
	return b.spare
}

// close closes the inbox and the poller behind it.
func (b *inbox) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.poller.Close()
}

// lazy is how long the sockets are left alone after packets came, while they
// come thick: many routers' adverts are then taken in one wake-up, which costs
// ten times what a packet does. Timers are not affected, and elections are
// judged by receive times; what is looked at late (a resignation) stays within
// the 5 ms that a takeover may come after its bound.
const lazy = 4 * time.Millisecond

// Packets come thick when more than thickMost came within thickTime. A bunch of
// at least bunchLeast is over when the last quarter of lazy brought nothing.
const (
	thickMost  = 50
	thickTime  = 100 * time.Millisecond
	bunchLeast = 8
)

// pulse is the loop's sense of time: how long to rest, and whether packets
// come thick.
type pulse struct {
	// since is the start of the present stretch of thickTime, count the packets
	// in it, last those in the one before.
	since       event.Instant
	count, last int
	// fresh says that packets came in the last round and more may be on their way.
	fresh bool
	// steps is how many jumps of the wall clock have been told.
	steps uint64
}

// gather says, once after packets, that more are worth waiting for.
func (p *pulse) gather() bool {
	fresh := p.fresh
	p.fresh = false
	return fresh && (p.count > thickMost || p.last > thickMost)
}

// heard notes that n packets came, the last of them at newest.
func (p *pulse) heard(now event.Instant, n int, newest event.Instant) {
	if n == 0 {
		return
	}
	p.fresh = n < bunchLeast || now.Sub(newest) < lazy/4
	switch past := now.Sub(p.since); {
	case past > 2*thickTime:
		p.since, p.count, p.last = now, n, 0
	case past > thickTime:
		p.since, p.count, p.last = now, n, p.count
	default:
		p.count += n
	}
}
