// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// iface is one network interface that was seen or is configured.
type iface struct {
	name  string
	index int // 0 if it does not exist
	mtu   int
	mac   [6]byte
	// raw is what the kernel says, up what is believed of it after
	// interface_up_down_delays; both are false for an interface that is gone.
	raw, up bool
	seen    bool
	addrs   []IfAddr
	// users are the instances to which the interface or its addresses matter.
	users []*instance
	timer timer
	last  event.Event
}

// iface returns the interface of a name, and remembers it.
func (r *Router) iface(name string) *iface {
	i := r.ifaces[name]
	if i == nil {
		i = &iface{name: name}
		i.timer.owner = i
		r.ifaces[name] = i
	}
	return i
}

// link takes the present condition of an interface.
func (r *Router) link(x Link) {
	if old := r.byIndex[x.IfIndex]; old != nil && (old.name != x.Name && x.Name != "" || !x.Present) {
		// Deleted, or renamed: the old name is gone.
		delete(r.byIndex, x.IfIndex)
		old.index, old.addrs = 0, nil
		r.reindex(old)
		r.linkState(old, false)
		r.reviewUsers(old)
	}
	if !x.Present || x.Name == "" {
		return
	}
	i := r.iface(x.Name)
	i.mtu, i.mac = x.MTU, x.MAC
	moved := i.index != x.IfIndex
	if moved {
		delete(r.byIndex, i.index)
		i.index = x.IfIndex
		r.byIndex[x.IfIndex] = i
		r.reindex(i)
	}
	r.linkState(i, x.Up)
	if moved {
		r.reviewUsers(i)
	}
}

// reindex follows an interface that has another index, or none.
func (r *Router) reindex(i *iface) {
	if len(i.users) == 0 && !r.static(i) {
		return
	}
	r.index()
	for _, in := range i.users {
		r.chooseSource(in)
	}
}

// reviewUsers lets the users of an interface look again where its state did
// not change but its existence did (dont_track_primary).
func (r *Router) reviewUsers(i *iface) {
	for _, in := range i.users {
		r.review(in, event.ReasonNone, because{})
	}
}

// linkState takes up or down as the kernel says it, and believes it at once or
// after the delay (compat: interface_up_down_delays).
func (r *Router) linkState(i *iface, up bool) {
	first := !i.seen
	i.raw, i.seen = up, true
	if up == i.up {
		r.timers.remove(&i.timer)
		return
	}
	if d := r.linkDelay(i.name, up); !first && d > 0 && i.index != 0 {
		if i.timer.place == 0 {
			r.timers.set(&i.timer, after(r.now, d))
		}
		return
	}
	r.linkChanged(i)
}

// linkDelay is how long an interface must stay up, or down, to be believed.
func (r *Router) linkDelay(name string, up bool) (d time.Duration) {
	if r.settings == nil {
		return 0
	}
	for _, x := range r.settings.LinkDelays {
		if x.Interface == name && up {
			return x.Up
		}
		if x.Interface == name {
			return x.Down
		}
	}
	return 0
}

// expire is the end of an interface's delay.
func (i *iface) expire(r *Router) {
	r.timers.remove(&i.timer)
	if i.raw != i.up {
		r.linkChanged(i)
	}
}

// linkChanged believes an interface and lets those who need it look again.
func (r *Router) linkChanged(i *iface) {
	r.timers.remove(&i.timer)
	from := i.state()
	i.up = i.raw
	r.revive(i)
	if len(i.users) == 0 {
		return
	}
	i.last = event.Event{
		Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: i.name},
		From: from, To: i.state(), Count: int64(i.index),
	}
	by := r.emit(i.last)
	i.last.At, i.last.Root = r.now, by.root
	for _, in := range i.users {
		r.review(in, event.ReasonNone, by)
	}
}

func (i *iface) state() event.State {
	if i.up {
		return event.Up
	}
	return event.Down
}

// address takes an address that appeared or vanished.
func (r *Router) address(x IfAddr) {
	i := r.byIndex[x.IfIndex]
	if i == nil {
		return
	}
	at := -1
	for k := range i.addrs {
		if i.addrs[k].Prefix == x.Prefix {
			at = k
		}
	}
	switch {
	case x.Present && at >= 0:
		i.addrs[at] = x
	case x.Present:
		i.addrs = append(i.addrs, x)
	case at >= 0:
		i.addrs = append(i.addrs[:at], i.addrs[at+1:]...)
	}
	for _, in := range i.users {
		// Without a source it matters how far the detection of duplicates is.
		if in.home() == i && (r.chooseSource(in) || !in.source.IsValid()) {
			r.review(in, event.ReasonNone, because{})
		}
	}
	for _, in := range r.instances {
		// track_src_ip may follow an address of any interface.
		if in.set.TrackSource && in.home() != i && in.set.Source == x.Prefix.Addr() && r.chooseSource(in) {
			r.review(in, event.ReasonNone, because{})
		}
	}
	if !x.Present {
		r.lost(x)
	}
}

// chooseSource finds the source address of an instance's adverts and says
// whether that changes what the instance is able to do.
func (r *Router) chooseSource(in *instance) bool {
	was := in.source
	in.source = r.sourceOf(in)
	if in.source == was {
		return false
	}
	in.version++
	r.watches++
	return in.source.IsValid() != was.IsValid()
}

// sourceOf is the primary address of RFC 9568 section 1.7: the configured one,
// or the first of the interface, for IPv6 its link-local one. Virtual addresses
// are no candidates, except for the owner, whose own they are.
func (r *Router) sourceOf(in *instance) netip.Addr {
	if want := in.set.Source; want.IsValid() {
		if in.set.TrackSource && !r.present(want) {
			return netip.Addr{}
		}
		return want
	}
	on := in.home()
	if on == nil {
		return netip.Addr{}
	}
	var second, owned netip.Addr
	for _, x := range on.addrs {
		a := x.Prefix.Addr()
		if a.Is4() != (in.set.Family == 4) || a.Is6() && !a.IsLinkLocalUnicast() || x.Tentative || x.Duplicate {
			continue
		}
		_, virtual := r.owners[ownerKey{on.index, a}]
		switch {
		case virtual && !owned.IsValid():
			owned = a
		case !virtual && !x.Secondary:
			return a
		case !virtual && !second.IsValid():
			second = a
		}
	}
	if !second.IsValid() && in.set.Owner() {
		return owned
	}
	return second
}

// present says whether an address is on an interface and usable.
func (r *Router) present(a netip.Addr) bool {
	for _, i := range r.byIndex {
		for _, x := range i.addrs {
			if x.Prefix.Addr() == a && !x.Tentative && !x.Duplicate {
				return true
			}
		}
	}
	return false
}

// fault is what keeps an instance from running.
type fault struct {
	// why is Interface, Tracking, AddressMissing or AddressDuplicate; none if
	// nothing is missing.
	why   event.Reason
	kind  event.SubjectKind
	name  string
	state event.State
	// last is the change of the object.
	last *event.Event
	// pending says that a first verdict is not there yet.
	pending bool
}

// faultOf looks at everything the instance needs; the first that is missing counts.
func (in *instance) faultOf() fault {
	down := func(i *iface) fault {
		return fault{why: event.Interface, kind: event.SubjectInterface, name: i.name, state: event.Down}
	}
	if i := in.ifc; i != nil && (i.index == 0 || !i.up && !in.set.DontTrackPrimary) {
		return down(i)
	}
	for _, i := range in.others {
		if i.index == 0 || !i.up {
			return down(i)
		}
	}
	pending := false
	for k := range in.follows {
		f := &in.follows[k]
		if in.set.Owner() && f.weight != 0 {
			continue // compat: weights are nothing to the owner.
		}
		if f.faulty() {
			why, state := event.Tracking, event.Down
			if f.ifc != nil {
				why = event.Interface
			}
			if f.up() {
				state = event.Up
			}
			return fault{why: why, kind: f.kind(), name: f.name(), state: state, last: f.last()}
		}
		pending = pending || f.pending()
	}
	if !in.source.IsValid() {
		f := fault{why: event.AddressMissing, kind: event.SubjectInterface, name: in.set.Interface, state: event.Down}
		tentative, duplicate := in.detection()
		switch {
		case duplicate:
			f.why = event.AddressDuplicate
		case tentative && in.state == event.Init:
			return fault{pending: true} // its address is there in a second
		}
		return f
	}
	return fault{pending: pending}
}

// detection says how far duplicate address detection (RFC 4862 section 5.4) is
// where the instance has no source address: one may be on its way, or another
// node may have it.
func (in *instance) detection() (tentative, duplicate bool) {
	on := in.home()
	if on == nil || in.set.Family != 6 {
		return false, false
	}
	for _, x := range on.addrs {
		a := x.Prefix.Addr()
		if in.set.Source.IsValid() && a != in.set.Source || !a.Is6() || !in.set.Source.IsValid() && !a.IsLinkLocalUnicast() {
			continue
		}
		tentative = tentative || x.Tentative && !x.Duplicate
		duplicate = duplicate || x.Duplicate
	}
	return tentative, duplicate && !tentative
}

// review looks again at what an instance needs and at its priority, and steps
// it if that has changed. why replaces the reason of the fault if given.
func (r *Router) review(in *instance, why event.Reason, by because) {
	was := in.fault
	in.fault = in.faultOf()
	r.reprioritise(in, by)
	if !r.started || r.stopping || in.removed {
		return
	}
	x := stimulus{at: r.now, by: by, why: why, fault: in.fault}
	switch {
	case in.fault.why != event.ReasonNone:
		if in.state == event.Fault {
			return
		}
		x.kind = onFault
		if why == event.ReasonNone {
			x.why = in.fault.why
		}
	case in.state == event.Fault:
		if in.group.faulty() || in.fault.pending {
			return
		}
		x.kind, x.fault = onClear, was
		x.fault.state = event.Up
		if why == event.ReasonNone {
			x.why = was.why
		}
		if x.why == event.ReasonNone {
			x.why = event.SyncGroup
			if was.pending {
				x.why = event.Tracking
			}
		}
	case in.state == event.Init && !in.fault.pending:
		x.kind = onStart
	default:
		return
	}
	r.step(in, x)
}
