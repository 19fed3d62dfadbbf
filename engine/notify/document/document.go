// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Version is the version of Document. It grows when a key changes its
// meaning or goes; new keys come without notice.
const Version = 1

// Document is what a webhook gets: one transition as JSON. Keys without a
// value are left out.
type Document struct {
	Version int `json:"version"`
	// ID is the identity of the story, the same in logs, traces, mail and traps.
	ID event.ID `json:"id"`
	// EventID is the identity of this event alone; it is the Idempotency-Key.
	EventID event.ID `json:"event_id"`
	// Kind is vrrp.state, group.state, server.state or service.quorum.
	Kind event.Kind `json:"kind"`
	// Time is when it happened: RFC 3339 in UTC with microseconds.
	Time string `json:"time"`
	// Node is the router that says so.
	Node    string  `json:"node"`
	Subject Subject `json:"subject"`
	// From and To are INIT, BACKUP, MASTER, FAULT, STOP or DELETED; of servers UP,
	// DOWN or DELETED.
	From   event.State  `json:"from"`
	To     event.State  `json:"to"`
	Reason event.Reason `json:"reason"`
	// Priority is the effective priority of an instance, 1 to 255.
	Priority uint8 `json:"priority,omitempty"`
	// Sentence explains it to people.
	Sentence string `json:"sentence,omitempty"`
	// Detail is what was known beyond that, for people.
	Detail   string    `json:"detail,omitempty"`
	Evidence *Evidence `json:"evidence,omitempty"`
	// Epoch and Seq are the number of the event: consecutive within an epoch,
	// so that a receiver can put events in order.
	Epoch uint64 `json:"epoch,string"`
	Seq   uint64 `json:"seq"`
}

// Subject is what a Document is about.
type Subject struct {
	// Kind is vrrp_instance, vrrp_sync_group, virtual_server or real_server.
	Kind event.SubjectKind `json:"kind"`
	Name string            `json:"name"`
	// Server is the address of a real server; Name is that of its virtual server.
	Server string `json:"server,omitempty"`
	// Family is 4 or 6 and VRID 1 to 255, for an instance.
	Family uint8 `json:"family,omitempty"`
	VRID   uint8 `json:"vrid,omitempty"`
}

// Evidence is what was known when a transition was decided. All
// durations are in seconds.
type Evidence struct {
	// Heard are the last adverts of the master, newest first, at most 8.
	Heard []Advert `json:"heard,omitempty"`
	// Peer is the router that won, was lost, or is in conflict.
	Peer         netip.Addr `json:"peer,omitzero"`
	PeerPriority uint8      `json:"peer_priority,omitempty"`
	Interval     float64    `json:"interval,omitempty"`
	Skew         float64    `json:"skew,omitempty"`
	MasterDown   float64    `json:"master_down,omitempty"`
	// Lateness is how much later than due this router looked at its timer.
	Lateness float64 `json:"lateness,omitempty"`
	// Margin is what was left on the master-down timer when the last advert came.
	Margin float64 `json:"margin,omitempty"`
	// Stall is the longest pause of this router's own.
	Stall float64 `json:"stall,omitempty"`
	// Held is how long the takeover was held because of that.
	Held float64 `json:"held,omitempty"`
	// Base plus the Terms is the effective priority.
	Base      uint8  `json:"base_priority,omitempty"`
	Effective uint8  `json:"effective_priority,omitempty"`
	Terms     []Term `json:"terms,omitempty"`
	// MoreTerms counts the terms that found no room.
	MoreTerms uint8 `json:"more_terms,omitempty"`
	// Object is the tracked object, interface, member or address that changed.
	Object *Object `json:"object,omitempty"`
	Check  *Check  `json:"check,omitempty"`
}

// Check is what was known of a real or virtual server and the check that
// decided.
type Check struct {
	// Checker is the keyword of the check and Index says which of the server's it
	// is, from 1.
	Checker string `json:"checker,omitempty"`
	Index   uint8  `json:"index,omitempty"`
	// Phase is the one that failed, Target where the check went.
	Phase  string         `json:"phase,omitempty"`
	Target netip.AddrPort `json:"target,omitzero"`
	// Attempt is the attempt that decided, of Retries more than one; Failures is
	// how many failed in a row.
	Attempt  uint32 `json:"attempt,omitempty"`
	Retries  uint32 `json:"retries,omitempty"`
	Failures uint32 `json:"failures,omitempty"`
	// Took is how long that attempt took.
	Took   float64 `json:"took,omitempty"`
	Status int32   `json:"status,omitempty"`
	// Alive is the weight of all servers that are up.
	Alive      int64 `json:"alive"`
	Quorum     int64 `json:"quorum,omitempty"`
	Hysteresis int64 `json:"hysteresis,omitempty"`
	// Up of Servers are up.
	Up      uint32 `json:"servers_up"`
	Servers uint32 `json:"servers"`
}

// Advert is one advert that was heard.
type Advert struct {
	// Ago is how long before the transition it came, in seconds.
	Ago      float64    `json:"ago"`
	Source   netip.Addr `json:"source,omitzero"`
	Priority uint8      `json:"priority"`
	Interval float64    `json:"interval,omitempty"`
}

// Term is one summand of the effective priority.
type Term struct {
	Kind  event.SubjectKind `json:"kind"`
	Name  string            `json:"name"`
	Delta int16             `json:"delta"`
	Up    bool              `json:"up"`
}

// Object is an object and the state it changed to.
type Object struct {
	Kind  event.SubjectKind `json:"kind"`
	Name  string            `json:"name,omitempty"`
	State event.State       `json:"state,omitempty"`
}

// New renders an event.
func New(e *event.Event, node, sentence string) *Document {
	return &Document{
		Version: Version, ID: e.ID(), EventID: e.Ref().ID(), Kind: e.Kind, Time: Stamp(e), Node: node,
		Subject: Subject{e.Subject.Kind, e.Subject.Name, e.Subject.Sub, e.Subject.Family, e.Subject.VRID},
		From:    e.From, To: e.To, Reason: e.Reason, Priority: e.Priority, Sentence: sentence, Detail: e.Detail,
		Evidence: newEvidence(e), Epoch: e.Epoch, Seq: e.Seq,
	}
}

func newEvidence(e *event.Event) *Evidence {
	v := &e.Evidence
	if *v == (event.Evidence{}) {
		return nil
	}
	out := &Evidence{
		Peer: v.Peer, PeerPriority: v.PeerPriority, Base: v.Base, Effective: v.Effective, MoreTerms: v.More,
		Interval: v.Interval.Seconds(), Skew: v.Skew.Seconds(), MasterDown: v.MasterDown.Seconds(),
		Lateness: v.Lateness.Seconds(), Margin: v.Margin.Seconds(), Stall: v.Stall.Seconds(), Held: v.Held.Seconds(),
	}
	for _, h := range v.Heard[:min(v.N, event.HeardMax)] {
		ago := time.Duration(0)
		if h.At != 0 {
			ago = e.At.Sub(h.At)
		}
		out.Heard = append(out.Heard, Advert{ago.Seconds(), h.Source, h.Priority, h.Interval.Seconds()})
	}
	for _, t := range v.Terms[:min(v.NTerm, event.TermMax)] {
		out.Terms = append(out.Terms, Term{t.Kind, t.Name, t.Delta, t.Up})
	}
	if c := &v.Check; *c != (event.CheckEvidence{}) {
		out.Check = newCheck(c)
	}
	if v.Object != event.SubjectNone {
		out.Object = &Object{v.Object, v.ObjectName, v.ObjectState}
	}
	return out
}

func newCheck(c *event.CheckEvidence) *Check {
	return &Check{
		Checker: c.Checker.String(), Index: c.Index, Phase: c.Phase.String(), Target: c.Target,
		Attempt: c.Attempt, Retries: c.Retries, Failures: c.Failures, Took: c.Total.Seconds(), Status: c.Status,
		Alive: c.Alive, Quorum: c.Quorum, Hysteresis: c.Hysteresis, Up: c.ServersUp, Servers: c.Servers,
	}
}

const stampForm = "2006-01-02T15:04:05.000000Z"

// Stamp is when an event happened, in UTC to the microsecond.
func Stamp(e *event.Event) string {
	return time.Unix(0, e.Wall).UTC().Format(stampForm)
}
