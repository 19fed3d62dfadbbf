// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// withVMAC puts the instance and its address on vrrp.1, above eth0.
func withVMAC(s *Settings) {
	s.VMACs = []VMAC{{Name: "vrrp.1", Base: "eth0", IPv4: true}}
	s.Instances[0].VMAC = "vrrp.1"
	s.Instances[0].Addresses[0].Interface = "vrrp.1"
}

// vmacUp is vrrp.1, with the index 3.
var vmacUp = Link{IfIndex: 3, Name: "vrrp.1", Present: true, Up: true, MTU: 1500}

// TestVMACNeeded: without its VMAC an instance cannot run, and it runs when the
// VMAC is there.
func TestVMACNeeded(t *testing.T) {
	b := newBench(t, withVMAC)
	if b.state() != event.Fault {
		t.Fatalf("without the VMAC it is %v", b.state())
	}
	if b.step(vmacUp); b.state() != event.Backup {
		t.Fatalf("with it, it is %v", b.state())
	}
	b.tick()
	if b.state() != event.Master || !slices.Contains(b.kinds(), Send) {
		t.Fatalf("it is %v and does %v", b.state(), b.kinds())
	}
	gone := vmacUp
	gone.Present, gone.Up = false, false
	if b.step(gone); b.state() != event.Fault {
		t.Fatalf("with the VMAC gone it is %v", b.state())
	}
	moved := vmacUp
	moved.IfIndex = 9
	b.step(moved)
	if v, _ := b.View(1); b.state() != event.Backup || v.IfIndex != 9 {
		t.Errorf("with another one it is %v on %d", b.state(), v.IfIndex)
	}
}

// TestVMACWire: adverts leave and come by the VMAC, unless they are to stay
// below; the source address is the one below in any case.
func TestVMACWire(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*InstanceSettings)
		ifindex int
		vrid    uint8
	}{
		"VMAC":           {func(*InstanceSettings) {}, 3, 1},
		"vmac_xmit_base": {func(s *InstanceSettings) { s.XmitBase = true }, 2, 0},
		"unicast": {func(s *InstanceSettings) {
			s.Unicast, s.Peers = true, []Peer{{Addr: peerA, MinTTL: -1, MaxTTL: -1}}
		}, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(s *Settings) {
				withVMAC(s)
				c.change(&s.Instances[0])
			})
			b.step(vmacUp)
			v, _ := b.View(1)
			w := b.Watches(nil)
			if v.IfIndex != c.ifindex || v.Source != mine.Addr() || len(w) != 1 || w[0].IfIndex != c.ifindex || w[0].VRID != c.vrid {
				t.Fatalf("sends by %d from %v, listens at %+v", v.IfIndex, v.Source, w)
			}
			p := b.advert(peerA, 200, nil)
			if name == "unicast" {
				p.Dest = mine.Addr()
			}
			for _, ifindex := range []int{2, 3} {
				p.IfIndex = ifindex
				before := b.Tallies(b.now, nil)[0].Received
				b.step(p)
				if heard := b.Tallies(b.now, nil)[0].Received > before; heard != (ifindex == c.ifindex) {
					t.Errorf("heard on interface %d: %v", ifindex, heard)
				}
			}
		})
	}
}

// TestVMACAddressTaken: the virtual address is ours on the VMAC, not below.
func TestVMACAddressTaken(t *testing.T) {
	b := newBench(t, withVMAC)
	b.step(vmacUp)
	b.tick()
	b.step(&Done{ID: 1, Kind: Disown})
	b.step(&Done{ID: 1, Kind: Own, Count: 1})
	for _, ifindex := range []int{2, 3} {
		b.step(IfAddr{IfIndex: ifindex, Prefix: vip, Present: true})
		b.step(IfAddr{IfIndex: ifindex, Prefix: vip})
		if lost := b.find(event.AddressLost) != nil; lost != (ifindex == 3) {
			t.Errorf("lost on interface %d: %v", ifindex, lost)
		}
	}
}

// TestLeftovers: what an earlier run added is known by its mark when it is
// removed at the start; what others added is removed without that remark.
func TestLeftovers(t *testing.T) {
	for ours, want := range map[bool]string{true: "1 left behind by an earlier run", false: ""} {
		b := &bench{Router: New(7), t: t, now: start}
		b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500})
		b.step(IfAddr{IfIndex: 2, Prefix: mine, Present: true, Ours: true}) // not one of the instance
		b.step(IfAddr{IfIndex: 2, Prefix: vip, Present: true, Ours: ours})
		b.step(&Configure{Settings: &Settings{Instances: []InstanceSettings{plainInstance()}}})
		b.step(&Done{ID: 1, Kind: Disown, Why: event.Startup, Count: 1})
		if e := b.find(event.AddressRemoved); e == nil || e.Detail != want {
			t.Errorf("with a mark %v it says %+v", ours, e)
		}
	}
}

// TestExtraAnnouncements: garp_extra_if is about the addresses where no advert
// leaves: on other VMACs, or on any other interface.
func TestExtraAnnouncements(t *testing.T) {
	elsewhere := []Address{
		{Prefix: netip.MustParsePrefix("192.0.2.2/24"), Interface: "vrrp1.1"},
		{Prefix: netip.MustParsePrefix("192.0.2.3/24"), Interface: "eth1"},
	}
	for name, c := range map[string]struct {
		every  time.Duration
		all    bool
		want   []Address
		rounds int
	}{
		"off": {}, "VMACs": {time.Second, false, elsewhere[:1], 2}, "all": {time.Second, true, elsewhere, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(s *Settings) {
				withVMAC(s)
				s.VMACs = append(s.VMACs, VMAC{Name: "vrrp1.1", Base: "eth1", IPv4: true})
				in := &s.Instances[0]
				in.Excluded, in.GarpExtra, in.GarpExtraAll, in.GarpDelay = elsewhere, c.every, c.all, 0
			})
			b.step(vmacUp)
			b.step(Link{IfIndex: 4, Name: "eth1", Present: true, Up: true})
			b.step(Link{IfIndex: 5, Name: "vrrp1.1", Present: true, Up: true})
			b.tick()
			rounds, end := 0, b.now.Add(2500*time.Millisecond)
			for at, ok := b.Deadline(); ok && at < end; at, ok = b.Deadline() {
				b.tick()
				for _, a := range b.out.Actions {
					if a.Kind != Announce {
						continue
					}
					rounds++
					if !slices.Equal(a.Only, c.want) || a.Repeat != 1 || !a.Part {
						t.Errorf("announces %+v", a)
					}
				}
			}
			if rounds != c.rounds {
				t.Errorf("%d rounds, want %d", rounds, c.rounds)
			}
		})
	}
}

// TestDetection: an address whose uniqueness is not yet certain is waited for;
// one that is somebody else's as well is a fault of its own.
func TestDetection(t *testing.T) {
	local := netip.MustParsePrefix("fe80::1/64")
	six := func(s *Settings) {
		in := &s.Instances[0]
		in.Family, in.Version, in.Multicast = 6, 3, netip.MustParseAddr("ff02::12")
		in.Addresses = []Address{{Prefix: netip.MustParsePrefix("fe80::99/64"), PreferredLft: Forever}}
	}
	begin := func(first IfAddr) *bench {
		b := &bench{Router: New(7), t: t, now: start}
		s := &Settings{Instances: []InstanceSettings{plainInstance()}}
		six(s)
		b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500})
		b.step(first)
		b.step(&Configure{Settings: s})
		return b
	}
	tentative := IfAddr{IfIndex: 2, Prefix: local, Present: true, Tentative: true}
	good, duplicate := tentative, tentative
	good.Tentative, duplicate.Duplicate = false, true
	missing := tentative
	missing.Present = false

	b := begin(tentative)
	if b.state() != event.Init {
		t.Fatalf("while the address is tentative it is %v", b.state())
	}
	if b.step(good); b.state() != event.Backup {
		t.Errorf("with the address it is %v", b.state())
	}
	b = begin(tentative)
	b.step(duplicate)
	if e := b.find(event.VRRPState); b.state() != event.Fault || e == nil || e.Reason != event.AddressDuplicate {
		t.Errorf("with a duplicate it is %v: %+v", b.state(), e)
	}
	b.step(missing)
	b.step(tentative)
	if b.state() != event.Fault {
		t.Errorf("after a duplicate it waits for the next address in %v", b.state())
	}
	if b.step(good); b.state() != event.Backup {
		t.Errorf("with a good address at last it is %v", b.state())
	}
	b = begin(tentative)
	b.step(missing)
	if e := b.find(event.VRRPState); b.state() != event.Fault || e == nil || e.Reason != event.AddressMissing {
		t.Errorf("without any address it is %v: %+v", b.state(), e)
	}
}

// TestIPVLANSource: an ipvlan speaks from its own link-local address, and waits
// for it; a macvlan borrows that of the interface below.
func TestIPVLANSource(t *testing.T) {
	below, own := netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("fe80::2/64")
	for ipvlan, want := range map[bool]netip.Addr{true: own.Addr(), false: below.Addr()} {
		b := &bench{Router: New(7), t: t, now: start}
		s := &Settings{Instances: []InstanceSettings{plainInstance()}, VMACs: []VMAC{{Name: "vrrp.1", Base: "eth0", IPv6: true, IPVLAN: ipvlan}}}
		in := &s.Instances[0]
		in.VMAC, in.Family, in.Version, in.Multicast = "vrrp.1", 6, 3, netip.MustParseAddr("ff02::12")
		in.Addresses = []Address{{Prefix: netip.MustParsePrefix("fe80::99/64"), PreferredLft: Forever}}
		b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500})
		b.step(IfAddr{IfIndex: 2, Prefix: below, Present: true})
		b.step(vmacUp)
		b.step(IfAddr{IfIndex: 3, Prefix: own, Present: true, Tentative: true})
		b.step(&Configure{Settings: s})
		if waits := b.state() == event.Init; waits != ipvlan {
			t.Errorf("ipvlan %v: before its address is there it is %v", ipvlan, b.state())
		}
		b.step(IfAddr{IfIndex: 3, Prefix: own, Present: true})
		if v, _ := b.View(1); b.state() != event.Backup || v.Source != want || v.IfIndex != 3 {
			t.Errorf("ipvlan %v: it is %v and speaks from %v on %d", ipvlan, b.state(), v.Source, v.IfIndex)
		}
	}
}

// TestVMACIntroduced: a VMAC that was there before the configuration is told of
// once, with its number, and is the interface that exits show.
func TestVMACIntroduced(t *testing.T) {
	b := &bench{Router: New(7), t: t, now: start}
	s := &Settings{Instances: []InstanceSettings{plainInstance()}}
	withVMAC(s)
	b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500})
	b.step(IfAddr{IfIndex: 2, Prefix: mine, Present: true})
	b.step(vmacUp)
	if b.find(event.InterfaceChanged) != nil {
		t.Error("it is told of while nobody needs it")
	}
	b.step(&Configure{Settings: s})
	e := b.find(event.InterfaceChanged)
	if e == nil || e.Subject.Name != "vrrp.1" || e.Count != 3 || e.To != event.Up || !e.Snapshot {
		t.Errorf("at the start it says %+v", e)
	}
	for _, r := range b.Rows(nil) {
		if r.Instance != nil && (r.Instance.Interface != "vrrp.1" || r.Instance.IfIndex != 3) {
			t.Errorf("the instance is on %s, number %d", r.Instance.Interface, r.Instance.IfIndex)
		}
	}
	b.step(&Configure{Settings: s})
	if e := b.find(event.InterfaceChanged); e != nil {
		t.Errorf("at a reload that changes nothing it says %+v", e)
	}
}
