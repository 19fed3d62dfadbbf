// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Settings is one bfd_instance. It is built and validated by config.
type Settings struct {
	Name string
	// Neighbor is neighbor_ip; Local is source_ip, zero for whatever the kernel
	// takes.
	Local, Neighbor netip.Addr
	// MinRx and MinTx are min_rx and min_tx, from 1 ms; IdleTx is idle_tx, the
	// interval while the session is not up, at least 1 s (RFC 5880 section 6.8.3).
	MinRx, MinTx, IdleTx time.Duration
	// Multiplier is 1 to 255.
	Multiplier uint8
	// Passive waits for the neighbour's first packet (RFC 5880 section 6.1).
	Passive bool
	// Multihop uses the port of RFC 5883.
	Multihop bool
	// TTL is what we send with, 1 to 255.
	TTL uint8
	// MinTTL is the least time to live or hop limit that is accepted, 0 for any.
	// compat: ttl less max_hops.
	MinTTL int
}

// subject is what events about the session are about.
func (s *Settings) subject() event.Subject {
	return event.Subject{Kind: event.SubjectBFD, Name: s.Name}
}

// Input is one thing that can happen to a Table: a closed set.
//
//sumtype:decl
type Input interface{ input() }

// Tick says that time has come to the Table's Deadline.
type Tick struct{}

// Packet is the payload of a UDP datagram that was received.
type Packet struct {
	// Source has a zone if it is a link-local address of IPv6.
	Source, Dest netip.Addr
	// TTL is the time to live or hop limit, -1 if the kernel did not say.
	TTL int
	// Multihop says that it came to PortMultihop.
	Multihop bool
	Payload  []byte
}

// Configure puts sessions into force: what stays goes on, with a Poll Sequence
// if its timers changed; what is gone tells its neighbour so.
type Configure struct {
	Sessions []Settings
	// Cause is the config.loaded event.
	Cause event.Ref
	// Up are the sessions that a predecessor of this worker had up. They are not
	// reported down until they had the time to come up again.
	Up []Resumed
}

// Resumed is a session that a predecessor had up, with what it takes to go on
// with it so that the neighbour notices nothing. Where any of the numbers is
// missing the session begins anew.
type Resumed struct {
	Name string
	// Local and Remote are the discriminators.
	Local, Remote uint32
	// Multiplier, MinTx and MinRx are what the neighbour said last.
	Multiplier   uint8
	MinTx, MinRx time.Duration
}

// whole says whether there is enough to go on with.
func (r *Resumed) whole() bool {
	return r.Local != 0 && r.Remote != 0 && r.Multiplier != 0 && r.MinTx > 0
}

// Unsent says that a packet of a session could not be sent.
type Unsent struct{ ID int }

// Stop takes every session down administratively.
type Stop struct{}

func (Tick) input()       {}
func (*Packet) input()    {}
func (*Configure) input() {}
func (Unsent) input()     {}
func (Stop) input()       {}

// Send is a packet to be sent to the neighbour of a session.
type Send struct {
	ID      int
	Payload [Len]byte
}

// Output is what a Step asks for and reports. It is reused between Steps.
type Output struct {
	Sends  []Send
	Events []event.Event
	// Kept are the counters of sessions of which a successor would now have to
	// know something else.
	Kept []event.BFDTally
}

// Reset empties it.
func (o *Output) Reset() { o.Sends, o.Events, o.Kept = o.Sends[:0], o.Events[:0], o.Kept[:0] }
