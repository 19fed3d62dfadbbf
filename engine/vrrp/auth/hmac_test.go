// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

var (
	src4 = netip.MustParseAddr("192.0.2.11")
	src6 = netip.MustParseAddr("fe80::b")
	key1 = Key{1, []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f")}
	key7 = Key{7, []byte("correct horse battery staple, and then some more bytes here")}
)

const (
	second = int64(time.Second)
	t0     = 1_700_000_000 * second
)

func settings(change ...func(*Settings)) *Settings {
	s := &Settings{Keys: []Key{key1, key7}, Active: 1, Window: 5 * time.Second}
	for _, f := range change {
		f(s)
	}
	return s
}

func monotonic(s *Settings) { s.Monotonic = true }

// vectors were computed outside of this program, from the description of the
// format alone.
var vectors = []struct {
	name         string
	key          uint8
	bond         Bond
	packet       string
	sent         sequence // before
	wall         int64
	trailer      string
	checksum6    uint16
	withChecksum netip.Addr
}{
	{
		name: "version 3 over IPv4, half a second past",
		key:  1, bond: Bond{4, 3, 1, src4}, packet: "31 01 64 01 00 64 05fd c0000201",
		wall: t0 + second/2, trailer: "01 01 0000 6553f100 8000 0000 7ab6d62f195f785209b3c9d0d0335c84",
	},
	{
		name: "version 3 over IPv6, the fourth of one instant, another key",
		key:  7, bond: Bond{6, 3, 2, src6}, packet: "31 02 c8 01 00 64 09ed fe800000000000000000000000000001",
		sent: 1_700_000_000<<32 | 2, wall: t0, trailer: "01 07 0000 6553f100 0000 0003 f5dede0f93e5c1388280267a496c09b8",
		checksum6: 0x8d46, withChecksum: netip.MustParseAddr("ff02::12"),
	},
	{
		name: "version 2 over IPv4, the last sequence there is",
		key:  1, bond: Bond{4, 2, 1, src4}, packet: "21 01 64 01 00 01 b8fa c0000201 0000000000000000",
		sent: 1<<64 - 2, wall: 4294967295 * second, trailer: "01 01 0000 ffffffff ffff ffff 610e5d400cf10603af24eb03cab1d091",
	},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			packet, trailer := bytesOf(t, v.packet), bytesOf(t, v.trailer)
			m := NewHMAC(settings(func(s *Settings) { s.Active = v.key }), 0)
			m.sent = v.sent
			p := append(bytes.Clone(packet), bytes.Repeat([]byte{0xaa}, wire.TrailerLen)...)
			m.Sign(p, v.bond, v.wall)
			if !bytes.Equal(p, append(bytes.Clone(packet), trailer...)) {
				t.Errorf("Sign\n got %x\nwant %x%x", p, packet, trailer)
			}
			if verdict := NewHMAC(settings(), 0).Check(packet, trailer, v.bond, v.wall); verdict != (Verdict{}) {
				t.Errorf("Check: %+v", verdict)
			}
			if v.bond.Family == 6 {
				wire.PutChecksum(p, 6, v.bond.Source, v.withChecksum)
				if got := binary.BigEndian.Uint16(p[6:]); got != v.checksum6 {
					t.Errorf("checksum over packet and trailer %#04x, want %#04x", got, v.checksum6)
				}
				if verdict := NewHMAC(settings(), 0).Check(p[:len(packet)], p[len(packet):], v.bond, v.wall); verdict != (Verdict{}) {
					t.Errorf("the checksum matters to the signature: %+v", verdict)
				}
			}
		})
	}
}

// TestHMACRefuses spoils one thing each; the first case is the twin of all.
func TestHMACRefuses(t *testing.T) {
	v := vectors[0]
	flip := func(at int) func(p, tr []byte, b *Bond) { return func(p, tr []byte, _ *Bond) { tr[at] ^= 1 } }
	cases := []struct {
		name   string
		set    *Settings
		spoil  func(p, tr []byte, b *Bond)
		wall   int64
		reason event.Reason
		want   string
		got    string
	}{
		{"as it is", settings(), func(p, tr []byte, b *Bond) {}, v.wall, event.ReasonNone, "", ""},
		{"scheme", settings(), flip(0), v.wall, event.RejectAuthExtMalformed, "a trailer of scheme 1", "scheme 0, reserved 0"},
		{"reserved", settings(), flip(3), v.wall, event.RejectAuthExtMalformed, "a trailer of scheme 1", "scheme 1, reserved 1"},
		{"key we do not have", settings(func(s *Settings) { s.Keys = s.Keys[1:] }), flip(27), v.wall, event.RejectAuthExtUnknownKey, "a key that we have", "key 1"},
		{"signed with another key", settings(func(s *Settings) { s.Keys = []Key{{1, key7.Secret}} }), func(p, tr []byte, b *Bond) {}, v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"tag", settings(), flip(27), v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"counter", settings(), flip(11), v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"priority", settings(), func(p, tr []byte, b *Bond) { p[2] = 255 }, v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"last byte of the packet", settings(), func(p, tr []byte, b *Bond) { p[11]++ }, v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"checksum, which is not signed", settings(), func(p, tr []byte, b *Bond) { p[6]++ }, v.wall, event.ReasonNone, "", ""},
		{"another sender", settings(), func(p, tr []byte, b *Bond) { b.Source = netip.MustParseAddr("192.0.2.12") }, v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"another virtual router", settings(), func(p, tr []byte, b *Bond) { b.VRID++ }, v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"another version", settings(), func(p, tr []byte, b *Bond) { b.Version = 2 }, v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"another family", settings(), func(p, tr []byte, b *Bond) { b.Family = 6 }, v.wall, event.RejectAuthExtInvalidHMAC, "the signature of key 1", "another"},
		{"5 s old", settings(), func(p, tr []byte, b *Bond) {}, t0 + 5*second + second - 1, event.ReasonNone, "", ""},
		{"6 s old", settings(), func(p, tr []byte, b *Bond) {}, t0 + 6*second, event.RejectAuthExtStale, "a clock within 5s of ours", "a clock 6s behind"},
		{"5 s ahead", settings(), func(p, tr []byte, b *Bond) {}, t0 - 5*second, event.ReasonNone, "", ""},
		{"6 s ahead", settings(), func(p, tr []byte, b *Bond) {}, t0 - 5*second - 1, event.RejectAuthExtStale, "a clock within 5s of ours", "a clock 6s ahead"},
		{"old but monotonic", settings(monotonic), func(p, tr []byte, b *Bond) {}, t0 + 1e6*second, event.ReasonNone, "", ""},
		{"ahead but monotonic", settings(monotonic), func(p, tr []byte, b *Bond) {}, 0, event.ReasonNone, "", ""},
		{"old before its signature is looked at", settings(), flip(27), t0 + 60*second, event.RejectAuthExtStale, "a clock within 5s of ours", "a clock 60s behind"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			packet, trailer, bond := bytesOf(t, v.packet), bytesOf(t, v.trailer), v.bond
			c.spoil(packet, trailer, &bond)
			m := NewHMAC(c.set, 0)
			verdict := m.Check(packet, trailer, bond, c.wall)
			if verdict.Reason() != c.reason {
				t.Fatalf("%v, want %v", verdict.Reason(), c.reason)
			}
			if want, got := verdict.Text(); want != c.want || got != c.got {
				t.Errorf("%q %q, want %q %q", want, got, c.want, c.got)
			}
			if c.reason != event.ReasonNone && len(m.senders.list) > 0 {
				t.Error("a refused advert left a mark")
			}
		})
	}
}

func TestModes(t *testing.T) {
	for mode, reason := range map[Mode]event.Reason{
		Enforce: event.RejectAuthExtMissing, Permissive: event.ReasonNone, ReceiveOnly: event.ReasonNone,
	} {
		s := settings(func(s *Settings) { s.Mode = mode })
		if s.Signs() != (mode != ReceiveOnly) {
			t.Errorf("mode %d signs: %v", mode, s.Signs())
		}
		m := NewHMAC(s, 0)
		v := vectors[0]
		if got := m.Check(bytesOf(t, v.packet), nil, v.bond, v.wall).Reason(); got != reason {
			t.Errorf("mode %d without trailer: %v, want %v", mode, got, reason)
		}
		bad := bytesOf(t, v.trailer)
		bad[27]++
		if got := m.Check(bytesOf(t, v.packet), bad, v.bond, v.wall).Reason(); got != event.RejectAuthExtInvalidHMAC {
			t.Errorf("mode %d with a wrong signature: %v", mode, got)
		}
		if got := m.Check(bytesOf(t, v.packet), bytesOf(t, v.trailer), v.bond, v.wall).Reason(); got != event.ReasonNone {
			t.Errorf("mode %d with a good signature: %v", mode, got)
		}
	}
	if (*Settings)(nil).Signs() {
		t.Error("nothing signs")
	}
}

func TestReplay(t *testing.T) {
	a, b := NewHMAC(settings(), 0), NewHMAC(settings(), 0)
	v := vectors[0]
	packet := bytesOf(t, v.packet)
	sign := func(wall int64) []byte {
		p := append(bytes.Clone(packet), make([]byte, wire.TrailerLen)...)
		a.Sign(p, v.bond, wall)
		return p[len(packet):]
	}
	hear := func(trailer []byte, wall int64) event.Reason { return b.Check(packet, trailer, v.bond, wall).Reason() }
	first, second := sign(t0), sign(t0) // of one instant: the counter grows
	if first[11] != 0 || second[11] != 1 {
		t.Errorf("counters %d %d", first[11], second[11])
	}
	for i, x := range []struct {
		trailer []byte
		want    event.Reason
	}{
		{first, event.ReasonNone},
		{first, event.RejectAuthExtReplay},
		{second, event.ReasonNone},
		{first, event.RejectAuthExtReplay},
		{second, event.RejectAuthExtReplay},
		{sign(t0 + 1e6), event.ReasonNone},
	} {
		if got := hear(x.trailer, t0); got != x.want {
			t.Errorf("%d: %v, want %v", i, got, x.want)
		}
	}
	b.Configure(settings(), 0)
	if got := hear(second, t0); got != event.RejectAuthExtReplay {
		t.Errorf("a reload forgot what was heard: %v", got)
	}
	want, got := b.Check(packet, second, v.bond, t0).Text()
	if want != "a sequence after 1700000000.65.0" || got != "1700000000.0.1" {
		t.Errorf("%q %q", want, got)
	}
}

// TestClockSetBack: the sender's clock was an hour ahead and is set right.
func TestClockSetBack(t *testing.T) {
	v := vectors[0]
	packet := bytesOf(t, v.packet)
	for _, mono := range []bool{false, true} {
		s := settings(func(s *Settings) { s.Monotonic = mono })
		a, b := NewHMAC(s, 0), NewHMAC(s, 0)
		send := func(theirs, ours int64) event.Reason {
			p := append(bytes.Clone(packet), make([]byte, wire.TrailerLen)...)
			a.Sign(p, v.bond, theirs)
			return b.Check(packet, p[len(packet):], v.bond, ours).Reason()
		}
		const hour = 3600 * second
		if got := send(t0+hour, t0+hour); got != event.ReasonNone {
			t.Fatal(got)
		}
		// Within the window the sequence only creeps on.
		if got := send(t0+hour-3*second, t0+hour); got != event.ReasonNone {
			t.Errorf("monotonic %v: set back a little: %v", mono, got)
		}
		// Beyond it, time mode follows the clock, once the receiver's is right too.
		if got := send(t0, t0); got != event.ReasonNone {
			t.Errorf("monotonic %v: set back an hour: %v", mono, got)
		}
		if follows := a.sent>>32 == 1_700_000_000; follows == mono {
			t.Errorf("monotonic %v: sequence %x", mono, a.sent)
		}
	}
}

func TestSequenceWraps(t *testing.T) {
	end := clockSequence(4294967295*second + second - 1)
	begin := clockSequence(4294967296 * second)
	if begin != 0 || !begin.after(end) || end.after(begin) || begin.since(end) != 1 || end.since(begin) != -1 {
		t.Errorf("%x %x", end, begin)
	}
	if got := clockSequence(-1); got>>32 != 0xffffffff || got&0xffff != 0 {
		t.Errorf("before 1970: %x", got)
	}
	if got := sequence(5<<32|0xffffffff).next(5<<32, settings()); got != 6<<32 {
		t.Errorf("the counter does not carry: %x", got)
	}
}

func TestSendersAreBounded(t *testing.T) {
	m := NewHMAC(settings(monotonic), 1)
	v := vectors[0]
	packet := bytesOf(t, v.packet)
	capture := map[netip.Addr][]byte{}
	hear := func(a netip.Addr) event.Reason {
		b := v.bond
		b.Source = a
		return m.Check(packet, capture[a], b, t0).Reason()
	}
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }
	for n := range 300 {
		b := v.bond
		b.Source = addr(n)
		p := append(bytes.Clone(packet), make([]byte, wire.TrailerLen)...)
		NewHMAC(settings(), 0).Sign(p, b, t0)
		capture[addr(n)] = p[len(packet):]
		if got := hear(addr(n)); got != event.ReasonNone {
			t.Fatal(n, got)
		}
		if n >= 3 && hear(addr(0)) != event.RejectAuthExtReplay {
			t.Fatalf("%d: a sender that is heard all the time was forgotten", n)
		}
	}
	if len(m.senders.list) != 5 {
		t.Errorf("%d senders are remembered", len(m.senders.list))
	}
	if got := hear(addr(1)); got != event.ReasonNone {
		t.Errorf("the oldest sender was not forgotten: %v", got)
	}
}

func TestHMACDoesNotAllocate(t *testing.T) {
	v := vectors[0]
	a, b := NewHMAC(settings(), 0), NewHMAC(settings(), 0)
	packet := bytesOf(t, v.packet)
	p := append(bytes.Clone(packet), make([]byte, wire.TrailerLen)...)
	wall := t0
	step := func() {
		wall += second
		a.Sign(p, v.bond, wall)
		if got := b.Check(p[:len(packet)], p[len(packet):], v.bond, wall); got != (Verdict{}) {
			t.Fatal(got)
		}
	}
	step()
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("signing and checking allocates %v times", n)
	}
}

// FuzzCheckHMAC feeds anything; what is accepted is what we would have signed.
func FuzzCheckHMAC(f *testing.F) {
	for _, v := range vectors {
		f.Add(bytesOf(f, v.packet), bytesOf(f, v.trailer), v.wall, v.bond.Family == 6, false, uint8(0))
		f.Add(bytesOf(f, v.packet), bytesOf(f, v.trailer), v.wall+9*second, v.bond.Family == 6, true, uint8(1))
		f.Add(bytesOf(f, v.packet), []byte(nil), v.wall, false, false, uint8(2))
	}
	f.Fuzz(func(t *testing.T, p, trailer []byte, wall int64, six, mono bool, mode uint8) {
		if len(p) < wire.HeaderLen {
			return // wire.Parse refuses it before
		}
		if len(trailer) < wire.TrailerLen {
			trailer = nil
		} else {
			trailer = trailer[:wire.TrailerLen]
		}
		s := settings(func(s *Settings) { s.Monotonic, s.Mode = mono, Mode(mode%3) })
		b := Bond{4, p[0] >> 4, p[1], src4}
		if six {
			b.Family, b.Source = 6, src6
		}
		m := NewHMAC(s, 0)
		v := m.Check(p, trailer, b, wall)
		if v.Reason() != event.ReasonNone {
			if _, ok := v.Reason().RejectIndex(); !ok {
				t.Errorf("%v is no reason to refuse", v.Reason())
			}
			if want, got := v.Text(); want == "" || got == "" {
				t.Errorf("%+v without text", v)
			}
			return
		}
		if trailer == nil {
			return
		}
		if again := m.Check(p, trailer, b, wall); again.Reason() != event.RejectAuthExtReplay {
			t.Errorf("a replay gives %v", again.Reason())
		}
		key := map[uint8][]byte{1: key1.Secret, 7: key7.Secret}[trailer[1]]
		source := b.Source.AsSlice()
		input := append([]byte{b.Family, b.Version, b.VRID, 0}, append(source, make([]byte, 16-len(source))...)...)
		input = append(append(append(input, p[:6]...), 0, 0), p[8:]...)
		input = append(append(input, trailer[:12]...), make([]byte, 16)...)
		mac := hmac.New(sha256.New, key)
		mac.Write(input)
		if !bytes.Equal(mac.Sum(nil)[:16], trailer[12:]) {
			t.Errorf("accepted %x", trailer)
		}
	})
}
