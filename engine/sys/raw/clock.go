// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

const (
	// stepLeast is the least difference that counts as a step of the wall clock:
	// more than reading two clocks one after the other can differ by.
	stepLeast = time.Millisecond
	// slewMost is how fast the wall clock may be slewed against the monotonic
	// clock, in parts per million (the kernel allows 500, adjtime 100000 in odd cases).
	slewMost = 1000
	// stepMemory is how long after a step packets may still carry times of before.
	stepMemory = event.Instant(time.Second)
	// reach is how far before the last look at a socket a packet in it may have
	// been stamped: the time between its stamp and its arrival in the queue.
	reach = event.Instant(100 * time.Millisecond)
)

// Clock reads the monotonic clock without a system call and converts the
// kernel's receive times, which are wall clock, to it. It belongs to one
// goroutine.
type Clock struct {
	base time.Time
	abs  event.Instant // CLOCK_MONOTONIC at base
	read func() (mono event.Instant, wall int64)

	now     event.Instant
	offset  int64 // wall minus monotonic, as of now
	before  int64 // the offset before the last step
	stepped event.Instant
	delta   time.Duration
	steps   uint64
}

// NewClock returns a Clock that was read once. It returns an error if the
// kernel has no monotonic clock.
func NewClock() (*Clock, error) {
	c := &Clock{}
	c.read = c.system
	// The runtime's reading has an origin of its own; tie it to
	// CLOCK_MONOTONIC by the tightest of a few bracketed readings.
	best := time.Hour
	for range 16 {
		var ts unix.Timespec
		t0 := time.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return nil, fmt.Errorf("read the monotonic clock: %w", err)
		}
		if took := time.Since(t0); took < best {
			best = took
			c.base, c.abs = t0, event.Instant(ts.Nano()-int64(took)/2)
		}
	}
	c.start()
	return c, nil
}

func (c *Clock) start() {
	mono, wall := c.read()
	c.now, c.offset, c.before = mono, wall-int64(mono), wall-int64(mono)
}

func (c *Clock) system() (event.Instant, int64) {
	t := time.Now()
	return c.abs.Add(t.Sub(c.base)), t.UnixNano()
}

// Now reads both clocks and returns the monotonic one.
func (c *Clock) Now() event.Instant {
	mono, wall := c.read()
	offset := wall - int64(mono)
	if c.jumped(mono, offset) {
		// The two readings are not one act: we may have been kept off the
		// processor between them. Only what a second look confirms is a step.
		mono, wall = c.read()
		offset = wall - int64(mono)
		if c.jumped(mono, offset) {
			c.steps++
			c.before, c.stepped = c.offset, mono
			c.delta = time.Duration(offset - c.offset)
		}
	}
	c.offset, c.now = offset, mono
	return mono
}

// Last returns what Now returned last.
func (c *Clock) Last() event.Instant { return c.now }

func (c *Clock) jumped(mono event.Instant, offset int64) bool {
	d := offset - c.offset
	if d < 0 {
		d = -d
	}
	return d > int64(stepLeast)+int64(mono-c.now)*slewMost/1e6
}

// Wall converts an instant to nanoseconds since the Unix epoch, by the last
// reading.
func (c *Clock) Wall(t event.Instant) int64 { return int64(t) + c.offset }

// Received converts the kernel's receive time of a packet, in nanoseconds
// since the Unix epoch, to the monotonic clock. A packet is never younger than
// the last reading. seen is when its socket was last known to be empty: it
// tells which side of a step of the wall clock the packet belongs to.
func (c *Clock) Received(wall int64, seen event.Instant) event.Instant {
	at := event.Instant(wall - c.offset)
	if c.stepped != 0 && c.now-c.stepped < stepMemory {
		floor := seen - reach
		if at > c.now || at < floor {
			if old := event.Instant(wall - c.before); old <= c.now && old >= floor {
				return old
			}
			return c.now
		}
	}
	return min(at, c.now)
}

// Steps counts the jumps of the wall clock; last is the size of the latest.
func (c *Clock) Steps() (n uint64, last time.Duration) { return c.steps, c.delta }
