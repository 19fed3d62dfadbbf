// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// sized makes settings of so many virtual servers with so many servers each.
func sized(services, each int) *Settings {
	set := &Settings{}
	for s := range services {
		vip := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(s >> 8), byte(s)}), 80)
		x := ServiceSettings{
			VirtualServer: event.VirtualServer{Protocol: event.ProtocolTCP, Addr: vip},
			Entries:       []event.ServiceEntry{{Family: 4, First: vip.Addr(), Last: vip.Addr(), Port: 80}},
			Scheduler:     "wlc", Quorum: 1,
		}
		for r := range each {
			n := s*each + r
			a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(n >> 16), byte(n >> 8), byte(n)}), 80)
			x.Servers = append(x.Servers, ServerSettings{
				Addr: a, Weight: 1,
				Checks: []CheckSettings{{
					Kind: event.CheckerTCP, Delay: time.Second, RetryDelay: time.Second, Warmup: time.Second, Timeout: 5 * time.Second,
					Retry: 1, Target: a, Spec: a.String(),
				}},
			})
		}
		set.Services = append(set.Services, x)
	}
	return set
}

const second = event.Instant(time.Second)

// started is a Pool whose table is in the kernel.
func started(t testing.TB, set *Settings) (*Pool, *Output) {
	t.Helper()
	p, out := New(1), &Output{}
	p.Step(second, &Configure{Settings: set, Entropy: 7}, out)
	p.Step(second, &Kernel{Available: true}, out)
	for _, a := range out.Actions {
		if a.Kind == Program {
			p.Step(second, &Applied{Batch: a.Batch, Count: len(a.Ops)}, out)
		}
	}
	out.Reset()
	return p, out
}

// TestNoConvoy: what became due while the host stood still does not stay together, however long that was.
func TestNoConvoy(t *testing.T) {
	for _, still := range []time.Duration{300 * time.Millisecond, 2 * time.Second} {
		p, out := started(t, sized(1, 1000))
		now := second
		o := Outcome{Pass: true, Total: time.Millisecond}
		most := func(span time.Duration) (n int) {
			for end := now.Add(span); now < end; now = now.Add(5 * time.Millisecond) {
				p.Step(now, Tick{}, out)
				n = max(n, len(out.Probes))
				for _, b := range out.Probes {
					o.Check, o.Serial = b.Check, b.Serial
					p.Step(now.Add(time.Millisecond), &o, out)
				}
				out.Reset()
			}
			return n
		}
		before := most(4 * time.Second)
		now = now.Add(still)
		if at := most(50 * time.Millisecond); at < 200 {
			t.Fatalf("after %s %d begin together: nobody stood still", still, at)
		}
		most(2 * time.Second)
		if after := most(2 * time.Second); after > 2*before+10 {
			t.Errorf("%d begin together where %d did before this host stood still for %s", after, before, still)
		}
	}
}

// TestPassAllocatesNothing holds the promise of Step.
func TestPassAllocatesNothing(t *testing.T) {
	p, out := started(t, sized(1, 1000))
	now := second
	o := Outcome{Pass: true, Total: time.Millisecond}
	o.Phases[1] = time.Millisecond
	round := func() {
		now += second
		p.Step(now, Tick{}, out)
		for _, b := range out.Probes {
			o.Check, o.Serial = b.Check, b.Serial
			p.Step(now, &o, out)
		}
		out.Reset()
	}
	for range 4 {
		round()
	}
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("a round of 1,000 passing checks allocates %v times", n)
	}
	if got := p.tally.Whole[event.CheckerTCP].Sum; got < 20*time.Second {
		t.Errorf("the checks took %v in all: they did not run", got)
	}
}

// TestTracesCostNothing: a check whose trace is not kept allocates nothing, whether it passes, fails like the one before
// or comes when the rate is used up; one in so many is kept, no more than the rate allows are, and each is counted.
func TestTracesCostNothing(t *testing.T) {
	const checks, every = 1000, 100
	set := sized(1, checks)
	set.SampleEvery, set.KeepPerSecond, set.KeepBurst = every, 1, 2
	p, out := started(t, set)
	now := second
	o := Outcome{Pass: true, Total: time.Millisecond}
	told := 0
	round := func() {
		now += second
		p.Step(now, Tick{}, out)
		for _, b := range out.Probes {
			o.Check, o.Serial = b.Check, b.Serial
			p.Step(now, &o, out)
		}
		told += len(out.Events)
		out.Reset()
	}
	for range 4 {
		round()
	}
	told = 0
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("a round of passing checks allocates %v times", n)
	}
	if told < 15 || told > 21+2 {
		t.Errorf("%d samples in 21 seconds at one a second", told)
	}
	o.Pass, o.Reason, o.Phase = false, event.FailConnectRefused, event.PhaseConnect
	for range 8 { // all servers fail
		round()
	}
	if n := testing.AllocsPerRun(20, round); n != 0 {
		t.Errorf("a round of checks that fail as before allocates %v times", n)
	}
	c := &p.tally
	kept := c.Limited
	for _, n := range c.Kept {
		kept += n
	}
	if c.Kept[event.KeptSample] < 15 || c.Kept[event.KeptChange] != checks || c.Limited < 100 || c.Judged < 30*checks || kept >= c.Judged {
		t.Errorf("kept %v, limited %d of %d", c.Kept, c.Limited, c.Judged)
	}
}

func BenchmarkPass(b *testing.B) {
	p, out := started(b, sized(10, 1000))
	now := second
	o := Outcome{Pass: true, Total: time.Millisecond}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		now += second / 100
		p.Step(now, Tick{}, out)
		for _, x := range out.Probes {
			o.Check, o.Serial = x.Check, x.Serial
			p.Step(now, &o, out)
			n++
		}
		out.Reset()
	}
}

func BenchmarkConfigure(b *testing.B) {
	for _, size := range [][2]int{{2277, 16}, {10, 1000}, {1, 10000}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			p, out := started(b, sized(size[0], size[1]))
			other := sized(size[0], size[1])
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				p.Step(2*second, &Configure{Settings: other}, out)
				if len(out.Events) > 0 || len(out.Actions) > 0 {
					b.Fatal(out.Events, out.Actions)
				}
				out.Reset()
			}
		})
	}
}

func BenchmarkReport(b *testing.B) {
	p, out := started(b, sized(10, 1000))
	b.Run("counters", func(b *testing.B) {
		var c event.Counters
		b.ReportAllocs()
		for range b.N {
			c.Reset()
			p.Counters(2*second, &c)
		}
	})
	b.Run("rows", func(b *testing.B) {
		var rows []event.Row
		b.ReportAllocs()
		for range b.N {
			rows, _, _ = p.Rows(0, 1<<20, rows[:0])
		}
	})
	b.Run("snapshot", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			for from, more := 0, true; more; out.Reset() {
				from, more = p.Snapshot(2*second, from, 256, out)
			}
		}
	})
	b.Run("kernel", func(b *testing.B) {
		t := p.Wanted()
		b.ReportAllocs()
		for range b.N {
			p.Step(3*second, &Kernel{Available: true, Table: t, After: p.kernel.batch}, out)
			if len(out.Actions) > 0 {
				b.Fatal(out.Actions)
			}
		}
	})
}

func BenchmarkAllFail(b *testing.B) {
	for range b.N {
		b.StopTimer()
		p, out := started(b, sized(1, 10000))
		now := 3 * second
		p.Step(now, Tick{}, out)
		probes := append([]Probe(nil), out.Probes...)
		out.Reset()
		b.StartTimer()
		var in Outcomes
		for _, x := range probes {
			in.List = append(in.List, Outcome{Check: x.Check, Serial: x.Serial, Reason: event.FailConnectRefused})
		}
		p.Step(now, &in, out)
		if len(out.Actions) != 1 || len(out.Actions[0].Ops) != 10000 {
			b.Fatal(len(out.Actions))
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	p, _ := started(b, sized(10, 1000))
	want := p.Wanted()
	have := p.Wanted()
	for i := range have {
		have[i].Dests = have[i].Dests[500:]
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if ops := Diff(want, have); len(ops) != 5000 {
			b.Fatal(len(ops))
		}
	}
}
