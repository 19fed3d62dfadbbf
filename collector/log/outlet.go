// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// backlogMax is how many lines wait for one output at most.
const backlogMax = 4096

// output is where lines go. One goroutine uses it.
type output interface {
	write(e *entry) error
	// reopen is SIGHUP.
	reopen() error
	close()
}

// outlet is an output with its queue.
type outlet struct {
	name string
	out  output

	mu      sync.Mutex
	waiting []*entry
	again   bool
	closed  bool
	// missing is how many were dropped since the last line that says so.
	missing uint64
	stats   OutputStats
	wake    chan struct{}
	done    chan struct{}
}

// OutputStats are the counters of one output since its start.
type OutputStats struct {
	// Name is console, file, syslog or journald.
	Name string
	// Lines counts lines written, Errors those the output did not take,
	// Dropped those that found the queue full.
	Lines, Errors, Dropped uint64
	// Queue is how many wait now.
	Queue int
}

func newOutlet(name string, out output) *outlet {
	o := &outlet{name: name, out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go o.run()
	return o
}

// push queues a line, or drops and counts it.
func (o *outlet) push(e *entry) {
	o.mu.Lock()
	if len(o.waiting) >= backlogMax || o.closed {
		o.stats.Dropped++
		o.missing++
		o.mu.Unlock()
		return
	}
	o.waiting = append(o.waiting, e)
	o.mu.Unlock()
	o.rouse()
}

func (o *outlet) rouse() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outlet) run() {
	defer close(o.done)
	defer o.out.close()
	for range o.wake {
		o.mu.Lock()
		es, again, closed, missing := o.waiting, o.again, o.closed, o.missing
		o.waiting, o.again, o.missing = nil, false, 0
		o.stats.Queue = len(es)
		o.mu.Unlock()
		if again {
			o.note(o.out.reopen(), 0)
		}
		for _, e := range es {
			o.note(o.out.write(e), 1)
		}
		if missing > 0 {
			o.note(o.out.write(lost(missing)), 1)
		}
		if closed {
			return
		}
	}
}

// lost is the line about lines that are missing.
func lost(n uint64) *entry {
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log.dropped", 0)
	r.AddAttrs(slog.Uint64("count", n))
	return &entry{rec: r}
}

func (o *outlet) note(err error, lines uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.stats.Errors++
	} else {
		o.stats.Lines += lines
	}
	if o.stats.Queue > 0 && lines > 0 {
		o.stats.Queue--
	}
}

func (o *outlet) close(ctx context.Context) {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.rouse()
	select {
	case <-o.done:
	case <-ctx.Done():
	}
}

func (o *outlet) snapshot() OutputStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.Name = o.name
	s.Queue += len(o.waiting)
	return s
}
