// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/engine/vrrp/auth"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// sealing is a machine with one unicast instance of two peers, and its beats.
func sealing(t *testing.T, change func(*vrrp.InstanceSettings)) (*beats, *vrrp.View) {
	t.Helper()
	me := netip.MustParsePrefix("10.0.0.1/24")
	s := vrrp.InstanceSettings{
		Name: "V", Family: 4, Version: 2, VRID: 1, Interface: "eth0", State: event.Backup, Priority: 100,
		AdvertInterval: time.Second, DownTimerAdverts: 3, Unicast: true, Source: me.Addr(), Accept: true,
		Peers:     []vrrp.Peer{{Addr: netip.MustParseAddr("10.0.0.2"), MinTTL: -1, MaxTTL: -1}, {Addr: netip.MustParseAddr("10.0.0.3"), MinTTL: -1, MaxTTL: -1}},
		Addresses: []vrrp.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}},
	}
	change(&s)
	m := vrrp.New(1)
	var out vrrp.Output
	for _, in := range []vrrp.Input{
		vrrp.Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500},
		vrrp.IfAddr{IfIndex: 2, Prefix: me, Present: true},
		&vrrp.Configure{Settings: &vrrp.Settings{Instances: []vrrp.InstanceSettings{s}}},
	} {
		m.Step(event.Instant(time.Second), in, &out)
	}
	clock, err := raw.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	b := newBeats(m, &raw.Sender{})
	b.clock = clock
	v, ok := m.View(m.Instances(nil)[0])
	if !ok {
		t.Fatal("no instance")
	}
	return b, &v
}

func TestSealAH(t *testing.T) {
	b, v := sealing(t, func(s *vrrp.InstanceSettings) { s.Auth, s.AuthPass = vrrp.AuthAH, [8]byte{'x'} })
	frames := b.build(nil, v, 100)
	for round := range uint32(3) {
		b.seal(v, frames)
		peer := auth.NewAH([8]byte{'x'})
		for i, f := range frames {
			p := f.Packet()
			if seq := binary.BigEndian.Uint32(p[28:]); seq != round+1 {
				t.Errorf("round %d, copy %d: sequence %d", round, i, seq)
			}
			peer.Sequence = round
			if got := peer.Check(p[:20], p[20:44], p[44:]); got != (auth.Verdict{}) {
				t.Errorf("round %d, copy %d: %+v", round, i, got)
			}
		}
	}
	if len(frames) != 2 || v.Guard.AH.Sequence != 3 {
		t.Errorf("%d frames, sequence %d", len(frames), v.Guard.AH.Sequence)
	}
}

func TestSealHMAC(t *testing.T) {
	set := auth.Settings{Keys: []auth.Key{{ID: 1, Secret: bytes.Repeat([]byte{7}, 32)}}, Active: 1, Window: 5 * time.Second}
	b, v := sealing(t, func(s *vrrp.InstanceSettings) { s.Version, s.AuthHMAC = 3, &set })
	frames := b.build(nil, v, 100)
	b.seal(v, frames)
	now := b.clock.Wall(b.clock.Now())
	var trailers [][]byte
	for i, f := range frames {
		var ad wire.Advert
		from := wire.Carrier{Src: v.Source, Dst: v.Settings.Peers[i].Addr, TTL: 255}
		if x := wire.Parse(f.Payload(), from, &wire.Expect{Family: 4, Version: 3, Trailer: true}, &ad); x.Reason != event.ReasonNone {
			t.Fatalf("copy %d: %v", i, x.Reason)
		}
		packet := f.Payload()[:len(f.Payload())-wire.TrailerLen]
		bond := auth.Bond{Family: 4, Version: 3, VRID: 1, Source: v.Source}
		if got := auth.NewHMAC(&set, 0).Check(packet, ad.Trailer, bond, now); got != (auth.Verdict{}) {
			t.Errorf("copy %d: %+v", i, got)
		}
		trailers = append(trailers, ad.Trailer)
	}
	if len(trailers) != 2 || !bytes.Equal(trailers[0], trailers[1]) {
		t.Errorf("the copies do not share one trailer: %x", trailers)
	}
}

// TestIdentificationGoesOn: an advert of another priority is another Frame, but
// the identification of IP packets goes on, which AH covers.
func TestIdentificationGoesOn(t *testing.T) {
	b, v := sealing(t, func(s *vrrp.InstanceSettings) { s.Auth, s.AuthPass = vrrp.AuthAH, [8]byte{'x'} })
	for n, priority := range []uint8{100, 100, 0, 100} {
		b.queue(v.ID, priority)
		for _, f := range b.byID[v.ID].frames {
			p := f.Packet()
			if id := binary.BigEndian.Uint16(p[4:]); int(id) != n+1 || p[46] != priority {
				t.Errorf("advert %d: identification %d, priority %d", n+1, id, p[46])
			}
		}
		b.sender = &raw.Sender{} // nothing is sent here
	}
}

// TestUnsealed: receive-only and no authentication leave a packet as it was.
func TestUnsealed(t *testing.T) {
	quiet := auth.Settings{Keys: []auth.Key{{ID: 1, Secret: bytes.Repeat([]byte{7}, 32)}}, Active: 1, Mode: auth.ReceiveOnly}
	for name, change := range map[string]func(*vrrp.InstanceSettings){
		"receive-only": func(s *vrrp.InstanceSettings) { s.AuthHMAC = &quiet },
		"none":         func(*vrrp.InstanceSettings) {},
	} {
		b, v := sealing(t, change)
		frames := b.build(nil, v, 100)
		before := bytes.Clone(frames[0].Packet())
		b.seal(v, frames)
		if !bytes.Equal(frames[0].Packet(), before) || len(frames[0].Payload()) != 20 {
			t.Errorf("%s: %x", name, frames[0].Packet())
		}
	}
}
