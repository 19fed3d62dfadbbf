// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// TestFind: which session a packet belongs to. Every refusal has a twin above
// it that differs in one thing.
func TestFind(t *testing.T) {
	other := settings()
	other.Name, other.Neighbor, other.Local, other.Multihop, other.MinTTL = "m", netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8::1"), true, 250
	scoped := settings()
	scoped.Name, scoped.Neighbor = "l", netip.MustParseAddr("fe80::2%eth0")
	b := newBench(t, settings(), other, scoped)
	ours := func(i int) uint32 { return b.table.Sessions()[i].Discriminator }
	for _, c := range []struct {
		name         string
		source, dest string
		ttl          int
		multihop     bool
		your         uint32
		want         string
	}{
		{"by address", "192.0.2.2", "192.0.2.1", 255, false, 0, "s"},
		{"a stranger", "192.0.2.3", "192.0.2.1", 255, false, 0, "neighbor"},
		{"the other port", "192.0.2.2", "192.0.2.1", 255, true, 0, "neighbor"},
		{"by discriminator", "192.0.2.3", "192.0.2.1", 255, false, ours(0), "s"},
		{"by discriminator, the other port", "192.0.2.3", "192.0.2.1", 255, true, ours(0), "discriminator"},
		{"of nobody", "192.0.2.2", "192.0.2.1", 255, false, ours(0) ^ ours(1) ^ 1, "discriminator"},
		{"through a router", "192.0.2.2", "192.0.2.1", 254, false, 0, "ttl"},
		{"of unknown distance", "192.0.2.2", "192.0.2.1", -1, false, 0, "ttl"},
		{"five hops", "2001:db8::2", "2001:db8::1", 250, true, 0, "m"},
		{"six hops", "2001:db8::2", "2001:db8::1", 249, true, 0, "ttl"},
		{"to another address of ours", "2001:db8::2", "2001:db8::3", 255, true, 0, "neighbor"},
		{"on its link", "fe80::2%eth0", "fe80::1", 255, false, 0, "l"},
		{"on another link", "fe80::2%eth1", "fe80::1", 255, false, 0, "neighbor"},
	} {
		before := b.table.Sessions()
		refused := b.table.Refused()
		p := Control{State: Down, Multiplier: 3, MyDiscriminator: 5, YourDiscriminator: c.your, DesiredMinTx: time.Second, RequiredMinRx: time.Second}
		payload := p.Bytes()
		b.step(&Packet{
			Source: netip.MustParseAddr(c.source), Dest: netip.MustParseAddr(c.dest), TTL: c.ttl, Multihop: c.multihop, Payload: payload[:],
		})
		got := ""
		for i, v := range b.table.Sessions() {
			if v.Received > before[i].Received {
				got += v.Settings.Name
			}
			if v.Refused > before[i].Refused {
				got += RefusedTTL.String()
			}
		}
		for k, n := range b.table.Refused() {
			if n > refused[k] {
				got += Refusal(k).String()
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRefusedChangesNothing(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	at, _ := b.table.Deadline()
	b.step(&Packet{Source: there, Dest: here, TTL: 255, Payload: []byte("who is there?")})
	if now, _ := b.table.Deadline(); now != at || len(b.out.Sends)+len(b.out.Events) != 0 || b.table.Refused()[RefusedVersion]+b.table.Refused()[RefusedLength] != 1 {
		t.Errorf("refused %v, deadline %d to %d", b.table.Refused(), at, now)
	}
}

func TestStop(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	b.step(Stop{})
	s := b.sent()
	if len(s) != 1 || s[0].State != AdminDown || s[0].Diag != AdministrativelyDown || s[0].YourDiscriminator != 99 {
		t.Fatalf("sent %+v", s)
	}
	if e := b.out.Events; len(e) != 1 || e[0].From != event.Up || e[0].To != event.Down || e[0].Reason != event.Shutdown {
		t.Errorf("events %+v", e)
	}
	if _, ok := b.table.Deadline(); ok {
		t.Error("goes on")
	}
	b.hear(b.theirs(Down))
	b.step(Stop{})
	if len(b.out.Sends)+len(b.out.Events) != 0 || b.view().State != AdminDown {
		t.Error("is not at its end")
	}
}

func TestReload(t *testing.T) {
	one, two := settings(), settings()
	two.Name, two.Neighbor = "two", netip.MustParseAddr("192.0.2.3")
	b := newBench(t, one, two)
	if e := b.out.Events; len(e) != 2 || e[0].To != event.Down || e[0].Reason != event.Startup || e[0].Seq != 1 || e[1].Seq != 2 || e[1].Epoch != 7 {
		t.Fatalf("start %+v", e)
	}
	b.reach(Up)
	was := b.view()

	b.step(&Configure{Sessions: []Settings{two, one}, Cause: event.Ref{Epoch: 1, Seq: 5}})
	if len(b.out.Events)+len(b.out.Sends) != 0 {
		t.Errorf("the same again says %+v", b.out)
	}
	if v := b.table.Sessions()[1]; v.ID != was.ID || v.State != Up || v.Discriminator != was.Discriminator {
		t.Errorf("another session: %+v", v)
	}

	b.step(&Configure{Sessions: []Settings{two}, Cause: event.Ref{Epoch: 1, Seq: 6}})
	e := b.out.Events
	if len(e) != 1 || e[0].Subject.Name != "s" || e[0].From != event.Up || e[0].To != event.Deleted || e[0].Reason != event.Reload || e[0].Cause.Seq != 6 {
		t.Errorf("removal %+v", e)
	}
	if s := b.sent(); len(s) != 1 || s[0].State != AdminDown || b.out.Sends[0].ID != was.ID {
		t.Errorf("removal sent %+v", s)
	}

	// The same name with another neighbour is another session.
	moved := two
	moved.Neighbor = there
	b.step(&Configure{Sessions: []Settings{moved}})
	if e := b.out.Events; len(e) != 1 || e[0].To != event.Down || e[0].Reason != event.Startup {
		t.Errorf("moved %+v", e)
	}
	if v := b.view(); v.ID <= was.ID || v.State != Down {
		t.Errorf("moved %+v", v)
	}
}

// TestPatience: what a predecessor had up is not called down while it may come
// up again.
func TestPatience(t *testing.T) {
	start := func() *bench {
		b := &bench{T: t, table: New(7, 1), now: event.Instant(time.Second)}
		b.step(&Configure{Sessions: []Settings{settings()}, Up: []Resumed{{Name: "s"}}})
		if len(b.out.Events) != 0 {
			t.Fatalf("says at once %+v", b.out.Events)
		}
		return b
	}
	b := start()
	b.pass(2 * time.Second)
	b.hear(b.theirs(Down))
	if len(b.out.Events) != 0 {
		t.Fatalf("says on the way %+v", b.out.Events)
	}
	b.hear(b.theirs(Up))
	if e := b.out.Events; len(e) != 1 || e[0].From != event.Up || e[0].To != event.Up || e[0].Reason != event.Resumed {
		t.Errorf("came back: %+v", e)
	}
	b.pass(200 * ms)
	if e := b.out.Events; len(e) != 1 || e[0].To != event.Down || e[0].Reason != event.FailTimeout {
		t.Errorf("from now on as ever: %+v", e)
	}

	b = start()
	b.pass(4*time.Second - 1)
	if len(b.out.Events) != 0 {
		t.Errorf("too early: %+v", b.out.Events)
	}
	b.pass(1)
	if e := b.out.Events; len(e) != 1 || e[0].From != event.Up || e[0].To != event.Down {
		t.Errorf("did not come back: %+v", e)
	}
}

func TestSnapshotAndTallies(t *testing.T) {
	b := newBench(t, settings())
	b.reach(Up)
	last := b.table.sessions[0].last
	b.out.Reset()
	b.table.Snapshot(b.now, &b.out)
	e := b.out.Events[0]
	if len(b.out.Events) != 1 || !e.Snapshot || e.To != event.Up || e.At != last.At || e.Root != last.Ref() || e.Seq != last.Seq+1 {
		t.Errorf("snapshot %+v", e)
	}
	b.step(Unsent{ID: b.view().ID})
	b.step(&Packet{Source: here, Dest: here, TTL: 255, Payload: bytesOf(t, good)})
	y := b.table.Tallies(b.now, nil)
	if len(y) != 2 || y[1].Subject.Name != "bfd" || y[1].Strays != [event.BFDStrayCount]uint64{4: 1} {
		t.Fatalf("tallies %+v", y)
	}
	if y[0].Sent == 0 || y[0].SendErrors != 1 || y[0].Received != 3 || y[0].Detection != 60*ms || y[0].TxInterval != 30*ms {
		t.Errorf("tallies %+v", y)
	}
}

// FuzzTable gives a table packets of anybody: it never panics, never sends more
// than two packets for one, and stays a table.
func FuzzTable(f *testing.F) {
	f.Add([]byte("\x20\x40\x03\x18\x00\x00\x00\x01\x00\x00\x00\x00\x00\x04\x93\xe0\x00\x04\x93\xe0\x00\x00\x00\x00"), uint8(255), uint16(10))
	f.Add([]byte("\x20\xe0\x03\x18\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), uint8(255), uint16(1000))
	f.Add([]byte("\x20\xc0\xff\x18\x00\x00\x00\x01\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"), uint8(255), uint16(60000))
	f.Add([]byte{}, uint8(1), uint16(0))
	f.Fuzz(func(t *testing.T, payload []byte, ttl uint8, wait uint16) {
		b := newBench(t, settings())
		if len(payload) >= Len && payload[11] == 2 {
			d := b.view().Discriminator // one who knows it
			payload[8], payload[9], payload[10], payload[11] = byte(d>>24), byte(d>>16), byte(d>>8), byte(d)
		}
		for range 3 {
			b.step(&Packet{Source: there, Dest: here, TTL: int(ttl), Payload: payload})
			if len(b.out.Sends) > 2 || len(b.out.Events) > 1 {
				t.Fatalf("%d packets and %d events for one packet", len(b.out.Sends), len(b.out.Events))
			}
			before := b.now
			b.pass(time.Duration(wait) * ms)
			// The agreed interval is at least ours, which is 10 ms at best.
			if most := int(b.now.Sub(before)/(7*ms)) + 2; len(b.out.Sends) > most {
				t.Fatalf("%d packets in %v", len(b.out.Sends), b.now.Sub(before))
			}
			if at, ok := b.table.Deadline(); ok && at <= before {
				t.Fatalf("deadline %d is not in the future of %d", at, before)
			}
		}
	})
}
