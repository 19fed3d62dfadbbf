// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package cmdline is the command line of vigild: every option of keepalived(8)
// with its meaning, and a few of ours.
//
// Only cmd/vigild imports it; it imports nothing of ours.
//
// It must never act on what it reads.
package cmdline
