// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package role is what the loops of all roles have in common: the clock, the
// stamp on events, the readers of events, and how a worker meets its parent.
//
// The loops (engine/run and the folders below it), cmd and tests import it; it
// imports event, ledger, ipc and sys/proc.
//
// It must never hold a loop or know one role from another.
package role
