// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import "github.com/vigild/vigild/engine/event"

// expirer is something that has a deadline: an instance, a debounced
// interface, a process whose loss or gain is not yet believed.
type expirer interface {
	// expire does all that is due at r.now and sets the next deadline.
	expire(r *Router)
}

// timer is one entry of the heap of deadlines.
type timer struct {
	due event.Instant
	// place is the index in the heap plus one, 0 for a timer that is not set.
	place int
	owner expirer
}

// timers is a heap of deadlines, least first, that knows where each timer is,
// so that moving one of a thousand costs ten comparisons and no memory.
type timers []*timer

// set moves t to due; 0 takes it out.
func (h *timers) set(t *timer, due event.Instant) {
	if due == 0 {
		h.remove(t)
		return
	}
	if t.place == 0 {
		t.due = due
		*h = append(*h, t)
		t.place = len(*h)
		h.up(t.place - 1)
		return
	}
	was := t.due
	t.due = due
	if due < was {
		h.up(t.place - 1)
	} else if due > was {
		h.down(t.place - 1)
	}
}

func (h *timers) remove(t *timer) {
	if t.place == 0 {
		return
	}
	i, last := t.place-1, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	t.place, t.due = 0, 0
	if i < last {
		h.down(i)
		h.up(i)
	}
}

func (h timers) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].due <= h[i].due {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h timers) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].due < h[least].due {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
