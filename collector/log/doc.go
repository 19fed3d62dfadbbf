// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package log writes one structured line per event: JSON or text, to the
// console, a file, syslog or the journal, or in words that look like
// keepalived's. It also takes the few lines that a process writes about its
// own life, as a slog.Handler.
//
// The parent role imports it through cmd. It imports only event of ours.
//
// It must never make the producer of an event wait: each output has a bounded
// queue and a goroutine of its own, what finds no room is counted, and lines
// that repeat are summed up.
package log
