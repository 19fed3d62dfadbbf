// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package shadow is the machine of an observer: beside a keepalived, with its
// configuration, it derives the states of that keepalived's instances from who
// advertises and who holds the addresses, and says them as the events that
// engine/vrrp would say.
//
// The observer's loop (engine/run/shadow) and tests import it; it imports event,
// engine/vrrp for the settings, and wire.
//
// It must never ask for anything to be done: it has no actions.
//
//	MASTER  this host advertises
//	BACKUP  another host does
//	FAULT   the interface is down
//	INIT    not known: nobody is heard (yet, or any more)
//
// What only the observed process knows is left out: the effective priority while
// it is silent (0 in the counters), the verdicts of its scripts (UNKNOWN), and whether one that
// is silent is in BACKUP, in FAULT for want of something it tracks, or not
// running at all: as long as another host is master it is shown as BACKUP.
package shadow
