// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package fw is the door to the packet filter: nftables tables of our own, one
// for IPv4 and one for IPv6, that drop what is sent to the addresses of routers
// with no_accept, and that let group membership reports of VMACs leave by the
// interface below. Every change is one transaction.
//
// engine/run imports it; it knows addresses and interfaces and nothing of VRRP.
//
// It must never touch a table that is not ours.
package fw
