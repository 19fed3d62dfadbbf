// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

func monotonic(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

// hands is a pair of clocks that a test sets.
type hands struct {
	mono event.Instant
	wall int64
	// glitch is added to the wall clock of the next reading alone.
	glitch int64
}

func (h *hands) read() (event.Instant, int64) {
	wall := h.wall + h.glitch
	h.glitch = 0
	return h.mono, wall
}

func (h *hands) pass(d time.Duration) {
	h.mono = h.mono.Add(d)
	h.wall += int64(d)
}

func testClock() (*Clock, *hands) {
	h := &hands{mono: 1e12, wall: 1_700_000_000e9}
	c := &Clock{read: h.read}
	c.start()
	return c, h
}

func TestReceivedConverts(t *testing.T) {
	c, h := testClock()
	seen := c.Now()
	h.pass(3 * time.Millisecond)
	stamped, want := h.wall, h.mono
	h.pass(2 * time.Millisecond)
	c.Now()
	if got := c.Received(stamped, seen); got != want {
		t.Errorf("got %v, %v off", got, got.Sub(want))
	}
	if got := c.Wall(want); got != stamped {
		t.Errorf("Wall gave %d, want %d", got, stamped)
	}
	if got := c.Received(h.wall+int64(time.Second), seen); got != h.mono {
		t.Errorf("a packet of the future became %v after now", got.Sub(h.mono))
	}
}

// A packet is judged by the offset that was in force when it was stamped.
func TestReceivedSurvivesASteppedWallClock(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, 300 * time.Millisecond, -300 * time.Millisecond} {
		t.Run(step.String(), func(t *testing.T) {
			c, h := testClock()
			seen := c.Now()
			h.pass(2 * time.Millisecond)
			before, wantBefore := h.wall, h.mono
			h.pass(2 * time.Millisecond)
			h.wall += int64(step)
			h.pass(2 * time.Millisecond)
			after, wantAfter := h.wall, h.mono
			h.pass(2 * time.Millisecond)
			c.Now()
			if got := c.Received(before, seen); got != wantBefore {
				t.Errorf("stamped before the step: %v off", got.Sub(wantBefore))
			}
			if got := c.Received(after, seen); got != wantAfter {
				t.Errorf("stamped after the step: %v off", got.Sub(wantAfter))
			}
			if n, by := c.Steps(); n != 1 || by != step {
				t.Errorf("%d steps, the last by %v", n, by)
			}
		})
	}
}

func TestASlewIsNoStep(t *testing.T) {
	c, h := testClock()
	for range 1000 {
		h.pass(100 * time.Millisecond)
		h.wall += int64(50 * time.Microsecond) // 500 ppm, the most the kernel slews
		c.Now()
		if got := c.Received(h.wall, h.mono); got != h.mono {
			t.Fatalf("%v off", got.Sub(h.mono))
		}
	}
	if n, _ := c.Steps(); n != 0 {
		t.Errorf("%d steps", n)
	}
}

func TestAPauseBetweenTheTwoReadingsIsNoStep(t *testing.T) {
	c, h := testClock()
	h.pass(time.Millisecond)
	h.glitch = int64(20 * time.Millisecond)
	c.Now()
	if n, _ := c.Steps(); n != 0 {
		t.Errorf("%d steps", n)
	}
}

func TestClockIsTheKernels(t *testing.T) {
	c, err := NewClock()
	if err != nil {
		t.Fatal(err)
	}
	before := monotonic(t)
	now := c.Now()
	after := monotonic(t)
	const slack = int64(50 * time.Microsecond) // the tightest of the bracketed readings is not zero
	if int64(now) < before-slack || int64(now) > after+slack {
		t.Errorf("%d is not between %d and %d", now, before, after)
	}
}

func TestReadingTheClockDoesNotAllocate(t *testing.T) {
	c, err := NewClock()
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { c.Received(c.Wall(c.Now()), c.Last()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
