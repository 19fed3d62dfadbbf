// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// left is what the last step left for a successor; nil for nothing.
func (b *bench) left() *event.BFDTally {
	b.Helper()
	if len(b.out.Kept) > 1 {
		b.Fatalf("kept %+v", b.out.Kept)
	}
	if len(b.out.Kept) == 0 {
		return nil
	}
	return &b.out.Kept[0]
}

// TestKeep: a session leaves what a successor needs when it is up and whenever
// that changes, but not with every packet, and not more often than it should.
func TestKeep(t *testing.T) {
	b := newBench(t, settings())
	b.hear(b.theirs(Down))
	if y := b.left(); y != nil {
		t.Fatalf("in Init: %+v", y)
	}
	b.hear(b.theirs(Init))
	y := b.left()
	if y == nil || y.Local != b.view().Discriminator || y.Remote != 99 || y.RemoteMultiplier != 3 || y.RemoteMinTx != 20*ms || y.RemoteMinRx != 30*ms {
		t.Fatalf("in Up: %+v", y)
	}
	changed := b.theirs(Up)
	changed.Multiplier = 7
	for range 4 { // until 80 ms later
		b.pass(20 * ms)
		b.hear(changed)
		if y := b.left(); y != nil {
			t.Fatalf("too often: %+v", y)
		}
	}
	b.pass(20 * ms)
	b.hear(changed)
	if y := b.left(); y == nil || y.RemoteMultiplier != 7 {
		t.Fatalf("changed: %+v", y)
	}
	b.pass(100 * ms)
	b.hear(changed)
	if y := b.left(); y != nil {
		t.Fatalf("the same again: %+v", y)
	}
	// Whoever asks meanwhile is told that the neighbour is unknown.
	b.pass(time.Second)
	if y := b.table.Tallies(b.now, nil)[0]; b.view().State != Down || y.Remote != 0 || y.Local == 0 {
		t.Fatalf("%v: %+v", b.view().State, y)
	}
	b.hear(b.theirs(Init))
	if y := b.left(); y == nil || y.Remote != 99 {
		t.Fatalf("up again: %+v", y)
	}
}

// resumedBench starts a Table that goes on with a session of the bench's neighbour.
func resumedBench(t *testing.T, r Resumed) *bench {
	t.Helper()
	b := &bench{T: t, table: New(8, 7), now: event.Instant(time.Second)}
	b.step(&Configure{Sessions: []Settings{settings()}, Up: []Resumed{r}})
	return b
}

// TestResume: the first packet after a restart is one more of the same session;
// the neighbour's answer ends the patience, and from then on all is as before.
func TestResume(t *testing.T) {
	whole := Resumed{Name: "s", Local: 77, Remote: 99, Multiplier: 3, MinTx: 20 * ms, MinRx: 30 * ms}
	b := resumedBench(t, whole)
	s := b.sent()
	if len(b.out.Events) != 0 || len(s) != 1 || s[0].State != Up || s[0].MyDiscriminator != 77 || s[0].YourDiscriminator != 99 ||
		!s[0].Poll || s[0].DesiredMinTx != 10*ms || s[0].RequiredMinRx != 10*ms || s[0].Multiplier != 5 {
		t.Fatalf("events %+v, packets %+v", b.out.Events, s)
	}
	b.pass(59 * ms)
	if s := b.sent(); len(s) != 2 || s[0].State != Up { // each 22.5 to 30 ms
		t.Fatalf("packets %+v", s)
	}
	answer := b.theirs(Up)
	answer.Final = true
	b.hear(answer)
	e := b.out.Events
	if len(e) != 1 || e[0].From != event.Up || e[0].To != event.Up || e[0].Reason != event.Resumed || e[0].Seq != 1 || e[0].Took != 59*ms {
		t.Fatalf("events %+v", e)
	}
	if b.view().Polling || b.view().Discriminator != 77 {
		t.Errorf("%+v", b.view())
	}
	b.pass(60*ms - 1)
	if len(b.out.Events) != 0 {
		t.Fatalf("too early: %+v", b.out.Events)
	}
	b.pass(1)
	if len(b.out.Events) != 1 || b.out.Events[0].To != event.Down || b.out.Events[0].Reason != event.FailTimeout {
		t.Fatalf("events %+v", b.out.Events)
	}

	// Twins: without one of the numbers the session begins anew, silently.
	for _, r := range []Resumed{
		{Name: "s", Remote: 99, Multiplier: 3, MinTx: 20 * ms},
		{Name: "s", Local: 77, Multiplier: 3, MinTx: 20 * ms},
		{Name: "s", Local: 77, Remote: 99, MinTx: 20 * ms},
		{Name: "s", Local: 77, Remote: 99, Multiplier: 3},
	} {
		b := resumedBench(t, r)
		if b.view().State != Down || b.view().Discriminator == 77 || len(b.out.Events) != 0 {
			t.Errorf("%+v: %+v, events %+v", r, b.view(), b.out.Events)
		}
	}
}

// TestResumeSharesNoDiscriminator: two sessions that want to go on with the same
// one do not; the second begins anew.
func TestResumeSharesNoDiscriminator(t *testing.T) {
	two := settings()
	two.Name, two.Neighbor = "t", here
	b := &bench{T: t, table: New(8, 7), now: event.Instant(time.Second)}
	b.step(&Configure{Sessions: []Settings{settings(), two}, Up: []Resumed{
		{Name: "s", Local: 77, Remote: 99, Multiplier: 3, MinTx: 20 * ms},
		{Name: "t", Local: 77, Remote: 98, Multiplier: 3, MinTx: 20 * ms},
	}})
	v := b.table.Sessions()
	if v[0].State != Up || v[0].Discriminator != 77 || v[1].State != Down || v[1].Discriminator == 77 {
		t.Errorf("%+v", v)
	}
}
