// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package wire is VRRP on the wire: the bytes of an ADVERTISEMENT of version 2
// (RFC 3768) or 3 (RFC 9568), over IPv4 or IPv6, to and from an Advert.
//
// The machine (engine/vrrp) and the sockets (engine/sys/raw) import it; it
// imports only event, for the words that say why a packet is refused.
//
// It must never decide what an advert means, keep state, or do I/O. It does
// not allocate: an Advert refers to the packet it was parsed from.
package wire
