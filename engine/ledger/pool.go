// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// service is a Service that is changed in place; what a Pool shows is a copy.
type service struct {
	Service
	// shown is the copy that Pools show, nil if something changed since.
	shown   *Service
	servers []*server
	at      event.Instant
	// order is the life of the check role that counted raw; base is what earlier
	// lives had counted.
	order     int
	base, raw event.ServiceTally
	failures  []carriedCount[event.FailureTally]
	phases    []carriedCount[event.PhaseTally]
}

// server is a Server that is changed in place.
type server struct {
	Server
	of        *service
	shown     *Server // likewise
	at        event.Instant
	order     int
	base, raw event.ServerTally
	checks    []carriedCount[event.CheckTally]
}

// carriedCount is a count of the check role and what earlier lives had counted.
type carriedCount[T any] struct {
	order     int
	base, raw T
}

// pool folds what the check role says.
type pool struct {
	services []*service
	byName   map[event.Subject]*service
	servers  map[event.Subject]*server
	// described says that rows were seen; gen is their generation, and the rest
	// finds by the IDs of these rows.
	described   bool
	gen         uint32
	serviceByID map[uint32]*service
	serverByID  []*server
	checkByID   []checkPlace
	// tales finds whose last change an event belongs to.
	tales   map[event.Ref]tale
	tally   carried[event.PoolTally]
	head    Pool
	picture *Pool
}

// checkPlace is where a check is: the i-th of a server.
type checkPlace struct {
	server *server
	i      int
}

// tale is whose last change led to an event.
type tale struct {
	service *service
	server  *server
}

func newPool() pool {
	return pool{byName: map[event.Subject]*service{}, servers: map[event.Subject]*server{}, tales: map[event.Ref]tale{}}
}

// service returns what is known of a virtual server, made at first sight
// unless a description left it out.
func (p *pool) service(s event.Subject) *service {
	s = event.Subject{Kind: event.SubjectVirtualServer, Name: s.Name}
	if v := p.byName[s]; v != nil {
		return v
	}
	if p.described || len(p.byName) >= ServerMax {
		return nil
	}
	v := &service{Service: Service{Row: event.ServiceRow{Subject: s}, State: event.Unknown}}
	p.byName[s] = v
	p.services = append(p.services, v)
	p.serviceChanged(v)
	return v
}

// server returns what is known of a real server, likewise.
func (p *pool) server(s event.Subject) *server {
	s = event.Subject{Kind: event.SubjectRealServer, Name: s.Name, Sub: s.Sub}
	if v := p.servers[s]; v != nil {
		return v
	}
	if p.described || len(p.servers) >= ServerMax {
		return nil
	}
	of := p.service(s)
	if of == nil {
		return nil
	}
	v := &server{Server: Server{Row: event.ServerRow{Subject: s, Sorry: s.Sorry()}, State: event.Unknown}, of: of}
	p.servers[s] = v
	of.servers = append(of.servers, v)
	p.serverChanged(v)
	return v
}

// serverChanged and serviceChanged say that the next picture is another one, by
// no more than that.
func (p *pool) serverChanged(v *server) {
	v.shown = nil
	p.serviceChanged(v.of)
}

func (p *pool) serviceChanged(s *service) { s.shown, p.picture = nil, nil }

// apply folds an event of health checking; it says whether it did.
func (p *pool) apply(e *event.Event) {
	switch e.Kind { //nolint:exhaustive // those of health checking
	case event.CheckOutcome:
		if v := p.server(e.Subject); v != nil {
			p.serverChanged(v)
			v.Outcome = held(e)
			v.of.Outcome = v.Outcome
			if k := int(e.Evidence.Check.Checker); k < len(p.head.Outcomes) {
				p.head.Outcomes[k] = v.Outcome
			}
		}
	case event.ServerState:
		p.serverState(e)
	case event.ServiceQuorum:
		p.quorum(e)
	case event.ServiceBrake:
		if s := p.service(e.Subject); s != nil {
			p.serviceChanged(s)
			s.Brake = held(e)
		}
	case event.IPVSApplied:
		p.picture = nil
		p.head.Applied = *e
		if e.Failed() {
			p.head.Refused = *e
		}
	}
}

// held is a copy of an event that a Pool can point to.
func held(e *event.Event) *event.Event {
	c := *e
	return &c
}

func (p *pool) serverState(e *event.Event) {
	if e.To == event.Deleted {
		return // the rows that follow leave it out
	}
	v := p.server(e.Subject)
	if v == nil || e.At < v.at || e.Snapshot && v.Last != nil && v.State == e.To {
		return
	}
	p.serverChanged(v)
	p.forget(v.Last)
	v.at, v.State, v.SinceWall, v.Last, v.Story, v.Because = e.At, e.To, e.Wall, held(e), nil, nil
	if v.Outcome != nil && v.Outcome.Ref() == e.Cause {
		v.Because = []event.Event{*v.Outcome}
	}
	p.remember(e, tale{server: v})
}

func (p *pool) quorum(e *event.Event) {
	if e.To == event.Deleted {
		return
	}
	s := p.service(e.Subject)
	if s == nil || e.At < s.at || e.Snapshot && s.Last != nil && s.State == e.To {
		return
	}
	p.serviceChanged(s)
	p.forget(s.Last)
	s.at, s.State, s.SinceWall, s.Last, s.Story, s.Because = e.At, e.To, e.Wall, held(e), nil, nil
	if t := p.tales[e.Cause]; t.server != nil && t.server.Last.Ref() == e.Cause {
		s.Because = append([]event.Event{*t.server.Last}, t.server.Because...)
	}
	p.remember(e, tale{service: s})
}

// remember makes what e leads to a part of its story. Events of one root may
// tell of a server and then of its service: each belongs to the one that
// caused it, and what names only the root to the one that came first.
func (p *pool) remember(e *event.Event, t tale) {
	p.tales[e.Ref()] = t
	if _, taken := p.tales[e.Story()]; !taken {
		p.tales[e.Story()] = t
	}
}

func (p *pool) forget(e *event.Event) {
	if e != nil {
		delete(p.tales, e.Ref())
		delete(p.tales, e.Story())
	}
}

// tell adds e to the story that it belongs to.
func (p *pool) tell(e *event.Event) {
	t, ok := p.tales[e.Cause]
	if !ok || e.Cause == (event.Ref{}) {
		if t, ok = p.tales[e.Root]; !ok || e.Root == (event.Ref{}) {
			return
		}
	}
	switch {
	case t.server != nil && t.server.Last.Ref() != e.Ref():
		p.serverChanged(t.server)
		t.server.Story = longer(t.server.Story, e)
	case t.service != nil && t.service.Last.Ref() != e.Ref():
		p.serviceChanged(t.service)
		t.service.Story = longer(t.service.Story, e)
	}
}

// longer adds e to a story that has room. Appending in place is safe: earlier
// Views see a shorter slice.
func longer(story []event.Event, e *event.Event) []event.Event {
	if len(story) >= PoolStoryMax {
		return story
	}
	return append(story, *e)
}

// share returns the present picture, nil if there is nothing to show. Only what
// changed is copied: with ten thousand servers an event costs no more than with
// ten.
func (p *pool) share() *Pool {
	if p.picture != nil || len(p.services) == 0 && !p.described {
		return p.picture
	}
	v := p.head
	v.Services = make([]*Service, len(p.services))
	for i, s := range p.services {
		if s.shown == nil {
			s.show()
		}
		v.Services[i] = s.shown
	}
	p.picture = &v
	return p.picture
}

// show copies a service, and those of its servers that changed: all into one
// piece of memory, for after counters it is all of them.
func (s *service) show() {
	changed := 0
	for _, r := range s.servers {
		if r.shown == nil {
			changed++
		}
	}
	out, room := s.Service, make([]Server, 0, changed)
	out.Servers = make([]*Server, len(s.servers))
	for i, r := range s.servers {
		if r.shown == nil {
			room = append(room, r.Server)
			r.shown = &room[len(room)-1]
		}
		out.Servers[i] = r.shown
	}
	s.shown = &out
}

// ServerRows replaces the description of virtual and real servers: the rows of
// one generation, all of them. What the new one also has keeps its state,
// story and counters.
func (l *Ledger) ServerRows(gen uint32, rows []event.Row) {
	l.stale = true
	p, was := newPool(), l.pool
	p.tally, p.head, p.gen = was.tally, was.head, gen
	p.serviceByID = map[uint32]*service{}
	for i := range rows {
		switch r := &rows[i]; {
		case r.Service != nil:
			l.describeService(&p, &was, r.Service)
		case r.Server != nil:
			l.describeServer(&p, &was, r.Server)
		}
	}
	p.described = true
	for ref, t := range was.tales {
		if t.server != nil && p.servers[t.server.Row.Subject] == t.server || t.service != nil && p.byName[t.service.Row.Subject] == t.service {
			p.tales[ref] = t
		}
	}
	l.pool = p
}

func (l *Ledger) describeService(p, was *pool, row *event.ServiceRow) {
	s := was.byName[row.Subject]
	if s == nil {
		s = &service{Service: Service{State: row.State, SinceWall: l.wall(row.Since)}}
	}
	if p.byName[row.Subject] != nil {
		return
	}
	if s.State == event.Unknown {
		s.State = row.State
	}
	s.Row, s.servers, s.shown = *row, nil, nil
	p.byName[row.Subject] = s
	p.serviceByID[row.ID] = s
	p.services = append(p.services, s)
}

func (l *Ledger) describeServer(p, was *pool, row *event.ServerRow) {
	of := p.byName[event.Subject{Kind: event.SubjectVirtualServer, Name: row.Subject.Name}]
	if of == nil || p.servers[row.Subject] != nil {
		return // the row of its service stands before it
	}
	v := was.servers[row.Subject]
	if v == nil {
		v = &server{Server: Server{State: row.State, SinceWall: l.wall(row.Since)}}
	}
	if v.State == event.Unknown {
		v.State = row.State
	}
	if !sameChecks(v.Row.Checks, row.Checks) {
		v.checks, v.Checks = nil, nil
	}
	v.Row, v.of, v.shown = *row, of, nil
	p.servers[row.Subject] = v
	of.servers = append(of.servers, v)
	p.serverByID = placed(p.serverByID, row.ID, v)
	for i := range row.Checks {
		p.checkByID = placed(p.checkByID, row.Checks[i].ID, checkPlace{v, i})
	}
}

// sameChecks says whether checks of two descriptions are the same, so that
// their counters go on.
func sameChecks(a, b []event.CheckRow) bool {
	return slices.EqualFunc(a, b, func(x, y event.CheckRow) bool {
		return x.Checker == y.Checker && x.Target == y.Target && x.Object == y.Object && x.Detail == y.Detail
	})
}

// placed puts v at the place of a dense ID; what is absurdly far is left out.
func placed[T any](list []T, id uint32, v T) []T {
	if int(id) > len(list)+1<<20 {
		return list
	}
	for int(id) >= len(list) {
		var none T
		list = append(list, none)
	}
	list[id] = v
	return list
}
