// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import "sync"

// A room is used by one of two parties at a time, by as many of it as like.
// When the other party waits, newcomers wait behind it.
type room struct {
	mu      sync.Mutex
	changed *sync.Cond
	in      [2]int
	waiting [2]int
	last    int // the party that was let in last
}

// The two parties: daemons that start, which takes much of the machine at
// real-time priority, and measurements of a few milliseconds.
const (
	starters = iota
	measurers
)

var machine = newRoom()

func newRoom() *room {
	r := &room{}
	r.changed = sync.NewCond(&r.mu)
	return r
}

func (r *room) enter(party int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	other := 1 - party
	r.waiting[party]++
	for r.in[other] > 0 || r.waiting[other] > 0 && r.last == party {
		r.changed.Wait()
	}
	r.waiting[party]--
	r.in[party]++
	if r.last != party {
		r.last = party
		r.changed.Broadcast()
	}
}

func (r *room) leave(party int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.in[party]--
	r.changed.Broadcast()
}

// Quiet runs f while no lab of this run starts a daemon: for what is measured
// in milliseconds, on machines with few processors. f must not start one.
func Quiet(f func()) {
	machine.enter(measurers)
	defer machine.leave(measurers)
	f()
}
