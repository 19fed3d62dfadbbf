// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import "time"

// Backoff says how long to wait before connecting again: Min after the first
// loss, twice as long after each further one up to Max, less a random part of
// up to Jitter (0 to 1) of it, so that many subagents do not come back at once.
type Backoff struct {
	Min    time.Duration
	Max    time.Duration
	Jitter float64
	Rand   func() float64 // in [0,1)
	delay  time.Duration  // before jitter, the last one given
}

// next returns the next wait, given how long the last attempt lasted: one that
// lasted longer than the wait before it was a success, and starts over.
func (b *Backoff) next(lasted time.Duration) time.Duration {
	if b.delay == 0 || lasted > b.delay {
		b.delay = b.Min
	} else {
		b.delay = min(2*b.delay, b.Max)
	}
	return b.delay - time.Duration(b.Jitter*b.Rand()*float64(b.delay))
}
