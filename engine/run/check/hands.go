// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"sync"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/sys/raw"
)

// hands are the goroutine that speaks to the data plane, one thing after the other.
type hands struct {
	plane Plane
	clock *raw.Clock // its own
	inbox *inbox
	mu    sync.Mutex
	queue []func()
	more  chan struct{}
	ended chan struct{}
	done  bool
	// batch is the last Program that was done; frozen says that nothing is changed any more. Both are the goroutine's.
	batch  uint64
	frozen bool
}

func newHands(plane Plane, clock *raw.Clock, b *inbox) *hands {
	h := &hands{plane: plane, clock: clock, inbox: b, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go h.run()
	return h
}

// do queues a job.
func (h *hands) do(job func()) {
	h.mu.Lock()
	h.queue = append(h.queue, job)
	h.mu.Unlock()
	select {
	case h.more <- struct{}{}:
	default:
	}
}

func (h *hands) run() {
	defer close(h.ended)
	for range h.more {
		for {
			h.mu.Lock()
			jobs := h.queue
			h.queue = nil
			done := h.done
			h.mu.Unlock()
			for _, job := range jobs {
				job()
			}
			if len(jobs) > 0 {
				continue
			}
			if done {
				return
			}
			break
		}
	}
}

// freeze leaves the data plane as it is from here on.
func (h *hands) freeze() { h.do(func() { h.frozen = true }) }

// stop does what is queued, closes the data plane and waits for the end.
func (h *hands) stop() {
	h.do(func() {
		// What could not be closed is closed with the process.
		_ = h.plane.Close()
		h.mu.Lock()
		h.done = true
		h.mu.Unlock()
	})
	<-h.ended
}

// program makes changes and tells the pool what came of them.
func (l *Loop) program(batch uint64, ops []health.Op) {
	h := l.hands
	h.do(func() {
		a := &health.Applied{Batch: batch, Start: h.clock.Now()}
		if !h.frozen {
			a.Failed = h.plane.Program(ops)
		}
		a.Count, a.End = len(ops)-len(a.Failed), h.clock.Now()
		h.batch = batch
		h.inbox.put(func() { l.step(a) })
	})
}

// read tells the pool what the data plane has.
func (l *Loop) read() {
	h := l.hands
	h.do(func() {
		k := &health.Kernel{Available: true, After: h.batch}
		var err error
		k.Table, err = h.plane.Read()
		switch {
		case errors.Is(err, ErrUnavailable):
			k.Available, k.Table = false, nil
		case err != nil:
			k.Reason, k.Detail, k.Table = event.FailKernel, err.Error(), nil
		}
		h.inbox.put(func() { l.step(k) })
	})
}

// timeouts sets those of connections.
func (l *Loop) timeouts(t health.Timeouts) {
	h := l.hands
	h.do(func() {
		done := &health.TimeoutsDone{Start: h.clock.Now()}
		if err := h.plane.SetTimeouts(t); err != nil {
			done.Reason, done.Detail = event.FailKernel, err.Error()
		}
		done.End = h.clock.Now()
		h.inbox.put(func() { l.step(done) })
	})
}

// sync lets the sync daemons be as they should.
func (l *Loop) sync(d health.Daemon) {
	h := l.hands
	h.do(func() {
		done := &health.SyncDone{Start: h.clock.Now()}
		var err error
		done.Master, done.Backup, err = h.plane.Sync(d)
		if err != nil {
			done.Reason, done.Detail = event.FailKernel, err.Error()
		}
		done.End = h.clock.Now()
		h.inbox.put(func() { l.step(done) })
	})
}
