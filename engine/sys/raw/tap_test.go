// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// packet4 is an IPv4 packet.
func packet4(protocol byte, payload []byte, change ...func([]byte)) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 255, protocol
	copy(b[12:], []byte{10, 0, 0, 1, 224, 0, 0, 18})
	b = append(b, payload...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	for _, f := range change {
		f(b)
	}
	return b
}

// packet6 is an IPv6 packet.
func packet6(payload []byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7] = 0x60, 112, 255
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	copy(b[8:], netip.MustParseAddr("fe80::1").AsSlice())
	copy(b[24:], netip.MustParseAddr("ff02::12").AsSlice())
	return append(b, payload...)
}

func TestTapReadsPackets(t *testing.T) {
	vrrp := []byte{0x21, 51, 100, 0, 0, 1, 0, 0}
	ah := append([]byte{112, 4, 0, 0}, make([]byte, lenAH-4)...)
	for _, c := range []struct {
		what   string
		packet []byte
		family uint8
		source string
	}{
		{"IPv4", packet4(112, vrrp), 4, "10.0.0.1"},
		{"IPv4 with padding", append(packet4(112, vrrp), 0, 0, 0), 4, "10.0.0.1"},
		{"AH", packet4(51, append(bytes.Clone(ah), vrrp...)), 4, "10.0.0.1"},
		{"IPv6", packet6(vrrp), 6, "fe80::1"},
	} {
		var p Tapped
		if !p.decode(c.packet) || p.Family != c.family || p.Source.String() != c.source || p.TTL != 255 || !bytes.Equal(p.Payload, vrrp) || !p.Dest.IsMulticast() {
			t.Errorf("%s: %+v", c.what, p)
		}
	}
	for what, packet := range map[string][]byte{
		"nothing":          nil,
		"a short header":   packet4(112, vrrp)[:19],
		"less than told":   packet4(112, vrrp)[:24],
		"a fragment":       packet4(112, vrrp, func(b []byte) { b[6] = 0x20 }),
		"a later fragment": packet4(112, vrrp, func(b []byte) { b[7] = 4 }),
		"a bad length":     packet4(112, vrrp, func(b []byte) { b[0] = 0x44 }),
		"a short AH":       packet4(51, ah[:10]),
		"AH of another":    packet4(51, append([]byte{6}, ah[1:]...)),
		"a short IPv6":     packet6(vrrp)[:44],
		"another version":  {0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		if (&Tapped{}).decode(packet) {
			t.Errorf("%s was taken", what)
		}
	}
}
