// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipc

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
)

func fullEvent(seq uint64) event.Event {
	e := event.Event{
		Epoch: 1<<63 + 5, Seq: seq, Cause: event.Ref{Epoch: 2, Seq: 3}, At: 5, Wall: 6, Origin: event.RoleVRRP,
		Kind: event.VRRPState, Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 6, VRID: 51},
		From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Priority: 100, Took: 7, Detail: "wörds \"quoted\"",
	}
	e.Evidence.N = event.HeardMax
	for i := range e.Evidence.Heard {
		e.Evidence.Heard[i] = event.Heard{At: 1 << 60, Wall: 1 << 61, Source: netip.MustParseAddr("fe80::1%eth0"), Priority: 255, Interval: 1e9}
	}
	for i := range e.Evidence.Terms {
		e.Evidence.Terms[i] = event.Term{Kind: event.SubjectScript, Name: strings.Repeat("n", 60), Delta: -254}
	}
	return e
}

func TestEncodeSplitsBySize(t *testing.T) {
	f := Frame{Type: Events, Final: true, Snapshot: true, ID: 77}
	for i := range 200 {
		f.Events = append(f.Events, fullEvent(uint64(i+1)))
	}
	messages, lost, err := Encode(&f)
	if err != nil || lost != 0 {
		t.Fatal(lost, err)
	}
	if len(messages) < 5 {
		t.Fatalf("only %d messages: the test is about splitting", len(messages))
	}
	var got []event.Event
	for i, m := range messages {
		g, err := Decode(m)
		if err != nil {
			t.Fatal(err)
		}
		if g.Final != (i == len(messages)-1) {
			t.Errorf("message %d of %d: final is %v", i, len(messages), g.Final)
		}
		if !g.Snapshot || g.ID != 77 {
			t.Errorf("message %d lost its head: %+v", i, g)
		}
		got = append(got, g.Events...)
	}
	if !reflect.DeepEqual(got, f.Events) {
		t.Error("the events are not those that were sent")
	}
}

func TestEncodeLeavesOutWhatFitsNoMessage(t *testing.T) {
	big := fullEvent(2)
	big.Detail = strings.Repeat("x", MaxFrame)
	f := Frame{Type: Events, Events: []event.Event{fullEvent(1), big, fullEvent(3)}}
	messages, lost, err := Encode(&f)
	if err != nil || lost != 1 || len(messages) != 1 {
		t.Fatalf("%d messages, %d lost, %v", len(messages), lost, err)
	}
	g, err := Decode(messages[0])
	if err != nil || len(g.Events) != 2 || g.Events[1].Seq != 3 {
		t.Errorf("got %d events, %v", len(g.Events), err)
	}
	if _, _, err := Encode(&Frame{Type: Command, Name: big.Detail}); err == nil {
		t.Error("a frame of more than 64 KiB was encoded")
	}
}

func TestEveryTypeIsKnown(t *testing.T) {
	for _, typ := range []Type{
		Hello, Prepare, Ready, Commit, Events, Tallies, Rows, SnapshotPlease, TallyPlease,
		Exec, ExecDone, Input, Command, Result, Ack, Bye,
	} {
		messages, _, err := Encode(&Frame{Type: typ, Protocol: Protocol})
		if err != nil {
			t.Fatal(err)
		}
		if f, err := Decode(messages[0]); err != nil || f.Type != typ {
			t.Errorf("%s came back as %s, %v", typ, f.Type, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, frame := range []Frame{
		{Type: Hello, Protocol: Protocol, Role: event.RoleObserve, Epoch: 1},
		{Type: Events, Events: []event.Event{fullEvent(1), fullEvent(2)}},
		{Type: Tallies, Tallies: []event.Tally{{Sent: 1}}, Router: &event.RouterTally{}},
		{Type: Rows, Final: true, Rows: []event.Row{{Global: &event.GlobalRow{Version: "x"}}, {Route: &event.RouteRow{Text: "y"}}}},
		{Type: Command, Name: "dial", Body: json.RawMessage(`{"a":[1]}`)},
	} {
		messages, _, err := Encode(&frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(messages[0])
	}
	f.Add([]byte(`{"type":"ev`))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Decode(b)
		if err != nil {
			return
		}
		messages, lost, err := Encode(&first)
		if err != nil || lost > 0 || len(messages) != 1 {
			// What came in one message may be longer after escaping.
			return
		}
		second, err := Decode(messages[0])
		if err != nil {
			t.Fatalf("%q: our own encoding is refused: %v", messages[0], err)
		}
		again, _, err := Encode(&second)
		if err != nil || string(again[0]) != string(messages[0]) {
			t.Fatalf("%q became %q (%v)", messages[0], again, err)
		}
	})
}

func BenchmarkTallies(b *testing.B) {
	f := Frame{Type: Tallies, Epoch: 1}
	for i := range 100 {
		f.Tallies = append(f.Tallies, event.Tally{
			Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_100", Family: 4, VRID: uint8(i)},
			At:      1 << 50, Sent: 1 << 30, Master: "192.0.2.1", GapSum: 12345.678,
		})
	}
	messages, _, err := Encode(&f)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := Encode(&f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, m := range messages {
				if _, err := Decode(m); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
