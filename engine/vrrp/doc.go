// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package vrrp is the protocol: a Router of instances and sync groups that is
// stepped with a time and one input, and gives back what to do and what
// happened.
//
// The loop that owns the sockets (engine/run), the simulator (test/sim) and
// config (which fills Settings) import it; it imports only event and wire.
//
// It must never do I/O, read a clock, draw a random number or start a
// goroutine: everything it knows came in through Step.
//
// # What the caller owes
//
//  1. Every Link and IfAddr there is, before the first Configure.
//  2. A Tick when the Deadline has come, and before it every packet that the
//     sockets hold, stamped with the kernel's receive time: an advert that was
//     received before a deadline counts, however late it is read.
//  3. The Actions of a Step in their order, before its Events are published.
//     Own, Disown and Announce are not waited for; each is answered by a Done,
//     and the IfAddrs that the kernel reported by then come before that.
//
// # What the machine does
//
// One row for each state and input; more where the input divides. The last
// column names the transcript in test/sim/transcripts that shows it. INIT and
// FAULT are the RFC's Initialize, MASTER its Active (compat).
//
//	state  input   case                    what follows                              source            transcript
//	INIT   start   priority 255, MASTER    MASTER: advert, addresses, announcements  RFC9568§6.4.1     owner-at-once
//	INIT   start   a group of such owners  MASTER, all of them and then the group    compat            sync-group-owners
//	INIT   start   state MASTER            BACKUP, one interval and least skew       compat            state-master
//	INIT   start   else                    BACKUP, master-down timer                 RFC9568§6.4.1     start-failover-return
//	INIT   start   vrrp_startup_delay      adverts ignored, timers from its end      compat            startup-delay
//	INIT   start   group is master         MASTER with it, at once                   compat            reload-group-add
//	INIT   start   resumed                 MASTER, advert, addresses as they are     compat            resume
//	INIT   start   stale addresses         removed first                             compat            stale-addresses
//	INIT   advert  -                       counted, no effect                        RFC9568§6.4.1     script-pending
//	INIT   fault   -                       FAULT                                     compat            address-missing
//	INIT   group   a member is FAULT       FAULT                                     compat            sync-group-fault-at-start
//	INIT   stop    -                       STOP                                      RFC9568§6.4.1     stop-in-init
//	INIT   reload  removed                 DELETED                                   compat            reload-remove-quietly
//	BACKUP timer   nothing heard           MASTER: advert, addresses, announcements  RFC9568§6.4.2     start-failover-return
//	BACKUP timer   lower adverts heard     MASTER by preemption                      RFC9568§6.4.2     preempt
//	BACKUP timer   group not ready         another master-down interval              compat            sync-group-waits
//	BACKUP timer   looked too late         held for one Skew_Time, then MASTER       RFC9568§6.4.2     late-and-silent
//	BACKUP timer   was late before         held for one Skew_Time, then MASTER       RFC9568§6.4.2     late-before
//	BACKUP timer   late, self-trusting     MASTER, lateness in evidence              RFC9568§6.4.2     late-and-trusting
//	BACKUP timer   late, priority 0 heard  MASTER                                    RFC9568§6.4.2     late-but-told
//	BACKUP advert  a takeover is held      obeyed, no transition                     RFC9568§6.4.2     late-but-rescued
//	BACKUP advert  of two masters          conflict, both obeyed                     RFC9568§6.4.2     two-masters
//	BACKUP advert  priority 0              timer set to Skew_Time                    RFC9568§6.4.2     priority-zero
//	BACKUP advert  priority at least ours  obeyed, timer set anew                    RFC9568§6.4.2     tie-as-backup
//	BACKUP advert  version 3               the master's interval is learnt           RFC9568§6.4.2     v3-adopts-interval
//	BACKUP advert  lower, nopreempt        obeyed                                    RFC9568§6.4.2     nopreempt
//	BACKUP advert  lower, preempt_delay    obeyed until the clock has run out        compat            preempt-delay
//	BACKUP advert  lower, else             discarded, timer runs on                  RFC9568§6.4.2     preempt
//	BACKUP advert  read late               judged by its receive time                RFC9568§6.4.2     late-but-received
//	BACKUP advert  in the last interval    obeyed, near miss                         RFC9568§6.4.2     near-miss
//	BACKUP advert  not good                counted by reason, no effect              RFC9568§7.1       rejects-v3
//	BACKUP advert  version 2, not good     counted by reason, no effect              RFC3768§7.1       rejects-v2
//	BACKUP advert  IPv6, not good          counted by reason, no effect              RFC9568§7.1       rejects-ipv6
//	BACKUP advert  other addresses         counted, obeyed                           RFC9568§7.1       address-list
//	BACKUP advert  another interval (v2)   discarded                                 RFC3768§7.1       v2-other-interval
//	BACKUP advert  another password        discarded                                 RFC2338§5.3.6.1   auth-pass
//	BACKUP advert  another digest (AH)     discarded, a copy too                     compat            auth-ah
//	BACKUP advert  signature not good      discarded, a copy too                     compat            auth-hmac
//	BACKUP fault   -                       FAULT                                     compat            track-interface
//	BACKUP group   a member is MASTER      MASTER                                    compat            sync-group-failover
//	BACKUP group   a member is FAULT       FAULT                                     compat            sync-group-weights
//	BACKUP gone    -                       no effect: not ours                       compat            address-gone-in-backup
//	BACKUP stop    -                       STOP, in silence                          RFC9568§6.4.2     stop-in-backup
//	BACKUP reload  priority, interval      timer moved by the difference             compat            reload-interval
//	BACKUP reload  removed                 DELETED, in silence                       compat            reload-remove-quietly
//	MASTER timer   -                       advert, timer set anew                    RFC9568§6.4.3     priority-zero-to-master
//	MASTER advert  priority 0              advert, timer set anew                    RFC9568§6.4.3     priority-zero-to-master
//	MASTER advert  higher priority         BACKUP, addresses go, no priority 0       RFC9568§6.4.3     higher-while-master
//	MASTER advert  equal, higher address   BACKUP                                    RFC9568§6.4.3     tie-higher-address
//	MASTER advert  equal, lower address    advert, conflict                          RFC9568§6.4.3     lower-address-while-master
//	MASTER advert  lower priority          advert, conflict, announcements           RFC9568§6.4.3     lower-while-master
//	MASTER advert  lower_prio_no_advert    conflict, announcements                   compat            lower-prio-no-advert
//	MASTER advert  higher_prio_send_advert one last advert, BACKUP                   compat            higher-prio-advert
//	MASTER advert  our own address         conflict, no answer                       compat            own-address-heard
//	MASTER advert  owner_ignore_adverts    counted, no effect                        RFC9568§7.1       owner-ignores
//	MASTER advert  both owners             the lower address gives way               compat            owner-conflict
//	MASTER advert  it does not give way    priority 254, BACKUP                      compat            owner-rival
//	MASTER advert  old unicast checksum    taken, and spoken from then on            compat            unicast-checksum
//	MASTER claim   a stranger's            conflict, an interval later               compat            claim
//	MASTER claim   our own, another's      no effect                                 compat            claim-none
//	MASTER advert  after a pause           judged first, then announced again        compat            frozen-master
//	MASTER fault   -                       FAULT, priority 0 twice                   compat            script-fault
//	MASTER group   a member is BACKUP      BACKUP, no priority 0                     compat            sync-group-backup
//	MASTER group   a member is FAULT       FAULT, priority 0 once                    compat            sync-group-failover
//	MASTER gone    -                       priority 0, BACKUP for Skew_Time          compat            address-gone
//	MASTER gone    while ours are changed  the same, when they are done              compat            address-gone-slow
//	MASTER gone    a route or rule         the same                                  compat            route-gone
//	MASTER gone    a route, while changing the same, when that is done               compat            route-gone-slow
//	MASTER gone    what has no_track       no effect                                 compat            route-gone-no-track
//	MASTER gone    to be restored          added and announced again                 compat            address-restore
//	MASTER gone    routes to be restored   added again                               compat            route-restore
//	MASTER gone    to be told              told                                      compat            address-alert
//	MASTER gone    a route, to be told     told                                      compat            route-alert
//	MASTER stop    -                       priority 0, addresses go, STOP            RFC9568§6.4.3     stop-order
//	MASTER reload  the same                an advert, no announcement                compat            reload-nothing
//	MASTER reload  the password is mended  the next higher advert is obeyed          RFC2338§5.3.6.1   auth-mended
//	MASTER reload  addresses               only the difference                       compat            reload-addresses
//	MASTER reload  removed                 priority 0, addresses go, DELETED         compat            reload-remove
//	FAULT  advert  -                       counted, no effect                        RFC9568§6.4.1     fault-hears-adverts
//	FAULT  fault   another one             no effect                                 compat            fault-hears-adverts
//	FAULT  clear   -                       BACKUP, master-down timer                 compat            script-fault
//	FAULT  clear   unicast                 BACKUP, own address announced             compat            unicast-recovers
//	FAULT  clear   a member is FAULT       no effect                                 compat            sync-group-failover
//	FAULT  group   no member is FAULT      BACKUP                                    compat            sync-group-failover
//	FAULT  gone    -                       no effect: not ours                       compat            fault-hears-adverts
//	FAULT  stop    -                       STOP, in silence                          RFC9568§6.4.1     stop-in-fault
//	FAULT  reload  the fault goes          BACKUP                                    compat            reload-track
//	FAULT  reload  removed                 DELETED, in silence                       compat            reload-remove-quietly
package vrrp
