// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"net/netip"
)

// Wire is one Ethernet: a bridge br0 in a namespace of its own.
type Wire struct {
	*Namespace
	index int
}

// Router is a host with an interface on each of its wires.
type Router struct {
	*Namespace
	// Number is i in the addresses of the router.
	Number int
	wires  []*Wire
	starts int
}

// Wire makes the next wire.
func (l *Lab) Wire() *Wire {
	l.t.Helper()
	k := len(l.wires)
	w := &Wire{l.namespace(fmt.Sprintf("wire%d", k)), k}
	w.IP(
		fmt.Sprintf("link add br0 address 02:00:00:00:%02x:00 type bridge mcast_snooping 0", k),
		"link set br0 addrgenmode none", "link set br0 up",
	)
	l.wires = append(l.wires, w)
	return w
}

// Router makes the next router and plugs its interfaces, eth0 and so on, into
// the wires.
func (l *Lab) Router(name string, wires ...*Wire) *Router {
	l.t.Helper()
	return l.RouterNumber(name, len(l.routers)+1, wires...)
}

// RouterNumber makes a router with a number of choice (1 to 250), so that two
// labs can have the same router.
func (l *Lab) RouterNumber(name string, number int, wires ...*Wire) *Router {
	l.t.Helper()
	r := &Router{Namespace: l.namespace(name), Number: number, wires: wires}
	for i, w := range wires {
		dev := fmt.Sprintf("eth%d", i)
		w.IP(
			fmt.Sprintf("link add name %s type veth peer name %s netns %s", name, dev, r.Name),
			fmt.Sprintf("link set dev %s addrgenmode none", name),
			fmt.Sprintf("link set dev %s master br0 up", name),
		)
		r.IP(
			fmt.Sprintf("link set dev %s address 02:00:00:00:%02x:%02x", dev, w.index, number),
			fmt.Sprintf("link set dev %s addrgenmode none", dev),
			fmt.Sprintf("link set dev %s up", dev),
			fmt.Sprintf("addr add %s/16 dev %s", r.Addr4(i), dev),
			fmt.Sprintf("addr add %s/64 dev %s nodad", r.Addr6(i), dev),
			fmt.Sprintf("addr add %s/64 dev %s nodad", r.LinkLocal(), dev),
		)
	}
	l.routers = append(l.routers, r)
	return r
}

// Addr4 is the router's IPv4 address on its interface ethN.
func (r *Router) Addr4(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(r.wires[n].index), 0, byte(r.Number)})
}

// Addr6 is the router's global IPv6 address on its interface ethN.
func (r *Router) Addr6(n int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::%x", r.wires[n].index, r.Number))
}

// LinkLocal is the router's link-local IPv6 address, the same on every wire.
func (r *Router) LinkLocal() netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("fe80::%x", r.Number))
}

// Cut takes the carrier from the router's interface ethN, as when the cable is
// pulled; Mend plugs it in again.
func (r *Router) Cut(n int) {
	r.t.Helper()
	r.wires[n].IP("link set dev " + r.Host + " down")
}

// Mend gives the router's interface ethN its carrier back.
func (r *Router) Mend(n int) {
	r.t.Helper()
	r.wires[n].IP("link set dev " + r.Host + " up")
}

// Mute has the wire drop what the router sends and receives on ethN, while its
// carrier stays; Unmute ends it.
func (r *Router) Mute(n int) {
	r.t.Helper()
	r.wires[n].IP("link set dev " + r.Host + " nomaster")
}

// Unmute ends Mute.
func (r *Router) Unmute(n int) {
	r.t.Helper()
	r.wires[n].IP("link set dev " + r.Host + " master br0")
}
