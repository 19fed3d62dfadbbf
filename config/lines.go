// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// addressLine is an address with its place.
type addressLine struct {
	vrrp.Address
	pos, dev syntax.Pos
	vmac     bool // use_vmac
}

type staticAddress struct {
	addressLine
	group string
}

type peerLine struct {
	vrrp.Peer
	pos syntax.Pos
}

// scopes are the names of address scopes (RT_SCOPE numbers of the kernel).
var scopes = map[string]uint8{"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}

// readAddresses reads the lines of an address block.
func readAddresses(list func(*draft) *[]addressLine) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		lines := list(b.inst)
		var out []*syntax.Node
		for _, c := range n.Children {
			a, words, _, ok := b.addressLine(c, false)
			if !ok {
				continue
			}
			if slices.ContainsFunc(*lines, func(o addressLine) bool { return o.Prefix.Addr() == a.Prefix.Addr() && o.Interface == a.Interface }) {
				b.note(a.pos, RuleDuplicateAddress, a.Prefix.Addr().String()+" is listed already", "")
				continue
			}
			*lines = append(*lines, a)
			out = append(out, listed(c, words...))
		}
		return blockOf(k, n, out)
	}
}

// addressLine reads one line: an address, then options in any order. words is the line in canonical order.
func (b *builder) addressLine(n *syntax.Node, static bool) (a addressLine, words []string, group string, ok bool) {
	w := n.Words()
	if n.HasBlock {
		b.err(n.Pos, RuleUnexpectedBlock, "an address takes no block", "")
	}
	p, ok := b.prefix(w[0].Text, w[0].Pos)
	if !ok {
		return a, nil, "", false
	}
	a = addressLine{Address: vrrp.Address{Prefix: p, PreferredLft: vrrp.Forever}, pos: n.Pos}
	six := p.Addr().Is6()
	if six && p.IsSingleIP() {
		a.PreferredLft = 0 // compat: a single IPv6 address is deprecated, so that it is not used as a source
	}
	lifetime := false
	for i := 1; i < len(w); i++ {
		at := w[i].Pos
		next := func() (string, bool) {
			if i+1 >= len(w) {
				b.err(at, RuleMissingValue, "'"+w[i].Text+"' lacks its value", "")
				return "", false
			}
			i++
			return w[i].Text, true
		}
		switch option := w[i].Text; option {
		case "dev":
			if v, has := next(); has {
				a.Interface, a.dev = v, w[i].Pos
				if !b.known(v, w[i].Pos) {
					return a, nil, "", false
				}
			}
		case "scope":
			if v, has := next(); has && b.onlyIPv4(six, option, at) {
				b.scope(&a, v, w[i].Pos)
			}
		case "label":
			v, has := next()
			if !has || !b.onlyIPv4(six, option, at) {
				continue
			}
			if len(v) > 15 {
				b.err(w[i].Pos, RuleOutOfRange, "label '"+clip(v)+"' is longer than 15 bytes; the address is ignored", "")
				return a, nil, "", false
			}
			a.Label = v
		case "broadcast", "brd":
			if v, has := next(); has && b.onlyIPv4(six, option, at) {
				b.broadcast(&a, v, w[i].Pos)
			}
		case "peer":
			if v, has := next(); has {
				b.peer(&a, v, w[i].Pos)
				if six && a.Peer.IsSingleIP() && !lifetime {
					a.PreferredLft = 0 // compat: its prefix counts
				}
			}
		case "preferred_lft":
			if v, has := next(); has {
				lifetime = b.lifetime(&a, v, w[i].Pos)
			}
		case "use_vmac":
			a.vmac = b.addressVMAC(static, at)
		case "track_group":
			if v, has := next(); has {
				if static {
					group = v
				} else {
					b.err(at, RuleUnusedAddressLine, "'track_group' is for static addresses alone", "")
				}
			}
		default:
			if !a.mark(option) {
				b.err(at, RuleBadWord, "an address has no option '"+clip(option)+"'; it is ignored", "dev, label, scope, brd, peer, ...")
			}
		}
	}
	return a, a.words(lifetime, group), group, true
}

// mark sets an option that has no value, if there is one of that name.
func (a *addressLine) mark(option string) bool {
	switch option {
	case "home":
		a.Home = true
	case "-nodad": // compat: it takes away what IPv6 addresses have without it
		a.DAD = true
	case "mngtmpaddr":
		a.ManageTempAddr = true
	case "noprefixroute":
		a.NoPrefixRoute = true
	case "autojoin":
		a.AutoJoin = true
	case "no_track":
		a.NoTrack = true
	default:
		return false
	}
	return true
}

func (b *builder) addressVMAC(static bool, at syntax.Pos) bool {
	if static {
		b.err(at, RuleUnusedAddressLine, "a static address cannot have a virtual MAC address", "")
	}
	return !static
}

func (b *builder) onlyIPv4(six bool, option string, at syntax.Pos) bool {
	if six {
		b.err(at, RuleAddressFamily, "an IPv6 address takes no "+option+"; it is ignored", "")
	}
	return !six
}

func (b *builder) peer(a *addressLine, v string, at syntax.Pos) {
	peer, ok := b.prefix(v, at)
	if ok && peer.Addr().Is4() != a.Prefix.Addr().Is4() {
		b.err(at, RuleAddressFamily, "the peer is of another family than the address; it is ignored", "")
	} else if ok {
		a.Peer = peer
	}
}

func (b *builder) scope(a *addressLine, v string, at syntax.Pos) {
	s, ok := scopes[v]
	if n, err := strconv.ParseUint(v, 0, 8); !ok && err == nil {
		s, ok = uint8(n), true
	}
	if !ok {
		b.err(at, RuleBadWord, "unknown scope '"+clip(v)+"'; it is ignored", "global, site, link, host, nowhere or 0 to 255")
		return
	}
	a.Scope = s
}

// broadcast takes an address, + for host bits all ones, or - for all zeros.
func (b *builder) broadcast(a *addressLine, v string, at syntax.Pos) {
	if v != "+" && v != "-" {
		addr, ok := b.address(v, at)
		if ok && addr.Is6() {
			b.err(at, RuleAddressFamily, "the broadcast address is not IPv4; it is ignored", "")
		} else if ok {
			a.Broadcast = addr
		}
		return
	}
	if a.Prefix.Bits() > 30 {
		b.err(at, RuleBadAddress, "'brd "+v+"' needs a prefix of at most 30 bits; it is ignored", "")
		return
	}
	base := a.Prefix.Masked().Addr().As4()
	if v == "+" {
		for i := a.Prefix.Bits(); i < 32; i++ {
			base[i/8] |= 1 << (7 - i%8)
		}
	}
	a.Broadcast = netip.AddrFrom4(base)
}

func (b *builder) lifetime(a *addressLine, v string, at syntax.Pos) bool {
	if v == "forever" {
		a.PreferredLft = vrrp.Forever
		return true
	}
	n, ok := b.integer(v, at, 0, math.MaxUint32-1)
	if ok {
		a.PreferredLft = uint32(n)
	}
	return ok
}

// words writes the line in canonical order.
func (a *addressLine) words(lifetime bool, group string) []string {
	w := []string{formatPrefix(a.Prefix)}
	add := func(set bool, words ...string) {
		if set {
			w = append(w, words...)
		}
	}
	add(a.Broadcast.IsValid(), "brd", a.Broadcast.String())
	add(a.Interface != "", "dev", a.Interface)
	for name, n := range scopes {
		add(a.Scope != 0 && n == a.Scope, "scope", name)
	}
	if !slices.Contains(w, "scope") {
		add(a.Scope != 0, "scope", strconv.Itoa(int(a.Scope)))
	}
	add(a.Label != "", "label", a.Label)
	if a.Peer.IsValid() {
		add(true, "peer", formatPrefix(a.Peer))
	}
	add(a.Home, "home")
	add(a.DAD, "-nodad")
	add(a.ManageTempAddr, "mngtmpaddr")
	add(a.NoPrefixRoute, "noprefixroute")
	add(a.AutoJoin, "autojoin")
	add(a.NoTrack, "no_track")
	add(a.vmac, "use_vmac")
	if lifetime {
		left := "forever"
		if a.PreferredLft != vrrp.Forever {
			left = strconv.FormatUint(uint64(a.PreferredLft), 10)
		}
		add(true, "preferred_lft", left)
	}
	add(group != "", "track_group", group)
	return w
}

func readStaticAddresses(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	var out []*syntax.Node
	for _, c := range n.Children {
		a, words, group, ok := b.addressLine(c, true)
		if !ok {
			continue
		}
		b.statics = append(b.statics, staticAddress{a, group})
		if group != "" {
			b.followers = append(b.followers, follower{group, slices.DeleteFunc([]string{a.Interface}, func(s string) bool { return s == "" }), a.pos})
		}
		out = append(out, listed(c, words...))
	}
	return blockOf(k, n, out)
}

// readPeers reads the lines of unicast_peer.
func readPeers(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	b.inst.unicastBlock = opt[bool]{true, true, n.Pos}
	var out []*syntax.Node
	for _, c := range n.Children {
		w := c.Words()
		word, length, given := strings.Cut(w[0].Text, "/")
		addr, ok := b.address(word, w[0].Pos)
		if !ok {
			continue
		}
		if given { // compat
			b.note(w[0].Pos, RuleExtraWords, "a peer is one address; nothing is done with '/"+clip(length)+"'", "")
		}
		p := peerLine{vrrp.Peer{Addr: addr, MinTTL: -1, MaxTTL: -1}, c.Pos}
		words := []string{addr.String()}
		for i := 1; i < len(w); i++ {
			option := w[i].Text
			if (option != "min_ttl" && option != "max_ttl") || i+1 >= len(w) {
				b.err(w[i].Pos, RuleBadWord, "a peer has no option '"+clip(option)+"', or it lacks its value", "min_ttl N or max_ttl N")
				break
			}
			i++
			v, ok := b.integer(w[i].Text, w[i].Pos, 0, 255)
			if !ok {
				continue
			}
			// compat: a bound on the TTL implies check_unicast_src.
			b.inst.s.CheckUnicastSrc = true
			if option == "min_ttl" {
				p.MinTTL = int(v)
			} else {
				p.MaxTTL = int(v)
			}
			words = append(words, option, strconv.FormatInt(v, 10))
		}
		if p.MinTTL >= 0 && p.MaxTTL >= 0 && p.MinTTL > p.MaxTTL {
			b.warn(c.Pos, RuleIncompatible, "min_ttl is more than max_ttl, so nothing of this peer is ever heard", "")
		}
		b.inst.peers = append(b.inst.peers, p)
		out = append(out, listed(c, words...))
	}
	return blockOf(k, n, out)
}

// readLinkDelays reads the lines of interface_up_down_delays. compat: without a second time an interface that is up
// again is believed at once.
func readLinkDelays(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	var out []*syntax.Node
	for _, c := range n.Children {
		w := c.Words()
		if len(w) < 2 {
			b.note(c.Pos, RuleMissingValue, "'"+clip(w[0].Text)+"' has no delay, so nothing is done for it", "INTERFACE DOWN [UP]") // compat
			continue
		}
		b.extra(c, 2)
		var d [2]time.Duration
		ok := true
		for i := 1; i < min(3, len(w)) && ok; i++ {
			d[i-1], ok = b.seconds(w[i].Text, w[i].Pos, 0, 255*second)
		}
		if ok && b.e.Interface != nil && !b.g.dynamic {
			if _, exists := b.e.Interface(w[0].Text); !exists {
				b.warn(c.Pos, RuleUnknownInterface, "interface "+clip(w[0].Text)+" does not exist; its delay is ignored", "")
				b.drop[c] = true
				ok = false
			}
		}
		if !ok {
			continue
		}
		b.c.VRRP.LinkDelays = append(b.c.VRRP.LinkDelays, vrrp.LinkDelay{Interface: w[0].Text, Down: d[0], Up: d[1]})
		words := []string{w[0].Text, formatSeconds(d[0])}
		if d[1] > 0 {
			words = append(words, formatSeconds(d[1]))
		}
		out = append(out, listed(c, words...))
	}
	return blockOf(k, n, out)
}

// quoteAll writes words as one line.
func quoteAll(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = syntax.Quote(w)
	}
	return strings.Join(out, " ")
}

// finishFilter settles the packet filter.
func (b *builder) finishFilter() {
	f := &b.c.Global.Firewall
	b.c.VRRP.Filter = vrrp.Filter{Priority: f.Priority, Counters: f.Counters, Mark: b.c.Global.Instance}
	if f.Chosen {
		b.c.VRRP.Filter.Table = f.Table
	}
}

// finishVMAC gives an instance and its addresses the interfaces with virtual MAC addresses that they ask for. compat:
// an address of the other family stays on the interface below unless use_vmac_addr, or use_vmac in its line, asks for
// one of its own; and those of an instance on an ipvlan, which has the MAC address of the interface below, stay there.
func (b *builder) finishVMAC(d *draft) {
	s, v := &d.s, &d.extra.VMAC
	s.XmitBase = v.XmitBase || s.Unicast
	if v.Use && s.Interface == "" {
		b.err(d.node.Pos, RuleMissingInterface, "vrrp_instance '"+s.Name+"' has no interface to put one with a virtual MAC address on; none is made", "interface INTERFACE")
		v.Use = false
	}
	if v.XmitBase && !v.Use {
		b.warn(d.xmitBase, RuleIncompatible, "vmac_xmit_base is for use_vmac alone; it is ignored", "")
	}
	if v.IPVLAN && v.Source.IsValid() && family(v.Source.Addr()) != s.Family {
		b.err(d.node.Pos, RuleAddressFamily, "vrrp_instance '"+s.Name+"': the address of the ipvlan is of another family; it is ignored", "")
		v.Source = netip.Prefix{}
	}
	if v.Use && v.IPVLAN && s.Family == 4 && !v.Source.IsValid() {
		b.err(d.node.Pos, RuleMissingValue, "vrrp_instance '"+s.Name+"': an ipvlan needs an address of its own to send IPv4 adverts from; none is made", "use_ipvlan ADDRESS")
		v.Use = false
	}
	if v.Use {
		six := s.Family == 6 || slices.ContainsFunc(s.Excluded, func(a vrrp.Address) bool { return a.Prefix.Addr().Is6() })
		s.VMAC = b.vmac(vrrp.VMAC{
			Name: v.Name, Base: s.Interface, MAC: b.macOf(v, s.Family, s.VRID), IPVLAN: v.IPVLAN, Flag: v.Flag, Group: v.Group,
			IPv4: s.Family == 4, IPv6: six, LocalSource: s.Family == 6 && !s.XmitBase && !v.IPVLAN, Source: v.Source,
		}, cmp.Or(b.g.vmacPrefix, "vrrp"), s, d.node.Pos)
		if v.IPVLAN && !s.Source.IsValid() && v.Source.IsValid() {
			s.Source = v.Source.Addr()
		}
	}
	single := map[netip.Prefix]bool{}
	for _, list := range [][]addressLine{d.addresses, d.excluded} {
		for _, a := range list {
			single[a.Prefix] = single[a.Prefix] || a.vmac
		}
	}
	for _, list := range [][]vrrp.Address{s.Addresses, s.Excluded} {
		for i := range list {
			a := &list[i]
			on, f := cmp.Or(a.Interface, s.Interface), family(a.Prefix.Addr())
			switch {
			case s.VMAC != "" && !v.IPVLAN && on == s.Interface && f == s.Family:
				a.Interface = s.VMAC
			case on != "" && (v.Addresses && !v.IPVLAN || single[a.Prefix]):
				a.Interface = b.vmac(vrrp.VMAC{
					Base: on, MAC: b.macOf(&VMAC{}, f, s.VRID), Group: -1, IPv4: f == 4, IPv6: f == 6, LocalSource: f == 6,
				}, cmp.Or(b.g.vmacAddrPrefix, b.g.vmacPrefix, "vrrp"), s, d.node.Pos)
			}
		}
	}
}

// macOf is RFC 9568 section 7.3: 00-00-5E-00-01-{VRID}, for IPv6 00-00-5E-00-02-{VRID}, unless another is asked for.
func (b *builder) macOf(v *VMAC, family, vrid uint8) [6]byte {
	if v.MAC != "" {
		mac, _ := octets(v.MAC, vrid)
		return mac
	}
	mac := [6]byte{0, 0, 0x5e, 0, 1, vrid}
	if family == 6 {
		mac[4] = 2
	}
	return mac
}

// vmac gives the name of an interface with a virtual MAC address, which is noted if it is new.
func (b *builder) vmac(v vrrp.VMAC, prefix string, s *vrrp.InstanceSettings, at syntax.Pos) string {
	for i := range b.c.VRRP.VMACs {
		o := &b.c.VRRP.VMACs[i]
		if same := o.Base == v.Base && o.IPVLAN == v.IPVLAN && o.MAC == v.MAC; same && !v.IPVLAN && (v.Name == "" || v.Name == o.Name) {
			o.IPv4, o.IPv6, o.LocalSource = o.IPv4 || v.IPv4, o.IPv6 || v.IPv6, o.LocalSource || v.LocalSource
			return o.Name
		}
		if o.Name == v.Name {
			b.err(at, RuleDuplicateName, "vrrp_instance '"+s.Name+"': interface '"+v.Name+"' is that of another instance; another name is used", "")
			v.Name = ""
		}
	}
	if v.Name == "" {
		v.Name = b.vmacFree(&v, prefix, s.VRID)
	}
	b.c.VRRP.VMACs = append(b.c.VRRP.VMACs, v)
	return v.Name
}

// vmacFree is the name of an interface that has none yet: one that is on the machine already with the right MAC
// address, or the first that is free. compat: prefix.VRID, for IPv6 then prefix6.VRID, then a number counted up.
func (b *builder) vmacFree(v *vrrp.VMAC, prefix string, vrid uint8) string {
	names := []string{fmt.Sprintf("%s.%d", prefix, vrid)}
	if !v.IPv4 {
		names = append(names, fmt.Sprintf("%s6.%d", prefix, vrid))
	}
	for n := 1; n < 256; n++ {
		names = append(names, fmt.Sprintf("%s%d.%d", prefix, n, vrid))
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return len(name) > 15 || slices.ContainsFunc(b.c.VRRP.VMACs, func(o vrrp.VMAC) bool { return o.Name == name })
	})
	if b.e.MAC == nil || v.IPVLAN {
		return names[0]
	}
	free := ""
	for k, name := range names {
		mac, there := b.e.MAC(name)
		if there && mac == v.MAC {
			return name
		}
		if !there && free == "" {
			free = name
		}
		if free != "" && k > 3 {
			break // what was made earlier is among the first ones
		}
	}
	return cmp.Or(free, names[0])
}

// checkReferences looks at what refers to instances.
func (b *builder) checkReferences() {
	known := func(name string) bool {
		return slices.ContainsFunc(b.c.VRRP.Instances, func(s vrrp.InstanceSettings) bool { return s.Name == name })
	}
	for i := range b.c.TrackGroups {
		g := &b.c.TrackGroups[i]
		g.Instances = slices.DeleteFunc(g.Instances, func(name string) bool {
			if known(name) {
				return false
			}
			b.note(b.names["track_group"][g.Name], RuleUnknownReference, "vrrp_instance '"+clip(name)+"' of track_group '"+g.Name+"' does not exist; it is left out", "")
			return true
		})
	}
	for _, f := range b.followers {
		k := slices.IndexFunc(b.c.TrackGroups, func(g TrackGroup) bool { return g.Name == f.group })
		switch {
		case k < 0:
			b.err(f.pos, RuleUnknownReference, "track_group '"+clip(f.group)+"' does not exist", "")
		case len(f.devices) == 0:
			b.note(f.pos, RuleMissingInterface, "nothing without an interface can be followed; its track_group is ignored", "dev INTERFACE")
		default:
			b.followedBy(b.c.TrackGroups[k].Instances, f.devices)
		}
	}
}

// followedBy lets instances follow interfaces. compat: that is what track_group does; what is static itself is added
// again when somebody else removes it.
func (b *builder) followedBy(instances, devices []string) {
	for i := range b.c.VRRP.Instances {
		s := &b.c.VRRP.Instances[i]
		if !slices.Contains(instances, s.Name) {
			continue
		}
		for _, dev := range devices {
			if dev == s.Interface || slices.ContainsFunc(s.Tracks, func(t vrrp.Track) bool { return t.Kind == event.SubjectInterface && t.Name == dev }) {
				continue
			}
			s.Tracks = append(s.Tracks, vrrp.Track{Kind: event.SubjectInterface, Name: dev})
		}
	}
}
