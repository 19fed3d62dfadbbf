// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

var (
	group4 = netip.MustParseAddr("224.0.0.18")
	vip    = netip.MustParsePrefix("192.0.2.1/24")
	mine   = netip.MustParsePrefix("10.0.0.1/24")
	peerA  = netip.MustParseAddr("10.0.0.2")
	start  = event.Instant(1000 * time.Second)
)

// plainInstance is an instance with keepalived's defaults.
func plainInstance() InstanceSettings {
	return InstanceSettings{
		Name: "V", Family: 4, Version: 2, VRID: 1, Interface: "eth0", State: event.Backup, Priority: 100,
		AdvertInterval: time.Second, DownTimerAdverts: 3, Multicast: group4,
		Addresses: []Address{{Prefix: vip, PreferredLft: Forever}},
		GarpDelay: 5 * time.Second, GarpRepeat: 5, GarpRefreshRepeat: 1, GarpLowerPrioDelay: 5 * time.Second, GarpLowerPrioRepeat: 5,
		Accept: true,
	}
}

// bench is a Router with one interface and its output.
type bench struct {
	*Router
	t   testing.TB
	now event.Instant
	out Output
}

func newBench(t testing.TB, change func(*Settings)) *bench {
	b := &bench{Router: New(7), t: t, now: start}
	s := &Settings{Instances: []InstanceSettings{plainInstance()}}
	if change != nil {
		change(s)
	}
	b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500})
	b.step(IfAddr{IfIndex: 2, Prefix: mine, Present: true})
	b.step(&Configure{Settings: s, Cause: event.Ref{Epoch: 1, Seq: 1}})
	return b
}

// step steps the Router and keeps only this step's output.
func (b *bench) step(in Input) {
	b.out.Reset()
	b.Step(b.now, in, &b.out)
}

// tick goes to the Deadline and does what is due.
func (b *bench) tick() {
	b.t.Helper()
	at, ok := b.Deadline()
	if !ok {
		b.t.Fatal("no deadline")
	}
	b.now = max(b.now, at)
	b.step(Tick{})
}

// advert is a good packet from a peer, received now.
func (b *bench) advert(source netip.Addr, priority uint8, change func(*wire.Advert)) *Packet {
	ad, _ := b.Advert(b.Instances(nil)[0], priority)
	if change != nil {
		change(&ad)
	}
	return &Packet{
		IfIndex: 2, Family: 4, Source: source, Dest: group4, TTL: 255, At: b.now,
		Payload: wire.Append(nil, &ad, source, group4, false),
	}
}

// state is that of the first instance.
func (b *bench) state() event.State {
	v, _ := b.View(b.Instances(nil)[0])
	return v.State
}

// events are the kinds of what happened in the last step.
func (b *bench) find(kind event.Kind) *event.Event {
	for i := range b.out.Events {
		if b.out.Events[i].Kind == kind {
			return &b.out.Events[i]
		}
	}
	return nil
}

func (b *bench) kinds() (out []ActionKind) {
	for _, a := range b.out.Actions {
		out = append(out, a.Kind)
	}
	return out
}

func TestStartToMaster(t *testing.T) {
	b := newBench(t, nil)
	if b.state() != event.Backup {
		t.Fatalf("state %v", b.state())
	}
	at, _ := b.Deadline()
	if want := start.Add(3*time.Second + 156*time.Second/256); at != want {
		t.Fatalf("master-down timer %v, want %v", at, want)
	}
	b.tick()
	if b.state() != event.Master {
		t.Fatalf("state %v", b.state())
	}
	want := []ActionKind{Send, Own, Announce}
	got := b.kinds()
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("actions %v, want %v: the advert goes first", got, want)
	}
	e := b.find(event.VRRPState)
	if e == nil || e.Reason != event.MasterDownTimer || e.Seq != 2 || b.out.Actions[1].Root != e.Ref() {
		t.Errorf("event %+v", e)
	}
}

func BenchmarkAdvertInBackup(b *testing.B) {
	bb := newBench(b, nil)
	p := bb.advert(peerA, 200, nil)
	b.ReportAllocs()
	for b.Loop() {
		bb.now = bb.now.Add(time.Second)
		p.At = bb.now
		bb.step(p)
	}
}

func BenchmarkTickThatSends(b *testing.B) {
	bb := newBench(b, func(s *Settings) { s.Instances[0].GarpDelay = 0 })
	bb.tick()
	b.ReportAllocs()
	for b.Loop() {
		bb.tick()
	}
}

func BenchmarkThousandInstances(b *testing.B) {
	bb := newBench(b, func(s *Settings) {
		s.Instances = nil
		for i := range 1000 {
			in := plainInstance()
			in.Name, in.VRID, in.GarpDelay = string(rune('a'+i/250))+string(rune(i)), uint8(i%250+1), 0
			s.Instances = append(s.Instances, in)
		}
	})
	bb.tick()
	b.ReportAllocs()
	for b.Loop() {
		bb.tick()
	}
}
