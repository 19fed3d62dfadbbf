// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"

	"github.com/vigild/vigild/engine/event"
)

// TestSet: what is set holds until the next Configure, and is told.
func TestSet(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.Instances[0].Version = 3 })
	asked := event.Ref{Epoch: 9, Seq: 4}
	priority := func() uint8 { return b.Tallies(b.now, nil)[0].Priority }

	b.step(Set{Name: "V", What: event.SettingPriority, Value: 150, Cause: asked})
	if len(b.out.Events) != 1 {
		t.Fatalf("said %+v", b.out.Events)
	}
	e := b.out.Events[0]
	if e.Kind != event.VRRPPriority || e.Priority != 150 || e.Evidence.Base != 150 || e.Reason != event.Admin || e.Cause != asked || priority() != 150 {
		t.Errorf("said %+v", e)
	}
	for _, value := range []int64{0, 255, -1, 406} {
		if b.step(Set{Name: "V", What: event.SettingPriority, Value: value}); len(b.out.Events) != 0 || priority() != 150 {
			t.Errorf("%d: said %+v", value, b.out.Events)
		}
	}
	b.step(Set{Name: "nobody", What: event.SettingPriority, Value: 3})
	b.step(Set{Name: "V", What: event.SettingPreempt, Value: 0, Cause: asked})
	if in := b.instances[0]; !in.set.NoPreempt || priority() != 150 {
		t.Errorf("the settings are %+v", in.set)
	}
	// Packets to its addresses are dropped from now on, and then no more.
	for _, c := range []struct {
		value int64
		want  ActionKind
	}{{0, Admit}, {1, Evict}} {
		b.step(Set{Name: "V", What: event.SettingAccept, Value: c.value, Cause: asked})
		if len(b.out.Actions) != 1 || b.out.Actions[0].Kind != c.want || b.out.Actions[0].Cause != asked {
			t.Errorf("accept %d: does %+v", c.value, b.out.Actions)
		}
		if b.step(Set{Name: "V", What: event.SettingAccept, Value: c.value}); len(b.out.Actions) != 0 {
			t.Errorf("accept %d again: does %+v", c.value, b.out.Actions)
		}
	}
	again := plainInstance()
	again.Version = 3
	b.step(&Configure{Settings: &Settings{Instances: []InstanceSettings{again}}, Cause: event.Ref{Epoch: 1, Seq: 2}})
	if in := b.instances[0]; priority() != 100 || in.set.NoPreempt || !in.set.Accept {
		t.Errorf("after a reload: %+v", in.set)
	}
}

// TestSetOfAnOwner: an owner stays one.
func TestSetOfAnOwner(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.Instances[0].Priority = 255 })
	if b.step(Set{Name: "V", What: event.SettingPriority, Value: 100}); b.instances[0].set.Priority != 255 || len(b.out.Events) != 0 {
		t.Errorf("an owner became %d, and says %+v", b.instances[0].set.Priority, b.out.Events)
	}
}
