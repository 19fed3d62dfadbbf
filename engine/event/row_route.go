// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import "net/netip"

// RoutePath is one route, word by word.
type RoutePath struct {
	// Type is the word for its type, unicast unless another one was given.
	Type        string       `json:"type"`
	Destination netip.Prefix `json:"destination"`
	// Gateway is empty for a route with Hops.
	Gateway   netip.Addr   `json:"gateway,omitzero"`
	Source    netip.Addr   `json:"source,omitzero"`
	From      netip.Prefix `json:"from,omitzero"`
	Metric    uint32       `json:"metric,omitempty"`
	Interface string       `json:"interface,omitempty"`
	IfIndex   int          `json:"ifindex,omitempty"`
	Table     uint32       `json:"table"`
	// Scope, TOS and Protocol are the kernel's numbers (rtnetlink); Protocol is
	// 0 for a route that is not followed and names none.
	Scope    uint8 `json:"scope"`
	TOS      uint8 `json:"tos,omitempty"`
	Protocol uint8 `json:"protocol,omitempty"`
	ECN      bool  `json:"ecn,omitempty"`
	QuickACK bool  `json:"quickack,omitempty"`
	// Expires is in seconds.
	Expires uint32 `json:"expires,omitempty"`
	// Metrics are the other metrics of the path, by keyword; times are in milliseconds.
	Metrics []RouteMetric `json:"metrics,omitempty"`
	// Congestion is congctl; Preference is low, medium or high.
	Congestion string `json:"congestion,omitempty"`
	Preference string `json:"preference,omitempty"`
	// RealmTo and RealmFrom are the realms of destination and source.
	RealmTo   uint16     `json:"realm_to,omitempty"`
	RealmFrom uint16     `json:"realm_from,omitempty"`
	Hops      []RouteHop `json:"hops,omitempty"`
}

// RouteMetric is one metric of a path.
type RouteMetric struct {
	Name   string `json:"name"`
	Value  uint32 `json:"value"`
	Locked bool   `json:"locked,omitempty"`
}

// RouteHop is one nexthop.
type RouteHop struct {
	Gateway   netip.Addr `json:"gateway,omitzero"`
	Interface string     `json:"interface,omitempty"`
	IfIndex   int        `json:"ifindex,omitempty"`
	// Weight is 1 to 256, 0 for none given.
	Weight    int    `json:"weight,omitempty"`
	OnLink    bool   `json:"onlink,omitempty"`
	RealmTo   uint16 `json:"realm_to,omitempty"`
	RealmFrom uint16 `json:"realm_from,omitempty"`
}

// RuleMatch is one rule, word by word.
type RuleMatch struct {
	Invert bool         `json:"invert,omitempty"`
	From   netip.Prefix `json:"from,omitzero"`
	To     netip.Prefix `json:"to,omitzero"`
	// Action is table, goto, nop, blackhole, unreachable or prohibit; Table
	// belongs to the first, Target to the second.
	Action string `json:"action"`
	Table  uint32 `json:"table,omitempty"`
	Target uint32 `json:"target,omitempty"`
	// Preference is -1 when none was given.
	Preference int64 `json:"preference"`
	TOS        uint8 `json:"tos,omitempty"`
	// Mark and Mask are fwmark, -1 for none.
	Mark      int64  `json:"mark"`
	Mask      int64  `json:"mask"`
	RealmTo   uint16 `json:"realm_to,omitempty"`
	RealmFrom uint16 `json:"realm_from,omitempty"`
	In        string `json:"in,omitempty"`
	Out       string `json:"out,omitempty"`
	// SuppressPrefix is suppress_prefixlength, -1 for none.
	SuppressPrefix int    `json:"suppress_prefix"`
	SuppressGroup  string `json:"suppress_group,omitempty"`
	TunnelID       uint64 `json:"tunnel_id,omitempty"`
	// UIDFirst and UIDLast are uidrange, -1 for none.
	UIDFirst int64 `json:"uid_first"`
	UIDLast  int64 `json:"uid_last"`
	L3MDev   bool  `json:"l3mdev,omitempty"`
}
