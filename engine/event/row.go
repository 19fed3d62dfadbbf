// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"net/netip"
	"time"
)

// Row is one typed row of what is configured, as exits show it. Exactly one
// pointer is set. Rows travel with a snapshot, so readers need not know the
// configuration. Once published a Row and what it points to is never changed.
type Row struct {
	Global    *GlobalRow    `json:"global,omitempty"`
	Instance  *InstanceRow  `json:"instance,omitempty"`
	Address   *AddressRow   `json:"address,omitempty"`
	Group     *GroupRow     `json:"group,omitempty"`
	Script    *ScriptRow    `json:"script,omitempty"`
	Track     *TrackRow     `json:"track,omitempty"`
	Interface *InterfaceRow `json:"interface,omitempty"`
	Route     *RouteRow     `json:"route,omitempty"`
	File      *FileRow      `json:"file,omitempty"`
	Process   *ProcessRow   `json:"process,omitempty"`
	BFD       *BFDRow       `json:"bfd,omitempty"`
	Service   *ServiceRow   `json:"service,omitempty"`
	Server    *ServerRow    `json:"server,omitempty"`

	ServiceGroup *ServiceGroupRow `json:"service_group,omitempty"`
}

// GlobalRow is the global settings that exits show.
type GlobalRow struct {
	// Version is the version text of vigild.
	Version  string `json:"version"`
	RouterID string `json:"router_id"`
	// Generation counts the configurations committed since the start, from 1.
	Generation int `json:"generation"`
	// Hash is a 64-bit hash of the consolidated configuration.
	Hash     uint64 `json:"hash"`
	Warnings int    `json:"warnings"`
	// Shadow says that another daemon is observed, and nothing is done.
	Shadow bool `json:"shadow,omitempty"`
	// SMTP settings as the SNMP tree shows them.
	SMTPServer       string        `json:"smtp_server,omitempty"`
	SMTPPort         uint16        `json:"smtp_port,omitempty"`
	SMTPTimeout      time.Duration `json:"smtp_timeout,omitempty"`
	EmailFrom        string        `json:"email_from,omitempty"`
	Emails           []string      `json:"emails,omitempty"`
	EmailFaults      bool          `json:"email_faults"`
	SMTPAlert        Tri           `json:"smtp_alert"`
	SMTPAlertVRRP    Tri           `json:"smtp_alert_vrrp"`
	SMTPAlertChecker Tri           `json:"smtp_alert_checker"`
	Traps            bool          `json:"traps"`
	// LinkbeatPolling, LVSFlush, LVSFlushOnStop, DBus, DynamicInterfaces and
	// V3ChecksumAsV2 mirror the keywords of the same names.
	LinkbeatPolling   bool   `json:"linkbeat_polling,omitempty"`
	LVSFlush          bool   `json:"lvs_flush,omitempty"`
	LVSFlushOnStop    string `json:"lvs_flush_on_stop,omitempty"`
	NetNamespace      string `json:"net_namespace,omitempty"`
	DBus              bool   `json:"dbus,omitempty"`
	DynamicInterfaces bool   `json:"dynamic_interfaces,omitempty"`
	V3ChecksumAsV2    bool   `json:"v3_checksum_as_v2,omitempty"`
	// SNMPVRRP, SNMPChecker, SNMPRFC2 and SNMPRFC3 say which trees are served.
	SNMPVRRP    bool `json:"snmp_vrrp,omitempty"`
	SNMPChecker bool `json:"snmp_checker,omitempty"`
	SNMPRFC2    bool `json:"snmp_rfcv2,omitempty"`
	SNMPRFC3    bool `json:"snmp_rfcv3,omitempty"`
	// Sync is lvs_sync_daemon, nil for none; the rest is lvs_timeouts, 0 for the
	// kernel's own.
	Sync      *SyncRow      `json:"lvs_sync_daemon,omitempty"`
	LVSTCP    time.Duration `json:"lvs_timeout_tcp,omitempty"`
	LVSTCPFin time.Duration `json:"lvs_timeout_tcpfin,omitempty"`
	LVSUDP    time.Duration `json:"lvs_timeout_udp,omitempty"`
}

// Tri is a boolean keyword that may be absent.
type Tri uint8

// The values of Tri.
const (
	TriUnset Tri = iota
	TriOff
	TriOn
)

// InstanceRow is one vrrp_instance.
type InstanceRow struct {
	Subject Subject `json:"subject"`
	// Index is the place in the configuration, from 1.
	Index     int    `json:"index"`
	Interface string `json:"interface"`
	IfIndex   int    `json:"ifindex"`
	Version   uint8  `json:"version"`
	// InitialState and WantState are BACKUP or MASTER.
	InitialState State `json:"initial_state"`
	Priority     uint8 `json:"priority"`
	// AdvertInterval is advert_int.
	AdvertInterval time.Duration `json:"advert_interval"`
	Preempt        bool          `json:"preempt"`
	PreemptDelay   time.Duration `json:"preempt_delay,omitempty"`
	// AuthType is 0 none, 1 PASS, 2 AH.
	AuthType     uint8         `json:"auth_type,omitempty"`
	Source       netip.Addr    `json:"source,omitzero"`
	Multicast    netip.Addr    `json:"multicast,omitzero"`
	Peers        []netip.Addr  `json:"peers,omitempty"`
	SyncGroup    string        `json:"sync_group,omitempty"`
	TrackPrimary bool          `json:"track_primary"`
	GarpDelay    time.Duration `json:"garp_delay"`
	GarpRefresh  time.Duration `json:"garp_refresh,omitempty"`
	SMTPAlert    bool          `json:"smtp_alert,omitempty"`
	// NotifyExec says whether any notify script is configured.
	NotifyExec         bool   `json:"notify_exec,omitempty"`
	NotifyDeleted      bool   `json:"notify_deleted,omitempty"`
	Accept             bool   `json:"accept"`
	PromoteSecondaries bool   `json:"promote_secondaries,omitempty"`
	Linkbeat           bool   `json:"linkbeat,omitempty"`
	V3ChecksumAsV2     bool   `json:"v3_checksum_as_v2,omitempty"`
	Strict             bool   `json:"strict,omitempty"`
	LVSSyncDaemon      string `json:"lvs_sync_daemon,omitempty"`
	// The scripts' command lines, empty if none.
	ScriptMaster  string `json:"script_master,omitempty"`
	ScriptBackup  string `json:"script_backup,omitempty"`
	ScriptFault   string `json:"script_fault,omitempty"`
	ScriptStop    string `json:"script_stop,omitempty"`
	ScriptDeleted string `json:"script_deleted,omitempty"`
	Script        string `json:"script,omitempty"`
	ScriptRxLower string `json:"script_rx_lower,omitempty"`
	// Below is the interface that a VMAC or ipvlan is on, empty without one.
	Below      string `json:"below,omitempty"`
	BelowIndex int    `json:"below_ifindex,omitempty"`
}

// AddressRow is one address line of an instance.
type AddressRow struct {
	// Instance is the instance's subject; zero for a static address.
	Instance Subject `json:"instance,omitzero"`
	// Index is the place in the instance, from 1, advertised ones first.
	Index      int          `json:"index"`
	Prefix     netip.Prefix `json:"prefix"`
	Peer       netip.Prefix `json:"peer,omitzero"`
	Broadcast  netip.Addr   `json:"broadcast,omitzero"`
	Scope      uint8        `json:"scope"`
	Interface  string       `json:"interface"`
	IfIndex    int          `json:"ifindex"`
	Label      string       `json:"label,omitempty"`
	Advertised bool         `json:"advertised"`
}

// GroupRow is one vrrp_sync_group.
type GroupRow struct {
	Subject        Subject  `json:"subject"`
	Index          int      `json:"index"`
	Members        []string `json:"members"`
	SMTPAlert      bool     `json:"smtp_alert,omitempty"`
	NotifyExec     bool     `json:"notify_exec,omitempty"`
	TrackingWeight bool     `json:"tracking_weight,omitempty"`
	ScriptMaster   string   `json:"script_master,omitempty"`
	ScriptBackup   string   `json:"script_backup,omitempty"`
	ScriptFault    string   `json:"script_fault,omitempty"`
	ScriptStop     string   `json:"script_stop,omitempty"`
	Script         string   `json:"script,omitempty"`
}

// ScriptRow is one vrrp_script.
type ScriptRow struct {
	Subject  Subject       `json:"subject"`
	Index    int           `json:"index"`
	Command  string        `json:"command"`
	Path     string        `json:"path"`
	Interval time.Duration `json:"interval"`
	Timeout  time.Duration `json:"timeout"`
	Weight   int           `json:"weight"`
	Reverse  bool          `json:"reverse,omitempty"`
	Rise     int           `json:"rise"`
	Fall     int           `json:"fall"`
}

// TrackRow says that an instance or group follows an object.
type TrackRow struct {
	// Owner is the instance or group.
	Owner Subject `json:"owner"`
	// Object is the interface, script, file, process or BFD session.
	Object  Subject `json:"object"`
	Index   int     `json:"index"`
	IfIndex int     `json:"ifindex,omitempty"`
	Weight  int     `json:"weight"`
	Reverse bool    `json:"reverse,omitempty"`
}

// InterfaceRow is one network interface that is used.
type InterfaceRow struct {
	Name    string `json:"name"`
	IfIndex int    `json:"ifindex"`
	Up      bool   `json:"up"`
	MAC     string `json:"mac,omitempty"`
}

// RouteRow is one virtual or static route or rule: as text, and as Path (a
// route) or Match (a rule).
type RouteRow struct {
	Instance Subject `json:"instance,omitzero"`
	Index    int     `json:"index"`
	Text     string  `json:"text"`
	Rule     bool    `json:"rule,omitempty"`

	Path  *RoutePath `json:"path,omitempty"`
	Match *RuleMatch `json:"match,omitempty"`
}

// BFDRow is one bfd_instance.
type BFDRow struct {
	Subject Subject `json:"subject"`
	Index   int     `json:"index"`
	// Neighbor is neighbor_ip; Source is source_ip, zero for any.
	Neighbor netip.Addr `json:"neighbor"`
	Source   netip.Addr `json:"source,omitzero"`
	// MinRx, MinTx and IdleTx are the configured intervals.
	MinRx      time.Duration `json:"min_rx"`
	MinTx      time.Duration `json:"min_tx"`
	IdleTx     time.Duration `json:"idle_tx"`
	Multiplier uint8         `json:"multiplier"`
	Passive    bool          `json:"passive,omitempty"`
	Multihop   bool          `json:"multihop,omitempty"`
	TTL        uint8         `json:"ttl"`
	// MaxHops is how many routers may be between, -1 for any number.
	MaxHops int  `json:"max_hops"`
	Weight  int  `json:"weight,omitempty"`
	Reverse bool `json:"reverse,omitempty"`
}

// RoutePath is one route, word by word.
type RoutePath struct {
	// Type is the word for its type, unicast unless another one was given.
	Type        string       `json:"type"`
	Destination netip.Prefix `json:"destination"`
	// Gateway is empty for a route with Hops.
	Gateway   netip.Addr   `json:"gateway,omitzero"`
	Source    netip.Addr   `json:"source,omitzero"`
	From      netip.Prefix `json:"from,omitzero"`
	Metric    uint32       `json:"metric,omitempty"`
	Interface string       `json:"interface,omitempty"`
	IfIndex   int          `json:"ifindex,omitempty"`
	Table     uint32       `json:"table"`
	// Scope, TOS and Protocol are the kernel's numbers (rtnetlink); Protocol is
	// 0 for a route that is not followed and names none.
	Scope    uint8 `json:"scope"`
	TOS      uint8 `json:"tos,omitempty"`
	Protocol uint8 `json:"protocol,omitempty"`
	ECN      bool  `json:"ecn,omitempty"`
	QuickACK bool  `json:"quickack,omitempty"`
	// Expires is in seconds.
	Expires uint32 `json:"expires,omitempty"`
	// Metrics are the other metrics of the path, by keyword; times are in milliseconds.
	Metrics []RouteMetric `json:"metrics,omitempty"`
	// Congestion is congctl; Preference is low, medium or high.
	Congestion string `json:"congestion,omitempty"`
	Preference string `json:"preference,omitempty"`
	// RealmTo and RealmFrom are the realms of destination and source.
	RealmTo   uint16     `json:"realm_to,omitempty"`
	RealmFrom uint16     `json:"realm_from,omitempty"`
	Hops      []RouteHop `json:"hops,omitempty"`
}

// RouteMetric is one metric of a path.
type RouteMetric struct {
	Name   string `json:"name"`
	Value  uint32 `json:"value"`
	Locked bool   `json:"locked,omitempty"`
}

// RouteHop is one nexthop.
type RouteHop struct {
	Gateway   netip.Addr `json:"gateway,omitzero"`
	Interface string     `json:"interface,omitempty"`
	IfIndex   int        `json:"ifindex,omitempty"`
	// Weight is 1 to 256, 0 for none given.
	Weight    int    `json:"weight,omitempty"`
	OnLink    bool   `json:"onlink,omitempty"`
	RealmTo   uint16 `json:"realm_to,omitempty"`
	RealmFrom uint16 `json:"realm_from,omitempty"`
}

// RuleMatch is one rule, word by word.
type RuleMatch struct {
	Invert bool         `json:"invert,omitempty"`
	From   netip.Prefix `json:"from,omitzero"`
	To     netip.Prefix `json:"to,omitzero"`
	// Action is table, goto, nop, blackhole, unreachable or prohibit; Table
	// belongs to the first, Target to the second.
	Action string `json:"action"`
	Table  uint32 `json:"table,omitempty"`
	Target uint32 `json:"target,omitempty"`
	// Preference is -1 when none was given.
	Preference int64 `json:"preference"`
	TOS        uint8 `json:"tos,omitempty"`
	// Mark and Mask are fwmark, -1 for none.
	Mark      int64  `json:"mark"`
	Mask      int64  `json:"mask"`
	RealmTo   uint16 `json:"realm_to,omitempty"`
	RealmFrom uint16 `json:"realm_from,omitempty"`
	In        string `json:"in,omitempty"`
	Out       string `json:"out,omitempty"`
	// SuppressPrefix is suppress_prefixlength, -1 for none.
	SuppressPrefix int    `json:"suppress_prefix"`
	SuppressGroup  string `json:"suppress_group,omitempty"`
	TunnelID       uint64 `json:"tunnel_id,omitempty"`
	// UIDFirst and UIDLast are uidrange, -1 for none.
	UIDFirst int64 `json:"uid_first"`
	UIDLast  int64 `json:"uid_last"`
	L3MDev   bool  `json:"l3mdev,omitempty"`
}

// FileRow is one track_file. Weight and Reverse are its own; a TrackRow has
// those in force.
type FileRow struct {
	Subject Subject `json:"subject"`
	Index   int     `json:"index"`
	Path    string  `json:"path"`
	Weight  int     `json:"weight"`
	Reverse bool    `json:"reverse,omitempty"`
}

// ProcessRow is one vrrp_track_process. Weight and Reverse are its own; a
// TrackRow has those in force.
type ProcessRow struct {
	Subject Subject `json:"subject"`
	Index   int     `json:"index"`
	// Command is the name of the program, or its path when FullCommand is set;
	// Params are its parameters, in one line.
	Command     string `json:"command"`
	Params      string `json:"params,omitempty"`
	FullCommand bool   `json:"full_command,omitempty"`
	// Match is how parameters are compared: "" not at all, "exact", "partial"
	// or "initial".
	Match   string `json:"match,omitempty"`
	Weight  int    `json:"weight"`
	Reverse bool   `json:"reverse,omitempty"`
	// Quorum is how many must run; QuorumMax how many may, -1 for any number.
	Quorum         int           `json:"quorum"`
	QuorumMax      int           `json:"quorum_max"`
	ForkDelay      time.Duration `json:"fork_delay,omitempty"`
	TerminateDelay time.Duration `json:"terminate_delay,omitempty"`
}
