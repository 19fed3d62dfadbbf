// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package agentx is an AgentX (RFC 2741) subagent: the PDU codec, the snapshot
// that answers GET, GETNEXT and GETBULK, the SET state machine, and a Client
// that keeps one session with a master agent alive for as long as it runs.
//
// Any package may import it (snmp and cmd do); it imports the standard library
// only. The caller owes it three things: (1) Snapshots are immutable once
// handed over; (2) Handler, SetHandler and the callbacks run on the Client's
// goroutine, so they answer from memory or within the context they are given;
// (3) Run is called once, and its context or Close ends it.
//
// It must never block a caller of Notify or Stats, never panic or grow without
// bound on what the master sends (a malformed PDU ends that session, is
// counted, and the Client connects anew), never log, and never know a MIB.
package agentx
