// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// configure starts the Router or reloads it.
func (r *Router) configure(c *Configure) {
	if r.stopping || c.Settings == nil {
		return
	}
	r.config = c.Cause
	by := because{c.Cause, c.Cause}
	if r.started {
		r.reload(c.Settings, by)
		return
	}
	r.start(c, by)
}

// start begins all instances. compat: addresses that a predecessor left behind
// are removed first, except those of an instance that is resumed.
func (r *Router) start(c *Configure, by because) {
	r.started = true
	s := c.Settings
	r.settings = s
	for k := range s.Instances {
		r.instances = append(r.instances, r.newInstance(&s.Instances[k]))
	}
	r.install(s)
	if c.Ears && r.hearing == nil {
		r.hearing = map[Watch]bool{}
	}
	r.notBefore = after(r.now, s.StartupDelay)
	if len(s.StaticAddresses)+len(s.StaticRoutes)+len(s.StaticRules) > 0 {
		r.act(Action{Kind: Own, Reason: event.Startup, Cause: by.cause, Root: by.root})
	}
	resumed := r.resumable(c.Resume)
	if len(resumed) > 0 {
		r.notBefore = 0 // the host did not start just now, only this process
	}
	for _, in := range r.instances {
		if !resumed[in] {
			r.clearStale(in, by)
		}
	}
	for _, in := range r.instances {
		if resumed[in] {
			in.guard.Resume(c.Wall)
			r.resume(in, by)
		}
	}
	r.introduce()
	for _, g := range r.groups {
		r.beginGroup(g, by)
	}
	r.begin(r.instances, by)
}

// introduce tells of the VMACs that were there before anybody needed them:
// their indexes are in no configuration.
func (r *Router) introduce() {
	for k := range r.settings.VMACs {
		i := r.ifaces[r.settings.VMACs[k].Name]
		if i == nil || i.index == 0 || i.last.Kind != event.KindNone || len(i.users) == 0 {
			continue
		}
		i.last = event.Event{
			Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: i.name},
			From: event.Down, To: i.state(), Count: int64(i.index), Snapshot: true,
		}
		i.last.At, i.last.Root = r.now, r.emit(i.last).root
	}
}

// clearStale removes what an earlier run may have left. The owner's addresses
// are those of the interface, and stay.
func (r *Router) clearStale(in *instance, by because) {
	if !in.set.Owner() {
		in.left = r.leftovers(in)
		r.act(Action{Kind: Disown, ID: in.id, Reason: event.Startup, Cause: by.cause, Root: by.root})
	}
}

// leftovers counts the addresses of an instance that are there already and
// that a VRRP router added: those of an earlier run that could not clean up.
func (r *Router) leftovers(in *instance) (n int) {
	for _, i := range r.byIndex {
		for _, x := range i.addrs {
			if x.Ours && r.owners[ownerKey{i.index, x.Prefix.Addr()}].in == in {
				n++
			}
		}
	}
	return n
}

// resumable are the instances that take up where their predecessor was master:
// if the peers cannot have noticed, nothing is missing, and the whole group can.
func (r *Router) resumable(list []Resumed) map[*instance]bool {
	if len(list) == 0 {
		return nil
	}
	byName := map[string]*instance{}
	for _, in := range r.instances {
		byName[in.set.Name] = in
	}
	out := map[*instance]bool{}
	for _, x := range list {
		in := byName[x.Name]
		if in != nil && x.Within && x.State == event.Master && in.fault.why == event.ReasonNone {
			out[in] = true
		}
	}
	for _, g := range r.groups {
		n := 0
		for _, m := range g.members {
			if out[m] {
				n++
			}
		}
		if n != len(g.members) {
			for _, m := range g.members {
				delete(out, m)
			}
		}
	}
	return out
}

// resume makes an instance master again without anybody noticing.
func (r *Router) resume(in *instance, by because) {
	out := r.become(in, event.Master, cause{why: event.Resumed, by: by, resumed: true})
	if g := in.group; g != nil {
		r.settleGroup(g, event.Resumed, out, in)
	}
}

// begin starts those of list that still are in INIT: first the ones that
// cannot run, so that their groups know.
func (r *Router) begin(list []*instance, by because) {
	for _, in := range list {
		if in.state == event.Init && in.fault.why != event.ReasonNone {
			r.review(in, event.ReasonNone, by)
		}
	}
	for _, in := range list {
		if in.state == event.Init {
			r.review(in, event.ReasonNone, by)
		}
	}
}

// newInstance makes an instance that has not started.
func (r *Router) newInstance(s *InstanceSettings) *instance {
	r.lastID++
	in := &instance{id: r.lastID, state: event.Init, since: r.now, interval: s.AdvertInterval}
	in.timer.owner = in
	in.set = s
	in.wants = s.State == event.Master
	r.byID[in.id] = in
	return in
}

// install connects all instances to the settings, to each other and to what
// they need. The instances' set fields are those of s already.
func (r *Router) install(s *Settings) {
	for _, i := range r.ifaces {
		i.users = nil
	}
	r.installObjects(s)
	byName := make(map[string]*instance, len(r.instances))
	r.pause.limit = 0
	for k, in := range r.instances {
		in.index = k + 1
		in.subject = event.Subject{Kind: event.SubjectInstance, Name: in.set.Name, Family: in.set.Family, VRID: in.set.VRID}
		in.group, in.follows = nil, nil
		byName[in.set.Name] = in
		down := time.Duration(in.set.DownTimerAdverts)*in.set.AdvertInterval + skew(in.set.Version, in.set.Priority, in.set.AdvertInterval)
		if r.pause.limit == 0 || down < r.pause.limit {
			r.pause.limit = down
		}
	}
	r.installGroups(s, byName)
	for _, in := range r.instances {
		r.connect(in)
	}
	r.index()
	r.indexLines(s)
	for _, in := range r.instances {
		r.chooseSource(in)
		in.fault = in.faultOf()
		if in.state == event.Init {
			in.priority = in.effective()
		}
	}
	r.watches++
}

// connect resolves the interfaces and tracks of one instance, and prepares
// what it sends and expects.
func (r *Router) connect(in *instance) {
	s := in.set
	in.ifc, in.vmac, in.others, in.ipvlan = nil, nil, nil, false
	if s.Interface != "" {
		in.ifc = r.uses(in, s.Interface)
	}
	need := func(name string) {
		if name == "" || name == s.Interface {
			return
		}
		for _, i := range in.others {
			if i.name == name {
				return
			}
		}
		in.others = append(in.others, r.uses(in, name))
	}
	if s.VMAC != "" {
		in.vmac = r.uses(in, s.VMAC)
		in.ipvlan = slices.ContainsFunc(r.settings.VMACs, func(v VMAC) bool { return v.Name == s.VMAC && v.IPVLAN })
		need(s.VMAC)
	}
	for _, list := range [][]Address{s.Addresses, s.Excluded} {
		for k := range list {
			if !list[k].NoTrack {
				need(list[k].Interface)
			}
		}
	}
	for k := range s.Routes {
		if !s.Routes[k].NoTrack {
			for _, name := range s.Routes[k].Interfaces {
				need(name)
			}
		}
	}
	// compat: members of a group lose their weights, and so follow their
	// objects with weight 0, unless sync_group_tracking_weight.
	weights := in.group == nil || in.group.set.TrackingWeight
	for _, t := range s.Tracks {
		if !weights {
			t.Weight = 0
		}
		r.track(in, t, false)
	}
	if in.group != nil {
		for _, t := range in.group.set.Tracks {
			r.track(in, t, true)
		}
	}
	in.list = in.list[:0]
	for k := range s.Addresses {
		in.list = wire.AppendAddr(in.list, s.Family, s.Addresses[k].Prefix.Addr())
	}
	in.expect = wire.Expect{
		Family: s.Family, Version: s.Version, AuthType: uint8(s.Auth), Interval: s.AdvertInterval,
		AnyTTL: s.Unicast, ChecksumAsV2: s.V3ChecksumAsV2, Trailer: s.AuthHMAC != nil,
	}
	if s.Unicast && s.Version == 3 && s.Family == 4 && s.UnicastChecksum != ChecksumNew {
		in.expect.Pseudo = oldGroup
	}
	in.oldSum = in.expect.Pseudo.IsValid() && (in.oldSum || s.UnicastChecksum == ChecksumOld)
	var password *[8]byte
	if s.Auth == AuthAH {
		password = &s.AuthPass
	}
	in.guard.Configure(password, s.AuthHMAC, len(s.Peers))
	if s.Auth == AuthPass {
		in.expect.Auth = s.AuthPass
	}
	in.judged = in.judged[:0]
	in.judgedOK = len(in.list) == 0
	in.version++
}

// oldGroup is what the checksums of old unicast adverts name as destination.
var oldGroup = netip.AddrFrom4([4]byte{224, 0, 0, 18})

// uses notes that an interface matters to an instance.
func (r *Router) uses(in *instance, name string) *iface {
	i := r.iface(name)
	if slices.Contains(i.users, in) {
		return i
	}
	i.users = append(i.users, in)
	return i
}

// identity is what makes an instance of the new settings the same as one of
// the old. compat: keepalived does not look at the name.
type identity struct {
	family, vrid uint8
	iface        string
	unicast      bool
	// source tells unicast instances of one interface apart, multicast others.
	source, multicast netip.Addr
}

func identityOf(s *InstanceSettings) identity {
	id := identity{family: s.Family, vrid: s.VRID, iface: s.Interface, unicast: s.Unicast}
	if s.Unicast {
		id.source = s.Source
	} else {
		id.multicast = s.Multicast
	}
	return id
}

// reload goes over to other settings by difference: an instance that is in
// both keeps state, timers, counters and addresses.
func (r *Router) reload(s *Settings, by because) {
	was := r.settings
	old := map[identity]*instance{}
	for _, in := range r.instances {
		old[identityOf(in.set)] = in
	}
	var list, fresh []*instance
	before := map[*instance]*InstanceSettings{}
	for k := range s.Instances {
		set := &s.Instances[k]
		id := identityOf(set)
		if in := old[id]; in != nil {
			delete(old, id)
			before[in] = in.set
			list = append(list, in)
			continue
		}
		in := r.newInstance(set)
		list, fresh = append(list, in), append(fresh, in)
	}
	for _, in := range r.instances {
		if old[identityOf(in.set)] == in {
			r.remove(in, by)
		}
	}
	r.settings, r.instances = s, list
	for k, in := range list {
		in.set = &s.Instances[k]
	}
	r.install(s)
	for _, in := range list {
		if b := before[in]; b != nil {
			r.apply(in, b, by)
		}
	}
	r.introduce()
	r.reloadStatic(was, s, by)
	for _, in := range fresh {
		r.clearStale(in, by)
	}
	for _, in := range list {
		if before[in] != nil {
			r.review(in, event.Reload, by)
		}
	}
	r.begin(fresh, by)
	r.mend(by)
}

// remove ends an instance that is not in the new settings. compat: a master
// says so with an advert of priority 0.
func (r *Router) remove(in *instance, by because) {
	r.endConflict(in)
	r.leaveFor(in, r.next(), event.Reload)
	r.become(in, event.Deleted, cause{why: event.Reload, by: by})
	r.timers.remove(&in.timer)
	in.removed = true
	if in.pending == 0 {
		delete(r.byID, in.id)
	}
}

// apply brings a kept instance over to its new settings.
func (r *Router) apply(in *instance, b *InstanceSettings, by because) {
	s := in.set
	wasDown := time.Duration(b.DownTimerAdverts)*in.interval + skew(b.Version, in.priority, in.interval)
	if in.state == event.Master || s.Version == 2 || !in.heard.master.IsValid() {
		in.interval = s.AdvertInterval
	}
	if in.state == event.Backup && in.due[dueProtocol] != 0 {
		in.due[dueProtocol] = max(r.now, in.due[dueProtocol].Add(in.masterDown()-wasDown))
		r.arm(in)
	}
	if in.state != event.Master {
		return
	}
	r.difference(in, b, by)
	// compat: a master sends an advert when it reloads.
	r.assert(in)
	if s.GarpRefresh != b.GarpRefresh {
		in.due[dueRefresh] = after(r.now, s.GarpRefresh)
	}
	if s.GarpExtra != b.GarpExtra {
		in.due[dueExtra] = after(r.now, s.GarpExtra)
	}
	r.refilter(in, b, event.Reload, by)
	r.arm(in)
}

// set changes a setting until the next reload. compat: an owner keeps its
// priority, and nobody becomes one.
func (r *Router) set(x Set) {
	for _, in := range r.instances {
		if in.set.Name != x.Name || r.stopping {
			continue
		}
		before, after := in.set, *in.set
		switch x.What {
		case event.SettingPriority:
			if before.Owner() || x.Value < 1 || x.Value > 254 {
				return
			}
			after.Priority = uint8(x.Value)
		case event.SettingPreempt:
			after.NoPreempt = x.Value == 0
		case event.SettingAccept:
			after.Accept = x.Value != 0
		}
		in.set = &after
		by := because{x.Cause, x.Cause}
		r.weighed(in, event.Admin, by, &cause{})
		r.refilter(in, before, event.Admin, by)
		return
	}
}

// refilter lets packets to the addresses in, or not, where that has changed.
func (r *Router) refilter(in *instance, b *InstanceSettings, why event.Reason, by because) {
	if was := !b.Accept && !b.Owner(); was != in.filters() {
		kind := Evict
		if in.filters() {
			kind = Admit
		}
		r.act(Action{Kind: kind, ID: in.id, Reason: why, Cause: by.cause, Root: by.root})
	}
}

// difference removes what a master no longer has, adds what it has got, and
// announces only that.
func (r *Router) difference(in *instance, b *InstanceSettings, by because) {
	s := in.set
	oldAddrs, newAddrs := slices.Concat(b.Addresses, b.Excluded), slices.Concat(s.Addresses, s.Excluded)
	gone, come := without(oldAddrs, newAddrs, same), without(newAddrs, oldAddrs, same)
	goneRoutes, comeRoutes := without(b.Routes, s.Routes, sameRoute), without(s.Routes, b.Routes, sameRoute)
	goneRules, comeRules := without(b.Rules, s.Rules, sameRule), without(s.Rules, b.Rules, sameRule)
	a := Action{ID: in.id, Reason: event.Reload, Cause: by.cause, Root: by.root, Part: true}
	if len(gone)+len(goneRoutes)+len(goneRules) > 0 {
		a.Kind, a.Only, a.OnlyRoutes, a.OnlyRules = Disown, gone, goneRoutes, goneRules
		r.act(a)
	}
	if len(come)+len(comeRoutes)+len(comeRules) > 0 {
		a.Kind, a.Only, a.OnlyRoutes, a.OnlyRules = Own, come, comeRoutes, comeRules
		r.act(a)
	}
	if len(come) > 0 && s.GarpRepeat > 0 {
		r.act(Action{
			Kind: Announce, ID: in.id, Repeat: s.GarpRepeat, Reason: event.AnnounceReload,
			Cause: by.cause, Root: by.root, Part: true, Only: come,
		})
	}
}

// reloadStatic brings the static addresses, routes and rules over.
func (r *Router) reloadStatic(b, s *Settings, by because) {
	a := Action{Reason: event.Reload, Cause: by.cause, Root: by.root, Part: true}
	a.Only = without(b.StaticAddresses, s.StaticAddresses, same)
	a.OnlyRoutes = without(b.StaticRoutes, s.StaticRoutes, sameRoute)
	a.OnlyRules = without(b.StaticRules, s.StaticRules, sameRule)
	if len(a.Only)+len(a.OnlyRoutes)+len(a.OnlyRules) > 0 {
		a.Kind = Disown
		r.act(a)
	}
	a.Only = without(s.StaticAddresses, b.StaticAddresses, same)
	a.OnlyRoutes = without(s.StaticRoutes, b.StaticRoutes, sameRoute)
	a.OnlyRules = without(s.StaticRules, b.StaticRules, sameRule)
	if len(a.Only)+len(a.OnlyRoutes)+len(a.OnlyRules) > 0 {
		a.Kind = Own
		r.act(a)
	}
}

// mend makes groups whose members changed be of one mind again: a member that
// cannot run takes all to FAULT, one that is BACKUP all to BACKUP.
func (r *Router) mend(by because) {
	for _, g := range r.groups {
		to := g.derive()
		for _, m := range g.members {
			switch {
			case to == event.Fault && (m.state == event.Backup || m.state == event.Master),
				to == event.Backup && m.state == event.Master:
				r.step(m, stimulus{kind: onGroup, at: r.now, why: event.Reload, by: by, to: to, leader: g.set.Name})
			case to == event.Fault && m.state == event.Fault && !g.faulty():
				r.review(m, event.Reload, by) // whoever was at fault is no member any more
			}
		}
		r.settleGroup(g, event.Reload, by, nil)
	}
	for _, in := range r.instances {
		if in.group == nil && in.state == event.Fault {
			r.review(in, event.Reload, by)
		}
	}
}

func same(a, b Address) bool { return a == b }

func sameRoute(a, b Route) bool { return a.Family == b.Family && slices.Equal(a.Words, b.Words) }

func sameRule(a, b Rule) bool { return a.Family == b.Family && slices.Equal(a.Words, b.Words) }

// without is the elements of a that are not in b; nil if there are none.
func without[T any](a, b []T, equal func(x, y T) bool) (out []T) {
	for _, x := range a {
		if !slices.ContainsFunc(b, func(y T) bool { return equal(x, y) }) {
			out = append(out, x)
		}
	}
	return out
}
