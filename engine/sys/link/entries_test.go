// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// told is a message about an entry, as the kernel sends it.
func told(kind uint16, port uint32, w want) message {
	h := nl.RtMsg{RtMsg: w.RtMsg}
	b := h.Serialize()
	for _, a := range w.attrs {
		b = append(b, a.Serialize()...)
	}
	return message{kind: kind, port: port, body: b}
}

// routeLines and ruleLines are lines with what the kernel says of their entries,
// and with what it says of others that are nearly the same.
var routeLines = []struct {
	line   string
	family uint8
	same   want
	others []want
}{
	{
		"10.21.0.0/16 via 10.0.0.9 dev eth0", 4,
		want{base(func(h *unix.RtMsg) { h.Dst_len = 16 }), []*nl.RtAttr{
			num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.21.0.0"), address(unix.RTA_GATEWAY, "10.0.0.9"), num(unix.RTA_OIF, 2),
		}},
		[]want{
			{base(func(h *unix.RtMsg) { h.Dst_len = 16 }), []*nl.RtAttr{
				num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.21.0.0"), address(unix.RTA_GATEWAY, "10.0.0.8"), num(unix.RTA_OIF, 2),
			}},
			{base(func(h *unix.RtMsg) { h.Dst_len = 16 }), []*nl.RtAttr{
				num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.21.0.0"), address(unix.RTA_GATEWAY, "10.0.0.9"), num(unix.RTA_OIF, 3),
			}},
			{base(func(h *unix.RtMsg) { h.Dst_len = 16 }), []*nl.RtAttr{
				num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.21.0.0"), address(unix.RTA_GATEWAY, "10.0.0.9"), num(unix.RTA_OIF, 2), num(unix.RTA_PRIORITY, 7),
			}},
			{base(func(h *unix.RtMsg) { h.Dst_len, h.Table = 16, 100 }), []*nl.RtAttr{
				num(unix.RTA_TABLE, 100), address(unix.RTA_DST, "10.21.0.0"), address(unix.RTA_GATEWAY, "10.0.0.9"), num(unix.RTA_OIF, 2),
			}},
			{base(func(h *unix.RtMsg) { h.Dst_len, h.Tos = 16, 8 }), []*nl.RtAttr{
				num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.21.0.0"), address(unix.RTA_GATEWAY, "10.0.0.9"), num(unix.RTA_OIF, 2),
			}},
			{base(func(h *unix.RtMsg) { h.Dst_len, h.Protocol = 16, 4 }), []*nl.RtAttr{
				num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.21.0.0"), address(unix.RTA_GATEWAY, "10.0.0.9"), num(unix.RTA_OIF, 2),
			}},
			{base(func(h *unix.RtMsg) { h.Dst_len = 15 }), []*nl.RtAttr{
				num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.21.0.0"), address(unix.RTA_GATEWAY, "10.0.0.9"), num(unix.RTA_OIF, 2),
			}},
		},
	},
	{
		"blackhole 10.24.0.0/16 table 1000 metric 5", 4,
		want{base(func(h *unix.RtMsg) { h.Dst_len, h.Table, h.Type = 16, unix.RT_TABLE_COMPAT, unix.RTN_BLACKHOLE }), []*nl.RtAttr{
			num(unix.RTA_TABLE, 1000), address(unix.RTA_DST, "10.24.0.0"), num(unix.RTA_PRIORITY, 5),
		}},
		[]want{{base(func(h *unix.RtMsg) { h.Dst_len, h.Table, h.Type = 16, unix.RT_TABLE_COMPAT, unix.RTN_PROHIBIT }), []*nl.RtAttr{
			num(unix.RTA_TABLE, 1000), address(unix.RTA_DST, "10.24.0.0"), num(unix.RTA_PRIORITY, 5),
		}}},
	},
	{ // the kernel gives an IPv6 route a metric
		"2001:db8:20::/48 via 2001:db8::9 dev eth0", 6,
		want{base(func(h *unix.RtMsg) { h.Family, h.Dst_len = unix.AF_INET6, 48 }), []*nl.RtAttr{
			num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "2001:db8:20::"), num(unix.RTA_PRIORITY, 1024),
			address(unix.RTA_GATEWAY, "2001:db8::9"), num(unix.RTA_OIF, 2),
		}},
		[]want{{base(func(h *unix.RtMsg) { h.Family, h.Dst_len = unix.AF_INET6, 48 }), []*nl.RtAttr{
			num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "2001:db8:20::"), num(unix.RTA_PRIORITY, 1025),
			address(unix.RTA_GATEWAY, "2001:db8::9"), num(unix.RTA_OIF, 2),
		}}},
	},
	{ // and finds the interface of a gateway
		"10.22.0.0/16 via 10.0.0.9", 4,
		want{base(func(h *unix.RtMsg) { h.Dst_len = 16 }), []*nl.RtAttr{
			num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.22.0.0"), address(unix.RTA_GATEWAY, "10.0.0.9"), num(unix.RTA_OIF, 3),
		}},
		nil,
	},
	{ // and tells of each hop of an IPv6 route
		"2001:db8:77::/48 nexthop via 2001:db8::9 dev eth0 nexthop via 2001:db8::8 dev eth0", 6,
		want{base(func(h *unix.RtMsg) { h.Family, h.Dst_len = unix.AF_INET6, 48 }), []*nl.RtAttr{
			num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "2001:db8:77::"), num(unix.RTA_PRIORITY, 1024),
			address(unix.RTA_GATEWAY, "2001:db8::8"), num(unix.RTA_OIF, 2),
		}},
		nil,
	},
}

var ruleLines = []struct {
	line   string
	family uint8
	same   want
	others []want
}{
	{
		"from 10.41.0.0/16 preference 201 fwmark 5 table 1000", 4,
		want{base(func(h *unix.RtMsg) {
			h.Src_len, h.Table, h.Protocol, h.Type = 16, unix.RT_TABLE_COMPAT, 0, nl.FR_ACT_TO_TBL
		}), []*nl.RtAttr{
			num(nl.FRA_TABLE, 1000), num(nl.FRA_SUPPRESS_PREFIXLEN, ^uint32(0)), num(nl.FRA_PRIORITY, 201), num(nl.FRA_FWMARK, 5),
			num(nl.FRA_FWMASK, ^uint32(0)), address(nl.FRA_SRC, "10.41.0.0"), octets(nl.FRA_PROTOCOL, Protocol),
		}},
		[]want{
			{base(func(h *unix.RtMsg) {
				h.Src_len, h.Table, h.Protocol, h.Type = 16, unix.RT_TABLE_COMPAT, 0, nl.FR_ACT_TO_TBL
			}), []*nl.RtAttr{
				num(nl.FRA_TABLE, 1000), num(nl.FRA_PRIORITY, 202), num(nl.FRA_FWMARK, 5), num(nl.FRA_FWMASK, ^uint32(0)),
				address(nl.FRA_SRC, "10.41.0.0"), octets(nl.FRA_PROTOCOL, Protocol),
			}},
			{base(func(h *unix.RtMsg) {
				h.Src_len, h.Table, h.Protocol, h.Type = 16, unix.RT_TABLE_COMPAT, 0, nl.FR_ACT_TO_TBL
			}), []*nl.RtAttr{
				num(nl.FRA_TABLE, 1000), num(nl.FRA_PRIORITY, 201), num(nl.FRA_FWMARK, 6), num(nl.FRA_FWMASK, ^uint32(0)),
				address(nl.FRA_SRC, "10.41.0.0"), octets(nl.FRA_PROTOCOL, Protocol),
			}},
			{base(func(h *unix.RtMsg) {
				h.Src_len, h.Table, h.Protocol, h.Type = 16, unix.RT_TABLE_COMPAT, 0, nl.FR_ACT_TO_TBL
			}), []*nl.RtAttr{
				num(nl.FRA_TABLE, 1000), num(nl.FRA_PRIORITY, 201), num(nl.FRA_FWMARK, 5), num(nl.FRA_FWMASK, ^uint32(0)),
				address(nl.FRA_SRC, "10.41.0.0"), octets(nl.FRA_PROTOCOL, 4),
			}},
			{base(func(h *unix.RtMsg) {
				h.Src_len, h.Table, h.Protocol, h.Type, h.Flags = 16, unix.RT_TABLE_COMPAT, 0, nl.FR_ACT_TO_TBL, fibInvert
			}), []*nl.RtAttr{
				num(nl.FRA_TABLE, 1000), num(nl.FRA_PRIORITY, 201), num(nl.FRA_FWMARK, 5), num(nl.FRA_FWMASK, ^uint32(0)),
				address(nl.FRA_SRC, "10.41.0.0"), octets(nl.FRA_PROTOCOL, Protocol),
			}},
		},
	},
	{
		"iif eth0 preference 203 blackhole", 6,
		want{base(func(h *unix.RtMsg) { h.Family, h.Table, h.Protocol, h.Type = unix.AF_INET6, 0, 0, nl.FR_ACT_BLACKHOLE }), []*nl.RtAttr{
			num(nl.FRA_TABLE, 0), num(nl.FRA_PRIORITY, 203), text(nl.FRA_IIFNAME, "eth0"), octets(nl.FRA_PROTOCOL, Protocol),
		}},
		[]want{{base(func(h *unix.RtMsg) { h.Family, h.Table, h.Protocol, h.Type = unix.AF_INET6, 0, 0, nl.FR_ACT_BLACKHOLE }), []*nl.RtAttr{
			num(nl.FRA_TABLE, 0), num(nl.FRA_PRIORITY, 203), text(nl.FRA_IIFNAME, "eth1"), octets(nl.FRA_PROTOCOL, Protocol),
		}}},
	},
}

// TestEntries: what the kernel tells of a line is known for it, and what it
// tells of others is not.
func TestEntries(t *testing.T) {
	const own = 77
	e := &Entries{own: own}
	var lines []Line
	for _, l := range routeLines {
		lines = append(lines, Line{false, l.family, strings.Fields(l.line)})
	}
	for _, l := range ruleLines {
		lines = append(lines, Line{true, l.family, strings.Fields(l.line)})
	}
	e.Want(lines, Names{indexOf, tableOf})
	check := func(line int, same want, others []want, come, gone uint16) {
		t.Helper()
		for _, port := range []uint32{own, 5} {
			if got := e.news(nil, told(come, port, same)); !slices.Equal(got, []EntryChange{{line, true}}) || !e.there[line] {
				t.Errorf("%v by %d appeared: %v", lines[line].Words, port, got)
			}
		}
		if got := e.news(nil, told(gone, own, same)); len(got) != 0 || e.there[line] {
			t.Errorf("%v, removed by ourselves, is told: %v", lines[line].Words, got)
		}
		for _, port := range []uint32{0, 5} { // the kernel, and another program
			if got := e.news(nil, told(gone, port, same)); !slices.Equal(got, []EntryChange{{line, false}}) {
				t.Errorf("%v, removed by %d: %v", lines[line].Words, port, got)
			}
		}
		for i, x := range others {
			if got := e.news(nil, told(gone, 5, x)); len(got) != 0 {
				t.Errorf("%v is taken for the other number %d", lines[line].Words, i)
			}
		}
	}
	for i, l := range routeLines {
		check(i, l.same, l.others, unix.RTM_NEWROUTE, unix.RTM_DELROUTE)
	}
	for i, l := range ruleLines {
		check(len(routeLines)+i, l.same, l.others, unix.RTM_NEWRULE, unix.RTM_DELRULE)
	}
}

// TestEntriesRenewed: a line whose interface comes later, or comes back with
// another index, is followed from then on.
func TestEntriesRenewed(t *testing.T) {
	index := 0
	e := &Entries{}
	e.Want([]Line{{false, 4, strings.Fields("10.21.0.0/16 dev eth9")}}, Names{Index: func(string) (int, error) {
		if index == 0 {
			return 0, errNoInterface
		}
		return index, nil
	}})
	gone := func(on uint32) []EntryChange {
		return e.news(nil, told(unix.RTM_DELROUTE, 5, want{base(func(h *unix.RtMsg) { h.Dst_len = 16 }), []*nl.RtAttr{
			num(unix.RTA_TABLE, 254), address(unix.RTA_DST, "10.21.0.0"), num(unix.RTA_OIF, on),
		}}))
	}
	if got := gone(9); len(got) != 0 {
		t.Errorf("without its interface: %v", got)
	}
	for _, index = range []int{9, 12} {
		e.Renew()
		if got := gone(uint32(index)); len(got) != 1 {
			t.Errorf("as number %d: %v", index, got)
		}
		if got := gone(3); len(got) != 0 {
			t.Errorf("of another interface: %v", got)
		}
	}
}

// TestVRFTable reads the table of a VRF, and no table of anything else.
func TestVRFTable(t *testing.T) {
	for kind, want := range map[string]uint32{"vrf": 1001, "macvlan": 0} {
		b := linkMessage(nil, unix.RTM_NEWLINK, 0, 1, 7, 0, 0)
		info := appendAttr(nil, unix.IFLA_INFO_KIND, append([]byte(kind), 0))
		info = appendAttr(info, unix.IFLA_INFO_DATA, appendAttr(nil, iflaVRFTable, u32(1001)))
		b = appendAttr(b, unix.IFLA_LINKINFO, info)
		if table, ok := parseVRF(b[unix.SizeofNlMsghdr:]); table != want || ok != (want != 0) {
			t.Errorf("%s: %d, %v", kind, table, ok)
		}
	}
	if _, ok := parseVRF([]byte{1}); ok {
		t.Error("one byte is a VRF")
	}
}
