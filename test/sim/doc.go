// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package sim is a simulated network for the VRRP machine: routers with a
// kernel each (links, addresses), wires between them (delay, loss,
// duplication, partition) and one clock. It plays transcripts: text in, the
// stream of events out.
//
// Tests import it: its own, which hold every file of transcripts to its golden
// text and check laws over random runs, and those of readers, which render the
// events of a transcript (Play, Run). Nothing else may.
//
// It must never read a clock, sleep, or touch a socket: a second of simulated
// time costs microseconds.
//
// # Transcripts
//
// A transcript is blocks of commands, each followed by a line of four dashes
// and what happened. `go test ./test/sim -update` writes the latter anew. An
// empty line or # begins a comment. Routers are a, b, c …, with the addresses
// 10.0.0.1, .2, .3 (and fe80::1 …) on eth0, 10.1.0.x (fe80::1:x) on eth1.
//
// These commands describe the routers and come first; `x:` before a key makes
// it router x's own, a list of values is joined with +:
//
//	routers a:prio=150,state=MASTER b advert=1s vip=192.0.2.1   the routers and common settings
//	instance V2 vrid=2 if=eth1 vip=192.0.2.2                    one more than, or instead of, V
//	group G V1 V2 [weights] [track=…]                           a sync group
//	script chk rise=2 fall=2 [init_fail]                        tracked objects
//	file f [weight=2] / process p quorum=1 [max=2] [gain=1s] [loss=1s]
//	address_removed restore|alert                               the policy; trust_self, log_unknown_vrids
//	static 10.9.0.1/24%eth1 / static_routes 10.8.0.0/16%eth1 / static_rules 10.7.0.0/16
//	trace                                                       show adverts and actions too
//
// The keys of an instance are those of keepalived, shortened: see options.go.
// Adverts are sealed with what auth=, ah= and hmac= ask for.
//
// These make things happen:
//
//	run 10s                      let time pass
//	cut a-b / cut a>b            nothing gets through, both ways or one way; "cut a" is from all
//	heal [a-b]                   everything gets through again
//	drop a>b 3 / dup a>b 3       lose, or double, the next adverts
//	delay a>b 200ms              how long an advert travels
//	loss a>b 30                  how many of a hundred get lost, by a chance that is the same each time
//	jitter a>b 100ms             how much longer than its delay an advert may travel
//	clock a 1h                   the wall clock steps
//	link a eth0 up|down|gone     a link changes
//	addr a eth0 add|del PREFIX   somebody else changes an address
//	route a add|del NET[%IF]     somebody else changes a route; rule a add|del SOURCE a rule
//	refuse a ADDRESS             the kernel refuses an address from now on
//	netlink a 20ms               how long the kernel takes for a batch
//	script a chk ok|fail [2]     results of a script; file a f 3; process a p 2; bfd a s up
//	claim a eth0 ADDRESS [own]   a stranger (or an echo of ours) speaks for an address
//	freeze a 5s                  the process does not run
//	kill a / start a [resume]    the process dies, and is started again (at once, its state known)
//	stop a                       SIGTERM
//	set [INSTANCE] x:key=value   change settings; set -INSTANCE removes one
//	reload a                     SIGHUP
//	inject b src=10.0.0.9 prio=200 ttl=254 …   an advert from nobody; see inject.go
//	show owners|lines|tally a|router a|snapshot a    print the present
package sim
