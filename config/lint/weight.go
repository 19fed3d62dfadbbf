// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// term is what one tracked object adds to the priority of a member while it is
// well, and while it is not.
type term struct {
	kind       event.SubjectKind
	name       string
	well, fail int
}

// arithmetic is how the priority of a member is made.
type arithmetic struct {
	m     *member
	terms []term
	// open says that a file is followed, which can say any number.
	open bool
	// faults says that there is an object without weight: its failure is FAULT.
	faults bool
}

// arithmeticOf reads what a member follows, itself and by its group. compat:
// members of a group lose their weights unless sync_group_tracking_weight.
func arithmeticOf(m *member) *arithmetic {
	a := &arithmetic{m: m}
	weights := true
	tracks := m.set.Tracks
	for _, g := range m.router.Conf.VRRP.Groups {
		if slices.Contains(g.Members, m.set.Name) {
			weights = g.TrackingWeight
			tracks = slices.Concat(tracks, g.Tracks)
		}
	}
	for i, t := range tracks {
		switch {
		case t.Kind == event.SubjectFile && t.Weight != 0:
			a.open = true
		case t.Weight == 0 || i < len(m.set.Tracks) && !weights:
			a.faults = true
		default:
			a.terms = append(a.terms, termOf(t))
		}
	}
	return a
}

// termOf is what a tracked object adds. compat: a positive weight is added
// while it is well, a negative one while it is not; reverse changes the sign.
func termOf(t vrrp.Track) term {
	x := term{kind: t.Kind, name: t.Name}
	w := t.Weight
	if t.Reverse {
		w = -w
	}
	if t.Weight > 0 {
		x.well = w
	} else {
		x.fail = w
	}
	return x
}

// sum is the priority while the objects that a question is true of fail.
func (a *arithmetic) sum(failing func(t *term) bool) int {
	out := int(a.m.set.Priority)
	for i := range a.terms {
		if t := &a.terms[i]; failing(t) {
			out += t.fail
		} else {
			out += t.well
		}
	}
	return out
}

// value is a sum as it counts; the owner of addresses has no weights.
func (a *arithmetic) value(sum int) int {
	if a.m.set.Owner() {
		return 255
	}
	return max(1, min(254, sum))
}

// well is the priority while all is well, worst the least that failures can
// make of it: each object counts by itself, so all combinations lie between.
func (a *arithmetic) well() int { return a.value(a.sum(func(*term) bool { return false })) }

func (a *arithmetic) worst() int {
	return a.value(a.sum(func(t *term) bool { return t.fail < t.well }))
}

// weights finds weights that cannot do, or always do, what they are for.
func (l *linter) weights(v []*member) {
	all := make([]*arithmetic, 0, len(v))
	for _, m := range v {
		a := arithmeticOf(m)
		all = append(all, a)
		l.limits(a)
	}
	if len(all) < 2 {
		return
	}
	top, base := all[0], all[0]
	for _, a := range all {
		if a.well() > top.well() {
			top = a
		}
		if a.m.set.Priority > base.m.set.Priority {
			base = a
		}
	}
	if top != base && top.well() > base.well() && !top.open && !base.open {
		l.add(base.m.at("priority"), syntax.Warning, RuleWeightAlways, top.m.router.Name+": "+top.m.at("priority").String(),
			"%s has the highest priority, %d, on %s, but while all is well %s has %d with its weights, and %s %d: it is always master",
			base.m.set.Name, base.m.set.Priority, base.m.router.Name, top.m.router.Name, top.well(), base.m.router.Name, base.well())
	}
	l.never(top, all)
	l.everywhere(top, all)
}

// limits finds sums that do not count as they are.
func (l *linter) limits(a *arithmetic) {
	if len(a.terms) == 0 || a.m.set.Owner() {
		return
	}
	high := a.sum(func(t *term) bool { return t.fail > t.well })
	low := a.sum(func(t *term) bool { return t.fail < t.well })
	if high > 254 || low < 1 {
		l.add(a.m.at("priority"), syntax.Warning, RuleWeightClamped, "", "the priority of %s with its weights is %d to %d, which counts as %d to %d",
			a.m.set.Name, low, high, a.value(low), a.value(high))
	}
}

// never finds a master whose failures cannot move it.
func (l *linter) never(top *arithmetic, all []*arithmetic) {
	if len(top.terms) == 0 || top.open || top.m.set.Owner() {
		return
	}
	rival := 0
	var best *arithmetic
	for _, a := range all {
		if a != top && (a.well() > rival || best == nil) {
			rival, best = a.well(), a
		}
	}
	if best.open {
		return
	}
	hint := best.m.router.Name + ": " + best.m.at("priority").String()
	if top.worst() > rival {
		l.add(top.m.at("priority"), syntax.Warning, RuleWeightNever, hint,
			"whatever fails of %s, %s keeps a priority of at least %d, and %s has %d: the weights can never cause a failover",
			names(top.terms), top.m.router.Name, top.worst(), best.m.router.Name, rival)
		return
	}
	for i := range top.terms {
		t := &top.terms[i]
		alone := top.value(top.sum(func(x *term) bool { return x == t }))
		if t.fail < t.well && alone > rival {
			l.add(top.m.at("priority"), syntax.Note, RuleWeightNever, hint,
				"the failure of %v %s alone leaves %s a priority of %d, and %s has %d: no failover", t.kind, t.name, top.m.router.Name, alone, best.m.router.Name, rival)
		}
	}
}

// everywhere finds objects whose failure on all routers, such as that of a
// common gateway, makes another one master for nothing.
func (l *linter) everywhere(top *arithmetic, all []*arithmetic) {
	for i := range top.terms {
		t := &top.terms[i]
		failing := func(x *term) bool { return x.kind == t.kind && x.name == t.name }
		mine := top.value(top.sum(failing))
		for _, a := range all {
			shared := slices.ContainsFunc(a.terms, func(x term) bool { return failing(&x) })
			if a == top || !shared || a.open || top.open {
				continue
			}
			if other := a.value(a.sum(failing)); other > mine {
				l.add(top.m.at("priority"), syntax.Note, RuleWeightAlways, a.m.router.Name+": "+a.m.at("priority").String(),
					"when %v %s fails on all routers, %s has %d and %s has %d: a failover for nothing", t.kind, t.name, top.m.router.Name, mine, a.m.router.Name, other)
			}
		}
	}
}

func names(terms []term) string {
	var out []string
	for _, t := range terms {
		out = append(out, fmt.Sprintf("%v %s", t.kind, t.name))
	}
	return strings.Join(out, ", ")
}
