// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"net/netip"
	"time"
)

// HeardMax is how many adverts an Evidence keeps.
const HeardMax = 8

// TermMax is how many terms of the priority arithmetic an Evidence keeps.
const TermMax = 8

// Heard is one advert that was received.
type Heard struct {
	// At is the kernel's receive time on the monotonic clock.
	At Instant `json:"at"`
	// Wall is the kernel's receive time in nanoseconds since the Unix epoch, 0 if unknown.
	Wall     int64      `json:"wall,omitempty"`
	Source   netip.Addr `json:"source,omitzero"`
	Priority uint8      `json:"priority"`
	// Interval is the advertisement interval that it carried.
	Interval time.Duration `json:"interval,omitempty"`
}

// Term is one summand of an effective priority.
type Term struct {
	Kind  SubjectKind `json:"kind"`
	Name  string      `json:"name"`
	Delta int16       `json:"delta"`
	// Up is the verdict on the tracked object now.
	Up bool `json:"up"`
}

// Evidence is what was known when a transition was decided: a record of fixed
// size, no prose. Explanations, mails and traces are rendered from it.
type Evidence struct {
	// Heard are the last adverts of the master, newest first; N of them.
	N     uint8           `json:"n,omitempty"`
	Heard [HeardMax]Heard `json:"heard,omitzero"`
	// Due are the adverts of the master that were due lately (at most 64, and at
	// least one of them came), Lost those of them that did not come.
	Due  uint8 `json:"due,omitempty"`
	Lost uint8 `json:"lost,omitempty"`
	// Peer is the router that won, was lost, or is in conflict.
	Peer         netip.Addr `json:"peer,omitzero"`
	PeerPriority uint8      `json:"peer_priority,omitempty"`
	// Interval, Skew and MasterDown are the timers in force. Of a BFD session,
	// Interval is the one agreed on for the neighbour's packets.
	Interval   time.Duration `json:"interval,omitempty"`
	Skew       time.Duration `json:"skew,omitempty"`
	MasterDown time.Duration `json:"master_down,omitempty"`
	// Detection is how long a BFD neighbour may be silent.
	Detection time.Duration `json:"detection,omitempty"`
	// Deadline is when the timer that led here was due.
	Deadline Instant `json:"deadline,omitempty"`
	// Lateness is how much later than Deadline this process looked.
	Lateness time.Duration `json:"lateness,omitempty"`
	// Margin is what was left on the master-down timer when the last advert came.
	Margin time.Duration `json:"margin,omitempty"`
	// Stall is the longest pause of this process within the last master-down interval.
	Stall time.Duration `json:"stall,omitempty"`
	// Held is how long a takeover was held because of that (vrrp.suspicion).
	Held time.Duration `json:"held,omitempty"`
	// Base, Effective and Terms are the priority arithmetic; Terms has NTerm
	// entries, and More counts the ones that found no room.
	Base      uint8         `json:"base,omitempty"`
	Effective uint8         `json:"effective,omitempty"`
	NTerm     uint8         `json:"n_term,omitempty"`
	More      uint8         `json:"more,omitempty"`
	Terms     [TermMax]Term `json:"terms,omitzero"`
	// Object is the tracked object, interface, member or address that changed.
	Object      SubjectKind `json:"object,omitempty"`
	ObjectName  string      `json:"object_name,omitempty"`
	ObjectState State       `json:"object_state,omitempty"`
	// ObjectWhy, ObjectValue and ObjectTook say why that state, where it is known:
	// how a script ended, with which status and after how long; what a file says; how
	// many processes run.
	ObjectWhy   Reason        `json:"object_why,omitempty"`
	ObjectValue int64         `json:"object_value,omitempty"`
	ObjectTook  time.Duration `json:"object_took,omitempty"`
	// Refused is why adverts that came in place of silence were not taken; Peer sent
	// them. RejectVRID: they have our addresses under another virtual router id.
	Refused Reason `json:"refused,omitempty"`
	// Want and Got are what was expected and what came (refused adverts).
	Want string `json:"want,omitempty"`
	Got  string `json:"got,omitempty"`
	// Check is what was known of a health check.
	Check CheckEvidence `json:"check,omitzero"`
}

// LastHeard returns the newest advert; ok is false if none was heard.
func (e *Evidence) LastHeard() (h Heard, ok bool) {
	if e.N == 0 {
		return Heard{}, false
	}
	return e.Heard[0], true
}

// CheckEvidence is what was known of a check, server or virtual server when
// check.outcome, server.state or service.quorum was decided. In a server.state
// the first part is of the check that decided; in both of the latter, Weight to
// Hysteresis are the arithmetic of the quorum.
type CheckEvidence struct {
	Checker Checker `json:"checker,omitempty"`
	// Index says which checker of the server it is, from 1.
	Index uint8 `json:"index,omitempty"`
	// Phase is the one that failed.
	Phase Phase `json:"phase,omitempty"`
	// Up is the verdict of the check now.
	Up bool `json:"up,omitempty"`
	// Attempt counts the attempts of this run of failures, from 1; Retries is how
	// many may follow the first before the verdict is DOWN.
	Attempt uint32 `json:"attempt,omitempty"`
	Retries uint32 `json:"retries,omitempty"`
	// Failures counts the failures in a row; Since is when the first of them ended.
	Failures uint32  `json:"failures,omitempty"`
	Since    Instant `json:"since,omitempty"`
	// Phases is how long each timed phase took (TimedIndex), Total the whole attempt.
	Phases [PhaseCount]time.Duration `json:"phases,omitzero"`
	Total  time.Duration             `json:"total,omitempty"`
	// Status is the HTTP status, exit status, response code or value of the file.
	Status int32 `json:"status,omitempty"`
	// Weight is the weight of the server (of a service: the weight alive) before,
	// WeightNow after.
	Weight    int64 `json:"weight,omitempty"`
	WeightNow int64 `json:"weight_now,omitempty"`
	// Alive is the weight of all servers that are up, Quorum and Hysteresis what
	// the virtual server asks for.
	Alive      int64 `json:"alive,omitempty"`
	Quorum     int64 `json:"quorum,omitempty"`
	Hysteresis int64 `json:"hysteresis,omitempty"`
	// Up and down servers of the virtual server.
	ServersUp uint32 `json:"servers_up,omitempty"`
	Servers   uint32 `json:"servers,omitempty"`
	// Target is where the check goes.
	Target netip.AddrPort `json:"target,omitzero"`
}
