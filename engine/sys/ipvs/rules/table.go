// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"net/netip"
	"slices"

	"github.com/vigild/vigild/engine/sys/ipvs"
)

// After is what a table is after the rules. A service that is there already is
// not an error of -A, as it is with ipvsadm: it is then what the rules say, with
// the servers that they give it and no others. The table itself is not changed.
func After(t ipvs.Table, list []Rule) (ipvs.Table, []Error) {
	m := model{at: map[ipvs.Key]int{}, added: map[ipvs.Key]bool{}}
	for i := range t.Services {
		e := t.Services[i]
		e.Destinations = slices.Clone(e.Destinations)
		m.at[e.Key] = len(m.list)
		m.list = append(m.list, &e)
	}
	var errs []Error
	for i := range list {
		if what := m.do(&list[i]); what != "" {
			errs = append(errs, Error{list[i].Line, what})
		}
	}
	out := ipvs.Table{Wide: t.Wide}
	for _, e := range m.list {
		if e != nil {
			out.Services = append(out.Services, *e)
		}
	}
	return out, errs
}

// model is a table under change; what was deleted is nil in it.
type model struct {
	list  []*ipvs.Entry
	at    map[ipvs.Key]int
	added map[ipvs.Key]bool // by these rules
}

// do follows one rule; what it gives is what is wrong with it.
func (m *model) do(r *Rule) string {
	if r.Verb == Clear {
		m.list, m.at = nil, map[ipvs.Key]int{}
		return ""
	}
	i, there := m.at[r.Service.Key]
	if r.Verb == AddService {
		switch {
		case m.added[r.Service.Key]:
			return "there is such a service"
		case there:
			m.list[i].Service, m.list[i].Destinations = r.Service, nil
		default:
			m.at[r.Service.Key] = len(m.list)
			m.list = append(m.list, &ipvs.Entry{Service: r.Service})
		}
		m.added[r.Service.Key] = true
		return ""
	}
	if !there {
		return "no such service"
	}
	e := m.list[i]
	switch r.Verb {
	case EditService:
		e.Service = r.Service
	case DeleteService:
		m.list[i] = nil
		delete(m.at, r.Service.Key)
		delete(m.added, r.Service.Key)
	case AddServer, EditServer, DeleteServer:
		return server(e, r)
	case AddService, Clear:
	}
	return ""
}

func server(e *ipvs.Entry, r *Rule) string {
	i := find(e, r.Server.At())
	switch {
	case r.Verb == AddServer && i >= 0:
		return "the service has such a server"
	case r.Verb == AddServer:
		e.Destinations = append(e.Destinations, ipvs.Server{Destination: r.Server})
	case i < 0:
		return "no such server"
	case r.Verb == EditServer:
		e.Destinations[i].Destination = r.Server
	default:
		e.Destinations = slices.Delete(e.Destinations, i, i+1)
	}
	return ""
}

func find(e *ipvs.Entry, at netip.AddrPort) int {
	return slices.IndexFunc(e.Destinations, func(d ipvs.Server) bool { return d.At() == at })
}

// Without is the table less the services that the rules do not add.
func Without(t ipvs.Table, list []Rule) ipvs.Table {
	keep := map[ipvs.Key]bool{}
	for i := range list {
		if list[i].Verb == AddService {
			keep[list[i].Service.Key] = true
		}
	}
	t.Services = slices.DeleteFunc(slices.Clone(t.Services), func(e ipvs.Entry) bool { return !keep[e.Key] })
	return t
}

// Diff is the changes that make one table of another. What is the same in both
// is left alone; what is new is added before what is gone is taken out.
func Diff(from, to ipvs.Table) []ipvs.Op {
	was := map[ipvs.Key]*ipvs.Entry{}
	for i := range from.Services {
		was[from.Services[i].Key] = &from.Services[i]
	}
	var ops, last []ipvs.Op
	for i := range to.Services {
		e := &to.Services[i]
		old := was[e.Key]
		delete(was, e.Key)
		switch {
		case old == nil:
			ops = append(ops, ipvs.Op{Verb: ipvs.AddService, Service: e.Service})
			old = &ipvs.Entry{}
		case old.Service != e.Service:
			ops = append(ops, ipvs.Op{Verb: ipvs.EditService, Service: e.Service})
		}
		for _, d := range e.Destinations {
			k := find(old, d.At())
			switch {
			case k < 0:
				ops = append(ops, ipvs.Op{Verb: ipvs.AddDestination, Service: e.Service, Destination: d.Destination})
			case old.Destinations[k].Destination != d.Destination:
				ops = append(ops, ipvs.Op{Verb: ipvs.EditDestination, Service: e.Service, Destination: d.Destination})
			}
		}
		for _, d := range old.Destinations {
			if find(e, d.At()) < 0 {
				last = append(last, ipvs.Op{Verb: ipvs.DeleteDestination, Service: e.Service, Destination: d.Destination})
			}
		}
	}
	for i := range from.Services {
		if e := &from.Services[i]; was[e.Key] != nil {
			last = append(last, ipvs.Op{Verb: ipvs.DeleteService, Service: e.Service})
		}
	}
	return append(ops, last...)
}
