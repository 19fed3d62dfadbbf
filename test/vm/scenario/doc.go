// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package scenario plays published guides that need IPVS: their configurations
// are below testdata as they were published, and a test gives namespaces the
// addresses that stand in them and asserts what the guide promises.
//
// Nothing imports it. It needs the machine of test/vm.
//
// It must never edit the files of a guide, or make its promises weaker.
package scenario
