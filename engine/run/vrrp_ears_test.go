// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// Bells ring for what masters hear, each on its own interface and in its family.
func TestBellsRingForMasters(t *testing.T) {
	plain := vrrp.InstanceSettings{
		Name: "V", Family: 4, Version: 3, VRID: 7, Interface: "eth0", State: event.Master, Priority: 255,
		AdvertInterval: time.Second, DownTimerAdverts: 3, Multicast: netip.MustParseAddr("224.0.0.18"), Accept: true,
		Addresses: []vrrp.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}},
	}
	backup, elsewhere := plain, plain
	backup.Name, backup.VRID, backup.Priority, backup.State = "W", 8, 100, event.Backup
	elsewhere.Name, elsewhere.Interface, elsewhere.VRID = "X", "eth1", 9
	m := vrrp.New(1)
	var out vrrp.Output
	for _, in := range []vrrp.Input{
		vrrp.Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500},
		vrrp.Link{IfIndex: 3, Name: "eth1", Present: true, Up: true, MTU: 1500},
		vrrp.IfAddr{IfIndex: 2, Prefix: netip.MustParsePrefix("10.0.0.1/24"), Present: true},
		vrrp.IfAddr{IfIndex: 3, Prefix: netip.MustParsePrefix("10.1.0.1/24"), Present: true},
		&vrrp.Configure{Settings: &vrrp.Settings{Instances: []vrrp.InstanceSettings{plain, backup, elsewhere}}},
	} {
		m.Step(event.Instant(time.Second), in, &out)
	}
	open := map[raw.Listen]*raw.Receiver{
		{IfIndex: 2, Family: 4}: nil, {IfIndex: 2, Family: 4, AH: true}: nil, {IfIndex: 2, Family: 6}: nil,
		{IfIndex: 3, Family: 4}: nil, {IfIndex: 4, Family: 4}: nil,
	}
	for l, got := range masters(m, open) {
		var want raw.VRIDs
		switch {
		case l.IfIndex == 2 && l.Family == 4:
			want.Add(7)
		case l.IfIndex == 3:
			want.Add(9)
		}
		if *got != want {
			t.Errorf("%+v: %x, want %x", l, *got, want)
		}
	}
	if n := len(masters(m, open)); n != len(open) {
		t.Errorf("%d of %d sockets", n, len(open))
	}
}

// hearing is a loop that stands still, with sockets for an address that is not
// here, where no bell can be made.
func hearing(t *testing.T, sockets int) (v *VRRP, denied func() int) {
	t.Helper()
	w := newWorkshop(t)
	clock, err := raw.NewClock()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	own := &ownEvents{producer: role.NewProducer(event.RoleVRRP, role.SystemClock()), deliver: func(es []event.Event) {
		mu.Lock()
		defer mu.Unlock()
		n += len(es)
	}}
	v = &VRRP{machine: vrrp.New(1), clock: clock, poller: w.news.inbox.poller, inbox: w.news.inbox, hands: w.hands, own: own}
	v.ears = newEars(v.poller, own)
	for i := range sockets {
		v.ears.open[raw.Listen{IfIndex: 1<<30 + i, Family: 4, Addr: netip.MustParseAddr("192.0.2.99")}] = nil
	}
	v.ears.changes++
	return v, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// follows lets the bells follow, and waits for the hands if they were asked.
func follows(t *testing.T, v *VRRP) (asked bool) {
	t.Helper()
	v.clock.Now()
	b := &v.ears.bells
	b.next = 0
	b.follow(v)
	asked = b.making
	for b.making {
		if _, err := v.poller.Wait(v.clock.Now().Add(10*time.Second), raw.Deaf); err != nil {
			t.Fatal(err)
		}
		v.takeIn()
	}
	return asked
}

func TestBellsAreMadeWhenPacketsComeThick(t *testing.T) {
	v, denied := hearing(t, 1)
	if follows(t, v) {
		t.Error("bells for nobody")
	}
	v.pulse.heard(v.clock.Now(), thickLeast+1, v.clock.Last())
	// What the kernel refuses is told once, and nothing waits for long.
	if !follows(t, v) || denied() != 1 || v.ears.bells.ready {
		t.Errorf("told %d times, ready: %v", denied(), v.ears.bells.ready)
	}
	if follows(t, v) {
		t.Error("tries again though nothing has changed")
	}
	v.ears.changes++
	if !follows(t, v) || denied() != 2 {
		t.Errorf("after a change: told %d times", denied())
	}
}

// While the bells may not ring for all masters, they do not count.
func TestBellsAreNotTrustedWhileTheyChange(t *testing.T) {
	v, _ := hearing(t, 0)
	v.pulse.heard(v.clock.Now(), thickLeast+1, v.clock.Last())
	b := &v.ears.bells
	follows(t, v)
	b.ready = true
	v.ears.changes++
	b.next = v.clock.Now().Add(time.Hour)
	if b.follow(v); b.ready || b.making {
		t.Errorf("ready: %v, being made: %v", b.ready, b.making)
	}
}

func TestManySocketsHaveNoBells(t *testing.T) {
	v, denied := hearing(t, bellsMost+1)
	v.pulse.heard(v.clock.Now(), thickLeast+1, v.clock.Last())
	if !follows(t, v) || v.ears.bells.ready || denied() != 0 {
		t.Errorf("ready: %v, told %d times", v.ears.bells.ready, denied())
	}
}
