// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"sync"

	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/sys/raw"
)

// inbox is how other goroutines reach the loop: they leave what they want done, or the outcome of a probe, and wake it.
// Nobody waits.
type inbox struct {
	mu              sync.Mutex
	jobs, spareJobs []func()
	// outcomes are those of probes that had a goroutine of their own.
	outcomes, spare []health.Outcome
	poller          *raw.Poller
	closed          bool
}

// put leaves a job; it returns false when the loop has ended.
func (b *inbox) put(do func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs = append(b.jobs, do)
	return b.wake(len(b.jobs) + len(b.outcomes))
}

// outcome leaves the outcome of a probe.
func (b *inbox) outcome(o *health.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes = append(b.outcomes, *o)
	b.wake(len(b.jobs) + len(b.outcomes))
}

// wake wakes the loop for the first thing. It is called under the lock, because the poller is closed under it.
func (b *inbox) wake(n int) bool {
	if b.closed {
		return false
	}
	if n == 1 && b.poller.Wake() != nil {
		b.closed = true // an event descriptor that cannot be written is gone
	}
	return !b.closed
}

// take returns all that was left; the slices are valid until the next take.
func (b *inbox) take() ([]func(), []health.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.spareJobs)
	clear(b.spare)
	b.jobs, b.spareJobs = b.spareJobs[:0], b.jobs
	b.outcomes, b.spare = b.spare[:0], b.outcomes
	return b.spareJobs, b.spare
}

func (b *inbox) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return b.poller.Close()
}
