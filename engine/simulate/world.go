// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// Epoch is the simulated moment at which every World begins: far enough from
// zero that zero can mean never, and a wall clock to go with it.
const (
	Epoch     = event.Instant(1000 * time.Second)
	epochWall = int64(1_750_000_000_000_000_000)
)

// World is a network of routers and its clock. A new one needs Now and Wires:
// New makes it.
type World struct {
	// Now is the simulated time; only Run moves it.
	Now   event.Instant
	Nodes []*Node
	Wires Wires
	// Stuck says that so much happened that there is no end to it; Said counts
	// what the routers said.
	Stuck bool
	Said  int
	// Heard is told of every event and Did of every action, if somebody wants to
	// know at once.
	Heard func(*Node, *event.Event)
	Did   func(*Node, *vrrp.Action)
	// Moved is told of a host whose addresses or links have changed.
	Moved func(*Node)

	agenda Agenda
}

// New returns a World without routers at Epoch.
func New() *World { return &World{Now: Epoch, Wires: NewWires()} }

// The bounds of a run: how many things may happen in one instant, and how many
// events there may be in all (they are kept, at 1.5 kB each).
const (
	mostAtOnce = 10_000
	mostEvents = 100_000
)

// After makes something happen later.
func (w *World) After(d time.Duration, do func()) {
	w.agenda.Add(w.Now.Add(d), do)
}

// wall is the wall clock at an instant.
func wall(t event.Instant) int64 { return epochWall + int64(t.Sub(Epoch)) }

// Node returns the router of a name, nil if there is none.
func (w *World) Node(name string) *Node {
	for _, n := range w.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Run lets d pass.
func (w *World) Run(d time.Duration) {
	end := w.Now.Add(d)
	for n := 0; ; n++ {
		at, ok := w.next()
		if !ok || at > end {
			break
		}
		if at > w.Now {
			n = 0
		}
		if w.Stuck = n > mostAtOnce || w.Said > mostEvents; w.Stuck {
			return
		}
		w.Now = max(w.Now, at)
		w.happen()
	}
	w.Now = end
}

// Flush does what is due without letting time pass.
func (w *World) Flush() { w.Run(0) }

// next is the time of the next thing to happen.
func (w *World) next() (at event.Instant, ok bool) {
	at, ok = w.agenda.Next()
	for _, n := range w.Nodes {
		if due, has := n.deadline(); has && (!ok || due < at) {
			at, ok = due, true
		}
	}
	return at, ok
}

// happen does what is due now: first what arrives, then the timers, as the
// loop of a real router does.
func (w *World) happen() {
	if at, ok := w.agenda.Next(); ok && at <= w.Now {
		w.agenda.Do()
		return
	}
	for _, n := range w.Nodes {
		if due, ok := n.deadline(); ok && due <= w.Now {
			n.tick()
		}
	}
}
