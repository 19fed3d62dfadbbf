// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/auth"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

var (
	password = [8]byte{'s', 'e', 's', 'a', 'm', 'e'}
	signing  = auth.Settings{Keys: []auth.Key{{ID: 1, Secret: bytes.Repeat([]byte{7}, 32)}}, Active: 1, Window: 5 * time.Second}
)

const wall = int64(1_700_000_000 * time.Second)

func withAH(s *Settings) { s.Instances[0].Auth, s.Instances[0].AuthPass = AuthAH, password }

func withHMAC(change func(*auth.Settings)) func(*Settings) {
	return func(s *Settings) {
		set := signing
		if change != nil {
			change(&set)
		}
		s.Instances[0].AuthHMAC = &set
	}
}

// sealed is the advert of a peer behind an authentication header.
func (b *bench) sealed(source netip.Addr, priority uint8, by *auth.AH, seq uint32) *Packet {
	p := b.advert(source, priority, nil)
	whole := make([]byte, 20, 80)
	src, dst := source.As4(), group4.As4()
	whole[0], whole[8], whole[9] = 0x45, 255, wire.ProtocolAH
	binary.BigEndian.PutUint16(whole[2:], uint16(20+wire.AHLen+len(p.Payload)))
	copy(whole[12:], src[:])
	copy(whole[16:], dst[:])
	whole = append(append(whole, make([]byte, wire.AHLen)...), p.Payload...)
	by.Seal(whole, seq)
	p.Head, p.AH, p.Payload = whole[:20], whole[20:44], whole[44:]
	return p
}

// refused are the rejects of the first instance by reason.
func (b *bench) refused(why event.Reason) uint64 {
	i, _ := why.RejectIndex()
	return b.Tallies(b.now, nil)[0].Rejects[i]
}

// hear gives a packet and says whether it was accepted, and what was said.
func (b *bench) hear(p *Packet) (accepted bool, said *event.Event) {
	before := b.Tallies(b.now, nil)[0].Received
	b.step(p)
	return b.Tallies(b.now, nil)[0].Received > before, b.find(event.VRRPAdvertRejected)
}

func TestAHOfPeers(t *testing.T) {
	b := newBench(t, withAH)
	peer := auth.NewAH(password)
	if ok, said := b.hear(b.sealed(peerA, 200, peer, 10)); !ok || said != nil {
		t.Fatalf("a good advert is refused: %+v", said)
	}
	for _, c := range []struct {
		name      string
		packet    *Packet
		why       event.Reason
		want, got string
	}{
		{"a replay", b.sealed(peerA, 200, peer, 10), event.RejectAuthFailure, "a sequence number above 10", "10"},
		{"another password", b.sealed(peerA, 200, auth.NewAH([8]byte{'x'}), 11), event.RejectAuthFailure, "the digest of our password", "another digest"},
		{"no header", b.advert(peerA, 200, nil), event.RejectAuthTypeMismatch, "AH", "none"},
	} {
		b.now = b.now.Add(2 * runIdle)
		n := b.refused(c.why)
		ok, said := b.hear(c.packet)
		if ok || b.refused(c.why) != n+1 {
			t.Fatalf("%s: accepted %v, counted %d", c.name, ok, b.refused(c.why)-n)
		}
		if said == nil || said.Evidence.Want != c.want || said.Evidence.Got != c.got {
			t.Errorf("%s: %+v", c.name, said)
		}
	}
	if ok, _ := b.hear(b.sealed(peerA, 200, peer, 11)); !ok {
		t.Error("the next good advert is refused")
	}
	plain := newBench(t, nil)
	if ok, _ := plain.hear(plain.sealed(peerA, 200, peer, 12)); ok || plain.refused(event.RejectAuthTypeMismatch) != 1 {
		t.Error("an authentication header that nobody asked for is accepted")
	}
}

// TestAHSequence: one counter for both ways; a master follows a peer of lower
// priority; a reload keeps it.
func TestAHSequence(t *testing.T) {
	b := newBench(t, withAH)
	peer := auth.NewAH(password)
	b.hear(b.sealed(peerA, 200, peer, 10))
	for b.state() != event.Master {
		b.tick()
	}
	next := func() uint32 {
		v, _ := b.View(b.Instances(nil)[0])
		return v.Guard.AH.Next()
	}
	if n := next(); n != 11 {
		t.Errorf("the new master sends %d, want 11", n)
	}
	if ok, _ := b.hear(b.sealed(peerA, 50, peer, 500)); !ok || b.state() != event.Master {
		t.Fatal("the advert of lower priority is not taken")
	}
	if n := next(); n != 502 {
		t.Errorf("after a peer of lower priority it sends %d, want 502", n)
	}
	s := &Settings{Instances: []InstanceSettings{plainInstance()}}
	withAH(s)
	b.step(&Configure{Settings: s})
	if n := next(); n != 503 {
		t.Errorf("after a reload it sends %d, want 503", n)
	}
	if ok, _ := b.hear(b.sealed(peerA, 200, peer, 504)); !ok || b.state() != event.Backup {
		t.Error("a better master is not obeyed")
	}
}

func TestAHResumes(t *testing.T) {
	b := &bench{Router: New(7), t: t, now: start}
	s := &Settings{Instances: []InstanceSettings{plainInstance()}}
	withAH(s)
	b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500})
	b.step(IfAddr{IfIndex: 2, Prefix: mine, Present: true})
	b.step(&Configure{Settings: s, Resume: []Resumed{{Name: "V", State: event.Master, Within: true}}, Wall: wall})
	v, _ := b.View(b.Instances(nil)[0])
	if n := v.Guard.AH.Next(); v.State != event.Master || n != 1_700_000_001 {
		t.Errorf("%v sends sequence %d: the peers have seen higher ones of its predecessor", v.State, n)
	}
}

func TestAHWatches(t *testing.T) {
	at := Watch{Family: 4, IfIndex: 2, Group: group4}
	ah := at
	ah.AH = true
	if got := newBench(t, withAH).Watches(nil); !slices.Equal(got, []Watch{at, ah}) {
		t.Errorf("%+v", got)
	}
	if got := newBench(t, nil).Watches(nil); !slices.Equal(got, []Watch{at}) {
		t.Errorf("%+v", got)
	}
}

// signed is the advert of a peer with a trailer.
func (b *bench) signed(source netip.Addr, priority uint8, by *auth.HMAC, at int64) *Packet {
	p := b.advert(source, priority, nil)
	p.Payload = append(p.Payload, make([]byte, wire.TrailerLen)...)
	by.Sign(p.Payload, auth.Bond{Family: 4, Version: 2, VRID: 1, Source: source}, at)
	p.Wall = at
	return p
}

func TestHMACOfPeers(t *testing.T) {
	b := newBench(t, withHMAC(nil))
	peer := auth.NewHMAC(&signing, 0)
	good := b.signed(peerA, 200, peer, wall)
	if ok, said := b.hear(good); !ok || said != nil {
		t.Fatalf("a good advert is refused: %+v", said)
	}
	other := signing
	other.Keys = []auth.Key{{ID: 1, Secret: bytes.Repeat([]byte{8}, 32)}}
	unknown := signing
	unknown.Active, unknown.Keys = 9, []auth.Key{{ID: 9, Secret: signing.Keys[0].Secret}}
	late := b.signed(peerA, 200, peer, wall)
	late.Wall += int64(time.Minute)
	malformed := b.signed(peerA, 200, peer, wall)
	malformed.Payload[len(malformed.Payload)-wire.TrailerLen] = 2
	for _, c := range []struct {
		why event.Reason
		p   *Packet
	}{
		{event.RejectAuthExtReplay, good},
		{event.RejectAuthExtMissing, b.advert(peerA, 200, nil)},
		{event.RejectAuthExtInvalidHMAC, b.signed(peerA, 200, auth.NewHMAC(&other, 0), wall)},
		{event.RejectAuthExtUnknownKey, b.signed(peerA, 200, auth.NewHMAC(&unknown, 0), wall)},
		{event.RejectAuthExtStale, late},
		{event.RejectAuthExtMalformed, malformed},
	} {
		why, p := c.why, c.p
		ok, said := b.hear(p)
		if ok || b.refused(why) != 1 {
			t.Errorf("%v: accepted %v, counted %d", why, ok, b.refused(why))
		}
		if said == nil || said.Reason != why || said.Evidence.Want == "" || said.Evidence.Got == "" {
			t.Errorf("%v: %+v", why, said)
		}
	}
	if ok, _ := b.hear(b.signed(peerA, 200, peer, wall)); !ok {
		t.Error("the next good advert is refused")
	}
	plain := newBench(t, nil)
	if ok, _ := plain.hear(good); ok || plain.refused(event.RejectPacketLength) != 1 {
		t.Error("a trailer that nobody asked for is accepted")
	}
	mild := newBench(t, withHMAC(func(s *auth.Settings) { s.Mode = auth.Permissive }))
	if ok, _ := mild.hear(mild.advert(peerA, 200, nil)); !ok {
		t.Error("permissive refuses an advert without trailer")
	}
}

func TestAuthenticationDoesNotAllocate(t *testing.T) {
	b := newBench(t, withHMAC(nil))
	peer := auth.NewHMAC(&signing, 0)
	p := b.signed(peerA, 200, peer, wall)
	n := testing.AllocsPerRun(100, func() {
		b.now = b.now.Add(time.Second)
		p.At, p.Wall = b.now, p.Wall+int64(time.Second)
		peer.Sign(p.Payload, auth.Bond{Family: 4, Version: 2, VRID: 1, Source: peerA}, p.Wall)
		b.step(p)
	})
	if n != 0 || b.Tallies(b.now, nil)[0].Received < 100 {
		t.Errorf("a signed advert allocates %v times", n)
	}
}
