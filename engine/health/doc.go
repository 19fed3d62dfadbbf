// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package health decides about real servers: a Pool of virtual servers, their
// servers and checks that is stepped with a time and one input, and gives back
// which checks to run, what to program into the kernel, and what happened.
//
// The loop that runs the checks (engine/run), the simulator (test/sim/pool),
// engine/probe and config (which fills Settings) import it; it imports only
// event.
//
// It must never do I/O, read a clock, draw a random number or start a
// goroutine: everything it knows came in through Step.
//
// # What the caller owes
//
//  1. Addresses, Masters, Values and Sessions, as far as they are known, before
//     the first Configure.
//  2. A Tick when the Deadline has come.
//  3. The Actions of a Step in their order, then its Probes, and then its Events
//     published. Each Probe is answered by one Outcome, each Program by one Applied
//     in their order, each ReadKernel by one Kernel, each Sync by one SyncDone, each
//     SetTimeouts by one TimeoutsDone. Nothing of that is waited for.
//  4. What one turn of its loop brought as one Outcomes: what changes together is
//     programmed together, first what gives weight.
//
// # What the machine does
//
// One row for each state and input of a check, a server, a virtual server (vs),
// of what is believed of the kernel, and of the sync daemon; more where the input
// divides. The last column names the transcript in test/sim/pool/transcripts that
// shows it; compat marks what keepalived does, vigild what it does not.
//
//	of     state    input   case                  follows                                   source transcript
//	check  -        start   -                     UP, without retries                       compat first-failure
//	check  -        start   alpha                 DOWN                                      compat alpha
//	check  -        start   warmup                first attempt after 1 s and a random part compat warmup
//	check  -        start   file, session known   what they said                            vigild file-known-before
//	check  -        resume  -                     UP or DOWN, as it was                     vigild resume
//	check  UP       pass    -                     counted                                   compat fail-and-recover
//	check  UP       pass    after failures        told, retries are full again              compat retry-recovers
//	check  UP       pass    slow, sampled         told                                      vigild slow-and-sampled
//	check  UP       pass    with a weight         the server weighs that                    compat misc-dynamic
//	check  UP       fail    the first ever        DOWN                                      compat first-failure
//	check  UP       fail    retries left          again after delay_before_retry            compat fail-and-recover
//	check  UP       fail    none left             DOWN                                      compat retry-none
//	check  UP       fail    local_resource        counted, no effect                        compat local-resource
//	check  UP       fail    much is told already  counted                                   vigild rate-limit
//	check  DOWN     pass    -                     UP                                        compat fail-and-recover
//	check  DOWN     pass    more are asked for    still DOWN                                compat rise
//	check  DOWN     fail    -                     again after delay_loop                    compat down-no-retries
//	check  DOWN     fail    the first with alpha  its server is told to be DOWN             compat alpha
//	check  DOWN     fail    of another kind       told                                      vigild other-failure
//	check  any      value   -                     UP or DOWN, and a weight                  compat file
//	check  any      session -                     UP or DOWN                                compat bfd
//	check  any      suspend -                     rests                                     compat ha-suspend
//	check  any      suspend its probe is shared   another carries on                        vigild share-suspend
//	check  any      suspend all that share it     the first that wakes                      vigild share-rests
//	check  any      reload  the same              goes on                                   vigild reload-nothing
//	check  any      reload  shorter delay_loop    the next attempt moves                    vigild reload-delay
//	check  any      reload  removed               forgotten, its outcome too                vigild forgotten-probe
//	server -        start   without checks        UP                                        compat no-checks
//	server -        start   DOWN, inhibit         weight 0                                  compat inhibit-alpha
//	server UP       fail    one check of many     DOWN, it leaves                           compat many-checks
//	server UP       fail    inhibit               DOWN, weight 0                            compat inhibit
//	server UP       fail    the brake is on       stays, held                               vigild brake
//	server UP       fail    never was well        DOWN in spite of the brake                vigild brake-unproven
//	server UP       timer   room for a held one   DOWN                                      vigild brake
//	server UP       pass    held                  stays                                     vigild brake
//	server DOWN     pass    the last check        UP, it comes back                         compat many-checks
//	server DOWN     pass    others are held       there is room for one                     vigild brake-no-window
//	server any      pass    its probe is shared   all whose probe it is                     vigild share
//	server any      weight  -                     edited                                    compat misc-dynamic
//	server any      admin   -                     edited, until it is cleared               compat set-weight
//	server any      start   a weight was asked    as it was, from the start                 vigild set-weight-restart
//	server any      suspend -                     DISABLED, stays in the pool               compat ha-suspend
//	server DISABLED resume  -                     as it was                                 vigild resume-suspended
//	server DISABLED wake    -                     as it was, checked within a second        compat ha-suspend
//	server DISABLED reload  -                     as it was                                 vigild reload-suspend
//	server any      reload  -                     keeps its state                           vigild reload-servers
//	server any      reload  other checks          by those that are left                    compat reload-checks
//	server any      reload  removed               DELETED, it leaves                        vigild reload-servers
//	server any      reload  held, or the brake    held no more                              vigild reload-brake
//	server any      reload  another method        another destination                       vigild reload-properties
//	server any      stop    -                     nothing                                   compat stop
//	server UP       stop    omega                 DOWN                                      compat omega
//	vs     -        start   quorum + hysteresis   UP, told                                  compat fail-and-recover
//	vs     -        start   not met               DOWN, silently                            compat alpha
//	vs     -        start   not met, with sorry  DOWN, told, the sorry server stands in    compat alpha-sorry
//	vs     -        start   unreachable quorum    reduced                                   compat quorum-reduced
//	vs     -        start   a group               one service of the kernel for each member compat group
//	vs     -        start   NAT, DR, TUN          ports of the servers, or its own          compat methods
//	vs     -        start   firewall mark         no ports                                  compat fwmark
//	vs     -        resume  -                     as it was, silently                       vigild resume
//	vs     -        resume  in its hysteresis     as it was                                 vigild resume-hysteresis
//	vs     -        start   the twin of resume    assumed well                              compat restart
//	vs     UP       down    enough is left        stays                                     compat hysteresis
//	vs     UP       down    less than the quorum  DOWN, the sorry server stands in          compat quorum
//	vs     UP       down    no sorry server       DOWN, who is up stays                     compat quorum-no-sorry
//	vs     -        start   all weigh nothing     DOWN                                      compat quorum-zero-weights
//	vs     UP       weight  less than the quorum  DOWN                                      compat weight-quorum
//	vs     DOWN     up      not enough            stays                                     compat hysteresis
//	vs     DOWN     up      quorum + hysteresis   UP, the sorry server goes                 compat hysteresis
//	vs     DOWN     up      sorry_server_inhibit  UP, it stays with weight 0                compat sorry-inhibit
//	vs     DOWN     any     servers with inhibit  weight 0 in favour of the sorry server    compat sorry-and-inhibit
//	vs     DOWN     weight  enough                UP                                        compat weight-quorum
//	vs     any      reload  the same              no operation                              vigild reload-nothing
//	vs     any      reload  quorum                judged once                               vigild reload-quorum
//	vs     any      reload  properties            edited                                    vigild reload-properties
//	vs     any      reload  removed               DELETED, its services go                  vigild reload-services
//	vs     UP       stop    omega                 DOWN                                      compat omega
//	kernel -        table   the first             what is missing                           compat leftovers
//	kernel -        start   lvs_flush             emptied                                   compat flush
//	kernel -        table   none                  told once, nothing is programmed          vigild no-ipvs
//	kernel known    table   changed by others     counted, mended                           vigild drift
//	kernel known    table   a service of others   left alone                                vigild drift
//	kernel known    applied all of it             nothing                                   vigild slow-kernel
//	kernel known    applied some refused          read again, later and later               vigild refused
//	kernel known    applied removal refused       not forgotten                             vigild refused-removal
//	kernel known    stop    -                     our services go                           compat stop
//	kernel known    stop    lvs_flush_on_stop     emptied                                   compat flush
//	sync   any      master  of its instance       the daemon of that state                  compat sync-daemon
//	sync   any      start   without instance      both                                      compat sync-both
//	sync   any      stop    -                     none                                      compat sync-daemon
package health
