// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package collector shows the ledger to Prometheus: the catalogue of metrics
// (names.go), the collector that fills it from a View, and the HTTP pages of
// the observe role.
//
// Only cmd may import it, and the packages below it. It imports event and
// ledger; what it shows of other exits comes as plain structs from closures.
//
// It must never reach into the engine or make it wait: however often it is
// scraped, it asks for fresh counters at most five times a second.
package collector
