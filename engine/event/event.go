// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import "time"

// Instant is a reading of the host's monotonic clock in nanoseconds
// (CLOCK_MONOTONIC): comparable between the processes of one host, unaffected
// by steps of the wall clock. The zero Instant means "never".
type Instant int64

// Add returns the instant d after t.
func (t Instant) Add(d time.Duration) Instant { return t + Instant(d) }

// Sub returns the time from u to t.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Ref names one event: the producer's epoch (drawn at random when the
// producing role starts) and its sequence number. The zero Ref names none.
type Ref struct {
	Epoch uint64 `json:"epoch,omitempty"`
	Seq   uint64 `json:"seq,omitempty"`
}

// Event is an Edge: one thing that changed. Edges are numbered without gaps
// per Epoch and are never coalesced; a reader that finds a hole asks for a
// snapshot. It holds no pointer to mutable data, so a copy is a full copy.
type Event struct {
	// Epoch and Seq identify the event. Seq starts at 1 and has no gaps within
	// an Epoch. A pure machine leaves Epoch 0; the shell that publishes stamps it.
	Epoch uint64 `json:"epoch"`
	Seq   uint64 `json:"seq"`
	// Cause is the event that led to this one, zero if the cause is outside.
	Cause Ref `json:"cause,omitzero"`
	// Root is the event at the start of the chain of causes; zero means the
	// event is its own root. All events of one root are one story (one trace).
	Root Ref `json:"root,omitzero"`
	// At is when it happened on the producer's monotonic clock.
	At Instant `json:"at"`
	// Wall is the same moment in nanoseconds since the Unix epoch, stamped by
	// the shell when published.
	Wall   int64 `json:"wall"`
	Origin Role  `json:"origin"`
	Kind   Kind  `json:"kind"`
	// Subject is what the event is about.
	Subject Subject `json:"subject"`
	From    State   `json:"from,omitempty"`
	To      State   `json:"to,omitempty"`
	Reason  Reason  `json:"reason,omitempty"`
	// Priority is the effective VRRP priority after the event (vrrp.* kinds).
	Priority uint8 `json:"priority,omitempty"`
	// Count is how many things the event covers: addresses added, announcements
	// sent, the exit status of exec.done, missing events of link.gap.
	Count int64 `json:"count,omitempty"`
	// Took is how long the thing lasted; it ended at At.
	Took time.Duration `json:"took,omitempty"`
	// Detail is for people, at most DetailMax bytes; never a label.
	Detail string `json:"detail,omitempty"`
	// Snapshot marks a restatement of the current state, not a change.
	Snapshot bool `json:"snapshot,omitempty"`
	// Evidence explains vrrp.state, vrrp.conflict, vrrp.advert_rejected,
	// check.outcome, server.state and service.quorum.
	Evidence Evidence `json:"evidence,omitzero"`
}

// DetailMax is the largest length of Event.Detail in bytes.
const DetailMax = 200

// Ref returns the name of this event.
func (e *Event) Ref() Ref { return Ref{e.Epoch, e.Seq} }

// Story returns the root of the chain of causes that this event belongs to.
func (e *Event) Story() Ref {
	if e.Root != (Ref{}) {
		return e.Root
	}
	return e.Ref()
}

// Failed says whether the event reports that a step did not succeed.
func (e *Event) Failed() bool { return e.Reason.isFailure() }
