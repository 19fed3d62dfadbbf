// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/notify"
)

// globalInt sets an optional whole number among the defaults for instances.
func globalInt(lo, hi int64, field func(*globals) *opt[int64]) reader {
	return number(lo, hi, func(b *builder, v int64) { *field(&b.g) = opt[int64]{v: v, set: true} })
}

// globalCount is globalInt for counts, of which 0 becomes 1.
func globalCount(field func(*globals) *opt[int64]) reader {
	return atLeastOne(func(b *builder, v int64) { *field(&b.g) = opt[int64]{v: v, set: true} })
}

// globalBool sets an optional boolean among the defaults for instances.
func globalBool(field func(*globals) *opt[bool]) reader {
	return truth(func(b *builder, v bool) { *field(&b.g) = opt[bool]{v: v, set: true} })
}

// globalKeywords are the rows of global_defs that are about VRRP and the daemon.
var globalKeywords = []Keyword{
	row("router_id", "STRING", "the host name", 'A', "The name of this router in mails and SNMP.", text(func(b *builder, s string) {
		b.c.Global.RouterID, b.c.Notify.SMTP.RouterID = s, s
	})),
	old("lvs_id", "router_id", "STRING", text(func(b *builder, s string) {
		b.c.Global.RouterID, b.c.Notify.SMTP.RouterID = s, s
	})),
	row("vrrp_version", "2|3", "2", 'A', "The protocol version of IPv4 instances that name none.", globalInt(2, 3, func(g *globals) *opt[int64] { return &g.version })),
	row("vrrp_mcast_group4", "ADDRESS", "224.0.0.18", 'B', "Where adverts of IPv4 instances are sent.", multicast(4, func(b *builder, a netip.Addr) { b.g.mcast4 = a })),
	row("vrrp_mcast_group6", "ADDRESS", "ff02::12", 'C', "Where adverts of IPv6 instances are sent.", multicast(6, func(b *builder, a netip.Addr) { b.g.mcast6 = a })),
	row("vrrp_garp_master_delay", "SECONDS", "5", 'A', "How long after a transition to MASTER its addresses are announced once more; 0 for never.", globalInt(0, math.MaxInt32, func(g *globals) *opt[int64] { return &g.garpDelay })),
	row("vrrp_garp_master_repeat", "N", "5", 'A', "How often each address is announced at a time.", globalCount(func(g *globals) *opt[int64] { return &g.garpRepeat })),
	row("vrrp_garp_master_refresh", "SECONDS", "0", 'A', "How often a MASTER announces its addresses again; 0 for never.", globalInt(0, math.MaxUint32, func(g *globals) *opt[int64] { return &g.garpRefresh })),
	row("vrrp_garp_master_refresh_repeat", "N", "1", 'B', "How often each address is announced at a refresh.", globalCount(func(g *globals) *opt[int64] { return &g.garpRefreshRepeat })),
	row("vrrp_garp_lower_prio_delay", "SECONDS", "that of vrrp_garp_master_delay", 'C', "How long after an advert of lower priority the addresses are announced once more.", globalInt(0, math.MaxInt32, func(g *globals) *opt[int64] { return &g.garpLowerDelay })),
	row("vrrp_garp_lower_prio_repeat", "N", "that of vrrp_garp_master_repeat", 'C', "How often each address is announced after an advert of lower priority.", globalInt(0, math.MaxInt32, func(g *globals) *opt[int64] { return &g.garpLowerRep })),
	row("vrrp_garp_interval", "SECONDS", "0", 'B', "The least time between two gratuitous ARPs on one interface.", announceGap(func(b *builder, d time.Duration) { b.c.VRRP.GarpInterval = d })),
	row("vrrp_gna_interval", "SECONDS", "0", 'B', "The least time between two unsolicited neighbour advertisements on one interface.", announceGap(func(b *builder, d time.Duration) { b.c.VRRP.GnaInterval = d })),
	row("vrrp_min_garp", yesNo, "off", 'C', "Announces each address once, without delay and refresh, where nothing else is set.", truth(func(b *builder, v bool) { b.g.minGarp = v })),
	row("vrrp_garp_extra_if", "[all] SECONDS", "0", 'C', "How often addresses on other interfaces are announced, so that switches keep knowing them.", readGarpExtra),
	old("vrrp_vmac_garp_intvl", "vrrp_garp_extra_if", "[all] SECONDS", readGarpExtra),
	row("vrrp_down_timer_adverts", "N", "3", 'C', "How many missed adverts mean that the MASTER is gone.", globalInt(1, 100, func(g *globals) *opt[int64] { return &g.downAdverts })),
	row("vrrp_lower_prio_no_advert", yesNo, "off", 'C', "A MASTER does not answer an advert of lower priority.", globalBool(func(g *globals) *opt[bool] { return &g.lowerNoAdvert })),
	row("vrrp_higher_prio_send_advert", yesNo, "off", 'C', "A MASTER that is beaten sends one last advert.", globalBool(func(g *globals) *opt[bool] { return &g.higherSend })),
	row("vrrp_owner_ignore_adverts", yesNo, "off", 'C', "An address owner ignores every advert it hears.", globalBool(func(g *globals) *opt[bool] { return &g.ownerIgnore })),
	row("vrrp_check_unicast_src", "", "off", 'B', "Adverts to a unicast instance count only when they come from one of its peers.", mark(func(b *builder) *bool { return &b.g.checkUnicast })),
	row("vrrp_skip_check_adv_addr", yesNo, "off", 'A', "The addresses in an advert are compared only when the MASTER changes.", truth(func(b *builder, v bool) { b.g.skipCheck = v })),
	row("vrrp_strict", yesNo, "off", 'A', "Holds every instance to the letter of the RFC, which forbids unicast, authentication and packets to the addresses.", truth(func(b *builder, v bool) { b.g.strict = v })),
	row("vrrp_notify_priority_changes", yesNo, "off", 'C', "Writes a line to the FIFOs when an effective priority changes.", truth(func(b *builder, v bool) { b.g.notifyPriority = v })),
	row("vrrp_startup_delay", "SECONDS", "0", 'B', "How long after the start adverts are neither heard nor sent.", duration(time.Millisecond, 4294*second, func(b *builder, v opt[time.Duration]) { b.g.startupDelay = v.v })),
	row("vrrp_delay_after_boot", "SECONDS", "0", 'C', "As vrrp_startup_delay, but counted from the boot of the machine; the later of the two counts.", duration(0, micros, func(b *builder, v opt[time.Duration]) { b.c.Global.DelayAfterBoot = v.v })),
	row("v3_checksum_as_v2", "", "off", 'C', "Leaves the pseudo header out of the checksum of version 3 adverts over IPv4, as some other routers do.", mark(func(b *builder) *bool { return &b.c.Global.V3ChecksumAsV2 })),
	row("log_unknown_vrids", "", "off", 'C', "Reports adverts of virtual routers that are not configured.", mark(func(b *builder) *bool { return &b.c.VRRP.LogUnknownVRIDs })),
	row("dynamic_interfaces", "[allow_if_changes]", "off", 'B', "Interfaces may be missing at the start and appear later.", readDynamic),
	row("default_interface", "INTERFACE", "eth0", 'B', "The interface of static addresses that name none.", limited(15, func(b *builder, s string) { b.c.Global.DefaultInterface = s })),
	row("disable_local_igmp", "", "off", 'C', "Turns off IGMP reports for link-local multicast while running.", mark(func(b *builder) *bool { return &b.c.Global.DisableLocalIGMP })).inert("the reports do no harm here"),
	row("nftables", "[TABLE]", "keepalived", 'B', "The nftables table in which packets to addresses are filtered.", readTable),
	row("nftables_priority", "N", "-1", 'C', "The priority of the chains in that table.", number(math.MinInt32, math.MaxInt32, func(b *builder, v int64) { b.c.Global.Firewall.Priority = int32(v) })),
	row("nftables_ifindex", "", "off", 'C', "Filters by the index of an interface instead of its name.", mark(func(b *builder) *bool { return &b.c.Global.Firewall.IfIndex })),
	row("nftables_counters", "", "off", 'C', "Counts packets in each rule.", mark(func(b *builder) *bool { return &b.c.Global.Firewall.Counters })),
	row("vrrp_iptables", "[INCHAIN [OUTCHAIN]]", "", 'C', "Asked for the filter to be made by iptables.", kept).inert(noFilterKind),
	row("vrrp_ipsets", "[SET4 [SET6 [SETIF6 [IGMP [MLD [ND]]]]]]", "", 'C', "Named the ipsets used with iptables.", kept).inert(noFilterKind),
	row("vmac_prefix", "STRING", "vrrp", 'C', "The start of the names of interfaces with a virtual MAC address.", prefixed(func(b *builder) *string { return &b.g.vmacPrefix })),
	row("vmac_addr_prefix", "STRING", "that of vmac_prefix", 'C', "The same for interfaces made for single addresses.", prefixed(func(b *builder) *string { return &b.g.vmacAddrPrefix })),
	row("vrrp_netlink_cmd_rcv_bufs", "BYTES", "the kernel's", 'C', "The receive buffer of the socket for commands to the kernel.", number(0, math.MaxUint32, func(b *builder, v int64) { b.c.Global.Buffers.NetlinkCommand = uint32(v) })).inert(noBuffers),
	row("vrrp_netlink_cmd_rcv_bufs_force", yesNo, "off", 'C', "Takes that size even beyond the kernel's limit.", truth(func(b *builder, v bool) { b.c.Global.Buffers.NetlinkCommandForce = v })).inert(noBuffers),
	row("vrrp_netlink_monitor_rcv_bufs", "BYTES", "the kernel's", 'C', "The receive buffer of the socket for messages of the kernel.", number(0, math.MaxUint32, func(b *builder, v int64) { b.c.Global.Buffers.NetlinkMonitor = uint32(v) })).inert(noBuffers),
	row("vrrp_netlink_monitor_rcv_bufs_force", yesNo, "off", 'C', "Takes that size even beyond the kernel's limit.", truth(func(b *builder, v bool) { b.c.Global.Buffers.NetlinkMonitorForce = v })).inert(noBuffers),
	row("process_monitor_rcv_bufs", "BYTES", "the kernel's", 'C', "The receive buffer of the socket that tells of processes.", number(0, math.MaxUint32, func(b *builder, v int64) { b.c.Global.Buffers.ProcessMonitor = uint32(v) })).inert(noBuffers),
	row("process_monitor_rcv_bufs_force", yesNo, "off", 'C', "Takes that size even beyond the kernel's limit.", truth(func(b *builder, v bool) { b.c.Global.Buffers.ProcessMonitorForce = v })).inert(noBuffers),
	row("vrrp_rx_bufs_policy", "MTU|ADVERT|BYTES", "the kernel's", 'C', "What the receive buffers of VRRP sockets are sized by.", readRxPolicy).inert(noBuffers),
	row("vrrp_rx_bufs_multiplier", "N", "3", 'C', "How many of these a receive buffer holds.", atLeastOne(func(b *builder, v int64) { b.c.Global.Buffers.RxMultiplier = uint32(v) })).inert(noBuffers),
	row("max_auto_priority", "[-1..99]", "0", 'C', "How far the real-time priority may be raised by itself when timers are late; -1 or nothing for as far as it goes.", readAutoPriority).inert("a timer that is late is told, and holds up a takeover; the priority is that of vrrp_rt_priority"),
	row("min_auto_priority_delay", "MICROSECONDS", "1000000", 'C', "How late a timer must be for that.", number(1, 10_000_000, func(b *builder, v int64) { b.c.Global.MinAutoPriorityDelay = time.Duration(v) * time.Microsecond })).inert("the priority is never raised by itself"),
	row("umask", "MODE", "0177", 'C', "The mask for the modes of files that are created.", readUmask),
	row("random_seed", "N", "the time", 'C', "Where the numbers of ${_RANDOM} start.", number(0, math.MaxUint32, func(*builder, int64) {})),
	row("include_check", "[[+|-]read|match|wildcard_match|brace_match ...]", "none", 'C', "Which failures of include are errors.", kept),
	row("reload_check_config", "[LOGFILE]", "off", 'B', "Tests a new configuration in a process of its own before a reload.", optional(func(b *builder, s string) {
		b.c.Global.Reload.Check, b.c.Global.Reload.CheckLog = true, s
	})),
	row("reload_time_file", "FILE", "", 'C', "A file that holds the time of the next reload.", text(func(b *builder, s string) { b.c.Global.Reload.TimeFile = s })),
	row("reload_repeat", "", "off", 'C', "Reloads every day at that time.", mark(func(b *builder) *bool { return &b.c.Global.Reload.Repeat })),
	row("reload_file", "[FILE]", "keepalived.reload beside the pid file", 'C', "A file that exists while a reload goes on.", optional(func(b *builder, s string) {
		if s == "" {
			s = "keepalived.reload"
		}
		b.c.Global.Reload.File = s
	})),
	row("data_use_instance", yesNo, "off", 'C', "Adds the namespace and instance to the names of dumps.", truth(func(b *builder, v bool) { b.c.Global.Dump.UseInstance = v })),
	row("json_version", "1|2", "1", 'C', "The layout of the JSON dump.", number(1, 2, func(b *builder, v int64) { b.c.Global.Dump.JSONVersion = int(v) })),
	row("state_dump_file", "FILE", "keepalived.data", 'C', "Where state is dumped.", text(func(b *builder, s string) { b.c.Global.Dump.State = s })),
	row("stats_dump_file", "FILE", "keepalived.stats", 'C', "Where statistics are dumped.", text(func(b *builder, s string) { b.c.Global.Dump.Stats = s })),
	row("json_dump_file", "FILE", "keepalived.json", 'C', "Where the JSON dump is written.", text(func(b *builder, s string) { b.c.Global.Dump.JSON = s })),
	row("config_save_dir", "DIRECTORY", "", 'D', "Where each consolidated configuration is saved.", text(func(b *builder, s string) { b.c.Global.Dump.SaveDir = s })).inert("vigilctl config print shows what is in force"),
	row("tmp_config_directory", "DIRECTORY", "", 'D', "Where the consolidated configuration was kept for the workers.", text(func(b *builder, s string) { b.c.Global.Dump.TmpConfigDir = s })).inert(noMem),
	row("iproute_usr_dir", "DIRECTORY", "/usr/share/iproute2", 'D', "Where the names of routing tables are found.", text(func(*builder, string) {})).inert("both usual directories are read"),
	row("iproute_etc_dir", "DIRECTORY", "/etc/iproute2", 'D', "Where the names of routing tables are found first.", text(func(*builder, string) {})).inert("both usual directories are read"),
	row("linkbeat_use_polling", "", "", 'D', "Asked for interfaces to be polled for their link state.", mark(func(b *builder) *bool { return &b.c.Global.LinkbeatPoll })).inert(noPolling),
}

// readTable reads nftables. compat: the first one counts.
func readTable(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	f := &b.c.Global.Firewall
	if f.Chosen {
		b.warn(n.Pos, RuleDuplicateKeyword, "there is a 'nftables' already; this one is ignored", "")
		return nil
	}
	return optional(func(_ *builder, s string) {
		if s != "" {
			f.Table, f.Chosen = s, true
		}
	})(b, k, n)
}

// prefixed takes the start of the names of interfaces. compat: the first one counts.
func prefixed(field func(*builder) *string) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		if *field(b) != "" {
			b.warn(n.Pos, RuleDuplicateKeyword, "there is a '"+n.Keyword+"' already; this one is ignored", "")
			return nil
		}
		return limited(11, func(b *builder, s string) { *field(b) = s })(b, k, n)
	}
}

// multicast takes a multicast address of one family.
func multicast(want uint8, set func(*builder, netip.Addr)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		word, ok := b.value(k, n)
		if !ok {
			return nil
		}
		a, ok := b.address(word, n.ArgPos(0))
		if !ok {
			return nil
		}
		if !a.IsMulticast() || (want != 0 && family(a) != want) {
			b.err(n.ArgPos(0), RuleBadAddress, "'"+clip(word)+"' is not a multicast address for '"+n.Keyword+"'; it is ignored", "")
			return nil
		}
		set(b, a)
		return same(k, n, a.String())
	}
}

// announceGap takes a time; 0 is what is in force anyway, and keepalived refuses it.
func announceGap(set func(*builder, time.Duration)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		if d, ok := parseSeconds(n.Arg(0)); ok && d == 0 {
			b.note(n.ArgPos(0), RuleOldSpelling, "'"+n.Keyword+" 0' says nothing: there is no least time by default", "leave it out")
			return nil
		}
		return duration(time.Microsecond, micros, func(b *builder, v opt[time.Duration]) { set(b, v.v) })(b, k, n)
	}
}

// readGarpExtra takes [all] SECONDS, in global_defs and in an instance.
func readGarpExtra(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	all := n.Arg(0) == "all"
	at := 0
	if all {
		at = 1
	}
	if len(n.Args) <= at {
		b.err(n.Pos, RuleMissingValue, "'"+n.Keyword+"' lacks its value; it is ignored", n.Keyword+" "+k.Form)
		return nil
	}
	v, ok := b.integer(n.Args[at].Text, n.Args[at].Pos, 0, 86400)
	if !ok {
		return nil
	}
	b.extra(n, at+1)
	d := opt[time.Duration]{time.Duration(v) * second, true, n.Pos}
	if b.inst != nil {
		b.inst.garpExtra, b.inst.extra.GarpExtraAll = d, all
	} else {
		b.g.garpExtra, b.g.garpExtraAll = d, all
	}
	words := []string{strconv.FormatInt(v, 10)}
	if all {
		words = []string{"all", words[0]}
	}
	return same(k, n, words...)
}

func readDynamic(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	b.c.Global.DynamicInterfaces, b.g.dynamic = true, true
	if len(n.Args) == 0 {
		return same(k, n)
	}
	if n.Args[0].Text != "allow_if_changes" {
		b.err(n.ArgPos(0), RuleBadWord, "'dynamic_interfaces' does not know '"+clip(n.Args[0].Text)+"'; the word is ignored", "allow_if_changes")
		return same(k, n)
	}
	b.c.Global.DynamicIfChange = true
	return same(k, n, "allow_if_changes")
}

func readAutoPriority(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if len(n.Args) == 0 {
		b.c.Global.MaxAutoPriority = -1
		return same(k, n, "-1")
	}
	return number(-1, 99, func(b *builder, v int64) { b.c.Global.MaxAutoPriority = int(v) })(b, k, n)
}

// readRxPolicy takes MTU, ADVERT (in any case) or a number. compat: keepalived reads the first word only.
func readRxPolicy(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	buf := &b.c.Global.Buffers
	for _, policy := range []string{"MTU", "ADVERT"} {
		if strings.EqualFold(word, policy) {
			buf.RxPolicy = policy
			return same(k, n, policy)
		}
	}
	v, ok := b.integer(word, n.ArgPos(0), 0, math.MaxUint32)
	if !ok {
		return nil
	}
	buf.RxPolicy, buf.RxSize = "BYTES", uint32(v)
	return same(k, n, strconv.FormatInt(v, 10))
}

// processKeywords are the rows of global_defs about processes, scripts and exits.
var processKeywords = append(append(append(
	processRows("vrrp", "VRRP worker", func(b *builder) *Process { return &b.c.Global.Processes.VRRP }),
	processRows("checker", "check worker", func(b *builder) *Process { return &b.c.Global.Processes.Checker })...),
	processRows("bfd", "BFD worker", func(b *builder) *Process { return &b.c.Global.Processes.BFD })...),
	row("process_names", "", "off", 'C', "Gives the workers the names keepalived_vrrp, keepalived_lvs and keepalived_bfd.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		p := &b.c.Global.Processes
		p.VRRP.Name, p.Checker.Name, p.BFD.Name = "keepalived_vrrp", "keepalived_lvs", "keepalived_bfd"
		return same(k, n)
	}),
	row("process_name", "NAME", "vigild", 'C', "The name of the parent in the list of processes.", limited(15, func(b *builder, s string) { b.c.Global.Processes.Parent.Name = s })),
	old("lvs_process_name", "checker_process_name", "NAME", limited(15, func(b *builder, s string) { b.c.Global.Processes.Checker.Name = s })),
	row("startup_script", `"COMMAND" [USER [GROUP]]`, "", 'C', "A program that the parent runs before it starts the workers.", command(func(b *builder) *notify.Script { return &b.c.Global.Startup })),
	row("startup_script_timeout", "SECONDS", "10", 'C', "How long that program may take.", number(1, 1000, func(b *builder, v int64) { b.c.Global.StartupTimeout = time.Duration(v) * second })),
	row("shutdown_script", `"COMMAND" [USER [GROUP]]`, "", 'C', "A program that the parent runs after the workers have stopped.", command(func(b *builder) *notify.Script { return &b.c.Global.Shutdown })),
	row("shutdown_script_timeout", "SECONDS", "10", 'C', "How long that program may take.", number(1, 1000, func(b *builder, v int64) { b.c.Global.ShutdownTimeout = time.Duration(v) * second })),
	row("script_user", "USER [GROUP]", "keepalived_script if it exists, else root", 'A', "The account that runs scripts which name none.", readScriptUser),
	row("enable_script_security", "", "off", 'A', "Refuses to run a script as root that somebody other than root could change.", mark(func(b *builder) *bool { return &b.c.Global.ScriptSecurity })),
	row("use_symlink_paths", yesNo, "off", 'C', "Runs scripts under the path as written instead of the one it leads to.", truth(func(b *builder, v bool) { b.c.Global.UseSymlinkPaths = v })),
	row("set_supplementary_groups", yesNo, "off", 'C', "Gives scripts the supplementary groups of their user.", truth(func(b *builder, v bool) { b.c.Global.SupplementaryGroups = v })),
	row("notify_fifo", "PATH [USER [GROUP]]", "", 'B', "A FIFO that every change of state is written to.", readFIFO),
	row("notify_fifo_script", `"COMMAND" [USER [GROUP]]`, "", 'B', "A program that reads this FIFO, whose path is its last argument.", readFIFOScript),
	row("vrrp_notify_fifo", "PATH [USER [GROUP]]", "", 'B', "A FIFO that changes of instances and groups are written to.", readFIFO),
	row("vrrp_notify_fifo_script", `"COMMAND" [USER [GROUP]]`, "", 'B', "A program that reads this FIFO, whose path is its last argument.", readFIFOScript),
	row("lvs_notify_fifo", "PATH [USER [GROUP]]", "", 'B', "A FIFO that changes of virtual and real servers are written to.", readFIFO),
	row("lvs_notify_fifo_script", `"COMMAND" [USER [GROUP]]`, "", 'B', "A program that reads this FIFO, whose path is its last argument.", readFIFOScript),
	row("fifo_write_vrrp_states_on_reload", "", "off", 'C', "Writes the present states to the FIFOs after a reload.", mark(func(b *builder) *bool { return &b.c.Global.FIFOStatesOnReload })).inert("a reload keeps what has not changed; vigilctl status shows the states"),
	row("snmp_socket", "ADDRESS", "/var/agentx/master", 'B', "Where the SNMP master agent listens for subagents.", text(func(b *builder, s string) { b.c.Global.SNMP.Socket = s })),
	row("enable_traps", "", "off", 'B', "Sends SNMP notifications.", mark(func(b *builder) *bool { return &b.c.Global.SNMP.Traps })),
	row("enable_snmp_vrrp", "", "off", 'B', "Serves the VRRP part of KEEPALIVED-MIB.", mark(func(b *builder) *bool { return &b.c.Global.SNMP.VRRP })),
	old("enable_snmp_keepalived", "enable_snmp_vrrp", "", mark(func(b *builder) *bool { return &b.c.Global.SNMP.VRRP })),
	row("enable_snmp_checker", "", "off", 'B', "Serves the check part of KEEPALIVED-MIB.", mark(func(b *builder) *bool { return &b.c.Global.SNMP.Checker })),
	row("enable_snmp_rfc", "", "off", 'B', "Serves both VRRP MIBs of the RFCs.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.extra(n, 0)
		b.c.Global.SNMP.RFC2, b.c.Global.SNMP.RFC3 = true, true
		return same(k, n)
	}),
	row("enable_snmp_rfcv2", "", "off", 'C', "Serves the MIB of RFC 2787.", mark(func(b *builder) *bool { return &b.c.Global.SNMP.RFC2 })),
	row("enable_snmp_rfcv3", "", "off", 'C', "Serves the MIB of RFC 6527.", mark(func(b *builder) *bool { return &b.c.Global.SNMP.RFC3 })),
	row("snmp_vs_stats_update_interval", "SECONDS", "5", 'C', "How old the statistics of a virtual server may be.", duration(time.Millisecond, 30*second, func(b *builder, v opt[time.Duration]) { b.c.Global.SNMP.VSStatsAge = v.v })).inert("statistics are as old as what the check worker told last"),
	row("snmp_rs_stats_update_interval", "SECONDS", "that of virtual servers", 'C', "How old the statistics of a real server may be.", duration(time.Millisecond, 30*second, func(b *builder, v opt[time.Duration]) { b.c.Global.SNMP.RSStatsAge = v.v })).inert("statistics are as old as what the check worker told last"),
	row("enable_dbus", "", "off", 'C', "Offers instances on the D-Bus.", mark(func(b *builder) *bool { return &b.c.Global.DBus })),
	row("dbus_service_name", "NAME", "org.keepalived.Vrrp1", 'C', "The name on the D-Bus.", text(func(b *builder, s string) { b.c.Global.DBusName = s })),
	row("dbus_no_interface_name", "NAME", "none", 'C', "What stands on the D-Bus for the interface of an instance that has none.", text(func(b *builder, s string) { b.c.Global.DBusNoInterface = s })),
)

// processRows are the rows about the scheduling of one worker.
func processRows(prefix, who string, of func(*builder) *Process) []Keyword {
	limit := number(1, math.MaxUint32, func(b *builder, v int64) { of(b).RTTime = uint64(v) })
	return []Keyword{
		row(prefix+"_process_name", "NAME", "vigild", 'C', "The name of the "+who+" in the list of processes.", limited(15, func(b *builder, s string) { of(b).Name = s })),
		row(prefix+"_priority", "-20..19", "0", 'C', "The nice value of the "+who+".", number(-20, 19, func(b *builder, v int64) { of(b).Nice = int(v) })),
		row(prefix+"_no_swap", "", "off", 'C', "Keeps the "+who+" in memory.", mark(func(b *builder) *bool { return &of(b).NoSwap })),
		row(prefix+"_rt_priority", "1..99", "none", 'C', "The real-time priority of the "+who+".", number(1, 99, func(b *builder, v int64) { of(b).RealTime = int(v) })),
		row(prefix+"_cpu_affinity", "CPU...", "all", 'C', "The processors that the "+who+" runs on.", numbers(0, 8191, func(b *builder, v []int) { of(b).CPUs = v })),
		row(prefix+"_rlimit_rttime", "MICROSECONDS", "10000000", 'C', "How long the "+who+" may run at real-time priority without a pause before it is killed.", limit),
		old(prefix+"_rlimit_rtime", prefix+"_rlimit_rttime", "MICROSECONDS", limit),
	}
}

// mailKeywords are the rows of global_defs about mail.
var mailKeywords = []Keyword{
	row("notification_email", "{ ADDRESS... }", "", 'A', "Who gets mail about changes of state.", readRecipients),
	row("notification_email_from", "ADDRESS", "root@ the host name", 'A', "The sender of that mail.", text(func(b *builder, s string) { b.c.Notify.SMTP.From = s })),
	row("smtp_server", "HOST [PORT]", "port 25", 'A', "The server that mail is given to.", readMailServer),
	row("smtp_helo_name", "NAME", "the host name", 'B', "How this machine introduces itself to that server.", text(func(b *builder, s string) { b.c.Notify.SMTP.Helo = s })),
	row("smtp_connect_timeout", "SECONDS", "30", 'A', "How long a delivery may take.", atLeastOne(func(b *builder, v int64) {
		b.c.Notify.SMTP.ConnectTimeout = time.Duration(v) * second
	})),
	row("smtp_alert", yesNo, "unset", 'B', "Whether changes are mailed where nothing nearer says so.", truth(func(b *builder, v bool) { b.c.Global.SMTPAlert = tri(v) })),
	row("smtp_alert_vrrp", yesNo, "that of smtp_alert", 'B', "The same for instances and sync groups.", truth(func(b *builder, v bool) { b.c.Global.SMTPAlertVRRP = tri(v) })),
	row("smtp_alert_checker", yesNo, "that of smtp_alert", 'B', "The same for virtual and real servers.", truth(func(b *builder, v bool) { b.c.Global.SMTPAlertChecker = tri(v) })),
	row("no_email_faults", "", "off", 'C', "Sends no mail about a transition to FAULT.", mark(func(b *builder) *bool { return &b.c.Notify.SMTP.NoFaults })),
	row("no_checker_emails", yesNo, "off", 'C', "Mails the changes of a real server, not those of its single checkers.", truth(func(b *builder, v bool) { b.c.Global.NoCheckerEmails = v })),
	row("checker_log_all_failures", yesNo, "off", 'C', "Logs each failed check, not only changes.", truth(func(b *builder, v bool) { b.c.Global.LogAllFailures = v })),
	row("rs_init_notifies", yesNo, "off", 'C', "Runs the notify scripts of real servers for their first state too.", truth(func(b *builder, v bool) { b.c.Global.InitNotifies = v })),
}

// fifoDraft is a FIFO and its reader, which stand in two statements.
type fifoDraft struct {
	s   notify.FIFOSettings
	pos syntax.Pos // of the reader
}

func (b *builder) readAccount(k *Keyword, n *syntax.Node, user, group *string) *syntax.Node {
	if len(n.Args) == 0 {
		_, _ = b.value(k, n)
		return nil
	}
	b.extra(n, 2)
	if b.e.Account != nil {
		if _, err := b.e.Account(n.Arg(0), n.Arg(1)); err != nil {
			// It counts all the same: what it should run is disabled, not run as somebody else.
			b.err(n.ArgPos(0), RuleUnknownUser, err.Error(), "")
		}
	}
	*user, *group = n.Arg(0), n.Arg(1)
	if *group == "" {
		return same(k, n, *user)
	}
	return same(k, n, *user, *group)
}

func readScriptUser(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return b.readAccount(k, n, &b.c.Global.ScriptUser, &b.c.Global.ScriptGroup)
}

// fifo gives the FIFO that a keyword or its _script belongs to.
func (b *builder) fifo(name string) *fifoDraft {
	name = strings.TrimSuffix(name, "_script")
	if b.g.fifos == nil {
		b.g.fifos = map[string]*fifoDraft{}
	}
	if b.g.fifos[name] == nil {
		b.g.fifos[name] = &fifoDraft{s: notify.FIFOSettings{Keyword: name}}
	}
	return b.g.fifos[name]
}

func readFIFO(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if len(n.Args) == 0 {
		_, _ = b.value(k, n)
		return nil
	}
	b.extra(n, 3)
	f := b.fifo(k.Name)
	if f.s.Path != "" {
		b.err(n.Pos, RuleDuplicateKeyword, "there is a '"+k.Name+"' already; this one is ignored", "")
		return nil
	}
	f.s.Path, f.s.User, f.s.Group = n.Arg(0), n.Arg(1), n.Arg(2)
	return kept(b, k, n)
}

func readFIFOScript(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	b.fifo(k.Name).pos = n.Pos
	return command(func(b *builder) *notify.Script { return &b.fifo(k.Name).s.Script })(b, k, n)
}

func readRecipients(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	var out []*syntax.Node
	if len(n.Children) == 0 {
		b.note(n.Pos, RuleMissingValue, "'"+n.Keyword+"' is empty", k.Form)
	}
	for _, w := range b.words(n.Children) {
		b.c.Notify.SMTP.Recipients = append(b.c.Notify.SMTP.Recipients, w.Text)
		out = append(out, &syntax.Node{Keyword: w.Text, Pos: w.Pos})
	}
	return blockOf(k, n, out)
}

// readMailServer reads smtp_server.
func readMailServer(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if len(n.Args) == 0 {
		_, _ = b.value(k, n)
		return nil
	}
	b.extra(n, 2)
	words := []string{n.Arg(0)}
	port := int64(25)
	if len(n.Args) > 1 {
		var ok bool
		if port, ok = b.integer(n.Arg(1), n.ArgPos(1), 1, 65535); !ok {
			return nil
		}
		words = append(words, strconv.FormatInt(port, 10))
	}
	b.c.Notify.SMTP.Server, b.c.Notify.SMTP.Port = n.Arg(0), uint16(port)
	b.c.mailServer = b.resolveHost(n.Arg(0), n.ArgPos(0))
	return same(k, n, words...)
}

// resolveHost gives the address of a host. One that is unknown is an error, but mail is given to it by name, so it may
// become known later (compat: keepalived sends no mail then).
func (b *builder) resolveHost(name string, at syntax.Pos) netip.Addr {
	if a, err := netip.ParseAddr(name); err == nil || b.e.Resolve == nil {
		return a
	}
	a, err := b.e.Resolve(name)
	if err != nil {
		b.err(at, RuleUnknownHost, "host '"+clip(name)+"' is not known: "+err.Error(), "")
	}
	return a
}

// finishMail settles the sender. compat: without a server there is none, unless it is named.
func (b *builder) finishMail() {
	m := &b.c.Notify.SMTP
	if m.From == "" && m.Server != "" && b.e.Hostname != "" {
		m.From = "root@" + b.e.Hostname
	}
}
