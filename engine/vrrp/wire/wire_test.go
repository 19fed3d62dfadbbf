// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

var (
	addr4  = netip.MustParseAddr("192.0.2.1")
	addr4b = netip.MustParseAddr("192.0.2.2")
	src4   = netip.MustParseAddr("192.0.2.11")
	dst4   = netip.MustParseAddr("224.0.0.18")
	addr6  = netip.MustParseAddr("fe80::1")
	src6   = netip.MustParseAddr("fe80::b")
	dst6   = netip.MustParseAddr("ff02::12")
)

func list(family uint8, addrs ...netip.Addr) []byte {
	var b []byte
	for _, a := range addrs {
		b = AppendAddr(b, family, a)
	}
	return b
}

func bytesOf(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectors are packets written by hand, byte by byte, from the figures of the
// RFCs; the checksums were summed by hand too.
var vectors = []struct {
	name string
	from Carrier
	want Expect
	ad   Advert
	asV2 bool
	hex  string
}{
	{
		name: "RFC 3768 section 5.1, no authentication",
		from: Carrier{src4, dst4, 255},
		want: Expect{Family: 4, Version: 2, Interval: time.Second},
		ad:   Advert{Version: 2, Family: 4, VRID: 1, Priority: 100, Interval: time.Second, List: list(4, addr4)},
		hex:  "21 01 64 01 00 01 b8fa c0000201 0000000000000000",
	},
	{
		name: "RFC 2338 section 5.3.6.1, simple text password",
		from: Carrier{src4, dst4, 255},
		want: Expect{Family: 4, Version: 2, Interval: time.Second, AuthType: AuthTypePass, Auth: [8]byte{'s', 'e', 's', 'a', 'm', 'e'}},
		ad: Advert{
			Version: 2, Family: 4, VRID: 1, Priority: 100, Interval: time.Second,
			AuthType: AuthTypePass, Auth: [8]byte{'s', 'e', 's', 'a', 'm', 'e'}, List: list(4, addr4),
		},
		hex: "21 01 64 01 01 01 63ce c0000201 736573616d650000",
	},
	{
		name: "RFC 9568 section 5.1 over IPv4, with pseudo header",
		from: Carrier{src4, dst4, 255},
		want: Expect{Family: 4, Version: 3},
		ad:   Advert{Version: 3, Family: 4, VRID: 1, Priority: 100, Interval: time.Second, List: list(4, addr4)},
		hex:  "31 01 64 01 00 64 05fd c0000201",
	},
	{
		name: "compat: v3_checksum_as_v2, without pseudo header",
		from: Carrier{src4, dst4, 255},
		want: Expect{Family: 4, Version: 3, ChecksumAsV2: true},
		ad:   Advert{Version: 3, Family: 4, VRID: 1, Priority: 100, Interval: time.Second, List: list(4, addr4)},
		asV2: true,
		hex:  "31 01 64 01 00 64 a897 c0000201",
	},
	{
		name: "RFC 9568 section 5.1 over IPv6",
		from: Carrier{src6, dst6, 255},
		want: Expect{Family: 6, Version: 3},
		ad:   Advert{Version: 3, Family: 6, VRID: 2, Priority: 200, Interval: time.Second, List: list(6, addr6)},
		hex:  "31 02 c8 01 00 64 09ed fe800000000000000000000000000001",
	},
	{
		name: "RFC 9568 section 5.2.7, the longest interval, two addresses, priority 0",
		from: Carrier{src4, dst4, 255},
		want: Expect{Family: 4, Version: 3},
		ad:   Advert{Version: 3, Family: 4, VRID: 255, Interval: 40950 * time.Millisecond, List: list(4, addr4, addr4b)},
		hex:  "31 ff 00 02 0f ff 975c c0000201 c0000202",
	},
	{
		name: "compat: version 2 over IPv6 has the pseudo header and no authentication data",
		from: Carrier{src6, dst6, 255},
		want: Expect{Family: 6, Version: 2, Interval: time.Second},
		ad:   Advert{Version: 2, Family: 6, VRID: 2, Priority: 200, Interval: time.Second, List: list(6, addr6)},
		hex:  "21 02 c8 01 00 01 1a50 fe800000000000000000000000000001",
	},
	{
		name: "compat: version 2 over IPv6 says that it has a password and leaves it out",
		from: Carrier{src6, dst6, 255},
		want: Expect{Family: 6, Version: 2, Interval: time.Second, AuthType: AuthTypePass, Auth: [8]byte{'x'}},
		ad:   Advert{Version: 2, Family: 6, VRID: 2, Priority: 200, Interval: time.Second, AuthType: AuthTypePass, List: list(6, addr6)},
		hex:  "21 02 c8 01 01 01 1950 fe800000000000000000000000000001",
	},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			want := bytesOf(t, v.hex)
			if got := Append(nil, &v.ad, v.from.Src, v.from.Dst, v.asV2); !bytes.Equal(got, want) {
				t.Errorf("Append\n got %x\nwant %x", got, want)
			}
			var a Advert
			if r := Parse(want, v.from, &v.want, &a); r.Reason != event.ReasonNone {
				t.Fatalf("refused: %v %d %d", r.Reason, r.Want, r.Got)
			}
			if a.Version != v.ad.Version || a.VRID != v.ad.VRID || a.Priority != v.ad.Priority || a.Interval != v.ad.Interval ||
				a.AuthType != v.ad.AuthType || a.Auth != v.ad.Auth || !bytes.Equal(a.List, v.ad.List) {
				t.Errorf("Parse\n got %+v\nwant %+v", a, v.ad)
			}
			if a.Len() != len(want) {
				t.Errorf("Len %d, packet has %d", a.Len(), len(want))
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	a := Advert{Family: 4, List: list(4, addr4, addr6, addr4b)}
	if a.Count() != 2 || a.Addr(0) != addr4 || a.Addr(1) != addr4b {
		t.Errorf("an address of the other family is not left out: %x", a.List)
	}
	a = Advert{Family: 6, List: list(6, addr6, addr4)}
	if a.Count() != 1 || a.Addr(0) != addr6 {
		t.Errorf("an address of the other family is not left out: %x", a.List)
	}
}

// plain is a good packet of version 2, plain3 one of version 3; the cases
// below spoil one thing each.
var (
	plain  = "21 01 64 01 00 01 b8fa c0000201 0000000000000000"
	plain3 = "31 01 64 01 00 64 05fd c0000201"
	expect = Expect{Family: 4, Version: 2, Interval: time.Second}
	v3     = Expect{Family: 4, Version: 3}
)

func TestRejects(t *testing.T) {
	cases := []struct {
		name      string
		hex       string
		ttl       int
		want      Expect
		reason    event.Reason
		said, got string
	}{
		{"empty", "", 255, expect, event.RejectPacketLength, "8 bytes", "0 bytes"},
		{"header cut", "21 01 64 01 00 01 b8", 255, expect, event.RejectPacketLength, "8 bytes", "7 bytes"},
		{"fewer addresses than said", "21 01 64 02 00 01 b8fa c0000201 0000000000000000", 255, expect, event.RejectPacketLength, "24 bytes", "20 bytes"},
		{"a whole word too many", plain + "00000000", 255, expect, event.RejectPacketLength, "20 bytes", "24 bytes"},
		{"no address of 255", "31 01 64 ff 00 64 05fd", 255, v3, event.RejectPacketLength, "1028 bytes", "8 bytes"},
		{"TTL", plain, 254, expect, event.RejectTTL, "255", "254"},
		{"TTL unknown", plain, -1, expect, event.RejectTTL, "255", "-1"},
		{"version 3 for 2", plain3, 255, expect, event.RejectVersion, "2", "3"},
		{"version 2 for 3", plain, 255, v3, event.RejectVersion, "3", "2"},
		{"authentication type 3", "21 01 64 01 03 01 b5fa c0000201 0000000000000000", 255, expect, event.RejectAuthInvalidType, "none", "type 3"},
		{"password for none", "21 01 64 01 01 01 63ce c0000201 736573616d650000", 255, expect, event.RejectAuthTypeMismatch, "none", "PASS"},
		{
			"another password", "21 01 64 01 01 01 63ce c0000201 736573616d650000", 255,
			Expect{Family: 4, Version: 2, Interval: time.Second, AuthType: AuthTypePass, Auth: [8]byte{'x'}},
			event.RejectAuthFailure, "our password", "another password",
		},
		{"interval", plain, 255, Expect{Family: 4, Version: 2, Interval: 3 * time.Second}, event.RejectAdvertInterval, "3s", "1s"},
		{"type 2", "32 01 64 01 00 64 04fd c0000201", 255, v3, event.RejectPacketType, "1", "2"},
		{"checksum", "21 01 64 01 00 01 b8fb c0000201 0000000000000000", 255, expect, event.RejectChecksum, "0xb8fa", "0xb8fb"},
		{"checksum without pseudo header", "31 01 64 01 00 64 a897 c0000201", 255, v3, event.RejectChecksum, "0x05fd", "0xa897"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var a Advert
			r := Parse(bytesOf(t, c.hex), Carrier{src4, dst4, c.ttl}, &c.want, &a)
			if r.Reason != c.reason {
				t.Fatalf("reason %v, want %v", r.Reason, c.reason)
			}
			if want, got := r.Text(); want != c.said || got != c.got {
				t.Errorf("text %q %q, want %q %q", want, got, c.said, c.got)
			}
		})
	}
}

// TestTolerated has what looks wrong and must be accepted.
func TestTolerated(t *testing.T) {
	any := v3
	any.AnyTTL = true
	asV2 := v3
	asV2.ChecksumAsV2 = true
	cases := []struct {
		name string
		hex  string
		ttl  int
		want Expect
	}{
		{"Ethernet padding of version 2", plain + "000000000000", 255, expect},
		{"Ethernet padding of version 3", plain3 + "0000000000000000000000000000", 255, v3},
		{"any TTL for unicast", plain3, 64, any},
		{"wrong checksum under v3_checksum_as_v2", "31 01 64 01 00 64 1234 c0000201", 255, asV2},
		{"reserved bits of version 3", "31 01 64 01 f0 64 15fc c0000201", 255, v3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var a Advert
			if r := Parse(bytesOf(t, c.hex), Carrier{src4, dst4, c.ttl}, &c.want, &a); r.Reason != event.ReasonNone {
				t.Fatalf("refused: %v want %d got %#x", r.Reason, r.Want, r.Got)
			}
			if a.Count() != 1 || a.Addr(0) != addr4 {
				t.Errorf("addresses %x", a.List)
			}
		})
	}
}

func TestSound(t *testing.T) {
	from := Carrier{src4, dst4, 255}
	cases := []struct {
		hex    string
		reason event.Reason
	}{
		{plain, event.ReasonNone},
		{plain3, event.ReasonNone},
		{"31 01 64", event.RejectPacketLength},
		{"31 01 64 02 00 64 05fd c0000201", event.RejectPacketLength},
		{"41 01 64 01 00 64 05fd c0000201", event.RejectVersion},
		{"31 01 64 01 00 64 05fe c0000201", event.RejectChecksum},
	}
	for _, c := range cases {
		if r := Sound(bytesOf(t, c.hex), 4, from); r.Reason != c.reason {
			t.Errorf("%s: %v, want %v", c.hex, r.Reason, c.reason)
		}
	}
}

func TestLongest(t *testing.T) {
	a := Advert{Version: 3, Family: 6, VRID: 9, Priority: 1, Interval: time.Second}
	for i := range 255 {
		b := addr6.As16()
		b[15] = byte(i)
		a.List = AppendAddr(a.List, 6, netip.AddrFrom16(b))
	}
	p := Append(nil, &a, src6, dst6, false)
	if len(p) != MaxLen {
		t.Fatalf("%d bytes, want %d", len(p), MaxLen)
	}
	var got Advert
	if r := Parse(p, Carrier{src6, dst6, 255}, &Expect{Family: 6, Version: 3}, &got); r.Reason != event.ReasonNone {
		t.Fatal(r)
	}
	if got.Count() != 255 || got.Addr(254) != a.Addr(254) {
		t.Errorf("%d addresses", got.Count())
	}
}

func TestNoAllocations(t *testing.T) {
	ad := Advert{Version: 3, Family: 4, VRID: 1, Priority: 100, Interval: time.Second, List: list(4, addr4, addr4b)}
	buf := make([]byte, 0, MaxLen)
	if n := testing.AllocsPerRun(100, func() { buf = Append(buf[:0], &ad, src4, dst4, false) }); n != 0 {
		t.Errorf("Append allocates %v times", n)
	}
	var got Advert
	from := Carrier{src4, dst4, 255}
	if n := testing.AllocsPerRun(100, func() { Parse(buf, from, &v3, &got) }); n != 0 {
		t.Errorf("Parse allocates %v times", n)
	}
	buf[6]++
	if n := testing.AllocsPerRun(100, func() { Parse(buf, from, &v3, &got) }); n != 0 {
		t.Errorf("a refused Parse allocates %v times", n)
	}
}

// FuzzParse feeds anything; what is accepted must come out the same again.
func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		b, err := hex.DecodeString(strings.Join(strings.Fields(v.hex), ""))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, v.want.Family == 6, v.want.Version == 2, v.want.AuthType)
	}
	f.Fuzz(func(t *testing.T, p []byte, six, two bool, auth uint8) {
		want := Expect{Family: 4, Version: 3, Interval: time.Second}
		from := Carrier{src4, dst4, 255}
		if six {
			want.Family, from = 6, Carrier{src6, dst6, 255}
		}
		if two {
			want.Version, want.AuthType = 2, auth
		}
		Sound(p, want.Family, from)
		var a Advert
		r := Parse(p, from, &want, &a)
		if r.Reason != event.ReasonNone {
			if said, got := r.Text(); said == "" || got == "" {
				t.Errorf("%v without text", r.Reason)
			}
			if _, ok := r.Reason.RejectIndex(); !ok {
				t.Errorf("%v is not a reason to refuse", r.Reason)
			}
			return
		}
		for i := range a.Count() {
			if !a.Addr(i).IsValid() {
				t.Errorf("address %d of %x", i, p)
			}
		}
		again := Append(nil, &a, from.Src, from.Dst, false)
		var b Advert
		if r := Parse(again, from, &want, &b); r.Reason != event.ReasonNone {
			t.Fatalf("own packet refused: %v", r.Reason)
		}
		if b.Priority != a.Priority || b.Interval != a.Interval || !bytes.Equal(a.List, b.List) || a.VRID != b.VRID {
			t.Errorf("%+v became %+v", a, b)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	p := Append(nil, &Advert{Version: 3, Family: 4, VRID: 1, Priority: 100, Interval: time.Second, List: list(4, addr4)}, src4, dst4, false)
	from := Carrier{src4, dst4, 255}
	var a Advert
	b.ReportAllocs()
	for b.Loop() {
		Parse(p, from, &v3, &a)
	}
}

func BenchmarkAppend(b *testing.B) {
	ad := Advert{Version: 3, Family: 4, VRID: 1, Priority: 100, Interval: time.Second, List: list(4, addr4)}
	buf := make([]byte, 0, MaxLen)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], &ad, src4, dst4, false)
	}
}
