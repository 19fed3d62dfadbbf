// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/vrrp"
)

// Kernel is what a router's host has, whether the router runs or not.
type Kernel struct {
	Links   map[string]*Link
	names   []string // in order
	lastIf  int
	Refused map[netip.Addr]bool
	// Lines are its routes and rules, in the order in which they were added.
	Lines []Line
	// Latency is how long a batch of addresses takes.
	Latency time.Duration
}

// Link is one interface.
type Link struct {
	Name  string
	Index int
	Up    bool
	Addrs []netip.Prefix
}

// NewKernel returns a host with nothing.
func NewKernel() *Kernel {
	return &Kernel{Links: map[string]*Link{}, Refused: map[netip.Addr]bool{}, lastIf: 1}
}

// Add makes a link that is up.
func (k *Kernel) Add(name string, addrs ...netip.Prefix) *Link {
	k.lastIf++
	l := &Link{Name: name, Index: k.lastIf, Up: true, Addrs: addrs}
	if k.Links[name] == nil {
		k.names = append(k.names, name)
	}
	k.Links[name] = l
	return l
}

// Has says whether the host has an address.
func (k *Kernel) Has(a netip.Addr) bool {
	for _, l := range k.Links {
		if slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr() == a }) {
			return true
		}
	}
	return false
}

// Shows says whether the host has an address on an interface that is up.
func (k *Kernel) Shows(a netip.Addr) bool {
	for _, l := range k.Links {
		if l.Up && slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Addr() == a }) {
			return true
		}
	}
	return false
}

// Input describes a link to the router.
func (l *Link) Input() vrrp.Link {
	return vrrp.Link{IfIndex: l.Index, Name: l.Name, Present: true, Up: l.Up, MTU: 1500, MAC: [6]byte{2, 0, 0, 0, 1, byte(l.Index)}}
}

// SetLink changes a link to up, down or gone, and tells the router. One that
// comes anew has the addresses of Home.
func (n *Node) SetLink(name, to string) error {
	l := n.Kernel.Links[name]
	switch to {
	case "up", "down":
		if l == nil {
			l = n.Kernel.Add(name, n.Home(name)...)
		}
		if l.Up = to == "up"; !l.Up {
			n.Kernel.forget(name)
		}
		n.Tell(l.Input())
		for _, a := range l.Addrs {
			n.Tell(vrrp.IfAddr{IfIndex: l.Index, Prefix: a, Present: true})
		}
	case "gone":
		if l == nil {
			return fmt.Errorf("%s has no %s", n.Name, name)
		}
		delete(n.Kernel.Links, name)
		n.Kernel.forget(name)
		n.Kernel.names = slices.DeleteFunc(n.Kernel.names, func(s string) bool { return s == name })
		n.Tell(vrrp.Link{IfIndex: l.Index, Name: name})
	default:
		return fmt.Errorf("a link is up, down or gone, not %q", to)
	}
	return nil
}

// AddAddress adds an address to a link; it says whether it was not there.
func (n *Node) AddAddress(name string, p netip.Prefix) bool {
	l := n.Kernel.Links[name]
	if l == nil || slices.Contains(l.Addrs, p) {
		return false
	}
	l.Addrs = append(l.Addrs, p)
	n.moved()
	n.Tell(vrrp.IfAddr{IfIndex: l.Index, Prefix: p, Present: true})
	return true
}

// moved says that addresses have changed.
func (n *Node) moved() {
	if n.w.Moved != nil {
		n.w.Moved(n)
	}
}

// RemoveAddress removes an address from a link; it says whether it was there.
func (n *Node) RemoveAddress(name string, p netip.Prefix) bool {
	l := n.Kernel.Links[name]
	if l == nil || !slices.Contains(l.Addrs, p) {
		return false
	}
	l.Addrs = slices.DeleteFunc(l.Addrs, func(x netip.Prefix) bool { return x == p })
	n.moved()
	n.Tell(vrrp.IfAddr{IfIndex: l.Index, Prefix: p})
	return true
}

// Line is a route or rule of a host.
type Line struct {
	Rule   bool
	Family uint8
	Text   string
}

// AddLine adds a route or rule to a host and tells the router, as the kernel does.
func (n *Node) AddLine(l Line) bool {
	if slices.Contains(n.Kernel.Lines, l) {
		return false
	}
	if dev := l.dev(); dev != "" && (n.Kernel.Links[dev] == nil || !n.Kernel.Links[dev].Up) {
		return false
	}
	n.Kernel.Lines = append(n.Kernel.Lines, l)
	n.Tell(vrrp.Entry{Rule: l.Rule, Family: l.Family, Text: l.Text, Present: true})
	return true
}

// RemoveLine removes one; what the router removes itself (ours) it is not told of.
func (n *Node) RemoveLine(l Line, ours bool) {
	if !slices.Contains(n.Kernel.Lines, l) {
		return
	}
	n.Kernel.Lines = slices.DeleteFunc(n.Kernel.Lines, func(x Line) bool { return x == l })
	if !ours {
		n.Tell(vrrp.Entry{Rule: l.Rule, Family: l.Family, Text: l.Text})
	}
}

func (l *Line) dev() string {
	_, dev, _ := strings.Cut(l.Text, " dev ")
	return dev
}

// forget removes in silence the routes of an interface that is down.
func (k *Kernel) forget(dev string) {
	k.Lines = slices.DeleteFunc(k.Lines, func(l Line) bool { return l.dev() == dev })
}

// lines does an action to the routes and rules that belong to it.
func (n *Node) lines(a *vrrp.Action, s *vrrp.InstanceSettings, all *vrrp.Settings, d *vrrp.Done) {
	routes, rules := a.OnlyRoutes, a.OnlyRules
	switch {
	case a.Part:
	case s != nil:
		routes, rules = s.Routes, s.Rules
	case all != nil:
		routes, rules = all.StaticRoutes, all.StaticRules
	}
	var list []Line
	for _, r := range routes {
		list = append(list, Line{false, r.Family, strings.Join(r.Words, " ")})
	}
	for _, r := range rules {
		list = append(list, Line{true, r.Family, strings.Join(r.Words, " ")})
	}
	for _, l := range list {
		if a.Kind == vrrp.Disown {
			n.RemoveLine(l, true)
		} else if !n.AddLine(l) && !slices.Contains(n.Kernel.Lines, l) {
			d.Failed++
			d.Detail = "add route " + l.Text + ": network is down"
		}
	}
}
