// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// Impact is how much a reload touches: a closed list, in rising order.
type Impact uint8

// The impacts.
const (
	// None: at most masters say an advert out of turn.
	None Impact = iota
	// Checks: how servers are checked, priorities, timers and what is tracked.
	Checks
	// Servers: what the kernel's IPVS table has.
	Servers
	// Addresses: addresses, routes or rules come or go on a master that stays one.
	Addresses
	// Transitions: an instance or a virtual server changes its state, comes or
	// goes, with the reload or as it follows from it.
	Transitions
	// Any: all of that, and what would be wrong afterwards.
	Any
)

var impactWords = []string{"none", "checks", "servers", "addresses", "transitions", "any"}

// Impacts are the words, in rising order.
func Impacts() []string { return slices.Clone(impactWords) }

func (i Impact) String() string {
	if int(i) < len(impactWords) {
		return impactWords[i]
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (i Impact) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *Impact) UnmarshalText(b []byte) error {
	at := slices.Index(impactWords, string(b))
	if at < 0 {
		return fmt.Errorf("impact %q is not one of %s", b, strings.Join(impactWords, ", "))
	}
	*i = Impact(at)
	return nil
}

// impactOf is the gravest thing of a plan.
func impactOf(p *Plan) Impact {
	switch {
	case len(p.Dangers) > 0:
		return Any
	case len(p.Transitions)+len(p.Later) > 0 && moves(p):
		return Transitions
	case len(p.Moves) > 0:
		return Addresses
	case len(p.Operations) > 0:
		return Servers
	case len(p.Checks)+len(p.Servers)+len(p.Services)+len(p.Instances)+len(p.Groups)+len(p.Priorities)+len(p.Global) > 0:
		return Checks
	}
	return None
}

// moves says whether a transition is one that users could notice: real servers
// that come and go are entries of the kernel's table.
func moves(p *Plan) bool {
	for _, list := range [][]Transition{p.Transitions, p.Later} {
		if slices.ContainsFunc(list, func(t Transition) bool { return t.Subject.Kind != event.SubjectRealServer }) {
			return true
		}
	}
	return false
}
