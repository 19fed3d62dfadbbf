// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package transcript reads and writes transcripts: blocks of commands, each followed
// by a line of four dashes and what happened. An empty line or # begins a comment.
//
// The simulators below test/sim import it.
//
// It must never know what a command means.
package transcript
