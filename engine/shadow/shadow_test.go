// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package shadow

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

var (
	self   = netip.MustParseAddr("10.0.0.1")
	peer   = netip.MustParseAddr("10.0.0.2")
	third  = netip.MustParseAddr("10.0.0.3")
	group4 = netip.MustParseAddr("224.0.0.18")
	vip    = netip.MustParsePrefix("10.0.0.100/24")
)

// scene is a machine with one instance, and what it said.
type scene struct {
	t    *testing.T
	m    *Machine
	now  event.Instant
	said []string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, m: New(7), now: event.Instant(time.Hour)}
	s.keep(s.m.Link(s.now, vrrp.Link{IfIndex: 3, Name: "eth0", Present: true, Up: true}))
	s.keep(s.m.Configure(s.now, &vrrp.Configure{Settings: &vrrp.Settings{
		Instances: []vrrp.InstanceSettings{{
			Name: "VI_1", Family: 4, Version: 2, VRID: 51, Interface: "eth0", Priority: 100, AdvertInterval: time.Second,
			DownTimerAdverts: 3, Multicast: group4, Addresses: []vrrp.Address{{Prefix: vip}},
		}},
		Groups: []vrrp.GroupSettings{{Name: "G", Members: []string{"VI_1"}}},
	}}))
	return s
}

// keep words events as they are looked for: kind, states and reason.
func (s *scene) keep(es []event.Event) {
	for i := range es {
		e := &es[i]
		if e.Kind != event.GroupState {
			s.said = append(s.said, strings.TrimSpace(fmt.Sprintf("%v %v>%v %v", e.Kind, e.From, e.To, e.Reason)))
		}
	}
}

// pass lets time pass, to every deadline on the way.
func (s *scene) pass(d time.Duration) {
	s.t.Helper()
	end := s.now.Add(d)
	for rounds := 0; ; rounds++ {
		at, ok := s.m.Deadline()
		if !ok || at > end {
			break
		}
		if rounds > 100 {
			s.t.Fatal("the deadline stands still")
		}
		s.now = max(s.now, at)
		s.keep(s.m.Tick(s.now))
	}
	s.now = end
}

// advert is heard now.
func (s *scene) advert(from netip.Addr, priority uint8, change ...func(*wire.Advert)) {
	ad := &wire.Advert{Version: 2, Family: 4, VRID: 51, Priority: priority, Interval: time.Second, List: wire.AppendAddr(nil, 4, vip.Addr())}
	for _, f := range change {
		f(ad)
	}
	s.keep(s.m.Hear(&Advert{
		IfIndex: 3, Family: 4, Source: from, Dest: group4, TTL: 255, At: s.now, Own: from == self, Payload: wire.Append(nil, ad, from, group4, false),
	}))
}

// adverts are heard once a second for some time.
func (s *scene) adverts(n int, from netip.Addr, priority uint8) {
	for range n {
		s.advert(from, priority)
		s.pass(time.Second)
	}
}

func (s *scene) holds(present bool) {
	s.keep(s.m.Address(s.now, vrrp.IfAddr{IfIndex: 3, Prefix: vip, Present: present}))
}

// want is what was said since the last look, without what is left out.
func (s *scene) want(list ...string) {
	s.t.Helper()
	if !slices.Equal(s.said, list) {
		s.t.Errorf("said\n  %s\nwant\n  %s", strings.Join(s.said, "\n  "), strings.Join(list, "\n  "))
	}
	s.said = nil
}

func (s *scene) tally() event.Tally { return s.m.Tallies(s.now, nil)[0] }

func TestATakeoverIsSeen(t *testing.T) {
	s := newScene(t)
	s.pass(10 * time.Second)
	s.want() // nobody is heard, and nothing is known
	s.adverts(5, peer, 150)
	s.want("vrrp.state INIT>BACKUP observed")
	if tally := s.tally(); tally.Received != 5 || tally.Master != "10.0.0.2" || tally.MasterPriority != 150 || tally.Priority != 0 {
		t.Errorf("%+v", tally)
	}
	// It dies, and this host takes over.
	s.pass(2600 * time.Millisecond)
	s.advert(self, 100)
	s.holds(true)
	s.pass(time.Second)
	s.want("vrrp.state BACKUP>MASTER master_down_timer", "address.added >")
	if tally := s.tally(); tally.Sent != 1 || tally.Promotions != 1 || tally.Master != "10.0.0.1" || tally.Priority != 100 {
		t.Errorf("%+v", tally)
	}
	// It comes back with the higher priority.
	s.advert(self, 100)
	s.pass(300 * time.Millisecond)
	s.advert(peer, 150)
	s.holds(false)
	s.adverts(3, peer, 150)
	s.want("address.removed >", "vrrp.state MASTER>BACKUP higher_priority")
	// It gives up, and is followed.
	s.advert(peer, 0)
	s.pass(600 * time.Millisecond)
	s.adverts(2, self, 100)
	s.want("vrrp.state BACKUP>MASTER priority_zero")
	if tally := s.tally(); tally.ZeroReceived != 1 || tally.SplitBrain || tally.Demotions != 1 {
		t.Errorf("%+v", tally)
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	s := newScene(t)
	s.adverts(2, self, 100)
	s.want("vrrp.state INIT>MASTER observed")
	// It is stopped.
	s.advert(self, 0)
	s.pass(20 * time.Second)
	s.want("vrrp.state MASTER>INIT resigned")
	// It is killed.
	s.adverts(2, self, 100)
	s.pass(20 * time.Second)
	s.want("vrrp.state INIT>MASTER observed", "vrrp.state MASTER>INIT silent")
	// Both vanish.
	s.adverts(2, peer, 100)
	s.pass(20 * time.Second)
	s.want("vrrp.state INIT>BACKUP observed", "vrrp.state BACKUP>INIT silent")
	// The master gives up and nobody follows.
	s.adverts(2, peer, 100)
	s.advert(peer, 0)
	s.pass(20 * time.Second)
	s.want("vrrp.state INIT>BACKUP observed", "vrrp.state BACKUP>INIT silent")
	// The interface goes down and comes back.
	s.adverts(2, peer, 150)
	s.keep(s.m.Link(s.now, vrrp.Link{IfIndex: 3, Name: "eth0", Present: true}))
	s.keep(s.m.Link(s.now, vrrp.Link{IfIndex: 3, Name: "eth0", Present: true, Up: true}))
	s.want("vrrp.state INIT>BACKUP observed", "interface.changed UP>DOWN", "vrrp.state BACKUP>FAULT interface",
		"interface.changed DOWN>UP", "vrrp.state FAULT>INIT interface", "vrrp.state INIT>BACKUP observed")
}

func TestASplitBrainIsSeen(t *testing.T) {
	s := newScene(t)
	for range 5 {
		s.advert(self, 100)
		s.pass(500 * time.Millisecond)
		s.advert(peer, 90)
		s.pass(500 * time.Millisecond)
	}
	s.want("vrrp.state INIT>MASTER observed", "vrrp.conflict DOWN>UP lower")
	if tally := s.tally(); !tally.SplitBrain || tally.Conflicts[0] != 5 {
		t.Errorf("%+v", tally)
	}
	s.adverts(8, self, 100)
	s.want("vrrp.conflict UP>DOWN lower")

	s = newScene(t)
	for range 5 {
		s.advert(peer, 100)
		s.pass(500 * time.Millisecond)
		s.advert(third, 100)
		s.pass(500 * time.Millisecond)
	}
	s.want("vrrp.state INIT>BACKUP observed", "vrrp.conflict DOWN>UP two_masters")

	// An address that is left behind.
	s = newScene(t)
	s.holds(true)
	s.adverts(8, peer, 150)
	s.holds(false)
	s.adverts(1, peer, 150)
	s.want("address.added >", "vrrp.state INIT>BACKUP observed", "vrrp.conflict DOWN>UP address_claimed", "address.removed >", "vrrp.conflict UP>DOWN address_claimed")
}

func TestWhatTheObservedRefuses(t *testing.T) {
	s := newScene(t)
	s.advert(peer, 150, func(a *wire.Advert) { a.Interval = 2 * time.Second })
	s.advert(peer, 150, func(a *wire.Advert) { a.Interval = 2 * time.Second })
	s.want("vrrp.advert_rejected > advert_interval")
	s.advert(peer, 150, func(a *wire.Advert) { a.VRID = 52 })
	s.want()
	if n := s.m.RouterTally(s.now).VRID; n != 1 {
		t.Errorf("%d adverts of others", n)
	}
	// Another list is told of, and used.
	s.advert(peer, 150, func(a *wire.Advert) { a.List = wire.AppendAddr(a.List, 4, third) })
	s.want("vrrp.advert_rejected > address_list", "vrrp.state INIT>BACKUP observed")
	// The same from another interface is nobody's.
	s.keep(s.m.Hear(&Advert{IfIndex: 9, Family: 4, Source: third, Dest: group4, TTL: 255, At: s.now}))
	s.want()
}

func TestReloadAndSnapshot(t *testing.T) {
	s := newScene(t)
	s.holds(true)
	s.adverts(2, self, 100)
	s.want("address.added >", "vrrp.state INIT>MASTER observed")
	set := *s.m.instances[0].set
	s.keep(s.m.Configure(s.now, &vrrp.Configure{Settings: &vrrp.Settings{Instances: []vrrp.InstanceSettings{set}}}))
	s.want() // it keeps what was seen
	s.keep(s.m.Snapshot(s.now))
	s.want("interface.changed >UP", "vrrp.state INIT>MASTER observed", "address.added >")
	s.keep(s.m.Configure(s.now, &vrrp.Configure{Settings: &vrrp.Settings{}}))
	s.want("vrrp.state MASTER>DELETED reload")
	if taps := s.m.Taps(nil); len(taps) != 0 {
		t.Errorf("taps %v", taps)
	}
	s = newScene(t)
	if taps := s.m.Taps(nil); !slices.Equal(taps, []int{3}) {
		t.Errorf("taps %v", taps)
	}
	s.keep(s.m.Stop(s.now))
	s.want("vrrp.state INIT>STOP shutdown")
}

// TestSeenTransitionsAreListed: what the machine says is in the closed lists.
func TestSeenTransitionsAreListed(t *testing.T) {
	legal := append(event.Transitions(), event.ShadowTransitions()...)
	seen := 0
	for seed := range 200 {
		s := newScene(t)
		for i := range 60 {
			x := (seed*7919 + i*104729 + seed*i) % 97
			switch x % 7 {
			case 0, 1:
				s.advert(self, uint8(100*(x%5)/4))
			case 2, 3:
				s.advert(peer, uint8(150*(x%5)/4))
			case 4:
				s.holds(x%2 == 0)
			case 5:
				s.keepLegal(t, legal, &seen, s.m.Link(s.now, vrrp.Link{IfIndex: 3, Name: "eth0", Present: true, Up: x%3 > 0}))
			}
			s.now = s.now.Add(time.Duration(x*20) * time.Millisecond)
			s.keepLegal(t, legal, &seen, s.m.Tick(s.now))
		}
		for _, line := range s.said {
			f := strings.Fields(line)
			if f[0] != "vrrp.state" {
				continue
			}
			seen++
			if !slices.ContainsFunc(legal, func(x event.Transition) bool {
				return f[1] == x.From.String()+">"+x.To.String() && f[2] == x.Reason.String()
			}) {
				t.Fatalf("%s is in no list", line)
			}
		}
	}
	if seen < 1000 {
		t.Errorf("only %d transitions were seen", seen)
	}
}

func (s *scene) keepLegal(t *testing.T, legal []event.Transition, seen *int, es []event.Event) {
	t.Helper()
	for i := range es {
		if e := &es[i]; e.Kind == event.VRRPState {
			*seen++
			if !slices.Contains(legal, event.Transition{From: e.From, To: e.To, Reason: e.Reason}) {
				t.Fatalf("%v>%v %v is in no list", e.From, e.To, e.Reason)
			}
		}
	}
}
