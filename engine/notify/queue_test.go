// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// record collects what was delivered, in order.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *record) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.lines
	r.lines = nil
	return out
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %q\nwant\n  %q", got, want)
	}
}

func instance(name string) event.Subject {
	return event.Subject{Kind: event.SubjectInstance, Name: name, Family: 4, VRID: 51}
}

// send pushes a state job whose delivery takes d.
func send(q *queue, r *record, lane, what string, d time.Duration) {
	q.push(&job{
		lane: lane, key: instance(lane), final: true,
		do: func(ctx context.Context, _ int) outcome {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-t.C:
			case <-ctx.Done():
				return outcome{reason: event.FailTimeout}
			}
			r.add("%s %s", lane, what)
			return outcome{}
		},
	})
}

func TestQueueKeepsOrderPerLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(limits{workers: 8, total: 100, perLane: 10})
		var r record
		send(q, &r, "slow", "1", time.Minute)
		send(q, &r, "slow", "2", 0)
		send(q, &r, "fast", "1", time.Second)
		send(q, &r, "fast", "2", time.Second)
		time.Sleep(3 * time.Second)
		wantLines(t, r.take(), "fast 1", "fast 2")
		if s := q.snapshot(); s.Length != 2 || s.OldestAge != 3*time.Second {
			t.Errorf("length %d, oldest %v; want 2 and 3s", s.Length, s.OldestAge)
		}
		time.Sleep(time.Minute)
		wantLines(t, r.take(), "slow 1", "slow 2")
		if s := q.snapshot(); s.Queued != 4 || s.Sent != 4 || s.Length != 0 || s.OldestAge != 0 {
			t.Errorf("stats %+v", s)
		}
		if len(q.lanes) != 0 {
			t.Errorf("%d idle lanes are kept", len(q.lanes))
		}
	})
}

func TestQueueBoundsWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(limits{workers: 2, total: 100, perLane: 10})
		var r record
		for i := range 6 {
			send(q, &r, fmt.Sprint(i), "x", time.Second)
		}
		time.Sleep(1500 * time.Millisecond)
		wantLines(t, sorted(r.take()), "0 x", "1 x")
		time.Sleep(2 * time.Second)
		wantLines(t, sorted(r.take()), "2 x", "3 x", "4 x", "5 x")
	})
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestQueueOverflowKeepsTheFinalState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(limits{workers: 1, total: 100, perLane: 3})
		var r record
		var lost record
		block := make(chan struct{})
		q.push(&job{lane: "a", key: instance("a"), final: true, do: func(context.Context, int) outcome {
			<-block
			return outcome{}
		}})
		synctest.Wait()
		push := func(what string, final bool) {
			q.push(&job{
				lane: "a", key: instance("a"), final: final,
				do: func(context.Context, int) outcome { r.add("%s", what); return outcome{} },
				done: func(_ int, _ time.Duration, o outcome, over bool) {
					if o.reason != event.ReasonNone {
						lost.add("%s %v %v", what, o.reason, over)
					}
				},
			})
		}
		for i := range 5 {
			push(fmt.Sprintf("state %d", i), true)
		}
		for i := range 5 {
			push(fmt.Sprintf("priority %d", i), false)
		}
		close(block)
		synctest.Wait()
		wantLines(t, r.take(), "state 4", "priority 4")
		wantLines(t, lost.take(), "state 0 overflow true", "state 1 overflow true", "state 2 overflow true", "state 3 overflow true",
			"priority 0 overflow true", "priority 1 overflow true", "priority 2 overflow true", "priority 3 overflow true")
		if s := q.snapshot(); s.Dropped[event.FailOverflow] != 8 || s.Queued != 11 || s.Sent != 3 {
			t.Errorf("stats %+v", s)
		}
	})
}

// Whoever pushes may be the one who takes what is told: neither may wait for
// the other.
func TestQueueTellsOfDropsBehindTheBackOfThePusher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(limits{workers: 1, total: 2, perLane: 2})
		said := make(chan event.Reason)
		hold := make(chan struct{})
		for range 2 * fallenMax {
			q.push(&job{
				lane: "a", key: instance("a"), final: true,
				do:   func(context.Context, int) outcome { <-hold; return outcome{} },
				done: func(_ int, _ time.Duration, o outcome, _ bool) { said <- o.reason },
			})
		}
		close(hold)
		n := 0
		for {
			select {
			case r := <-said:
				if r == event.FailOverflow {
					n++
				}
				continue
			case <-time.After(time.Second):
			}
			break
		}
		if s := q.snapshot(); s.Dropped[event.FailOverflow] != 2*fallenMax-2 || n < fallenMax || s.Sent != 2 {
			t.Errorf("%d of %d drops were told, %d sent", n, s.Dropped[event.FailOverflow], s.Sent)
		}
		q.close(t.Context())
	})
}

func TestQueueTotalBoundTakesFromTheLongestLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(limits{workers: 1, total: 4, perLane: 10})
		var r record
		send(q, &r, "head", "x", time.Second)
		synctest.Wait()
		for i := range 3 {
			send(q, &r, "many", fmt.Sprint(i), 0)
		}
		for _, one := range []string{"a", "b", "c"} {
			send(q, &r, one, "x", 0)
		}
		time.Sleep(2 * time.Second)
		wantLines(t, sorted(r.take()), "a x", "b x", "c x", "head x", "many 2")
	})
}

func TestQueueRetriesAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		q := newQueue(limits{
			workers: 4, total: 10, perLane: 10, tries: 4, age: time.Hour,
			wait: func(try int) time.Duration { return time.Duration(try) * time.Second },
		})
		var r record
		try := func(lane string, outcomes ...outcome) {
			q.push(&job{lane: lane, key: instance(lane), final: true, do: func(_ context.Context, try int) outcome {
				r.add("%s try %d at %v", lane, try, time.Since(start))
				return outcomes[min(try, len(outcomes))-1]
			}})
		}
		try("flaky", outcome{reason: event.FailUnreachable}, outcome{reason: event.FailRefused, after: 10 * time.Second}, outcome{})
		send(q, &r, "flaky", "next", 0)
		time.Sleep(time.Minute)
		wantLines(t, r.take(), "flaky try 1 at 0s", "flaky try 2 at 1s", "flaky try 3 at 11s", "flaky next")

		try("hopeless", outcome{reason: event.FailTimeout})
		time.Sleep(time.Minute)
		wantLines(t, r.take(), "hopeless try 1 at 1m0s", "hopeless try 2 at 1m1s", "hopeless try 3 at 1m3s", "hopeless try 4 at 1m6s")

		try("forbidden", outcome{reason: event.FailAuth, permanent: true})
		try("late", outcome{reason: event.FailRefused, after: 2 * time.Hour})
		time.Sleep(time.Minute)
		wantLines(t, sorted(r.take()), "forbidden try 1 at 2m0s", "late try 1 at 2m0s")
		s := q.snapshot()
		if s.Failed[event.FailTimeout] != 4 || s.Dropped[event.FailTimeout] != 1 || s.Dropped[event.FailAuth] != 1 ||
			s.Dropped[event.FailRefused] != 1 || s.Sent != 2 || s.Length != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestQueueLastJobEndsWhatIsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(limits{workers: 4, total: 10, perLane: 10, tries: 1, stopGrace: time.Second})
		var r record
		send(q, &r, "a", "endless", time.Hour)
		send(q, &r, "a", "waits", 0)
		synctest.Wait()
		start := time.Now()
		q.push(&job{lane: "a", key: instance("a"), final: true, last: true, do: func(context.Context, int) outcome {
			r.add("stop after %v", time.Since(start))
			return outcome{}
		}})
		q.close(t.Context())
		wantLines(t, r.take(), "stop after 1s")
		if s := q.snapshot(); s.Dropped[event.Shutdown] != 1 || s.Failed[event.FailTimeout] != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestQueueCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(limits{workers: 1, total: 10, perLane: 10, wait: func(int) time.Duration { return time.Hour }})
		var r record
		tried := 0
		q.push(&job{lane: "again", key: instance("again"), do: func(context.Context, int) outcome {
			tried++
			return outcome{reason: event.FailUnreachable}
		}})
		synctest.Wait()
		send(q, &r, "endless", "x", time.Hour)
		send(q, &r, "never", "x", 0)
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		q.close(ctx)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("close took %v", took)
		}
		q.push(&job{lane: "late", do: func(context.Context, int) outcome { r.add("late"); return outcome{} }})
		synctest.Wait()
		wantLines(t, r.take())
		s := q.snapshot()
		if s.Length != 0 || s.Queued != 4 || s.Dropped[event.Shutdown] != 3 || s.Dropped[event.FailTimeout] != 1 {
			t.Errorf("stats %+v", s)
		}
		if tried != 1 {
			t.Errorf("a job in its pause was tried %d times, the worker was never free", tried)
		}
	})
}

// TestQueueCloseStartsNothingThatItCuts: an attempt that the end of close cuts
// makes no room for one that would only be cut as well.
func TestQueueCloseStartsNothingThatItCuts(t *testing.T) {
	q := newQueue(limits{workers: 1, total: 10, perLane: 10})
	stop := q.stop
	q.stop = func() {
		stop()
		for range 10_000 {
			runtime.Gosched() // time enough for what was cut to end
		}
	}
	var r record
	send(q, &r, "a", "endless", time.Hour)
	send(q, &r, "a", "waits", time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.close(ctx)
	eventually(t, "both are settled", func() bool { return q.snapshot().Length == 0 })
	if s := q.snapshot(); s.Dropped[event.Shutdown] != 1 || s.Failed[event.FailTimeout] != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestQueueCloseTriesOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(limits{workers: 1, total: 10, perLane: 10, wait: func(int) time.Duration { return time.Hour }})
		ok := false
		q.push(&job{lane: "a", key: instance("a"), do: func(_ context.Context, try int) outcome {
			if try == 1 {
				return outcome{reason: event.FailUnreachable}
			}
			ok = true
			return outcome{}
		}})
		synctest.Wait()
		start := time.Now()
		q.close(t.Context())
		if !ok || time.Since(start) != 0 {
			t.Errorf("delivered %v after %v", ok, time.Since(start))
		}
	})
}
