// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package pool is a simulated world for the health machine: real servers that
// are well or not, a kernel with IPVS, somebody else who changes its table, and a
// clock. It plays transcripts: text in, the stream of events and operations out.
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
// and what happened; a line that begins with the time and > is an operation on
// the kernel's table. `go test ./test/sim/pool -update` writes what happened
// anew. An empty line or # begins a comment.
//
// These commands describe what to keep alive; they come first, and later change
// the settings that the next reload puts into force:
//
//	service tcp/10.0.0.1:80 quorum=2 sorry=192.0.2.9:80 …   the virtual server that servers now belong to
//	service fwmark:5 / service tcp/group:G entries=10.0.0.1-10.0.0.3:80+fwmark:7
//	server r1 weight=2 check=tcp+misc …                     real server 192.0.2.1:80, with its checks
//	global poll=30s sync=eth0/V1 flush flush_on_stop=all share sample=10
//	remove r1 / remove tcp/10.0.0.1:80                      take one out again
//	trace                                                   show probes too
//
// A server belongs to the virtual server named last; server r1 again changes it.
// The keys are those of keepalived, shortened: see plan.go.
//
// These make things happen:
//
//	run 10s                           let time pass
//	fail r1 connect_refused [STATUS]  what its probes say from now on; fail r1/2 is of its second check
//	ok r1 [WEIGHT] / slow r1 3s       they pass (with a weight); how long they take
//	file f 3 / file f none            a tracked file; bfd s up|down
//	addr add|del 10.0.0.1             an address comes to, or goes from, this host
//	master V1 MASTER                  the state of an instance
//	weight r1 0 / weight r1 clear     somebody sets a weight
//	else add|edit|del SERVICE [SERVER [WEIGHT]]   somebody else changes the kernel's table; else flush
//	kernel none|here                  there is no IPVS, or there is
//	refuse add_dest [SERVER] / allow  the kernel refuses an operation from now on
//	netlink 20ms                      how long the kernel takes for a batch
//	reload                            SIGHUP
//	kill / start [resume]             the process dies, and is started again
//	stop                              SIGTERM
//	show table|wanted|counters|snapshot|rows   print the present
package pool
