// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package bfd decides what BFD sessions do (RFC 5880 asynchronous mode, 5881
// one hop, 5883 several hops): a Table of sessions is given the time and one
// Input, and gives back the packets to send and the events. The caller owes it:
//
//  1. Time never runs backwards between two Ticks; a packet carries the time at
//     which the kernel received it, which may be earlier.
//  2. Every packet that was received before a Deadline is given before the Tick
//     that acts upon it, so that our own lateness is never taken for silence.
//  3. The seed is unpredictable, because discriminators are made of it.
//
// The state machine, RFC 5880 section 6.8.6; rows are our state, columns the
// neighbour's as its packet says:
//
//	         AdminDown  Down       Init       Up
//	Down     -          Init       Up         -
//	Init     Down/3     -          Up         Up
//	Up       Down/3     Down/3     -          -
//
// and from Init and Up to Down/1 when the detection time has passed. The number
// is the diagnostic. There is no echo function, no demand mode of our own and no
// authentication, as in keepalived.
//
// A Table that is given what a predecessor left about a session (Output.Kept)
// goes on with it: for the neighbour a few packets were lost. RFC 5880 does not
// know of it and does not need to; nothing that was said is taken back.
//
// engine/track drives it; config fills its Settings. It imports event.
//
// It must never do I/O, read a clock or draw random numbers, and no packet of a
// stranger may cost more than one look at a map and a list.
package bfd
