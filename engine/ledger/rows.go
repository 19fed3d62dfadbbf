// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import "github.com/vigild/vigild/engine/event"

// Rows replaces the description: rows of one configuration, all of them. What
// the new configuration also has keeps its state and counters; what it no
// longer has is forgotten.
func (l *Ledger) Rows(rows []event.Row) {
	l.stale, l.listed, l.described = true, false, true
	d := l.describe(rows)
	l.head.Global = d.global
	l.head.Routes, l.head.Files, l.head.Processes = d.routes, d.files, d.processes
	l.head.ServiceGroups = d.serviceGroups
	l.groups, l.scripts, l.objects = d.groups, d.scripts, d.objects
	l.links, l.static = d.links, d.static

	kept := make(map[string]*instance, len(d.instances))
	l.order = l.order[:0:0]
	for _, row := range d.instances {
		name := row.Subject.Name
		if _, twice := kept[name]; twice {
			continue
		}
		in := l.instance(name)
		if in == nil {
			continue
		}
		kept[name] = in
		l.order = append(l.order, in)
		v := l.edit(in)
		if v.Row.Priority != row.Priority {
			v.Base = row.Priority
		}
		v.Row = *row
		v.Addresses = settle(v, d.addresses[name])
		v.Tracks = d.tracks[row.Subject.Kind.String()+"/"+name]
		if v.Priority == 0 {
			v.Priority = row.Priority
		}
	}
	l.instances = kept
	for ref, in := range l.stories {
		if kept[in.live.value.Row.Subject.Name] != in {
			delete(l.stories, ref)
		}
	}
}

// settle gives the addresses of a new description the state of the old ones.
// One that was not there before is owned once an event says so.
func settle(v *Instance, rows []*event.AddressRow) []*Address {
	out := make([]*Address, 0, len(rows))
	for _, row := range rows {
		a := &Address{Row: *row}
		for _, old := range v.Addresses {
			if old.Row.Prefix == row.Prefix && old.Row.Interface == row.Interface {
				a.Owned, a.Lost = old.Owned, old.Lost
			}
		}
		out = append(out, a)
	}
	return out
}

// description is the rows, sorted by what they describe.
type description struct {
	global    event.GlobalRow
	instances []*event.InstanceRow
	addresses map[string][]*event.AddressRow
	tracks    map[string][]*event.TrackRow
	routes    []*event.RouteRow
	files     []*event.FileRow
	processes []*event.ProcessRow

	serviceGroups []*event.ServiceGroupRow
	groups        section[Group]
	scripts       section[Script]
	objects       section[Object]
	links         section[event.InterfaceRow]
	static        section[Address]
}

// describe sorts the rows and carries the states of what is known over.
func (l *Ledger) describe(rows []event.Row) *description {
	d := &description{addresses: map[string][]*event.AddressRow{}, tracks: map[string][]*event.TrackRow{}}
	for i := range rows {
		r := &rows[i]
		switch {
		case r.Global != nil:
			d.global = *r.Global
		case r.Instance != nil:
			d.instances = append(d.instances, r.Instance)
		case r.Address != nil && r.Address.Instance.Name != "":
			name := r.Address.Instance.Name
			d.addresses[name] = append(d.addresses[name], r.Address)
		case r.Address != nil:
			l.describeStatic(d, r.Address)
		case r.Group != nil:
			l.describeGroup(d, r.Group)
		case r.Script != nil:
			l.describeScript(d, r.Script)
		case r.Interface != nil:
			l.describeLink(d, r.Interface)
		case r.Track != nil:
			key := r.Track.Owner.Kind.String() + "/" + r.Track.Owner.Name
			d.tracks[key] = append(d.tracks[key], r.Track)
		case r.Route != nil:
			d.routes = append(d.routes, r.Route)
		case r.ServiceGroup != nil:
			d.serviceGroups = append(d.serviceGroups, r.ServiceGroup)
		case r.File != nil:
			d.files = append(d.files, r.File)
		case r.Process != nil:
			d.processes = append(d.processes, r.Process)
		case r.BFD != nil:
			l.describeBFD(d, r.BFD)
		}
	}
	for i := range rows {
		if t := rows[i].Track; t != nil && t.Object.Kind != event.SubjectScript {
			l.describeObject(d, t.Object)
		}
	}
	for i := range d.groups.items {
		g := d.groups.edit(i)
		g.Tracks = d.tracks[event.SubjectGroup.String()+"/"+g.Row.Subject.Name]
	}
	return d
}

func (l *Ledger) describeStatic(d *description, row *event.AddressRow) {
	key := row.Interface + " " + row.Prefix.String()
	if d.static.find(key) >= 0 {
		return
	}
	a := &Address{Row: *row}
	if i := l.static.find(key); i >= 0 {
		a.Owned, a.Lost = l.static.at(i).Owned, l.static.at(i).Lost
	}
	d.static.add(key, a)
}

func (l *Ledger) describeGroup(d *description, row *event.GroupRow) {
	name := row.Subject.Name
	if d.groups.find(name) >= 0 {
		return
	}
	g := &Group{State: event.Init}
	if i := l.groups.find(name); i >= 0 {
		*g = *l.groups.at(i)
	}
	g.Row = *row
	d.groups.add(name, g)
}

func (l *Ledger) describeScript(d *description, row *event.ScriptRow) {
	name := row.Subject.Name
	if d.scripts.find(name) >= 0 {
		return
	}
	s := &Script{State: event.Unknown}
	if i := l.scripts.find(name); i >= 0 {
		*s = *l.scripts.at(i)
	}
	s.Row = *row
	d.scripts.add(name, s)
}

// describeLink takes over an interface row. The events know better than the
// row whether it is up, unless it is another interface of the same name; and of
// one that was made after the row was written they alone know the number.
func (l *Ledger) describeLink(d *description, row *event.InterfaceRow) {
	if d.links.find(row.Name) >= 0 {
		return
	}
	fresh := *row
	if i := l.links.find(row.Name); i >= 0 && (l.links.at(i).IfIndex == row.IfIndex || row.IfIndex == 0) {
		fresh.Up, fresh.IfIndex = l.links.at(i).Up, l.links.at(i).IfIndex
	}
	d.links.add(row.Name, &fresh)
}

func (l *Ledger) describeObject(d *description, s event.Subject) {
	key := s.Kind.String() + "/" + s.Name
	if d.objects.find(key) >= 0 {
		return
	}
	o := &Object{Subject: s, State: event.Unknown}
	if i := l.objects.find(key); i >= 0 {
		*o = *l.objects.at(i)
	} else if i := d.links.find(s.Name); i >= 0 && s.Kind == event.SubjectInterface {
		o.State = event.Down
		if d.links.at(i).Up {
			o.State = event.Up
		}
	}
	d.objects.add(key, o)
}
