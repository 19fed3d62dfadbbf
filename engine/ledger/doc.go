// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package ledger folds the stream of events, tallies and rows into "what is
// true now". Metrics, SNMP tables, dumps and the control command all read its
// View, so they give one answer.
//
// Every reader and the roles may import it; it imports only event.
//
// It must never do I/O or read a clock, and a View, once handed out, never
// changes.
package ledger
