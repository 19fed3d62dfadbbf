// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Command demo is what `make demo` runs: two directors in network namespaces
// share an address, the master is killed, and the one failover is shown as each
// exit tells it: metrics, trace, SNMP, mail, webhook, script and log, then
// `vigilctl why`.
//
// Nothing imports it; the test in test/netns runs it.
//
// It must never print what it did not read from a real exit, never touch an
// interface or address that it did not make, and leave nothing behind.
package main
