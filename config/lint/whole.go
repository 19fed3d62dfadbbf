// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
)

// whole looks at all routers of one virtual router.
func (l *linter) whole(v []*member) {
	first := v[0]
	if len(v) == 1 {
		if len(l.routers) > 1 {
			l.add(first.at(), syntax.Warning, RuleAlone, "", "%s is on no other router: there is nobody to take over", first.set.Name)
		}
		return
	}
	byPriority := map[uint8]*member{}
	var masters []string
	for _, m := range v {
		if m.set.State == event.Master && !m.set.Owner() {
			masters = append(masters, m.router.Name)
		}
		other := byPriority[m.set.Priority]
		byPriority[m.set.Priority] = cmp.Or(other, m)
		if other == nil {
			continue
		}
		hint := other.router.Name + ": " + other.at("priority").String()
		if m.set.Owner() {
			l.add(m.at("priority"), syntax.Error, RuleOwners, hint, "%s has priority 255 on %s, too: there can be one owner of addresses", m.set.Name, other.router.Name)
		} else {
			l.add(m.at("priority"), syntax.Warning, RulePriority, hint, "%s has priority %d on %s, too: the one with the greater address wins", m.set.Name, m.set.Priority, other.router.Name)
		}
	}
	if len(masters) > 1 {
		l.add(v[len(v)-1].at("state"), syntax.Note, RuleMasters, "state is what an instance begins as; priority decides",
			"%s begins as MASTER on %s", first.set.Name, strings.Join(masters, " and "))
	}
}

// groups compares the sync groups of routers by the virtual routers in them.
func (l *linter) groups() {
	if len(l.routers) < 2 {
		return
	}
	index := map[*Router]map[string]int{} // of a virtual router, by router and name of the instance
	for i := range l.routers {
		index[&l.routers[i]] = map[string]int{}
	}
	for i, v := range l.virtual {
		for _, m := range v {
			index[m.router][m.set.Name] = i
		}
	}
	for i := range l.routers {
		for j := range l.routers {
			if i != j {
				l.groupsOf(&l.routers[i], &l.routers[j], index)
			}
		}
	}
}

// groupsOf says of each group of a whose members are not of one group on b, as
// far as they are there at all.
func (l *linter) groupsOf(a, b *Router, index map[*Router]map[string]int) {
	group := map[int]string{} // of a virtual router on b
	there := map[int]bool{}
	for _, i := range index[b] {
		there[i] = true
	}
	for _, g := range b.Conf.VRRP.Groups {
		for _, m := range g.Members {
			if i, ok := index[b][m]; ok {
				group[i] = g.Name
			}
		}
	}
	for k, g := range a.Conf.VRRP.Groups {
		var names []string
		for _, m := range g.Members {
			i, ok := index[a][m]
			if !ok || !there[i] {
				continue
			}
			if name := cmp.Or(group[i], "none"); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if len(names) == 0 || len(names) == 1 && names[0] != "none" || len(names) == 1 && len(g.Members) == 1 {
			continue
		}
		at := syntax.Pos{}
		if k < len(a.Conf.Groups) {
			at = a.Conf.Groups[k].Pos
		}
		l.add(at, syntax.Warning, RuleGroup, "",
			"the members of sync group %s are not of one group on %s (%s): they can be master apart there", g.Name, b.Name, strings.Join(names, ", "))
	}
}

// globals compares what belongs to no instance.
func (l *linter) globals() {
	at := func(r *Router, keyword string) syntax.Pos {
		for _, n := range r.Conf.Statements() {
			if n.Keyword != "global_defs" {
				continue
			}
			for _, c := range n.Children {
				if c.Keyword == keyword {
					return c.Pos
				}
			}
		}
		return syntax.Pos{}
	}
	for i := range l.routers {
		for j := range i {
			a, b := &l.routers[j], &l.routers[i]
			x, y := &a.Conf.Global, &b.Conf.Global
			if p := at(b, "router_id"); x.RouterID != "" && x.RouterID == y.RouterID && p.Line > 0 {
				l.add(p, syntax.Note, RuleRouterID, a.Name+": "+at(a, "router_id").String(), "router_id is %s on %s, too: mails and metrics look alike", y.RouterID, a.Name)
			}
			s, t := &x.LVSSyncDaemon, &y.LVSSyncDaemon
			if s.Interface != "" && t.Interface != "" && s.ID != t.ID {
				l.add(at(b, "lvs_sync_daemon"), syntax.Warning, RuleSync, a.Name+": "+at(a, "lvs_sync_daemon").String(),
					"lvs_sync_daemon has id %d, and %d on %s: connections are not taken over", t.ID, s.ID, a.Name)
			}
		}
	}
}
