// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package vrrp is the protocol: a Router of instances and sync groups that is
// stepped with a time and one input, and gives back what to do and what
// happened.
//
// The loop that owns the sockets (engine/run), the simulator (test/sim) and
// config (which fills Settings) import it; it imports only event and wire.
//
// It must never do I/O, read a clock, draw a random number or start a
// goroutine: everything it knows came in through Step.
package vrrp
