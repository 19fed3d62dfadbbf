// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package migrate turns the configurations of older directors into
// keepalived.conf and vigil.yaml: ldirectord.cf, Piranha's lvs.cf, heartbeat's
// ha.cf and haresources with what they name, and the rules of ipvsadm. Each line
// that has no equal is told, with the reason and what to do instead.
//
// cmd/vigilctl imports it: text in, text out.
//
// It must never read or write a file, look up a name by itself, or leave out a
// line without a word.
package migrate
