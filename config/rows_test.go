// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
)

// rowsOf are the route and rule rows of one instance with these lines.
func rowsOf(t *testing.T, block, line string) []*event.RouteRow {
	t.Helper()
	text := "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 192.0.2.1 }\n" + block + " {\n" + line + "\n}\n}\n"
	tree, _ := syntax.Parse("t", []byte(text), syntax.Options{})
	c, found := Build(tree, testEnvironment(false))
	var out []*event.RouteRow
	for _, r := range c.Rows(RowsOf{Index: func(name string) int { return len(name) }}) {
		if r.Route != nil {
			out = append(out, r.Route)
		}
	}
	if len(out) != 1 {
		t.Fatalf("%s: %d rows\n%s", line, len(out), problemLines(found))
	}
	return out
}

// TestRoutesAreTyped: what the words of a route mean. The times are those that keepalived 2.2.7 shows.
func TestRoutesAreTyped(t *testing.T) {
	for line, want := range map[string]string{
		"10.20.0.0/16 via 10.0.0.9 dev eth0 table 100 metric 7":             `{"type":"unicast","destination":"10.20.0.0/16","gateway":"10.0.0.9","metric":7,"interface":"eth0","ifindex":4,"table":100,"scope":0,"protocol":18}`,
		"src 10.0.0.1 default dev eth0 scope link tos 0x10":                 `{"type":"unicast","destination":"0.0.0.0/0","source":"10.0.0.1","interface":"eth0","ifindex":4,"table":254,"scope":253,"tos":16,"protocol":18}`,
		"blackhole 2001:db8::/48":                                           `{"type":"blackhole","destination":"2001:db8::/48","table":254,"scope":0,"protocol":18}`,
		"10.28.0.0/16 dev eth0 no_track":                                    `{"type":"unicast","destination":"10.28.0.0/16","interface":"eth0","ifindex":4,"table":254,"scope":0}`,
		"10.28.0.0/16 dev eth0 protocol ra no_track table local":            `{"type":"unicast","destination":"10.28.0.0/16","interface":"eth0","ifindex":4,"table":255,"scope":0,"protocol":9}`,
		"10.28.0.0/16 dev eth0 protocol ra table local":                     `{"type":"unicast","destination":"10.28.0.0/16","interface":"eth0","ifindex":4,"table":255,"scope":0,"protocol":18}`,
		"10.28.0.0/16 encap mpls 100/200 dev eth0":                          `{"type":"unicast","destination":"10.28.0.0/16","interface":"eth0","ifindex":4,"table":254,"scope":0,"protocol":18}`,
		"10.28.0.0/16 encap ila locator 1:2:3:4 dev eth0":                   `{"type":"unicast","destination":"10.28.0.0/16","interface":"eth0","ifindex":4,"table":254,"scope":0,"protocol":18}`,
		"2001:db8::/48 from 2001:db8:1::/64 dev eth0 pref high expires 600": `{"type":"unicast","destination":"2001:db8::/48","from":"2001:db8:1::/64","interface":"eth0","ifindex":4,"table":254,"scope":0,"protocol":18,"expires":600,"preference":"high"}`,
		"10.1.0.0/16 dev eth0 mtu lock 1400 rtt 8000 rttvar 1000 rto_min 300ms quickack 1 features ecn congctl cubic realms 4/5": `{"type":"unicast","destination":"10.1.0.0/16","interface":"eth0","ifindex":4,"table":254,"scope":0,"protocol":18,"ecn":true,"quickack":true,` +
			`"metrics":[{"name":"mtu","value":1400,"locked":true},{"name":"rtt","value":1000},{"name":"rttvar","value":250},{"name":"rto_min","value":300}],"congestion":"cubic","realm_to":5,"realm_from":4}`,
		"10.1.0.0/16 dev eth0 rtt 5 rttvar 1s fastopen_no_cookie 0": `{"type":"unicast","destination":"10.1.0.0/16","interface":"eth0","ifindex":4,"table":254,"scope":0,"protocol":18,` +
			`"metrics":[{"name":"rtt","value":200},{"name":"rttvar","value":1000},{"name":"fastopen_no_cookie","value":0}]}`,
		"10.1.0.0/16 nexthop via 10.0.0.9 dev eth0 weight 3 nexthop via 10.1.0.9 dev eth1 onlink realms 7": `{"type":"unicast","destination":"10.1.0.0/16","table":254,"scope":0,"protocol":18,` +
			`"hops":[{"gateway":"10.0.0.9","interface":"eth0","ifindex":4,"weight":3},{"gateway":"10.1.0.9","interface":"eth1","ifindex":4,"onlink":true,"realm_to":7}]}`,
		"10.1.0.0/16 via 10.0.0.9 or 10.0.0.10 dev eth0":  `{"type":"unicast","destination":"10.1.0.0/16","interface":"eth0","ifindex":4,"table":254,"scope":0,"protocol":18,"hops":[{"gateway":"10.0.0.9"},{"gateway":"10.0.0.10"}]}`,
		"10.1.0.0/16 encap ip id 5 dst 10.7.7.7 dev eth0": `{"type":"unicast","destination":"10.1.0.0/16","interface":"eth0","ifindex":4,"table":254,"scope":0,"protocol":18}`,
	} {
		got, err := json.Marshal(rowsOf(t, "virtual_routes", line)[0].Path)
		if err != nil || string(got) != want {
			t.Errorf("%s\ngives %s %v\nwant  %s", line, got, err, want)
		}
	}
}

// TestRulesAreTyped: what the words of a rule mean.
func TestRulesAreTyped(t *testing.T) {
	rest := func(m event.RuleMatch) event.RuleMatch {
		m.SuppressPrefix = -1
		if m.Mark == 0 {
			m.Mark, m.Mask = -1, -1
		}
		if m.UIDLast == 0 {
			m.UIDFirst, m.UIDLast = -1, -1
		}
		return m
	}
	net := func(s string) event.RuleMatch {
		return event.RuleMatch{From: networkOf(s, 4), Action: "table", Table: 100, Preference: 200}
	}
	goTo, marked, users, group, device := net("10.0.0.0/8"), net("10.0.0.0/8"), net("10.0.0.0/8"), net("10.0.0.0/8"), net("")
	goTo.Action, goTo.Table, goTo.Target = "goto", 0, 300
	marked.Mark, marked.Mask, marked.Invert, marked.In, marked.Out, marked.TOS = 5, 255, true, "eth0", "eth1", 8
	users.UIDFirst, users.UIDLast, users.RealmTo, users.RealmFrom, users.TunnelID = 100, 200, 2, 1, 77
	group.SuppressGroup, group.To = "default", networkOf("192.0.2.1", 4)
	device.L3MDev, device.Table = true, 0
	for line, want := range map[string]event.RuleMatch{
		"from 10.0.0.0/8 table 100 priority 200":                                               net("10.0.0.0/8"),
		"from all lookup 100 order 200":                                                        net("0.0.0.0/0"),
		"from 10.0.0.0/8 goto 300 priority 200":                                                goTo,
		"not from 10.0.0.0/8 iif eth0 oif eth1 dsfield 8 fwmark 5/0xff table 100 priority 200": marked,
		"from 10.0.0.0/8 uidrange 100-200 realms 1/2 tunnel-id 77 table 100 priority 200":      users,
		"from 10.0.0.0/8 to 192.0.2.1 suppress_ifgroup default table 100 priority 200":         group,
		"l3mdev priority 200": device,
	} {
		if got := *rowsOf(t, "virtual_rules", line)[0].Match; got != rest(want) {
			t.Errorf("%s\ngives %+v\nwant  %+v", line, got, rest(want))
		}
	}
	for _, action := range []string{"nop", "blackhole", "unreachable", "prohibit"} {
		if got := rowsOf(t, "virtual_rules", "from 10.0.0.0/8 priority 9 "+action)[0].Match; got.Action != action || got.Preference != 9 {
			t.Errorf("%s: %+v", action, got)
		}
	}
	if got := rowsOf(t, "virtual_rules", "from 2001:db8::/48 table 5")[0].Match; got.Preference != 16384 {
		t.Errorf("without preference: %+v", got)
	}
}

// TestPreferencesCountDown: rules without preference get 16384, 16383 and so on, for each family.
func TestPreferencesCountDown(t *testing.T) {
	text := "static_rules {\nfrom 10.1.0.0/16 table 5\n}\nvrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress { 192.0.2.1 }\n" +
		"virtual_rules {\nfrom 10.2.0.0/16 table 5\nfrom 2001:db8::/48 table 5\nfrom 10.3.0.0/16 table 5 preference 7\nfrom 10.4.0.0/16 table 5\n}\n}\n"
	tree, _ := syntax.Parse("t", []byte(text), syntax.Options{})
	c, _ := Build(tree, testEnvironment(false))
	var got []int64
	for _, r := range c.Rows(RowsOf{}) {
		if r.Route != nil {
			got = append(got, r.Route.Match.Preference)
		}
	}
	if want := []int64{16383, 16384, 7, 16382, 16384}; !slices.Equal(got, want) {
		t.Errorf("preferences %v, want %v", got, want)
	}
}

// TestCommandLines: a command is shown as keepalived shows it.
func TestCommandLines(t *testing.T) {
	for want, argv := range map[string][]string{
		"'/usr/bin/echo' 'a b' ''": {"/usr/bin/echo", "a b", ""},
		"</etc/hostname":           {"</etc/hostname"},
	} {
		if got := commandLine(argv); got != want {
			t.Errorf("%q is shown as %s, want %s", argv, got, want)
		}
	}
}
