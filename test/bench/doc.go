// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Command bench compares vigild with keepalived and HAProxy on this machine, in one run and
// in turns: `make bench`, or
//
//	go run ./test/bench [-only NAME] [-rounds N] [-quick] [-watch TIME] [-json FILE]
//
// It measures processor time per advert sent and received, the worst gap
// between adverts on a busy machine, the time from the death of a master to the
// announcement of its addresses, the takeover of 1,000 addresses, memory,
// transitions while nothing happens, and what scraping does to the adverts; of
// the checks of real servers, beside HAProxy with one thread, processor time and
// memory, how many there may be in a second and what they do to the adverts, what
// a scrape of 10,000 servers costs and a reload of 37,205; and beside keepalived
// on the kernel of test/vm, which has IPVS and is emulated, processor time per
// check, memory per server, and the time to program 10,000 servers. Times are the
// kernel's stamps on the wire, processor time is the scheduler's account of all
// threads.
//
// Nothing imports it. It needs root and an otherwise idle machine.
//
// It must never judge: it prints figures beside what was promised, and no test
// fails because of them. It leaves nothing behind.
package main
