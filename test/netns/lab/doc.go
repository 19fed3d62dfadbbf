// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package lab builds small networks out of network namespaces, runs keepalived
// and vigild in them, and listens to their wires. A lab is a few lines:
//
//	l := lab.New(t)
//	w := l.Wire()                       // a bridge in a namespace of its own
//	a, b := l.Router("a", w), l.Router("b", w)
//	heard := w.Capture()                // adverts, ARP, ND with kernel times
//	m := a.Start(lab.Vigild, conf)      // or lab.Keepalived, same file
//	m.Wait("VI_1", lab.Master, 5*time.Second)
//	m.Kill()                            // all its processes at once: a power cut
//	heard.Advert(5*time.Second, "b's first", func(a *lab.Advert) bool { return a.Src == b.Addr4(0) })
//
// Wire k (from 0) is 10.k.0.0/16 and 2001:db8:k::/64; router number i (from 1,
// in the order of creation) is 10.k.0.i, 2001:db8:k::i and fe80::i on it, and its
// interfaces are eth0, eth1, ... in the order of its wires. Nothing else is on
// the wires, duplicate address detection is off, and IPv6 is usable at once.
//
// Everything is removed by the cleanup of the test, and what a killed run left
// behind by the next run. Labs may run in parallel.
//
// The tests under test/netns and test/bench import it. It needs root, and says
// so by failing; the programs it needs come from test/install.sh.
//
// It must never touch a namespace, process or file that it did not make, skip a
// test, or wait for time instead of for a condition.
package lab
