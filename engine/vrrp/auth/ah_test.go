// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
)

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var password = [8]byte{'s', '3', 'c', 'r'}

// captured are adverts of keepalived 2.2.7 as they were on the wire.
var captured = []struct {
	name, hex string
	seq       uint32
}{
	{
		"its first, multicast",
		"45c00040 00010000 ff33d0ad 0a090001 e0000012  70040000 0a090001 00000001 95277e83 97ef7171 11e9d439" +
			"21336401 02016dc0 0a090101 00000000 00000000", 1,
	},
	{
		"its second, unicast, with another identification",
		"45c00040 00020000 ff33a6b4 0a090001 0a090002  70040000 0a090001 00000002 97863a42 5c459c0d 4b84e292" +
			"21346401 02016dbe 0a090102 00000000 00000000", 2,
	},
	{
		"after it followed a peer of lower priority",
		"45c00040 000d0000 ff33d0a1 0a090001 e0000012  70040000 0a090001 000001ff 7e4892aa 288076d9 6fdde2c9" +
			"21336401 02016dc0 0a090101 00000000 00000000", 511,
	},
}

func split(p []byte) (head, h, payload []byte) { return p[:20], p[20:44], p[44:] }

func TestSealLikeKeepalived(t *testing.T) {
	for _, c := range captured {
		want := bytesOf(t, c.hex)
		got := bytes.Clone(want)
		for i := range got[20:44] {
			got[20+i] = 0xaa
		}
		NewAH(password).Seal(got, c.seq)
		if !bytes.Equal(got, want) {
			t.Errorf("%s\n got %x\nwant %x", c.name, got, want)
		}
		a := NewAH(password)
		if v := a.Check(split(want)); v != (Verdict{}) || a.Sequence != c.seq {
			t.Errorf("%s: %+v, sequence %d", c.name, v, a.Sequence)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	spoil := func(at int, with byte) func([]byte) []byte {
		return func(p []byte) []byte {
			p[at] ^= with
			return p
		}
	}
	cases := []struct {
		name  string
		spoil func([]byte) []byte
		want  string // of Text; empty if the packet is good
		got   string
	}{
		{"as it is", spoil(0, 0), "", ""},
		{"type of service, which may change", spoil(1, 0xff), "", ""},
		{"don't fragment, which may change", spoil(6, 0x40), "", ""},
		{"header checksum, which changes", spoil(10, 0xff), "", ""},
		{"identification", spoil(5, 1), "the digest of our password", "another digest"},
		{"TTL of a multicast packet", spoil(8, 1), "the digest of our password", "another digest"},
		{"destination", spoil(19, 1), "the digest of our password", "another digest"},
		{"source alone", spoil(15, 1), "the source address as SPI", "another SPI"},
		{"SPI alone", spoil(27, 1), "the source address as SPI", "another SPI"},
		{"source and SPI", func(p []byte) []byte { return spoil(15, 1)(spoil(27, 1)(p)) }, "the digest of our password", "another digest"},
		{"next header", spoil(20, 1), "an authentication header of 24 bytes for VRRP", "another"},
		{"header length", spoil(21, 1), "an authentication header of 24 bytes for VRRP", "another"},
		{"reserved", spoil(23, 1), "the digest of our password", "another digest"},
		{"sequence", spoil(31, 1), "the digest of our password", "another digest"},
		{"digest, last byte", spoil(43, 1), "the digest of our password", "another digest"},
		{"priority", spoil(46, 1), "the digest of our password", "another digest"},
		{"a byte more", func(p []byte) []byte { return append(p, 0) }, "the digest of our password", "another digest"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := NewAH(password)
			v := a.Check(split(c.spoil(bytesOf(t, captured[2].hex))))
			want, got := v.Text()
			if want != c.want || got != c.got {
				t.Errorf("%q %q, want %q %q", want, got, c.want, c.got)
			}
			if good := c.want == ""; good != (v.Reason() == event.ReasonNone) || !good && v.Reason() != event.RejectAuthFailure || good != (a.Sequence == 511) {
				t.Errorf("reason %v, sequence %d", v.Reason(), a.Sequence)
			}
		})
	}
	t.Run("lengths", func(t *testing.T) {
		head, h, payload := split(bytesOf(t, captured[0].hex))
		for _, v := range []Verdict{
			NewAH(password).Check(append(head[:20:20], 0, 0, 0, 0), h, payload),
			NewAH(password).Check(nil, h, payload),
			NewAH(password).Check(head, nil, payload),
			NewAH(password).Check(head, h[:23], payload),
		} {
			if v.Reason() != event.RejectAuthFailure {
				t.Errorf("%+v", v)
			}
		}
	})
	t.Run("TTL of a unicast packet", func(t *testing.T) {
		p := bytesOf(t, captured[1].hex)
		p[8] = 17
		if v := NewAH(password).Check(split(p)); v != (Verdict{}) {
			t.Errorf("%+v", v)
		}
	})
	t.Run("another password", func(t *testing.T) {
		if v := NewAH([8]byte{'s', '3', 'c', 'r', '!'}).Check(split(bytesOf(t, captured[0].hex))); v.flaw != flawDigest {
			t.Errorf("%+v", v)
		}
	})
}

// TestSequence is what keepalived 2.2.7 was seen to do with the same adverts.
func TestSequence(t *testing.T) {
	peer, a := NewAH(password), NewAH(password)
	hear := func(seq uint32) bool {
		p := bytesOf(t, captured[0].hex)
		peer.Seal(p, seq)
		v := a.Check(split(p))
		if v.flaw != flawNone && v.flaw != flawReplay {
			t.Fatalf("%+v", v)
		}
		return v.flaw == flawNone
	}
	for _, x := range []struct {
		seq  uint32
		good bool
	}{{10, true}, {10, false}, {9, false}, {11, true}, {15, true}, {12, false}} {
		if hear(x.seq) != x.good {
			t.Errorf("sequence %d: good should be %v", x.seq, x.good)
		}
	}
	if n := a.Next(); n != 16 {
		t.Errorf("a backup that takes over goes on with %d, want 16", n)
	}
	if !hear(500) {
		t.Error("a jump ahead is refused")
	}
	a.Follow()
	if n := a.Next(); n != 502 {
		t.Errorf("after a peer of lower priority %d, want 502", n)
	}
	if hear(501) {
		t.Error("a sequence below our own is accepted")
	}
	a.Rekey([8]byte{'x'})
	if n := a.Next(); n != 503 {
		t.Errorf("another password: the sequence is %d, want 503", n)
	}
	if n := NewAH(password).Next(); n != 1 {
		t.Errorf("the first sequence is %d, want 1", n)
	}
}

func TestReplayText(t *testing.T) {
	a := NewAH(password)
	a.Sequence = 600
	want, got := a.Check(split(bytesOf(t, captured[2].hex))).Text()
	if want != "a sequence number above 600" || got != "511" {
		t.Errorf("%q %q", want, got)
	}
}

func TestAHDoesNotAllocate(t *testing.T) {
	p := bytesOf(t, captured[0].hex)
	a := NewAH(password)
	head, h, payload := split(p)
	a.Seal(p, 1)
	if n := testing.AllocsPerRun(100, func() { a.Seal(p, a.Next()) }); n != 0 {
		t.Errorf("Seal allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { a.Check(head, h, payload) }); n != 0 {
		t.Errorf("Check allocates %v times", n)
	}
}

// FuzzCheckAH feeds anything: only what carries the right digest is accepted,
// and only that moves the sequence.
func FuzzCheckAH(f *testing.F) {
	for _, c := range captured {
		p := bytesOf(f, c.hex)
		f.Add(bytes.Clone(p), uint32(0), false)
		f.Add(p, uint32(511), true)
		f.Add(p[:30], uint32(0), false)
	}
	f.Fuzz(func(t *testing.T, p []byte, before uint32, reseal bool) {
		var parts [3][]byte
		for i, n := range []int{20, 24, len(p)} {
			n = min(n, len(p))
			parts[i], p = p[:n], p[n:]
		}
		whole := bytes.Join(parts[:], nil)
		sealed := reseal && len(whole) >= 44
		if sealed {
			NewAH(password).Seal(whole, before+1)
			parts[0], parts[1], parts[2] = split(whole)
		}
		a := NewAH(password)
		a.Sequence = before
		v := a.Check(parts[0], parts[1], parts[2])
		switch {
		case v.Reason() == event.ReasonNone:
			if seq := binary.BigEndian.Uint32(parts[1][8:]); a.Sequence != seq || seq <= before {
				t.Errorf("accepted %d after %d, now %d", seq, before, a.Sequence)
			}
			again := bytes.Join(parts[:], nil)
			NewAH(password).Seal(again, a.Sequence)
			if !bytes.Equal(again[32:44], parts[1][12:]) {
				t.Error("another digest was accepted")
			}
		case a.Sequence != before:
			t.Errorf("a refused packet moved the sequence from %d to %d", before, a.Sequence)
		case sealed && before != ^uint32(0):
			t.Errorf("our own packet is refused: %+v", v)
		default:
			if want, got := v.Text(); want == "" || got == "" {
				t.Errorf("%+v without text", v)
			}
		}
	})
}
