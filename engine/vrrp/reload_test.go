// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

func route(text string) Route { return Route{Words: strings.Fields(text), Family: 4} }

func rule(text string) Rule { return Rule{Words: strings.Fields(text), Family: 4} }

// TestReloadDifference: of routes, rules and static things too only the
// difference is touched, each in one action.
func TestReloadDifference(t *testing.T) {
	b := newBench(t, func(s *Settings) {
		in := &s.Instances[0]
		in.Routes = []Route{route("to 10.1.0.0/16"), route("to 10.2.0.0/16")}
		in.Rules = []Rule{rule("from 10.1.0.0/16 table 7")}
		s.StaticAddresses = []Address{{Prefix: vip}}
		s.StaticRoutes = []Route{route("to 10.8.0.0/16")}
		s.StaticRules = []Rule{rule("from 10.8.0.0/16 table 8")}
	})
	b.tick()
	id := b.Instances(nil)[0]
	in := plainInstance()
	in.Routes = []Route{route("to 10.2.0.0/16"), route("to 10.3.0.0/16")}
	in.Accept, in.GarpRefresh = false, 3*time.Second
	b.step(&Configure{Settings: &Settings{
		Instances:    []InstanceSettings{in},
		StaticRoutes: []Route{route("to 10.9.0.0/16")},
		StaticRules:  []Rule{rule("from 10.8.0.0/16 table 8")},
	}})
	type brief struct {
		kind                     ActionKind
		id, addrs, routes, rules int
	}
	var got []brief
	for _, a := range b.out.Actions {
		if (a.Kind == Own || a.Kind == Disown) && !a.Part {
			t.Errorf("everything is moved: %+v", a)
		}
		got = append(got, brief{a.Kind, a.ID, len(a.Only), len(a.OnlyRoutes), len(a.OnlyRules)})
	}
	want := []brief{
		{Disown, id, 0, 1, 1},
		{Own, id, 0, 1, 0},
		{Send, id, 0, 0, 0},
		{Admit, id, 0, 0, 0},
		{Disown, 0, 1, 1, 0},
		{Own, 0, 0, 1, 0},
	}
	if len(got) != len(want) {
		t.Fatalf("actions %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("action %d: %v, want %v", i, got[i], want[i])
		}
	}
	if len(b.out.Events) != 0 {
		t.Errorf("events %v", b.out.Events)
	}
	if due := b.instances[0].due[dueRefresh]; due != b.now.Add(3*time.Second) {
		t.Errorf("next refresh at %v", due)
	}
}

// TestReloadKeepsCause: what a reload brings about names the config.loaded
// event, and a change of the priority says that it is the reload's.
func TestReloadKeepsCause(t *testing.T) {
	b := newBench(t, nil)
	b.tick()
	in := plainInstance()
	in.Priority = 90
	in.Addresses = append(in.Addresses, Address{Prefix: netip.MustParsePrefix("192.0.2.7/24")})
	loaded := event.Ref{Epoch: 1, Seq: 44}
	b.step(&Configure{Settings: &Settings{Instances: []InstanceSettings{in}}, Cause: loaded})
	e := b.find(event.VRRPPriority)
	if e == nil || e.Cause != loaded || e.Root != loaded || e.Reason != event.Reload || e.Priority != 90 {
		t.Errorf("%+v", e)
	}
	for _, a := range b.out.Actions {
		if a.Kind == Own && (a.Cause != loaded || len(a.Only) != 1) {
			t.Errorf("%+v", a)
		}
	}
}

// TestRefusedReload: a Configure without settings changes nothing.
func TestRefusedReload(t *testing.T) {
	b := newBench(t, nil)
	b.tick()
	b.step(&Configure{})
	if b.state() != event.Master || len(b.out.Actions)+len(b.out.Events) != 0 {
		t.Error("something happened")
	}
}
