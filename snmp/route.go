// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// routeRow is a route with what its own row does not say.
type routeRow struct {
	*event.RoutePath
	set   bool
	links func(name string, known int) int
}

type routeColumn = column[routeRow]

var routeView = newTable(&mib.Compat, "vrrpRouteTable", routes, []routeColumn{
	{"vrrpRouteAddressType", func(r routeRow) agentx.Value { return inetType(r.Destination.Addr()) }},
	{"vrrpRouteDestination", func(r routeRow) agentx.Value { return inet(r.Destination.Addr()) }},
	{"vrrpRouteDestinationMask", func(r routeRow) agentx.Value { return gauge(int64(r.Destination.Bits())) }},
	{"vrrpRouteGateway", func(r routeRow) agentx.Value { return inet(r.Gateway) }},
	{"vrrpRouteSource", func(r routeRow) agentx.Value { return inet(r.Source) }},
	{"vrrpRouteMetric", func(r routeRow) agentx.Value { return gauge(int64(r.Metric)) }},
	{"vrrpRouteScope", func(r routeRow) agentx.Value { return scope(r.Scope) }},
	{"vrrpRouteType", func(r routeRow) agentx.Value { return routeType(r.RoutePath) }},
	{"vrrpRouteIfIndex", func(r routeRow) agentx.Value { return r.ifIndex(r.Interface, r.IfIndex) }},
	{"vrrpRouteIfName", func(r routeRow) agentx.Value { return some(r.Interface) }},
	{"vrrpRouteRoutingTable", func(r routeRow) agentx.Value { return gauge(int64(r.Table)) }},
	// set(1), unset(2)
	{"vrrpRouteStatus", func(r routeRow) agentx.Value { return yes(r.set) }},
	{"vrrpRouteFromAddress", func(r routeRow) agentx.Value { return inet(r.From.Addr()) }},
	{"vrrpRouteFromAddressMask", func(r routeRow) agentx.Value { return maskOf(r.From) }},
	{"vrrpRouteTos", func(r routeRow) agentx.Value { return positive(int64(r.TOS)) }},
	{"vrrpRouteProtocol", func(r routeRow) agentx.Value { return protocol(r.Protocol) }},
	{"vrrpRouteECN", func(r routeRow) agentx.Value { return yes(r.ECN) }},
	{"vrrpRouteQuickAck", func(r routeRow) agentx.Value { return yes(r.QuickACK) }},
	{"vrrpRouteExpires", func(r routeRow) agentx.Value {
		if r.Expires == 0 {
			return none()
		}
		return integer(int64(r.Expires))
	}},
	{"vrrpRouteMTU", metric("mtu")},
	{"vrrpRouteMTULock", locked("mtu")},
	{"vrrpRouteHopLimit", metric("hoplimit")},
	{"vrrpRouteAdvmss", metric("advmss")},
	{"vrrpRouteAdvmssLock", locked("advmss")},
	{"vrrpRouteRTT", metric("rtt")},
	{"vrrpRouteRTTLock", locked("rtt")},
	{"vrrpRouteRTTvar", metric("rttvar")},
	{"vrrpRouteRTTvarLock", locked("rttvar")},
	{"vrrpRouteReordering", metric("reordering")},
	{"vrrpRouteReorderingLock", locked("reordering")},
	{"vrrpRouteWindow", metric("window")},
	{"vrrpRouteCwnd", metric("cwnd")},
	{"vrrpRouteCwndLock", locked("cwnd")},
	{"vrrpRouteSSthresh", metric("ssthresh")},
	{"vrrpRouteSSthreshLock", locked("ssthresh")},
	{"vrrpRouteRTOMin", metric("rto_min")},
	{"vrrpRouteRTOMinLock", locked("rto_min")},
	{"vrrpRouteInitCwnd", metric("initcwnd")},
	{"vrrpRouteInitRwnd", metric("initrwnd")},
	{"vrrpRouteCongCtl", func(r routeRow) agentx.Value { return some(r.Congestion) }},
	{"vrrpRoutePref", func(r routeRow) agentx.Value { return preference(r.Preference) }},
	{"vrrpRouteRealmDst", func(r routeRow) agentx.Value { return positive(int64(r.RealmTo)) }},
	{"vrrpRouteRealmSrc", func(r routeRow) agentx.Value { return positive(int64(r.RealmFrom)) }},
	{"vrrpRouteFastOpenNoCookie", func(r routeRow) agentx.Value {
		if m := r.metric("fastopen_no_cookie"); m != nil {
			return yes(m.Value != 0)
		}
		return none()
	}},
})

// routed are the routes or rules, each with the index of its instance and
// whether it is in force. compat: index 0 stands for the static ones. A route
// is in force while its instance is MASTER.
func routed(v *ledger.View, rule bool, each func(index agentx.OID, r *event.RouteRow, set bool)) {
	count := map[string]uint32{}
	of := make(map[string]int, len(v.Instances))
	for i, in := range v.Instances {
		of[in.Row.Subject.Name] = i + 1
	}
	// The rows of an instance are together, but not in the order of the instances.
	for i := 0; i <= len(v.Instances); i++ {
		for _, r := range v.Routes {
			if r.Rule != rule || of[r.Instance.Name] != i || r.Path == nil && r.Match == nil {
				continue
			}
			count[r.Instance.Name]++
			each(agentx.NewOID(uint32(i), count[r.Instance.Name]), r, i == 0 || v.Instances[i-1].State == event.Master)
		}
	}
}

func routes(v *ledger.View) (out []row[routeRow]) {
	links := linkIndex(v)
	routed(v, false, func(index agentx.OID, r *event.RouteRow, set bool) {
		out = append(out, row[routeRow]{index, routeRow{r.Path, set, links}})
	})
	return out
}

// ifIndex is the number of an interface, no object without one.
func (r routeRow) ifIndex(name string, known int) agentx.Value {
	if name == "" {
		return none()
	}
	return agentx.Int(int32(r.links(name, known)))
}

func (r routeRow) metric(name string) *event.RouteMetric {
	for i := range r.Metrics {
		if r.Metrics[i].Name == name {
			return &r.Metrics[i]
		}
	}
	return nil
}

// metric is a column with a metric of the path, which is there where it was given.
func metric(name string) func(routeRow) agentx.Value {
	return func(r routeRow) agentx.Value {
		if m := r.metric(name); m != nil {
			return gauge(int64(m.Value))
		}
		return none()
	}
}

// locked is a column that says whether a metric is locked.
func locked(name string) func(routeRow) agentx.Value {
	return func(r routeRow) agentx.Value {
		if m := r.metric(name); m != nil {
			return yes(m.Locked)
		}
		return none()
	}
}

// positive is a number, no object for 0.
func positive(n int64) agentx.Value {
	if n == 0 {
		return none()
	}
	return gauge(n)
}

// maskOf is the length of a network, no object without one.
func maskOf(p netip.Prefix) agentx.Value {
	if !p.IsValid() {
		return none()
	}
	return gauge(int64(p.Bits()))
}

// routeType is a RouteType. compat: a route with more than one way is ecmp(2)
// whatever was given, and local has no number of its own.
func routeType(r *event.RoutePath) agentx.Value {
	if len(r.Hops) > 0 {
		return agentx.Int(2)
	}
	switch r.Type {
	case "blackhole":
		return agentx.Int(3)
	case "anycast":
		return agentx.Int(4)
	case "multicast":
		return agentx.Int(5)
	case "broadcast", "brd":
		return agentx.Int(6)
	case "unreachable":
		return agentx.Int(7)
	case "prohibit":
		return agentx.Int(8)
	case "throw":
		return agentx.Int(9)
	case "nat":
		return agentx.Int(10)
	case "xresolve":
		return agentx.Int(11)
	}
	return agentx.Int(1)
}

// protocol is the kernel's number plus one (compat), no object for 0.
func protocol(kernel uint8) agentx.Value {
	if kernel == 0 {
		return none()
	}
	return agentx.Int(int32(kernel) + 1)
}

// preference is low(1), medium(2) or high(3), no object for none.
func preference(word string) agentx.Value {
	switch word {
	case "low":
		return agentx.Int(1)
	case "medium":
		return agentx.Int(2)
	case "high":
		return agentx.Int(3)
	}
	return none()
}

// hopRow is one way of a route.
type hopRow struct {
	event.RouteHop
	of routeRow
}

type hopColumn = column[hopRow]

var hopView = newTable(&mib.Compat, "vrrpRouteNextHopTable", hops, []hopColumn{
	{"vrrpRouteNextHopAddressType", func(h hopRow) agentx.Value { return inetType(h.Gateway) }},
	{"vrrpRouteNextHopAddress", func(h hopRow) agentx.Value { return inet(h.Gateway) }},
	{"vrrpRouteNextHopIfIndex", func(h hopRow) agentx.Value { return h.of.ifIndex(h.Interface, h.IfIndex) }},
	{"vrrpRouteNextHopIfName", func(h hopRow) agentx.Value { return some(h.Interface) }},
	{"vrrpRouteNextHopWeight", func(h hopRow) agentx.Value { return positive(int64(h.Weight)) }},
	{"vrrpRouteNextHopOnlink", func(h hopRow) agentx.Value { return yes(h.OnLink) }},
	{"vrrpRouteNextHopRealmDst", func(h hopRow) agentx.Value { return positive(int64(h.RealmTo)) }},
	{"vrrpRouteNextHopRealmSrc", func(h hopRow) agentx.Value { return positive(int64(h.RealmFrom)) }},
})

func hops(v *ledger.View) (out []row[hopRow]) {
	for _, r := range routes(v) {
		list := make([]hopRow, len(r.of.Hops))
		for i, h := range r.of.Hops {
			list[i] = hopRow{h, r.of}
		}
		out = counted(out, r.index, list)
	}
	return out
}

// ruleRow is a rule with what its own row does not say.
type ruleRow struct {
	*event.RuleMatch
	set bool
}

type ruleColumn = column[ruleRow]

var ruleView = newTable(&mib.Compat, "vrrpRuleTable", rules, []ruleColumn{
	{"vrrpRuleDirection", func(r ruleRow) agentx.Value { return agentx.Text(r.direction()) }},
	{"vrrpRuleAddressType", func(r ruleRow) agentx.Value { return inetType(r.first().Addr()) }},
	{"vrrpRuleAddress", func(r ruleRow) agentx.Value { return inet(r.first().Addr()) }},
	{"vrrpRuleAddressMask", func(r ruleRow) agentx.Value { return maskOf(r.first()) }},
	{"vrrpRuleRoutingTable", func(r ruleRow) agentx.Value { return r.table() }},
	// set(1), unset(2)
	{"vrrpRuleStatus", func(r ruleRow) agentx.Value { return yes(r.set) }},
	{"vrrpRuleInvert", func(r ruleRow) agentx.Value { return yes(r.Invert) }},
	{"vrrpRuleDestinationAddressType", func(r ruleRow) agentx.Value { return inetType(r.To.Addr()) }},
	{"vrrpRuleDestinationAddress", func(r ruleRow) agentx.Value { return inet(r.To.Addr()) }},
	{"vrrpRuleDestinationAddressMask", func(r ruleRow) agentx.Value { return maskOf(r.To) }},
	{"vrrpRuleSourceAddressType", func(r ruleRow) agentx.Value { return inetType(r.From.Addr()) }},
	{"vrrpRuleSourceAddress", func(r ruleRow) agentx.Value { return inet(r.From.Addr()) }},
	{"vrrpRuleSourceAddressMask", func(r ruleRow) agentx.Value { return maskOf(r.From) }},
	{"vrrpRuleTos", func(r ruleRow) agentx.Value { return gauge(int64(r.TOS)) }},
	{"vrrpRuleFwmark", func(r ruleRow) agentx.Value { return given(r.Mark) }},
	{"vrrpRuleFwmask", func(r ruleRow) agentx.Value { return given(r.Mask) }},
	{"vrrpRuleRealmDst", func(r ruleRow) agentx.Value { return positive(int64(r.RealmTo)) }},
	{"vrrpRuleRealmSrc", func(r ruleRow) agentx.Value { return positive(int64(r.RealmFrom)) }},
	{"vrrpRuleInInterface", func(r ruleRow) agentx.Value { return some(r.In) }},
	{"vrrpRuleOutInterface", func(r ruleRow) agentx.Value { return some(r.Out) }},
	{"vrrpRuleTarget", func(r ruleRow) agentx.Value {
		if r.Action != "goto" {
			return none()
		}
		return gauge(int64(r.Target))
	}},
	{"vrrpRuleAction", func(r ruleRow) agentx.Value { return ruleAction(r.Action) }},
	{"vrrpRuleTableNo", func(r ruleRow) agentx.Value { return r.table() }},
	{"vrrpRulePreference", func(r ruleRow) agentx.Value { return given(r.Preference) }},
	{"vrrpRuleSuppressPrefixLen", func(r ruleRow) agentx.Value { return given(int64(r.SuppressPrefix)) }},
	{"vrrpRuleSuppressGroup", func(r ruleRow) agentx.Value { return some(r.SuppressGroup) }},
	{"vrrpRuleTunnelIdHigh", func(r ruleRow) agentx.Value { return r.tunnel(32) }},
	{"vrrpRuleTunnelIdLow", func(r ruleRow) agentx.Value { return r.tunnel(0) }},
	{"vrrpRuleUidRangeStart", func(r ruleRow) agentx.Value { return given(r.UIDFirst) }},
	{"vrrpRuleUidRangeEnd", func(r ruleRow) agentx.Value { return given(r.UIDLast) }},
	{"vrrpRuleL3mdev", func(r ruleRow) agentx.Value {
		if !r.L3MDev {
			return none()
		}
		return yes(true)
	}},
})

func rules(v *ledger.View) (out []row[ruleRow]) {
	routed(v, true, func(index agentx.OID, r *event.RouteRow, set bool) {
		out = append(out, row[ruleRow]{index, ruleRow{r.Match, set}})
	})
	return out
}

// direction says which addresses are compared.
func (r ruleRow) direction() string {
	switch from, to := r.From.IsValid(), r.To.IsValid(); {
	case from && to:
		return "both"
	case from:
		return "from"
	case to:
		return "to"
	}
	return ""
}

// first is the network of the old columns that have room for one (compat): that
// of the destination, else that of the source.
func (r ruleRow) first() netip.Prefix {
	if r.To.IsValid() {
		return r.To
	}
	return r.From
}

// table is the routing table, no object for other actions.
func (r ruleRow) table() agentx.Value {
	if r.Action != "table" {
		return none()
	}
	return gauge(int64(r.Table))
}

func (r ruleRow) tunnel(shift int) agentx.Value {
	if r.TunnelID == 0 {
		return none()
	}
	return gauge(int64(uint32(r.TunnelID >> shift)))
}

// given is a number, no object for less than 0.
func given(n int64) agentx.Value {
	if n < 0 {
		return none()
	}
	return gauge(n)
}

// ruleAction is a RuleAction.
func ruleAction(word string) agentx.Value {
	switch word {
	case "goto":
		return agentx.Int(2)
	case "nop":
		return agentx.Int(3)
	case "blackhole":
		return agentx.Int(6)
	case "unreachable":
		return agentx.Int(7)
	case "prohibit":
		return agentx.Int(8)
	}
	return agentx.Int(1)
}

// addressRow is one address with what its own row does not say.
type addressRow struct {
	*ledger.Address
	ifIndex int
	// first says that it belongs to the first instance.
	first bool
}

type addressColumn = column[addressRow]

var addressView = newTable(&mib.Compat, "vrrpAddressTable", addresses, []addressColumn{
	{"vrrpAddressType", func(a addressRow) agentx.Value { return inetType(a.Row.Prefix.Addr()) }},
	{"vrrpAddressValue", func(a addressRow) agentx.Value { return inet(a.Row.Prefix.Addr()) }},
	{"vrrpAddressBroadcast", func(a addressRow) agentx.Value { return broadcast(&a.Row) }},
	{"vrrpAddressMask", func(a addressRow) agentx.Value { return gauge(int64(a.Row.Prefix.Bits())) }},
	{"vrrpAddressScope", func(a addressRow) agentx.Value { return scope(a.Row.Scope) }},
	{"vrrpAddressIfIndex", func(a addressRow) agentx.Value { return agentx.Int(int32(a.ifIndex)) }},
	{"vrrpAddressIfName", func(a addressRow) agentx.Value { return agentx.Text(a.Row.Interface) }},
	{"vrrpAddressIfAlias", func(a addressRow) agentx.Value { return some(a.Row.Label) }},
	// set(1), unset(2)
	{"vrrpAddressStatus", func(a addressRow) agentx.Value { return yes(a.Owned) }},
	// compat: keepalived 2.2.7 says so of addresses of its first instance only.
	{"vrrpAddressAdvertising", func(a addressRow) agentx.Value { return yes(a.Row.Advertised && a.first) }},
	{"vrrpAddressPeer", func(a addressRow) agentx.Value { return inet(a.Row.Peer.Addr()) }},
})

// addresses are the addresses of the instances. compat: index 0 stands for the
// static addresses.
func addresses(v *ledger.View) []row[addressRow] {
	links := linkIndex(v)
	var out []row[addressRow]
	add := func(instance int, list []*ledger.Address) {
		for i, a := range list {
			r := addressRow{Address: a, ifIndex: links(a.Row.Interface, a.Row.IfIndex), first: instance == 1}
			out = append(out, row[addressRow]{agentx.NewOID(uint32(instance), uint32(i+1)), r})
		}
	}
	add(0, v.Static)
	for i, in := range v.Instances {
		add(i+1, in.Addresses)
	}
	return out
}

// linkIndex returns a function that gives the number of an interface: the one
// that it has now if that is known, else the one given.
func linkIndex(v *ledger.View) func(name string, known int) int {
	now := make(map[string]*event.InterfaceRow, len(v.Interfaces))
	for _, l := range v.Interfaces {
		now[l.Name] = l
	}
	return func(name string, known int) int {
		if l := now[name]; l != nil && l.IfIndex > 0 {
			return l.IfIndex
		}
		return known
	}
}

// broadcast is absent for IPv6 and zero where none is set (compat).
func broadcast(r *event.AddressRow) agentx.Value {
	switch {
	case !r.Prefix.Addr().Is4():
		return none()
	case !r.Broadcast.IsValid():
		return inet(netip.IPv4Unspecified())
	}
	return inet(r.Broadcast)
}

// The kernel's scopes (rtnetlink) that InetScopeType has a number for.
const (
	scopeGlobal = 0
	scopeSite   = 200
	scopeLink   = 253
	scopeHost   = 254
)

// scope is an InetScopeType. compat: 0 for every other scope of the kernel.
func scope(kernel uint8) agentx.Value {
	switch kernel {
	case scopeGlobal:
		return agentx.Int(14)
	case scopeSite:
		return agentx.Int(5)
	case scopeLink:
		return agentx.Int(2)
	case scopeHost:
		return agentx.Int(1)
	}
	return agentx.Int(0)
}
