// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Command vigild keeps virtual addresses alive and can say of every transition
// what happened and why. It takes the configuration and the command line of
// keepalived.
//
// Nothing imports it; it may import everything but tests, and is the one place
// where the parts are wired to each other.
//
// It must never hold a loop of its own or decide anything about the protocol.
package main
