// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package raw is the door to the wire: sockets that receive VRRP packets with
// the kernel's receive times, that send prebuilt adverts, gratuitous ARPs and
// unsolicited neighbour advertisements, each in batches of one system call;
// the one wait that a loop sleeps in; and the clock that ties the kernel's
// times to ours.
//
// engine/run imports it. It imports event and wire.
//
// It must never judge a packet, keep a timer, or start a goroutine. What it
// does for every advert does not allocate.
package raw
