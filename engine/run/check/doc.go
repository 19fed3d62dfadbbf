// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package check is the loop of the check role: one goroutine that owns the pool of real servers and their connections,
// and beside it one that speaks to the kernel's IPVS, and one for each probe under way that is more than a connection.
//
// Only cmd and tests import it; it imports the engine. Other roles know it through an ipc.Link alone.
//
// It must never decide what the pool could, never run a program (the parent does that), and never let a server that it
// checks, or a kernel that is slow, keep the other servers waiting.
package check
