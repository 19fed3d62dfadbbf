// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"sync"

	"github.com/vigild/vigild/engine/event"
)

// ring keeps the newest events. Whoever falls behind loses the oldest ones and
// is told how many.
type ring struct {
	mu   sync.Mutex
	list []event.Event
	// next is the number of the next event, from 1.
	next uint64
	// grown is closed and made anew when events are added.
	grown chan struct{}
}

func newRing(size int) *ring {
	return &ring{list: make([]event.Event, 0, size), next: 1, grown: make(chan struct{})}
}

// add appends events. It never waits for a reader.
func (r *ring) add(es []event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range es {
		if len(r.list) < cap(r.list) {
			r.list = append(r.list, es[i])
		} else {
			r.list[int((r.next-1)%uint64(cap(r.list)))] = es[i]
		}
		r.next++
	}
	close(r.grown)
	r.grown = make(chan struct{})
}

// read copies at most limit events behind number after. first is the number of
// the first one, lost how many between are no longer kept, and grown is closed
// when there are more than there were.
func (r *ring) read(after uint64, limit int) (out []event.Event, first, lost uint64, grown <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	oldest := r.next - uint64(len(r.list))
	first = min(after+1, r.next)
	if first < oldest {
		lost, first = oldest-first, oldest
	}
	for n := first; n < r.next && len(out) < limit; n++ {
		out = append(out, r.list[int((n-1)%uint64(cap(r.list)))])
	}
	return out, first, lost, r.grown
}

// since returns the number behind which the events are not older than wall.
func (r *ring) since(wall int64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.next
	for n > r.next-uint64(len(r.list)) && r.list[int((n-2)%uint64(cap(r.list)))].Wall >= wall {
		n--
	}
	return n - 1
}

// newest returns the number behind which the newest count events are.
func (r *ring) newest(count int) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next - 1 - uint64(min(count, len(r.list)))
}
