// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package event is the vocabulary of vigild: what happened (Event), what was
// counted (Tally), what is configured (Row), and the closed lists of words
// they are made of.
//
// It is a leaf: everybody may import it, it imports nothing of ours. Values
// are plain data that can be copied, compared and sent over a link.
//
// It must never do I/O, read a clock, or learn about a reader: a fact is said
// here once, and metrics, traces, SNMP, notifiers and logs render it.
package event
