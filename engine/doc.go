// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package engine is the root of everything that keeps addresses and services
// alive. It holds no code of its own: only the test that applies the house
// rules of package house to the whole repository, and, in decisions, the
// numbered choices that shaped it.
//
// No package may import it.
//
// It must never contain anything but that test: what decides belongs in a pure
// package below, and what acts belongs below engine/sys.
package engine
