// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package link is the door to the kernel's network configuration: addresses
// in batches, routes, rules, interfaces, and the news about all of them.
//
// engine/run and engine/track import it; it knows nothing of VRRP.
//
// It must never decide what belongs on an interface, and never be called by a
// loop that sends adverts: the kernel may take a second over an answer.
package link
