// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// captured is an advert of keepalived 2.2.7 with AH, as it was on the wire.
const captured = "45c0004000010000ff33a6b50a0900010a090002" +
	"700400000a09000100000001d9dda783feb72053b0931fa1" +
	"2134640102016dbe0a0901020000000000000000"

func advertOf(t *testing.T) (wire.Advert, []byte) {
	t.Helper()
	want, err := hex.DecodeString(captured)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Advert{
		Version: 2, Family: 4, VRID: 52, Priority: 100, AuthType: wire.AuthTypeAH, Interval: time.Second, List: []byte{10, 9, 1, 2},
	}, want
}

func TestFrameWithAH(t *testing.T) {
	ad, want := advertOf(t)
	f := NewFrame(Route{Source: netip.MustParseAddr("10.9.0.1"), Dest: netip.MustParseAddr("10.9.0.2"), AH: true}, &ad, false)
	f.Stamp()
	got := bytes.Clone(f.Packet())
	copy(got[10:12], want[10:12]) // the kernel's checksum
	copy(got[20:44], want[20:44]) // not sealed yet
	if !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
	if !bytes.Equal(f.Payload(), want[44:]) {
		t.Errorf("payload %x", f.Payload())
	}
}

func TestReceiveAH(t *testing.T) {
	_, packet := advertOf(t)
	var p Packet
	if !p.ipv4(packet) || !bytes.Equal(p.Head, packet[:20]) || !bytes.Equal(p.AH, packet[20:44]) || !bytes.Equal(p.Payload, packet[44:]) || p.TTL != 255 {
		t.Errorf("%+v", p)
	}
	other := bytes.Clone(packet)
	other[20] = 6 // TCP in a tunnel of somebody else
	if (&Packet{}).ipv4(other) {
		t.Error("what is not VRRP is taken")
	}
	if (&Packet{}).ipv4(packet[:43]) {
		t.Error("half a header is taken")
	}
	other = append(bytes.Clone(packet[:20]), packet[44:]...)
	other[9] = wire.Protocol
	p = Packet{}
	if !p.ipv4(other) || p.AH != nil || !bytes.Equal(p.Payload, packet[44:]) {
		t.Errorf("without AH: %+v", p)
	}
	other[9] = 17
	if (&Packet{}).ipv4(other) {
		t.Error("UDP is taken")
	}
}

func TestFrameWithTrailer(t *testing.T) {
	trailer := bytes.Repeat([]byte{0x5a}, wire.TrailerLen)
	for _, c := range []struct {
		ad       wire.Advert
		src, dst string
	}{
		{wire.Advert{Version: 3, Family: 4, VRID: 1, Priority: 100, Interval: time.Second, List: []byte{192, 0, 2, 1}}, "192.0.2.11", "224.0.0.18"},
		{wire.Advert{Version: 3, Family: 6, VRID: 1, Priority: 100, Interval: time.Second, List: make([]byte, 16)}, "fe80::b", "ff02::12"},
	} {
		r := Route{IfIndex: 3, Source: netip.MustParseAddr(c.src), Dest: netip.MustParseAddr(c.dst), Trailer: true}
		f := NewFrame(r, &c.ad, false)
		f.PutTrailer(trailer)
		total, at := len(f.Packet()), 2
		if c.ad.Family == 6 {
			total, at = total-40, 4
		}
		if said := int(binary.BigEndian.Uint16(f.Packet()[at:])); said != total || len(f.Payload()) != c.ad.Len()+wire.TrailerLen {
			t.Errorf("IPv%d: header says %d of %d bytes, payload has %d", c.ad.Family, said, total, len(f.Payload()))
		}
		var got wire.Advert
		want := wire.Expect{Family: c.ad.Family, Version: 3, Trailer: true}
		if x := wire.Parse(f.Payload(), wire.Carrier{Src: r.Source, Dst: r.Dest, TTL: 255}, &want, &got); x.Reason != event.ReasonNone || !bytes.Equal(got.Trailer, trailer) {
			t.Errorf("IPv%d: %v, trailer %x", c.ad.Family, x.Reason, got.Trailer)
		}
	}
}

func TestStampIsNeverZero(t *testing.T) {
	ad, _ := advertOf(t)
	f := NewFrame(Route{Source: netip.MustParseAddr("10.9.0.1"), Dest: netip.MustParseAddr("10.9.0.2")}, &ad, false)
	f.id = 0xfffe
	for _, want := range []uint16{0xffff, 1, 2} {
		f.Stamp()
		if got := binary.BigEndian.Uint16(f.Packet()[4:]); got != want {
			t.Errorf("identification %d, want %d", got, want)
		}
	}
}
