// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// ServiceKey is what the kernel knows a service by. It is comparable.
type ServiceKey struct {
	// Family is 4 or 6.
	Family uint8
	// Protocol, Addr and Port; or Mark alone.
	Protocol event.Protocol
	Addr     netip.Addr
	Port     uint16
	// Mark is the firewall mark; HasMark says that it is one (0 is valid).
	Mark    uint32
	HasMark bool
}

// The flags of Service.Flags; the numbers are the kernel's.
const (
	FlagOnePacket = 0x04
	FlagSched1    = 0x08
	FlagSched2    = 0x10
	FlagSched3    = 0x20
)

// Service is one service of the kernel. It is comparable.
type Service struct {
	ServiceKey
	Scheduler string
	// Flags has only the flags above: that it is persistent is said by Timeout, and
	// that it is hashed by nothing.
	Flags uint32
	// Timeout is that of persistence in whole seconds, 0 for none.
	Timeout time.Duration
	// Granularity is the prefix length of persistence: 32 or 128 without Timeout.
	Granularity uint8
	Engine      string
}

// Destination is one destination of a service. It is comparable; Addr is its key.
type Destination struct {
	Addr         netip.AddrPort
	Weight       int32
	Method       event.Method
	Upper, Lower uint32
}

// Entry is a service with its destinations.
type Entry struct {
	Service Service
	Dests   []Destination
}

// Table is what the kernel has, or is to have.
type Table []Entry

// Op is one operation on the kernel's table. Dest belongs to the operations on
// destinations. For an operation on a destination or a removal, only the
// ServiceKey of Service matters. It is comparable.
type Op struct {
	Kind    event.IPVSOp
	Service Service
	Dest    Destination
}
