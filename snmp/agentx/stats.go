// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"sync/atomic"
	"time"
)

// Stats is what a Client has done since New. All counts only grow.
type Stats struct {
	Connected     bool // a session is open now
	Registered    int  // registrations the master holds now
	Registrations int  // registrations wanted now

	Connects    uint64 // sessions opened
	DialErrors  uint64 // connections that could not be made
	Disconnects uint64 // sessions opened and lost again, shutdown not counted

	Requests        [TypeResponse + 1]uint64 // PDUs of the master, by PDUType
	VarBinds        uint64                   // variables served
	WalksStarted    uint64                   // GETNEXTs that got a fresh Snapshot
	SetErrors       uint64                   // set PDUs answered with an error
	Malformed       uint64                   // sessions ended by a malformed PDU
	ProtocolErrors  uint64                   // sessions ended by a PDU out of place
	NotOpen         uint64                   // requests for a session that is not ours
	Stray           uint64                   // responses nobody waits for
	Timeouts        uint64                   // sessions ended because the master did not answer
	RegisterRefused uint64                   // registrations the master refused
	Pings           uint64                   // pings sent

	NotifyQueued  int       // notifications waiting, the one on its way included
	NotifyOldest  time.Time // when the oldest of them was handed over, zero if none
	NotifySent    uint64    // notifications acknowledged by the master
	NotifyDropped uint64    // notifications given up for whatever reason
	NotifyRetried uint64    // notifications sent again after a lost session
}

// counters is Stats while it is being counted.
type counters struct {
	connected                         atomic.Bool
	registered, wanted                atomic.Int64
	connects, dialErrors, disconnects atomic.Uint64
	requests                          [TypeResponse + 1]atomic.Uint64
	varBinds, walksStarted, setErrors atomic.Uint64
	malformed, protocol, notOpen      atomic.Uint64
	stray, timeouts, refused, pings   atomic.Uint64

	notifyQueued, notifyOldest               atomic.Int64 // oldest: Unix nanoseconds, 0 if none
	notifySent, notifyDropped, notifyRetried atomic.Uint64
}

// Stats returns the counts now. It never blocks; counts that change meanwhile
// may be from slightly different moments.
func (c *Client) Stats() Stats {
	k := &c.count
	s := Stats{
		Connected: k.connected.Load(), Registered: int(k.registered.Load()), Registrations: int(k.wanted.Load()),
		Connects: k.connects.Load(), DialErrors: k.dialErrors.Load(), Disconnects: k.disconnects.Load(),
		VarBinds: k.varBinds.Load(), WalksStarted: k.walksStarted.Load(), SetErrors: k.setErrors.Load(),
		Malformed: k.malformed.Load(), ProtocolErrors: k.protocol.Load(), NotOpen: k.notOpen.Load(),
		Stray: k.stray.Load(), Timeouts: k.timeouts.Load(), RegisterRefused: k.refused.Load(), Pings: k.pings.Load(),
		NotifyQueued: int(k.notifyQueued.Load()), NotifySent: k.notifySent.Load(),
		NotifyDropped: k.notifyDropped.Load(), NotifyRetried: k.notifyRetried.Load(),
	}
	if ns := k.notifyOldest.Load(); ns != 0 {
		s.NotifyOldest = time.Unix(0, ns)
	}
	for i := range k.requests {
		s.Requests[i] = k.requests[i].Load()
	}
	return s
}
