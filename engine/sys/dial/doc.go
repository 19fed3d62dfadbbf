// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package dial answers one question about many servers: does it accept a TCP connection, and how fast? One owner
// starts connections and collects how they ended; in between there is one descriptor for all of them, no goroutine and
// no allocation for any of them.
//
// It may be imported by engine/probe (which makes outcomes of results) and by the loops of engine/run. It imports the
// standard library and golang.org/x/sys only.
//
// It must never send or read a byte on a connection, never block, never have more connections open than it was
// allowed, and never judge: it gives the kernel's error number, and what that means is said elsewhere.
package dial
