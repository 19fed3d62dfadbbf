// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

func bfdSubject(name string) event.Subject {
	return event.Subject{Kind: event.SubjectBFD, Name: name}
}

func bfdChange(p *producer, from, to event.State, why event.Reason) event.Event {
	return p.stamp(event.Event{Kind: event.TrackChanged, Subject: bfdSubject("gw"), From: from, To: to, Reason: why, Count: 1})
}

// counted is how often a session made a transition.
func counted(t *testing.T, v *View, want event.Transition) uint64 {
	t.Helper()
	for i, x := range event.BFDTransitions() {
		if x == want {
			return v.Objects[0].BFD.Transitions[i]
		}
	}
	t.Fatalf("%v is not in the list", want)
	return 0
}

func TestBFD(t *testing.T) {
	l := New()
	row := event.BFDRow{Subject: bfdSubject("gw"), MinRx: 10 * time.Millisecond, Multiplier: 5}
	l.Rows([]event.Row{{BFD: &row}})
	v := l.View()
	if len(v.Objects) != 1 || v.Objects[0].State != event.Unknown || v.Objects[0].BFD.Row != row {
		t.Fatalf("described: %+v", v.Objects[0])
	}
	p := newProducer(9)
	up := bfdChange(p, event.Down, event.Up, event.NeighborUp)
	down := bfdChange(p, event.Up, event.Down, event.FailTimeout)
	again := down
	again.Snapshot = true
	again = p.stamp(again)
	for _, e := range []event.Event{up, up, down, again} { // told twice counts once
		l.Apply(&e)
	}
	late := l.View()
	fall := event.Transition{From: event.Up, To: event.Down, Reason: event.FailTimeout}
	if n := counted(t, late, fall); n != 1 || late.Objects[0].State != event.Down || late.Objects[0].BFD.Last.Reason != event.FailTimeout {
		t.Errorf("%d, %+v", n, late.Objects[0])
	}
	if counted(t, v, fall) != 0 {
		t.Error("a view changed after it was handed out")
	}
	// A new description keeps what is known, one without the session forgets it.
	l.Rows([]event.Row{{BFD: &row}})
	if counted(t, l.View(), fall) != 1 {
		t.Error("forgotten by a reload")
	}
	l.Rows(nil)
	l.Apply(new(bfdChange(p, event.Down, event.Up, event.NeighborUp)))
	l.BFD(9, &event.BFDTally{Subject: bfdSubject("gw"), At: 5})
	if len(l.View().Objects) != 0 {
		t.Error("remembered after it was removed")
	}
}

func TestBFDCountersGoOn(t *testing.T) {
	l := New()
	l.Rows([]event.Row{{BFD: &event.BFDRow{Subject: bfdSubject("gw")}}})
	tally := func(epoch uint64, at event.Instant, sent uint64) {
		l.BFD(epoch, &event.BFDTally{Subject: bfdSubject("gw"), At: at, Sent: sent, Received: sent, Detection: time.Duration(at)})
	}
	want := func(sent uint64, detection time.Duration) {
		t.Helper()
		if y := l.View().Objects[0].BFD.Tally; y.Sent != sent || y.Received != sent || y.Detection != detection {
			t.Errorf("%+v, want %d sent", y, sent)
		}
	}
	tally(1, 10, 100)
	tally(1, 20, 130)
	want(130, 20)
	tally(1, 15, 110) // overtaken
	want(130, 20)
	tally(2, 30, 5) // another worker
	want(135, 30)
	text, err := json.Marshal(l.Save())
	if err != nil {
		t.Fatal(err)
	}
	var m Memory
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if l, err = Restore(&m); err != nil {
		t.Fatal(err)
	}
	tally(2, 40, 8)
	want(138, 40)
	stray := event.BFDTally{Subject: event.Subject{Kind: event.SubjectWorker, Name: "bfd"}, At: 40, Strays: [event.BFDStrayCount]uint64{2: 5}}
	l.BFD(2, &stray)
	stray.At, stray.Strays[2] = 50, 3
	l.BFD(3, &stray)
	if got := l.View().BFDStrays; got != [event.BFDStrayCount]uint64{2: 8} {
		t.Errorf("strays %v", got)
	}
	tally(2, 50, 1) // made anew in the same worker
	want(139, 50)
}
