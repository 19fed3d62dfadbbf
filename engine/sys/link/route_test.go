// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var errNoInterface = errors.New("no such interface")

func indexOf(name string) (int, error) {
	if i := map[string]int{"eth0": 2, "eth1": 3}[name]; i != 0 {
		return i, nil
	}
	return 0, errNoInterface
}

// tableOf knows one VRF.
func tableOf(name string) (uint32, error) {
	if name == "blue" {
		return 1001, nil
	}
	return 0, errNoVRF
}

func num(kind int, v uint32) *nl.RtAttr     { return nl.NewRtAttr(kind, nl.Uint32Attr(v)) }
func text(kind int, s string) *nl.RtAttr    { return nl.NewRtAttr(kind, nl.ZeroTerminated(s)) }
func octets(kind int, b ...byte) *nl.RtAttr { return nl.NewRtAttr(kind, b) }
func address(kind int, s string) *nl.RtAttr {
	return nl.NewRtAttr(kind, netip.MustParseAddr(s).AsSlice())
}

func tunnel(kind uint16) *nl.RtAttr { return nl.NewRtAttr(unix.RTA_ENCAP_TYPE, nl.Uint16Attr(kind)) }

func within(kind int, attrs ...*nl.RtAttr) *nl.RtAttr {
	a := nl.NewRtAttr(kind, nil)
	for _, c := range attrs {
		a.AddChild(c)
	}
	return a
}

// want is a route or rule as it should be sent.
type want struct {
	unix.RtMsg
	attrs []*nl.RtAttr
}

func (w want) check(t *testing.T, got *route, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got.RtMsg.RtMsg != w.RtMsg {
		t.Errorf("header\n got %+v\nwant %+v", got.RtMsg.RtMsg, w.RtMsg)
	}
	var a, b []byte
	for _, x := range got.attrs {
		a = append(a, x.Serialize()...)
	}
	for _, x := range w.attrs {
		b = append(b, x.Serialize()...)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("attributes\n got %x\nwant %x", a, b)
	}
}

// base is the header of a plain IPv4 route.
func base(change func(h *unix.RtMsg)) unix.RtMsg {
	h := unix.RtMsg{Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: Protocol, Type: unix.RTN_UNICAST}
	if change != nil {
		change(&h)
	}
	return h
}

func TestRoutes(t *testing.T) {
	hop := func(ifindex int32, hops, flags uint8, attrs ...*nl.RtAttr) []byte {
		h := nl.RtNexthop{RtNexthop: unix.RtNexthop{Ifindex: ifindex, Hops: hops, Flags: flags}}
		for _, a := range attrs {
			h.Children = append(h.Children, a)
		}
		return h.Serialize()
	}
	for _, tt := range []struct {
		line   string
		family uint8
		want   want
	}{
		{"192.168.0.0/16 via 10.0.0.1 dev eth0", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len = 16 }),
			[]*nl.RtAttr{address(unix.RTA_DST, "192.168.0.0"), address(unix.RTA_GATEWAY, "10.0.0.1"), num(unix.RTA_OIF, 2)},
		}},
		{"10.0.0.0/8 dev eth0 vrf blue", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len, h.Table = 8, unix.RT_TABLE_UNSPEC }),
			[]*nl.RtAttr{address(unix.RTA_DST, "10.0.0.0"), num(unix.RTA_OIF, 2), num(unix.RTA_TABLE, 1001)},
		}},
		{"to blackhole 192.168.7.9", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len, h.Type = 32, unix.RTN_BLACKHOLE }),
			[]*nl.RtAttr{address(unix.RTA_DST, "192.168.7.9")},
		}},
		{"10.0.0.0/8 dev eth1 no_track", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len = 8 }),
			[]*nl.RtAttr{address(unix.RTA_DST, "10.0.0.0"), num(unix.RTA_OIF, 3)},
		}},
		{"src 10.0.0.9 default via 10.0.0.1 table 1000 metric 5 onlink tos 0x10 protocol static scope site realms 3/4", 4, want{
			base(func(h *unix.RtMsg) {
				h.Table, h.Flags, h.Tos, h.Protocol, h.Scope = unix.RT_TABLE_UNSPEC, unix.RTNH_F_ONLINK, 16, 4, unix.RT_SCOPE_SITE
			}),
			[]*nl.RtAttr{
				address(unix.RTA_PREFSRC, "10.0.0.9"), address(unix.RTA_GATEWAY, "10.0.0.1"), num(unix.RTA_TABLE, 1000),
				num(unix.RTA_PRIORITY, 5), num(unix.RTA_FLOW, 3<<16|4),
			},
		}},
		{"default nexthop via 10.0.0.1 dev eth0 weight 3 nexthop via inet 10.0.1.1 dev eth1 onlink realms 7", 4, want{
			base(nil),
			[]*nl.RtAttr{nl.NewRtAttr(unix.RTA_MULTIPATH, append(hop(2, 2, 0, address(unix.RTA_GATEWAY, "10.0.0.1")),
				hop(3, 0, unix.RTNH_F_ONLINK, address(unix.RTA_GATEWAY, "10.0.1.1"), num(unix.RTA_FLOW, 7))...))},
		}},
		{"10.0.0.0/8 via 10.0.0.1 mtu lock 1400 rtt 500ms rttvar 6 rto_min lock 1.5s cwnd lock 10 congctl cubic features ecn", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len = 8 }),
			[]*nl.RtAttr{address(unix.RTA_DST, "10.0.0.0"), address(unix.RTA_GATEWAY, "10.0.0.1"), within(unix.RTA_METRICS,
				num(unix.RTAX_MTU, 1400), num(unix.RTAX_RTT, 4000), num(unix.RTAX_RTTVAR, 800), num(unix.RTAX_RTO_MIN, 1500),
				num(unix.RTAX_CWND, 10), text(unix.RTAX_CC_ALGO, "cubic"), num(unix.RTAX_FEATURES, 1),
				num(unix.RTAX_LOCK, 1<<unix.RTAX_MTU|1<<unix.RTAX_RTO_MIN|1<<unix.RTAX_CWND))},
		}},
		{"2001:db8:20::/48 from 2001:db8:99::/64 via fe80::1 dev eth0 pref high expires 600", 6, want{
			base(func(h *unix.RtMsg) { h.Family, h.Dst_len, h.Src_len = unix.AF_INET6, 48, 64 }),
			[]*nl.RtAttr{
				address(unix.RTA_DST, "2001:db8:20::"), address(unix.RTA_SRC, "2001:db8:99::"), address(unix.RTA_GATEWAY, "fe80::1"),
				num(unix.RTA_OIF, 2), octets(unix.RTA_PREF, 1), num(unix.RTA_EXPIRES, 600),
			},
		}},
		{"10.0.0.0/8 encap ip id 7 dst 10.9.9.9 src 10.9.9.8 tos 4 ttl 9 flags 1 dev eth0", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len = 8 }),
			[]*nl.RtAttr{
				address(unix.RTA_DST, "10.0.0.0"), tunnel(unix.LWTUNNEL_ENCAP_IP), within(unix.RTA_ENCAP, octets(1, 0, 0, 0, 0, 0, 0, 0, 7),
					address(2, "10.9.9.9"), address(3, "10.9.9.8"), octets(5, 4), octets(4, 9), octets(6, 1, 0)), num(unix.RTA_OIF, 2),
			},
		}},
		{"10.0.0.0/8 encap ip6 dst 2001:db8::5 tc 4 hoplimit 9", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len = 8 }),
			[]*nl.RtAttr{
				address(unix.RTA_DST, "10.0.0.0"), tunnel(unix.LWTUNNEL_ENCAP_IP6),
				within(unix.RTA_ENCAP, address(2, "2001:db8::5"), octets(5, 4), octets(4, 9)),
			},
		}},
		{"10.0.0.0/8 nexthop encap mpls 100/200 nexthop dev eth1", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len = 8 }),
			[]*nl.RtAttr{address(unix.RTA_DST, "10.0.0.0"), nl.NewRtAttr(unix.RTA_MULTIPATH, append(hop(0, 0, 0, tunnel(unix.LWTUNNEL_ENCAP_MPLS),
				within(unix.RTA_ENCAP, octets(1, 0, 6, 0x40, 0, 0, 0xc, 0x81, 0))), hop(3, 0, 0)...))},
		}},
		{"2001:db8::/32 encap ila locator 1:2:3:4 ttl-propagate enabled", 6, want{
			base(func(h *unix.RtMsg) { h.Family, h.Dst_len = unix.AF_INET6, 32 }),
			[]*nl.RtAttr{
				address(unix.RTA_DST, "2001:db8::"), tunnel(unix.LWTUNNEL_ENCAP_ILA), within(unix.RTA_ENCAP, octets(1, 0, 1, 0, 2, 0, 3, 0, 4)),
				octets(unix.RTA_TTL_PROPAGATE, 1),
			},
		}},
		{"10.0.0.0/8 via 10.0.0.1 or inet6 fe80::1 dev eth0 metric 5", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len = 8 }),
			[]*nl.RtAttr{address(unix.RTA_DST, "10.0.0.0"), num(unix.RTA_PRIORITY, 5), nl.NewRtAttr(unix.RTA_MULTIPATH,
				append(hop(2, 0, 0, address(unix.RTA_GATEWAY, "10.0.0.1")),
					hop(2, 0, 0, octets(unix.RTA_VIA, append([]byte{unix.AF_INET6, 0}, netip.MustParseAddr("fe80::1").AsSlice()...)...))...))},
		}},
		{"local 10.0.0.1 dev eth0", 4, want{
			base(func(h *unix.RtMsg) { h.Dst_len, h.Type, h.Scope = 32, unix.RTN_LOCAL, unix.RT_SCOPE_HOST }),
			[]*nl.RtAttr{address(unix.RTA_DST, "10.0.0.1"), num(unix.RTA_OIF, 2)},
		}},
	} {
		t.Run(tt.line, func(t *testing.T) {
			got, err := parseRoute(strings.Fields(tt.line), tt.family, Names{indexOf, tableOf})
			tt.want.check(t, got, err)
		})
	}
}

// TestNames: numbers have the names of iproute2's files.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("rt_tables", "# 5 comment\n255\tlocal\n 0x10 hex # sixteen\nfoo bar\n99999999999 huge\n")
	write("rt_tables.d/more.conf", "300 more\n")
	write("rt_tables.d/README", "301 not\n")
	for name, want := range map[string]uint64{"local": 255, "hex": 16, "more": 300, "comment": 0, "bar": 0, "huge": 0, "not": 0, "": 0} {
		if got, ok := lookup([]string{"/no-such-folder", dir}, "rt_tables", name); got != want || ok != (want != 0) {
			t.Errorf("%q is %d, %v", name, got, ok)
		}
	}
	before := nameDirs
	nameDirs = []string{dir}
	defer func() { nameDirs = before }()
	write("rt_realms", "7 green\n70000 large\n")
	r, err := parseRoute(strings.Fields("10.0.0.0/8 table more realms green/0x14"), 4, Names{indexOf, tableOf})
	want{
		base(func(h *unix.RtMsg) { h.Dst_len, h.Table = 8, unix.RT_TABLE_UNSPEC }),
		[]*nl.RtAttr{address(unix.RTA_DST, "10.0.0.0"), num(unix.RTA_TABLE, 300), num(unix.RTA_FLOW, 7<<16|20)},
	}.check(t, r, err)
	if _, err := parseRoute(strings.Fields("10.0.0.0/8 realms large"), 4, Names{indexOf, tableOf}); err == nil {
		t.Error("a realm of 17 bits passes")
	}
}

// TestRouteDeleted: a route is deleted by what it is, not by what it is like.
func TestRouteDeleted(t *testing.T) {
	r, err := parseRoute(strings.Fields("10.0.0.0/8 via 10.0.0.1 metric 5 mtu 1400 expires 6 encap ip dst 10.9.9.9"), 4, Names{indexOf, tableOf})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := parseRoute(strings.Fields("10.0.0.0/8 via 10.0.0.1 metric 5"), 4, Names{indexOf, tableOf})
	if err != nil {
		t.Fatal(err)
	}
	got, want := r.request(unix.RTM_DELROUTE, 0).Serialize(), plain.request(unix.RTM_NEWROUTE, 0).Serialize()
	if !bytes.Equal(got[unix.SizeofNlMsghdr:], want[unix.SizeofNlMsghdr:]) {
		t.Errorf("deleted by %x", got)
	}
	if all := r.request(unix.RTM_NEWROUTE, 0).Serialize(); len(all) <= len(got) {
		t.Errorf("added by %x", all)
	}
	if err := r.unsupported(unix.EOPNOTSUPP); !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(err.Error(), "encap ip") {
		t.Error(err)
	}
	if err := plain.unsupported(unix.EOPNOTSUPP); err != unix.EOPNOTSUPP { //nolint:errorlint // the very same
		t.Error(err)
	}
}

func TestRouteOrder(t *testing.T) {
	for word, flags := range map[string]int{"add": unix.NLM_F_EXCL, "append": unix.NLM_F_APPEND, "prepend": 0, "no_track": 0} {
		if r, err := parseRoute([]string{"10.0.0.0/8", word}, 4, Names{indexOf, tableOf}); err != nil || r.how != flags {
			t.Errorf("%s: %+v, %v", word, r, err)
		}
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
		"10.0.0.0/8 encap gre 3":                  "ip, ip6, mpls or ila",
		"10.0.0.0/8 encap mpls 1/x":               "not labels",
		"10.0.0.0/8 encap mpls 1048576":           "not labels",
		"10.0.0.0/8 encap ila 1:2:3":              "not a locator",
		"10.0.0.0/8 encap ip dst ::1":             "of another family",
		"10.0.0.0/8 encap ip ttl 256":             "not a number",
		"10.0.0.0/8 encap":                        "a value is missing",
		"10.0.0.0/8 ttl-propagate maybe":          "not a number",
		"10.0.0.0/8 vrf eth0":                     `vrf "eth0": the interface is no VRF`,
		"10.0.0.0/8 10.1.0.0/16":                  "not known",
		"10.0.0.0/8 to 10.1.0.0/16":               "a second destination",
		"10.0.0.0/8 dev eth0 rtt soon":            "not a time",
		"10.0.0.0/8 rtt NaN":                      "not a time",
		"10.0.0.0/8 rtt 1e30s":                    "not a time",
		"default nexthop via 10.0.0.1 weight 300": "1 to 256",
		"10.0.0.0/8 features ecn features magic":  "the only feature",
		"10.0.0.0/8 realms 70000":                 "not a realm",
	} {
		if _, err := parseRoute(strings.Fields(line), 4, Names{indexOf, tableOf}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", line, err, want)
		}
	}
}

func TestRules(t *testing.T) {
	rule := func(change func(h *unix.RtMsg)) unix.RtMsg {
		h := unix.RtMsg{Family: unix.AF_INET, Type: nl.FR_ACT_TO_TBL}
		change(&h)
		return h
	}
	ours := octets(nl.FRA_PROTOCOL, Protocol)
	for _, tt := range []struct {
		line   string
		family uint8
		want   want
	}{
		{"from 192.0.2.0/24 table 100 preference 50", 4, want{
			rule(func(h *unix.RtMsg) { h.Src_len, h.Table = 24, 100 }),
			[]*nl.RtAttr{address(nl.FRA_SRC, "192.0.2.0"), num(nl.FRA_PRIORITY, 50), ours},
		}},
		{"from all to 192.0.2.1 protocol static", 4, want{
			rule(func(h *unix.RtMsg) { h.Dst_len, h.Table = 32, unix.RT_TABLE_MAIN }),
			[]*nl.RtAttr{address(nl.FRA_DST, "192.0.2.1"), octets(nl.FRA_PROTOCOL, 4)},
		}},
		{"not fwmark 0x10/0xff iif eth0 oif eth1 tos 8 table 1000 realms 1/2", 4, want{
			rule(func(h *unix.RtMsg) { h.Flags, h.Tos = fibInvert, 8 }),
			[]*nl.RtAttr{
				num(nl.FRA_FWMARK, 16), num(nl.FRA_FWMASK, 255), text(nl.FRA_IIFNAME, "eth0"), text(nl.FRA_OIFNAME, "eth1"),
				num(nl.FRA_TABLE, 1000), num(nl.FRA_FLOW, 1<<16|2), ours,
			},
		}},
		{"to 2001:db8::/32 blackhole no_track", 6, want{
			rule(func(h *unix.RtMsg) { h.Family, h.Dst_len, h.Type = unix.AF_INET6, 32, nl.FR_ACT_BLACKHOLE }),
			[]*nl.RtAttr{address(nl.FRA_DST, "2001:db8::"), ours},
		}},
		{"l3mdev tunnel-id 77 ipproto TCP sport 80-90 dport 443 uidrange 100-200", 4, want{
			rule(func(*unix.RtMsg) {}),
			[]*nl.RtAttr{
				octets(nl.FRA_L3MDEV, 1), octets(nl.FRA_TUN_ID, 0, 0, 0, 0, 0, 0, 0, 77), octets(nl.FRA_IP_PROTO, 6),
				octets(nl.FRA_SPORT_RANGE, 80, 0, 90, 0), octets(nl.FRA_DPORT_RANGE, 0xbb, 1, 0xbb, 1),
				octets(nl.FRA_UID_RANGE, 100, 0, 0, 0, 200, 0, 0, 0), ours,
			},
		}},
		{"goto 250 suppress_prefixlength 10 suppress_ifgroup 3", 4, want{
			rule(func(h *unix.RtMsg) { h.Type = nl.FR_ACT_GOTO }),
			[]*nl.RtAttr{num(nl.FRA_GOTO, 250), num(nl.FRA_SUPPRESS_PREFIXLEN, 10), num(nl.FRA_SUPPRESS_IFGROUP, 3), ours},
		}},
	} {
		t.Run(tt.line, func(t *testing.T) {
			got, err := parseRule(strings.Fields(tt.line), tt.family)
			tt.want.check(t, got, err)
		})
	}
	for _, line := range []string{"from 192.0.2.0/24 sideways", "sport 9-1", "uidrange x", "fwmark 1/x", "from", "goto"} {
		if _, err := parseRule(strings.Fields(line), 4); err == nil {
			t.Errorf("%q passes", line)
		}
	}
}
