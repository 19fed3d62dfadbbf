// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package observe is the loop of the observe role: it folds what the others
// tell into a ledger and brings it to the exits.
//
// Only cmd and tests import it; it imports event, ledger, ipc and engine/run/role.
//
// It must never need a privilege, and nothing that an exit does may hold it up:
// a reader has a queue of its own.
package observe
