// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vigild/vigild/engine/event"
)

// moved takes a ledger to another process and back.
func moved(t interface{ Fatal(...any) }, l *Ledger) *Ledger {
	b, err := json.Marshal(l.Save())
	if err != nil {
		t.Fatal(err)
	}
	m := &Memory{}
	if err := json.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	out, err := Restore(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRestoredLedgerGoesOnWhereTheOtherStopped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawStream(t, newProducer(1))
		at := rapid.IntRange(0, len(events)).Draw(t, "moved after")
		again := rapid.IntRange(0, at).Draw(t, "told again from")
		whole := fold(events)
		l := moved(t, fold(events[:at]))
		same(t, "at the move", text(t, fold(events[:at]).View()), text(t, l.View()))
		for i := again; i < len(events); i++ {
			l.Apply(&events[i])
		}
		same(t, "at the end", text(t, whole.View()), text(t, l.View()))
		l.Rows(rows())
		whole.Rows(rows())
		same(t, "after the rows", text(t, whole.View()), text(t, l.View()))
	})
}

func TestRestoredLedgerCarriesCountersOn(t *testing.T) {
	l := fold(nil)
	subject := instanceSubject("VI_1")
	count := func(l *Ledger, epoch, sent uint64, at time.Duration) {
		l.Tally(epoch, &event.Tally{Subject: subject, Sent: sent, At: event.Instant(at)})
		l.Router(epoch, &event.RouterTally{VRID: sent, At: event.Instant(at)})
	}
	count(l, 1, 10, time.Second)
	count(l, 2, 3, 2*time.Second) // a new worker
	l = moved(t, l)
	count(l, 2, 5, 3*time.Second)
	count(l, 3, 1, 4*time.Second) // another one
	v := l.View()
	if v.Instances[0].Tally.Sent != 16 || v.Router.VRID != 16 || v.Discontinuities != 2 {
		t.Errorf("sent %d, router %d, %d discontinuities", v.Instances[0].Tally.Sent, v.Router.VRID, v.Discontinuities)
	}
}

func TestMemoryThatContradictsItselfIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Memory){
		"no view":            func(m *Memory) { m.View = nil },
		"an instance more":   func(m *Memory) { m.Instances = append(m.Instances, InstanceMemory{}) },
		"other transitions":  func(m *Memory) { m.View.Instances[0].Transitions = nil },
		"other marks":        func(m *Memory) { m.View.Instances[0].Marks = nil },
		"a window cut short": func(m *Memory) { m.Epochs[0].Window = m.Epochs[0].Window[1:] },
	} {
		p := newProducer(1)
		l := fold([]event.Event{p.stamp(event.Event{Kind: event.Stalled})})
		b, err := json.Marshal(l.Save())
		if err != nil {
			t.Fatal(err)
		}
		m := &Memory{}
		if err := json.Unmarshal(b, m); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(m); err != nil {
			t.Fatalf("%s: refused before it was spoiled: %v", name, err)
		}
		spoil(m)
		if _, err := Restore(m); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
}
