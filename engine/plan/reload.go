// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// compare says which instances came, went and stayed: the machine gives one
// that stays the handle that it had.
func (r *rehearsal) compare(before, after []vrrp.View) {
	was := map[int]vrrp.View{}
	for _, v := range before {
		was[v.ID] = v
	}
	for _, v := range after {
		b, kept := was[v.ID]
		delete(was, v.ID)
		switch {
		case !kept:
			r.p.Instances = append(r.p.Instances, Change{Name: v.Settings.Name, What: Added})
		default:
			if names := differences(*b.Settings, *v.Settings); len(names) > 0 {
				r.p.Instances = append(r.p.Instances, Change{v.Settings.Name, Changed, names})
			}
		}
	}
	for _, v := range before {
		if _, gone := was[v.ID]; gone {
			r.p.Instances = append(r.p.Instances, Change{Name: v.Settings.Name, What: Removed})
		}
	}
	r.p.Groups = named(r.old.Groups, r.next.Groups, func(g vrrp.GroupSettings) string { return g.Name })
	old, next := *r.old, *r.next
	for _, s := range []*vrrp.Settings{&old, &next} {
		s.Instances, s.Groups, s.StaticAddresses, s.StaticRoutes, s.StaticRules = nil, nil, nil, nil, nil
	}
	r.p.Global = differences(old, next)
}

// named compares lists of things that have names.
func named[T any](old, next []T, name func(T) string) (out []Change) {
	was := map[string]T{}
	for _, x := range old {
		was[name(x)] = x
	}
	for _, x := range next {
		b, kept := was[name(x)]
		delete(was, name(x))
		if !kept {
			out = append(out, Change{Name: name(x), What: Added})
		} else if names := differences(b, x); len(names) > 0 {
			out = append(out, Change{name(x), Changed, names})
		}
	}
	for _, x := range old {
		if _, gone := was[name(x)]; gone {
			out = append(out, Change{Name: name(x), What: Removed})
		}
	}
	return out
}

// differences are the names of the fields in which two structs differ, as
// keepalived would write them: GarpDelay is garp_delay.
func differences[T any](a, b T) []string {
	var out []string
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if f := x.Type().Field(i); f.IsExported() && !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			out = append(out, snake(f.Name))
		}
	}
	return out
}

// snake writes the name of a field with underscores.
func snake(name string) string {
	var b strings.Builder
	upper := func(i int) bool { return i < len(name) && 'A' <= name[i] && name[i] <= 'Z' }
	for i := range len(name) {
		if i > 0 && upper(i) && (!upper(i-1) || i+1 < len(name) && !upper(i+1)) {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(name[i : i+1]))
	}
	return b.String()
}

// actions writes down what the machine wants done at once.
func (r *rehearsal) actions() {
	for i := range r.acts {
		a := &r.acts[i]
		switch a.Kind {
		case vrrp.Send:
			if a.Priority == 0 {
				r.p.Zeros++
			} else {
				r.p.Adverts++
			}
		case vrrp.Own, vrrp.Disown:
			// What an instance that was never master removes is not there.
			if a.Kind == vrrp.Own || a.Reason != event.Startup {
				r.moved(a)
			}
		case vrrp.Announce, vrrp.Admit, vrrp.Evict:
		}
	}
}

// moved writes down the addresses, routes and rules of one action.
func (r *rehearsal) moved(a *vrrp.Action) {
	name, addresses, routes, rules := "", a.Only, a.OnlyRoutes, a.OnlyRules
	if v, ok := r.here.Router.View(a.ID); ok {
		name = v.Settings.Name
		if !a.Part {
			addresses, routes, rules = slices.Concat(v.Settings.Addresses, v.Settings.Excluded), v.Settings.Routes, v.Settings.Rules
		}
	} else if set := r.gone(a); set != nil {
		name, addresses, routes, rules = set.Name, slices.Concat(set.Addresses, set.Excluded), set.Routes, set.Rules
	}
	add := a.Kind == vrrp.Own
	for i := range addresses {
		text := addresses[i].Prefix.String()
		if addresses[i].Interface != "" {
			text += " dev " + addresses[i].Interface
		}
		r.p.Moves = append(r.p.Moves, Move{name, "address", text, add})
	}
	for i := range routes {
		r.p.Moves = append(r.p.Moves, Move{name, "route", strings.Join(routes[i].Words, " "), add})
	}
	for i := range rules {
		r.p.Moves = append(r.p.Moves, Move{name, "rule", strings.Join(rules[i].Words, " "), add})
	}
}

// gone finds the settings of an instance whose handle is no more valid, by the
// event that its removal is because of.
func (r *rehearsal) gone(a *vrrp.Action) *vrrp.InstanceSettings {
	for i := range r.here.Events {
		e := &r.here.Events[i]
		if e.Ref() != a.Cause || e.Subject.Kind != event.SubjectInstance {
			continue
		}
		for k := range r.old.Instances {
			if r.old.Instances[k].Name == e.Subject.Name {
				return &r.old.Instances[k]
			}
		}
	}
	return nil
}

// atOnce writes down what happened with the reload.
func (r *rehearsal) atOnce(list []event.Event, priority map[string]uint8) {
	for i := range list {
		e := &list[i]
		switch e.Kind { //nolint:exhaustive // what a plan shows
		case event.VRRPState, event.GroupState:
			if e.From != e.To {
				r.p.Transitions = append(r.p.Transitions, Transition{Subject: e.Subject, From: e.From, To: e.To, Reason: e.Reason})
			}
		case event.VRRPPriority:
			r.p.Priorities = append(r.p.Priorities, Priority{Instance: e.Subject.Name, From: priority[e.Subject.Name], To: e.Priority})
		}
	}
	for i := range r.acts {
		a := &r.acts[i]
		if a.Kind != vrrp.Announce {
			continue
		}
		list := a.Only
		if v, ok := r.here.Router.View(a.ID); ok && !a.Part {
			list = slices.Concat(v.Settings.Addresses, v.Settings.Excluded)
		}
		for k := range list {
			if list[k].Prefix.Addr().Is4() {
				r.p.GratuitousARPs += a.Repeat
			} else {
				r.p.UnsolicitedNAs += a.Repeat
			}
		}
	}
}

// follows writes down the transitions that the reload leads to.
func (r *rehearsal) follows(list []event.Event, at event.Instant) {
	for i := range list {
		e := &list[i]
		if e.Kind != event.VRRPState && e.Kind != event.GroupState || e.Snapshot {
			continue
		}
		r.p.Later = append(r.p.Later, Transition{e.Subject, e.From, e.To, e.Reason, e.At.Sub(at)})
	}
}

// dangers writes down what is wrong in the end.
func (r *rehearsal) dangers(list []event.Event) {
	refused := map[string]event.Reason{}
	for i := range list {
		e := &list[i]
		if e.Kind == event.VRRPAdvertRejected && e.Subject.Kind == event.SubjectInstance && e.Reason != event.RejectAddressList {
			// Another list of addresses is obeyed all the same.
			refused[e.Subject.Name] = e.Reason
		}
	}
	for _, v := range r.views() {
		name := v.Settings.Name
		other := r.twin(&v)
		if other != nil && v.State == event.Master && other.State == event.Master {
			r.p.Dangers = append(r.p.Dangers, fmt.Sprintf("%s would be master here and on another router that has the present configuration", name))
		} else if why := refused[name]; why != event.ReasonNone && other != nil {
			r.p.Dangers = append(r.p.Dangers, fmt.Sprintf("%s would find adverts of a router that has the present configuration wrong: %v", name, why))
		}
		if v.State == event.Fault && r.known(name).State != event.Fault {
			r.p.Dangers = append(r.p.Dangers, fmt.Sprintf("%s would be in FAULT", name))
		}
	}
	if len(r.p.Later) > 0 || len(r.p.Dangers) > 0 {
		r.p.Assumed = append(r.p.Assumed, "the other routers keep the present configuration and the priorities they were last heard with, or one less than ours")
	}
}

// twin is the same virtual router on the peer.
func (r *rehearsal) twin(v *vrrp.View) *vrrp.View {
	for _, id := range r.peer.Router.Instances(nil) {
		o, _ := r.peer.Router.View(id)
		if o.Settings.VRID == v.Settings.VRID && o.Settings.Family == v.Settings.Family && o.Settings.Interface == v.Settings.Interface {
			return &o
		}
	}
	return nil
}
