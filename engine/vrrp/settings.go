// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/auth"
)

// Settings is everything a Router needs to know. It is built and validated by
// config; the machine trusts it. It is never changed once a Router has it.
type Settings struct {
	Instances []InstanceSettings
	Groups    []GroupSettings
	// Scripts, Files and Processes are the tracked objects, by name.
	Scripts   []ScriptSettings
	Files     []FileSettings
	Processes []ProcessSettings
	// VMACs are the interfaces that instances and addresses want to be made.
	VMACs []VMAC
	// Filter is how packets are filtered.
	Filter Filter
	// Static addresses and routes are installed at start and removed at stop.
	StaticAddresses []Address
	StaticRoutes    []Route
	StaticRules     []Rule
	// StartupDelay is vrrp_startup_delay: adverts are ignored and nothing is
	// sent for this long after the start. 0 to 4294 s.
	StartupDelay time.Duration
	// OwnerIgnoreAdverts, GarpInterval and GnaInterval are the globals of these names.
	GarpInterval time.Duration
	GnaInterval  time.Duration
	// AnnounceGroups are interfaces that share such a gap.
	AnnounceGroups []AnnounceGroup
	// UpDelay and DownDelay debounce an interface (interface_up_down_delays).
	LinkDelays []LinkDelay
	// KeepAddresses is -V/--dont-release-vrrp: leave the addresses at stop.
	KeepAddresses bool
	// ReleaseVIPs is -X/--release-vips: remove addresses on transition even if they were there before us.
	ReleaseVIPs     bool
	LogUnknownVRIDs bool
	// AddressRemoved is what a MASTER does when somebody else removes an address
	// of its own (vigil.yaml: vrrp.address_removed).
	AddressRemoved AddressPolicy
	// TrustSelf takes over at once even if this process was late itself
	// (vigil.yaml: vrrp.self_suspicion false).
	TrustSelf bool
}

// AddressPolicy is what to do about an address that somebody else removed.
type AddressPolicy uint8

// The policies.
const (
	// GiveUp: compat: priority 0, BACKUP, and a new election that is short.
	GiveUp AddressPolicy = iota
	// Restore: add it again, announce it, and go on as MASTER.
	Restore
	// Alert: say so, and go on as MASTER without it.
	Alert
)

// Checksum is old_unicast_checksum: whether the pseudo header of unicast
// adverts of version 3 over IPv4 names the multicast group, as keepalived had it
// before 1.3.7, instead of their destination.
type Checksum uint8

// The ways.
const (
	// ChecksumAuto: compat: once a peer is heard that does so.
	ChecksumAuto Checksum = iota
	// ChecksumOld: from the start.
	ChecksumOld
	// ChecksumNew: never.
	ChecksumNew
)

// AnnounceGroup is one garp_group: the least time between two gratuitous ARPs,
// and between two neighbour advertisements, on all of its interfaces together.
// 0 leaves what holds for each of them.
type AnnounceGroup struct {
	Interfaces []string
	Garp, Gna  time.Duration
}

// LinkDelay is one line of interface_up_down_delays; 0 to 255 s each.
type LinkDelay struct {
	Interface string
	Down, Up  time.Duration
}

// Auth is the authentication of VRRP version 2.
type Auth uint8

// The kinds of authentication.
const (
	AuthNone Auth = iota
	AuthPass
	AuthAH
)

// VMAC is an interface of use_vmac, use_vmac_addr or use_ipvlan: one that is
// made on top of another and has a MAC address of its own (RFC 9568 section
// 7.3), or shares that of the one below.
type VMAC struct {
	// Name is the interface's, Base that of the one below; at most 15 bytes each.
	Name, Base string
	// MAC is unused for ipvlan.
	MAC [6]byte
	// IPVLAN asks for ipvlan in L2 mode instead of macvlan in private mode;
	// Flag is its IPVLAN_F_ flag: 0 bridge, 1 private, 2 vepa.
	IPVLAN bool
	Flag   uint16
	// Group is the interface group; negative means that of Base.
	Group int64
	// IPv4 says that IPv4 runs on it, IPv6 that IPv6 does.
	IPv4, IPv6 bool
	// LocalSource asks for the link-local address of Base (or Source) on it,
	// because IPv6 adverts leave through it.
	LocalSource bool
	// Source is an address that it must have to send adverts from; mostly zero.
	Source netip.Prefix
}

// Filter is the nftables table that keeps packets from addresses.
type Filter struct {
	// Table is its name; empty means vigild.
	Table string
	// Priority is that of its chains, at the filter hooks; keepalived's is -1.
	Priority int32
	// Counters asks for a counter in each rule.
	Counters bool
	// Mark tells apart what several routers on one machine have made; mostly empty.
	Mark string
}

// InstanceSettings is one vrrp_instance.
type InstanceSettings struct {
	Name string
	// Family is 4 or 6; Version 2 or 3; VRID 1 to 255.
	Family  uint8
	Version uint8
	VRID    uint8
	// Interface is the bound interface.
	Interface string
	// VMAC is the interface that adverts come and go through instead, one of
	// Settings.VMACs; empty for none.
	VMAC string
	// XmitBase is vmac_xmit_base: they do not after all, only the addresses are
	// on the VMAC. Unicast implies it.
	XmitBase bool
	// State is the initial state asked for: event.Backup or event.Master.
	State event.State
	// Priority is 1 to 255; 255 is the address owner.
	Priority uint8
	// AdvertInterval is advert_int: 1 to 255 s in whole seconds (version 2), 10 ms to 40.95 s in steps of 10 ms (version 3).
	AdvertInterval time.Duration
	// DownTimerAdverts is how many intervals without an advert mean the master is gone; 1 to 100, default 3.
	DownTimerAdverts int
	NoPreempt        bool
	// PreemptDelay is 0 to 1000 s.
	PreemptDelay time.Duration
	Auth         Auth
	// AuthPass is the password, padded with zeros.
	AuthPass [8]byte
	// AuthHMAC is auth_hmac, nil without; it excludes Auth.
	AuthHMAC *auth.Settings
	// Source is mcast_src_ip or unicast_src_ip; zero means the primary address of the interface.
	Source      netip.Addr
	TrackSource bool
	// Multicast is the destination of adverts.
	Multicast netip.Addr
	// Unicast and Peers: adverts go to each peer instead of the multicast group.
	Unicast         bool
	Peers           []Peer
	CheckUnicastSrc bool
	// UnicastTTL is the TTL of unicast adverts; 0 means the default (255 for IPv4, the kernel's for IPv6).
	UnicastTTL uint8
	// Addresses are advertised, Excluded are not; both are owned exactly while master.
	Addresses []Address
	Excluded  []Address
	Routes    []Route
	Rules     []Rule
	// Garp* are the garp_master_* and garp_lower_prio_* keywords.
	GarpDelay           time.Duration
	GarpRepeat          int
	GarpRefresh         time.Duration
	GarpRefreshRepeat   int
	GarpLowerPrioDelay  time.Duration
	GarpLowerPrioRepeat int
	// GarpExtra is how often addresses on other interfaces than the instance's
	// are announced, 0 never; GarpExtraAll takes in those that are no VMACs.
	GarpExtra            time.Duration
	GarpExtraAll         bool
	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	OwnerIgnoreAdverts   bool
	// SkipCheckAdvAddr checks the address list only when the master changes.
	SkipCheckAdvAddr bool
	V3ChecksumAsV2   bool
	UnicastChecksum  Checksum
	Strict           bool
	// Accept is false under no_accept (and strict without accept).
	Accept             bool
	DontTrackPrimary   bool
	PromoteSecondaries bool
	// Tracks are what the instance follows (its own interface is implied).
	Tracks []Track
	// NotifyPriority emits vrrp.priority for notifiers; always emitted for metrics.
	NotifyPriority bool
	NotifyDeleted  bool
}

// Face is the interface that exits show: the VMAC if there is one. compat: also
// where adverts do not leave by it.
func (s *InstanceSettings) Face() string {
	if s.VMAC != "" {
		return s.VMAC
	}
	return s.Interface
}

// Owner says whether the instance owns its addresses (RFC 9568 section 5.2.4).
func (s *InstanceSettings) Owner() bool { return s.Priority == 255 }

// Peer is one unicast peer.
type Peer struct {
	Addr netip.Addr
	// MinTTL and MaxTTL bound the TTL of its adverts; -1 means no bound.
	MinTTL, MaxTTL int
}

// Track says that an instance or group follows an object.
type Track struct {
	// Kind is event.SubjectInterface, SubjectScript, SubjectFile, SubjectProcess,
	// SubjectBFD or SubjectVirtualServer.
	Kind event.SubjectKind
	Name string
	// Weight is -254 to 254; 0 means FAULT while the object is bad.
	Weight  int
	Reverse bool
}

// Address is one address line, with every option keepalived gives it.
type Address struct {
	Prefix netip.Prefix
	// Interface is dev; empty means the instance's.
	Interface string
	Peer      netip.Prefix
	Broadcast netip.Addr
	Label     string
	// Scope is the kernel's RT_SCOPE number, 0 global to 255 nowhere.
	Scope uint8
	// Home, ManageTempAddr, NoPrefixRoute and AutoJoin are the address flags.
	Home, ManageTempAddr, NoPrefixRoute, AutoJoin bool
	// DAD asks for the detection of duplicates of an IPv6 address (-nodad).
	DAD bool
	// NoTrack: neither the interface nor a removal by others matters.
	NoTrack bool
	// PreferredLft is the preferred lifetime; Forever unless given.
	PreferredLft uint32
}

// Forever is an infinite lifetime of an address, in seconds.
const Forever = ^uint32(0)

// Route is one line of virtual_routes or static_routes: the words of the line
// in canonical order, parsed by the applier; the machine only moves it.
type Route struct {
	Words   []string
	Family  uint8
	NoTrack bool
	// Interfaces are the interfaces that the route needs.
	Interfaces []string
}

// Rule is one line of virtual_rules or static_rules.
type Rule struct {
	Words   []string
	Family  uint8
	NoTrack bool
}

// GroupSettings is one vrrp_sync_group.
type GroupSettings struct {
	Name    string
	Members []string
	// TrackingWeight is sync_group_tracking_weight: members keep their weights.
	TrackingWeight bool
	Tracks         []Track
}

// ScriptSettings is the part of a vrrp_script that decides.
type ScriptSettings struct {
	Name string
	// Rise and Fall are at least 1.
	Rise, Fall int
	Weight     int
	Reverse    bool
	InitFail   bool
}

// FileSettings is one track_file.
type FileSettings struct {
	Name, Path string
	Weight     int
	Reverse    bool
}

// ProcessSettings is the part of a vrrp_track_process that decides.
type ProcessSettings struct {
	Name string
	// Quorum is how many processes there must be at least, QuorumMax at most;
	// a negative QuorumMax means no limit.
	Quorum, QuorumMax         int
	Weight                    int
	Reverse                   bool
	TerminateDelay, ForkDelay time.Duration
}
