// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package bus offers keepalived's interface on the D-Bus: an object for the daemon
// and one for each instance, their properties, signals and methods.
//
// It belongs to the observe role, which needs no privilege for it but the right to
// own the name; cmd wires it. It imports event, the ledger and the door to the bus.
//
// It must never make the producer of an event wait, never lose a signal without
// counting it, and never do by itself what a method asks for: it asks the parent.
package bus
