// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// Rows appends what is configured to dst as far as the Router knows it, with
// interface indexes and source addresses as they are now: instances with their
// addresses, groups, what is tracked, interfaces. What only the configuration
// knows (command lines, mail, SNMP) the shell fills in.
func (r *Router) Rows(dst []event.Row) []event.Row {
	for _, in := range r.instances {
		row := in.row()
		dst = append(dst, event.Row{Instance: &row})
		dst = r.addressRows(in, dst)
		dst = in.trackRows(dst)
		for k := range in.set.Routes {
			dst = append(dst, event.Row{Route: &event.RouteRow{Instance: in.subject, Index: k + 1, Text: strings.Join(in.set.Routes[k].Words, " ")}})
		}
		for k := range in.set.Rules {
			text := strings.Join(in.set.Rules[k].Words, " ")
			dst = append(dst, event.Row{Route: &event.RouteRow{Instance: in.subject, Index: k + 1, Text: text, Rule: true}})
		}
	}
	for _, g := range r.groups {
		dst = append(dst, event.Row{Group: &event.GroupRow{
			Subject: g.subject, Index: g.index, Members: append([]string(nil), g.set.Members...), TrackingWeight: g.set.TrackingWeight,
		}})
		for k, t := range g.set.Tracks {
			dst = append(dst, event.Row{Track: r.groupTrackRow(g, k, t)})
		}
	}
	if s := r.settings; s != nil {
		for k, x := range s.Scripts {
			dst = append(dst, event.Row{Script: &event.ScriptRow{
				Subject: event.Subject{Kind: event.SubjectScript, Name: x.Name}, Index: k + 1,
				Weight: x.Weight, Reverse: x.Reverse, Rise: x.Rise, Fall: x.Fall,
			}})
		}
		for k := range s.StaticAddresses {
			dst = append(dst, event.Row{Address: r.addressRow(nil, &s.StaticAddresses[k], k+1, false)})
		}
	}
	for _, i := range r.used() {
		dst = append(dst, event.Row{Interface: &event.InterfaceRow{Name: i.name, IfIndex: i.index, Up: i.up}})
	}
	return dst
}

func (in *instance) row() event.InstanceRow {
	s := in.set
	row := event.InstanceRow{
		Subject: in.subject, Index: in.index, Interface: s.Interface, Version: s.Version,
		InitialState: s.State, Priority: s.Priority,
		AdvertInterval: s.AdvertInterval, Preempt: !s.NoPreempt, PreemptDelay: s.PreemptDelay,
		AuthType: uint8(s.Auth), Source: in.source, TrackPrimary: !s.DontTrackPrimary,
		GarpDelay: s.GarpDelay, GarpRefresh: s.GarpRefresh, Accept: s.Accept, PromoteSecondaries: s.PromoteSecondaries,
		V3ChecksumAsV2: s.V3ChecksumAsV2, Strict: s.Strict, NotifyDeleted: s.NotifyDeleted,
	}
	if in.ifc != nil {
		row.IfIndex = in.ifc.index
	}
	if !s.Unicast {
		row.Multicast = s.Multicast
	}
	for k := range s.Peers {
		row.Peers = append(row.Peers, s.Peers[k].Addr)
	}
	if in.group != nil {
		row.SyncGroup = in.group.set.Name
	}
	return row
}

func (r *Router) addressRows(in *instance, dst []event.Row) []event.Row {
	for k := range in.set.Addresses {
		dst = append(dst, event.Row{Address: r.addressRow(in, &in.set.Addresses[k], k+1, true)})
	}
	for k := range in.set.Excluded {
		dst = append(dst, event.Row{Address: r.addressRow(in, &in.set.Excluded[k], len(in.set.Addresses)+k+1, false)})
	}
	return dst
}

// addressRow describes one address; in is nil for a static one.
func (r *Router) addressRow(in *instance, a *Address, index int, advertised bool) *event.AddressRow {
	row := &event.AddressRow{
		Index: index, Prefix: a.Prefix, Peer: a.Peer, Broadcast: a.Broadcast, Scope: a.Scope,
		Interface: a.Interface, Label: a.Label, Advertised: advertised,
	}
	if in != nil {
		row.Instance = in.subject
		if row.Interface == "" {
			row.Interface = in.set.Interface
		}
	}
	if i := r.ifaces[row.Interface]; i != nil {
		row.IfIndex = i.index
	}
	return row
}

func (in *instance) trackRows(dst []event.Row) []event.Row {
	index := 0
	for k := range in.follows {
		f := &in.follows[k]
		if f.ofGroup {
			continue
		}
		index++
		row := &event.TrackRow{
			Owner: in.subject, Object: event.Subject{Kind: f.kind(), Name: f.name()},
			Index: index, Weight: f.weight, Reverse: f.reverse,
		}
		if f.ifc != nil {
			row.IfIndex = f.ifc.index
		}
		dst = append(dst, event.Row{Track: row})
	}
	return dst
}

func (r *Router) groupTrackRow(g *group, k int, t Track) *event.TrackRow {
	row := &event.TrackRow{
		Owner: g.subject, Object: event.Subject{Kind: t.Kind, Name: t.Name}, Index: k + 1, Weight: t.Weight, Reverse: t.Reverse,
	}
	if i := r.ifaces[t.Name]; i != nil && t.Kind == event.SubjectInterface {
		row.IfIndex = i.index
	}
	return row
}
