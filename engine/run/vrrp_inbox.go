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

// Packets may wait for each other while they come thick, because a wake-up costs
// ten times what a packet does. Timers are not affected, and elections are judged
// by receive times; what is looked at late is what somebody else wants of us. That
// must stay within the 5 ms that a takeover may come after its bound; so all
// packets wait no longer than waitLeast, and up to waitMost only those that ask
// for nothing: see bells.
const (
	waitLeast = 4 * time.Millisecond
	waitMost  = 25 * time.Millisecond
	// bunchMost is how many packets are worth waiting for: together they cost a
	// quarter of a millisecond, which may delay an advert of ours.
	bunchMost = 128
	// bunchLeast is how many make a bunch, that is over when the last half of the
	// wait brought nothing.
	bunchLeast = 8
)

// Packets come thick when more than thickMost came within thickTime, and no
// more singly when more than thickLeast did.
const (
	thickLeast = 16
	thickMost  = 50
	thickTime  = 100 * time.Millisecond
)

// pulse is the loop's sense of time: how long to rest, and whether packets
// come thick.
type pulse struct {
	// since is the start of the present stretch of thickTime, count the packets
	// in it, last those in the one before.
	since       event.Instant
	count, last int
	// fresh says that packets came in the last round and more may be on their
	// way, rang that a bell rang for one.
	fresh, rang bool
	// wait is how long they were left to wait for each other.
	wait time.Duration
	// steps is how many jumps of the wall clock have been told.
	steps uint64
}

// rate is how many packets came within thickTime lately.
func (p *pulse) rate() int { return max(p.count, p.last) }

// rest says, once after packets, how long more are worth waiting for and which
// of them end it; and else to listen to all of them. bells says whether those
// that must not wait have bells. One that has just rung is left alone for a
// moment, so that nobody can keep us awake by ringing.
func (p *pulse) rest(bells bool) (to raw.Hearing, most time.Duration) {
	rate, fresh, rang := p.rate(), p.fresh, p.rang
	p.fresh, p.rang, p.wait = false, false, waitLeast
	switch {
	case fresh && bells && !rang && rate > thickLeast:
		p.wait = max(waitLeast, min(bunchMost*thickTime/time.Duration(rate), waitMost))
		return raw.Urgent, p.wait
	case fresh && rate > thickMost:
		return raw.Deaf, waitLeast
	}
	return raw.All, 0
}

// heard notes that n packets came, the last of them at newest.
func (p *pulse) heard(now event.Instant, n int, newest event.Instant) {
	if n == 0 {
		return
	}
	p.fresh = n < bunchLeast || now.Sub(newest) < max(p.wait, waitLeast)/2
	switch past := now.Sub(p.since); {
	case past > 2*thickTime:
		p.since, p.count, p.last = now, n, 0
	case past > thickTime:
		p.since, p.count, p.last = now, n, p.count
	default:
		p.count += n
	}
}
