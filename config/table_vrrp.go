// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/hex"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/engine/vrrp/auth"
)

// draft is a vrrp_instance as far as it has been read. What is not in s yet depends on what may come later.
type draft struct {
	s     vrrp.InstanceSettings
	extra Instance
	told  notify.SubjectSettings
	node  *syntax.Node

	native6                                            bool
	state, interf, vrid, priority, version             opt[int64]
	advert, preemptDelay                               opt[time.Duration]
	downAdverts                                        opt[int64]
	nopreempt                                          opt[bool]
	accept                                             opt[bool]
	noAddresses                                        bool
	strict, skipCheck, lowerNoAdvert, higherSend       opt[bool]
	ownerIgnore, v3Checksum, checkSource, alert, prios opt[bool]
	garpDelay, garpRefresh, garpLowerDelay             opt[int64]
	garpRepeat, garpRefreshRepeat, garpLowerRep        opt[int64]
	garpExtra                                          opt[time.Duration]
	unicastBlock, unicastSource                        opt[bool]
	source, dest                                       opt[netip.Addr]
	authType                                           opt[vrrp.Auth]
	authPass                                           opt[string]
	hmac                                               *hmacDraft
	addresses, excluded                                []addressLine
	tracks                                             []trackLine
	peers                                              []peerLine
	syncDaemon                                         string
	ttl                                                opt[int64]
	oldChecksum, xmitBase                              syntax.Pos
	vrf                                                opt[string]
}

// instBool sets an optional boolean of the instance being read.
func instBool(field func(*draft) *opt[bool]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		v, ok := b.boolean(n)
		if !ok {
			return nil
		}
		*field(b.inst) = opt[bool]{v, true, n.Pos}
		return same(k, n, onOff(v))
	}
}

// instMark sets an optional boolean by a keyword without value.
func instMark(v bool, field func(*draft) *opt[bool]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.extra(n, 0)
		*field(b.inst) = opt[bool]{v, true, n.Pos}
		return same(k, n)
	}
}

// instInt sets an optional whole number of the instance being read.
func instInt(lo, hi int64, field func(*draft) *opt[int64]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		return number(lo, hi, func(b *builder, v int64) { *field(b.inst) = opt[int64]{v, true, n.Pos} })(b, k, n)
	}
}

// readVersion reads version. compat: version 2 with IPv6 is possible only when it stands before the addresses.
func readVersion(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if n.Arg(0) == "2" && len(b.inst.addresses) > 0 && b.inst.familyOf() == 6 {
		b.warn(n.Pos, RuleIncompatible, "version 2 has no IPv6, and the addresses above are IPv6; it is ignored", "version 3")
		return nil
	}
	if n.Arg(0) == "2" && b.inst.native6 {
		b.warn(n.Pos, RuleIncompatible, "version 2 has no IPv6, and native_ipv6 stands above; it is ignored", "version 3")
		return nil
	}
	return instInt(2, 3, func(d *draft) *opt[int64] { return &d.version })(b, k, n)
}

// instCount is instInt for counts, of which 0 becomes 1.
func instCount(field func(*draft) *opt[int64]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		return atLeastOne(func(b *builder, v int64) { *field(b.inst) = opt[int64]{v, true, n.Pos} })(b, k, n)
	}
}

// instanceKeywords are the rows of vrrp_instance that are about the protocol.
var instanceKeywords = []Keyword{
	row("state", "MASTER|BACKUP", "BACKUP, or MASTER with priority 255", 'A', "The state to start in; a MASTER still waits for one advert interval.", readState),
	row("interface", "INTERFACE", "", 'A', "The interface that adverts are sent and heard on.", readInterface),
	row("virtual_router_id", "1..255", "", 'A', "The number that all routers of this virtual router have in common.", instInt(1, 255, func(d *draft) *opt[int64] { return &d.vrid })),
	row("priority", "1..255", "100", 'A', "Who of several routers becomes MASTER: the highest; 255 is the owner of the addresses.", instInt(1, 255, func(d *draft) *opt[int64] { return &d.priority })),
	row("advert_int", "SECONDS", "1", 'A', "The time between two adverts: whole seconds up to 255 in version 2, hundredths up to 40.95 in version 3.", duration(10*time.Millisecond, 255*second, func(b *builder, v opt[time.Duration]) { b.inst.advert = v })),
	row("version", "2|3", "that of vrrp_version; 3 for IPv6", 'A', "The protocol version.", readVersion),
	row("native_ipv6", "", "by the addresses", 'C', "Sends adverts over IPv6 even when the first address is IPv4.", mark(func(b *builder) *bool { return &b.inst.native6 })),
	row("nopreempt", "", "off", 'A', "A router of higher priority leaves a living MASTER of lower priority alone.", instMark(true, func(d *draft) *opt[bool] { return &d.nopreempt })),
	row("preempt", "", "on", 'B', "The opposite of nopreempt, for old configurations.", instMark(false, func(d *draft) *opt[bool] { return &d.nopreempt })),
	row("preempt_delay", "SECONDS", "0", 'A', "How long a MASTER of lower priority is left alone.", duration(0, 1000*second, func(b *builder, v opt[time.Duration]) { b.inst.preemptDelay = v })),
	row("down_timer_adverts", "1..100", "3", 'C', "How many missed adverts mean that the MASTER is gone.", instInt(1, 100, func(d *draft) *opt[int64] { return &d.downAdverts })),
	row("timer_expired_backup", "[HIGHEST OTHER PRIORITY]", "off", 'C', "A MASTER that ran so late that another must have taken over goes to BACKUP.", readTimerExpired).
		inert("a MASTER that ran late hears the other and gives way by itself"),
	old("thread_timer_expired", "timer_expired_backup", "[1..254]", readTimerExpired),
	row("authentication", "{ ... }", "", 'A', "A password in adverts of version 2; RFC 3768 has abolished it.", readPlainBlock),
	row("auth_hmac", "{ ... }", "", 'C', "Signs adverts with HMAC-SHA-256, of either version; it takes the place of authentication.", readHMAC),
	row("accept", "", "on, off with strict_mode", 'B', "Accepts packets to the addresses.", instMark(true, func(d *draft) *opt[bool] { return &d.accept })),
	row("no_accept", "", "", 'C', "Drops packets to the addresses unless this router owns them.", instMark(false, func(d *draft) *opt[bool] { return &d.accept })),
	row("strict_mode", yesNo, "that of vrrp_strict", 'B', "Holds the instance to the letter of the RFC.", instBool(func(d *draft) *opt[bool] { return &d.strict })),
	row("skip_check_adv_addr", yesNo, "that of vrrp_skip_check_adv_addr", 'B', "The addresses in an advert are compared only when the MASTER changes.", instBool(func(d *draft) *opt[bool] { return &d.skipCheck })),
	row("v3_checksum_as_v2", yesNo, "the global one", 'C', "Leaves the pseudo header out of the checksum of version 3 adverts over IPv4.", instBool(func(d *draft) *opt[bool] { return &d.v3Checksum })),
	row("lower_prio_no_advert", yesNo, "the global one", 'B', "A MASTER does not answer an advert of lower priority.", instBool(func(d *draft) *opt[bool] { return &d.lowerNoAdvert })),
	row("higher_prio_send_advert", yesNo, "the global one", 'B', "A MASTER that is beaten sends one last advert.", instBool(func(d *draft) *opt[bool] { return &d.higherSend })),
	row("owner_ignore_adverts", yesNo, "the global one", 'C', "An address owner ignores every advert it hears.", instBool(func(d *draft) *opt[bool] { return &d.ownerIgnore })),
	row("mcast_src_ip", "ADDRESS", "the first address of the interface", 'B', "The source address of adverts.", readSource),
	row("unicast_src_ip", "ADDRESS", "the first address of the interface", 'A', "The source address of adverts to peers.", readSource),
	row("mcast_dst_ip", "ADDRESS", "the global one", 'C', "Where adverts are sent.", multicast(0, func(b *builder, a netip.Addr) { b.inst.dest = opt[netip.Addr]{v: a, set: true} })),
	row("track_src_ip", "", "off", 'C', "Goes to FAULT when the source address is taken away.", mark(func(b *builder) *bool { return &b.inst.s.TrackSource })),
	row("unicast_peer", "{ ADDRESS [min_ttl N] [max_ttl N] ... }", "", 'A', "Sends adverts to these routers instead of to the multicast group.", readPeers),
	row("unicast_fault_no_peer", "", "off", 'C', "Goes to FAULT when there is no peer, instead of falling back to multicast.", mark(func(b *builder) *bool { return &b.inst.extra.UnicastFaultNoPeer })),
	row("unicast_ttl", "0..255", "255 for IPv4, the kernel's for IPv6", 'C', "The TTL of adverts to peers.", instInt(0, 255, func(d *draft) *opt[int64] { return &d.ttl })),
	row("check_unicast_src", "", "off", 'B', "Adverts count only when they come from a peer.", instMark(true, func(d *draft) *opt[bool] { return &d.checkSource })),
	row("old_unicast_checksum", "[never]", "auto", 'D', "Speaks the checksum of unicast adverts of version 3 that keepalived had before 1.3.7; by default once a peer is heard that does.", readOldChecksum).once("it was for peers before keepalived 1.3.7; leave it out, and the peers decide"),
	row("vrf", "INTERFACE", "", 'C', "The VRF of an instance without interface.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		return limited(15, func(b *builder, s string) { b.inst.vrf = opt[string]{s, true, n.Pos} })(b, k, n)
	}),
	row("dont_track_primary", "", "off", 'B', "Ignores the link state of the instance's own interface.", mark(func(b *builder) *bool { return &b.inst.s.DontTrackPrimary })),
	row("track_interface", "{ INTERFACE [weight N [reverse]] ... }", "", 'A', "Interfaces whose loss means FAULT, or a change of priority.", readTracks(event.SubjectInterface)),
	row("track_script", "{ NAME [weight N [reverse|noreverse]] ... }", "", 'A', "Scripts whose failure means FAULT, or a change of priority.", readTracks(event.SubjectScript)),
	row("track_file", "{ NAME [weight N [reverse|noreverse]] ... }", "", 'B', "Files whose number changes the priority.", readTracks(event.SubjectFile)),
	row("track_process", "{ NAME [weight N [reverse|noreverse]] ... }", "", 'B', "Processes whose absence means FAULT, or a change of priority.", readTracks(event.SubjectProcess)),
	row("track_bfd", "{ NAME [weight N [reverse|noreverse]] ... }", "", 'B', "BFD sessions whose loss means FAULT, or a change of priority.", readTracks(event.SubjectBFD)),
	row("track_virtual_server", "{ \"ADDRESS [PORT] [PROTOCOL]|fwmark N|group NAME\" [weight N [reverse|noreverse]] ... }", "", 'C', "Virtual servers whose lost quorum means FAULT, or a change of the priority.", readServiceTracks),
	row("virtual_ipaddress", "{ ADDRESS[/LEN] [dev INTERFACE] [label NAME] ... }", "", 'A', "The addresses that the MASTER holds and advertises.", readAddresses(func(d *draft) *[]addressLine { return &d.addresses })),
	row("virtual_ipaddress_excluded", "{ ADDRESS[/LEN] [dev INTERFACE] ... }", "", 'B', "Addresses that the MASTER holds and does not advertise; they may be of the other family.", readAddresses(func(d *draft) *[]addressLine { return &d.excluded })),
	row("no_virtual_ipaddress", "", "off", 'C', "Says that it is meant that there is no address.", mark(func(b *builder) *bool { return &b.inst.noAddresses })),
	row("virtual_routes", "{ ROUTE... }", "", 'B', "Routes that the MASTER installs.", readVirtualRoutes),
	row("virtual_rules", "{ RULE... }", "", 'C', "Routing rules that the MASTER installs.", readVirtualRules),
	row("promote_secondaries", "", "off", 'C', "Keeps the other addresses of a subnet when the first one goes.", mark(func(b *builder) *bool { return &b.inst.s.PromoteSecondaries })),
	row("use_vmac", "[[name] INTERFACE] [MAC] [netlink_notify_msg] [group N]", "off", 'B', "Moves the virtual MAC address of the RFC along with the addresses, on an interface of its own.", readVMAC),
	row("use_vmac_addr", "", "off", 'C', "The same for addresses on other interfaces.", mark(func(b *builder) *bool { return &b.inst.extra.VMAC.Addresses })),
	row("vmac_xmit_base", "", "off", 'B', "Sends adverts from the interface below the one with the virtual MAC address.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.inst.xmitBase = n.Pos
		return mark(func(b *builder) *bool { return &b.inst.extra.VMAC.XmitBase })(b, k, n)
	}),
	row("use_ipvlan", "[[name] INTERFACE] [ADDRESS] [bridge|private|vepa] [group N]", "off", 'C', "Runs on an ipvlan interface.", readVMAC),
	row("kernel_rx_buf_size", "BYTES", "that of vrrp_rx_bufs_policy", 'C', "The receive buffer of the instance's socket.", number(0, math.MaxUint32, func(b *builder, v int64) { b.inst.extra.KernelRxBuf = uint32(v) })).inert(noBuffers),
	row("linkbeat_use_polling", "", "", 'D', "Asked for the interface to be polled for its link state.", mark(func(b *builder) *bool { return &b.inst.extra.Linkbeat })).inert(noPolling),
	row("debug", "0..4", "", 'D', "Set a level of logging that never did anything.", number(0, 4, func(*builder, int64) {})).inert("it never had one"),
	row("lvs_sync_daemon_interface", "INTERFACE", "", 'D', "Named the interface of the IPVS sync daemon, which lvs_sync_daemon in global_defs now does.", readInstanceSync).once("it named the interface of the IPVS sync daemon; write lvs_sync_daemon INTERFACE INSTANCE in global_defs"),
	old("lvs_sync_daemon_inteface", "lvs_sync_daemon_interface", "INTERFACE", readInstanceSync),
}

// instanceGarpKeywords are the rows of vrrp_instance about announcements.
var instanceGarpKeywords = []Keyword{
	row("garp_master_delay", "SECONDS", "the global one", 'A', "How long after a transition to MASTER the addresses are announced once more.", instInt(0, math.MaxInt32, func(d *draft) *opt[int64] { return &d.garpDelay })),
	row("garp_master_refresh", "SECONDS", "the global one", 'A', "How often a MASTER announces its addresses again.", instInt(0, math.MaxUint32, func(d *draft) *opt[int64] { return &d.garpRefresh })),
	row("garp_master_repeat", "N", "the global one", 'B', "How often each address is announced at a time.", instCount(func(d *draft) *opt[int64] { return &d.garpRepeat })),
	row("garp_master_refresh_repeat", "N", "the global one", 'B', "How often each address is announced at a refresh.", instCount(func(d *draft) *opt[int64] { return &d.garpRefreshRepeat })),
	row("garp_lower_prio_delay", "SECONDS", "the global one", 'C', "How long after an advert of lower priority the addresses are announced once more.", instInt(0, math.MaxInt32, func(d *draft) *opt[int64] { return &d.garpLowerDelay })),
	row("garp_lower_prio_repeat", "N", "the global one", 'C', "How often each address is announced after an advert of lower priority.", instInt(0, math.MaxInt32, func(d *draft) *opt[int64] { return &d.garpLowerRep })),
	row("garp_extra_if", "[all] SECONDS", "the global one", 'C', "How often addresses on other interfaces are announced.", readGarpExtra),
	old("vmac_garp_intvl", "garp_extra_if", "[all] SECONDS", readGarpExtra),
}

var authKeywords = []Keyword{
	row("auth_type", "PASS|AH", "", 'A', "How adverts are authenticated: by a password in clear, or by an IPsec header.", readAuthType),
	row("auth_pass", "PASSWORD", "", 'A', "The shared password, of which eight bytes count.", readAuthPass),
}

var hmacKeywords = []Keyword{
	row("key", "1..255 STRING|hex:DIGITS|file:PATH", "", 'C', "A key of 32 to 64 bytes and its number; adverts signed with any of them count.", readKey),
	row("active_key", "1..255", "", 'C', "The key that adverts are signed with.", number(1, 255, func(b *builder, v int64) { b.inst.hmac.s.Active = uint8(v) })),
	row("time_window", "1..300", "three advert intervals, at least 5", 'C', "How many seconds the clocks may be apart.", number(1, 300, func(b *builder, v int64) { b.inst.hmac.s.Window = time.Duration(v) * second })),
	row("anti_replay", "time|monotonic", "time", 'C', "How an old advert is told from a new one: by the clock, or only by a number that grows.", oneOf([]string{"time", "monotonic"}, func(b *builder, s string) { b.inst.hmac.s.Monotonic = s == "monotonic" })),
	row("mode", "enforce|permissive|receive-only", "enforce", 'C', "Whether unsigned adverts count (not with enforce), and whether ours are signed (not with receive-only).", oneOf(hmacModes, func(b *builder, s string) { b.inst.hmac.s.Mode = auth.Mode(slices.Index(hmacModes, s)) })),
}

// hmacModes are in the order of auth.Mode.
var hmacModes = []string{"enforce", "permissive", "receive-only"}

// hmacDraft is an auth_hmac block as far as it has been read.
type hmacDraft struct {
	s   auth.Settings
	pos syntax.Pos
}

func readInstance(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	name := b.named(k, n)
	if name == "" || !b.unique("vrrp_instance", name, n.Pos) {
		return nil
	}
	b.extra(n, 1)
	d := &draft{node: n, told: notify.SubjectSettings{Name: name}}
	d.s.Name, d.extra.Name, d.extra.Pos = name, name, n.Pos
	b.inst = d
	c := blockOf(k, n, b.statements(n.Children, k.Path()), name)
	b.inst = nil
	b.drafts = append(b.drafts, d)
	return c
}

// readState takes MASTER or BACKUP. compat: MASTER stays, whatever comes after it.
func readState(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	d := b.inst
	switch word {
	case "MASTER":
		d.state = opt[int64]{int64(event.Master), true, n.Pos}
	case "BACKUP":
		if d.state.set && d.state.v == int64(event.Master) {
			b.warn(n.Pos, RuleDuplicateKeyword, "the state is MASTER already; this one is ignored", "")
			return nil
		}
		d.state = opt[int64]{int64(event.Backup), true, n.Pos}
	default:
		hint := "MASTER or BACKUP"
		if u := strings.ToUpper(word); u == "MASTER" || u == "BACKUP" {
			hint = "did you mean " + u + "?"
		}
		b.err(n.ArgPos(0), RuleBadWord, "unknown state '"+clip(word)+"'; BACKUP is used", hint)
		return nil
	}
	return same(k, n, word)
}

func readInterface(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return limited(15, func(b *builder, s string) {
		b.inst.s.Interface, b.inst.interf = s, opt[int64]{set: true, pos: n.ArgPos(0)}
	})(b, k, n)
}

func readSource(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	a, ok := b.address(word, n.ArgPos(0))
	if !ok {
		return nil
	}
	b.inst.source = opt[netip.Addr]{a, true, n.ArgPos(0)}
	if k.Name == "unicast_src_ip" {
		b.inst.unicastSource = opt[bool]{true, true, n.Pos}
	}
	return same(k, n, a.String())
}

func readTimerExpired(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	v := int64(254)
	if len(n.Args) > 0 {
		var ok bool
		if v, ok = b.integer(n.Args[0].Text, n.ArgPos(0), 1, 254); !ok {
			return nil
		}
	}
	b.inst.extra.TimerExpired = uint8(v)
	return same(k, n, strconv.FormatInt(v, 10))
}

func readOldChecksum(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	switch n.Arg(0) {
	case "":
		b.inst.s.UnicastChecksum = vrrp.ChecksumOld
	case "never":
		b.inst.s.UnicastChecksum = vrrp.ChecksumNew
	default:
		b.err(n.ArgPos(0), RuleBadWord, "'"+n.Keyword+"' does not know '"+clip(n.Arg(0))+"'; it is ignored", "never")
		return nil
	}
	b.inst.oldChecksum = n.Pos
	return kept(b, k, n)
}

func readInstanceSync(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return limited(15, func(b *builder, s string) { b.inst.syncDaemon = s })(b, k, n)
}

func readAuthType(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	return oneOf([]string{"PASS", "AH"}, func(b *builder, s string) {
		kind := vrrp.AuthPass
		if s == "AH" {
			kind = vrrp.AuthAH
		}
		b.inst.authType = opt[vrrp.Auth]{kind, true, n.Pos}
	})(b, k, n)
}

func readAuthPass(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	word, ok := b.value(k, n)
	if !ok {
		return nil
	}
	if len(word) > 8 {
		b.warn(n.ArgPos(0), RuleTruncated, "of a password only eight bytes count; the rest is cut off", "")
		word = word[:8]
	}
	b.inst.authPass = opt[string]{word, true, n.ArgPos(0)}
	return same(k, n, word)
}

// readHMAC reads auth_hmac.
func readHMAC(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if b.inst.hmac != nil {
		b.warn(n.Pos, RuleDuplicateKeyword, "auth_hmac stands in the instance already; this one is ignored", "")
		return nil
	}
	b.inst.hmac = &hmacDraft{pos: n.Pos}
	return readPlainBlock(b, k, n)
}

// readKey reads one key of auth_hmac. The roles that get the consolidated text cannot read files, so that has the key
// itself; the print has what was written.
func readKey(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if len(n.Args) < 2 {
		b.err(n.Pos, RuleMissingValue, "'key' needs a number and the key", k.Name+" "+k.Form)
		return nil
	}
	b.extra(n, 2)
	id, ok := b.integer(n.Args[0].Text, n.ArgPos(0), 1, 255)
	if !ok {
		return nil
	}
	at, text := n.ArgPos(1), n.Args[1].Text
	path, inFile := strings.CutPrefix(text, "file:")
	if inFile {
		if text, ok = b.secret(path, at); !ok {
			b.drop[n] = true
			return nil
		}
	}
	secret := []byte(text)
	if digits, isHex := strings.CutPrefix(text, "hex:"); isHex {
		var err error
		if secret, err = hex.DecodeString(digits); err != nil {
			b.err(at, RuleBadKey, "what follows 'hex:' is not pairs of hexadecimal digits; the key is ignored", "")
			return nil
		}
	}
	if len(secret) < auth.SecretLeast || len(secret) > auth.SecretMost {
		b.err(at, RuleBadKey, "a key has 32 to 64 bytes and this one "+strconv.Itoa(len(secret))+"; it is ignored", "openssl rand -hex 32 makes one, to be written after hex:")
		return nil
	}
	h := b.inst.hmac
	if slices.ContainsFunc(h.s.Keys, func(other auth.Key) bool { return other.ID == uint8(id) }) {
		b.err(n.ArgPos(0), RuleDuplicateName, "key "+strconv.FormatInt(id, 10)+" exists already; this one is ignored", "")
		return nil
	}
	h.s.Keys = append(h.s.Keys, auth.Key{ID: uint8(id), Secret: secret})
	number := strconv.FormatInt(id, 10)
	if inFile {
		b.instead[n] = same(k, n, number, "hex:"+hex.EncodeToString(secret))
	}
	return same(k, n, number, n.Args[1].Text)
}

// secret reads a key from a file.
func (b *builder) secret(path string, at syntax.Pos) (string, bool) {
	if b.e.Secret == nil {
		b.err(at, RuleBadKey, "keys cannot be read from files here; it is ignored", "")
		return "", false
	}
	s, err := b.e.Secret(path)
	if err != nil {
		b.err(at, RuleBadKey, "the key cannot be read: "+err.Error()+"; it is ignored", "")
		return "", false
	}
	if s.Insecure != "" {
		b.warn(at, RuleKeyPermissions, s.Insecure, "chmod 600 "+path)
	}
	return s.Text, true
}

// finishAuth settles authentication and auth_hmac, of which only one can be. compat: auth_hmac wins.
func (b *builder) finishAuth(d *draft) {
	s := &d.s
	if d.hmac != nil {
		b.finishHMAC(d)
	}
	if !d.authType.set {
		if d.authPass.set {
			b.note(d.authPass.pos, RuleIncompatible, "a password without auth_type has no effect", "auth_type PASS")
		}
		return
	}
	why := ""
	switch {
	case s.Version == 3:
		why = "version 3 has no authentication"
	case s.Strict:
		why = "strict_mode does not allow authentication"
	case !d.authPass.set || d.authPass.v == "":
		why = "there is no auth_pass"
	case d.authType.v == vrrp.AuthAH && s.Family == 6:
		why = "AH is for IPv4 alone"
	case d.hmac != nil:
		why = "auth_hmac takes its place"
	}
	if why != "" {
		b.warn(d.authType.pos, RuleIncompatible, why+"; authentication is off", "")
		return
	}
	s.Auth = d.authType.v
	copy(s.AuthPass[:], d.authPass.v)
	if s.Auth == vrrp.AuthAH && s.State == event.Master && !s.Owner() {
		// compat: its sequence begins at 1, and its peers have heard higher ones.
		b.note(d.authType.pos, RuleIncompatible, "AH does not go with the state MASTER; BACKUP is used", "state BACKUP")
		s.State = event.Backup
	}
}

// finishHMAC settles auth_hmac. Who asked for signatures must not run without them, so what keeps them from being made
// is fatal.
func (b *builder) finishHMAC(d *draft) {
	h := d.hmac
	active := slices.ContainsFunc(h.s.Keys, func(k auth.Key) bool { return k.ID == h.s.Active })
	switch {
	case h.s.Active == 0:
		b.fatal(h.pos, RuleMissingValue, "auth_hmac has no active_key", "active_key 1..255")
	case !active:
		b.fatal(h.pos, RuleBadKey, "auth_hmac has no key "+strconv.Itoa(int(h.s.Active))+", which is its active_key", "")
	}
	if d.s.Strict && h.s.Mode != auth.Enforce {
		b.warn(h.pos, RuleStrict, "strict_mode does not go with mode "+hmacModes[h.s.Mode]+" of auth_hmac; enforce is used", "mode enforce")
		h.s.Mode = auth.Enforce
	}
	if h.s.Window == 0 {
		whole := (3*d.s.AdvertInterval + second - 1) / second * second
		h.s.Window = clamp(whole, 5*second, 300*second)
	}
	d.s.AuthHMAC = &h.s
}

// readVMAC takes the words of use_vmac and use_ipvlan.
func readVMAC(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	v := &b.inst.extra.VMAC
	if v.Use {
		b.warn(n.Pos, RuleDuplicateKeyword, "the instance has use_vmac or use_ipvlan already; this one is ignored", "")
		return nil
	}
	*v = VMAC{Use: true, IPVLAN: k.Name == "use_ipvlan", Group: -1, XmitBase: v.XmitBase, Addresses: v.Addresses}
	for i := 0; i < len(n.Args); i++ {
		at := n.ArgPos(i)
		switch w := n.Args[i].Text; {
		case w == "name" && i+1 < len(n.Args):
			i++
			b.vmacName(v, n.Args[i].Text, n.ArgPos(i))
		case w == "group" && i+1 < len(n.Args):
			i++
			if g, ok := b.integer(n.Args[i].Text, n.ArgPos(i), 0, math.MaxUint32); ok {
				v.Group = g
			}
		case v.IPVLAN && ipvlanFlag(w) >= 0:
			v.Flag = uint16(ipvlanFlag(w))
		case v.IPVLAN && strings.ContainsAny(w, ".:") && !v.Source.IsValid():
			if p, ok := b.prefix(w, at); ok {
				v.Source = p
			}
		case strings.Count(w, ":") == 5 || strings.Count(w, ":") == 4:
			if _, ok := octets(w, 0); !ok {
				b.err(at, RuleBadWord, "'"+clip(w)+"' is no MAC address; the one of the RFC is used", "six octets, or five to which the virtual_router_id is added")
				continue
			}
			if m := strings.ToLower(w); strings.HasPrefix(m, "00:00:5e:00:01:") || strings.HasPrefix(m, "00:00:5e:00:02:") {
				b.note(at, RuleIncompatible, "this MAC address is of those that belong to virtual routers by their virtual_router_id", "leave it out")
			}
			v.MAC = w
		case w == "netlink_notify_msg":
			b.note(at, RuleNoEffect, "'netlink_notify_msg' is understood and has no effect: neighbours are told by the announcements", "")
		case v.Name == "" && !strings.Contains(w, ":"):
			b.vmacName(v, w, at)
		default:
			b.err(at, RuleBadWord, "'"+n.Keyword+"' does not know '"+clip(w)+"'", k.Form)
		}
	}
	return kept(b, k, n)
}

// ipvlanFlag is the number of a kind of ipvlan, -1 for another word.
func ipvlanFlag(word string) int { return slices.Index([]string{"bridge", "private", "vepa"}, word) }

func (b *builder) vmacName(v *VMAC, name string, at syntax.Pos) {
	if len(name) > 15 || strings.ContainsAny(name, "/ ") || name == "." || name == ".." {
		b.err(at, RuleOutOfRange, "'"+clip(name)+"' cannot be the name of an interface; one by the virtual_router_id is used", "at most 15 bytes")
		return
	}
	v.Name = name
}

// octets reads a MAC address; the virtual router id is the sixth octet where there are five.
func octets(s string, vrid uint8) (mac [6]byte, ok bool) {
	mac[5] = vrid
	for i, word := range strings.Split(s, ":") {
		v, err := strconv.ParseUint(word, 16, 8)
		if err != nil {
			return mac, false
		}
		mac[i] = byte(v)
	}
	return mac, mac[0]&1 == 0 // a group address is nobody's own
}
