// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package station puts a management station beside a daemon of package lab: a
// real snmpd for keepalived or vigild to serve, a receiver of notifications, and
// the manager's tools, all in the network of one router.
//
//	s := station.New(t, l, r)
//	d := r.Start(lab.Vigild, conf, s.Flags())
//	lines := s.Walk(mib.Keepalived)     // as snmpbulkwalk -On prints them
//	told := s.Traps()                   // one line each, variables behind tabs
//
// The tests under test/netns, test/vm and test/bench import it. It needs snmpd,
// snmptrapd and snmp of test/install.sh.
//
// It must never use configuration or state of the machine's own, or skip a test.
package station
