// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package ipvs is the door to the kernel's IP virtual server: its table of
// services and destinations with their 64-bit counters, its connection timeouts
// and its synchronisation daemons, over generic netlink. Changes go in batches,
// each error with the change that caused it; a kernel that has no IPVS is
// [ErrUnavailable], never an empty table. Package ipvstest is the same without a
// kernel.
//
// engine/run imports it and puts what engine/health wants into its words.
//
// It must never decide what the table should hold, keep a copy of it, load a
// kernel module, or trust the length of anything it reads.
package ipvs
