// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package track watches what instances follow besides their interfaces: one
// file per kind (script, file, process). Each kind reports verdicts and values
// to one function and changes to a new set of settings by difference. BFD is
// apart: it drives the sessions of engine/bfd and reports events.
//
// The parent's loop (engine/run) drives it, and the bfd role drives BFD; config
// fills its Settings; it imports event, bfd and the doors of engine/sys.
//
// It must never decide what a verdict means: rise, fall, weight and quorum
// belong to the machine.
package track
