// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var errNoInterface = errors.New("no such interface")

func indexOf(name string) (int, error) {
	if i := map[string]int{"eth0": 2, "eth1": 3}[name]; i != 0 {
		return i, nil
	}
	return 0, errNoInterface
}

func network(s string) *net.IPNet {
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		panic(err)
	}
	return n
}

func TestRoutes(t *testing.T) {
	base := netlink.Route{Family: unix.AF_INET, Protocol: Protocol, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST}
	for _, tt := range []struct {
		line   string
		family uint8
		want   func(r *netlink.Route)
	}{
		{"192.168.0.0/16 via 10.0.0.1 dev eth0", 4, func(r *netlink.Route) {
			r.Dst, r.Gw, r.LinkIndex = network("192.168.0.0/16"), net.IP{10, 0, 0, 1}, 2
		}},
		{"to 192.168.7.9 dev eth1", 4, func(r *netlink.Route) {
			r.Dst, r.LinkIndex, r.Scope = network("192.168.7.9/32"), 3, unix.RT_SCOPE_LINK
		}},
		{"default via 10.0.0.1 src 10.0.0.9 table 100 metric 5 onlink", 4, func(r *netlink.Route) {
			r.Dst, r.Gw, r.Src, r.Table, r.Priority, r.Flags = network("0.0.0.0/0"), net.IP{10, 0, 0, 1}, net.IP{10, 0, 0, 9}, 100, 5, unix.RTNH_F_ONLINK
		}},
		{"blackhole 10.1.0.0/16 table local scope host", 4, func(r *netlink.Route) {
			r.Dst, r.Type, r.Table, r.Scope = network("10.1.0.0/16"), unix.RTN_BLACKHOLE, unix.RT_TABLE_LOCAL, unix.RT_SCOPE_HOST
		}},
		{"10.2.0.0/16 dev eth0 mtu lock 1400 advmss 1300 rtt 200ms rttvar 1.5s initcwnd 20 quickack 1 congctl bbr realms 3/4 protocol static", 4, func(r *netlink.Route) {
			r.Dst, r.LinkIndex, r.Scope = network("10.2.0.0/16"), 2, unix.RT_SCOPE_LINK
			r.MTU, r.MTULock, r.AdvMSS, r.Rtt, r.RttVar, r.InitCwnd, r.QuickACK, r.Congctl = 1400, true, 1300, 200, 1500, 20, 1, "bbr"
			r.Realm, r.Protocol = 3<<16|4, 4
		}},
		{"default nexthop via 10.0.0.1 dev eth0 weight 3 nexthop via inet 10.0.1.1 dev eth1 onlink no_track", 4, func(r *netlink.Route) {
			r.Dst = network("0.0.0.0/0")
			r.MultiPath = []*netlink.NexthopInfo{
				{Gw: net.IP{10, 0, 0, 1}, LinkIndex: 2, Hops: 2}, {Gw: net.IP{10, 0, 1, 1}, LinkIndex: 3, Flags: unix.RTNH_F_ONLINK},
			}
		}},
		{"default via fe80::1 dev eth0", 6, func(r *netlink.Route) {
			r.Family, r.Dst, r.Gw, r.LinkIndex = unix.AF_INET6, network("::/0"), net.ParseIP("fe80::1"), 2
		}},
	} {
		t.Run(tt.line, func(t *testing.T) {
			want := base
			tt.want(&want)
			got, _, err := parseRoute(strings.Fields(tt.line), tt.family, indexOf)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, want) {
				t.Errorf("got\n%#v\nwant\n%#v", *got, want)
			}
		})
	}
}

func TestRoutesThatAreRefused(t *testing.T) {
	for line, want := range map[string]string{
		"10.0.0.0/8 dev eth9":                     errNoInterface.Error(),
		"10.0.0.0/8 via":                          "a value is missing",
		"10.0.0.0/8 via nowhere":                  "not an address",
		"10.0.0.0/33":                             "not a network",
		"10.0.0.0/8 metric -1":                    "not a number",
		"10.0.0.0/8 table 4294967296":             "not a number",
		"10.0.0.0/8 encap mpls 3":                 "not known",
		"10.0.0.0/8 dev eth0 rtt soon":            "not a time",
		"default nexthop via 10.0.0.1 weight 300": "1 to 256",
		"10.0.0.0/8 features ecn features magic":  "the only feature",
	} {
		if _, _, err := parseRoute(strings.Fields(line), 4, indexOf); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func TestRules(t *testing.T) {
	mask := uint32(0xff)
	for _, tt := range []struct {
		line   string
		family uint8
		want   func(r *netlink.Rule)
	}{
		{"from 192.0.2.0/24 table 100 preference 50", 4, func(r *netlink.Rule) { r.Src, r.Table, r.Priority = network("192.0.2.0/24"), 100, 50 }},
		{"from all to 192.0.2.1 lookup main", 4, func(r *netlink.Rule) { r.Dst, r.Table = network("192.0.2.1/32"), unix.RT_TABLE_MAIN }},
		{"not fwmark 0x10/0xff iif eth0 oif eth1 table 7", 4, func(r *netlink.Rule) {
			r.Invert, r.Mark, r.Mask, r.IifName, r.OifName, r.Table = true, 16, &mask, "eth0", "eth1", 7
		}},
		{"to 2001:db8::/32 blackhole no_track", 6, func(r *netlink.Rule) {
			r.Family, r.Dst, r.Type = unix.AF_INET6, network("2001:db8::/32"), unix.RTN_BLACKHOLE
		}},
	} {
		t.Run(tt.line, func(t *testing.T) {
			want := netlink.NewRule()
			want.Family, want.Protocol = unix.AF_INET, Protocol
			tt.want(want)
			got, err := parseRule(strings.Fields(tt.line), tt.family)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%#v\nwant\n%#v", got, want)
			}
		})
	}
	if _, err := parseRule([]string{"from", "192.0.2.0/24", "sideways"}, 4); err == nil {
		t.Error("an unknown word passes")
	}
}
