// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"net/netip"
	"time"
)

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
