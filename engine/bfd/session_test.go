// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

const ms = time.Millisecond

var (
	here  = netip.MustParseAddr("192.0.2.1")
	there = netip.MustParseAddr("192.0.2.2")
)

func settings() Settings {
	return Settings{
		Name: "s", Neighbor: there, MinRx: 10 * ms, MinTx: 10 * ms, IdleTx: time.Second, Multiplier: 5, TTL: 255, MinTTL: 255,
	}
}

// bench is one Table and what it said.
type bench struct {
	*testing.T
	table *Table
	now   event.Instant
	out   Output
}

// newBench starts a Table with sessions at the instant of one second.
func newBench(t *testing.T, sessions ...Settings) *bench {
	b := &bench{T: t, table: New(7, 42), now: event.Instant(time.Second)}
	b.step(&Configure{Sessions: sessions})
	return b
}

func (b *bench) step(in Input) {
	b.out.Reset()
	b.table.Step(b.now, in, &b.out)
}

// pass lets time pass, Tick by Tick, and collects what is said meanwhile.
func (b *bench) pass(d time.Duration) {
	b.out.Reset()
	for end := b.now.Add(d); ; {
		at, ok := b.table.Deadline()
		if !ok || at > end {
			b.now = end
			return
		}
		b.now = max(b.now, at)
		b.table.Step(b.now, Tick{}, &b.out)
	}
}

func (b *bench) view() View { return b.table.Sessions()[0] }

// theirs is a packet of the neighbour; it knows our discriminator.
func (b *bench) theirs(s State) Control {
	return Control{
		State: s, Multiplier: 3, MyDiscriminator: 99, YourDiscriminator: b.view().Discriminator,
		DesiredMinTx: 20 * ms, RequiredMinRx: 30 * ms,
	}
}

func (b *bench) hear(c Control) {
	p := c.Bytes()
	b.step(&Packet{Source: there, Dest: here, TTL: 255, Payload: p[:]})
}

// reach brings the session into a state.
func (b *bench) reach(s State) {
	b.Helper()
	if s >= Init {
		b.hear(b.theirs(Down))
	}
	if s == Up {
		b.hear(b.theirs(Init))
		c := b.theirs(Up)
		c.Final = true // ends our Poll Sequence
		b.hear(c)
	}
	if got := b.view().State; got != s {
		b.Fatalf("is %v, not %v", got, s)
	}
}

// sent are the packets sent since the last step or pass.
func (b *bench) sent() []Control {
	var out []Control
	for i := range b.out.Sends {
		c, refusal := Parse(b.out.Sends[i].Payload[:])
		if refusal != Accepted {
			b.Fatalf("sent a packet that is refused: %v", refusal)
		}
		out = append(out, c)
	}
	return out
}

// TestStates walks the table of RFC 5880 section 6.8.6, every cell.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		from, theirs, to State
		diag             Diag
		why              event.Reason
	}{
		{Down, AdminDown, Down, NoDiagnostic, 0},
		{Down, Down, Init, NoDiagnostic, event.NeighborUp},
		{Down, Init, Up, NoDiagnostic, event.NeighborUp},
		{Down, Up, Down, NoDiagnostic, 0},
		{Init, AdminDown, Down, NeighborSignaledDown, event.NeighborAdminDown},
		{Init, Down, Init, NoDiagnostic, 0},
		{Init, Init, Up, NoDiagnostic, event.NeighborUp},
		{Init, Up, Up, NoDiagnostic, event.NeighborUp},
		{Up, AdminDown, Down, NeighborSignaledDown, event.NeighborAdminDown},
		{Up, Down, Down, NeighborSignaledDown, event.NeighborDown},
		{Up, Init, Up, NoDiagnostic, 0},
		{Up, Up, Up, NoDiagnostic, 0},
	} {
		b := newBench(t, settings())
		b.reach(c.from)
		b.hear(b.theirs(c.theirs))
		if v := b.view(); v.State != c.to || v.Diag != c.diag {
			t.Errorf("%v, they say %v: %v, %v", c.from, c.theirs, v.State, v.Diag)
		}
		if c.from == c.to {
			if len(b.out.Events) != 0 {
				t.Errorf("%v, they say %v: says %+v", c.from, c.theirs, b.out.Events)
			}
			continue
		}
		if n := len(b.out.Events); n != 1 || b.out.Events[0].Reason != c.why {
			t.Fatalf("%v, they say %v: events %+v", c.from, c.theirs, b.out.Events)
		}
		// The change is told at once, with the new state in it.
		if s := b.sent(); len(s) != 1 || s[0].State != c.to || s[0].Diag != c.diag {
			t.Errorf("%v, they say %v: sent %+v", c.from, c.theirs, s)
		}
	}
}

func TestDetection(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	// They say 20 ms times 3; we can take one each 10 ms, so 20 ms it is.
	b.pass(60*ms - 1)
	if len(b.out.Events) != 0 {
		t.Fatalf("too early: %+v", b.out.Events)
	}
	b.pass(1)
	if len(b.out.Events) != 1 {
		t.Fatalf("events %+v", b.out.Events)
	}
	e := b.out.Events[0]
	if e.Kind != event.TrackChanged || e.From != event.Up || e.To != event.Down || e.Reason != event.FailTimeout ||
		e.Count != int64(DetectionTimeExpired) || e.Subject != (event.Subject{Kind: event.SubjectBFD, Name: "s"}) {
		t.Errorf("event %+v", e)
	}
	ev := e.Evidence
	if ev.Peer != there || ev.N != 1 || ev.Heard[0].At != e.At.Add(-60*ms) || ev.Interval != 20*ms || ev.Detection != 60*ms ||
		ev.Deadline != e.At || ev.Lateness != 0 {
		t.Errorf("evidence %+v", ev)
	}
	v := b.view()
	if v.Diag != DetectionTimeExpired || v.NeighborDiscriminator != 0 {
		t.Errorf("view %+v", v)
	}
	// Down, we say so once a second at most, to nobody in particular.
	b.pass(10 * time.Second)
	s := b.sent()
	if len(s) < 10 || len(s) > 14 || s[0].State != Down || s[0].YourDiscriminator != 0 || s[0].DesiredMinTx != time.Second {
		t.Errorf("%d packets, first %+v", len(s), s[0])
	}
}

// TestLateLook: a packet that the kernel received in time counts, however late
// we look.
func TestLateLook(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	in := b.now.Add(50 * ms)
	look := b.now.Add(90 * ms)
	b.now = in
	b.hear(b.theirs(Up))
	b.now = look
	b.step(Tick{})
	if v := b.view(); v.State != Up || len(b.out.Events) != 0 {
		t.Fatalf("is %v", v.State)
	}
	// Twin: without it the session is down. We were later than a packet takes,
	// so the neighbour is first given the time of one, and it is told that we
	// were late.
	b = newBench(t, settings())
	b.reach(Up)
	b.now = look
	b.step(Tick{})
	if len(b.out.Events) != 0 {
		t.Fatalf("events %+v", b.out.Events)
	}
	b.pass(20*ms - 1)
	if len(b.out.Events) != 0 {
		t.Fatalf("too early: %+v", b.out.Events)
	}
	b.pass(1)
	if len(b.out.Events) != 1 || b.out.Events[0].Evidence.Lateness != 50*ms {
		t.Fatalf("events %+v", b.out.Events)
	}
}

// TestDoubtEndsWithAPacket: what came after we had slept saves the session, and
// a little lateness is no reason to doubt.
func TestDoubtEndsWithAPacket(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	b.now = b.now.Add(90 * ms)
	b.step(Tick{})
	b.pass(15 * ms)
	b.hear(b.theirs(Up))
	b.pass(59 * ms)
	if len(b.out.Events) != 0 || b.view().State != Up {
		t.Fatalf("events %+v", b.out.Events)
	}
	b.now = b.now.Add(ms + suspectLeast - 1)
	b.step(Tick{})
	if len(b.out.Events) != 1 || b.view().State != Down {
		t.Fatalf("events %+v", b.out.Events)
	}
}

// TestLateBefore: a pause that ended before the detection time did is a reason to
// doubt as well, for as long as the neighbour's packets of that time count, and
// once.
func TestLateBefore(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	b.now = b.now.Add(40 * ms) // our next packet was due long ago
	b.step(Tick{})
	b.pass(40*ms - 1)
	if len(b.out.Events) != 0 || b.view().State != Up {
		t.Fatalf("events %+v", b.out.Events)
	}
	b.pass(1)
	if len(b.out.Events) != 1 || b.out.Events[0].Evidence.Lateness != 20*ms {
		t.Fatalf("events %+v", b.out.Events)
	}
	// Twin: a pause that ended before the neighbour's last packet but one is none
	// of this silence.
	b = newBench(t, settings())
	b.reach(Up)
	b.now = b.now.Add(40 * ms)
	b.step(Tick{})
	b.hear(b.theirs(Up))
	b.pass(20 * ms)
	b.hear(b.theirs(Up))
	b.pass(60*ms - 1)
	if len(b.out.Events) != 0 {
		t.Fatalf("too early: %+v", b.out.Events)
	}
	b.pass(1)
	if len(b.out.Events) != 1 || b.out.Events[0].Evidence.Lateness != 0 {
		t.Fatalf("events %+v", b.out.Events)
	}
}

func TestPollSequence(t *testing.T) {
	b := newBench(t, settings())
	b.hear(b.theirs(Down))
	if s := b.sent(); len(s) != 1 || s[0].Poll || s[0].DesiredMinTx != time.Second {
		t.Fatalf("in Init: %+v", s)
	}
	b.hear(b.theirs(Init))
	// Up, the idle interval gives way to min_tx, which is a change to be polled.
	if s := b.sent(); len(s) != 1 || !s[0].Poll || s[0].DesiredMinTx != 10*ms || s[0].RequiredMinRx != 10*ms {
		t.Fatalf("in Up: %+v", s)
	}
	b.pass(40 * ms)
	for _, c := range b.sent() {
		if !c.Poll {
			t.Errorf("polls no more: %+v", c)
		}
	}
	c := b.theirs(Up)
	c.Final = true
	b.hear(c)
	b.pass(40 * ms)
	if s := b.sent(); len(s) == 0 || s[0].Poll {
		t.Errorf("polls on: %+v", s)
	}
}

// TestSlowerOnlyAfterFinal: a longer interval of ours holds once the neighbour
// knows of it, a shorter one at once; the reverse is true of what we can take.
func TestSlowerOnlyAfterFinal(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	slow := settings()
	slow.MinTx, slow.MinRx = 200*ms, 5*ms
	b.step(&Configure{Sessions: []Settings{slow}})
	s := b.table.sessions[0]
	if c := b.sent(); len(c) != 1 || !c[0].Poll || c[0].DesiredMinTx != 200*ms || c[0].RequiredMinRx != 5*ms {
		t.Fatalf("sent %+v", c)
	}
	if s.tx != (interval{200 * ms, 10 * ms}) || s.rx != (interval{5 * ms, 10 * ms}) {
		t.Errorf("before: %+v %+v", s.tx, s.rx)
	}
	c := b.theirs(Up)
	c.Final = true
	b.hear(c)
	if s.tx.held != 200*ms || s.rx.held != 5*ms {
		t.Errorf("after: %+v %+v", s.tx, s.rx)
	}
	fast := settings()
	fast.MinRx = 80 * ms
	b.step(&Configure{Sessions: []Settings{fast}})
	if s.tx.held != 10*ms || s.rx.held != 80*ms {
		t.Errorf("faster: %+v %+v", s.tx, s.rx)
	}
	if len(b.out.Events) != 0 || b.view().State != Up {
		t.Errorf("a reload of timers costs nothing: %+v", b.out.Events)
	}
}

func TestFinal(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	next := b.table.sessions[0].next
	c := b.theirs(Up)
	c.Poll = true
	b.hear(c)
	if s := b.sent(); len(s) != 1 || !s[0].Final || s[0].Poll {
		t.Fatalf("sent %+v", s)
	}
	if b.table.sessions[0].next != next {
		t.Error("the answer moved the beat")
	}
	b.hear(b.theirs(Up)) // twin: nobody asked
	if len(b.out.Sends) != 0 {
		t.Errorf("sent %+v", b.sent())
	}
}

// TestJitter: intervals lie between 75 % and 100 % of the agreed one, with a
// multiplier of 1 below 90 %, and use that room.
func TestJitter(t *testing.T) {
	for mult, most := range map[uint8]time.Duration{5: 30 * ms, 1: 27 * ms} {
		set := settings()
		set.Multiplier = mult
		b := newBench(t, set)
		b.reach(Up)
		s := b.table.sessions[0]
		least, longest := time.Hour, time.Duration(0)
		for range 2000 {
			d := b.table.jitter(s) // they can take one each 30 ms
			least, longest = min(least, d), max(longest, d)
		}
		if least < 22500*time.Microsecond || least > 23*ms || longest > most || longest < most-ms/2 {
			t.Errorf("multiplier %d: %v to %v", mult, least, longest)
		}
	}
}

func TestPassive(t *testing.T) {
	set := settings()
	set.Passive = true
	b := newBench(t, set)
	b.pass(time.Minute)
	if len(b.out.Sends) != 0 {
		t.Fatalf("speaks first: %+v", b.sent())
	}
	b.hear(b.theirs(Down))
	if s := b.sent(); len(s) != 1 || s[0].State != Init || s[0].YourDiscriminator != 99 {
		t.Fatalf("sent %+v", s)
	}
	b.pass(time.Minute) // the neighbour is gone again, and so are we
	b.pass(time.Minute)
	if len(b.out.Sends) != 0 {
		t.Errorf("speaks to nobody: %+v", b.sent())
	}
}

// TestQuiet: nothing is sent periodically to one who cannot take it or, in
// demand mode, does not want it.
func TestQuiet(t *testing.T) {
	for name, change := range map[string]func(*Control){
		"no room": func(c *Control) { c.RequiredMinRx = 0 },
		"demand":  func(c *Control) { c.Demand = true },
	} {
		b := newBench(t, settings())
		b.reach(Up)
		c := b.theirs(Up)
		change(&c)
		b.hear(c)
		b.pass(50 * ms)
		if len(b.out.Sends) != 0 {
			t.Errorf("%s: sent %+v", name, b.sent())
		}
		b.hear(b.theirs(Up))
		b.pass(50 * ms)
		if len(b.out.Sends) == 0 {
			t.Errorf("%s: quiet for ever", name)
		}
	}
}
