// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package realserver prepares this machine to be a real server of direct routing
// or tunnels: it takes packets for virtual addresses, which it has on lo, and
// answers no ARP request for them. What it changed stands in a file before it is
// changed, so that all of it, and nothing else, can be undone, even after a kill
// in between.
//
// cmd/vigilctl imports it.
//
// It must never remove an address that it did not add, or set back a value that
// somebody else has changed since.
package realserver
