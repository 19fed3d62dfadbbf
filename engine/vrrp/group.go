// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import "github.com/vigild/vigild/engine/event"

// group is one sync group: instances that change state together. It is
// compat throughout: no RFC knows sync groups.
type group struct {
	set     *GroupSettings
	index   int
	subject event.Subject
	members []*instance
	state   event.State
	last    event.Event
}

// lets says whether a member may become MASTER: the group is master, or every
// other member wants to be. Without a group nobody forbids it.
func (g *group) lets(in *instance) bool {
	if g == nil || g.state == event.Master {
		return true
	}
	for _, m := range g.members {
		if m != in && !m.wants {
			return false
		}
	}
	return true
}

// faulty says whether a member is not able to run, or not yet known to be.
func (g *group) faulty() bool {
	if g == nil {
		return false
	}
	for _, m := range g.members {
		if m.fault.why != event.ReasonNone || m.fault.pending {
			return true
		}
	}
	return false
}

// owners says whether all members own their addresses and want to be MASTER,
// as they do without a group.
func (g *group) owners() bool {
	if g == nil {
		return true
	}
	for _, m := range g.members {
		if !m.set.Owner() || !m.wants {
			return false
		}
	}
	return true
}

// is says whether the group is in a state; no group is in none.
func (g *group) is(s event.State) bool { return g != nil && g.state == s }

// others are the members beside in.
func (g *group) others(in *instance) []*instance {
	if g == nil {
		return nil
	}
	out := make([]*instance, 0, len(g.members))
	for _, m := range g.members {
		if m != in {
			out = append(out, m)
		}
	}
	return out
}

// moved lets the group follow a member that has moved, and then reports the
// group. by is the member's transition.
func (r *Router) moved(in *instance, why event.Reason, by because) {
	if in.group == nil {
		return
	}
	to := in.state
	for _, m := range in.group.others(in) {
		r.step(m, stimulus{kind: onGroup, at: r.now, why: event.SyncGroup, by: by, to: to, leader: in.set.Name})
	}
	r.settleGroup(in.group, why, by, in)
}

// beginGroup reports the state that a group starts in ahead of its members
// (compat: at the start, and only then, keepalived notifies the group first).
func (r *Router) beginGroup(g *group, by because) {
	if g.owners() && r.now >= r.notBefore && !g.faulty() {
		return // it goes with its members to MASTER, at once
	}
	to := event.Backup
	for _, m := range g.members {
		if m.fault.why != event.ReasonNone {
			to = event.Fault
		}
	}
	if g.state == event.Init && (to == event.Fault || !g.faulty()) {
		r.groupMoved(g, to, event.Startup, by, nil)
	}
}

// settleGroup derives the state of a group from its members and reports a change.
func (r *Router) settleGroup(g *group, why event.Reason, by because, leader *instance) {
	if to := g.derive(); to != g.state {
		r.groupMoved(g, to, why, by, leader)
	}
}

// derive is the state that the members make up.
func (g *group) derive() event.State {
	masters, starting := 0, 0
	for _, m := range g.members {
		switch m.state {
		case event.Fault:
			return event.Fault
		case event.Init:
			starting++
		case event.Master:
			masters++
		case event.Backup, event.Stop, event.Deleted:
		case event.StateNone, event.Up, event.Down, event.Unknown, event.Disabled:
		}
	}
	switch {
	case starting > 0:
		return g.state
	case masters == len(g.members):
		return event.Master
	}
	return event.Backup
}

// groupMoved sets the state of a group; it is its single writer. leader is the
// member that moved first, nil if none did.
func (r *Router) groupMoved(g *group, to event.State, why event.Reason, by because, leader *instance) {
	from := g.state
	g.state = to
	g.last = event.Event{Kind: event.GroupState, Subject: g.subject, From: from, To: to, Reason: why, Cause: by.cause}
	if leader != nil {
		e := &g.last.Evidence
		e.Object, e.ObjectName, e.ObjectState = event.SubjectInstance, leader.set.Name, leader.state
	}
	out := r.emit(g.last)
	g.last.At, g.last.Root = r.now, out.root
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
