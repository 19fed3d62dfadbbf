// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
)

// row makes a row of the table of keywords.
func row(name, form, def string, tier Tier, doc string, read reader) Keyword {
	return Keyword{Name: name, Form: form, Default: def, Tier: tier, Doc: doc, read: read}
}

// old makes a row for an old spelling of another keyword.
func old(name, instead, form string, read reader) Keyword {
	return Keyword{Name: name, Form: form, Tier: 'D', Doc: "Old spelling of " + instead + ".", Instead: instead, read: read}
}

// inert says why a keyword changes nothing.
func (k Keyword) inert(why string) Keyword {
	k.NoEffect = why
	return k
}

const (
	yesNo        = "[true|on|yes|false|off|no]"
	noServers    = "virtual servers are not served by this version"
	noBFD        = "BFD sessions are not run by this version"
	noPolling    = "link state comes from the kernel by netlink"
	noFilterKind = "packets are filtered by nftables alone"
	noBuffers    = "socket buffers are sized by vigild itself"
	noDBus       = "there is no D-Bus service in this version"
	noMem        = "the consolidated copy is kept in memory"
)

// globals are the defaults that instances take from global_defs at the end.
type globals struct {
	dynamic                                     bool
	version                                     opt[int64]
	garpDelay, garpRefresh, garpLowerDelay      opt[int64]
	garpRepeat, garpRefreshRepeat, garpLowerRep opt[int64]
	downAdverts                                 opt[int64]
	minGarp, strict, skipCheck                  bool
	lowerNoAdvert, higherSend, ownerIgnore      opt[bool]
	checkUnicast, notifyPriority                bool
	garpExtra                                   opt[time.Duration]
	garpExtraAll                                bool
	vmacPrefix, vmacAddrPrefix                  string
	mcast4, mcast6                              netip.Addr
	startupDelay                                time.Duration
	fifos                                       map[string]*fifoDraft
}

// topKeywords stand outside any block.
var topKeywords = []Keyword{
	row("global_defs", "{ ... }", "", 'A', "Settings of the daemon as a whole and defaults for every instance.", readPlainBlock),
	row("vrrp_instance", "NAME { ... }", "", 'A', "One virtual router: its id, priority, interface and addresses.", readInstance),
	row("vrrp_sync_group", "NAME { ... }", "", 'A', "Instances that always change state together.", readGroup),
	row("vrrp_script", "NAME { ... }", "", 'A', "A program run at an interval whose exit status instances can follow.", readScript),
	row("vrrp_track_process", "NAME { ... }", "", 'B', "A process whose presence instances can follow.", readProcess),
	row("track_file", "NAME { ... }", "", 'B', "A file holding a number that instances can follow.", readFile),
	old("vrrp_track_file", "track_file", "NAME { ... }", readFile),
	row("static_ipaddress", "{ ADDRESS... }", "", 'B', "Addresses that are put on interfaces at start, kept there, and removed at stop.", readStaticAddresses),
	row("static_routes", "{ ROUTE... }", "", 'B', "Routes that are installed at start and removed at stop.", readStaticRoutes),
	row("static_rules", "{ RULE... }", "", 'C', "Routing rules that are installed at start and removed at stop.", readStaticRules),
	row("track_group", "NAME { ... }", "", 'C', "Instances that go to FAULT when a static address, route or rule of the group is lost.", readTrackGroup),
	row("interface_up_down_delays", "{ INTERFACE DOWN [UP] ... }", "", 'C', "How long an interface must stay down, or up again, before instances hear of it.", readLinkDelays),
	row("garp_group", "{ ... }", "", 'C', "A limit on the rate of gratuitous ARP and neighbour advertisements that interfaces share.", readGarpGroup).
		inert("the limit of each interface (vrrp_garp_interval, vrrp_gna_interval) holds"),
	row("linkbeat_use_polling", "", "", 'D', "Asked for interfaces to be polled for their link state.", mark(func(b *builder) *bool { return &b.c.Global.LinkbeatPoll })).inert(noPolling),
	row("linkbeat_interfaces", "{ INTERFACE [MII|ETHTOOL|IOCTL] ... }", "", 'D', "Named the interfaces to be polled for their link state.", keepBlock).inert(noPolling),
	row("net_namespace", "NAME", "", 'B', "The network namespace in which everything runs; needs a restart to change.", text(func(b *builder, s string) {
		b.c.Global.NetNamespace, b.c.Global.UsePidDir = s, true
	})),
	row("net_namespace_ipvs", "[NAME]", "the one of net_namespace", 'C', "The network namespace that IPVS is programmed in; without a name the default one.", optional(func(b *builder, s string) { b.c.Global.NetNamespaceIPVS = s })),
	row("namespace_with_ipsets", "", "", 'D', "Told that the kernel keeps ipsets apart by namespace.", kept).inert(noFilterKind),
	row("use_pid_dir", "", "off", 'C', "Puts pid files into a directory of their own.", mark(func(b *builder) *bool { return &b.c.Global.UsePidDir })),
	row("instance", "NAME", "", 'B', "A name that tells several daemons on one machine apart in the names of pid files and dumps.", text(func(b *builder, s string) {
		b.c.Global.Instance, b.c.Global.UsePidDir = s, true
	})),
	row("child_wait_time", "SECONDS", "5", 'C', "How long the parent waits for its workers at stop before it kills them.", number(0, math.MaxUint32, func(b *builder, v int64) { b.c.Global.ChildWaitTime = time.Duration(v) * second })),
	row("bfd_instance", "NAME { ... }", "", 'B', "A BFD session with a neighbour.", readBFD).inert(noBFD),
	row("virtual_server_group", "NAME { ADDRESS [PORT] | fwmark N ... }", "", 'B', "Addresses that one virtual server answers at.", keepBlock).inert(noServers),
	row("virtual_server", "ADDRESS [PORT] | fwmark N | group NAME { ... }", "", 'A', "A load-balanced service and its real servers.", readKept).inert(noServers),
	row("SSL", "{ ... }", "", 'C', "Certificates shown to real servers by SSL_GET.", readKept).inert(noServers),
}

var trackGroupKeywords = []Keyword{
	row("group", "{ INSTANCE... }", "", 'C', "The instances of the group.", readTrackGroupMembers),
}

var garpGroupKeywords = []Keyword{
	row("garp_interval", "SECONDS", "", 'C', "The least time between two gratuitous ARPs of the group.", duration(0, micros, func(*builder, opt[time.Duration]) {})),
	row("gna_interval", "SECONDS", "", 'C', "The least time between two neighbour advertisements of the group.", duration(0, micros, func(*builder, opt[time.Duration]) {})),
	row("interface", "INTERFACE", "", 'C', "The one interface of the group.", text(func(*builder, string) {})),
	row("interfaces", "{ INTERFACE... }", "", 'C', "The interfaces of the group.", keepBlock),
}

// micros is the longest timer with a resolution of a microsecond.
const micros = math.MaxUint32 * time.Microsecond

// readPlainBlock reads a block whose keywords stand in the table.
func readPlainBlock(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	b.extra(n, 0)
	return blockOf(k, n, b.statements(n.Children, k.Path()))
}

// keepBlock keeps a block with all that stands in it, unread.
func keepBlock(_ *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	copied := *n
	copied.Keyword = k.Name
	return &copied
}

// readGarpGroup keeps a rate limit group.
func readGarpGroup(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return readPlainBlock(b, k, n)
}

// words gives the names of a list, which may stand several on a line.
func (b *builder) words(nodes []*syntax.Node) []syntax.Word {
	var out []syntax.Word
	for _, n := range nodes {
		if n.HasBlock {
			b.err(n.Pos, RuleUnexpectedBlock, "a list of names takes no block", "")
			continue
		}
		out = append(out, n.Words()...)
	}
	return out
}

func readTrackGroup(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	name := b.named(k, n)
	if name == "" || !b.unique("track_group", name, n.Pos) {
		return nil
	}
	b.extra(n, 1)
	b.c.TrackGroups = append(b.c.TrackGroups, TrackGroup{Name: name})
	return blockOf(k, n, b.statements(n.Children, k.Path()), name)
}

func readTrackGroupMembers(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	g := &b.c.TrackGroups[len(b.c.TrackGroups)-1]
	var out []*syntax.Node
	for _, w := range b.words(n.Children) {
		if slices.Contains(g.Instances, w.Text) {
			b.note(w.Pos, RuleDuplicateName, "'"+clip(w.Text)+"' stands in the group already", "")
			continue
		}
		g.Instances = append(g.Instances, w.Text)
		out = append(out, &syntax.Node{Keyword: w.Text, Pos: w.Pos})
	}
	return blockOf(k, n, out)
}

// readBFD remembers the name, so that track_bfd can refer to it, and keeps the block.
func readBFD(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	name := b.named(k, n)
	if name == "" || !b.unique("bfd_instance", name, n.Pos) {
		return nil
	}
	if len(name) > 31 {
		b.err(n.ArgPos(0), RuleOutOfRange, "the name of a BFD session is longer than 31 bytes; it is ignored", "")
		return nil
	}
	b.bfds[name] = true
	return readKept(b, k, n)
}

// readKept checks the keywords of a block that another part of vigild reads, and keeps it.
func readKept(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if k.Name == "virtual_server" && len(n.Args) == 0 {
		b.err(n.Pos, RuleMissingValue, "'virtual_server' needs an address, fwmark or group; the block is ignored", k.Name+" "+k.Form)
		return nil
	}
	children := b.statements(n.Children, k.Path())
	if k.Block == "" {
		b.c.Rest = append(b.c.Rest, n)
	}
	if slices.Equal(children, n.Children) {
		return n
	}
	copied := *n
	copied.Children = children
	return &copied
}

// numbers takes several whole numbers.
func numbers(lo, hi int64, set func(*builder, []int)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		var list []int
		var words []string
		for i, w := range n.Args {
			v, ok := b.integer(w.Text, n.ArgPos(i), lo, hi)
			if !ok {
				return nil
			}
			list = append(list, int(v))
			words = append(words, strconv.FormatInt(v, 10))
		}
		if len(list) == 0 {
			_, _ = b.value(k, n)
			return nil
		}
		set(b, list)
		return same(k, n, words...)
	}
}

// readUmask takes a number in any base or IRUSR|IWUSR... words.
func readUmask(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	bits := map[string]uint32{
		"IRUSR": 0o400, "IWUSR": 0o200, "IXUSR": 0o100, "IRWXU": 0o700, "IRGRP": 0o040, "IWGRP": 0o020,
		"IXGRP": 0o010, "IRWXG": 0o070, "IROTH": 0o004, "IWOTH": 0o002, "IXOTH": 0o001, "IRWXO": 0o007,
	}
	var mask uint32
	if v, err := strconv.ParseUint(word, 0, 32); err == nil && v <= 0o777 {
		mask = uint32(v)
	} else {
		for part := range strings.SplitSeq(word, "|") {
			bit, known := bits[strings.TrimSpace(part)]
			if !known {
				b.err(n.ArgPos(0), RuleBadWord, "'"+clip(word)+"' is not a file mode mask; it is ignored", "a number such as 0177, or IRWXG|IRWXO")
				return nil
			}
			mask |= bit
		}
	}
	b.c.Global.Umask = mask
	return same(k, n, "0"+strconv.FormatUint(uint64(mask), 8))
}

// checkerKeywords stand in every kind of checker.
const checkerKeywords = "connect_ip B connect_port A bindto B bind_port C bind_if C connect_timeout A fwmark C retry A delay_before_retry A " +
	"warmup C delay_loop B alpha C log_all_failures C"

// others are the blocks that other parts of vigild read: which keywords stand in them, each with its tier. One that
// opens a block ends in {.
var others = []struct{ block, keywords string }{
	{"SSL", "password C ca C certificate C key C"},
	{"bfd_instance", "source_ip B neighbor_ip B neighbour_ip B min_rx B min_tx B idle_tx B multiplier B passive C ttl C hoplimit C " +
		"max_hops C multihop C weight B vrrp C checker C"},
	{"virtual_server", "ip_family B retry B delay_before_retry B warmup C connect_timeout B delay_loop A inhibit_on_failure B lb_algo A " +
		"lvs_sched A hashed D ops B flag-1 C flag-2 C flag-3 C sh-port C sh-fallback C mh-port C mh-fallback C lb_kind A lvs_method A " +
		"persistence_engine C persistence_timeout A persistence_granularity B protocol A ha_suspend B smtp_alert B virtualhost B " +
		"snmp_name C alpha B omega B quorum_up B quorum_down B quorum B hysteresis B weight C sorry_server B sorry_server_inhibit C " +
		"sorry_server_lvs_method C real_server{ A"},
	{"virtual_server/real_server", "weight A lvs_method B uthreshold C lthreshold C inhibit_on_failure B notify_up A notify_down A alpha C " +
		"retry B delay_before_retry B warmup C connect_timeout B delay_loop B smtp_alert B virtualhost C snmp_name C TCP_CHECK{ A " +
		"HTTP_GET{ A SSL_GET{ A SMTP_CHECK{ B DNS_CHECK{ B UDP_CHECK{ B PING_CHECK{ B MISC_CHECK{ A FILE_CHECK{ C BFD_CHECK{ C"},
	{"virtual_server/real_server/TCP_CHECK", checkerKeywords},
	{"virtual_server/real_server/HTTP_GET", checkerKeywords + " virtualhost B http_protocol B enable_sni B sni_name C fast_recovery C url{ A"},
	{"virtual_server/real_server/SSL_GET", checkerKeywords + " virtualhost B http_protocol B enable_sni B sni_name C fast_recovery C tls_compliant C url{ A"},
	{"virtual_server/real_server/HTTP_GET/url", "path A digest A status_code A virtualhost B regex B regex_no_match C regex_options C " +
		"regex_min_offset C regex_max_offset C regex_stack D"},
	{"virtual_server/real_server/SSL_GET/url", "path A digest A status_code A virtualhost B regex B regex_no_match C regex_options C " +
		"regex_min_offset C regex_max_offset C regex_stack D tls_compliant C"},
	{"virtual_server/real_server/SMTP_CHECK", checkerKeywords + " helo_name B host{ D"},
	{"virtual_server/real_server/SMTP_CHECK/host", checkerKeywords},
	{"virtual_server/real_server/DNS_CHECK", checkerKeywords + " type B name B"},
	{"virtual_server/real_server/UDP_CHECK", checkerKeywords + " payload B require_reply B min_reply_length C max_reply_length C"},
	{"virtual_server/real_server/PING_CHECK", checkerKeywords},
	{"virtual_server/real_server/MISC_CHECK", "misc_path A misc_timeout A misc_dynamic B user B retry A delay_before_retry A warmup C " +
		"delay_loop B alpha C log_all_failures C"},
	{"virtual_server/real_server/FILE_CHECK", "track_file C weight C"},
	{"virtual_server/real_server/BFD_CHECK", "name C alpha C"},
}

// otherKeywords makes the rows of others. Their statements are kept as they are.
func otherKeywords() []Keyword {
	var out []Keyword
	for _, o := range others {
		words := strings.Fields(o.keywords)
		for i := 0; i+1 < len(words); i += 2 {
			k := Keyword{Block: o.block, Name: words[i], Form: "...", Tier: Tier(words[i+1][0]), Doc: "A setting of " + o.block + ".", read: kept}
			if name, ok := strings.CutSuffix(k.Name, "{"); ok {
				k.Name, k.Form, k.read = name, "{ ... }", readKept
			}
			out = append(out, k)
		}
		if strings.Contains(o.keywords, " retry ") && o.block != "virtual_server" && !strings.HasSuffix(o.block, "real_server") {
			retry := old("nb_get_retry", "retry", "N", kept)
			retry.Block = o.block
			out = append(out, retry)
		}
	}
	return out
}
