// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/bfd"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/track"
	"github.com/vigild/vigild/engine/vrrp"
)

// Config is one keepalived.conf, understood. What Settings types of the engine cannot hold stands in Global, Instances
// and Groups.
type Config struct {
	// Files are the files that were read, in order.
	Files []string
	// Hash is a 64-bit hash of the consolidated text; Warnings counts the problems above a note. Load fills them.
	Hash     uint64
	Warnings int

	Global Global
	VRRP   vrrp.Settings
	Track  track.Settings
	Notify notify.Settings
	// Instances and Groups run parallel to VRRP.Instances and VRRP.Groups.
	Instances []Instance
	Groups    []Group
	// Scripts are all vrrp_script blocks, also those that nothing tracks.
	Scripts []Script
	// Processes run parallel to VRRP.Processes, also those that nothing tracks.
	Processes []track.ProcessSettings
	// Sessions are the BFD sessions; BFD runs parallel to it.
	Sessions []bfd.Settings
	BFD      []BFD
	// Health is the virtual servers; Services run parallel to Health.Services, and so does Notify.Services.
	Health   health.Settings
	Services []Service
	// ServiceGroups are the virtual_server_groups in order.
	ServiceGroups []event.ServiceGroupRow
	// Programs are those of MISC_CHECK, each once, by the name that its checkers have as Spec.
	Programs []track.ScriptSettings
	// TrackGroups are the track_group blocks: instances that follow static addresses.
	TrackGroups []TrackGroup
	// Slim is the consolidated text without virtual servers, where there are many: for those who do not check them. Load
	// fills it.
	Slim []byte

	canonical []*syntax.Node
	// mailServer is the address of smtp_server, zero when it is not known.
	mailServer netip.Addr
	// unfound are the programs of notify scripts that were not there.
	unfound []string
}

// Global is global_defs and the settings at the top level.
type Global struct {
	RouterID     string
	Instance     string // `instance`: part of the names of pid files
	NetNamespace string
	// NetNamespaceIPVS is where IPVS lives when it is not NetNamespace: a name, or
	// an absolute path.
	NetNamespaceIPVS string
	UsePidDir        bool
	// ChildWaitTime is how long the parent waits for its workers at stop; 5 s unless set.
	ChildWaitTime time.Duration
	Processes     Processes
	// Startup and Shutdown run before the workers start and after they stopped; their times are 1 to 1000 s, 10 s unless set.
	Startup, Shutdown               notify.Script
	StartupTimeout, ShutdownTimeout time.Duration
	// ScriptUser and ScriptGroup are script_user; empty means the user keepalived_script if there is one, else root.
	ScriptUser, ScriptGroup string
	ScriptSecurity          bool
	UseSymlinkPaths         bool
	SupplementaryGroups     bool

	DynamicInterfaces bool
	// DynamicIfChange is dynamic_interfaces allow_if_changes.
	DynamicIfChange  bool
	DefaultInterface string
	DisableLocalIGMP bool
	V3ChecksumAsV2   bool

	SMTPAlert, SMTPAlertVRRP, SMTPAlertChecker event.Tri
	SNMP                                       SNMP
	DBus                                       bool
	DBusName                                   string
	// DBusNoInterface stands for the interface of an instance that has none; empty means the word none.
	DBusNoInterface string
	Firewall        Firewall
	Buffers         Buffers

	// MaxAutoPriority bounds the real-time priority that may be taken when timers are late: 0 off, -1 the most there is.
	MaxAutoPriority int
	// MinAutoPriorityDelay is how late a timer must be; 1 s unless set.
	MinAutoPriorityDelay time.Duration
	// FIFOStatesOnReload is fifo_write_vrrp_states_on_reload.
	FIFOStatesOnReload bool
	// DelayAfterBoot is vrrp_delay_after_boot: like a startup delay, but counted from the boot of the machine.
	DelayAfterBoot time.Duration

	Reload Reload
	Dump   Dump
	// Umask is the file creation mask; 0177 unless set.
	Umask       uint32
	LVSFlush    bool
	LVSFlushEnd string // lvs_flush_on_stop: "", "all" or "VS"
	// LVSSyncDaemon names the interface and the instance that the IPVS sync daemon follows.
	LVSSyncDaemon SyncDaemon
	LVSTimeouts   Timeouts
	// NoCheckerEmails, LogAllFailures and InitNotifies are no_checker_emails, checker_log_all_failures and rs_init_notifies.
	NoCheckerEmails, LogAllFailures, InitNotifies bool

	LinkbeatPoll bool
}

// Processes is how the roles run.
type Processes struct {
	Parent, VRRP, Checker, BFD Process
}

// Process is the name and scheduling of one role.
type Process struct {
	// Name is what ps shows, at most 15 bytes; empty means the default.
	Name string
	// Nice is -20 to 19. RealTime is the SCHED_RR priority 1 to 99, 0 for none.
	Nice, RealTime int
	// NoSwap locks the memory.
	NoSwap bool
	CPUs   []int
	// RTTime is RLIMIT_RTTIME in microseconds; 0 means the default.
	RTTime uint64
}

// SNMP is what the agent serves.
type SNMP struct {
	// Socket is the address of the AgentX master; empty means the default.
	Socket                    string
	Traps                     bool
	VRRP, Checker, RFC2, RFC3 bool
	VSStatsAge, RSStatsAge    time.Duration
}

// Firewall is which back end keeps addresses from accepting packets.
type Firewall struct {
	// Table is the nftables table; keepalived unless set.
	Table    string
	Priority int32
	// Chosen says that Table was configured.
	Chosen   bool
	IfIndex  bool
	Counters bool
}

// Buffers are the socket buffer settings, in bytes; 0 means the kernel's.
type Buffers struct {
	NetlinkCommand, NetlinkMonitor           uint32
	NetlinkCommandForce, NetlinkMonitorForce bool
	ProcessMonitor                           uint32
	ProcessMonitorForce                      bool
	// RxPolicy is MTU, ADVERT or a number of bytes for RxSize; empty means the system's.
	RxPolicy     string
	RxSize       uint32
	RxMultiplier uint32
}

// Reload is how and when the configuration is read again.
type Reload struct {
	// Check says that a new configuration is tested first; CheckLog is where the test writes.
	Check    bool
	CheckLog string
	TimeFile string
	Repeat   bool
	// File exists while a reload goes on; empty means none.
	File string
}

// Dump is where and how state is dumped.
type Dump struct {
	UseInstance bool
	// JSONVersion is 1 or 2.
	JSONVersion           int
	State, Stats, JSON    string
	SaveDir, TmpConfigDir string
}

// SyncDaemon is lvs_sync_daemon.
type SyncDaemon struct {
	Interface, Instance string
	ID                  int // 0 to 255; -1: the instance's virtual router id
	MaxLen              int
	Port                int
	TTL                 int
	Group               string
}

// Instance is what vrrp.InstanceSettings does not hold.
type Instance struct {
	Name string
	// Pos is where the instance starts in its file.
	Pos       syntax.Pos
	VMAC      VMAC
	SMTPAlert bool
	// KernelRxBuf is kernel_rx_buf_size in bytes; 0 means the global policy.
	KernelRxBuf uint32
	// GarpExtraIf is the interval of extra announcements; 0 is off.
	GarpExtraIf  time.Duration
	GarpExtraAll bool
	// UnicastFaultNoPeer is unicast_fault_no_peer: no peer means FAULT.
	UnicastFaultNoPeer bool
	// TimerExpired is timer_expired_backup: the highest priority of the others, 0 is off.
	TimerExpired uint8
	VRF          string
	Linkbeat     bool
}

// VMAC is use_vmac and use_ipvlan.
type VMAC struct {
	Use, IPVLAN bool
	// Name is the interface asked for; empty means one by the virtual router id.
	Name string
	// MAC is the address asked for, as written: six octets, or five to which the virtual router id is added.
	MAC string
	// Source is what an ipvlan sends IPv4 adverts from.
	Source netip.Prefix
	// Flag is the kind of ipvlan: 0 bridge, 1 private, 2 vepa.
	Flag uint16
	// Group is the interface group; -1 means that of the interface below.
	Group     int64
	XmitBase  bool
	Addresses bool // use_vmac_addr
}

// Group is what vrrp.GroupSettings does not hold.
type Group struct {
	Name      string
	Pos       syntax.Pos
	SMTPAlert bool
}

// Script is one vrrp_script as it is shown.
type Script struct {
	Name string
	Pos  syntax.Pos
	// Command is the command line as written; Argv is split.
	Command           string
	Argv              []string
	User, Group       string
	Interval, Timeout time.Duration
}

// TrackGroup is one track_group.
type TrackGroup struct {
	Name      string
	Instances []string
}

// slimFrom is from how many virtual servers on those who do not check them are spared them.
const slimFrom = 50

// Load reads a configuration from its files. Besides the configuration and every problem it gives the consolidated
// text: what every role of vigild parses with Parse, so that all see the same.
func Load(pattern string, o syntax.Options, e Environment) (*Config, []byte, []syntax.Problem) {
	tree, found := syntax.Load(pattern, o)
	var draft []byte
	if e.Draft != nil && len(tree.Nodes) > slimFrom {
		draft = syntax.Consolidate(tree)
		e.Draft(draft)
	}
	b := build(tree, e)
	found = sorted(append(found, b.found...), tree.Files)
	nodes, text := b.prune(tree.Nodes), draft
	if text == nil || len(b.drop)+len(b.instead) > 0 {
		text = syntax.Consolidate(&syntax.Tree{Nodes: nodes, Files: tree.Files})
	}
	b.c.seal(text, found)
	if len(b.c.Health.Services) > slimFrom {
		rest := slices.DeleteFunc(slices.Clone(nodes), func(n *syntax.Node) bool {
			return n.Keyword == "virtual_server" || n.Keyword == "virtual_server_group"
		})
		b.c.Slim = syntax.Consolidate(&syntax.Tree{Nodes: rest, Files: tree.Files})
	}
	return b.c, text, found
}

// Parse reads the consolidated text that Load gave. A worker passes an Environment with nothing but the host name: what
// this machine refuses has been taken out, and what it may look at differs from what the parent may.
func Parse(text []byte, e Environment) (*Config, []syntax.Problem) {
	tree, found := syntax.Parse("consolidated", text, syntax.Options{})
	b := build(tree, e)
	found = sorted(append(found, b.found...), tree.Files)
	b.c.seal(text, found)
	return b.c, found
}

// Build makes a configuration of a tree.
func Build(tree *syntax.Tree, e Environment) (*Config, []syntax.Problem) {
	b := build(tree, e)
	return b.c, sorted(b.found, tree.Files)
}

// sorted puts problems in the order of the files, those without a place first.
func sorted(found []syntax.Problem, files []string) []syntax.Problem {
	order := map[string]int{}
	for i, f := range files {
		order[f] = i + 1
	}
	slices.SortStableFunc(found, func(a, b syntax.Problem) int {
		return cmp.Or(cmp.Compare(order[a.Pos.File], order[b.Pos.File]), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return found
}

func (c *Config) seal(text []byte, found []syntax.Problem) {
	h := fnv.New64a()
	h.Write(text)
	c.Hash = h.Sum64()
	c.Warnings = 0
	for _, p := range found {
		if p.Level > syntax.Note {
			c.Warnings++
		}
	}
}

// prune gives the statements without those that were found useless on this machine, and with what only this machine
// knows in place of where it stands.
func (b *builder) prune(nodes []*syntax.Node) []*syntax.Node {
	if len(b.drop)+len(b.instead) == 0 {
		return nodes
	}
	out := make([]*syntax.Node, 0, len(nodes))
	for _, n := range nodes {
		if b.drop[n] {
			continue
		}
		if other := b.instead[n]; other != nil {
			n = other
		}
		if len(n.Children) > 0 {
			copied := *n
			copied.Children = b.prune(n.Children)
			n = &copied
		}
		out = append(out, n)
	}
	return out
}

// Forget lets go of what is of no use to who does not check servers himself and prints nothing: with many servers it is
// most of the configuration. What Notify says of them stays.
func (c *Config) Forget() {
	c.canonical, c.Services, c.Slim = nil, nil, nil
	c.Health.Services = nil
}

// Print writes the configuration in its canonical form: today's spelling of every keyword, numbers and addresses as
// they were understood, in the order of the original. It parses to the same configuration.
func Print(c *Config) []byte { return syntax.Print(&syntax.Tree{Nodes: c.canonical}) }

// Statements are the statements of the configuration in their canonical form, with their places: for those who have
// something to say about one. They are gone after Forget.
func (c *Config) Statements() []*syntax.Node { return c.canonical }

// The exit codes of a configuration test. ExitFatal is for files that cannot be read.
const (
	ExitOK       = 0
	ExitFatal    = 4
	ExitFaulty   = 5
	ExitInsecure = 6
)

// The exit codes of a daemon that cannot start.
const (
	ExitConfig   = 2
	ExitNoConfig = 6
)

// TestExit gives the exit code of a configuration test that found these problems. compat: a keyword that lacks its
// value ends the test of keepalived 2.2.7 at once with ExitConfig; an instance that cannot be run is just an error; and
// where there is no file at all it says 0, which vigild does not.
func TestExit(found []syntax.Problem) int {
	code := ExitOK
	for _, p := range found {
		switch {
		case p.Class != syntax.Fatal:
		case p.Rule == syntax.RuleNoFile:
			return ExitFatal
		case p.Rule == syntax.RuleIncludeMissing, p.Rule == syntax.RuleIncludeRead:
			return ExitNoConfig // compat: one that is demanded ends the test at once
		case p.Rule == RuleMissingValue:
			code = ExitConfig
		}
	}
	if code != ExitOK {
		return code
	}
	switch syntax.Worst(found) {
	case syntax.Harmless:
		return ExitOK
	case syntax.Insecure:
		return ExitInsecure
	case syntax.Faulty, syntax.Fatal:
	}
	return ExitFaulty
}

// RunExit gives the exit code with which a daemon that found these problems must end, or 0 when it may run.
func RunExit(found []syntax.Problem) int {
	code := ExitOK
	for _, p := range found {
		switch {
		case p.Class != syntax.Fatal:
		case p.Rule == syntax.RuleNoFile, p.Rule == syntax.RuleIncludeMissing, p.Rule == syntax.RuleIncludeRead:
			return ExitNoConfig
		default:
			code = ExitConfig
		}
	}
	return code
}
