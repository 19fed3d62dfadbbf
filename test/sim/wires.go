// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"math/rand/v2"
	"time"

	"github.com/vigild/vigild/engine/vrrp"
)

// path is one direction between two routers, the same on all wires.
type path struct{ from, to string }

// wires is what happens to packets on their way.
type wires struct {
	cut   map[path]bool
	drop  map[path]int
	dup   map[path]int
	delay map[path]time.Duration
	// loss is how many of a hundred get lost, jitter how much longer than delay a
	// packet may travel, so that they overtake one another.
	loss   map[path]int
	jitter map[path]time.Duration
	// chance decides, the same in every run.
	chance *rand.Rand
}

func newWires() wires {
	return wires{
		cut: map[path]bool{}, drop: map[path]int{}, dup: map[path]int{}, delay: map[path]time.Duration{},
		loss: map[path]int{}, jitter: map[path]time.Duration{}, chance: rand.New(rand.NewPCG(1, 2)),
	}
}

// carry brings one packet, sent on an interface of a router, to the others
// that have an interface of that name.
func (w *World) carry(from *Node, iface string, p *vrrp.Packet, unicast bool) {
	if l := from.kernel.links[iface]; l == nil || !l.up {
		return
	}
	for _, to := range w.nodes {
		if to != from && (!unicast || to.kernel.has(p.Dest)) {
			w.deliver(from, to, iface, p)
		}
	}
}

// deliver brings one packet to one router.
func (w *World) deliver(from, to *Node, iface string, p *vrrp.Packet) {
	way := path{from.name, to.name}
	if w.wires.cut[way] {
		return
	}
	if w.wires.drop[way] > 0 {
		w.wires.drop[way]--
		return
	}
	if p := w.wires.loss[way]; p > 0 && w.wires.chance.IntN(100) < p {
		return
	}
	times := 1
	if w.wires.dup[way] > 0 {
		w.wires.dup[way]--
		times = 2
	}
	for range times {
		d := w.wires.delay[way]
		if j := w.wires.jitter[way]; j > 0 {
			d += time.Duration(w.wires.chance.Int64N(int64(j)))
		}
		w.after(d, func() { to.arrive(iface, p) })
	}
}
