// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// TestTimeoutsRefused: timeouts that the kernel refuses are told once, asked for
// again later each time, told when they are in force, and forgotten when they are
// wanted no more.
func TestTimeoutsRefused(t *testing.T) {
	p := health.New(1)
	now := event.Instant(time.Second)
	var out health.Output
	step := func(in health.Input) (asked int, told []event.Reason) {
		t.Helper()
		out.Reset()
		p.Step(now, in, &out)
		for _, a := range out.Actions {
			if a.Kind == health.SetTimeouts {
				asked++
			}
		}
		for _, e := range out.Events {
			if e.Kind == event.IPVSApplied {
				told = append(told, e.Reason)
			}
		}
		return asked, told
	}
	refusal := &health.TimeoutsDone{Reason: event.FailKernel, Detail: "no"}
	settings := &health.Settings{Timeouts: health.Timeouts{TCP: time.Minute}}
	if asked, _ := step(&health.Configure{Settings: settings}); asked != 1 {
		t.Fatalf("asked %d times", asked)
	}
	if _, told := step(refusal); len(told) != 1 || told[0] != event.FailKernel {
		t.Fatalf("a refusal is told as %v", told)
	}
	var last time.Duration
	for range 3 {
		due, ok := p.Deadline()
		if !ok || due.Sub(now) <= last {
			t.Fatalf("asked again after %v, before after %v", due.Sub(now), last)
		}
		last, now = due.Sub(now), due
		if asked, _ := step(health.Tick{}); asked != 1 {
			t.Fatalf("asked again %d times", asked)
		}
		if _, told := step(refusal); len(told) != 0 {
			t.Fatalf("a second refusal is told as %v", told)
		}
	}
	var c event.Counters
	p.Counters(now, &c)
	if n := c.Pool.Errors[event.IPVSTimeouts]; n != 4 {
		t.Errorf("%d errors are counted", n)
	}
	now, _ = p.Deadline()
	step(health.Tick{})
	if _, told := step(&health.TimeoutsDone{}); len(told) != 1 || told[0] != event.Recovered {
		t.Errorf("success is told as %v", told)
	}
	step(refusal)
	if asked, _ := step(&health.Configure{Settings: &health.Settings{}}); asked != 0 {
		t.Error("asked for no timeouts")
	}
	if due, ok := p.Deadline(); ok {
		t.Errorf("something is due at %v", due)
	}
}
