// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/bfd"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// defaultNamespace is what net_namespace_ipvs without a name means: the network
// namespace of the system.
const defaultNamespace = "/proc/1/ns/net"

// row makes a row of the table of keywords.
func row(name, form, def string, tier Tier, doc string, read reader) Keyword {
	return Keyword{Name: name, Form: form, Default: def, Tier: tier, Doc: doc, read: read}
}

// old makes a row for an old spelling of another keyword.
func old(name, instead, form string, read reader) Keyword {
	return Keyword{Name: name, Form: form, Tier: 'D', Doc: "Old spelling of " + instead + ".", Instead: instead, read: read}
}

// once says that a keyword is out of use.
func (k Keyword) once(what string) Keyword {
	k.Once = what
	return k
}

// inert says why a keyword changes nothing.
func (k Keyword) inert(why string) Keyword {
	k.NoEffect = why
	return k
}

const (
	yesNo        = "[true|on|yes|false|off|no]"
	noPolling    = "link state comes from the kernel by netlink"
	noFilterKind = "packets are filtered by nftables alone"
	noBuffers    = "socket buffers are sized by vigild itself"
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
	row("track_group", "NAME { ... }", "", 'C', "Instances that go to FAULT while the interface of a static address, route or rule of the group is lost.", readTrackGroup),
	row("interface_up_down_delays", "{ INTERFACE DOWN [UP] ... }", "", 'C', "How long an interface must stay down, or up again, before instances hear of it.", readLinkDelays),
	row("garp_group", "{ ... }", "", 'C', "A limit on the rate of gratuitous ARP and neighbour advertisements that interfaces share.", readGarpGroup),
	row("linkbeat_use_polling", "", "", 'D', "Asked for interfaces to be polled for their link state.", mark(func(b *builder) *bool { return &b.c.Global.LinkbeatPoll })).inert(noPolling),
	row("linkbeat_interfaces", "{ INTERFACE [MII|ETHTOOL|IOCTL] ... }", "", 'D', "Named the interfaces to be polled for their link state.", keepBlock).inert(noPolling),
	row("net_namespace", "NAME", "", 'B', "The network namespace in which everything runs; needs a restart to change.", first(func(b *builder) *string { return &b.c.Global.NetNamespace }, func(b *builder) {
		b.c.Global.UsePidDir = true
	})),
	row("net_namespace_ipvs", "[NAME]", "the one of net_namespace", 'C', "The network namespace that IPVS is programmed in; without a name the default one.", optional(func(b *builder, s string) { b.c.Global.NetNamespaceIPVS = cmp.Or(s, defaultNamespace) })),
	row("namespace_with_ipsets", "", "", 'D', "Told that the kernel keeps ipsets apart by namespace.", kept).inert(noFilterKind),
	row("use_pid_dir", "", "off", 'C', "Puts pid files into a directory of their own.", mark(func(b *builder) *bool { return &b.c.Global.UsePidDir })),
	row("instance", "NAME", "", 'B', "A name that tells several daemons on one machine apart in the names of pid files and dumps.", first(func(b *builder) *string { return &b.c.Global.Instance }, func(b *builder) {
		b.c.Global.UsePidDir = true
	})),
	row("child_wait_time", "SECONDS", "5", 'C', "How long the parent waits for its workers at stop before it kills them.", number(0, math.MaxUint32, func(b *builder, v int64) { b.c.Global.ChildWaitTime = time.Duration(v) * second })),
	row("bfd_instance", "NAME { ... }", "", 'B', "A BFD session with a neighbour.", readBFD),
	row("virtual_server_group", "NAME { ADDRESS[-LAST] [PORT] | fwmark N [inet|inet6] ... }", "", 'B', "Addresses that one virtual server answers at.", readServiceGroup),
	row("virtual_server", "ADDRESS [PORT] | fwmark N | group NAME { ... }", "", 'A', "A load-balanced service and its real servers.", readService),
	row("SSL", "{ ... }", "", 'C', "Certificates shown to real servers by SSL_GET.", readPlainBlock),
}

var trackGroupKeywords = []Keyword{
	row("group", "{ INSTANCE... }", "", 'C', "The instances of the group.", readTrackGroupMembers),
}

var garpGroupKeywords = []Keyword{
	row("garp_interval", "SECONDS", "", 'C', "The least time between two gratuitous ARPs of the group.", duration(0, micros, func(b *builder, v opt[time.Duration]) { b.announce.Garp, b.announced = v.v, true })),
	row("gna_interval", "SECONDS", "", 'C', "The least time between two neighbour advertisements of the group.", duration(0, micros, func(b *builder, v opt[time.Duration]) { b.announce.Gna, b.announced = v.v, true })),
	row("interface", "INTERFACE", "", 'C', "The one interface of the group.", readAnnounceInterface),
	row("interfaces", "{ INTERFACE... }", "", 'C', "The interfaces of the group.", readAnnounceInterfaces),
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

// readGarpGroup reads a garp_group.
func readGarpGroup(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	b.announce, b.announced = &vrrp.AnnounceGroup{}, false
	out := readPlainBlock(b, k, n)
	g := *b.announce
	b.announce = nil
	switch {
	case len(g.Interfaces) == 0:
		b.err(n.Pos, RuleMissingInterface, "the garp_group has no interface; it is ignored", "interface INTERFACE")
		return nil
	case !b.announced:
		b.err(n.Pos, RuleMissingValue, "the garp_group has no interval; it is ignored", "garp_interval SECONDS")
		return nil
	}
	b.c.VRRP.AnnounceGroups = append(b.c.VRRP.AnnounceGroups, g)
	return out
}

// shares takes an interface into the garp_group being read, unless another one has it.
func (b *builder) shares(name string, at syntax.Pos) bool {
	if !b.known(name, at) {
		return false
	}
	for _, g := range append(b.c.VRRP.AnnounceGroups, *b.announce) {
		if slices.Contains(g.Interfaces, name) {
			b.err(at, RuleDuplicateName, "interface "+clip(name)+" is in a garp_group already; it is left out", "")
			return false
		}
	}
	b.announce.Interfaces = append(b.announce.Interfaces, name)
	return true
}

func readAnnounceInterface(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok || !b.shares(word, n.ArgPos(0)) {
		return nil
	}
	return same(k, n, word)
}

func readAnnounceInterfaces(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	var out []*syntax.Node
	for _, w := range b.words(n.Children) {
		if b.shares(w.Text, w.Pos) {
			out = append(out, &syntax.Node{Keyword: w.Text, Pos: w.Pos})
		}
	}
	return blockOf(k, n, out)
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

// BFD is what stands in a bfd_instance beside the settings of its session.
type BFD struct {
	Name string
	// MaxHops is how many routers may be between, -1 for any number.
	MaxHops int
	// Weight and Reverse hold for a track_bfd line without a weight of its own.
	Weight  int
	Reverse bool
	// VRRP and Checker say who hears of it.
	VRRP, Checker bool
}

// bfdDraft is a bfd_instance as far as it has been read.
type bfdDraft struct {
	s    bfd.Settings
	x    BFD
	ttl  opt[int64]
	hops opt[int64]
}

// Defaults of keepalived.
const (
	bfdInterval   = 10 * time.Millisecond
	bfdIdle       = time.Second
	bfdMultiplier = 5
	bfdTTL        = 255
	// compat: keepalived sends over IPv6 with a hop limit of 64 unless told
	// otherwise, so no more can be asked of a neighbour whose limit is not
	// configured here. We send 255, as RFC 5881 section 5 demands.
	bfdLeastHopLimit = 64
)

var bfdKeywords = []Keyword{
	row("neighbor_ip", "ADDRESS[%INTERFACE]", "", 'B', "The neighbour; its interface belongs to a link-local address.", readNeighbor),
	row("neighbour_ip", "ADDRESS[%INTERFACE]", "", 'B', "The neighbour, in the other spelling.", readNeighbor),
	row("source_ip", "ADDRESS", "any", 'B', "The own address of the session.", readBFDSource),
	row("min_rx", "MILLISECONDS", "10", 'B', "The least time between two packets of the neighbour that can be borne.", millis(time.Millisecond, func(d *bfdDraft) *time.Duration { return &d.s.MinRx })),
	row("min_tx", "MILLISECONDS", "10", 'B', "The time between two packets sent, while the neighbour can bear it.", millis(time.Millisecond, func(d *bfdDraft) *time.Duration { return &d.s.MinTx })),
	row("idle_tx", "MILLISECONDS", "1000", 'B', "The time between two packets sent while the session is not up.", millis(time.Second, func(d *bfdDraft) *time.Duration { return &d.s.IdleTx })),
	row("multiplier", "1..255", "5", 'B', "How many missing packets mean that the session is down.", number(1, 255, func(b *builder, v int64) { b.bfd.s.Multiplier = uint8(v) })),
	row("passive", "", "off", 'C', "Waits for the neighbour to speak first.", mark(func(b *builder) *bool { return &b.bfd.s.Passive })),
	row("ttl", "1..255", "255", 'C', "The TTL or hop limit of packets sent, and with max_hops the least accepted.", readBFDTTL),
	row("hoplimit", "1..255", "255", 'C', "The same as ttl, by its name in IPv6.", readBFDTTL),
	row("max_hops", "-1..255", "0", 'C', "How much lower than ttl the TTL of a packet received may be; -1 accepts any.", readMaxHops),
	row("multihop", yesNo, "off", 'C', "Speaks on the port of RFC 5883 for neighbours behind routers.", truth(func(b *builder, v bool) { b.bfd.s.Multihop = v })),
	row("weight", "-253..253 [reverse]", "0", 'B', "What is added to the priority while the session is up (positive) or down (negative); 0 means FAULT while it is down.", readWeight(253, func(b *builder) (*int, *bool) { return &b.bfd.x.Weight, &b.bfd.x.Reverse })),
	row("vrrp", "", "both", 'C', "Only VRRP hears of the session.", mark(func(b *builder) *bool { return &b.bfd.x.VRRP })),
	row("checker", "", "both", 'C', "Only checkers hear of the session.", mark(func(b *builder) *bool { return &b.bfd.x.Checker })),
}

// readBFD reads a bfd_instance.
func readBFD(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	name := b.named(k, n)
	if name == "" || !b.unique("bfd_instance", name, n.Pos) {
		return nil
	}
	if len(name) > 31 {
		b.err(n.ArgPos(0), RuleOutOfRange, "the name of a BFD session is longer than 31 bytes; it is ignored", "")
		return nil
	}
	b.extra(n, 1)
	d := &bfdDraft{
		s: bfd.Settings{Name: name, MinRx: bfdInterval, MinTx: bfdInterval, IdleTx: bfdIdle, Multiplier: bfdMultiplier},
		x: BFD{Name: name},
	}
	b.bfd = d
	children := b.statements(n.Children, k.Path())
	b.bfd = nil
	if !b.finishBFD(d, n) {
		delete(b.names["bfd_instance"], name)
		return nil
	}
	b.c.Sessions = append(b.c.Sessions, d.s)
	b.c.BFD = append(b.c.BFD, d.x)
	return blockOf(k, n, children, name)
}

// finishBFD settles what keywords say together.
func (b *builder) finishBFD(d *bfdDraft, n *syntax.Node) bool {
	s := &d.s
	switch {
	case !s.Neighbor.IsValid():
		b.err(n.Pos, RuleMissingAddress, "bfd_instance '"+s.Name+"' has no neighbour; it is ignored", "neighbor_ip ADDRESS")
		return false
	case s.Local.IsValid() && family(s.Local) != family(s.Neighbor):
		b.err(n.Pos, RuleAddressFamily, "source_ip and neighbor_ip of bfd_instance '"+s.Name+"' are of different families; it is ignored", "")
		return false
	case slices.ContainsFunc(b.c.Sessions, func(o bfd.Settings) bool {
		return o.Neighbor == s.Neighbor && o.Multihop == s.Multihop && (o.Local == s.Local || !o.Local.IsValid() || !s.Local.IsValid())
	}):
		b.err(n.Pos, RuleDuplicateAddress, "there is a BFD session with "+s.Neighbor.String()+" already; '"+s.Name+"' is ignored", "")
		return false
	}
	s.TTL, s.MinTTL = uint8(d.ttl.or(bfdTTL)), int(d.ttl.or(bfdTTL))
	if !d.ttl.set && s.Neighbor.Is6() {
		s.MinTTL = bfdLeastHopLimit
	}
	hops := d.hops.or(0)
	if hops > int64(s.TTL) {
		b.warn(d.hops.pos, RuleOutOfRange, "max_hops is more than the TTL; "+strconv.Itoa(int(s.TTL))+" is used", "")
		hops = int64(s.TTL)
	}
	d.x.MaxHops = int(hops)
	if s.MinTTL -= int(hops); hops < 0 || s.MinTTL < 0 {
		s.MinTTL = 0
	}
	if !d.x.VRRP && !d.x.Checker {
		d.x.VRRP, d.x.Checker = true, true
	}
	return true
}

// BFDByName gives what stands beside the settings of a session, or nil.
func (c *Config) BFDByName(name string) *BFD {
	for i := range c.BFD {
		if c.BFD[i].Name == name {
			return &c.BFD[i]
		}
	}
	return nil
}

func readNeighbor(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	a, err := netip.ParseAddr(word)
	if err != nil || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" && !a.IsLinkLocalUnicast() {
		b.err(n.ArgPos(0), RuleBadAddress, "'"+clip(word)+"' is not the address of a neighbour", "")
		return nil
	}
	if a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "" {
		b.err(n.ArgPos(0), RuleBadAddress, "the link-local address '"+clip(word)+"' needs its interface", word+"%INTERFACE")
		return nil
	}
	b.bfd.s.Neighbor = a.Unmap()
	return same(k, n, b.bfd.s.Neighbor.String())
}

func readBFDSource(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	a, ok := b.address(word, n.ArgPos(0))
	if !ok {
		return nil
	}
	b.bfd.s.Local = a
	return same(k, n, a.String())
}

func readBFDTTL(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return number(1, 255, func(b *builder, v int64) { b.bfd.ttl = opt[int64]{v, true, n.Pos} })(b, k, n)
}

func readMaxHops(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return number(-1, 255, func(b *builder, v int64) { b.bfd.hops = opt[int64]{v, true, n.Pos} })(b, k, n)
}

// millis takes milliseconds with up to three decimals, as many as a packet can tell.
func millis(least time.Duration, field func(*bfdDraft) *time.Duration) reader {
	const most = math.MaxUint32 * time.Microsecond
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		word, ok := b.value(k, n)
		if !ok {
			return nil
		}
		v, ok := parseSeconds(word)
		if v /= 1000; !ok || v%time.Microsecond != 0 {
			b.err(n.ArgPos(0), RuleBadNumber, "'"+clip(word)+"' is not a time in milliseconds; it is ignored", "at most three decimals")
			return nil
		}
		if v < least || v > most {
			b.err(n.ArgPos(0), RuleOutOfRange, "'"+clip(word)+"' is not from "+formatMillis(least)+" to "+formatMillis(most)+" milliseconds; it is ignored", "")
			return nil
		}
		*field(b.bfd) = v
		return same(k, n, formatMillis(v))
	}
}

func formatMillis(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', -1, 64)
}

// trackedBFD finds the session that a track_bfd line names.
func (b *builder) trackedBFD(t *trackLine) bool {
	x := b.c.BFDByName(t.Name)
	if x == nil || !x.VRRP {
		return false
	}
	t.Weight, t.Reverse = x.Weight, x.Reverse
	return true
}

// sessions describes the BFD sessions.
func (r *rowWriter) sessions() {
	for i := range r.c.Sessions {
		s, x := &r.c.Sessions[i], &r.c.BFD[i]
		r.add(event.Row{BFD: &event.BFDRow{
			Subject: event.Subject{Kind: event.SubjectBFD, Name: s.Name}, Index: i + 1, Neighbor: s.Neighbor, Source: s.Local,
			MinRx: s.MinRx, MinTx: s.MinTx, IdleTx: s.IdleTx, Multiplier: s.Multiplier, Passive: s.Passive, Multihop: s.Multihop,
			TTL: s.TTL, MaxHops: x.MaxHops, Weight: x.Weight, Reverse: x.Reverse,
		}})
	}
}

const noMaps = "each address of a virtual_server_group is a service of its own"

// lvsKeywords are the rows of global_defs about IPVS.
var lvsKeywords = []Keyword{
	row("lvs_timeouts", "[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]", "the kernel's", 'B', "The time-outs of IPVS connections.", readTimeouts),
	row("lvs_flush", "", "off", 'B', "Removes every IPVS service at the start.", mark(func(b *builder) *bool { return &b.c.Global.LVSFlush })),
	row("lvs_flush_on_stop", "[VS]", "off", 'B', "Removes every IPVS service at stop, or with VS those that are configured.", readFlushOnStop),
	old("lvs_flush_onstop", "lvs_flush_on_stop", "[VS]", readFlushOnStop),
	row("lvs_sync_daemon", "INTERFACE [inst] INSTANCE [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]", "", 'B', "Runs the daemon that copies IPVS connections, as master or backup like an instance.", readSyncDaemon),
	row("nftables_ipvs", "[TABLE]", "keepalived_ipvs", 'C', "Lets one IPVS service serve a whole group by marks that nftables sets.", kept).inert(noMaps),
	row("nftables_ipvs_priority", "N", "-1", 'C', "The priority of the chains for that.", number(math.MinInt32, math.MaxInt32, func(*builder, int64) {})).inert(noMaps),
	row("nftables_ipvs_start_fwmark", "N", "1000", 'C', "The first mark for that.", number(1, math.MaxUint32, func(*builder, int64) {})).inert(noMaps),
	row("lvs_netlink_cmd_rcv_bufs", "BYTES", "the kernel's", 'C', "The receive buffer of the check worker's socket for commands.", number(0, math.MaxUint32, func(*builder, int64) {})).inert(noBuffers),
	row("lvs_netlink_cmd_rcv_bufs_force", yesNo, "off", 'C', "Takes that size even beyond the kernel's limit.", truth(func(*builder, bool) {})).inert(noBuffers),
	row("lvs_netlink_monitor_rcv_bufs", "BYTES", "the kernel's", 'C', "The receive buffer of the check worker's socket for messages.", number(0, math.MaxUint32, func(*builder, int64) {})).inert(noBuffers),
	row("lvs_netlink_monitor_rcv_bufs_force", yesNo, "off", 'C', "Takes that size even beyond the kernel's limit.", truth(func(*builder, bool) {})).inert(noBuffers),
}

// Timeouts are lvs_timeouts; 0 leaves what the kernel has.
type Timeouts struct {
	TCP, FIN, UDP time.Duration
}

// readTimeouts takes lvs_timeouts. compat: a time that is no number is passed over alone.
func readTimeouts(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if len(n.Args) == 0 {
		b.err(n.Pos, RuleMissingValue, "'"+n.Keyword+"' lacks its value; it is ignored", n.Keyword+" "+k.Form)
		return nil
	}
	t := &b.c.Global.LVSTimeouts
	var words []string
	for i := 0; i < len(n.Args); i++ {
		field := map[string]*time.Duration{"tcp": &t.TCP, "tcpfin": &t.FIN, "udp": &t.UDP}[n.Args[i].Text]
		if field == nil || i+1 >= len(n.Args) {
			b.err(n.ArgPos(i), RuleBadWord, "'"+n.Keyword+"' does not know '"+clip(n.Args[i].Text)+"', or it lacks its value; it is ignored", k.Form)
			continue
		}
		i++
		v, ok := b.integer(n.Args[i].Text, n.ArgPos(i), 0, persistMost)
		if !ok {
			continue
		}
		*field = time.Duration(v) * second
		words = append(words, n.Args[i-1].Text, strconv.FormatInt(v, 10))
	}
	if len(words) == 0 {
		return nil
	}
	return same(k, n, words...)
}

func readFlushOnStop(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	b.c.Global.LVSFlushEnd = "all"
	if len(n.Args) == 0 {
		return same(k, n)
	}
	return oneOf([]string{"VS"}, func(b *builder, s string) { b.c.Global.LVSFlushEnd = s })(b, k, n)
}

// readSyncDaemon takes the words of lvs_sync_daemon, in today's form or as INTERFACE INSTANCE [ID].
func readSyncDaemon(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	switch {
	case len(n.Args) == 0:
		_, _ = b.value(k, n)
		return nil
	case len(n.Args) == 1: // compat
		b.note(n.Pos, RuleMissingValue, "'"+n.Keyword+"' names no instance to follow; it is ignored", n.Keyword+" "+k.Form)
		return nil
	case b.c.Global.LVSSyncDaemon.Interface != "":
		b.warn(n.Pos, RuleDuplicateKeyword, "there is a '"+n.Keyword+"' already; this one is ignored", "")
		return nil
	}
	d := SyncDaemon{Interface: n.Arg(0), ID: -1}
	for i := 1; i < len(n.Args); i++ {
		limits := map[string][2]int64{"id": {0, 255}, "maxlen": {1, 65507}, "port": {1, 65535}, "ttl": {1, 255}}
		fields := map[string]*int{"id": &d.ID, "maxlen": &d.MaxLen, "port": &d.Port, "ttl": &d.TTL}
		word := n.Args[i].Text
		if l, ok := limits[word]; ok && i+1 < len(n.Args) {
			i++
			v, good := b.integer(n.Args[i].Text, n.ArgPos(i), l[0], l[1])
			if !good {
				return nil
			}
			*fields[word] = int(v)
			continue
		}
		switch {
		case word == "inst" && i+1 < len(n.Args):
			i++
			d.Instance = n.Args[i].Text
		case word == "group" && i+1 < len(n.Args):
			i++
			a, good := b.address(n.Args[i].Text, n.ArgPos(i))
			if !good || !a.IsMulticast() {
				b.err(n.ArgPos(i), RuleBadAddress, "'"+clip(n.Args[i].Text)+"' is not a multicast address", "")
				return nil
			}
			d.Group = netip.Addr.String(a)
		case d.Instance == "":
			d.Instance = word
		default:
			v, good := b.integer(word, n.ArgPos(i), 0, 255)
			if !good {
				return nil
			}
			b.note(n.ArgPos(i), RuleOldSpelling, "the id without its word is an old spelling", "id "+word)
			d.ID = int(v)
		}
	}
	b.c.Global.LVSSyncDaemon = d
	return kept(b, k, n)
}
