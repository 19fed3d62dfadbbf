// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package ipc is the link between the roles: frames over a pair of sockets
// that keep message boundaries, or over channels in one process.
//
// The roles' loops (engine/run) and cmd import it; it imports only event.
//
// It must never decide anything, and a sender must never block on a full link:
// what cannot be sent is counted and said as a gap.
package ipc
