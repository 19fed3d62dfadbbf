// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

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
	if was := !b.Accept && !b.Owner(); was != in.filters() {
		kind := Evict
		if in.filters() {
			kind = Admit
		}
		r.act(Action{Kind: kind, ID: in.id, Reason: event.Reload, Cause: by.cause, Root: by.root})
	}
	r.arm(in)
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
		r.settleGroup(g, event.Reload, by)
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
