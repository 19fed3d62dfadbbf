// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"math/bits"
	"time"
)

// The wheel has one bucket for each step of time and goes round every eight seconds; what is due later is passed over
// until its turn has come.
const (
	step    = 4 * time.Millisecond
	buckets = 2048
)

// wheel keeps connections by their deadline: putting in, taking out and finding the next are all constant time.
// Connections are numbered by their slot.
type wheel struct {
	heads  [buckets]int32 // slot+1 of the first
	filled [buckets / 64]uint64
	done   int64 // every step up to this one has been looked at
}

// stepOf gives the step at whose end a deadline has passed.
func stepOf(deadline time.Duration) int64 { return int64((deadline + step - 1) / step) }

func (w *wheel) put(slots []slot, i int32) {
	s := &slots[i]
	at := max(stepOf(s.deadline), w.done+1)
	s.bucket = int32(at % buckets)
	s.prev, s.next = -1, w.heads[s.bucket]-1
	if s.next >= 0 {
		slots[s.next].prev = i
	}
	w.heads[s.bucket] = i + 1
	w.filled[s.bucket/64] |= 1 << (s.bucket % 64)
}

func (w *wheel) take(slots []slot, i int32) {
	s := &slots[i]
	if s.next >= 0 {
		slots[s.next].prev = s.prev
	}
	if s.prev >= 0 {
		slots[s.prev].next = s.next
		return
	}
	w.heads[s.bucket] = s.next + 1
	if s.next < 0 {
		w.filled[s.bucket/64] &^= 1 << (s.bucket % 64)
	}
}

// expire gives out every connection whose deadline is not after now; gone may take it out of the wheel.
func (w *wheel) expire(slots []slot, now time.Duration, gone func(i int32)) {
	last := int64(now / step)
	if last-w.done > buckets { // nobody looked for longer than a turn: one turn sees them all
		w.done = last - buckets
	}
	for at := w.done + 1; at <= last; at++ {
		b := at % buckets
		for i := w.heads[b] - 1; i >= 0; {
			next := slots[i].next
			if slots[i].deadline <= now {
				gone(i)
			}
			i = next
		}
	}
	w.done = max(w.done, last)
}

// next gives the end of the first step that has somebody in it. It may be early by whole turns, never late.
func (w *wheel) next() (time.Duration, bool) {
	from := (w.done + 1) % buckets
	for k := range int64(buckets/64 + 1) {
		word := (from/64 + k) % (buckets / 64)
		set := w.filled[word]
		if k == 0 {
			set &= ^uint64(0) << (from % 64)
		}
		if k == buckets/64 {
			set &= 1<<(from%64) - 1
		}
		if set != 0 {
			b := word*64 + int64(bits.TrailingZeros64(set))
			return time.Duration(w.done+1+(b-from+buckets)%buckets) * step, true
		}
	}
	return 0, false
}
