// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package netnstest builds networks out of network namespaces for tests, runs
// programs in them and listens to what goes over their wires.
//
// Only tests and test/bench import it. It needs root.
//
// It must never touch a namespace, interface or process that it did not make.
package netnstest
