// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package role

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/proc"
)

// Clock is where a loop reads the time; tests have their own.
type Clock struct {
	// Now is the monotonic clock, Wall the time of day in nanoseconds since the
	// Unix epoch.
	Now  func() event.Instant
	Wall func() int64
}

// SystemClock is the clock of the host.
func SystemClock() Clock {
	return Clock{
		Now:  func() event.Instant { return event.Instant(proc.Monotonic()) },
		Wall: func() int64 { return time.Now().UnixNano() },
	}
}

// Producer stamps the events of one role: its epoch, the next number, the time.
type Producer struct {
	epoch uint64
	seq   uint64
	role  event.Role
	clock Clock
}

// NewProducer draws an epoch.
func NewProducer(role event.Role, clock Clock) *Producer {
	return &Producer{epoch: newEpoch(), role: role, clock: clock}
}

// Epoch returns the epoch that was drawn.
func (p *Producer) Epoch() uint64 { return p.epoch }

// Stamp completes an event that happened now, or at its At if it has one.
func (p *Producer) Stamp(e *event.Event) {
	p.seq++
	e.Epoch, e.Seq, e.Origin = p.epoch, p.seq, p.role
	now := p.clock.Now()
	if e.At == 0 {
		e.At = now
	}
	if e.Wall == 0 {
		e.Wall = p.clock.Wall() - int64(now.Sub(e.At))
	}
	e.Detail = cut(e.Detail, event.DetailMax)
}

// cut shortens a text to at most n bytes, not inside a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

func newEpoch() uint64 {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails, says crypto/rand
		// Exits show it as a number to readers for which 2^53 is the end.
		if e := binary.LittleEndian.Uint64(b[:]) >> 11; e != 0 {
			return e
		}
	}
}
