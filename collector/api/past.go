// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
)

// idLength is how long the identity of a story is, in hexadecimal digits.
const idLength = 32

// isID says whether a name has the form of an identity, as mails, traps, traces
// and logs carry them.
func isID(name string) bool {
	if len(name) != idLength {
		return false
	}
	for _, c := range name {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// changes says whether an event is a change that can be explained.
func changes(k event.Kind) bool {
	return k == event.VRRPState || k == event.ServerState || k == event.ServiceQuorum
}

// past explains a change by its identity, from the events that are kept; ok is
// false if it is not among them.
func (s *Server) past(v *ledger.View, id string) (a explain.Answer, ok bool) {
	events, _, _, _ := s.ring.read(0, s.opts.Events)
	at := find(events, id)
	if at < 0 {
		return a, false
	}
	e := events[at]
	var previous event.Event
	for i := range at {
		if events[i].Kind == e.Kind && events[i].Subject == e.Subject {
			previous = events[i]
		}
	}
	var story []event.Event
	for i := at + 1; i < len(events); i++ {
		if events[i].Story() == e.Ref() || events[i].Cause == e.Ref() {
			story = append(story, events[i])
		}
	}
	now := s.opts.Now()
	if e.Kind == event.VRRPState {
		return explain.Why(pastCase(v, e, previous, story, now)), true
	}
	return explain.WhyPool(pastPool(v, e, story, now)), true
}

// find returns the place of the change with an identity: its own, that of its
// story, or that of the verdict of a check that led to it. It is -1 if there is
// none.
func find(events []event.Event, id string) int {
	at := -1
	var verdict event.Ref
	for i := range events {
		e := &events[i]
		switch {
		case e.Kind == event.CheckOutcome && e.From != e.To && e.Ref().ID().String() == id:
			verdict = e.Ref()
		case !changes(e.Kind):
		case e.Ref().ID().String() == id, verdict != event.Ref{} && e.Cause == verdict:
			return i
		case at < 0 && e.ID().String() == id:
			at = i
		}
	}
	return at
}

func pastCase(v *ledger.View, e, previous event.Event, story []event.Event, now time.Time) *explain.Case {
	c := &explain.Case{Name: e.Subject.Name, State: e.To, Now: now.UnixNano(), Last: e, Previous: previous, Story: story}
	if in := v.Instance(e.Subject.Name); in != nil {
		c.State, c.SinceWall = in.State, in.SinceWall
		c.Base, c.Priority, c.Terms = in.Base, in.Priority, in.Terms
		for _, r := range in.Rejected {
			c.Rejected = append(c.Rejected, explain.Rejected{Runs: r.Runs, FirstWall: r.FirstWall, Last: r.Last})
		}
	}
	return c
}

func pastPool(v *ledger.View, e event.Event, story []event.Event, now time.Time) *explain.PoolCase {
	c := &explain.PoolCase{
		Subject: e.Subject, Name: "virtual server " + e.Subject.Name, State: e.To, Now: now.UnixNano(), Last: e, Story: story,
	}
	service := v.Pool.Service(e.Subject.Name)
	if service != nil && e.Kind == event.ServiceQuorum {
		c.State = service.State
	}
	if e.Kind == event.ServerState {
		c.Name = "real server " + e.Subject.Sub + " of " + e.Subject.Name
		if service != nil {
			if r := service.Server(e.Subject.Sub); r != nil {
				c.State = r.State
			}
		}
	}
	return c
}
