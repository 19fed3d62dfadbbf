// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package farm builds load-balanced services out of the networks of package lab:
// a client, directors with IPVS, and real servers that answer well, wrongly,
// late, never, or not at all; and it writes down what the table of a director
// holds over time and what notify scripts are called with. A farm is a few lines:
//
//	f := farm.New(t, 1, 2)                    // one director, two real servers
//	f.Own(f.Directors[0])                     // it has the virtual addresses
//	f.Servers[0].HTTP(80); f.Servers[1].HTTP(80)
//	table := f.Record(f.Directors[0])
//	d := f.Directors[0].Start(lab.Keepalived, conf, lab.Whole())
//	table.Wait(10*time.Second, "both servers", 3)     // lines of ipvsadm -Sn
//	f.Servers[0].Behave(farm.Refuses)
//	table.Wait(10*time.Second, "one server", 2)
//
// The client and the directors are on wire 0 (10.0.0.0/16, 2001:db8::/64), the
// directors and the servers on wire 1 (10.1.0.0/16, 2001:db8:1::/64), and the
// servers are on wire 0 too, so that with DR and TUN they answer past the
// director. The virtual addresses are VIP and VIP6 outside and Gateway inside,
// which is where the servers send the answers of NAT to.
//
// The tests below test/vm import it; it needs the machine of test/vm.
//
// It must never touch what it did not make, skip a test, or wait for time instead
// of for a condition.
package farm
