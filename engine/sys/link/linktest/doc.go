// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package linktest is a network configuration that exists only in memory: it
// takes what package link gives the kernel and answers as the kernel would.
//
// Only tests import it.
//
// It must never touch the host.
package linktest
