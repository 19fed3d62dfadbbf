// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"testing"

	"github.com/vigild/vigild/engine/event"
)

func follows(weight int, reverse bool) func(*Settings) {
	return func(s *Settings) {
		s.Instances[0].Tracks = []Track{{Kind: event.SubjectBFD, Name: "gw", Weight: weight, Reverse: reverse}}
	}
}

// TestBFDBeginsDown: an instance that cannot do without a session waits for it
// in FAULT (compat), and each change is moved by the event that told of it.
func TestBFDBeginsDown(t *testing.T) {
	b := newBench(t, follows(0, false))
	if e := b.out.Events[len(b.out.Events)-1]; e.Kind != event.VRRPState || e.To != event.Fault || e.Evidence.ObjectName != "gw" {
		t.Fatalf("began with %+v", b.out.Events)
	}
	for k, c := range []struct {
		up bool
		to event.State
	}{{true, event.Backup}, {false, event.Fault}} {
		cause := event.Ref{Epoch: 9, Seq: uint64(k + 1)}
		b.step(BFDState{Name: "gw", Up: c.up, Cause: cause})
		if len(b.out.Events) != 1 {
			t.Fatalf("up %v: said %+v", c.up, b.out.Events)
		}
		e := b.out.Events[0]
		if e.Kind != event.VRRPState || e.To != c.to || e.Reason != event.Tracking || e.Cause != cause || e.Evidence.Object != event.SubjectBFD {
			t.Errorf("up %v: said %+v", c.up, e)
		}
		b.step(BFDState{Name: "gw", Up: c.up, Cause: cause})
		if len(b.out.Events) != 0 {
			t.Errorf("told twice, it says %+v", b.out.Events)
		}
	}
}

// TestBFDKnownBefore: what a new worker is told before it begins spares the
// instance the way through FAULT.
func TestBFDKnownBefore(t *testing.T) {
	b := &bench{Router: New(7), t: t, now: start}
	s := &Settings{Instances: []InstanceSettings{plainInstance()}}
	follows(0, false)(s)
	b.step(Link{IfIndex: 2, Name: "eth0", Present: true, Up: true, MTU: 1500})
	b.step(IfAddr{IfIndex: 2, Prefix: mine, Present: true})
	b.step(BFDState{Name: "gw", Up: true, Cause: event.Ref{Epoch: 9, Seq: 1}})
	b.step(BFDState{Name: "unknown", Up: true, Cause: event.Ref{Epoch: 9, Seq: 2}})
	b.step(&Configure{Settings: s, Cause: event.Ref{Epoch: 1, Seq: 1}})
	for _, e := range b.out.Events {
		if e.Kind == event.VRRPState && e.To != event.Backup {
			t.Errorf("went to %v", e.To)
		}
	}
	b.step(BFDState{Name: "nobody", Up: false, Cause: event.Ref{Epoch: 9, Seq: 3}})
	if len(b.out.Events) != 0 {
		t.Errorf("a session that nobody follows says %+v", b.out.Events)
	}
}

func TestBFDWeights(t *testing.T) {
	for _, c := range []struct {
		weight   int
		reverse  bool
		down, up uint8
	}{
		{20, false, 100, 120},
		{-20, false, 80, 100},
		{20, true, 100, 80},
		{-20, true, 120, 100},
	} {
		b := newBench(t, follows(c.weight, c.reverse))
		id := b.Instances(nil)[0]
		priority := func() uint8 { return b.Tallies(b.now, nil)[id-1].Priority }
		if got := priority(); got != c.down {
			t.Errorf("weight %d, reverse %v: %d while down, want %d", c.weight, c.reverse, got, c.down)
		}
		cause := event.Ref{Epoch: 9, Seq: 1}
		b.step(BFDState{Name: "gw", Up: true, Cause: cause})
		if e := b.out.Events[0]; priority() != c.up || len(b.out.Events) != 1 || e.Kind != event.VRRPPriority || e.Cause != cause {
			t.Errorf("weight %d, reverse %v: %d while up, want %d; said %+v", c.weight, c.reverse, priority(), c.up, b.out.Events)
		}
	}
}
