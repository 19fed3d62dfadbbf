// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package dump writes the files that keepalived's signals ask for, in
// keepalived's words: keepalived.json in both layouts, keepalived.stats,
// keepalived.data and keepalived_parent.data.
//
// Only cmd/vigild imports it; it imports the configuration and the ledger.
//
// It must never write a password, or open a file.
//
// What differs from keepalived 2.2.7, on purpose: auth_data is masked (compat:
// as of 2.4); the numbers of descriptors and the pool of sockets are left out,
// as sockets are not shared that way here; of interfaces the ones in use are
// shown, with what is known of them.
package dump
