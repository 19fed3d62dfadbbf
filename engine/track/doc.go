// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package track watches what instances follow besides their interfaces: one
// file per kind (script, file, process). Each kind reports verdicts and values
// to one function and changes to a new set of settings by difference.
//
// The parent's loop (engine/run) drives it, config fills its Settings; it
// imports event and the doors of engine/sys.
//
// It must never decide what a verdict means: rise, fall, weight and quorum
// belong to the machine.
package track
