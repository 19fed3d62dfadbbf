// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
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
}

func newWires() wires {
	return wires{map[path]bool{}, map[path]int{}, map[path]int{}, map[path]time.Duration{}}
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
	times := 1
	if w.wires.dup[way] > 0 {
		w.wires.dup[way]--
		times = 2
	}
	for range times {
		w.after(w.wires.delay[way], func() { to.arrive(iface, p) })
	}
}
