// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"maps"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Stats are the counters of one channel since its start.
type Stats struct {
	// Channel is script, fifo, smtp or webhook; Name tells channels of one
	// sort apart (the FIFO's keyword, the webhook's name).
	Channel, Name string
	// Queued counts what was accepted, Sent what was delivered.
	Queued, Sent uint64
	// Failed counts attempts that failed, Dropped what was given up or lost
	// for want of room, both by reason.
	Failed, Dropped map[event.Reason]uint64
	// Took is the histogram over TookBounds of the time from the event to its
	// delivery; TookSum is the sum.
	Took    [TookBuckets]uint64
	TookSum time.Duration
	// Length is how many wait now, OldestAge how long the oldest has waited.
	Length    int
	OldestAge time.Duration
	// SpoolFailures counts what could not be kept on the disk. It is in memory, and
	// is not lost unless the process ends.
	SpoolFailures uint64
}

// TookBuckets counts the buckets of Stats.Took, the one without bound included.
const TookBuckets = 13

// TookBounds are the upper bounds in seconds of the buckets of Stats.Took.
func TookBounds() []float64 {
	return []float64{.001, .0025, .005, .01, .05, .1, .5, 1, 5, 10, 60, 300}
}

type counters struct {
	queued, sent    uint64
	failed, dropped map[event.Reason]uint64
	took            [TookBuckets]uint64
	sum             time.Duration
}

func newCounters() counters {
	return counters{failed: make(map[event.Reason]uint64), dropped: make(map[event.Reason]uint64)}
}

func (c *counters) deliver(took time.Duration) {
	c.sent++
	c.sum += took
	bounds := TookBounds()
	i := 0
	for i < len(bounds) && took.Seconds() > bounds[i] {
		i++
	}
	c.took[i]++
}

func (c *counters) snapshot() Stats {
	return Stats{
		Queued: c.queued, Sent: c.sent, Failed: maps.Clone(c.failed), Dropped: maps.Clone(c.dropped),
		Took: c.took, TookSum: c.sum,
	}
}
