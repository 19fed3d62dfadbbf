// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// Node is one host with, while it runs, one router.
type Node struct {
	Name string
	// Number tells the nodes of a World apart, from 0.
	Number int
	Kernel *Kernel
	// Router is nil while no process runs; Epoch counts the processes.
	Router *vrrp.Router
	Epoch  uint64
	// Wire names the wire that an interface is on; nil means one of its own name.
	Wire map[string]string
	// Home is the addresses that an interface has when it comes up anew.
	Home func(iface string) []netip.Prefix
	// Frozen is until when the process does not run.
	Frozen event.Instant
	// Stepped is how far the host's wall clock was stepped.
	Stepped time.Duration
	// Loads counts the configurations and what else comes from the parent.
	Loads uint64
	// Events are those of the present process, Before those of the ones before.
	Events, Before []event.Event

	w   *World
	out vrrp.Output
	// waiting is what came while the process was frozen.
	waiting []vrrp.Input
	// busy is, per instance, when the kernel is done with what it was given.
	busy map[int]event.Instant
	// left is what the last process was doing when it was killed.
	left []vrrp.Resumed
}

// Join adds a host to the world; nothing runs on it yet.
func (w *World) Join(name string) *Node {
	n := &Node{Name: name, Number: len(w.Nodes), w: w, Kernel: NewKernel(), Home: func(string) []netip.Prefix { return nil }}
	w.Nodes = append(w.Nodes, n)
	return n
}

// wire is the wire that an interface is on.
func (n *Node) wire(iface string) string {
	if wire, ok := n.Wire[iface]; ok {
		return wire
	}
	return iface
}

// Wall is the host's wall clock at an instant.
func (n *Node) Wall(t event.Instant) int64 { return wall(t) + int64(n.Stepped) }

// deadline is when the router must be stepped; a frozen one has none.
func (n *Node) deadline() (event.Instant, bool) {
	if n.Router == nil || n.Frozen != 0 {
		return 0, false
	}
	return n.Router.Deadline()
}

func (n *Node) tick() { n.step(vrrp.Tick{}) }

// Tell gives the router something that happened to its host.
func (n *Node) Tell(in vrrp.Input) {
	switch {
	case n.Router == nil:
	case n.Frozen != 0:
		n.waiting = append(n.waiting, in)
	default:
		n.step(in)
	}
}

// arrive is a packet that reaches an interface now.
func (n *Node) arrive(iface string, p *vrrp.Packet) {
	l := n.Kernel.Links[iface]
	if n.Router == nil || l == nil || !l.Up {
		return
	}
	mine := *p
	mine.IfIndex, mine.At, mine.Wall = l.Index, n.w.Now, n.Wall(n.w.Now)
	n.Tell(&mine)
}

// step steps the router and does what it wants.
func (n *Node) step(in vrrp.Input) {
	n.out.Reset()
	n.Router.Step(n.w.Now, in, &n.out)
	for i := range n.out.Actions {
		n.do(&n.out.Actions[i])
	}
	for i := range n.out.Events {
		e := &n.out.Events[i]
		e.Wall = n.Wall(e.At)
		n.Events = append(n.Events, *e)
		n.w.Said++
		if n.w.Heard != nil {
			n.w.Heard(n, e)
		}
	}
}

// do does one action.
func (n *Node) do(a *vrrp.Action) {
	if n.w.Did != nil {
		n.w.Did(n, a)
	}
	switch a.Kind {
	case vrrp.Send:
		n.send(a)
	case vrrp.Own, vrrp.Disown, vrrp.Announce:
		n.enqueue(*a)
	case vrrp.Admit, vrrp.Evict:
	}
}

// send sends one advert to the group or to every peer.
func (n *Node) send(a *vrrp.Action) {
	v, ok := n.Router.View(a.ID)
	if !ok || !v.Source.IsValid() {
		return
	}
	s := v.Settings
	to := []netip.Addr{s.Multicast}
	if s.Unicast {
		to = to[:0]
		for _, p := range s.Peers {
			to = append(to, p.Addr)
		}
	}
	var list []*vrrp.Packet
	for _, dst := range to {
		p := &vrrp.Packet{Family: s.Family, Source: v.Source, Dest: dst, TTL: 255}
		p.Payload = n.Router.AppendPacket(nil, a.ID, a.Priority, dst)
		list = append(list, p)
	}
	n.seal(&v, list)
	for _, p := range list {
		n.w.carry(n, s.Interface, p, s.Unicast)
	}
}

// enqueue gives the kernel something to do, after what it has already.
func (n *Node) enqueue(a vrrp.Action) {
	list := a.Only
	home := ""
	all := n.Router.Settings()
	var set *vrrp.InstanceSettings
	if v, ok := n.Router.View(a.ID); ok {
		set, home = v.Settings, v.Settings.Interface
		if !a.Part {
			list = slices.Concat(v.Settings.Addresses, v.Settings.Excluded)
		}
	} else if home = "eth0"; a.ID == 0 && !a.Part && all != nil {
		list = all.StaticAddresses
	}
	begin := max(n.w.Now, n.busy[a.ID])
	end := begin
	if a.Kind != vrrp.Announce {
		end = begin.Add(n.Kernel.Latency)
	}
	n.busy[a.ID] = end
	router := n.Router
	n.w.After(end.Sub(n.w.Now), func() {
		if n.Router != router {
			return // what a dead process had not told the kernel yet is told by nobody
		}
		d := vrrp.Done{ID: a.ID, Kind: a.Kind, Why: a.Reason, Cause: a.Cause, Root: a.Root, Start: begin, End: end}
		for i := range list {
			n.apply(&a, &list[i], home, &d)
		}
		if a.Kind != vrrp.Announce {
			n.lines(&a, set, all, &d)
		}
		n.Tell(&d)
	})
}

// apply does one action to one address.
func (n *Node) apply(a *vrrp.Action, x *vrrp.Address, home string, d *vrrp.Done) {
	iface := x.Interface
	if iface == "" {
		iface = home
	}
	switch a.Kind {
	case vrrp.Own:
		if n.Kernel.Refused[x.Prefix.Addr()] || n.Kernel.Links[iface] == nil {
			d.Failed++
			d.Refused = append(d.Refused, x.Prefix.Addr())
			d.Detail = "add address " + x.Prefix.String() + ": not permitted"
			return
		}
		n.AddAddress(iface, x.Prefix)
		d.Count++
	case vrrp.Disown:
		if n.RemoveAddress(iface, x.Prefix) {
			d.Count++
		}
	case vrrp.Announce:
		if x.Prefix.Addr().Is4() {
			d.Frames4 += a.Repeat
		} else {
			d.Frames6 += a.Repeat
		}
	case vrrp.Send, vrrp.Admit, vrrp.Evict:
	}
}

// Busy is when the kernel is done with what it was given for an instance.
func (n *Node) Busy(id int) event.Instant { return n.busy[id] }

// Start starts a process; resume hands it what its predecessor was doing.
func (n *Node) Start(s *vrrp.Settings, resume bool) {
	var left []vrrp.Resumed
	if resume {
		left = n.left
	}
	n.Begin(s, left)
}

// Begin starts a process that takes up what resume says, and is told first of
// what is known already.
func (n *Node) Begin(s *vrrp.Settings, resume []vrrp.Resumed, known ...vrrp.Input) {
	n.Epoch++
	n.Router = vrrp.New(n.Epoch<<8 | uint64(n.Number+1))
	n.busy, n.waiting, n.Frozen, n.Loads = map[int]event.Instant{}, nil, 0, 0
	n.Before = append(n.Before, n.Events...)
	n.Events = nil
	for _, name := range n.Kernel.names {
		l := n.Kernel.Links[name]
		n.step(l.Input())
		for _, a := range l.Addrs {
			n.step(vrrp.IfAddr{IfIndex: l.Index, Prefix: a, Present: true})
		}
	}
	for _, in := range known {
		n.step(in)
	}
	c := n.Configuration(s)
	c.Resume = resume
	n.step(c)
}

// Configuration is a Configure with the config.loaded event of the parent.
func (n *Node) Configuration(s *vrrp.Settings) *vrrp.Configure {
	n.Loads++
	return &vrrp.Configure{Settings: s, Cause: event.Ref{Epoch: ParentEpoch, Seq: n.Loads}, Wall: n.Wall(n.w.Now)}
}

// ParentEpoch is the epoch of config.loaded and exec.done events, which come
// from another process.
const ParentEpoch = 1

// Kill ends the process; the host keeps its addresses.
func (n *Node) Kill() {
	n.left = nil
	for _, id := range n.Router.Instances(nil) {
		v, _ := n.Router.View(id)
		n.left = append(n.left, vrrp.Resumed{Name: v.Settings.Name, State: v.State, Within: true})
	}
	n.Router = nil
}

// Thaw lets a frozen process run: it sees what waited, then the time.
func (n *Node) Thaw() {
	if n.Frozen == 0 || n.w.Now < n.Frozen || n.Router == nil {
		return
	}
	n.Frozen = 0
	waiting := n.waiting
	n.waiting = nil
	for _, in := range waiting {
		n.step(in)
	}
	n.tick()
}
