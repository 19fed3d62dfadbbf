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

// pulse is the loop's sense of time: how long to rest, and whether packets
// come thick.
type pulse struct {
	// lastHeard is when packets last came, thick whether the ones before were close.
	lastHeard event.Instant
	thick     bool
	// steps is how many jumps of the wall clock have been told.
	steps uint64
}

// rest says how long to sleep, and whether the deadline has come.
func rest(now, deadline event.Instant, ok bool) (d time.Duration, due bool) {
	switch {
	case !ok:
		return -1, false
	case deadline <= now:
		return 0, true
	}
	return deadline.Sub(now), false
}

// dense says, once after packets that came close to the ones before, that more
// are worth waiting for.
func (p *pulse) dense() bool {
	t := p.thick
	p.thick = false
	return t
}

// heard notes that packets came.
func (p *pulse) heard(now event.Instant) {
	p.thick = now.Sub(p.lastHeard) < 2*lazy
	p.lastHeard = now
}
