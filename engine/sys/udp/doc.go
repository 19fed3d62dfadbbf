// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package udp is the door to datagrams whose way matters: sockets that receive
// with the kernel's receive time, the time to live and the address that was
// written to, and sockets that send with a time to live and source of their own.
// They need no privilege.
//
// engine/track imports it. It imports nothing of ours.
//
// It must never judge a datagram, keep a timer, start a goroutine or block.
package udp
