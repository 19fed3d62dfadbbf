// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package fw is the door to the packet filter: an nftables table of our own
// that drops what is sent to the addresses of routers with no_accept.
//
// engine/run imports it; it knows addresses and nothing of VRRP.
//
// It must never touch a table that is not ours.
package fw
