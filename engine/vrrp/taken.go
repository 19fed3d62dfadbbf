// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// owner is whose an address is: that of a virtual router, or a static one.
type owner struct {
	in *instance // nil for a static address
	*Address
}

// ownerKey names an address on an interface.
type ownerKey struct {
	ifindex int
	addr    netip.Addr
}

// lineKey names a route or rule.
type lineKey struct {
	rule   bool
	family uint8
	text   string
}

func routeKey(x *Route) lineKey { return lineKey{false, x.Family, strings.Join(x.Words, " ")} }
func ruleKey(x *Rule) lineKey   { return lineKey{true, x.Family, strings.Join(x.Words, " ")} }

// torn is what others have taken of ours and is to be restored, because of by;
// last is when that was done before.
type torn struct {
	list  []netip.Prefix
	lines []lineKey
	by    because
	last  event.Instant
	// unsure and unsureLines are removals seen while changes of our own were under way.
	unsure      []IfAddr
	unsureLines []lineKey
}

// statics is what others have taken of the static addresses, routes and rules.
type statics struct {
	torn
	timer timer
}

// restorePause is the least time between two restorations of one instance:
// whoever removes addresses for ever is not fought any faster.
const restorePause = time.Second

// lost asks whether an address that vanished was taken from us. compat: a
// MASTER that loses one gives up and wins it back in a short election; a static
// one is added again.
func (r *Router) lost(x IfAddr) {
	key := ownerKey{x.IfIndex, x.Prefix.Addr()}
	if o, ok := r.fixed[key]; ok && !o.NoTrack {
		r.lostStatic(event.Event{Kind: event.AddressLost, Detail: x.Prefix.String()}, x.Prefix.Addr().String(), r.byIndex[x.IfIndex], func(t *torn) {
			t.list = append(t.list, o.Prefix)
		})
	}
	o, ok := r.owners[key]
	in := o.in
	if !ok || o.NoTrack || in.state != event.Master || r.stopping {
		return
	}
	if in.pending > 0 {
		// It may be a removal of our own that is under way.
		in.torn.unsure = append(in.torn.unsure, x)
		return
	}
	e := event.Event{Kind: event.AddressLost, Detail: x.Prefix.String()}
	r.taken(in, e, x.Prefix.Addr().String(), event.AddressGone, func(t *torn) { t.list = append(t.list, x.Prefix) })
}

// entry takes a route or rule that appeared or that somebody else removed.
func (r *Router) entry(x Entry) {
	key := lineKey{x.Rule, x.Family, x.Text}
	for _, in := range r.lines[key] {
		t := &r.statics.torn
		if in != nil {
			t = &in.torn
		}
		switch {
		case x.Present:
			other := func(k lineKey) bool { return k == key }
			t.lines, t.unsureLines = slices.DeleteFunc(t.lines, other), slices.DeleteFunc(t.unsureLines, other)
		case in == nil:
			r.lostStatic(key.event(), clip(key.text), r.below(key), func(t *torn) { t.lines = append(t.lines, key) })
		default:
			r.lostLine(in, key)
		}
	}
}

// event is that of the loss of a route or rule.
func (k *lineKey) event() event.Event {
	if k.rule {
		return event.Event{Kind: event.RouteLost, Reason: event.RuleGone}
	}
	return event.Event{Kind: event.RouteLost, Reason: event.RouteGone}
}

// lostLine asks whether a route or rule that vanished was taken from us. compat:
// as with an address.
func (r *Router) lostLine(in *instance, key lineKey) {
	if in.state != event.Master || r.stopping {
		return
	}
	if in.pending > 0 {
		in.torn.unsureLines = append(in.torn.unsureLines, key)
		return
	}
	e := key.event()
	r.taken(in, e, clip(key.text), e.Reason, func(t *torn) { t.lines = append(t.lines, key) })
}

// taken tells that somebody else removed something of a master, and does what
// the policy says. note remembers it for later.
func (r *Router) taken(in *instance, e event.Event, what string, why event.Reason, note func(*torn)) {
	e.Subject, e.Count, e.Priority = in.subject, 1, in.priority
	e.Subject.Sub = what
	by := r.emit(e)
	switch r.settings.AddressRemoved {
	case GiveUp:
		f := fault{name: what, state: event.Down}
		r.step(in, stimulus{kind: onGone, at: r.now, why: why, by: by, fault: f})
	case Restore:
		note(&in.torn)
		in.torn.by = by
		if in.due[dueRestore] == 0 {
			in.due[dueRestore] = max(r.now, in.torn.last.Add(restorePause))
			r.arm(in)
		}
	case Alert:
	}
}

// restore adds what others have removed, and tells the neighbours of addresses.
func (r *Router) restore(in *instance) {
	t := &in.torn
	in.due[dueRestore], t.last = 0, r.now
	a := t.action(slices.Concat(in.set.Addresses, in.set.Excluded), in.set.Routes, in.set.Rules)
	if len(a.Only) > 0 {
		// The kernel removes in silence what needs an address that is removed.
		a.OnlyRoutes = in.set.Routes
	}
	t.list, t.lines = nil, nil
	if len(a.Only)+len(a.OnlyRoutes)+len(a.OnlyRules) == 0 || in.state != event.Master {
		return
	}
	in.tally.Restored += uint64(len(a.Only))
	a.ID, a.Repeat = in.id, in.set.GarpRepeat
	r.act(a)
	if a.Kind, a.OnlyRoutes, a.OnlyRules = Announce, nil, nil; a.Repeat > 0 && len(a.Only) > 0 {
		r.act(a)
	}
}

// action is the one that adds again what is missing of these.
func (t *torn) action(addresses []Address, routes []Route, rules []Rule) Action {
	a := Action{Kind: Own, Reason: event.AnnounceRestore, Cause: t.by.cause, Root: t.by.root, Part: true}
	for _, x := range addresses {
		if slices.Contains(t.list, x.Prefix) {
			a.Only = append(a.Only, x)
		}
	}
	for k := range routes {
		if slices.Contains(t.lines, routeKey(&routes[k])) {
			a.OnlyRoutes = append(a.OnlyRoutes, routes[k])
		}
	}
	for k := range rules {
		if slices.Contains(t.lines, ruleKey(&rules[k])) {
			a.OnlyRules = append(a.OnlyRules, rules[k])
		}
	}
	return a
}

// missed looks again at removals that came while our own were under way.
func (r *Router) missed(in *instance) {
	if in == nil || in.pending > 0 || len(in.torn.unsure)+len(in.torn.unsureLines) == 0 {
		return
	}
	list, lines := in.torn.unsure, in.torn.unsureLines
	in.torn.unsure, in.torn.unsureLines = nil, nil
	for _, x := range list {
		i := r.byIndex[x.IfIndex]
		if i != nil && !slices.ContainsFunc(i.addrs, func(y IfAddr) bool { return y.Prefix == x.Prefix }) {
			r.lost(x)
		}
	}
	for _, key := range lines {
		r.lostLine(in, key)
	}
}

// lostStatic tells that somebody else removed something static, and sees to it
// that it is added again. on is the interface that it was on: if that is down,
// nobody is to blame, and it is added when it is up.
func (r *Router) lostStatic(e event.Event, what string, on *iface, note func(*torn)) {
	if r.stopping || on != nil && !on.raw {
		return
	}
	e.Subject, e.Count = event.Subject{Kind: event.SubjectRouter, Name: "static", Sub: what}, 1
	r.statics.by = r.emit(e)
	note(&r.statics.torn)
	r.reviveSoon()
}

// below is an interface that a static route needs and that is down, or nil.
func (r *Router) below(key lineKey) *iface {
	for k := range r.settings.StaticRoutes {
		x := &r.settings.StaticRoutes[k]
		if routeKey(x) != key {
			continue
		}
		for _, name := range x.Interfaces {
			if i := r.iface(name); !i.raw {
				return i
			}
		}
	}
	return nil
}

// static says whether something static is on an interface.
func (r *Router) static(i *iface) bool {
	return r.settings != nil && slices.ContainsFunc(r.settings.StaticAddresses, func(a Address) bool { return a.Interface == i.name })
}

// revive adds again what is static on an interface that is up again, and that
// went with it. compat: so does keepalived, but for what has no_track.
func (r *Router) revive(i *iface) {
	if r.settings == nil || r.stopping || !i.up {
		return
	}
	t := &r.statics.torn
	for k := range r.settings.StaticAddresses {
		a := &r.settings.StaticAddresses[k]
		there := slices.ContainsFunc(i.addrs, func(y IfAddr) bool { return y.Prefix == a.Prefix })
		if a.Interface == i.name && !a.NoTrack && !there {
			t.list = append(t.list, a.Prefix)
		}
	}
	for k := range r.settings.StaticRoutes {
		// The kernel may have kept it, or removed it in silence.
		if x := &r.settings.StaticRoutes[k]; !x.NoTrack && slices.Contains(x.Interfaces, i.name) {
			t.lines = append(t.lines, routeKey(x))
		}
	}
	if len(t.list)+len(t.lines) > 0 {
		t.by = because{}
		r.reviveSoon()
	}
}

func (r *Router) reviveSoon() {
	if r.statics.timer.place == 0 {
		r.timers.set(&r.statics.timer, max(r.now, r.statics.last.Add(restorePause)))
	}
}

// expire adds again what others have removed of what is static.
func (t *statics) expire(r *Router) {
	r.timers.remove(&t.timer)
	t.last = r.now
	s := r.settings
	a := t.action(s.StaticAddresses, s.StaticRoutes, s.StaticRules)
	t.list, t.lines = nil, nil
	if len(a.Only)+len(a.OnlyRoutes)+len(a.OnlyRules) > 0 {
		r.act(a)
	}
}

// index rebuilds the tables that find instances by what packets and addresses say.
func (r *Router) index() {
	clear(r.lookup)
	clear(r.owners)
	clear(r.fixed)
	for _, in := range r.instances {
		ifindex := 0
		if in.ifc != nil {
			if in.ifc.index == 0 {
				continue
			}
			ifindex = in.ifc.index
		}
		hears := ifindex
		if i := in.hears(); i != nil {
			hears = i.index
		}
		key := lookupKey{hears, in.set.Family, in.set.VRID}
		r.lookup[key] = append(r.lookup[key], in)
		for _, list := range [][]Address{in.set.Addresses, in.set.Excluded} {
			for k := range list {
				r.own(in, &list[k], ifindex)
			}
		}
	}
	if r.settings != nil {
		for k := range r.settings.StaticAddresses {
			a := &r.settings.StaticAddresses[k]
			if i := r.ifaces[a.Interface]; i != nil && i.index != 0 {
				r.fixed[ownerKey{i.index, a.Prefix.Addr()}] = owner{nil, a}
			}
		}
	}
	r.watches++
	r.stakes++
}

// indexLines finds the routes and rules that are followed by what they say.
func (r *Router) indexLines(s *Settings) {
	clear(r.lines)
	add := func(in *instance, routes []Route, rules []Rule) {
		for k := range routes {
			if key := routeKey(&routes[k]); !routes[k].NoTrack {
				r.lines[key] = append(r.lines[key], in)
			}
		}
		for k := range rules {
			if key := ruleKey(&rules[k]); !rules[k].NoTrack {
				r.lines[key] = append(r.lines[key], in)
			}
		}
	}
	for _, in := range r.instances {
		add(in, in.set.Routes, in.set.Rules)
	}
	add(nil, s.StaticRoutes, s.StaticRules)
}

// own notes whose a virtual address is.
func (r *Router) own(in *instance, a *Address, ifindex int) {
	if a.Interface != "" {
		ifindex = r.iface(a.Interface).index
	}
	if ifindex != 0 {
		r.owners[ownerKey{ifindex, a.Prefix.Addr()}] = owner{in, a}
	}
}
