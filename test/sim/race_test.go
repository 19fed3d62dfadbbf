// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package sim

// raced says that the race detector watches, and that everything takes ten times as long.
const raced = true
