// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package explain says in plain words what an event means and why a
// transition happened, for the console, the mail and the log: for somebody who
// was woken up.
//
// Every reader and the notifiers may import it; it imports only event.
//
// It must never guess: what it says is in the event or its evidence, and where
// the evidence leaves room for doubt it says so. It never does I/O or reads a
// clock, so the same evidence always gives the same text.
package explain
