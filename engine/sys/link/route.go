// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	tables = map[string]int{"main": unix.RT_TABLE_MAIN, "local": unix.RT_TABLE_LOCAL, "default": unix.RT_TABLE_DEFAULT}
	scopes = map[string]int{
		"global": unix.RT_SCOPE_UNIVERSE, "universe": unix.RT_SCOPE_UNIVERSE, "site": unix.RT_SCOPE_SITE,
		"link": unix.RT_SCOPE_LINK, "host": unix.RT_SCOPE_HOST, "nowhere": unix.RT_SCOPE_NOWHERE,
	}
	protocols  = map[string]int{"unspec": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "keepalived": Protocol}
	routeTypes = map[string]int{
		"unicast": unix.RTN_UNICAST, "local": unix.RTN_LOCAL, "broadcast": unix.RTN_BROADCAST, "brd": unix.RTN_BROADCAST,
		"anycast": unix.RTN_ANYCAST, "multicast": unix.RTN_MULTICAST, "blackhole": unix.RTN_BLACKHOLE,
		"unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT, "throw": unix.RTN_THROW,
		"nat": unix.RTN_NAT, "xresolve": unix.RTN_XRESOLVE,
	}
)

func familyOf(family uint8) int {
	if family == 6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// routeParser builds one route from words.
type routeParser struct {
	words
	route  *netlink.Route
	family int
	how    string
	index  func(string) (int, error)
}

// parseRoute reads a line of virtual_routes. how is "append" or "".
func parseRoute(list []string, family uint8, index func(string) (int, error)) (r *netlink.Route, how string, err error) {
	p := &routeParser{words: words{list: list}, family: familyOf(family), index: index}
	p.route = &netlink.Route{
		Family: p.family, Protocol: Protocol, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST, Scope: unix.RT_SCOPE_NOWHERE,
	}
	for {
		key, ok := p.next()
		if !ok {
			break
		}
		p.word(key)
	}
	if p.route.Scope == unix.RT_SCOPE_NOWHERE {
		p.route.Scope = impliedScope(p.route)
	}
	return p.route, p.how, p.err
}

// impliedScope is the scope of a route that names none (what ip route does).
func impliedScope(r *netlink.Route) netlink.Scope {
	if r.Family == unix.AF_INET6 {
		return unix.RT_SCOPE_UNIVERSE
	}
	switch r.Type {
	case unix.RTN_LOCAL, unix.RTN_NAT:
		return unix.RT_SCOPE_HOST
	case unix.RTN_BROADCAST, unix.RTN_MULTICAST, unix.RTN_ANYCAST:
		return unix.RT_SCOPE_LINK
	case unix.RTN_UNICAST:
		if r.Gw == nil && len(r.MultiPath) == 0 {
			return unix.RT_SCOPE_LINK
		}
	}
	return unix.RT_SCOPE_UNIVERSE
}

// word reads one keyword and its value.
func (p *routeParser) word(key string) {
	r := p.route
	switch key {
	case "inet", "inet6": // the family is known
	case "to":
		if len(p.list) > 0 {
			if t, ok := routeTypes[p.list[0]]; ok {
				r.Type = t
				p.list = p.list[1:]
			}
		}
		r.Dst = p.prefix(key, p.family)
	case "via", "gw":
		r.Gw = p.addr(key)
	case "src":
		r.Src = p.addr(key)
	case "dev", "oif":
		r.LinkIndex = p.device(key)
	case "table":
		r.Table = p.named(key, 32, tables)
	case "vrf":
		p.fail(key, p.value(key), "name the table of the VRF instead")
	case "metric", "priority", "preference":
		r.Priority = p.number(key, 32)
	case "scope":
		r.Scope = netlink.Scope(p.named(key, 8, scopes))
	case "protocol":
		r.Protocol = netlink.RouteProtocol(p.named(key, 8, protocols))
	case "tos", "dsfield":
		r.Tos = p.number(key, 8)
	case "onlink":
		r.Flags |= unix.RTNH_F_ONLINK
	case "nexthop":
		r.MultiPath = append(r.MultiPath, p.hop())
	case "realms":
		r.Realm = p.realms(key)
	case "append", "add", "prepend":
		p.how = key
	case "no_track":
	case "track_group":
		p.value(key)
	default:
		p.metric(key)
	}
}

// metric reads a keyword of the path metrics, a type word or the destination.
func (p *routeParser) metric(key string) {
	r := p.route
	plain := map[string]*int{
		"mtu": &r.MTU, "advmss": &r.AdvMSS, "hoplimit": &r.Hoplimit, "window": &r.Window, "cwnd": &r.Cwnd,
		"ssthresh": &r.Ssthresh, "initcwnd": &r.InitCwnd, "initrwnd": &r.InitRwnd, "reordering": &r.Reordering,
		"quickack": &r.QuickACK, "fastopen_no_cookie": &r.FastOpenNoCookie,
	}
	if field, ok := plain[key]; ok {
		if len(p.list) > 0 && p.list[0] == "lock" {
			p.list = p.list[1:]
			if key != "mtu" {
				p.fail(key, "lock", "only mtu and rto_min can be locked")
			}
			r.MTULock = true
		}
		*field = p.number(key, 32)
		return
	}
	times := map[string]*int{"rtt": &r.Rtt, "rttvar": &r.RttVar, "rto_min": &r.RtoMin}
	if field, ok := times[key]; ok {
		if len(p.list) > 0 && p.list[0] == "lock" && key == "rto_min" {
			p.list, r.RtoMinLock = p.list[1:], true
		}
		*field = p.milliseconds(key)
		return
	}
	switch key {
	case "congctl":
		r.Congctl = p.value(key)
	case "features":
		if v := p.value(key); v != "ecn" {
			p.fail(key, v, "the only feature is ecn")
		}
		r.Features = 1
	default:
		if t, ok := routeTypes[key]; ok {
			r.Type = t
			return
		}
		if r.Dst != nil {
			p.fail("option", key, "not known, or of a kind that is not supported")
			return
		}
		p.list = append([]string{key}, p.list...)
		r.Dst = p.prefix("destination", p.family)
	}
}

func (p *routeParser) device(key string) int {
	name := p.value(key)
	if p.err != nil {
		return 0
	}
	i, err := p.index(name)
	if err != nil {
		p.err = err
	}
	return i
}

// milliseconds reads a time in milliseconds, or in seconds with "s" behind it.
func (p *routeParser) milliseconds(key string) int {
	s := p.value(key)
	number, unit := s, 1.0
	if n, ok := strings.CutSuffix(s, "ms"); ok {
		number = n
	} else if n, ok := strings.CutSuffix(s, "s"); ok {
		number, unit = n, 1000
	}
	v, err := strconv.ParseFloat(number, 32)
	if err != nil || v < 0 {
		p.fail(key, s, "not a time")
	}
	return int(v * unit)
}

func (p *routeParser) realms(key string) int {
	s := p.value(key)
	from, to, both := strings.Cut(s, "/")
	if !both {
		from, to = "0", s
	}
	f, err := strconv.ParseUint(from, 0, 16)
	t, terr := strconv.ParseUint(to, 0, 16)
	if err != nil || terr != nil {
		p.fail(key, s, "not a realm")
	}
	return int(f<<16 | t)
}

// hop reads one nexthop part, up to the next one or a word that is none of its.
func (p *routeParser) hop() *netlink.NexthopInfo {
	h := &netlink.NexthopInfo{}
	for len(p.list) > 0 && p.err == nil {
		switch key := p.list[0]; key {
		case "via":
			p.list = p.list[1:]
			h.Gw = p.addr(key)
		case "dev", "oif":
			p.list = p.list[1:]
			h.LinkIndex = p.device(key)
		case "weight":
			p.list = p.list[1:]
			n := p.number(key, 16)
			if n < 1 || n > 256 {
				p.fail(key, strconv.Itoa(n), "1 to 256")
			}
			h.Hops = n - 1
		case "onlink":
			p.list = p.list[1:]
			h.Flags |= unix.RTNH_F_ONLINK
		default:
			return h
		}
	}
	return h
}

// parseRule reads a line of virtual_rules.
func parseRule(list []string, family uint8) (*netlink.Rule, error) {
	w := &words{list: list}
	r := netlink.NewRule()
	r.Family, r.Protocol = familyOf(family), Protocol
	for {
		key, ok := w.next()
		if !ok {
			return r, w.err
		}
		switch key {
		case "inet", "inet6", "no_track":
		case "track_group":
			w.value(key)
		case "from":
			r.Src = w.network(key, r.Family)
		case "to":
			r.Dst = w.network(key, r.Family)
		case "table", "lookup":
			r.Table = w.named(key, 32, tables)
		case "preference", "order", "priority":
			r.Priority = w.number(key, 32)
		case "not":
			r.Invert = true
		case "dev", "iif":
			r.IifName = w.value(key)
		case "oif":
			r.OifName = w.value(key)
		case "fwmark":
			ruleMark(w, key, r)
		case "tos", "dsfield":
			r.Tos = uint(w.number(key, 8))
		case "suppress_prefixlength", "sup_pl":
			r.SuppressPrefixlen = w.number(key, 8)
		case "suppress_ifgroup", "sup_group":
			r.SuppressIfgroup = w.number(key, 31)
		case "goto":
			r.Goto = w.number(key, 32)
		case "protocol":
			r.Protocol = uint8(w.named(key, 8, protocols))
		case "blackhole", "unreachable", "prohibit":
			r.Type = uint8(routeTypes[key])
		default:
			w.fail("option", key, "not known, or of a kind that is not supported")
		}
	}
}

func ruleMark(w *words, key string, r *netlink.Rule) {
	s := w.value(key)
	mark, mask, both := strings.Cut(s, "/")
	v, err := strconv.ParseUint(mark, 0, 32)
	if err != nil {
		w.fail(key, s, "not a mark")
	}
	r.Mark = uint32(v)
	if both {
		m, err := strconv.ParseUint(mask, 0, 32)
		if err != nil {
			w.fail(key, s, "not a mask")
		}
		m32 := uint32(m)
		r.Mask = &m32
	}
}
