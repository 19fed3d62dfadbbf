// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package probe is one attempt at a health check: a file for each kind of checker, and kinds.go, which lists them. A
// kind turns its block of keepalived.conf into a Check (Parse) and knows how to try it once (Prober).
//
// config may import it to fill its settings, engine/run to run it, cmd/genhash for the digest of a page. It imports
// event, health, config/syntax and engine/sys/dial.
//
// It must never log, count, trace, retry, sleep, know its interval, or know what happens next; never start a program;
// never trust what a server sends: every reply has a limit in bytes and in time, and what breaks it has a reason.
package probe
