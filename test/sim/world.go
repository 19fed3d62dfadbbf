// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"container/heap"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// epoch is the simulated moment at which every World begins: far enough from
// zero that zero can mean never, and a wall clock to go with it.
const (
	epoch     = event.Instant(1000 * time.Second)
	epochWall = int64(1_750_000_000_000_000_000)
)

// World is a network of routers and its clock.
type World struct {
	now   event.Instant
	queue schedule
	turn  uint64
	nodes []*Node
	wires wires
	log   log
	// stuck says that so much happened that there is no end to it; events
	// counts what the routers said.
	stuck  bool
	events int
	// heard is told of every event, if somebody wants to know at once.
	heard func(*Node, *event.Event)
}

// The bounds of a run: how many things may happen in one instant, and how many
// events there may be in all (they are kept, at 1.5 kB each).
const (
	mostAtOnce = 10_000
	mostEvents = 100_000
)

// item is something that will happen.
type item struct {
	at   event.Instant
	turn uint64 // first in, first out at the same time
	do   func()
}

type schedule []item

func (s schedule) Len() int { return len(s) }

func (s schedule) Less(i, j int) bool {
	return s[i].at < s[j].at || s[i].at == s[j].at && s[i].turn < s[j].turn
}

func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

func (s *schedule) Push(x any) { *s = append(*s, x.(item)) }

func (s *schedule) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	(*s)[last] = item{}
	*s = (*s)[:last]
	return x
}

// after makes something happen later.
func (w *World) after(d time.Duration, do func()) {
	w.turn++
	heap.Push(&w.queue, item{w.now.Add(d), w.turn, do})
}

// wall is the wall clock at an instant.
func wall(t event.Instant) int64 { return epochWall + int64(t.Sub(epoch)) }

// node returns the router of a name.
func (w *World) node(name string) *Node {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// Run lets d pass.
func (w *World) Run(d time.Duration) {
	end := w.now.Add(d)
	for n := 0; ; n++ {
		at, ok := w.next()
		if !ok || at > end {
			break
		}
		if at > w.now {
			n = 0
		}
		if w.stuck = n > mostAtOnce || w.events > mostEvents; w.stuck {
			return
		}
		w.now = max(w.now, at)
		w.happen()
	}
	w.now = end
}

// flush does what is due without letting time pass.
func (w *World) flush() { w.Run(0) }

// next is the time of the next thing to happen.
func (w *World) next() (at event.Instant, ok bool) {
	if len(w.queue) > 0 {
		at, ok = w.queue[0].at, true
	}
	for _, n := range w.nodes {
		if due, has := n.deadline(); has && (!ok || due < at) {
			at, ok = due, true
		}
	}
	return at, ok
}

// happen does what is due now: first what arrives, then the timers, as the
// loop of a real router does.
func (w *World) happen() {
	if len(w.queue) > 0 && w.queue[0].at <= w.now {
		heap.Pop(&w.queue).(item).do()
		return
	}
	for _, n := range w.nodes {
		if due, ok := n.deadline(); ok && due <= w.now {
			n.tick()
		}
	}
}
