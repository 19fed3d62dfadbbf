// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// applied is a table after one operation.
func applied(t health.Table, o *health.Op) health.Table {
	at := slices.IndexFunc(t, func(e health.Entry) bool { return e.Service.ServiceKey == o.Service.ServiceKey })
	switch o.Kind {
	case event.IPVSFlush:
		return nil
	case event.IPVSAddService:
		return append(t, health.Entry{Service: o.Service})
	case event.IPVSDelService:
		if at >= 0 {
			t = slices.Delete(t, at, at+1)
		}
	case event.IPVSEditService:
		if at >= 0 {
			t[at].Service = o.Service
		}
	case event.IPVSAddDest, event.IPVSEditDest, event.IPVSDelDest:
		if at >= 0 {
			t[at].Dests = within(t[at].Dests, o)
		}
	case event.IPVSNone, event.IPVSRead, event.IPVSSync, event.IPVSTimeouts:
	}
	return t
}

// within is the destinations of a service after one operation.
func within(list []health.Destination, o *health.Op) []health.Destination {
	list = slices.DeleteFunc(list, func(d health.Destination) bool { return d.Addr == o.Dest.Addr })
	if o.Kind != event.IPVSDelDest {
		list = append(list, o.Dest)
	}
	return list
}

// operations writes down what the kernel is told, and whose connections that
// is about: each server's count once.
func (w *pool) operations() {
	left := map[string]map[event.Subject]*Server{} // by virtual server
	for i := range w.state.Servers {
		s := &w.state.Servers[i]
		if left[s.Subject.Name] == nil {
			left[s.Subject.Name] = map[event.Subject]*Server{}
		}
		left[s.Subject.Name][s.Subject] = s
	}
	affected := func(s event.Subject) {
		if v := left[s.Name][s]; v != nil {
			delete(left[s.Name], s)
			w.p.Connections.Active += uint64(v.Active)
			w.p.Connections.Inactive += uint64(v.Inactive)
		}
	}
	for i := range w.ops {
		o := &w.ops[i]
		whole := w.subjects[place{service: o.Service.ServiceKey}]
		op := Operation{Kind: o.Kind, Service: whole.Name, Weight: o.Dest.Weight}
		if o.Dest.Addr.IsValid() {
			op.Server = o.Dest.Addr.String()
		}
		w.p.Operations = append(w.p.Operations, op)
		switch {
		case o.Kind == event.IPVSDelService:
			for s := range left[whole.Name] {
				affected(s)
			}
		case o.Kind == event.IPVSDelDest, o.Kind == event.IPVSEditDest && o.Dest.Weight == 0:
			affected(w.subjects[place{o.Service.ServiceKey, o.Dest.Addr}])
		}
	}
}

// transitions writes down what became of servers and quorums.
func (w *pool) transitions() {
	for i := range w.events {
		e := &w.events[i]
		if (e.Kind == event.ServerState || e.Kind == event.ServiceQuorum) && e.From != e.To {
			w.p.Transitions = append(w.p.Transitions, Transition{Subject: e.Subject, From: e.From, To: e.To, Reason: e.Reason})
		}
	}
}
