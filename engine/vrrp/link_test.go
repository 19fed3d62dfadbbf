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

// TestSource: which address of the interface the adverts come from.
func TestSource(t *testing.T) {
	p := netip.MustParsePrefix
	at := func(text string, change func(*IfAddr)) IfAddr {
		a := IfAddr{IfIndex: 2, Prefix: p(text), Present: true}
		if change != nil {
			change(&a)
		}
		return a
	}
	secondary := func(a *IfAddr) { a.Secondary = true }
	tentative := func(a *IfAddr) { a.Tentative = true }
	duplicate := func(a *IfAddr) { a.Duplicate = true }
	for _, c := range []struct {
		name   string
		family uint8
		owner  bool
		addrs  []IfAddr
		want   string // empty: none
	}{
		{"first primary", 4, false, []IfAddr{at("10.0.0.1/24", nil), at("10.0.0.2/24", nil)}, "10.0.0.1"},
		{"primary before secondary", 4, false, []IfAddr{at("10.0.0.1/24", secondary), at("10.0.0.2/24", nil)}, "10.0.0.2"},
		{"secondary if no other", 4, false, []IfAddr{at("10.0.0.1/24", secondary)}, "10.0.0.1"},
		{"not the virtual one", 4, false, []IfAddr{at("192.0.2.1/24", nil), at("10.0.0.1/24", secondary)}, "10.0.0.1"},
		{"nothing but the virtual one", 4, false, []IfAddr{at("192.0.2.1/24", nil)}, ""},
		{"the owner's own", 4, true, []IfAddr{at("192.0.2.1/24", nil)}, "192.0.2.1"},
		{"the other family", 4, false, []IfAddr{at("fe80::1/64", nil)}, ""},
		{"link-local", 6, false, []IfAddr{at("2001:db8::1/64", nil), at("fe80::1/64", nil)}, "fe80::1"},
		{"detection not ended", 6, false, []IfAddr{at("fe80::1/64", tentative)}, ""},
		{"a duplicate", 6, false, []IfAddr{at("fe80::1/64", duplicate), at("fe80::2/64", nil)}, "fe80::2"},
		{"detection ended", 6, false, []IfAddr{at("fe80::1/64", tentative), at("fe80::1/64", nil)}, "fe80::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *Settings) {
				in := &s.Instances[0]
				if in.Family = c.family; c.family == 6 {
					in.Version, in.Addresses = 3, []Address{{Prefix: p("fe80::100/64")}}
				}
				if c.owner {
					in.Priority = 255
				}
			})
			b.step(IfAddr{IfIndex: 2, Prefix: mine})
			for _, a := range c.addrs {
				b.step(a)
			}
			v, _ := b.View(b.Instances(nil)[0])
			if want, _ := netip.ParseAddr(c.want); v.Source != want {
				t.Errorf("source %v, want %q", v.Source, c.want)
			}
			if (v.State == event.Fault) != (c.want == "") {
				t.Errorf("state %v", v.State)
			}
		})
	}
}

// TestFaultForgetsTheMaster: after FAULT the timers are our own again, whatever
// interval the master had before.
func TestFaultForgetsTheMaster(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.Instances[0].Version = 3 })
	b.step(b.advert(peerA, 200, func(ad *wire.Advert) { ad.Interval = 10 * time.Second }))
	if at, _ := b.Deadline(); at != b.now.Add(30*time.Second+6093750*time.Microsecond) {
		t.Fatalf("deadline %v", at)
	}
	b.step(Link{IfIndex: 2, Name: "eth0", Present: true})
	b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true})
	if at, _ := b.Deadline(); at != b.now.Add(3609375*time.Microsecond) {
		t.Errorf("deadline %v after the fault", at.Sub(b.now))
	}
}

// TestRenamed: an interface that gets another name is gone under the old one.
func TestRenamed(t *testing.T) {
	b := newBench(t, nil)
	b.step(Link{IfIndex: 2, Name: "lan0", Present: true, Up: true})
	if b.state() != event.Fault {
		t.Errorf("state %v", b.state())
	}
	b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true})
	b.step(IfAddr{IfIndex: 2, Prefix: mine, Present: true})
	if b.state() != event.Backup {
		t.Errorf("state %v", b.state())
	}
}

// TestResumeAfterDelay: vrrp_startup_delay is about a start of the host's
// service; a worker that takes up its role listens at once.
func TestResumeAfterDelay(t *testing.T) {
	for _, within := range []bool{true, false} {
		b := &bench{Router: New(7), t: t, now: start}
		s := &Settings{Instances: []InstanceSettings{plainInstance()}, StartupDelay: time.Minute}
		b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true})
		b.step(IfAddr{IfIndex: 2, Prefix: mine, Present: true})
		b.step(&Configure{Settings: s, Resume: []Resumed{{Name: "V", State: event.Master, Within: within}}})
		b.step(b.advert(peerA, 200, nil))
		if n := b.Tallies(b.now, nil)[0].Received; (n == 1) != within {
			t.Errorf("resumed %v: %d adverts taken", within, n)
		}
	}
}

// TestThawIsForThoseWhoWereGivenUp: a pause that kills one instance's role in
// the eyes of its peers need not kill another's, whose interval is longer.
func TestThawIsForThoseWhoWereGivenUp(t *testing.T) {
	b := newBench(t, func(s *Settings) {
		s.Instances[0].GarpDelay = 0
		slow := plainInstance()
		slow.Name, slow.VRID, slow.AdvertInterval, slow.GarpDelay = "slow", 2, 30*time.Second, 0
		s.Instances = append(s.Instances, slow)
	})
	for range 200 {
		b.tick()
	}
	due, _ := b.Deadline()
	b.now = due.Add(10 * time.Second)
	b.step(Tick{})
	n := 0
	for _, a := range b.out.Actions {
		if a.Kind == Announce && a.Reason == event.AnnounceThaw {
			n++
			if a.ID != b.Instances(nil)[0] {
				t.Error("the slow one was announced")
			}
		}
	}
	if n != 1 || b.find(event.Stalled) == nil {
		t.Errorf("%d announcements", n)
	}
	b.now = b.now.Add(time.Millisecond)
	b.step(Tick{})
	if b.find(event.Stalled) != nil {
		t.Error("one pause is reported twice")
	}
}
