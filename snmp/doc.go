// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package snmp shows the ledger over SNMP: as the tree that keepalived serves,
// value for value, and as our own module for what keepalived has no object
// for; and it turns transitions into notifications. Each table is a view file:
// pure functions from a ledger.View to variables. The Agent serves them.
//
// Only cmd imports it. It sees events, the ledger, explain, agentx and mib, and
// is handed everything else as plain values.
//
// It must never make the caller of Events wait, never show two moments in one
// walk, never serve an object that package mib does not name, and never learn
// about the engine.
package snmp
