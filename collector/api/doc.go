// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package api answers questions over HTTP, on the control socket: what is true
// now, what happened, and why. It also holds the client that vigilctl uses.
//
// Only cmd may import it. It imports event, ledger and explain.
//
// It must never change anything in vigild, wait for a client that does not
// read, or keep more than a fixed number of events and followers.
package api
