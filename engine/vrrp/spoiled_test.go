// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/auth"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

var packets = flag.Int("packets", 500_000, "how many spoiled packets the receive path gets")

// TestSpoiled gives the receive path packets that were good once, for every kind
// of instance, as BACKUP and as MASTER. Whatever is not accepted changes nothing
// but counters, and every packet is counted in one place.
func TestSpoiled(t *testing.T) {
	kinds := map[string]func(*Settings){
		"version 2":        nil,
		"version 2 PASS":   func(s *Settings) { s.Instances[0].Auth, s.Instances[0].AuthPass = AuthPass, password },
		"version 2 AH":     withAH,
		"version 3":        func(s *Settings) { s.Instances[0].Version = 3 },
		"version 3 signed": func(s *Settings) { s.Instances[0].Version = 3; withHMAC(nil)(s) },
		"version 3 IPv6":   six,
		"unicast":          unicast,
		"owner":            func(s *Settings) { s.Instances[0].Priority, s.Instances[0].OwnerIgnoreAdverts = 255, true },
	}
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	seen := map[event.Reason]uint64{}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			s := &spoiler{Rand: rand.New(rand.NewPCG(uint64(i), 3)), t: t, configure: kinds[name]}
			s.run(*packets / len(names))
			for why, n := range s.seen {
				seen[why] += n
			}
			t.Logf("%d accepted, %d refused by the instance, %d that fit none; %d times begun anew", s.accepted, s.refused, s.strangers, s.begun)
		})
	}
	for i := range event.RejectCount {
		if why := event.RejectAt(i); seen[why] == 0 && why != event.RejectVRID { // which no instance counts
			t.Errorf("no packet was refused for %v", why)
		}
	}
}

func six(s *Settings) {
	in := &s.Instances[0]
	in.Family, in.Version, in.Multicast = 6, 3, netip.MustParseAddr("ff02::12")
	in.Addresses = []Address{{Prefix: netip.MustParsePrefix("fe80::100/128")}, {Prefix: netip.MustParsePrefix("2001:db8::1/64")}}
}

func unicast(s *Settings) {
	in := &s.Instances[0]
	in.Version, in.Unicast, in.CheckUnicastSrc, in.Multicast, in.Source = 3, true, true, netip.Addr{}, mine.Addr()
	in.Peers = []Peer{{Addr: peerA, MinTTL: 60, MaxTTL: 254}}
}

// spoiler spoils packets and looks what they do.
type spoiler struct {
	*rand.Rand
	t         *testing.T
	configure func(*Settings)
	b         *bench
	ah        *auth.AH
	hmac      *auth.HMAC
	seq       uint32
	last      []byte
	seen      map[event.Reason]uint64

	accepted, refused, strangers, begun int
}

// begin makes a fresh router, in two of three cases a MASTER.
func (s *spoiler) begin() {
	s.begun++
	s.b = newBench(s.t, s.configure)
	s.b.step(IfAddr{IfIndex: 2, Prefix: netip.MustParsePrefix("fe80::1/64"), Present: true})
	set := &s.b.instances[0].set
	if s.IntN(3) > 0 {
		s.b.tick()
	}
	s.ah, s.hmac, s.seq, s.last = nil, nil, 0, nil
	if (*set).Auth == AuthAH {
		s.ah = auth.NewAH(password)
	}
	if (*set).AuthHMAC != nil {
		s.hmac = auth.NewHMAC((*set).AuthHMAC, 0)
	}
}

func (s *spoiler) run(n int) {
	s.seen = map[event.Reason]uint64{}
	s.begin()
	for range n {
		p := s.good()
		for range s.IntN(4) {
			s.spoil(p)
		}
		s.give(p)
	}
}

// give gives one packet and checks what it did.
func (s *spoiler) give(p *Packet) {
	b, in := s.b, s.b.instances[0]
	type condition struct {
		state    event.State
		due      [dueCount]event.Instant
		priority uint8
		interval time.Duration
		master   netip.Addr
		version  uint64
		election election
		wants    bool
	}
	look := func() condition {
		return condition{in.state, in.due, in.priority, in.interval, in.heard.master, in.version, in.election, in.wants}
	}
	before, tally, router := look(), in.tally, b.tally
	b.step(p)
	accepted := int(in.tally.Received - tally.Received)
	refused, listed := 0, 0
	for i := range in.tally.Rejects {
		d := int(in.tally.Rejects[i] - tally.Rejects[i])
		if why := event.RejectAt(i); why == event.RejectAddressList {
			listed = d
			continue
		} else if d > 0 {
			s.seen[why] += uint64(d)
		}
		refused += d
	}
	strangers := int(b.tally.Checksum - router.Checksum + b.tally.Version - router.Version + b.tally.VRID - router.VRID + b.tally.Length - router.Length)
	if accepted+refused+strangers != 1 || listed > accepted {
		s.t.Fatalf("counted %d times as accepted, %d as refused, %d as a stranger's, %d for its addresses: %+v", accepted, refused, strangers, listed, p)
	}
	s.accepted, s.refused, s.strangers = s.accepted+accepted, s.refused+refused, s.strangers+strangers
	if listed > 0 {
		s.seen[event.RejectAddressList]++
	}
	if accepted == 0 {
		if look() != before || len(b.out.Actions) > 0 {
			s.t.Fatalf("a refused packet did something: %+v\nbefore %+v\nafter  %+v\n%v", p, before, look(), b.out.Actions)
		}
		for i := range b.out.Events {
			if k := b.out.Events[i].Kind; k != event.VRRPAdvertRejected {
				s.t.Fatalf("a refused packet made a %v: %+v", k, p)
			}
		}
	} else if look() != before {
		s.begin() // the next ones shall find something to spoil again
	}
}

// good is a packet as a peer would send it.
func (s *spoiler) good() *Packet {
	b := s.b
	in := b.instances[0]
	source, dest := peerA, in.set.Multicast
	if in.set.Family == 6 {
		source = netip.MustParseAddr("fe80::2")
	}
	if in.set.Unicast {
		dest = mine.Addr()
	}
	ad, _ := b.Advert(in.id, []uint8{0, 1, 50, 100, 101, 254, 255}[s.IntN(7)])
	p := &Packet{IfIndex: 2, Family: in.set.Family, Source: source, Dest: dest, TTL: 255, At: b.now, Wall: wall}
	if in.set.Unicast {
		p.TTL = 64
	}
	if s.ah != nil {
		s.seq++
		sealed := b.sealed(source, ad.Priority, s.ah, s.seq)
		sealed.Wall = wall
		return sealed
	}
	p.Payload = wire.Append(nil, &ad, source, dest, false)
	if s.hmac != nil {
		bond := auth.Bond{Family: p.Family, Version: ad.Version, VRID: ad.VRID, Source: source}
		p.Payload = append(p.Payload, make([]byte, wire.TrailerLen)...)
		s.hmac.Sign(p.Payload, bond, wall)
		if s.IntN(8) == 0 && s.last != nil {
			p.Payload = slices.Clone(s.last) // once more what came before
		}
		s.last = slices.Clone(p.Payload)
		if s.IntN(8) == 0 {
			p.Wall += int64(s.IntN(20)-10) * int64(time.Second)
		}
	}
	return p
}

// spoil changes one thing, in some cases with a checksum that fits it.
func (s *spoiler) spoil(p *Packet) {
	b := p.Payload
	at := func(i int) *byte {
		if i < len(b) {
			return &b[i]
		}
		return new(byte)
	}
	switch s.IntN(16) {
	case 0:
		*at(s.IntN(max(1, len(b)))) ^= 1 << s.IntN(8)
	case 1:
		*at(s.IntN(max(1, len(b)))) = byte(s.Uint32())
	case 2:
		p.Payload = b[:s.IntN(len(b)+1)]
	case 3:
		p.Payload = append(b, make([]byte, s.IntN(64))...)
	case 4:
		*at(3) = byte(s.IntN(5))
	case 5:
		*at(3) = byte(s.Uint32())
	case 6:
		*at(0) = byte(s.IntN(5))<<4 | byte(s.IntN(3))
	case 7:
		*at(1) = byte(s.IntN(3))
	case 8:
		binary.BigEndian.PutUint16(append(b[:min(4, len(b))], 0, 0)[min(4, len(b)):], uint16(s.IntN(300)))
	case 9:
		p.TTL = s.IntN(257) - 1
	case 10:
		p.Dest = []netip.Addr{group4, mine.Addr(), netip.MustParseAddr("ff02::12"), netip.MustParseAddr("fe80::1")}[s.IntN(4)]
	case 11:
		p.Source = []netip.Addr{peerA, mine.Addr(), netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("fe80::3"), {}}[s.IntN(5)]
	case 12:
		if p.AH = p.AH[:min(len(p.AH), s.IntN(25))]; s.IntN(2) == 0 {
			p.AH = []byte{112, 4, 0, 0, byte(s.Uint32()), 23: byte(s.Uint32())}
		}
	case 13:
		if p.AH != nil && s.IntN(2) == 0 {
			p.AH, p.Head = nil, nil
		}
	case 14:
		for i := range b {
			if s.IntN(4) == 0 {
				b[i] = byte(s.Uint32())
			}
		}
	case 15:
		if n := len(b); n > wire.TrailerLen {
			p.Payload = b[:n-wire.TrailerLen]
		}
	}
	if s.IntN(2) == 0 {
		fit(p)
	}
}

// fit makes the checksum right for whatever the packet says it is.
func fit(p *Packet) {
	if len(p.Payload) < wire.HeaderLen || !p.Source.IsValid() {
		return
	}
	reject := wire.Sound(p.Payload, p.Family, wire.Carrier{Src: p.Source, Dst: p.Dest, TTL: p.TTL})
	if reject.Reason == event.RejectChecksum {
		binary.BigEndian.PutUint16(p.Payload[6:], uint16(reject.Want))
	}
}
