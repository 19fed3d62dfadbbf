// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package simulate is a simulated network for the VRRP machine: hosts with a
// kernel each (links, addresses, routes), wires between them (delay, loss,
// duplication, partition) and one clock. On it a Cluster plays what can fail,
// and says who wins each address and how long that takes.
//
// vigilctl simulate, engine/plan and the tests (test/sim plays transcripts on it)
// import it; it imports the machine and what the machine imports. A second of
// simulated time costs microseconds, and the same input gives the same outcome.
//
// It must never read a clock, sleep, draw a random number (chance is handed in),
// touch a socket, or know anything about VRRP that the machine does not tell it.
package simulate
