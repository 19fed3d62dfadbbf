// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sink records batches and answers as told.
type sink struct {
	mu    sync.Mutex
	start time.Time
	down  bool
	hang  bool
	lines []string
}

func (s *sink) send(ctx context.Context, items []int) error {
	s.mu.Lock()
	s.lines = append(s.lines, fmt.Sprintf("%v %v", time.Since(s.start), items))
	down, hang := s.down, s.hang
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if down {
		return errors.New("down")
	}
	return nil
}

func (s *sink) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *sink) want(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.lines, want) {
		t.Errorf("sent\n  %q\nwant\n  %q", s.lines, want)
	}
	s.lines = nil
}

func bounds() limits {
	return limits{queue: 8, batch: 3, delay: time.Second, timeout: 10 * time.Second, tries: 3, retry: time.Second, retryMax: 4 * time.Second}
}

func TestBatcherWaitsForCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{start: time.Now()}
		b := newBatcher(bounds(), s.send)
		b.put(1)
		time.Sleep(500 * time.Millisecond)
		b.put(2)
		time.Sleep(5 * time.Second)
		s.want(t, "1s [1 2]")
		for i := range 7 {
			b.put(i)
		}
		time.Sleep(5 * time.Second)
		s.want(t, "5.5s [0 1 2]", "5.5s [3 4 5]", "6.5s [6]")
		b.put(9)
		b.close(t.Context())
		s.want(t, "10.5s [9]")
		if got, want := b.snapshot(), (SignalStats{Exports: 5, Items: 10}); got != want {
			t.Errorf("stats %+v, want %+v", got, want)
		}
	})
}

func TestBatcherRetriesInOrderAndDropsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{start: time.Now(), down: true}
		b := newBatcher(bounds(), s.send)
		for i := range 12 {
			b.put(i)
		}
		if got := b.snapshot(); got.Dropped != 4 || got.Queue != 8 {
			t.Errorf("stats %+v", got)
		}
		time.Sleep(2 * time.Second)
		s.set(false)
		time.Sleep(10 * time.Second)
		s.want(t, "0s [0 1 2]", "1s [0 1 2]", "3s [0 1 2]", "3s [3 4 5]", "4s [6 7]")
		if got, want := b.snapshot(), (SignalStats{Exports: 3, Failures: 2, Items: 8, Dropped: 4}); got != want {
			t.Errorf("stats %+v, want %+v", got, want)
		}
		b.close(t.Context())
	})
}

func TestBatcherGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{start: time.Now(), down: true}
		b := newBatcher(bounds(), s.send)
		b.put(1)
		time.Sleep(time.Minute)
		s.want(t, "1s [1]", "2s [1]", "4s [1]")
		if got, want := b.snapshot(), (SignalStats{Failures: 3, Dropped: 1}); got != want {
			t.Errorf("stats %+v, want %+v", got, want)
		}
		b.close(t.Context())
	})
}

func TestBatcherCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, s := range map[string]*sink{"hangs": {start: time.Now(), hang: true}, "is down": {start: time.Now(), down: true}} {
			b := newBatcher(bounds(), s.send)
			for i := range 5 {
				b.put(i)
			}
			synctest.Wait()
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			b.close(ctx)
			cancel()
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("%s: close took %v", name, took)
			}
			b.put(9)
			if got := b.snapshot(); got.Dropped != 6 || got.Queue != 0 || got.Items != 0 {
				t.Errorf("%s: stats %+v", name, got)
			}
		}
	})
}
