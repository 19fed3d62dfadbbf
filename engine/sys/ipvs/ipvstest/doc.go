// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package ipvstest is the kernel's IPVS without a kernel: a table in memory that
// takes the same changes as package ipvs and refuses the same with the same
// errors. A test on a real kernel holds the two together, change by change.
//
// The tests of engine/run import it.
//
// It must never be more lenient than the kernel is.
package ipvstest
