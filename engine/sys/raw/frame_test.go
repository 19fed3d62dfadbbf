// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/vrrp/wire"
)

// unhex reads hexadecimal digits; blanks and what follows a # do not count.
func unhex(t *testing.T, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.FieldsSeq(line) {
			digits.WriteString(word)
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t *testing.T, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%x\nwant\n%x", got, want)
	}
}

var mac = [6]byte{0x02, 0, 0, 0, 0, 0x0a}

func TestGratuitousARP(t *testing.T) {
	got := AppendARP(nil, Announcement{MAC: mac, Addr: netip.MustParseAddr("192.0.2.1")})
	same(t, got, unhex(t, `
		ffffffffffff 02000000000a 0806  # to all, from us, ARP
		0001 0800 06 04 0001            # Ethernet, IPv4, request
		02000000000a c0000201           # sender
		ffffffffffff c0000201           # target`))
	if len(got) != ARPLen {
		t.Errorf("%d bytes", len(got))
	}
}

func TestUnsolicitedNA(t *testing.T) {
	a := Announcement{MAC: mac, Addr: netip.MustParseAddr("2001:db8::1"), Router: true}
	got := AppendNA(nil, a)
	same(t, got, unhex(t, `
		333300000001 02000000000a 86dd                  # to all nodes, from us, IPv6
		60000000 0020 3a ff                             # 32 bytes of ICMPv6, hop limit 255
		20010db8000000000000000000000001                # source
		ff020000000000000000000000000001                # destination
		88 00 7921 a0000000                             # advertisement; router, override
		20010db8000000000000000000000001                # target
		02 01 02000000000a                              # its hardware address`))
	if len(got) != NALen {
		t.Errorf("%d bytes", len(got))
	}
	a.Router = false
	if b := AppendNA(nil, a); b[58] != 0x20 {
		t.Errorf("flags of a host: %#x", b[58])
	}
}

func TestNAChecksumIsRight(t *testing.T) {
	b := AppendNA(nil, Announcement{MAC: mac, Addr: netip.MustParseAddr("fe80::dead:beef")})
	// The sum over a packet with its checksum in place is all ones, so the
	// checksum of it is zero.
	if sum := checksum6([16]byte(b[22:38]), [16]byte(b[38:54]), 58, b[54:]); sum != 0 {
		t.Errorf("%#x", sum)
	}
}

func TestFrameIPv4(t *testing.T) {
	a := &wire.Advert{
		Version: 3, Family: 4, VRID: 5, Priority: 200, Interval: 100 * time.Millisecond,
		List: wire.AppendAddr(nil, 4, netip.MustParseAddr("10.9.0.100")),
	}
	r := Route{IfIndex: 2, Source: netip.MustParseAddr("10.9.0.1"), Dest: netip.MustParseAddr("224.0.0.18")}
	f := NewFrame(r, a, false)
	// The VRRP part was captured from keepalived 2.2.7 with the same settings.
	same(t, f.data, unhex(t, `
		45 c0 0020 0000 0000 ff 70 0000 0a090001 e0000012  # the kernel fills in the header's checksum
		31 05 c8 01 000a 11e9 0a090064`))
	if f.hdr.Controllen == 0 || f.hdr.Control == nil {
		t.Error("does not name its interface")
	}
	r.TTL, r.IfIndex = 64, 0
	if f := NewFrame(r, a, false); f.data[8] != 64 || f.hdr.Control != nil {
		t.Errorf("TTL %d, control %v", f.data[8], f.hdr.Control)
	}
}

func TestFrameIPv6(t *testing.T) {
	a := &wire.Advert{
		Version: 3, Family: 6, VRID: 6, Priority: 100, Interval: time.Second,
		List: wire.AppendAddr(nil, 6, netip.MustParseAddr("fe80::100")),
	}
	f := NewFrame(Route{IfIndex: 3, Source: netip.MustParseAddr("fe80::1"), Dest: netip.MustParseAddr("ff02::12")}, a, false)
	same(t, f.data[:48], unhex(t, `
		6c000000 0018 70 ff
		fe800000000000000000000000000001
		ff020000000000000000000000000012
		31 06 64 01 0064 `+hex.EncodeToString(f.data[46:48])))
	var got wire.Advert
	want := wire.Expect{Family: 6, Version: 3}
	from := wire.Carrier{Src: netip.MustParseAddr("fe80::1"), Dst: netip.MustParseAddr("ff02::12"), TTL: 255}
	if reject := wire.Parse(f.data[40:], from, &want, &got); reject != (wire.Reject{}) {
		t.Errorf("refused: %+v", reject)
	}
	if f.name.Scope_id != 3 {
		t.Errorf("scope %d", f.name.Scope_id)
	}
}

func TestIPv4HeaderIsChecked(t *testing.T) {
	good := unhex(t, "46c0001c000100 00ff700000 0a090001 e0000012 94040000 3105")
	for name, c := range map[string]struct {
		data []byte
		ok   bool
	}{
		"options":         {good, true},
		"empty":           {nil, false},
		"short":           {good[:19], false},
		"header too long": {good[:22], false},
		"header of 16":    {append([]byte{0x44}, good[1:]...), false},
	} {
		p := &Packet{}
		if ok := p.ipv4(c.data); ok != c.ok {
			t.Errorf("%s: %v", name, ok)
		}
		if c.ok && (p.TTL != 255 || p.Source.String() != "10.9.0.1" || p.Dest.String() != "224.0.0.18" || !bytes.Equal(p.Payload, []byte{0x31, 5})) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func FuzzReceived(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 20}, []byte{32, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 35, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data, oob []byte) {
		p := &Packet{}
		p.ipv4(data)
		if len(p.Payload) > len(data) {
			t.Fatal("more came out than went in")
		}
		(&Receiver{}).controls(oob, p)
	})
}
