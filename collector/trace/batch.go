// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"sync"
	"time"
)

// limits are the bounds of a batcher; the OTEL_BSP_ and OTEL_BLRP_ variables.
type limits struct {
	// queue is how many items wait at most, batch how many go out at once.
	queue, batch int
	// delay is how long an item waits for company, timeout bounds an export.
	delay, timeout time.Duration
	// tries bounds the exports of one batch; retry is the pause before the
	// second, doubled each time up to retryMax.
	tries           int
	retry, retryMax time.Duration
}

// batcher sends items in batches. put never blocks; one goroutine sends.
type batcher[T any] struct {
	lim  limits
	send func(context.Context, []T) error

	mu    sync.Mutex
	items []T
	stats SignalStats
	fail  bool
	// full says that a batch is waiting, closing that no more will come.
	full    chan struct{}
	closing chan struct{}
	done    chan struct{}
	ctx     context.Context
	cancel  context.CancelFunc
}

// SignalStats are the counters of one signal (traces or logs) since the start.
type SignalStats struct {
	// Exports counts requests that the receiver took, Failures those it did not.
	Exports, Failures uint64
	// Items counts spans or log records delivered, Dropped those lost: the
	// queue was full, or the receiver did not take them in time.
	Items, Dropped uint64
	// Queue is how many wait now.
	Queue int
}

func newBatcher[T any](lim limits, send func(context.Context, []T) error) *batcher[T] {
	b := &batcher[T]{lim: lim, send: send, full: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

// put queues an item, or drops and counts it.
func (b *batcher[T]) put(item T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) >= b.lim.queue || b.fail {
		b.stats.Dropped++
		return
	}
	b.items = append(b.items, item)
	if n := len(b.items); n == 1 || n == b.lim.batch {
		select {
		case b.full <- struct{}{}:
		default:
		}
	}
}

func (b *batcher[T]) length() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items)
}

// run waits for a full batch, or delay after the first item, and sends.
func (b *batcher[T]) run() {
	defer close(b.done)
	var due <-chan time.Time
	for {
		select {
		case <-b.full:
			if n := b.length(); n > 0 && n < b.lim.batch {
				if due == nil {
					due = time.After(b.lim.delay)
				}
				continue
			}
		case <-due:
		case <-b.closing:
			b.drain()
			return
		}
		due = nil
		b.deliver()
		if n := b.length(); n > 0 {
			due = time.After(b.lim.delay)
			if n >= b.lim.batch {
				due = time.After(0)
			}
		}
	}
}

// drain sends what is left, without pauses, until it is all gone or fails.
func (b *batcher[T]) drain() {
	for b.length() > 0 && b.deliver() {
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = true
	b.stats.Dropped += uint64(len(b.items))
	b.items = nil
}

// deliver sends the oldest batch, more than once if need be. It stays at the
// head of the queue until it is taken or given up.
func (b *batcher[T]) deliver() (ok bool) {
	b.mu.Lock()
	batch := append([]T(nil), b.items[:min(len(b.items), b.lim.batch)]...)
	b.mu.Unlock()
	if len(batch) == 0 {
		return true
	}
	pause := b.lim.retry
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(b.ctx, b.lim.timeout)
		err := b.send(ctx, batch)
		cancel()
		ok = err == nil
		b.note(len(batch), ok, !ok && try >= b.lim.tries)
		if ok || try >= b.lim.tries {
			return ok
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-b.closing:
			t.Stop()
			return false // drain tries once more
		}
		pause = min(2*pause, b.lim.retryMax)
	}
}

// note counts an export of the n oldest items.
func (b *batcher[T]) note(n int, ok, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case ok:
		b.stats.Exports++
		b.stats.Items += uint64(n)
	case over:
		b.stats.Failures++
		b.stats.Dropped += uint64(n)
	default:
		b.stats.Failures++
		return
	}
	b.items = append([]T(nil), b.items[n:]...)
}

// close sends what is left and ends, when ctx is done at the latest.
func (b *batcher[T]) close(ctx context.Context) {
	close(b.closing)
	select {
	case <-b.done:
	case <-ctx.Done():
		b.cancel()
		<-b.done
	}
	b.cancel()
}

func (b *batcher[T]) snapshot() SignalStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Queue = len(b.items)
	return s
}
