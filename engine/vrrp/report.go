// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/auth"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// Snapshot appends to out the present state of everything as Edges marked so:
// interfaces, tracked objects, instances (with the evidence of their last
// transition), their addresses, sync groups. Each names, as its Root, the
// story that led to the state, and its At is when that was.
func (r *Router) Snapshot(now event.Instant, out *Output) {
	if now > r.now {
		r.now = now
	}
	r.out = out
	again := func(e event.Event) {
		if e.Root == (event.Ref{}) {
			e.Root = e.Cause
		}
		e.Snapshot = true
		r.emit(e)
	}
	for _, i := range r.used() {
		e := i.last
		if e.Kind == event.KindNone {
			e = event.Event{Kind: event.InterfaceChanged, Count: int64(i.index)}
		}
		e.Subject, e.To = event.Subject{Kind: event.SubjectInterface, Name: i.name}, i.state()
		again(e)
	}
	for _, o := range r.order {
		if o.key.kind == event.SubjectVirtualServer {
			continue // the check role tells how it stands
		}
		e := o.last
		e.Kind, e.Subject, e.To = event.TrackChanged, event.Subject{Kind: o.key.kind, Name: o.key.name}, o.state()
		again(e)
	}
	for _, in := range r.instances {
		e := in.last
		if e.Kind == event.KindNone {
			e = event.Event{Kind: event.VRRPState, At: in.since}
		}
		e.Subject, e.To, e.Priority = in.subject, in.state, in.priority
		again(e)
		again(event.Event{
			Kind: event.VRRPPriority, Subject: in.subject, Priority: in.priority, Evidence: r.evidence(in, &cause{}),
		})
		if in.state == event.Master && in.owned.Kind != event.KindNone {
			e := in.owned
			e.Subject = in.subject
			again(e)
		}
		if c := in.conflict; c.source.IsValid() {
			again(event.Event{
				Kind: event.VRRPConflict, Subject: in.subject, From: event.Down, To: event.Up, Reason: c.why, Root: c.ref,
				Priority: in.priority, Evidence: c.evidence(),
			})
		}
	}
	for _, g := range r.groups {
		e := g.last
		e.Kind, e.Subject, e.To = event.GroupState, g.subject, g.state
		again(e)
	}
	r.out = nil
}

// used are the interfaces that matter to somebody, in order of first use.
func (r *Router) used() (out []*iface) {
	seen := map[*iface]bool{}
	add := func(i *iface) {
		if i != nil && !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	for _, in := range r.instances {
		add(in.ifc)
		for _, i := range in.others {
			add(i)
		}
		for k := range in.follows {
			add(in.follows[k].ifc)
		}
	}
	return out
}

// Tallies appends the counters of every instance to dst, as of now.
func (r *Router) Tallies(now event.Instant, dst []event.Tally) []event.Tally {
	for _, in := range r.instances {
		dst = append(dst, in.tallyAt(now))
	}
	return dst
}

func (in *instance) tallyAt(now event.Instant) event.Tally {
	t := in.tally
	t.Subject, t.At = in.subject, now
	if i := stateIndex(in.state); i >= 0 && now > in.since {
		t.InState[i] += now.Sub(in.since)
	}
	h := &in.heard
	t.Priority, t.MasterPriority, t.LastAdvert, t.Margin = in.priority, h.masterPriority, h.at, h.margin
	t.MasterInterval, t.MasterDown = in.interval, in.masterDown()
	t.SplitBrain = in.conflict.source.IsValid()
	if h.n > 0 {
		t.Lead = int16(in.priority) - int16(h.ring[h.head].Priority)
	}
	master := h.master
	if in.state == event.Master {
		t.MasterPriority, master = in.priority, in.source
	}
	if master != in.masterOf {
		in.masterOf, in.masterText = master, ""
		if master != (netip.Addr{}) {
			in.masterText = master.String()
		}
	}
	t.Master = in.masterText
	t.Source, t.MAC = in.whence()
	return t
}

// whence are the texts of the address that adverts are sent from and of the
// hardware address of the interface that they go through.
func (in *instance) whence() (source, mac string) {
	if in.source != in.sourceOf {
		in.sourceOf, in.sourceText = in.source, ""
		if in.source.IsValid() {
			in.sourceText = in.source.String()
		}
	}
	out := in.sends()
	if out == nil || out.index == 0 {
		return in.sourceText, ""
	}
	if out.mac != in.macOf {
		in.macOf, in.macText = out.mac, macText(out.mac)
	}
	return in.sourceText, in.macText
}

// RouterTally returns the counters of the Router as a whole, as of now. What
// only the loop knows (dropped packets, clock steps, privileges) is zero.
func (r *Router) RouterTally(now event.Instant) event.RouterTally {
	t := r.tally
	t.At = now
	return t
}

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
		Subject: in.subject, Index: in.index, Interface: s.Face(), Version: s.Version,
		InitialState: s.State, Priority: s.Priority,
		AdvertInterval: s.AdvertInterval, Preempt: !s.NoPreempt, PreemptDelay: s.PreemptDelay,
		AuthType: uint8(s.Auth), Source: in.source, TrackPrimary: !s.DontTrackPrimary,
		GarpDelay: s.GarpDelay, GarpRefresh: s.GarpRefresh, Accept: s.Accept, PromoteSecondaries: s.PromoteSecondaries,
		V3ChecksumAsV2: s.V3ChecksumAsV2, Strict: s.Strict, NotifyDeleted: s.NotifyDeleted,
	}
	if in.vmac != nil {
		row.IfIndex = in.vmac.index
	} else if in.ifc != nil {
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
	// priority aside: packets may be cached by ID, Version, priority and destination.
	Version uint64
	// Guard seals each advert that is sent, after Advert or AppendPacket.
	Guard *auth.Guard
}

// View returns the instance of an Action; ok is false for a handle that is not
// valid (any more). Handles count from 1 and are never reused.
func (r *Router) View(id int) (v View, ok bool) {
	in := r.byID[id]
	if in == nil {
		return View{}, false
	}
	v = View{ID: id, Settings: in.set, Subject: in.subject, State: in.state, Source: in.source, Version: in.version, Guard: &in.guard}
	if i := in.sends(); i != nil {
		v.IfIndex = i.index
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
	ad = wire.Advert{
		Version: s.Version, Family: s.Family, VRID: s.VRID, Priority: priority,
		AuthType: in.expect.AuthType, Auth: in.expect.Auth, Interval: s.AdvertInterval, List: in.list,
	}
	if in.oldSum {
		ad.Pseudo = in.expect.Pseudo
	}
	return ad, true
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
	// VRID, unless 0, is the only one of interest: a VMAC hears all that its base does.
	VRID uint8
	// AH asks for adverts behind an authentication header, and only for those.
	AH bool
}

// Watches appends to dst where the instances must be listened for, each place
// once. An instance whose interface or source address is missing is left out.
// One with AH listens for plain adverts too, to say who lacks it.
func (r *Router) Watches(dst []Watch) []Watch {
	seen := map[Watch]bool{}
	for _, in := range r.instances {
		w, ok := in.watch()
		if !ok {
			continue
		}
		for _, w.AH = range []bool{false, true} {
			if !seen[w] && (!w.AH || in.set.Auth == AuthAH) {
				seen[w] = true
				dst = append(dst, w)
			}
		}
	}
	return dst
}

// watch is where plain adverts for the instance come in; ok is false while its
// interface or source address is missing.
func (in *instance) watch() (w Watch, ok bool) {
	w, on := Watch{Family: in.set.Family}, in.hears()
	if on != nil {
		w.IfIndex = on.index
	}
	if on != in.ifc {
		w.VRID = in.set.VRID
	}
	switch {
	case in.set.Unicast && !in.source.IsValid(), on != nil && w.IfIndex == 0:
		return Watch{}, false
	case in.set.Unicast:
		w.Local = in.source
	default:
		w.Group = in.set.Multicast
	}
	return w, true
}

// WatchVersion changes whenever Watches may give another answer.
func (r *Router) WatchVersion() uint64 { return r.watches }

// Stake is an address of which this host is master, and where: whoever else
// speaks for it is to be told of as a Claim.
type Stake struct {
	IfIndex int
	Addr    netip.Addr
}

// Stakes appends to dst the addresses of all masters, in no particular order.
func (r *Router) Stakes(dst []Stake) []Stake {
	for key, o := range r.owners {
		if o.in.state == event.Master {
			dst = append(dst, Stake{key.ifindex, key.addr})
		}
	}
	return dst
}

// StakeVersion changes whenever Stakes may give another answer.
func (r *Router) StakeVersion() uint64 { return r.stakes }
