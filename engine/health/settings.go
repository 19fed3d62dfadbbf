// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Settings is all that a Pool is asked to do. config fills and validates it;
// the Pool takes it as it is and never changes it.
type Settings struct {
	Services []ServiceSettings
	// Flush is lvs_flush: at the first Configure the kernel's whole table goes.
	Flush bool
	// FlushOnStop is lvs_flush_on_stop.
	FlushOnStop FlushMode
	// Sync is lvs_sync_daemon, nil for none.
	Sync *SyncSettings
	// Timeouts is lvs_timeouts, zero for the kernel's own.
	Timeouts Timeouts
	// ShareProbes lets checks that are equal in all but their server share one
	// probe (opt-in; keepalived has no such thing).
	ShareProbes bool
	// SampleEvery tells of one in so many passing checks, 0 of none.
	SampleEvery uint32
	// KeepPerSecond and KeepBurst bound how many check.outcome events are told
	// that change nothing; 0 means 100 and 1,000.
	KeepPerSecond, KeepBurst uint32
	// Poll is how often the kernel's table is read to find what others changed, 0
	// for never.
	Poll time.Duration
}

// FlushMode is what happens to the kernel's table at the end.
type FlushMode uint8

// The modes.
const (
	// FlushOwn removes our services (compat: keepalived removes the servers one by
	// one first).
	FlushOwn FlushMode = iota
	// FlushAll removes all services, whoever made them.
	FlushAll
	// FlushVS removes our services without touching their servers first, which is
	// what FlushOwn does too.
	FlushVS
)

// Timeouts of IPVS connections, in whole seconds; 0 leaves one as it is.
type Timeouts struct {
	TCP, TCPFin, UDP time.Duration
}

// SyncSettings is lvs_sync_daemon.
type SyncSettings struct {
	Interface string
	// Instance is the vrrp_instance that it follows; empty means that both daemons
	// run.
	Instance string
	ID       uint8
	MaxLen   uint16
	Port     uint16
	TTL      uint8
	Group    netip.Addr
}

// ServiceSettings is one virtual_server.
type ServiceSettings struct {
	event.VirtualServer
	// Entries are what the kernel gets: one for an address or firewall mark, or the
	// members of a group. Family 4 or 6 is set in each.
	Entries []event.ServiceEntry

	Scheduler string
	// Flags are the kernel's IP_VS_SVC_F_ONEPACKET and IP_VS_SVC_F_SCHED1 to 3;
	// persistence is said by Persistence.
	Flags uint32
	// Persistence is persistence_timeout, 0 for none.
	Persistence time.Duration
	// Granularity is the prefix length of persistence_granularity, 0 for the longest.
	Granularity uint8
	// Engine is persistence_engine.
	Engine string
	// Method is the one that rows show; servers have their own.
	Method event.Method

	// Quorum is at least 1, Hysteresis less than it; both are reduced to what the
	// weights of the servers can reach.
	Quorum, Hysteresis int64
	// Alpha is shown; what it does is in each CheckSettings.
	Alpha, Omega bool
	// HASuspend rests the checks while none of Addresses is on this host. Addresses
	// may be left empty: then those of Entries count.
	HASuspend bool
	Addresses []netip.Addr
	// Sorry is sorry_server, nil for none.
	Sorry *SorrySettings
	// Brake is off if its Percent is 0.
	Brake Brake

	Servers []ServerSettings
}

// Brake holds servers in the pool when too many fail at once (opt-in;
// keepalived has no such thing).
type Brake struct {
	// Percent is the largest share of the configured weight that failing checks may
	// take out within Window, 1 to 100.
	Percent uint8
	// Window is how long a removal counts; 0 counts it for as long as the server
	// is down, so that never more than Percent are out at once.
	Window time.Duration
}

// SorrySettings is sorry_server with its options.
type SorrySettings struct {
	Addr    netip.AddrPort
	Method  event.Method
	Inhibit bool
}

// ServerSettings is one real_server.
type ServerSettings struct {
	Addr netip.AddrPort
	// Weight is 0 to 2147483647.
	Weight           int32
	Method           event.Method
	Upper, Lower     uint32
	InhibitOnFailure bool
	Checks           []CheckSettings
}

// CheckSettings is one checker of a real server.
type CheckSettings struct {
	Kind event.Checker
	// Delay is delay_loop, counted from the end of one attempt to the begin of
	// the next (compat); RetryDelay is delay_before_retry.
	Delay, RetryDelay time.Duration
	// Warmup spreads the first attempts: each begins one second and a random part
	// of Warmup after the start.
	Warmup time.Duration
	// Timeout is how long an attempt may take; the prober keeps to it, and a pass
	// that took more than half of it is told as slow.
	Timeout time.Duration
	// Retry is how many more attempts must fail after the first.
	Retry uint32
	// Rise is how many attempts in a row must pass before a check that is DOWN is UP
	// again; 0 and 1 are the same. From the start with Alpha one less is needed
	// (compat: HTTP_GET asks for each of its urls, and for the one that failed twice).
	Rise uint32
	// Alpha begins DOWN, until the first success.
	Alpha bool
	// LogAll tells of every failure.
	LogAll bool
	// Dynamic lets the outcome set the weight (misc_dynamic).
	Dynamic bool
	// Object is the file of FILE_CHECK or the session of BFD_CHECK; such checks
	// are not probed: their verdicts come as Value and Session.
	Object string
	// Multiplier is the weight of FILE_CHECK; 0 means that the file says up or
	// down (0 is up). Reverse turns that, or the sign, round.
	Multiplier int32
	Reverse    bool
	// Target is where the check goes, for people; invalid if nowhere.
	Target netip.AddrPort
	// Detail is what people call it: a URL, a command.
	Detail string
	// Spec says all that the probe does, so that two checks of one Kind and Spec do
	// the same: a reload keeps the state of a check whose Kind and Spec stay.
	Spec string
	// Prober is what runs it. The Pool hands it back (Check) and looks not into it.
	Prober any
}
