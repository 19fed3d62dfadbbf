// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vigild/vigild/engine/event"
)

func fold(events []event.Event) *Ledger {
	l := New()
	l.Rows(rows())
	for i := range events {
		l.Apply(&events[i])
	}
	return l
}

func text(t interface{ Fatal(...any) }, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// same fails where two pictures begin to differ.
func same(t interface{ Fatalf(string, ...any) }, what, a, b string) {
	if a == b {
		return
	}
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, i-150):min(len(s), i+150)] }
	t.Fatalf("%s:\n%s\n%s", what, cut(a), cut(b))
}

// drawStream makes a stream of up to 60 events of up to three lives.
func drawStream(t *rapid.T, p *producer) []event.Event {
	var out []event.Event
	for range rapid.IntRange(0, 60).Draw(t, "events") {
		if rapid.IntRange(0, 20).Draw(t, "restart") == 0 {
			p.restart(p.epoch + 1)
		}
		out = append(out, p.draw(t))
	}
	return out
}

func TestReplayedEventsAreFoldedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newProducer(7)
		stream := drawStream(t, p)
		once, twice := New(), New()
		once.Rows(rows())
		twice.Rows(rows())
		for i := range stream {
			once.Apply(&stream[i])
			twice.Apply(&stream[i])
			for range rapid.IntRange(0, 2).Draw(t, "replays") {
				twice.Apply(&stream[rapid.IntRange(0, i).Draw(t, "which")])
			}
		}
		same(t, "once and with replays", text(t, once.View()), text(t, twice.View()))
	})
}

func TestReplayAfterSnapshotCountsButDoesNotGoBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newProducer(7)
		stream := drawStream(t, p)
		all := fold(stream).View()

		late := New()
		late.Rows(rows())
		for _, e := range p.snapshot(all) {
			late.Apply(&e)
		}
		for i := range stream {
			late.Apply(&stream[i])
		}
		got := late.View()
		for i, in := range got.Instances {
			if want := all.Instances[i]; in.State != want.State || !reflect.DeepEqual(in.Transitions, want.Transitions) {
				t.Fatalf("%s: %v %v, want %v %v", in.Row.Subject.Name, in.State, in.Transitions, want.State, want.Transitions)
			}
		}
	})
}

// truth is the part of a View that a snapshot restates.
func truth(v *View) any {
	type instance struct {
		State       event.State
		Since       event.Instant
		Priority    uint8
		Base        uint8
		Terms       []event.Term
		Addresses   []Address
		Conflicting bool
		Reason      event.Reason
		Story       event.ID
	}
	var out []any
	for _, in := range v.Instances {
		x := instance{in.State, in.Since, in.Priority, in.Base, in.Terms, nil, in.Conflicting, in.Last.Reason, in.Last.ID()}
		for _, a := range in.Addresses {
			x.Addresses = append(x.Addresses, *a)
		}
		if in.Last.Kind == event.KindNone {
			x.Story = event.ID{}
		}
		out = append(out, x)
	}
	for _, s := range v.Scripts {
		out = append(out, s.State)
	}
	for _, o := range v.Objects {
		out = append(out, o.State, o.Value)
	}
	for _, i := range v.Interfaces {
		out = append(out, i.Up)
	}
	return out
}

func TestSnapshotAndTailEqualAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newProducer(7)
		head := drawStream(t, p)
		whole := fold(head)
		late := fold(p.snapshot(whole.View()))
		tail := drawStream(t, p)
		for i := range tail {
			whole.Apply(&tail[i])
			late.Apply(&tail[i])
		}
		same(t, "all and snapshot+tail", text(t, truth(whole.View())), text(t, truth(late.View())))
	})
}

func TestSnapshotOfWhatIsKnownChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newProducer(7)
		l := fold(drawStream(t, p))
		before := l.View()
		for _, e := range p.snapshot(before) {
			l.Apply(&e)
		}
		after := *l.View()
		after.At, after.Wall = before.At, before.Wall
		same(t, "before and after", text(t, before), text(t, &after))
	})
}

func TestViewsNeverChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newProducer(7)
		l := New()
		l.Rows(rows())
		type kept struct {
			view *View
			text string
		}
		var views []kept
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 8).Draw(t, "what") {
			case 0:
				tally := event.Tally{Subject: instanceSubject("VI_1"), At: p.now, Sent: 1}
				l.Tally(p.epoch, &tally)
			case 1:
				l.Rows(rows())
			case 2:
				v := l.View()
				views = append(views, kept{v, text(t, v)})
			default:
				e := p.draw(t)
				l.Apply(&e)
			}
		}
		for i, k := range views {
			if text(t, k.view) != k.text {
				t.Fatalf("view %d of %d changed after it was handed out", i, len(views))
			}
		}
	})
}

func TestCountersNeverFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New()
		l.Rows(rows())
		epoch, now := uint64(1), event.Instant(1)
		lives := map[uint64]bool{}
		var raw, total event.Tally
		for range rapid.IntRange(1, 40).Draw(t, "tallies") {
			now = now.Add(time.Second)
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0: // the worker was restarted
				epoch, raw = epoch+1, event.Tally{}
			case 1: // a tally of an earlier moment comes late
				late := event.Tally{Subject: instanceSubject("VI_1"), At: now.Add(-time.Hour), Sent: 99}
				l.Tally(epoch, &late)
			}
			n := rapid.Uint64Range(0, 5).Draw(t, "n")
			for _, c := range []*event.Tally{&raw, &total} {
				c.Sent += n
				c.Gaps[n] += n
				c.GapSum += float64(n)
				c.InState[2] += time.Duration(n)
				c.Rejects[3] += n
			}
			raw.Subject, raw.At = instanceSubject("VI_1"), now
			l.Tally(epoch, &raw)
			lives[epoch] = true
			got := l.View().Instance("VI_1").Tally
			if got.Sent != total.Sent || got.Gaps != total.Gaps || got.GapSum != total.GapSum || got.InState != total.InState || got.Rejects != total.Rejects {
				t.Fatalf("got %+v, want %+v", got, total)
			}
		}
		if d := l.View().Discontinuities; d != uint64(len(lives)-1) {
			t.Fatalf("%d discontinuities of %d lives", d, len(lives))
		}
	})
}

// TestEveryCounterIsCarried fails when a counter is added to the tallies and
// not to the carry-over.
func TestEveryCounterIsCarried(t *testing.T) {
	present := map[string]bool{"Subject": true, "At": true, "Priority": true, "MasterPriority": true, "Master": true, "MasterInterval": true, "MasterDown": true, "Margin": true, "LastAdvert": true, "SplitBrain": true, "Lead": true, "Source": true, "MAC": true, "RealTime": true, "Locked": true, "LagMax": true}
	check := func(sum, one reflect.Value) {
		for i := range sum.NumField() {
			name := sum.Type().Field(i).Name
			if present[name] {
				continue
			}
			eachNumber(sum.Field(i), func(v reflect.Value) {
				if got := number(v); got != 2 {
					t.Errorf("%s.%s: 1 and 1 carried make %v", sum.Type(), name, got)
				}
			})
		}
	}
	fill := func(v reflect.Value) {
		for i := range v.NumField() {
			if !present[v.Type().Field(i).Name] {
				eachNumber(v.Field(i), func(v reflect.Value) { setOne(v) })
			}
		}
	}
	var a, b event.Tally
	fill(reflect.ValueOf(&a).Elem())
	fill(reflect.ValueOf(&b).Elem())
	addTally(&a, &b)
	check(reflect.ValueOf(a), reflect.ValueOf(b))

	var c, d event.RouterTally
	fill(reflect.ValueOf(&c).Elem())
	fill(reflect.ValueOf(&d).Elem())
	addRouter(&c, &d)
	check(reflect.ValueOf(c), reflect.ValueOf(d))
}

func eachNumber(v reflect.Value, do func(reflect.Value)) {
	if v.Kind() == reflect.Array {
		for i := range v.Len() {
			do(v.Index(i))
		}
		return
	}
	do(v)
}

func number(v reflect.Value) float64 {
	switch {
	case v.CanUint():
		return float64(v.Uint())
	case v.CanInt():
		return float64(v.Int())
	default:
		return v.Float()
	}
}

func setOne(v reflect.Value) {
	switch {
	case v.CanUint():
		v.SetUint(1)
	case v.CanInt():
		v.SetInt(1)
	default:
		v.SetFloat(1)
	}
}
