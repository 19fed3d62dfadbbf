// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package shadow

import (
	"net/netip"
	"slices"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// Advert is one VRRP packet that was seen on a wire, whoever sent it.
type Advert struct {
	IfIndex      int
	Family       uint8
	Source, Dest netip.Addr
	TTL          int
	// At and Wall are when it was seen.
	At   event.Instant
	Wall int64
	// Own says that this host sent it.
	Own bool
	// Payload is what follows the IP header, and the authentication header.
	Payload []byte
}

// Machine is all instances of a configuration as they are seen. Time is an
// argument; each method returns the events it led to, valid until the next call.
type Machine struct {
	epoch, seq uint64
	now        event.Instant
	out        []event.Event

	config    event.Ref
	instances []*instance
	groups    []*group
	links     map[string]*iface
	tally     event.RouterTally
}

// iface is an interface that matters.
type iface struct {
	name  string
	index int
	up    bool
	addrs map[netip.Addr]bool
}

func (i *iface) state() event.State {
	if i.up {
		return event.Up
	}
	return event.Down
}

// group is one sync group.
type group struct {
	set     *vrrp.GroupSettings
	subject event.Subject
	members []*instance
	state   event.State
	last    event.Event
}

// New returns a Machine that knows nothing; epoch is that of its events.
func New(epoch uint64) *Machine {
	return &Machine{epoch: epoch, links: map[string]*iface{}}
}

func (m *Machine) begin(now event.Instant) {
	m.now, m.out = max(m.now, now), m.out[:0]
}

// emit says an event.
func (m *Machine) emit(e event.Event) event.Ref {
	m.seq++
	e.Epoch, e.Seq, e.Origin = m.epoch, m.seq, event.RoleVRRP
	if e.At == 0 {
		e.At = m.now
	}
	m.out = append(m.out, e)
	return e.Ref()
}

// Configure goes over to a configuration. An instance that is in both keeps what
// was seen of it.
func (m *Machine) Configure(now event.Instant, c *vrrp.Configure) []event.Event {
	m.begin(now)
	m.config = c.Cause
	old := map[string]*instance{}
	for _, in := range m.instances {
		old[in.set.Name] = in
	}
	m.instances = nil
	for k := range c.Settings.Instances {
		set := &c.Settings.Instances[k]
		in := old[set.Name]
		if in == nil || in.set.VRID != set.VRID || in.set.Family != set.Family || in.set.Interface != set.Interface {
			in = &instance{state: event.Init, since: m.now, others: map[netip.Addr]speaker{}, told: map[rejection]bool{}}
		} else {
			delete(old, set.Name)
		}
		in.configure(set)
		m.instances = append(m.instances, in)
	}
	for _, in := range old {
		m.become(in, event.Deleted, event.Reload)
	}
	m.groups = nil
	for k := range c.Settings.Groups {
		set := &c.Settings.Groups[k]
		g := &group{set: set, subject: event.Subject{Kind: event.SubjectGroup, Name: set.Name}, state: event.Init}
		for _, in := range m.instances {
			if slices.Contains(set.Members, in.set.Name) {
				g.members = append(g.members, in)
			}
		}
		m.groups = append(m.groups, g)
	}
	for _, in := range m.instances {
		m.owned(in)
		m.settle(in)
	}
	m.gather()
	return m.out
}

// Link takes the condition of an interface.
func (m *Machine) Link(now event.Instant, l vrrp.Link) []event.Event {
	m.begin(now)
	i := m.links[l.Name]
	if i == nil {
		i = &iface{name: l.Name, addrs: map[netip.Addr]bool{}}
		m.links[l.Name] = i
	}
	was := i.state()
	i.index, i.up = l.IfIndex, l.Present && l.Up
	if !l.Present {
		i.index = 0
		clear(i.addrs)
	}
	used := false
	for _, in := range m.instances {
		used = used || in.set.Interface == l.Name || in.set.VMAC == l.Name
	}
	if used && was != i.state() {
		m.emit(event.Event{
			Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: i.name}, From: was, To: i.state(), Count: int64(i.index),
		})
	}
	for _, in := range m.instances {
		m.owned(in)
		m.settle(in)
	}
	m.gather()
	return m.out
}

// Address takes an address that appeared or vanished.
func (m *Machine) Address(now event.Instant, a vrrp.IfAddr) []event.Event {
	m.begin(now)
	for _, i := range m.links {
		if i.index != a.IfIndex || a.IfIndex == 0 {
			continue
		}
		if a.Present {
			i.addrs[a.Prefix.Addr()] = true
		} else {
			delete(i.addrs, a.Prefix.Addr())
		}
	}
	for _, in := range m.instances {
		m.owned(in)
		m.settle(in)
	}
	m.gather()
	return m.out
}

// Tick lets time pass.
func (m *Machine) Tick(now event.Instant) []event.Event {
	m.begin(now)
	for _, in := range m.instances {
		in.expire(m.now)
		m.settle(in)
		m.quarrel(in)
	}
	m.gather()
	return m.out
}

// Stop ends the observation: nothing is given up, for nothing is ours.
func (m *Machine) Stop(now event.Instant) []event.Event {
	m.begin(now)
	for _, in := range m.instances {
		m.become(in, event.Stop, event.Shutdown)
	}
	return m.out
}

// Deadline is when Tick is wanted; ok is false for never.
func (m *Machine) Deadline() (at event.Instant, ok bool) {
	for _, in := range m.instances {
		if d := in.deadline(); d != 0 && (!ok || d < at) {
			at, ok = d, true
		}
	}
	return at, ok
}

// Taps appends to dst the indexes of the interfaces to listen on, each once; 0
// is any, for a unicast instance without interface.
func (m *Machine) Taps(dst []int) []int {
	for _, in := range m.instances {
		index := 0
		if name := in.set.Interface; name != "" {
			i := m.links[name]
			if i == nil || i.index == 0 {
				continue
			}
			index = i.index
		}
		if !slices.Contains(dst, index) {
			dst = append(dst, index)
		}
	}
	return dst
}

// gather derives the states of the sync groups: that of the member that is worst.
func (m *Machine) gather() {
	for _, g := range m.groups {
		to := event.Master
		for _, s := range []event.State{event.Fault, event.Init, event.Backup} {
			if slices.ContainsFunc(g.members, func(in *instance) bool { return in.state == s }) {
				to = s
				break
			}
		}
		if to == g.state || len(g.members) == 0 {
			continue
		}
		e := event.Event{Kind: event.GroupState, Subject: g.subject, From: g.state, To: to, Reason: event.SyncGroup}
		g.state = to
		m.emit(e)
		g.last = m.out[len(m.out)-1]
	}
}
