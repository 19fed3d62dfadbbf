// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// Node is one host with, while it runs, one router.
type Node struct {
	name   string
	number int
	w      *World
	kernel *kernel
	epoch  uint64

	router *vrrp.Router // nil while no process runs
	out    vrrp.Output
	// frozen is until when the process does not run; waiting is what came meanwhile.
	frozen  event.Instant
	waiting []vrrp.Input
	// busy is, per instance, when the kernel is done with what it was given.
	busy map[int]event.Instant
	// stepped is how far the host's wall clock was stepped.
	stepped time.Duration
	// loads counts the configurations.
	loads uint64
	// left is what the last process was doing when it was killed.
	left []vrrp.Resumed

	events []event.Event
	before []event.Event // of processes before the present one
}

// wall is the host's wall clock at an instant.
func (n *Node) wall(t event.Instant) int64 { return wall(t) + int64(n.stepped) }

// deadline is when the router must be stepped; a frozen one has none.
func (n *Node) deadline() (event.Instant, bool) {
	if n.router == nil || n.frozen != 0 {
		return 0, false
	}
	return n.router.Deadline()
}

func (n *Node) tick() { n.step(vrrp.Tick{}) }

// tell gives the router something that happened to its host.
func (n *Node) tell(in vrrp.Input) {
	switch {
	case n.router == nil:
	case n.frozen != 0:
		n.waiting = append(n.waiting, in)
	default:
		n.step(in)
	}
}

// arrive is a packet that reaches an interface now.
func (n *Node) arrive(iface string, p *vrrp.Packet) {
	l := n.kernel.links[iface]
	if n.router == nil || l == nil || !l.up {
		return
	}
	mine := *p
	mine.IfIndex, mine.At, mine.Wall = l.index, n.w.now, n.wall(n.w.now)
	n.tell(&mine)
}

// step steps the router and does what it wants.
func (n *Node) step(in vrrp.Input) {
	n.out.Reset()
	n.router.Step(n.w.now, in, &n.out)
	for i := range n.out.Actions {
		n.do(&n.out.Actions[i])
	}
	for i := range n.out.Events {
		e := &n.out.Events[i]
		e.Wall = n.wall(e.At)
		n.events = append(n.events, *e)
		n.w.events++
		n.w.log.event(n, e)
		if n.w.heard != nil {
			n.w.heard(n, e)
		}
	}
}

// do does one action.
func (n *Node) do(a *vrrp.Action) {
	n.w.log.action(n, a)
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
	v, ok := n.router.View(a.ID)
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
		p.Payload = n.router.AppendPacket(nil, a.ID, a.Priority, dst)
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
	all := n.router.Settings()
	var set *vrrp.InstanceSettings
	if v, ok := n.router.View(a.ID); ok {
		set, home = v.Settings, v.Settings.Interface
		if !a.Part {
			list = slices.Concat(v.Settings.Addresses, v.Settings.Excluded)
		}
	} else if home = "eth0"; a.ID == 0 && !a.Part && all != nil {
		list = all.StaticAddresses
	}
	begin := max(n.w.now, n.busy[a.ID])
	end := begin
	if a.Kind != vrrp.Announce {
		end = begin.Add(n.kernel.latency)
	}
	n.busy[a.ID] = end
	router := n.router
	n.w.after(end.Sub(n.w.now), func() {
		if n.router != router {
			return // what a dead process had not told the kernel yet is told by nobody
		}
		d := vrrp.Done{ID: a.ID, Kind: a.Kind, Why: a.Reason, Cause: a.Cause, Root: a.Root, Start: begin, End: end}
		for i := range list {
			n.apply(&a, &list[i], home, &d)
		}
		if a.Kind != vrrp.Announce {
			n.lines(&a, set, all, &d)
		}
		n.tell(&d)
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
		if n.kernel.refused[x.Prefix.Addr()] || n.kernel.links[iface] == nil {
			d.Failed++
			d.Refused = append(d.Refused, x.Prefix.Addr())
			d.Detail = "add address " + x.Prefix.String() + ": not permitted"
			return
		}
		n.addAddress(iface, x.Prefix)
		d.Count++
	case vrrp.Disown:
		if n.removeAddress(iface, x.Prefix) {
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

// start starts a process; resume hands it what its predecessor was doing.
func (n *Node) start(s *vrrp.Settings, resume bool) {
	n.epoch++
	n.router = vrrp.New(n.epoch<<8 | uint64(n.number+1))
	n.busy, n.waiting, n.frozen, n.loads = map[int]event.Instant{}, nil, 0, 0
	n.before = append(n.before, n.events...)
	n.events = nil
	for _, name := range n.kernel.names {
		l := n.kernel.links[name]
		n.step(l.input())
		for _, a := range l.addrs {
			n.step(vrrp.IfAddr{IfIndex: l.index, Prefix: a, Present: true})
		}
	}
	c := n.configuration(s)
	if resume {
		c.Resume = n.left
	}
	n.step(c)
}

// configuration is a Configure with the config.loaded event of the parent.
func (n *Node) configuration(s *vrrp.Settings) *vrrp.Configure {
	n.loads++
	return &vrrp.Configure{Settings: s, Cause: event.Ref{Epoch: parentEpoch, Seq: n.loads}, Wall: n.wall(n.w.now)}
}

// parentEpoch is the epoch of config.loaded and exec.done events, which come
// from another process.
const parentEpoch = 1

// kill ends the process; the host keeps its addresses.
func (n *Node) kill() {
	n.left = nil
	for _, id := range n.router.Instances(nil) {
		v, _ := n.router.View(id)
		n.left = append(n.left, vrrp.Resumed{Name: v.Settings.Name, State: v.State, Within: true})
	}
	n.router = nil
}

// thaw lets a frozen process run: it sees what waited, then the time.
func (n *Node) thaw() {
	if n.frozen == 0 || n.w.now < n.frozen || n.router == nil {
		return
	}
	n.frozen = 0
	waiting := n.waiting
	n.waiting = nil
	for _, in := range waiting {
		n.step(in)
	}
	n.tick()
}
