// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// TestSilenceCountsFromWhenItCouldBeBroken: a BACKUP that the kernel has not
// given a socket yet does not take its own deafness for silence.
func TestSilenceCountsFromWhenItCouldBeBroken(t *testing.T) {
	const interval = 100 * time.Millisecond
	at := func(d time.Duration) event.Instant { return event.Instant(time.Second + d) }
	set := InstanceSettings{
		Name: "V", Family: 4, Version: 3, VRID: 7, Interface: "eth0", State: event.Backup, Priority: 100,
		AdvertInterval: interval, DownTimerAdverts: 3, Multicast: netip.MustParseAddr("224.0.0.18"), Accept: true,
		Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}},
	}
	down := 3*interval + skew(3, 100, interval)
	for _, c := range []struct {
		name string
		ears bool
		// opened is when the socket is open after the start, 0 for never.
		opened    time.Duration
		elsewhere bool
		want      time.Duration
	}{
		{"loop that does not tell", false, 0, false, down},
		{"open at once", true, time.Millisecond, false, time.Millisecond + down},
		{"open late", true, 400 * time.Millisecond, false, 400*time.Millisecond + down},
		{"never open", true, 0, false, down + earPatience},
		{"another one open", true, time.Millisecond, true, down + earPatience},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := New(1)
			var out Output
			step := func(d time.Duration, in Input) { r.Step(at(d), in, &out) }
			step(0, Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500})
			step(0, IfAddr{IfIndex: 2, Prefix: netip.MustParsePrefix("10.0.0.1/24"), Present: true})
			step(0, &Configure{Settings: &Settings{Instances: []InstanceSettings{set}}, Ears: c.ears})
			watches := r.Watches(nil)
			if len(watches) != 1 {
				t.Fatalf("%d places to listen at", len(watches))
			}
			if c.elsewhere {
				watches[0].IfIndex = 3
			}
			if c.opened > 0 {
				if due, _ := r.Deadline(); due <= at(c.opened) && c.opened > down {
					t.Fatalf("due at %v, before anything could be heard", due)
				}
				step(c.opened, Ears{Watch: watches[0], Open: true})
				step(c.opened, Ears{Watch: watches[0], Open: true}) // said twice, it counts once
			}
			due, ok := r.Deadline()
			if !ok || due != at(c.want) {
				t.Errorf("due after %v, want %v", due.Sub(at(0)), c.want)
			}
			out.Reset()
			step(c.want-1, Tick{})
			if v, _ := r.View(r.Instances(nil)[0]); v.State != event.Backup {
				t.Errorf("%v before its time", v.State)
			}
			step(c.want, Tick{})
			if v, _ := r.View(r.Instances(nil)[0]); v.State != event.Master {
				t.Errorf("%v when its time had come", v.State)
			}
		})
	}
}

// TestEarsThatClose: a socket that is closed and opened anew, with an interface
// that was deleted and made again, is waited for again.
func TestEarsThatClose(t *testing.T) {
	r := New(1)
	r.hearing = map[Watch]bool{}
	w := Watch{Family: 4, IfIndex: 2}
	r.ears(Ears{Watch: w, Open: true})
	if !r.hearing[w] {
		t.Error("an open socket is not remembered")
	}
	r.ears(Ears{Watch: w})
	if len(r.hearing) != 0 {
		t.Error("a closed socket is remembered")
	}
}

// TestWhoBeganTogetherWaitsTogether: the timers of all that are started begin
// when the last of them can hear, in the order in which they were started.
func TestWhoBeganTogetherWaitsTogether(t *testing.T) {
	set := func(name, ifc string, vrid uint8) InstanceSettings {
		return InstanceSettings{
			Name: name, Family: 4, Version: 3, VRID: vrid, Interface: ifc, State: event.Backup, Priority: 100,
			AdvertInterval: 100 * time.Millisecond, DownTimerAdverts: 3, Multicast: netip.MustParseAddr("224.0.0.18"), Accept: true,
			Addresses: []Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}},
		}
	}
	r := New(1)
	var out Output
	at := event.Instant(time.Second)
	for i, name := range []string{"eth0", "eth1"} {
		r.Step(at, Link{IfIndex: 2 + i, Name: name, Present: true, Up: true, MTU: 1500}, &out)
		r.Step(at, IfAddr{IfIndex: 2 + i, Prefix: netip.MustParsePrefix("10.0.0.1/24"), Present: true}, &out)
	}
	r.Step(at, &Configure{Ears: true, Settings: &Settings{Instances: []InstanceSettings{set("A", "eth0", 1), set("B", "eth1", 2), set("C", "eth0", 3)}}}, &out)
	watches := r.Watches(nil)
	r.Step(at.Add(5*time.Millisecond), Ears{Watch: watches[1], Open: true}, &out)
	r.Step(at.Add(9*time.Millisecond), Ears{Watch: watches[0], Open: true}, &out)
	due, _ := r.Deadline()
	if want := at.Add(9*time.Millisecond + 300*time.Millisecond + skew(3, 100, 100*time.Millisecond)); due != want {
		t.Fatalf("due %v after the start, want %v", due.Sub(at), want.Sub(at))
	}
	out.Reset()
	r.Step(due, Tick{}, &out)
	var order string
	for i := range out.Events {
		if e := &out.Events[i]; e.Kind == event.VRRPState {
			order += e.Subject.Name
		}
	}
	if order != "ABC" {
		t.Errorf("masters in the order %q", order)
	}
}
