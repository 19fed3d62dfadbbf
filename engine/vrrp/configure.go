// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
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
	r.notBefore = after(r.now, s.StartupDelay)
	if len(s.StaticAddresses)+len(s.StaticRoutes)+len(s.StaticRules) > 0 {
		r.act(Action{Kind: Own, Reason: event.Startup, Cause: by.cause, Root: by.root})
	}
	resumed := r.resumable(c.Resume)
	for _, in := range r.instances {
		if !resumed[in] {
			r.clearStale(in, by)
		}
	}
	for _, in := range r.instances {
		if resumed[in] {
			r.resume(in, by)
		}
	}
	r.begin(r.instances, by)
}

// clearStale removes what an earlier run may have left. The owner's addresses
// are those of the interface, and stay.
func (r *Router) clearStale(in *instance, by because) {
	if !in.set.Owner() {
		r.act(Action{Kind: Disown, ID: in.id, Reason: event.Startup, Cause: by.cause, Root: by.root})
	}
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
		r.settleGroup(g, event.Resumed, out)
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
	in.ifc, in.others = nil, nil
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
		AnyTTL: s.Unicast, ChecksumAsV2: s.V3ChecksumAsV2,
	}
	if s.Auth == AuthPass {
		in.expect.Auth = s.AuthPass
	}
	in.judged = in.judged[:0]
	in.judgedOK = len(in.list) == 0
	in.version++
}

// uses notes that an interface matters to an instance.
func (r *Router) uses(in *instance, name string) *iface {
	i := r.iface(name)
	for _, u := range i.users {
		if u == in {
			return i
		}
	}
	i.users = append(i.users, in)
	return i
}

// track lets an instance follow an object.
func (r *Router) track(in *instance, t Track, ofGroup bool) {
	f := follow{weight: t.Weight, reverse: t.Reverse, ofGroup: ofGroup}
	if t.Kind == event.SubjectInterface {
		f.ifc = r.uses(in, t.Name)
		in.follows = append(in.follows, f)
		return
	}
	key := objectKey{t.Kind, t.Name}
	f.obj = r.objects[key]
	if f.obj == nil {
		// BFD sessions have no settings here.
		f.obj = &object{key: key}
		f.obj.timer.owner = f.obj
		r.objects[key] = f.obj
		r.order = append(r.order, f.obj)
	}
	in.follows = append(in.follows, f)
	for _, u := range f.obj.users {
		if u == in {
			return
		}
	}
	f.obj.users = append(f.obj.users, in)
}

// installObjects makes the tracked objects; those that were there keep their verdict.
func (r *Router) installObjects(s *Settings) {
	old := r.objects
	r.objects, r.order = map[objectKey]*object{}, nil
	get := func(kind event.SubjectKind, name string) *object {
		key := objectKey{kind, name}
		o := old[key]
		if o == nil {
			o = &object{key: key}
			o.timer.owner = o
		}
		delete(old, key)
		o.users = nil
		r.objects[key] = o
		r.order = append(r.order, o)
		o.index = len(r.order)
		return o
	}
	for _, x := range s.Scripts {
		o := get(event.SubjectScript, x.Name)
		o.rise, o.fall = max(1, x.Rise), max(1, x.Fall)
		if !o.known && x.InitFail {
			o.known, o.up, o.count = true, false, o.rise-1 // the first success decides
		}
		o.count = min(o.count, o.rise+o.fall-1)
		if o.known && o.up {
			o.count = max(o.count, o.rise)
		} else {
			o.count = min(o.count, o.rise-1)
		}
	}
	for _, x := range s.Files {
		o := get(event.SubjectFile, x.Name)
		o.weight, o.reverse = x.Weight, x.Reverse
		own := follow{obj: o, weight: o.weight, reverse: o.reverse}
		o.up = !own.faulty()
	}
	for _, x := range s.Processes {
		o := get(event.SubjectProcess, x.Name)
		o.least, o.most, o.gain, o.loss = x.Quorum, x.QuorumMax, x.ForkDelay, x.TerminateDelay
		if o.known {
			o.up = o.inside(o.value)
		}
	}
	for key, o := range old {
		r.timers.remove(&o.timer)
		if key.kind == event.SubjectBFD {
			o.users = nil
			r.objects[key] = o
		}
	}
}

// installGroups makes the sync groups; those that were there keep their state.
func (r *Router) installGroups(s *Settings, byName map[string]*instance) {
	old := r.groups
	r.groups = nil
	for k := range s.Groups {
		set := &s.Groups[k]
		g := &group{state: event.Init}
		for _, o := range old {
			if o.set.Name == set.Name {
				g = o
			}
		}
		g.set, g.index, g.members = set, k+1, nil
		g.subject = event.Subject{Kind: event.SubjectGroup, Name: set.Name}
		for _, name := range set.Members {
			if in := byName[name]; in != nil && in.group == nil {
				in.group = g
				g.members = append(g.members, in)
			}
		}
		r.groups = append(r.groups, g)
	}
}

// index rebuilds the tables that find instances by what packets and addresses say.
func (r *Router) index() {
	clear(r.lookup)
	clear(r.owners)
	for _, in := range r.instances {
		ifindex := 0
		if in.ifc != nil {
			if in.ifc.index == 0 {
				continue
			}
			ifindex = in.ifc.index
		}
		key := lookupKey{ifindex, in.set.Family, in.set.VRID}
		r.lookup[key] = append(r.lookup[key], in)
		for _, list := range [][]Address{in.set.Addresses, in.set.Excluded} {
			for k := range list {
				r.own(in, &list[k], ifindex)
			}
		}
	}
	r.watches++
}

// own notes whose a virtual address is.
func (r *Router) own(in *instance, a *Address, ifindex int) {
	if a.Interface != "" {
		ifindex = r.iface(a.Interface).index
	}
	if ifindex != 0 {
		r.owners[ownerKey{ifindex, a.Prefix.Addr()}] = owner{in, a.NoTrack}
	}
}
