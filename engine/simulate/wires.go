// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"time"

	"github.com/vigild/vigild/engine/vrrp"
)

// Path is one direction between two routers, the same on all wires.
type Path struct{ From, To string }

// Chance decides what is left to chance. Wires without one lose nothing by
// chance and never jitter.
type Chance interface {
	IntN(n int) int
	Int64N(n int64) int64
}

// Wires is what happens to packets on their way.
type Wires struct {
	Cut   map[Path]bool
	Drop  map[Path]int
	Dup   map[Path]int
	Delay map[Path]time.Duration
	// Loss is how many of a hundred get lost, Jitter how much longer than Delay a
	// packet may travel, so that they overtake one another.
	Loss   map[Path]int
	Jitter map[Path]time.Duration
	Chance Chance
}

// NewWires are wires on which all goes well.
func NewWires() Wires {
	return Wires{
		Cut: map[Path]bool{}, Drop: map[Path]int{}, Dup: map[Path]int{}, Delay: map[Path]time.Duration{},
		Loss: map[Path]int{}, Jitter: map[Path]time.Duration{},
	}
}

// carry brings one packet, sent on an interface of a router, to the others
// that have an interface on the same wire.
func (w *World) carry(from *Node, iface string, p *vrrp.Packet, unicast bool) {
	anywhere := iface == "" && unicast // the kernel finds the way
	if l := from.Kernel.Links[iface]; !anywhere && (l == nil || !l.Up) {
		return
	}
	wire := from.wire(iface)
	for _, to := range w.Nodes {
		if to == from || unicast && !to.Kernel.Has(p.Dest) {
			continue
		}
		for _, name := range to.Kernel.names {
			if anywhere || to.wire(name) == wire {
				w.deliver(from, to, name, p)
			}
		}
	}
}

// deliver brings one packet to one router.
func (w *World) deliver(from, to *Node, iface string, p *vrrp.Packet) {
	way := Path{from.Name, to.Name}
	if w.Wires.Cut[way] {
		return
	}
	if w.Wires.Drop[way] > 0 {
		w.Wires.Drop[way]--
		return
	}
	if p := w.Wires.Loss[way]; p > 0 && w.Wires.Chance != nil && w.Wires.Chance.IntN(100) < p {
		return
	}
	times := 1
	if w.Wires.Dup[way] > 0 {
		w.Wires.Dup[way]--
		times = 2
	}
	for range times {
		d := w.Wires.Delay[way]
		if j := w.Wires.Jitter[way]; j > 0 && w.Wires.Chance != nil {
			d += time.Duration(w.Wires.Chance.Int64N(int64(j)))
		}
		w.After(d, func() { to.arrive(iface, p) })
	}
}
