// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// pool plays a reload of the check role: no check is run, and the kernel's
// table is what it was told to be.
type pool struct {
	p     *Plan
	state *State

	pool    *health.Pool
	now     event.Instant
	table   health.Table
	batch   uint64
	ops     []health.Op
	events  []event.Event
	pending []health.Action
	// subjects finds whose a service or destination of the kernel is.
	subjects map[place]event.Subject
}

// place is a service of the kernel, or a destination of one.
type place struct {
	service health.ServiceKey
	dest    netip.AddrPort
}

// begun is when the play begins: far from zero, which can mean never.
const begun = event.Instant(1000 * time.Second)

func (w *pool) play(old, next *health.Settings) {
	if len(old.Services)+len(next.Services) == 0 {
		return
	}
	w.pool, w.now, w.subjects = health.New(2), begun, map[place]event.Subject{}
	w.step(&health.Addresses{Present: w.addresses(old, next)})
	w.objects()
	w.configure(calm(old), w.resume(old))
	before := w.stand(old)
	w.ops, w.events = nil, nil
	w.configure(calm(next), nil)
	after := w.stand(next)
	w.p.Services = compared(before.services, after.services)
	w.p.Servers = compared(before.servers, after.servers)
	w.p.Checks = checked(before.checks, after.checks)
	x, y := *old, *next
	x.Services, y.Services = nil, nil
	w.p.Global = append(w.p.Global, differences(x, y)...)
	w.operations()
	w.transitions()
}

// objects tells what FILE_CHECK and BFD_CHECK follow.
func (w *pool) objects() {
	for _, o := range w.state.Objects {
		switch o.Kind { //nolint:exhaustive // the objects that checks follow
		case event.SubjectFile:
			w.step(health.Value{Object: o.Name, Value: o.Value, Known: o.State != event.Unknown})
		case event.SubjectBFD:
			w.step(health.Session{Object: o.Name, Up: o.State == event.Up})
		}
	}
}

// calm is settings under which nothing is asked of the kernel in between.
func calm(s *health.Settings) *health.Settings {
	t := *s
	t.Poll, t.Flush = 0, false
	return &t
}

// addresses are those of the host, or if they are not known all of the virtual
// servers: ha_suspend rests none of them unless they were resting.
func (w *pool) addresses(list ...*health.Settings) []netip.Addr {
	if w.state.Present != nil {
		return w.state.Present
	}
	var out []netip.Addr
	resting := map[string]bool{}
	for _, s := range w.state.Servers {
		if s.State == event.Disabled {
			resting[s.Subject.Name] = true
		}
	}
	for _, set := range list {
		for i := range set.Services {
			v := &set.Services[i]
			if resting[v.Subject().Name] {
				continue
			}
			out = append(out, v.Addresses...)
			for k := range v.Entries {
				for a := v.Entries[k].First; a.IsValid() && a.Compare(v.Entries[k].Last) <= 0 && len(out) < health.ExpandMax; a = a.Next() {
					out = append(out, a)
				}
			}
		}
	}
	return out
}

// resume is how the servers stand; all are up if nothing is known.
func (w *pool) resume(s *health.Settings) []health.Resume {
	var out []health.Resume
	for i := range s.Services {
		v := &s.Services[i]
		out = append(out, health.Resume{Server: v.Subject(), State: event.Up})
		for k := range v.Servers {
			out = append(out, health.Resume{Server: event.ServerSubject(v.Subject().Name, v.Servers[k].Addr, false), State: event.Up, Since: begun})
		}
	}
	for _, s := range w.state.Servers {
		if !s.Subject.Sorry() {
			out = append(out, health.Resume{Server: s.Subject, State: s.State, Weight: s.Weight, HasWeight: s.HasWeight, Since: begun})
		}
	}
	return out
}

// configure puts settings into force and does what the pool wants, to the end.
func (w *pool) configure(s *health.Settings, resume []health.Resume) {
	w.now = w.now.Add(time.Millisecond)
	w.step(&health.Configure{Settings: s, Cause: event.Ref{Epoch: 1, Seq: uint64(w.now)}, Entropy: 1, Resume: resume})
	for len(w.pending) > 0 {
		a := w.pending[0]
		w.pending = w.pending[1:]
		switch a.Kind {
		case health.Program:
			for i := range a.Ops {
				w.table = applied(w.table, &a.Ops[i])
			}
			w.ops, w.batch = append(w.ops, a.Ops...), a.Batch
			w.step(&health.Applied{Batch: a.Batch, Count: len(a.Ops), Start: w.now, End: w.now})
		case health.ReadKernel:
			w.step(&health.Kernel{Available: true, Table: w.table, After: w.batch})
		case health.Sync:
			w.step(&health.SyncDone{Master: a.Daemon.Master, Backup: a.Daemon.Backup, Start: w.now, End: w.now})
		case health.Forget, health.SetTimeouts:
		}
	}
}

func (w *pool) step(in health.Input) {
	var out health.Output
	w.pool.Step(w.now, in, &out)
	w.events = append(w.events, out.Events...)
	w.pending = append(w.pending, out.Actions...)
}

// standing is what there is: services and servers with their settings, and
// checks by the handles that the pool gives them.
type standing struct {
	services map[event.Subject]*health.ServiceSettings
	servers  map[event.Subject]*health.ServerSettings
	checks   map[health.CheckID]health.CheckView
}

// stand says what there is now under settings, as the pool took them.
func (w *pool) stand(set *health.Settings) *standing {
	out := &standing{map[event.Subject]*health.ServiceSettings{}, map[event.Subject]*health.ServerSettings{}, map[health.CheckID]health.CheckView{}}
	names := map[string]*health.ServiceSettings{}
	type key struct {
		service string
		addr    netip.AddrPort
	}
	real := map[key]*health.ServerSettings{}
	for i := range set.Services {
		if s := &set.Services[i]; names[s.Subject().Name] == nil {
			name := s.Subject().Name
			names[name] = s
			for k := range slices.Backward(s.Servers) {
				real[key{name, s.Servers[k].Addr}] = &s.Servers[k] // of two the first counts
			}
		}
	}
	var services, servers []event.Subject
	rows, _, _ := w.pool.Rows(0, math.MaxInt, nil)
	for i := range rows {
		switch row := rows[i]; {
		case row.Service != nil:
			services = append(services, row.Service.Subject)
			out.services[row.Service.Subject] = names[row.Service.Subject.Name]
		case row.Server != nil:
			servers = append(servers, row.Server.Subject)
			set := real[key{row.Server.Subject.Name, row.Server.Addr}]
			if row.Server.Sorry || set == nil {
				// Of a sorry server the address and the method are all.
				set = &health.ServerSettings{Addr: row.Server.Addr, Method: row.Server.Method}
			}
			out.servers[row.Server.Subject] = set
		}
	}
	for id := range health.CheckID(w.pool.Checks()) {
		if v, ok := w.pool.Check(id); ok {
			out.checks[id] = v
		}
	}
	for i := range w.table {
		e := &w.table[i]
		key := e.Service.ServiceKey
		if at, _ := w.pool.Locate(key, health.Destination{}); at >= 0 {
			w.subjects[place{service: key}] = services[at]
		}
		for _, d := range e.Dests {
			if _, at := w.pool.Locate(key, d); at >= 0 {
				w.subjects[place{key, d.Addr}] = servers[at]
			}
		}
	}
	return out
}

// label names a server with its virtual server.
func label(s event.Subject) string {
	if s.Sub == "" {
		return s.Name
	}
	return s.Name + " " + s.Sub
}

// compared compares what there was with what there is, by name. What servers
// and checks there are is compared by itself.
func compared[T any](old, next map[event.Subject]*T) []Change {
	var out []Change
	for s, set := range next {
		b := old[s]
		if b == nil {
			out = append(out, Change{Name: label(s), What: Added})
			continue
		}
		names := slices.DeleteFunc(differences(*b, *set), func(s string) bool { return s == "servers" || s == "checks" })
		if len(names) > 0 {
			out = append(out, Change{label(s), Changed, names})
		}
	}
	for s := range old {
		if next[s] == nil {
			out = append(out, Change{Name: label(s), What: Removed})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// checked says which checks begin anew, end, or go on under other settings:
// the pool gives one that goes on the handle that it had.
func checked(old, next map[health.CheckID]health.CheckView) []Change {
	var out []Change
	name := func(v health.CheckView) string { return label(v.Subject) + " " + v.Check.Kind.String() }
	goesOn := func(a, b health.CheckView) bool {
		x, y := a.Check, b.Check
		return x != nil && y != nil && a.Subject == b.Subject && x.Kind == y.Kind && x.Spec == y.Spec && x.Object == y.Object
	}
	for id, v := range next {
		if b := old[id]; !goesOn(b, v) {
			out = append(out, Change{Name: name(v), What: Added})
		} else if names := timing(b.Check, v.Check); len(names) > 0 {
			out = append(out, Change{name(v), Changed, names})
		}
	}
	for id, b := range old {
		if !goesOn(b, next[id]) {
			out = append(out, Change{Name: name(b), What: Removed})
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.What, b.What)) })
	return out
}

// timing is what differs of a check that does the same as before.
func timing(a, b *health.CheckSettings) []string {
	x, y := *a, *b
	x.Prober, y.Prober = nil, nil
	return differences(x, y)
}
