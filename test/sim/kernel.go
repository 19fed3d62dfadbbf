// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/vrrp"
)

// kernel is what a router's host has, whether the router runs or not.
type kernel struct {
	links   map[string]*link
	names   []string // in order
	lastIf  int
	refused map[netip.Addr]bool
	// lines are its routes and rules, in the order in which they were added.
	lines []line
	// latency is how long a batch of addresses takes.
	latency time.Duration
}

type link struct {
	name  string
	index int
	up    bool
	addrs []netip.Prefix
}

func newKernel() *kernel {
	return &kernel{links: map[string]*link{}, refused: map[netip.Addr]bool{}, lastIf: 1}
}

// add makes a link that is up.
func (k *kernel) add(name string, addrs ...netip.Prefix) *link {
	k.lastIf++
	l := &link{name: name, index: k.lastIf, up: true, addrs: addrs}
	if k.links[name] == nil {
		k.names = append(k.names, name)
	}
	k.links[name] = l
	return l
}

// has says whether the host has an address.
func (k *kernel) has(a netip.Addr) bool {
	for _, l := range k.links {
		if slices.ContainsFunc(l.addrs, func(p netip.Prefix) bool { return p.Addr() == a }) {
			return true
		}
	}
	return false
}

// input describes a link to the router.
func (l *link) input() vrrp.Link {
	return vrrp.Link{IfIndex: l.index, Name: l.name, Present: true, Up: l.up, MTU: 1500, MAC: [6]byte{2, 0, 0, 0, 1, byte(l.index)}}
}

// homeAddresses are the addresses that router number i (from 0) has on an
// interface.
func homeAddresses(i int, iface string) []netip.Prefix {
	net := 0
	fmt.Sscanf(iface, "eth%d", &net)
	return []netip.Prefix{
		netip.MustParsePrefix(fmt.Sprintf("10.%d.0.%d/24", net, i+1)),
		netip.MustParsePrefix(fmt.Sprintf("fe80::%d:%d/64", net, i+1)),
	}
}

// setLink changes a link and tells the router.
func (n *Node) setLink(name, to string) error {
	l := n.kernel.links[name]
	switch to {
	case "up", "down":
		if l == nil {
			l = n.kernel.add(name, homeAddresses(n.number, name)...)
		}
		if l.up = to == "up"; !l.up {
			n.kernel.forget(name)
		}
		n.tell(l.input())
		for _, a := range l.addrs {
			n.tell(vrrp.IfAddr{IfIndex: l.index, Prefix: a, Present: true})
		}
	case "gone":
		if l == nil {
			return fmt.Errorf("%s has no %s", n.name, name)
		}
		delete(n.kernel.links, name)
		n.kernel.forget(name)
		n.kernel.names = slices.DeleteFunc(n.kernel.names, func(s string) bool { return s == name })
		n.tell(vrrp.Link{IfIndex: l.index, Name: name})
	default:
		return fmt.Errorf("a link is up, down or gone, not %q", to)
	}
	return nil
}

// addAddress adds an address to a link; it says whether it was not there.
func (n *Node) addAddress(name string, p netip.Prefix) bool {
	l := n.kernel.links[name]
	if l == nil || slices.Contains(l.addrs, p) {
		return false
	}
	l.addrs = append(l.addrs, p)
	n.tell(vrrp.IfAddr{IfIndex: l.index, Prefix: p, Present: true})
	return true
}

// removeAddress removes an address from a link; it says whether it was there.
func (n *Node) removeAddress(name string, p netip.Prefix) bool {
	l := n.kernel.links[name]
	if l == nil || !slices.Contains(l.addrs, p) {
		return false
	}
	l.addrs = slices.DeleteFunc(l.addrs, func(x netip.Prefix) bool { return x == p })
	n.tell(vrrp.IfAddr{IfIndex: l.index, Prefix: p})
	return true
}
