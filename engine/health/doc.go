// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package health decides about real servers: a Pool of virtual servers, their
// servers and checks that is stepped with a time and one input, and gives back
// which checks to run, what to program into the kernel, and what happened.
//
// The loop that runs the checks (engine/run), the simulator (test/sim),
// engine/probe and config (which fills Settings) import it; it imports only
// event.
//
// It must never do I/O, read a clock, draw a random number or start a
// goroutine: everything it knows came in through Step.
package health
