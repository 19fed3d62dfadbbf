// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package dbus speaks the D-Bus wire protocol as far as a service needs it that
// answers method calls and emits signals: authentication by user id, a name on the
// bus, messages in and out (D-Bus specification 0.43).
//
// engine/notify/bus offers keepalived's objects through it. It imports only the
// standard library.
//
// It must never hold more of a message than MessageMax, never pass on one that it
// did not understand, and never go on with a connection that broke the protocol.
package dbus
