// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// TestTrailer: only the length tells a signed packet, and only who asks for
// signatures accepts one.
func TestTrailer(t *testing.T) {
	trailer := bytes.Repeat([]byte{0x5a}, TrailerLen)
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			plain := bytesOf(t, v.hex)
			p := append(bytes.Clone(plain), trailer...)
			PutChecksum(p, v.want.Family, v.from.Src, v.from.Dst)
			if changed := !bytes.Equal(p[:len(plain)], plain); changed != (v.want.Family == 6) {
				t.Errorf("the checksum has changed: %v", changed)
			}
			signed := v.want
			signed.Trailer = true
			var a Advert
			if r := Parse(p, v.from, &v.want, &a); r.Reason != event.RejectPacketLength {
				t.Errorf("a trailer that nobody asked for: %v", r.Reason)
			}
			if r := Parse(p, v.from, &signed, &a); r.Reason != event.ReasonNone || !bytes.Equal(a.Trailer, trailer) || !bytes.Equal(a.List, v.ad.List) {
				t.Errorf("%v, trailer %x", r.Reason, a.Trailer)
			}
			if r := Parse(plain, v.from, &signed, &a); r.Reason != event.ReasonNone || a.Trailer != nil {
				t.Errorf("without trailer: %v, trailer %x", r.Reason, a.Trailer)
			}
			if r := Parse(p[:len(p)-1], v.from, &signed, &a); r.Reason != event.RejectPacketLength {
				t.Errorf("a byte less: %v", r.Reason)
			}
			if r := Sound(p, v.want.Family, v.from); r.Reason != event.ReasonNone && !v.asV2 {
				t.Errorf("a signed packet for nobody: %v", r.Reason)
			}
			p[6] ^= 1
			if r := Parse(p, v.from, &signed, &a); r.Reason != event.RejectChecksum && !v.asV2 {
				t.Errorf("wrong checksum: %v", r.Reason)
			}
		})
	}
}

// TestChecksumOfTrailer: hand-summed, over IPv6 the trailer counts.
func TestChecksumOfTrailer(t *testing.T) {
	p := bytesOf(t, "31 02 c8 01 00 64 0000 fe800000000000000000000000000001"+
		"01070000 6553f100 00000003 f5dede0f93e5c1388280267a496c09b8")
	PutChecksum(p, 6, src6, dst6)
	if p[6] != 0x8d || p[7] != 0x46 {
		t.Errorf("checksum %x, want 8d46", p[6:8])
	}
	var a Advert
	if r := Parse(p, Carrier{src6, dst6, 255}, &Expect{Family: 6, Version: 3, Trailer: true}, &a); r.Reason != event.ReasonNone || a.Interval != time.Second {
		t.Errorf("%v %v", r.Reason, a.Interval)
	}
	p[len(p)-1]++
	if r := Parse(p, Carrier{src6, dst6, 255}, &Expect{Family: 6, Version: 3, Trailer: true}, &a); r.Reason != event.RejectChecksum {
		t.Errorf("a changed trailer: %v", r.Reason)
	}
}
