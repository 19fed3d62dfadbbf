// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import "github.com/vigild/vigild/engine/event"

// ActionKind is what is to be done.
type ActionKind uint8

// The kinds of action, in no order of importance.
const (
	// Send: send one advert of the instance with Priority.
	Send ActionKind = iota
	// Own: add the addresses, routes and rules of the instance (or only Only).
	Own
	// Disown: remove them.
	Disown
	// Announce: send one burst of gratuitous ARPs and unsolicited NAs, Repeat
	// frames for each address.
	Announce
	// Admit: install what lets packets to the addresses in (or the drop rules
	// of no_accept); Evict removes it.
	Admit
	Evict
)

// Action is one thing that the shell must do, in the order given. Own, Disown
// and Announce of one instance are done in order; their outcome comes back as
// Done. The loop never waits for them.
type Action struct {
	Kind ActionKind
	// ID is the instance's handle (Router.Instance), 0 for static things. The
	// handle of a removed instance stays valid until the last Done for it.
	ID       int
	Priority uint8
	Repeat   int
	// Reason is why, for Announce the moment.
	Reason event.Reason
	// Cause and Root are the events that led here, echoed in Done.
	Cause, Root event.Ref
	// Only limits Own, Disown and Announce to these addresses; nil means all.
	Only []Address
	// Part says that Own or Disown is limited to Only, OnlyRoutes and
	// OnlyRules, of which some may be empty; it is what a reload changed.
	Part       bool
	OnlyRoutes []Route
	OnlyRules  []Rule
}

// Output is what one Step wants done and says happened. The caller owns it
// and reuses it; Step appends. The Actions are to be started before the Events
// are published, so that an advert never waits for a reader.
type Output struct {
	Actions []Action
	Events  []event.Event
}

// Reset empties the Output and keeps its memory.
func (o *Output) Reset() {
	o.Actions = o.Actions[:0]
	o.Events = o.Events[:0]
}
