// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// TestSkew has values worked out by hand from the formulas of RFC 3768 section
// 6.1 and RFC 9568 section 6.1.
func TestSkew(t *testing.T) {
	for _, c := range []struct {
		version, priority uint8
		interval, want    time.Duration
	}{
		{2, 100, time.Second, 609375 * time.Microsecond},
		{2, 100, 10 * time.Second, 609375 * time.Microsecond}, // version 2 does not look at the interval
		{2, 255, time.Second, 3906 * time.Microsecond},
		{3, 100, time.Second, 609375 * time.Microsecond},
		{3, 100, 10 * time.Second, 6093750 * time.Microsecond},
		{3, 1, 100 * time.Millisecond, 99609 * time.Microsecond},
		{3, 254, 10 * time.Millisecond, 78 * time.Microsecond},
	} {
		if got := skew(c.version, c.priority, c.interval); got != c.want {
			t.Errorf("version %d priority %d interval %v: %v, want %v", c.version, c.priority, c.interval, got, c.want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	t.Run("advert of the master in BACKUP", func(t *testing.T) {
		b := newBench(t, nil)
		p := b.advert(peerA, 200, nil)
		if n := testing.AllocsPerRun(200, func() {
			b.now = b.now.Add(time.Second)
			p.At = b.now
			b.step(p)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if b.state() != event.Backup || b.Tallies(b.now, nil)[0].Received < 200 {
			t.Error("the adverts were not taken")
		}
	})
	t.Run("tick that sends", func(t *testing.T) {
		b := newBench(t, func(s *Settings) { s.Instances[0].GarpRefresh = time.Second })
		b.tick()
		b.now = b.now.Add(10 * time.Second)
		b.step(Tick{})
		if n := testing.AllocsPerRun(200, func() { b.tick() }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if b.Tallies(b.now, nil)[0].Sent < 100 {
			t.Error("nothing was sent")
		}
	})
	t.Run("refused adverts of a known run", func(t *testing.T) {
		b := newBench(t, nil)
		p := b.advert(peerA, 200, nil)
		p.TTL = 1
		b.step(p)
		if n := testing.AllocsPerRun(200, func() { b.step(p) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
	t.Run("another order of the addresses", func(t *testing.T) {
		second := netip.MustParsePrefix("192.0.2.2/24")
		b := newBench(t, func(s *Settings) {
			s.Instances[0].Addresses = append(s.Instances[0].Addresses, Address{Prefix: second})
		})
		p := b.advert(peerA, 200, func(ad *wire.Advert) {
			ad.List = wire.AppendAddr(wire.AppendAddr(nil, 4, second.Addr()), 4, vip.Addr())
		})
		b.step(p)
		if n := testing.AllocsPerRun(200, func() { b.step(p) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if b.Tallies(b.now, nil)[0].Rejects != [event.RejectCount]uint64{} {
			t.Error("the order was held against it")
		}
	})
}

// TestFlood has a million strangers' sources: memory and events stay bounded,
// every packet is counted, and the state does not change.
func TestFlood(t *testing.T) {
	b := newBench(t, nil)
	p := b.advert(peerA, 200, nil)
	p.TTL = 1
	events := 0
	const packets = 100_000
	for i := range packets {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], uint32(i)+1<<24)
		p.Source = netip.AddrFrom4(a)
		b.step(p)
		events += len(b.out.Events)
	}
	if events != len(runs{}.list) {
		t.Errorf("%d events, want one for each of %d places", events, len(runs{}.list))
	}
	i, _ := event.RejectTTL.RejectIndex()
	if n := b.Tallies(b.now, nil)[0].Rejects[i]; n != packets {
		t.Errorf("%d counted", n)
	}
	if b.state() != event.Backup {
		t.Error("a refused advert changed the state")
	}
}

// TestTimers compares the heap with a list over random changes: least first, and
// of those that are due at once the one that was set first.
func TestTimers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var h timers
	all := make([]timer, 50)
	set := map[*timer]int{}
	for step := range 20_000 {
		x := &all[rnd.IntN(len(all))]
		due := event.Instant(rnd.IntN(100))
		if rnd.IntN(5) == 0 {
			due = 0
		}
		if x.due != due {
			set[x] = step
		}
		h.set(x, due)
		var first *timer
		count := 0
		for i := range all {
			if y := &all[i]; y.due != 0 {
				count++
				if first == nil || y.due < first.due || y.due == first.due && set[y] < set[first] {
					first = y
				}
			}
		}
		if len(h.heap) != count || count > 0 && h.heap[0] != first {
			t.Fatalf("heap has %d, first %+v; there are %d, first %+v", len(h.heap), h.heap[0], count, first)
		}
		for i, x := range h.heap {
			if x.place != i+1 {
				t.Fatalf("timer at %d believes to be at %d", i, x.place-1)
			}
		}
	}
}

// TestEarly: adverts due within a fifth of a millisecond go out together, and
// keep their beat; a master-down timer is never early.
func TestEarly(t *testing.T) {
	b := newBench(t, func(s *Settings) {
		s.Instances[0].GarpDelay = 0
		second := plainInstance()
		second.Name, second.VRID, second.GarpDelay = "W", 2, 0
		s.Instances = append(s.Instances, second)
	})
	b.tick()
	first := b.instances[0]
	second := b.instances[1]
	second.due[dueProtocol] = first.due[dueProtocol].Add(150 * time.Microsecond)
	b.arm(second)
	was := second.due[dueProtocol]
	b.tick()
	if len(b.out.Actions) != 2 || second.due[dueProtocol] != was.Add(time.Second) {
		t.Errorf("%d adverts, next at %v", len(b.out.Actions), second.due[dueProtocol])
	}
	second.due[dueProtocol] = first.due[dueProtocol].Add(250 * time.Microsecond)
	b.arm(second)
	b.tick()
	if len(b.out.Actions) != 1 {
		t.Errorf("%d adverts, the second was due too late to go along", len(b.out.Actions))
	}
	b.tick()
	second.state, second.due[dueProtocol] = event.Backup, first.due[dueProtocol].Add(time.Microsecond)
	b.arm(second)
	b.tick()
	if second.state != event.Backup {
		t.Error("a master-down timer was served early")
	}
}

// TestLateSender: a beat that was missed altogether is not made up for.
func TestLateSender(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.Instances[0].GarpDelay = 0 })
	b.tick()
	due, _ := b.Deadline()
	b.now = due.Add(300 * time.Millisecond)
	b.step(Tick{})
	if next, _ := b.Deadline(); next != due.Add(time.Second) {
		t.Errorf("next advert at %v, the beat was %v", next, due.Add(time.Second))
	}
	due, _ = b.Deadline()
	b.now = due.Add(2500 * time.Millisecond)
	b.step(Tick{})
	if next, _ := b.Deadline(); len(b.out.Actions) != 1 || next != b.now.Add(time.Second) {
		t.Errorf("%d adverts, next at %v", len(b.out.Actions), next)
	}
}

func TestAccess(t *testing.T) {
	b := newBench(t, func(s *Settings) {
		u := plainInstance()
		u.Name, u.VRID, u.Unicast, u.Multicast = "U", 2, true, netip.Addr{}
		u.Peers = []Peer{{Addr: peerA, MinTTL: -1, MaxTTL: -1}}
		six := plainInstance()
		six.Name, six.VRID, six.Family, six.Version, six.Interface = "S", 3, 6, 3, "eth9"
		s.Instances = append(s.Instances, u, six)
	})
	ids := b.Instances(nil)
	if len(ids) != 3 {
		t.Fatal(ids)
	}
	v, ok := b.View(ids[0])
	if !ok || v.IfIndex != 2 || v.Source != mine.Addr() || v.Settings.Name != "V" {
		t.Errorf("%+v", v)
	}
	if _, ok := b.View(99); ok {
		t.Error("handle 99")
	}
	want := []Watch{{Family: 4, IfIndex: 2, Group: group4}, {Family: 4, IfIndex: 2, Local: mine.Addr()}}
	if got := b.Watches(nil); !slices.Equal(got, want) {
		t.Errorf("watches %v, want %v: eth9 does not exist", got, want)
	}
	version, watches := v.Version, b.WatchVersion()
	b.step(IfAddr{IfIndex: 2, Prefix: netip.MustParsePrefix("10.0.0.7/24"), Present: true})
	if v, _ := b.View(ids[0]); v.Version != version {
		t.Error("another address changed the packet")
	}
	b.step(IfAddr{IfIndex: 2, Prefix: mine})
	v, _ = b.View(ids[0])
	if v.Version == version || b.WatchVersion() == watches || v.Source != netip.MustParseAddr("10.0.0.7") {
		t.Errorf("the source address went, and: %+v", v)
	}
	p := b.AppendPacket(nil, ids[0], 77, group4)
	var ad wire.Advert
	from := wire.Carrier{Src: v.Source, Dst: group4, TTL: 255}
	if r := wire.Parse(p, from, &wire.Expect{Family: 4, Version: 2, Interval: time.Second}, &ad); r.Reason != event.ReasonNone || ad.Priority != 77 {
		t.Errorf("%v %+v", r, ad)
	}
}

// TestHandleOfRemoved: the handle of a removed instance is good until its
// addresses are gone, so that the loop knows what to remove.
func TestHandleOfRemoved(t *testing.T) {
	b := newBench(t, nil)
	b.step(&Done{ID: b.Instances(nil)[0], Kind: Disown}) // the stale addresses
	b.tick()
	id := b.Instances(nil)[0]
	own := b.out.Actions[1]
	b.step(&Done{ID: id, Kind: Own, Count: 1, Cause: own.Cause, Root: own.Root})
	b.step(&Configure{Settings: &Settings{}})
	if _, ok := b.View(id); !ok {
		t.Fatal("the handle is gone before its addresses")
	}
	if len(b.Instances(nil)) != 0 || b.find(event.VRRPState).To != event.Deleted {
		t.Error("the instance is still configured")
	}
	b.step(&Done{ID: id, Kind: Disown, Count: 1})
	if _, ok := b.View(id); ok {
		t.Error("the handle outlives its addresses")
	}
	if e := b.find(event.AddressRemoved); e == nil || e.Subject.Name != "V" {
		t.Errorf("%+v", e)
	}
}

func TestStopWaitsForTheKernel(t *testing.T) {
	b := newBench(t, nil)
	id := b.Instances(nil)[0]
	b.step(&Done{ID: id, Kind: Disown})
	b.tick()
	b.step(&Done{ID: id, Kind: Own, Count: 1})
	b.step(Stop{})
	if b.Stopped() {
		t.Error("stopped, and the addresses are still there")
	}
	if _, ok := b.Deadline(); ok {
		t.Error("a deadline after the stop")
	}
	e := b.find(event.VRRPState)
	if a := b.out.Actions[1]; a.Kind != Disown || a.Root != e.Ref() {
		t.Errorf("the removal names %v, the event is %v", a.Root, e.Ref())
	}
	b.step(&Done{ID: id, Kind: Disown, Count: 1})
	if !b.Stopped() {
		t.Error("not stopped")
	}
	b.step(b.advert(peerA, 200, nil))
	b.step(Stop{})
	if len(b.out.Events)+len(b.out.Actions) != 0 {
		t.Error("something happens after the stop")
	}
}

func TestSendErrors(t *testing.T) {
	b := newBench(t, nil)
	b.step(SendFailed{ID: b.Instances(nil)[0], N: 3})
	b.step(SendFailed{ID: 99, N: 3})
	if n := b.Tallies(b.now, nil)[0].SendErrors; n != 3 {
		t.Errorf("%d send errors", n)
	}
}

func TestRows(t *testing.T) {
	b := newBench(t, func(s *Settings) {
		in := &s.Instances[0]
		in.Excluded = []Address{{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Interface: "eth1"}}
		in.Tracks = []Track{{Kind: event.SubjectScript, Name: "chk", Weight: -5}, {Kind: event.SubjectInterface, Name: "eth1"}}
		in.Routes = []Route{{Words: []string{"to", "10.1.0.0/16"}}}
		s.Scripts = []ScriptSettings{{Name: "chk", Rise: 2, Fall: 3}}
		s.Groups = []GroupSettings{{Name: "G", Members: []string{"V"}, TrackingWeight: true}}
		s.StaticAddresses = []Address{{Prefix: vip, Interface: "eth0"}}
	})
	count := map[string]int{}
	for _, r := range b.Rows(nil) {
		switch {
		case r.Instance != nil:
			count["instance"]++
			if r.Instance.IfIndex != 2 || r.Instance.SyncGroup != "G" || r.Instance.Source != mine.Addr() {
				t.Errorf("%+v", r.Instance)
			}
		case r.Address != nil:
			count["address"]++
			if r.Address.Index == 2 && (r.Address.Advertised || r.Address.Interface != "eth1") {
				t.Errorf("%+v", r.Address)
			}
		case r.Track != nil:
			count["track"]++
		case r.Group != nil:
			count["group"]++
		case r.Script != nil:
			count["script"]++
		case r.Route != nil:
			count["route"]++
			if r.Route.Text != "to 10.1.0.0/16" {
				t.Errorf("%+v", r.Route)
			}
		case r.Interface != nil:
			count["interface"]++
		}
	}
	want := map[string]int{"instance": 1, "address": 3, "track": 2, "group": 1, "script": 1, "route": 1, "interface": 2}
	for k, n := range want {
		if count[k] != n {
			t.Errorf("%d rows of %s, want %d", count[k], k, n)
		}
	}
}

// FuzzPacket feeds anything to a BACKUP and to a MASTER: no panic, and a packet
// that is refused changes nothing but counters.
func FuzzPacket(f *testing.F) {
	b := newBench(f, nil)
	for _, priority := range []uint8{0, 1, 100, 200, 255} {
		f.Add(b.advert(peerA, priority, nil).Payload, 255, true, false)
		f.Add(b.advert(peerA, priority, nil).Payload, 64, false, true)
	}
	f.Fuzz(func(t *testing.T, payload []byte, ttl int, multicast, master bool) {
		b := newBench(t, nil)
		if master {
			b.tick()
		}
		p := &Packet{IfIndex: 2, Family: 4, Source: peerA, Dest: group4, TTL: ttl, At: b.now, Payload: payload}
		if !multicast {
			p.Dest = mine.Addr()
		}
		was, due := b.state(), b.timers.heap[0].due
		b.step(p)
		tally := b.Tallies(b.now, nil)[0]
		if tally.Received == 0 && (b.state() != was || b.timers.heap[0].due != due || len(b.out.Actions) > 0) {
			t.Errorf("a refused packet did something: %v, %v", b.out.Actions, b.out.Events)
		}
		all := tally.Received
		for _, n := range tally.Rejects {
			all += n
		}
		all += b.tally.Checksum + b.tally.Length + b.tally.VRID + b.tally.Version
		if all == 0 {
			t.Error("a packet was not counted")
		}
	})
}
