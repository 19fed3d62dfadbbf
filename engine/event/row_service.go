// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"net/netip"
	"time"
)

// Forward is how IPVS forwards to a server.
type Forward uint8

// The ways of forwarding.
const (
	ForwardNAT Forward = iota
	ForwardDR
	ForwardTUN
)

var forwardWords = []string{"NAT", "DR", "TUN"}

func (f Forward) String() string { return wordOf(forwardWords, f) }

// MarshalText implements encoding.TextMarshaler.
func (f Forward) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Forward) UnmarshalText(b []byte) (err error) {
	*f, err = word[Forward](forwardWords, b, "forwarding method")
	return err
}

// Tunnel is the encapsulation of ForwardTUN.
type Tunnel uint8

// The tunnels; the numbers are the kernel's.
const (
	TunnelIPIP Tunnel = iota
	TunnelGUE
	TunnelGRE
)

var tunnelWords = []string{"ipip", "gue", "gre"}

func (t Tunnel) String() string { return wordOf(tunnelWords, t) }

// MarshalText implements encoding.TextMarshaler.
func (t Tunnel) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Tunnel) UnmarshalText(b []byte) (err error) {
	*t, err = word[Tunnel](tunnelWords, b, "tunnel type")
	return err
}

// TunnelSum is the checksum of a tunnel.
type TunnelSum uint8

// The checksums; the numbers are the flags of the kernel.
const (
	TunnelNoSum TunnelSum = iota
	TunnelSumOn
	TunnelRemoteSum
)

var tunnelSumWords = []string{"nocsum", "csum", "remcsum"}

func (s TunnelSum) String() string { return wordOf(tunnelSumWords, s) }

// MarshalText implements encoding.TextMarshaler.
func (s TunnelSum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *TunnelSum) UnmarshalText(b []byte) (err error) {
	*s, err = word[TunnelSum](tunnelSumWords, b, "tunnel checksum")
	return err
}

// Method is how IPVS forwards to a server, with its tunnel. It is comparable.
type Method struct {
	Forward Forward   `json:"forward"`
	Tunnel  Tunnel    `json:"tunnel,omitempty"`
	Sum     TunnelSum `json:"sum,omitempty"`
	// Port is that of TunnelGUE.
	Port uint16 `json:"port,omitempty"`
}

// ServiceRow is one virtual_server: what is configured, and how it stood when
// the row was made. What only the configuration knows (from VirtualHost on) is
// filled in by who has it.
type ServiceRow struct {
	Subject Subject `json:"subject"`
	// ID is what ServiceTally calls it; it is valid until the next rows.
	ID uint32 `json:"id"`
	// Index is the place in the configuration, from 1.
	Index int `json:"index"`
	VirtualServer
	// Entries are the kernel's services that a group expands to.
	Entries     []ServiceEntry `json:"entries,omitempty"`
	Scheduler   string         `json:"scheduler"`
	Method      Method         `json:"method"`
	Persistence time.Duration  `json:"persistence,omitempty"`
	// Granularity is the prefix length of persistence, 32 or 128 for one client.
	Granularity uint8  `json:"granularity,omitempty"`
	Engine      string `json:"engine,omitempty"`
	OnePacket   bool   `json:"one_packet,omitempty"`
	// Flag1 to Flag3 are the scheduler's flags: fallback and port of sh and mh.
	Flag1     bool `json:"flag1,omitempty"`
	Flag2     bool `json:"flag2,omitempty"`
	Flag3     bool `json:"flag3,omitempty"`
	Alpha     bool `json:"alpha,omitempty"`
	Omega     bool `json:"omega,omitempty"`
	HASuspend bool `json:"ha_suspend,omitempty"`
	// Quorum and Hysteresis are those in force, reduced to what can be reached.
	Quorum       int64          `json:"quorum"`
	Hysteresis   int64          `json:"hysteresis,omitempty"`
	Sorry        netip.AddrPort `json:"sorry,omitzero"`
	SorryInhibit bool           `json:"sorry_inhibit,omitempty"`
	SorryMethod  Method         `json:"sorry_method,omitzero"`
	// Brake is the largest share of the weight that failing checks may take out
	// within BrakeWindow, in hundredths; 0 for no brake.
	Brake       uint8         `json:"brake,omitempty"`
	BrakeWindow time.Duration `json:"brake_window,omitempty"`
	// State is UP while the quorum is met, else DOWN; Since is when that began.
	State State   `json:"state"`
	Since Instant `json:"since,omitempty"`

	VirtualHost      string        `json:"virtual_host,omitempty"`
	SNMPName         string        `json:"snmp_name,omitempty"`
	QuorumUp         string        `json:"quorum_up,omitempty"`
	QuorumDown       string        `json:"quorum_down,omitempty"`
	SMTPAlert        bool          `json:"smtp_alert,omitempty"`
	InhibitOnFailure bool          `json:"inhibit_on_failure,omitempty"`
	Weight           int32         `json:"weight,omitempty"`
	Delay            time.Duration `json:"delay_loop,omitempty"`
	Retry            uint32        `json:"retry,omitempty"`
	RetryDelay       time.Duration `json:"delay_before_retry,omitempty"`
	Warmup           time.Duration `json:"warmup,omitempty"`
	ConnectTimeout   time.Duration `json:"connect_timeout,omitempty"`
}

// ServiceEntry is one member of a virtual_server_group, or the virtual server
// itself: a firewall mark, or a range of addresses.
type ServiceEntry struct {
	// Mark is not 0 for a firewall mark, Family then says of what.
	Mark   uint32 `json:"mark,omitempty"`
	Family uint8  `json:"family,omitempty"`
	// First to Last are the addresses, which are equal for a single one.
	First netip.Addr `json:"first,omitzero"`
	Last  netip.Addr `json:"last,omitzero"`
	Port  uint16     `json:"port,omitempty"`
}

// ServiceGroupRow is one virtual_server_group, used or not.
type ServiceGroupRow struct {
	Name string `json:"name"`
	// Index is the place in the configuration, from 1.
	Index   int            `json:"index"`
	Entries []ServiceEntry `json:"entries"`
}

// SyncRow is lvs_sync_daemon; zero is what was not given.
type SyncRow struct {
	Interface string     `json:"interface"`
	Instance  string     `json:"instance,omitempty"`
	ID        uint8      `json:"id"`
	MaxLen    uint16     `json:"max_len,omitempty"`
	Port      uint16     `json:"port,omitempty"`
	TTL       uint8      `json:"ttl,omitempty"`
	Group     netip.Addr `json:"group,omitzero"`
}

// ServerRow is one real_server, or the sorry server: what is configured, and
// how it stood when the row was made. What only the configuration knows (from
// VirtualHost on) is filled in by who has it.
type ServerRow struct {
	Subject Subject `json:"subject"`
	// ID and Service are what ServerTally calls it and its virtual server; they
	// are valid until the next rows.
	ID      uint32 `json:"id"`
	Service uint32 `json:"service"`
	// Index is the place among the real servers of its virtual server, from 1; 0
	// for the sorry server.
	Index  int            `json:"index"`
	Addr   netip.AddrPort `json:"addr"`
	Sorry  bool           `json:"sorry,omitempty"`
	Method Method         `json:"method"`
	// Weight is the configured one, WeightNow the one in force.
	Weight           int32  `json:"weight"`
	WeightNow        int32  `json:"weight_now"`
	Upper            uint32 `json:"upper,omitempty"`
	Lower            uint32 `json:"lower,omitempty"`
	InhibitOnFailure bool   `json:"inhibit_on_failure,omitempty"`
	// State is UP, DOWN or DISABLED; Since is when that began.
	State  State      `json:"state"`
	Since  Instant    `json:"since,omitempty"`
	Checks []CheckRow `json:"checks,omitempty"`

	VirtualHost string `json:"virtual_host,omitempty"`
	SNMPName    string `json:"snmp_name,omitempty"`
	NotifyUp    string `json:"notify_up,omitempty"`
	NotifyDown  string `json:"notify_down,omitempty"`
	SMTPAlert   bool   `json:"smtp_alert,omitempty"`
	Alpha       bool   `json:"alpha,omitempty"`
	// The defaults for its checkers.
	Delay          time.Duration `json:"delay_loop,omitempty"`
	Retry          uint32        `json:"retry,omitempty"`
	RetryDelay     time.Duration `json:"delay_before_retry,omitempty"`
	Warmup         time.Duration `json:"warmup,omitempty"`
	ConnectTimeout time.Duration `json:"connect_timeout,omitempty"`
}

// CheckRow is one checker of a real server.
type CheckRow struct {
	// ID is what CheckTally calls it; it is valid until the next rows.
	ID      uint32  `json:"id"`
	Checker Checker `json:"checker"`
	// Index is the place among the checkers of the server, from 1.
	Index      uint8         `json:"index"`
	Delay      time.Duration `json:"delay_loop"`
	Timeout    time.Duration `json:"timeout,omitempty"`
	Retry      uint32        `json:"retry"`
	RetryDelay time.Duration `json:"delay_before_retry,omitempty"`
	Warmup     time.Duration `json:"warmup,omitempty"`
	Alpha      bool          `json:"alpha,omitempty"`
	// Target is where it goes; invalid for a script, file or session, which Object names.
	Target netip.AddrPort `json:"target,omitzero"`
	Object string         `json:"object,omitempty"`
	// Up is the verdict when the row was made, Run whether the check has run.
	Up  bool `json:"up"`
	Run bool `json:"run"`
	// Detail is what people call it: a URL, a command.
	Detail string `json:"detail,omitempty"`
}
