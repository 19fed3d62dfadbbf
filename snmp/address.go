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
