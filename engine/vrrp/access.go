// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// View is what the loop must know of an instance to do its Actions. It is
// valid until the next Step.
type View struct {
	ID       int
	Settings *InstanceSettings
	Subject  event.Subject
	State    event.State
	// IfIndex is the interface's index; 0 if it does not exist, or if a unicast
	// instance has none.
	IfIndex int
	// Source is the source address of adverts, invalid if there is none.
	Source netip.Addr
	// Version changes whenever a packet built before would be different now, its
	// priority aside: packets may be cached by ID, Version and priority.
	Version uint64
}

// View returns the instance of an Action; ok is false for a handle that is not
// valid any more.
func (r *Router) View(id int) (v View, ok bool) {
	in := r.byID[id]
	if in == nil {
		return View{}, false
	}
	v = View{ID: id, Settings: in.set, Subject: in.subject, State: in.state, Source: in.source, Version: in.version}
	if in.ifc != nil {
		v.IfIndex = in.ifc.index
	}
	return v, true
}

// Instances appends the handles of the configured instances to dst, in
// configuration order.
func (r *Router) Instances(dst []int) []int {
	for _, in := range r.instances {
		dst = append(dst, in.id)
	}
	return dst
}

// Settings returns the settings in force, nil before the first Configure.
func (r *Router) Settings() *Settings { return r.settings }

// Advert returns the advert of an instance with the given priority. Its List
// is valid until the next Step.
func (r *Router) Advert(id int, priority uint8) (ad wire.Advert, ok bool) {
	in := r.byID[id]
	if in == nil {
		return wire.Advert{}, false
	}
	s := in.set
	return wire.Advert{
		Version: s.Version, Family: s.Family, VRID: s.VRID, Priority: priority,
		AuthType: in.expect.AuthType, Auth: in.expect.Auth, Interval: s.AdvertInterval, List: in.list,
	}, true
}

// AppendPacket appends the VRRP packet of an instance for one destination
// (Settings.Multicast or a peer). It does not allocate if dst has room.
func (r *Router) AppendPacket(dst []byte, id int, priority uint8, to netip.Addr) []byte {
	ad, ok := r.Advert(id, priority)
	if !ok {
		return dst
	}
	in := r.byID[id]
	return wire.Append(dst, &ad, in.source, to, in.set.V3ChecksumAsV2)
}

// Watch is one place to listen at.
type Watch struct {
	// Family is 4 or 6.
	Family uint8
	// IfIndex is the interface; 0 means any, for a unicast instance without one.
	IfIndex int
	// Group is the multicast group to join; invalid for unicast.
	Group netip.Addr
	// Local is the address that unicast adverts come to; invalid for multicast.
	Local netip.Addr
}

// Watches appends to dst where the instances must be listened for, each once.
// An instance whose interface or source address is missing is left out.
func (r *Router) Watches(dst []Watch) []Watch {
	seen := map[Watch]bool{}
	for _, in := range r.instances {
		w := Watch{Family: in.set.Family}
		if in.ifc != nil {
			w.IfIndex = in.ifc.index
		}
		switch {
		case in.set.Unicast && !in.source.IsValid(), in.ifc != nil && w.IfIndex == 0:
			continue
		case in.set.Unicast:
			w.Local = in.source
		default:
			w.Group = in.set.Multicast
		}
		if !seen[w] {
			seen[w] = true
			dst = append(dst, w)
		}
	}
	return dst
}

// WatchVersion changes whenever Watches may give another answer.
func (r *Router) WatchVersion() uint64 { return r.watches }
