// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
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
	preferences = map[string]int{"low": 3, "medium": 0, "high": 1}
	propagation = map[string]int{"disabled": 0, "enabled": 1}
)

func familyOf(family uint8) int {
	if family == 6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// route is a route as the kernel wants it.
type route struct {
	nl.RtMsg
	attrs []*nl.RtAttr
	// how are the flags of the request that adds it.
	how int
	// tunnel is the kind of encapsulation, if there is one.
	tunnel string
}

func (r *route) add(kind int, v []byte)   { r.attrs = append(r.attrs, nl.NewRtAttr(kind, v)) }
func (r *route) put32(kind int, v uint32) { r.add(kind, nl.Uint32Attr(v)) }

// request makes a message. One that deletes a route names it without what it is
// like: the kernel may have changed that, and would not find the route then.
func (r *route) request(kind, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	req.AddData(&r.RtMsg)
	for _, a := range r.attrs {
		if kind == unix.RTM_DELROUTE {
			switch a.Type {
			case unix.RTA_METRICS, unix.RTA_EXPIRES, unix.RTA_PREF, unix.RTA_ENCAP, unix.RTA_ENCAP_TYPE:
				continue
			}
		}
		req.AddData(a)
	}
	return req
}

// routeParser builds one route from words.
type routeParser struct {
	words
	*route
	names   Names
	metrics []*nl.RtAttr
	locked  uint32
	hops    []byte
	// or is the second of two gateways.
	or []byte
	// scoped and target say what has been named.
	scoped, target bool
}

// parseRoute reads a line of virtual_routes.
func parseRoute(list []string, family uint8, names Names) (*route, error) {
	r := &route{}
	r.Family, r.Protocol, r.Type = uint8(familyOf(family)), Protocol, unix.RTN_UNICAST
	r.Table = unix.RT_TABLE_MAIN
	p := &routeParser{words: words{list: list}, route: r, names: names}
	for {
		key, ok := p.next()
		if !ok {
			break
		}
		p.word(key)
	}
	if p.err != nil {
		return nil, p.err
	}
	if !p.scoped {
		r.Scope = p.impliedScope()
	}
	if p.locked != 0 {
		p.metrics = append(p.metrics, nl.NewRtAttr(unix.RTAX_LOCK, nl.Uint32Attr(p.locked)))
	}
	if len(p.metrics) > 0 {
		all := nl.NewRtAttr(unix.RTA_METRICS, nil)
		for _, m := range p.metrics {
			all.AddChild(m)
		}
		r.attrs = append(r.attrs, all)
	}
	if p.or != nil {
		p.either()
	}
	if len(p.hops) > 0 {
		r.add(unix.RTA_MULTIPATH, p.hops)
	}
	return r, nil
}

// impliedScope is the scope of a route that names none: the widest that the
// kernel takes. compat: keepalived 2.2.7 sends the widest of all, so a route
// without gateway has scope global and not, as with ip route, scope link; for
// the types that the kernel refuses then, it is what ip route says.
func (p *routeParser) impliedScope() uint8 {
	switch {
	case p.Family == unix.AF_INET6:
	case p.Type == unix.RTN_LOCAL, p.Type == unix.RTN_NAT:
		return unix.RT_SCOPE_HOST
	case p.Type == unix.RTN_BROADCAST, p.Type == unix.RTN_ANYCAST:
		return unix.RT_SCOPE_LINK
	}
	return unix.RT_SCOPE_UNIVERSE
}

// word reads one keyword and its value.
func (p *routeParser) word(key string) {
	switch key {
	case "inet", "inet6", "no_track": // the family is known, and tracking is not ours
	case "track_group":
		p.value(key)
	case "to":
		if t, ok := routeTypes[p.peek()]; ok {
			p.Type = uint8(t)
			p.list = p.list[1:]
		}
		p.destination(key)
	case "from":
		n := p.prefix(key, int(p.Family))
		if n != nil {
			bits, _ := n.Mask.Size()
			p.Src_len = uint8(bits)
			p.add(unix.RTA_SRC, n.IP)
		}
	case "via", "gw":
		p.attrs = append(p.attrs, viaAttr(p.Family, p.addr(key)))
	case "or":
		p.or = p.addr(key)
	case "encap":
		p.encapsulate()
	case "vrf":
		p.vrf(key)
	case "src":
		p.add(unix.RTA_PREFSRC, p.addr(key))
	case "dev", "oif":
		p.put32(unix.RTA_OIF, uint32(p.device(key)))
	case "table":
		p.setTable(p.named(key, 32, tables))
	case "metric", "priority", "preference":
		p.put32(unix.RTA_PRIORITY, uint32(p.number(key, 32)))
	case "scope":
		p.Scope, p.scoped = uint8(p.named(key, 8, scopes)), true
	case "protocol":
		p.Protocol = uint8(p.named(key, 8, protocols))
	case "tos", "dsfield":
		p.Tos = uint8(p.named(key, 8, nil))
	case "onlink":
		p.Flags |= unix.RTNH_F_ONLINK
	case "nexthop":
		p.hop()
	case "realms":
		p.put32(unix.RTA_FLOW, uint32(p.realms(key)))
	case "pref":
		p.add(unix.RTA_PREF, []byte{uint8(p.named(key, 8, preferences))})
	case "expires":
		p.put32(unix.RTA_EXPIRES, uint32(p.number(key, 32)))
	case "ttl-propagate":
		p.add(unix.RTA_TTL_PROPAGATE, []byte{uint8(p.named(key, 8, propagation))})
	case "append":
		p.how = unix.NLM_F_APPEND
	case "add":
		p.how = unix.NLM_F_EXCL
	case "prepend":
		p.how = 0
	default:
		p.metric(key)
	}
}

func (p *routeParser) peek() string {
	if len(p.list) == 0 {
		return ""
	}
	return p.list[0]
}

func (p *routeParser) setTable(table int) {
	if table < 256 {
		p.Table = uint8(table)
		return
	}
	p.Table = unix.RT_TABLE_UNSPEC
	p.put32(unix.RTA_TABLE, uint32(table))
}

func (p *routeParser) destination(key string) {
	n := p.prefix(key, int(p.Family))
	if n == nil {
		return
	}
	if p.target {
		p.fail(key, n.String(), "a second destination")
		return
	}
	p.target = true
	bits, _ := n.Mask.Size()
	p.Dst_len = uint8(bits)
	if bits > 0 {
		p.add(unix.RTA_DST, n.IP)
	}
}

// metrics are the keywords whose value is a number, and its attribute.
var metrics = map[string]int{
	"mtu": unix.RTAX_MTU, "advmss": unix.RTAX_ADVMSS, "hoplimit": unix.RTAX_HOPLIMIT, "window": unix.RTAX_WINDOW,
	"cwnd": unix.RTAX_CWND, "ssthresh": unix.RTAX_SSTHRESH, "initcwnd": unix.RTAX_INITCWND, "initrwnd": unix.RTAX_INITRWND,
	"reordering": unix.RTAX_REORDERING, "quickack": unix.RTAX_QUICKACK, "fastopen_no_cookie": unix.RTAX_FASTOPEN_NO_COOKIE,
}

// times are those whose value is a time, and what a millisecond is in the
// kernel's unit. A number without a unit is in the kernel's unit.
var times = map[string]struct {
	kind int
	ms   float64
}{"rtt": {unix.RTAX_RTT, 8}, "rttvar": {unix.RTAX_RTTVAR, 4}, "rto_min": {unix.RTAX_RTO_MIN, 1}}

// metric reads a keyword of the path metrics, a type word or the destination.
func (p *routeParser) metric(key string) {
	put := func(kind int, v []byte) { p.metrics = append(p.metrics, nl.NewRtAttr(kind, v)) }
	lock := func(kind int) {
		if p.peek() == "lock" {
			p.list = p.list[1:]
			p.locked |= 1 << kind
		}
	}
	if kind, ok := metrics[key]; ok {
		lock(kind)
		put(kind, nl.Uint32Attr(uint32(p.number(key, 32))))
		return
	}
	if t, ok := times[key]; ok {
		lock(t.kind)
		put(t.kind, nl.Uint32Attr(p.time(key, t.ms)))
		return
	}
	switch key {
	case "congctl":
		lock(unix.RTAX_CC_ALGO)
		put(unix.RTAX_CC_ALGO, nl.ZeroTerminated(p.value(key)))
	case "features":
		if v := p.value(key); v != "ecn" {
			p.fail(key, v, "the only feature is ecn")
		}
		put(unix.RTAX_FEATURES, nl.Uint32Attr(unix.RTAX_FEATURE_ECN))
	default:
		if t, ok := routeTypes[key]; ok {
			p.Type = uint8(t)
			return
		}
		if p.target {
			p.fail("option", key, "not known, or of a kind that is not supported")
			return
		}
		p.list = append([]string{key}, p.list...)
		p.destination("destination")
	}
}

func (p *routeParser) device(key string) int {
	name := p.value(key)
	if p.err != nil {
		return 0
	}
	i, err := p.names.Index(name)
	if err != nil {
		p.err = err
	}
	return i
}

// vrf takes the table of a VRF. compat: the word is another way to say table.
func (p *routeParser) vrf(key string) {
	name := p.value(key)
	if p.err != nil {
		return
	}
	table, err := p.names.VRF(name)
	if err != nil {
		p.err = fmt.Errorf("%s %q: %w", key, name, err)
		return
	}
	p.setTable(int(table))
}

// shortest is the least time that a route is given, in milliseconds.
const shortest = 200

// time reads a time of which a millisecond is ms units. compat: keepalived
// 2.2.7 raises what is less than 200 ms to that, the kernel's own least
// retransmission time.
func (p *routeParser) time(key string, ms float64) uint32 {
	s := p.value(key)
	number, unit := s, 1.0
	if n, ok := strings.CutSuffix(s, "ms"); ok {
		number, unit = n, ms
	} else if n, ok := strings.CutSuffix(s, "s"); ok {
		number, unit = n, 1000*ms
	}
	v, err := strconv.ParseFloat(number, 32)
	if err != nil || !(v >= 0) || v*unit > 1<<32-1 {
		p.fail(key, s, "not a time")
		return 0
	}
	return uint32(max(v*unit, shortest*ms))
}

// realms reads SOURCE/DESTINATION or DESTINATION.
func (w *words) realms(key string) int {
	s := w.value(key)
	from, to, both := strings.Cut(s, "/")
	if !both {
		from, to = "0", s
	}
	f, t := w.realm(key, from), w.realm(key, to)
	return int(f<<16 | t)
}

func (w *words) realm(key, s string) uint64 {
	v, err := strconv.ParseUint(s, 0, 16)
	if err != nil {
		var ok bool
		if v, ok = lookup(nameDirs, nameFiles[key], s); !ok || v > 1<<16-1 {
			w.fail(key, s, "not a realm")
		}
	}
	return v
}

// hop reads one nexthop part, up to the next one or a word that is none of its.
func (p *routeParser) hop() {
	hop := nl.RtNexthop{}
	var attrs []*nl.RtAttr
	for done := false; !done && p.err == nil; {
		switch key := p.peek(); key {
		case "via":
			p.list = p.list[1:]
			attrs = append(attrs, viaAttr(p.Family, p.addr(key)))
		case "dev", "oif":
			p.list = p.list[1:]
			hop.Ifindex = int32(p.device(key))
		case "weight":
			p.list = p.list[1:]
			n := p.number(key, 16)
			if n < 1 || n > 256 {
				p.fail(key, strconv.Itoa(n), "1 to 256")
			}
			hop.Hops = uint8(n - 1)
		case "onlink":
			p.list = p.list[1:]
			hop.Flags |= unix.RTNH_F_ONLINK
		case "encap":
			p.list = p.list[1:]
			kind, more := p.encap()
			p.tunnel, attrs = kind, append(attrs, more...)
		case "realms":
			p.list = p.list[1:]
			attrs = append(attrs, nl.NewRtAttr(unix.RTA_FLOW, nl.Uint32Attr(uint32(p.realms(key)))))
		default:
			done = true
		}
	}
	for _, a := range attrs {
		hop.Children = append(hop.Children, a)
	}
	p.hops = append(p.hops, hop.Serialize()...)
}
