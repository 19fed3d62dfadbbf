// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// UDP ports and the length of a control packet in bytes.
const (
	Port         = 3784 // RFC 5881 section 4
	PortMultihop = 4784 // RFC 5883 section 5
	Len          = 24   // RFC 5880 section 4.1, without authentication
)

// State is the state of a session as it travels (RFC 5880 section 4.1).
type State uint8

// The states.
const (
	AdminDown State = iota
	Down
	Init
	Up
)

func (s State) String() string { return [...]string{"AdminDown", "Down", "Init", "Up"}[s&3] }

// Diag is the reason for the last change of a session's state (RFC 5880
// section 4.1).
type Diag uint8

// The diagnostics that a session here gives or names.
const (
	NoDiagnostic Diag = iota
	DetectionTimeExpired
	EchoFailed
	NeighborSignaledDown
	ForwardingPlaneReset
	PathDown
	ConcatenatedPathDown
	AdministrativelyDown
	ReverseConcatenatedPathDown
)

var diagWords = [...]string{
	"no diagnostic", "control detection time expired", "echo function failed", "neighbor signaled session down",
	"forwarding plane reset", "path down", "concatenated path down", "administratively down",
	"reverse concatenated path down",
}

func (d Diag) String() string {
	if int(d) < len(diagWords) {
		return diagWords[d]
	}
	return "reserved diagnostic"
}

// Control is a BFD control packet.
type Control struct {
	Diag  Diag
	State State
	Poll  bool
	Final bool
	// Demand says that the sender does not want to be sent packets while the
	// session is up.
	Demand bool
	// Multiplier times its interval is how long the sender may be silent, 1 to 255.
	Multiplier uint8
	// MyDiscriminator names the session at the sender, never 0;
	// YourDiscriminator at the receiver, 0 while it is unknown.
	MyDiscriminator, YourDiscriminator uint32
	// DesiredMinTx, RequiredMinRx and RequiredMinEchoRx are whole microseconds,
	// up to 2^32-1.
	DesiredMinTx, RequiredMinRx, RequiredMinEchoRx time.Duration
}

const (
	flagPoll       = 0x20
	flagFinal      = 0x10
	flagAuth       = 0x04
	flagDemand     = 0x02
	flagMultipoint = 0x01
)

// Bytes is the packet as it travels.
func (c *Control) Bytes() (b [Len]byte) {
	b[0] = 1<<5 | byte(c.Diag)&31
	b[1] = byte(c.State) << 6
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{c.Poll, flagPoll}, {c.Final, flagFinal}, {c.Demand, flagDemand}} {
		if f.set {
			b[1] |= f.bit
		}
	}
	b[2], b[3] = c.Multiplier, Len
	e := binary.BigEndian
	e.PutUint32(b[4:], c.MyDiscriminator)
	e.PutUint32(b[8:], c.YourDiscriminator)
	e.PutUint32(b[12:], micros(c.DesiredMinTx))
	e.PutUint32(b[16:], micros(c.RequiredMinRx))
	e.PutUint32(b[20:], micros(c.RequiredMinEchoRx))
	return b
}

func micros(d time.Duration) uint32 {
	return uint32(max(0, min(d/time.Microsecond, math.MaxUint32)))
}

// Parse reads a packet and checks what RFC 5880 section 6.8.6 demands before a
// session is looked for.
func Parse(b []byte) (Control, Refusal) {
	switch {
	case len(b) < Len || int(b[3]) < Len || int(b[3]) > len(b):
		return Control{}, RefusedLength
	case b[0]>>5 != 1:
		return Control{}, RefusedVersion
	case b[1]&flagAuth != 0:
		return Control{}, RefusedAuth // no session here is authenticated
	}
	e := binary.BigEndian
	us := func(i int) time.Duration { return time.Duration(e.Uint32(b[i:])) * time.Microsecond }
	c := Control{
		Diag: Diag(b[0] & 31), State: State(b[1] >> 6), Poll: b[1]&flagPoll != 0, Final: b[1]&flagFinal != 0,
		Demand: b[1]&flagDemand != 0, Multiplier: b[2],
		MyDiscriminator: e.Uint32(b[4:]), YourDiscriminator: e.Uint32(b[8:]),
		DesiredMinTx: us(12), RequiredMinRx: us(16), RequiredMinEchoRx: us(20),
	}
	if c.Multiplier == 0 || b[1]&flagMultipoint != 0 || c.MyDiscriminator == 0 || c.Poll && c.Final ||
		c.YourDiscriminator == 0 && c.State > Down {
		return Control{}, RefusedMalformed
	}
	return c, Accepted
}

// Refusal says why a packet was not used: a closed list.
type Refusal uint8

// The refusals.
const (
	Accepted Refusal = iota
	// RefusedLength: shorter than it says, or than a packet can be.
	RefusedLength
	// RefusedVersion: not version 1.
	RefusedVersion
	// RefusedAuth: authenticated, and no session here is.
	RefusedAuth
	// RefusedMalformed: fields that contradict the protocol.
	RefusedMalformed
	// RefusedDiscriminator: for a session that does not exist (any more).
	RefusedDiscriminator
	// RefusedNeighbor: from somebody who is no neighbour.
	RefusedNeighbor
	// RefusedTTL: it came from farther away than allowed (RFC 5082). It is the
	// only one of a packet that has found its session.
	RefusedTTL
	refusals
)

// RefusalCount is the number of refusals, Accepted included.
const RefusalCount = int(refusals)

func (r Refusal) String() string {
	switch r {
	case Accepted:
		return ""
	case RefusedTTL:
		return "ttl"
	case RefusedLength, RefusedVersion, RefusedAuth, RefusedMalformed, RefusedDiscriminator, RefusedNeighbor, refusals:
	}
	return event.BFDStrays()[r-RefusedLength]
}
