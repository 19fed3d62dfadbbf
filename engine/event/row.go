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
