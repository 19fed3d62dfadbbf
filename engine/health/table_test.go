// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// randomTable has some of four services with some of five destinations.
func randomTable(r *rand.Rand) (t Table) {
	for s := range 4 {
		if r.IntN(4) == 0 {
			continue
		}
		e := Entry{Service: Service{
			ServiceKey: ServiceKey{Family: 4, Protocol: event.ProtocolTCP, Addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(s)}), Port: 80},
			Scheduler:  []string{"rr", "wlc"}[r.IntN(2)], Granularity: 32,
		}}
		for d := range 5 {
			if r.IntN(2) == 0 {
				continue
			}
			e.Dests = append(e.Dests, Destination{
				Addr:   netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(d)}), 80),
				Weight: int32(r.IntN(3)), Method: event.Method{Forward: event.Forward(r.IntN(2))},
			})
		}
		r.Shuffle(len(e.Dests), func(i, j int) { e.Dests[i], e.Dests[j] = e.Dests[j], e.Dests[i] })
		t = append(t, e)
	}
	return t
}

// apply does what the kernel would; ok is false if the kernel would refuse.
func apply(m map[ServiceKey]*Entry, o *Op) (ok bool) {
	e := m[o.Service.ServiceKey]
	if o.Kind == event.IPVSAddService {
		m[o.Service.ServiceKey] = &Entry{Service: o.Service}
		return e == nil
	}
	if e == nil {
		return false
	}
	at := slices.IndexFunc(e.Dests, func(d Destination) bool { return d.Addr == o.Dest.Addr })
	switch o.Kind { //nolint:exhaustive // Diff has no others
	case event.IPVSEditService:
		e.Service = o.Service
	case event.IPVSAddDest:
		e.Dests = append(e.Dests, o.Dest)
		return at < 0
	case event.IPVSEditDest:
		if at >= 0 {
			e.Dests[at] = o.Dest
		}
		return at >= 0
	case event.IPVSDelDest:
		if at >= 0 {
			e.Dests = slices.Delete(e.Dests, at, at+1)
		}
		return at >= 0
	default:
		return false
	}
	return true
}

func index(t Table) map[ServiceKey]*Entry {
	m := map[ServiceKey]*Entry{}
	for _, e := range t {
		m[e.Service.ServiceKey] = &Entry{Service: e.Service, Dests: slices.Clone(e.Dests)}
	}
	return m
}

func hasWeight(e *Entry) bool {
	return e != nil && slices.ContainsFunc(e.Dests, func(d Destination) bool { return d.Weight > 0 })
}

func sorted(e *Entry) []Destination {
	out := slices.Clone(e.Dests)
	slices.SortFunc(out, func(a, b Destination) int { return a.Addr.Compare(b.Addr) })
	return out
}

// TestDiff holds the difference of random tables to its promise: its operations
// are all possible, lead to what is wanted, leave others' services alone, and at
// no point is a service without weight that has some before and after.
func TestDiff(t *testing.T) {
	for n := range uint64(3000) {
		r := rand.New(rand.NewPCG(n, 2))
		want, have := randomTable(r), randomTable(r)
		before, now, after := index(have), index(have), index(want)
		ops := Diff(want, have)
		for i := range ops {
			key := ops[i].Service.ServiceKey
			if after[key] == nil {
				t.Fatalf("%d: %s is about a service of somebody else", n, ops[i].text())
			}
			if !apply(now, &ops[i]) {
				t.Fatalf("%d: the kernel refuses %s", n, ops[i].text())
			}
			if hasWeight(before[key]) && hasWeight(after[key]) && !hasWeight(now[key]) {
				t.Fatalf("%d: %s leaves nothing", n, ops[i].text())
			}
		}
		for key, e := range now {
			w := after[key]
			if w == nil {
				w = before[key]
			}
			if e.Service != w.Service || !slices.Equal(sorted(e), sorted(w)) {
				t.Fatalf("%d: it became %v, not %v", n, e, w)
			}
		}
		if len(Diff(want, want)) > 0 {
			t.Fatalf("%d: there is a difference to itself", n)
		}
	}
}

// TestTimers holds the heap to its order over random changes.
func TestTimers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	checks := make([]check, 200)
	due := map[CheckID]event.Instant{}
	var h timers
	for range 20000 {
		id := CheckID(r.IntN(len(checks)))
		switch r.IntN(4) {
		case 0:
			h.remove(checks, id)
			delete(due, id)
		default:
			at := event.Instant(1 + r.IntN(1000))
			h.set(checks, id, at)
			due[id] = at
		}
		if len(h) != len(due) {
			t.Fatalf("%d timers of %d", len(h), len(due))
		}
	}
	for i, x := range h {
		if due[x.id] != x.due || checks[x.id].place != uint32(i+1) {
			t.Fatalf("check %d is at %d, due %d, not %d", x.id, checks[x.id].place, x.due, due[x.id])
		}
	}
	for last := event.Instant(0); len(h) > 0; {
		at := h.first()
		id := h.pop(checks)
		if at < last || due[id] != at {
			t.Fatalf("check %d comes at %d, due %d, after %d", id, at, due[id], last)
		}
		last = at
	}
	if h.first() != 0 {
		t.Error("an empty heap is due")
	}
}

func TestKeeperRefills(t *testing.T) {
	var k keeper
	now := second
	count := func() (n int) {
		for k.take(now, 10, 50) {
			n++
		}
		return n
	}
	if n := count(); n != 50 {
		t.Errorf("a burst of %d", n)
	}
	now += second
	if n := count(); n != 10 {
		t.Errorf("%d after a second", n)
	}
	now += 3600 * second
	if n := count(); n != 50 {
		t.Errorf("%d after an hour", n)
	}
}

// TestGrid: many checks are begun together, few each at its own time.
func TestGrid(t *testing.T) {
	for _, c := range []struct{ servers, most int }{{10, 20}, {1000, 400}} {
		p, out := started(t, sized(1, c.servers))
		times := map[event.Instant]bool{}
		for range 100000 {
			at, _ := p.Deadline()
			if at > 2*second+second {
				break
			}
			times[at] = true
			p.Step(at, Tick{}, out)
			out.Reset()
		}
		if len(times) > c.most {
			t.Errorf("%d servers are checked at %d times in a second", c.servers, len(times))
		}
	}
}

// TestUnknownInputs: what the pool does not know of changes nothing.
func TestUnknownInputs(t *testing.T) {
	p, out := started(t, sized(1, 2))
	for _, in := range []Input{
		&Outcome{Check: 77},
		&Outcome{Check: 0, Serial: 9},
		Value{Object: "x"},
		Session{Object: "x"},
		&Applied{Batch: 99},
		SetWeight{Server: event.Subject{Kind: event.SubjectRealServer, Name: "x"}},
		Master{Instance: "x"},
		&Addresses{},
		&Kernel{Available: true, After: 55},
	} {
		p.Step(second, in, out)
	}
	if len(out.Actions)+len(out.Probes)+len(out.Events) > 0 {
		t.Errorf("%+v", out)
	}
	if p.tally.Stray != 2 {
		t.Errorf("%d outcomes of nobody", p.tally.Stray)
	}
	empty, out := New(1), &Output{}
	for _, in := range []Input{Tick{}, &Outcome{}, &Kernel{Available: true}, Stop{}} {
		empty.Step(second, in, out)
	}
	if len(out.Actions)+len(out.Events) > 0 || !empty.Stopped() {
		t.Errorf("a pool without settings: %+v", out)
	}
}

// TestRanges: a range is so many services, and no more than the bound.
func TestRanges(t *testing.T) {
	a := netip.MustParseAddr
	for _, c := range []struct {
		e    event.ServiceEntry
		want int
	}{
		{event.ServiceEntry{First: a("10.0.0.1"), Last: a("10.0.0.1")}, 1},
		{event.ServiceEntry{First: a("10.0.0.1")}, 1},
		{event.ServiceEntry{First: a("10.0.0.250"), Last: a("10.0.1.4")}, 11},
		{event.ServiceEntry{First: a("2001:db8::1"), Last: a("2001:db8::ff")}, 255},
		{event.ServiceEntry{First: a("10.0.0.5"), Last: a("10.0.0.1")}, 1},
		{event.ServiceEntry{First: a("255.255.255.254"), Last: a("255.255.255.255")}, 2},
		{event.ServiceEntry{First: a("::"), Last: a("ffff::")}, ExpandMax},
		{event.ServiceEntry{Mark: 5, Family: 6}, 1},
	} {
		s := service{set: &ServiceSettings{}}
		got := 0
		s.expand(&c.e, func(k ServiceKey) {
			got++
			if !k.HasMark && !k.Addr.IsValid() {
				t.Errorf("%+v: %+v", c.e, k)
			}
		})
		if got != c.want {
			t.Errorf("%v to %v are %d services, want %d", c.e.First, c.e.Last, got, c.want)
		}
	}
}

// TestManyReloadsKeepNoRubbish: checks that come and go leave nothing behind.
func TestManyReloadsKeepNoRubbish(t *testing.T) {
	p, out := started(t, sized(3, 10))
	for i := range 50 {
		set := sized(3, 10+i%2*5)
		p.Step(second+event.Instant(i)*event.Instant(time.Millisecond), &Configure{Settings: set}, out)
		out.Reset()
	}
	if n := len(p.checks); n > 90 || n-len(p.free) != 45 {
		t.Errorf("%d checks and %d free", n, len(p.free))
	}
	if len(p.timers) != len(p.checks)-len(p.free) {
		t.Errorf("%d timers for %d checks", len(p.timers), len(p.checks)-len(p.free))
	}
}
