// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// way is a route of an instance, with what routes have unless they say otherwise.
func way(of string, p event.RoutePath) *event.RouteRow {
	if p.Table == 0 {
		p.Table = 254
	}
	if p.Type == "" {
		p.Type = "unicast"
	}
	if p.Protocol == 0 && p.Scope != 253 {
		p.Protocol = 18
	}
	p.IfIndex = links[p.Interface]
	for i := range p.Hops {
		p.Hops[i].IfIndex = links[p.Hops[i].Interface]
	}
	return &event.RouteRow{Instance: subject(event.SubjectInstance, of), Path: &p}
}

// ruled is a rule of an instance, which looks a table up unless it says otherwise.
func ruled(of string, preference int64, m event.RuleMatch) *event.RouteRow {
	m.Preference = preference
	if m.Action == "" {
		m.Action = "table"
	}
	if m.Mark == 0 {
		m.Mark, m.Mask = -1, -1
	}
	if m.SuppressPrefix == 0 {
		m.SuppressPrefix = -1
	}
	if m.UIDLast == 0 {
		m.UIDFirst, m.UIDLast = -1, -1
	}
	return &event.RouteRow{Instance: subject(event.SubjectInstance, of), Rule: true, Match: &m}
}

// steered is routes.conf.
func steered() *ledger.View {
	net, addr := netip.MustParsePrefix, netip.MustParseAddr
	v := instance("V", "eth0", 1, 2, 100, event.Master)
	own(v, "10.0.1.1/32")
	metrics := []event.RouteMetric{
		{Name: "mtu", Value: 1400, Locked: true},
		{Name: "hoplimit", Value: 33},
		{Name: "advmss", Value: 1300},
		{Name: "rtt", Value: 500},
		{Name: "rttvar", Value: 200},
		{Name: "reordering", Value: 4},
		{Name: "window", Value: 3000},
		{Name: "cwnd", Value: 10, Locked: true},
		{Name: "ssthresh", Value: 9},
		{Name: "rto_min", Value: 300},
		{Name: "initcwnd", Value: 11},
		{Name: "initrwnd", Value: 12},
		{Name: "fastopen_no_cookie", Value: 1},
	}
	return &ledger.View{Global: global("R"), Instances: []*ledger.Instance{v}, Routes: []*event.RouteRow{
		way("V", event.RoutePath{Destination: net("10.21.0.0/16"), Gateway: addr("10.0.0.9"), Source: addr("10.0.0.1"), Interface: "eth0", Table: 100, Metric: 7}),
		way("V", event.RoutePath{Destination: net("10.22.0.0/16"), Interface: "eth0", Scope: 253}),
		way("V", event.RoutePath{Destination: net("10.22.1.1/32"), Interface: "eth0", Scope: 254, Protocol: 4}),
		way("V", event.RoutePath{Type: "blackhole", Destination: net("10.23.0.0/16")}),
		way("V", event.RoutePath{Type: "unreachable", Destination: net("10.24.0.0/16")}),
		way("V", event.RoutePath{Type: "prohibit", Destination: net("10.28.0.0/16")}),
		way("V", event.RoutePath{Type: "throw", Destination: net("10.29.0.0/16"), Table: 100}),
		way("V", event.RoutePath{Destination: net("10.25.0.0/16"), Hops: []event.RouteHop{
			{Gateway: addr("10.0.0.9"), Interface: "eth0", Weight: 3},
			{Gateway: addr("10.1.0.9"), Interface: "eth1", OnLink: true, RealmTo: 4, RealmFrom: 3},
		}}),
		way("V", event.RoutePath{
			Destination: net("10.26.0.0/16"), Gateway: addr("10.0.0.9"), Interface: "eth0", TOS: 16, ECN: true, QuickACK: true,
			Metrics: metrics, Congestion: "cubic", RealmTo: 5, RealmFrom: 4,
		}),
		way("V", event.RoutePath{
			Destination: net("2001:db8:20::/48"), Gateway: addr("2001:db8::9"), Interface: "eth0", Metric: 55, Preference: "high", Expires: 600,
		}),
		way("V", event.RoutePath{Destination: net("2001:db8:63::/48"), From: net("2001:db8:99::/64"), Interface: "eth0"}),
		ruled("V", 201, event.RuleMatch{To: net("10.41.0.0/16"), From: net("10.42.0.1/32"), Table: 100}),
		ruled("V", 202, event.RuleMatch{
			Invert: true, From: net("10.43.0.0/16"), In: "eth0", Out: "eth1", TOS: 8, Mark: 5, Mask: 255, Table: 102, SuppressPrefix: 10, RealmTo: 2, RealmFrom: 1,
		}),
		ruled("V", 203, event.RuleMatch{From: net("10.44.0.0/16"), Action: "goto", Target: 250}),
		ruled("V", 204, event.RuleMatch{From: net("10.45.0.0/16"), Action: "blackhole"}),
		ruled("V", 205, event.RuleMatch{From: net("10.46.0.0/16"), Action: "prohibit"}),
		ruled("V", 206, event.RuleMatch{From: net("10.47.0.0/16"), Action: "unreachable"}),
		ruled("V", 210, event.RuleMatch{From: net("10.49.0.0/16"), Action: "nop"}),
		ruled("V", 207, event.RuleMatch{From: net("2001:db8:40::/48"), SuppressGroup: "3", Table: 254}),
		ruled("V", 209, event.RuleMatch{From: net("10.48.0.0/16"), UIDFirst: 100, UIDLast: 200, Table: 100}),
		ruled("V", 215, event.RuleMatch{From: net("10.52.0.0/16"), TunnelID: 77, Table: 100}),
		ruled("V", 212, event.RuleMatch{L3MDev: true}),
		ruled("V", 16384, event.RuleMatch{From: net("10.53.0.0/16"), Table: 5}),
		way("", event.RoutePath{Destination: net("10.50.0.0/16"), Gateway: addr("10.0.0.200"), Interface: "eth0"}),
		ruled("", 300, event.RuleMatch{From: net("10.60.0.0/16"), Table: 77}),
	}}
}

// What the recorded walks do not have.
func TestWordsOfRoutes(t *testing.T) {
	for word, want := range map[string]int32{
		"unicast": 1, "local": 1, "anycast": 4, "multicast": 5, "broadcast": 6, "brd": 6, "nat": 10, "xresolve": 11,
	} {
		if got := routeType(&event.RoutePath{Type: word}).Int32(); got != want {
			t.Errorf("%s is %d, want %d", word, got, want)
		}
	}
	for word, want := range map[string]int32{"low": 1, "medium": 2, "high": 3} {
		if got := preference(word).Int32(); got != want {
			t.Errorf("%s is %d, want %d", word, got, want)
		}
	}
	if r := (ruleRow{RuleMatch: &event.RuleMatch{TunnelID: 5<<32 | 7}}); r.tunnel(32).Uint64() != 5 || r.tunnel(0).Uint64() != 7 {
		t.Errorf("tunnel id %v, %v", r.tunnel(32), r.tunnel(0))
	}
	// Rows that only have a text are not shown.
	if got := routes(&ledger.View{Routes: []*event.RouteRow{{Text: "10.0.0.0/8 dev eth0"}}}); len(got) != 0 {
		t.Errorf("shown: %v", got)
	}
}
