// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// TestTiers: each tier has what its list says, and nothing of the others.
func TestTiers(t *testing.T) {
	for _, c := range []struct {
		tier        Tier
		basic, full bool
	}{{TierAggregate, false, false}, {TierBasic, true, false}, {TierFull, true, true}} {
		opts := full(&clock{})
		opts.Tier = c.tier
		there := map[string]bool{}
		for _, f := range gather(t, collector(t, opts, &fixed{view: picture().View()})) {
			there[f.GetName()] = true
		}
		for _, part := range []struct {
			metrics []Metric
			want    bool
		}{{serviceMetrics, true}, {ipvsMetrics, true}, {serverMetrics, c.basic}, {serverMetricsFull, c.full}} {
			for _, m := range part.metrics {
				if there[m.Name] != part.want {
					t.Errorf("tier %v: %s is there: %v", c.tier, m.Name, there[m.Name])
				}
			}
		}
	}
}

func TestTierWords(t *testing.T) {
	for _, tier := range []Tier{TierAggregate, TierBasic, TierFull} {
		text, err := tier.MarshalText()
		got := TierBasic
		if err2 := got.UnmarshalText(text); err != nil || err2 != nil || got != tier {
			t.Errorf("%v becomes %q and %v (%v, %v)", tier, text, got, err, err2)
		}
	}
	var none Tier
	if err := none.UnmarshalText([]byte("most")); err == nil || !strings.Contains(err.Error(), "basic, aggregate, full") {
		t.Errorf("an unknown tier: %v", err)
	}
}

// TestNoServersNoSeries: who has no virtual server gets no series about them.
func TestNoServersNoSeries(t *testing.T) {
	l := ledger.New()
	l.Rows(rows())
	for _, f := range gather(t, collector(t, full(&clock{}), &fixed{view: l.View()})) {
		for _, about := range []string{"vigil_ipvs_", "vigil_check", "vigil_real_server_", "vigil_virtual_server_"} {
			if strings.HasPrefix(f.GetName(), about) {
				t.Errorf("%s is there", f.GetName())
			}
		}
	}
}

// TestPageIsReusedWhenNobodyReadsIt: the memory of a page serves another one
// only after all of its readers have put it down.
func TestPageIsReusedWhenNobodyReadsIt(t *testing.T) {
	var now clock
	src := &fixed{view: picture().View()}
	c := collector(t, full(&now), src)
	text := func(families []*dto.MetricFamily) string {
		var vigil []*dto.MetricFamily
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "vigil_") {
				vigil = append(vigil, f)
			}
		}
		return page(t, vigil, expfmt.NewFormat(expfmt.TypeTextPlain))
	}
	read := func() ([]*dto.MetricFamily, func()) {
		now.move(time.Second)
		families, done, err := pages{c}.Gather()
		if err != nil {
			t.Fatal(err)
		}
		return families, done
	}
	first, firstDone := read()
	want := text(first)
	kept, err := c.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sheets := map[*sheet]bool{c.page.sheet: true}
	src.view = ledger.New().View()
	for range 5 {
		empty, done := read()
		if sheets[c.page.sheet] && len(sheets) == 1 {
			t.Error("a page that is being read was overwritten")
		}
		sheets[c.page.sheet] = true
		if strings.Contains(text(empty), "vigil_real_server_up") {
			t.Error("what was on another page shows through")
		}
		done()
	}
	if len(sheets) > 3 {
		t.Errorf("six pages took %d sheets", len(sheets))
	}
	if got := text(first); got != want {
		t.Error("a page that is being read has changed")
	}
	firstDone()
	for range 3 {
		_, done := read()
		done()
	}
	if got := text(kept); got != want {
		t.Error("a page that was never put down has changed")
	}
}

// BenchmarkScrapeServers is one scrape of 10,000 real servers in tier basic as
// text. What is asked: at most 0.1 s of CPU and 20 MB allocated.
func BenchmarkScrapeServers(b *testing.B) {
	var now clock
	l, c := manyServers(10_000)
	opts := full(&now)
	opts.Tier = TierBasic
	src := &fixed{}
	all := collector(b, opts, src)
	b.ReportAllocs()
	for b.Loop() {
		now.move(time.Second)
		c.At += event.Instant(time.Second)
		l.Counters(1, c)
		src.view = l.View()
		families, done, err := pages{all}.Gather()
		if err != nil {
			b.Fatal(err)
		}
		enc := expfmt.NewEncoder(io.Discard, expfmt.NewFormat(expfmt.TypeTextPlain))
		for _, f := range families {
			if err := enc.Encode(f); err != nil {
				b.Fatal(err)
			}
		}
		done()
	}
}

// manyServers is a ledger of n real servers in services of fifty, and counters
// for them.
func manyServers(n uint32) (*ledger.Ledger, *event.Counters) {
	l, c := ledger.New(), &event.Counters{Generation: 1, HasPool: true}
	var rows []event.Row
	for i := range n {
		id := i / 50
		web := event.VirtualServer{Protocol: event.ProtocolTCP, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(id >> 8), byte(id)}), 80)}
		if i%50 == 0 {
			rows = append(rows, event.Row{Service: &event.ServiceRow{Subject: web.Subject(), ID: id, VirtualServer: web}})
			c.Services = append(c.Services, event.ServiceTally{ID: id, State: event.Up})
		}
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80)
		rows = append(rows, event.Row{Server: &event.ServerRow{
			Subject: event.ServerSubject(web.Subject().Name, addr, false), ID: i, Service: id, Addr: addr,
			Checks: []event.CheckRow{{ID: i, Checker: event.CheckerTCP, Index: 1}},
		}})
		c.Servers = append(c.Servers, event.ServerTally{ID: i, Service: id, State: event.Up, Weight: 1, Active: i, Stats: event.IPVSStats{Conns: uint64(i)}})
		c.Checks = append(c.Checks, event.CheckTally{ID: i, Server: i, Checker: event.CheckerTCP, Up: true, Run: true, Attempts: uint64(i)})
	}
	l.ServerRows(1, rows)
	return l, c
}

// TestProbesHaveTraces: the histograms of checks lead to the trace of the newest check that was told, where it has what
// the histogram is of; and what becomes of traces is counted, all of it.
func TestProbesHaveTraces(t *testing.T) {
	l := picture()
	e := event.Event{
		Kind: event.CheckOutcome, Origin: event.RoleCheck, Epoch: 77, Seq: 5, At: event.Instant(time.Hour), Wall: 1_750_000_000_000_000_000,
		Subject: l.View().Pool.Services[0].Servers[0].Row.Subject, From: event.Up, To: event.Up, Reason: event.Slow,
	}
	e.Evidence.Check.Checker, e.Evidence.Check.Total = event.CheckerSSL, 300*time.Millisecond
	e.Evidence.Check.Phases[event.PhaseTLS-event.PhaseResolve] = 200 * time.Millisecond
	l.Apply(&e)
	text := page(t, gather(t, collector(t, full(&clock{}), &fixed{view: l.View()})), expfmt.NewFormat(expfmt.TypeOpenMetrics))
	marks := map[string]string{}
	decided := 0.0
	for line := range strings.SplitSeq(text, "\n") {
		if name, mark, ok := strings.Cut(line, ` # {trace_id="`+e.ID().String()+`"} `); ok {
			marks[name[:strings.IndexByte(name, '{')]] += mark + ";"
		}
		if rest, ok := strings.CutPrefix(line, "vigil_trace_decisions_total{"); ok {
			var n float64
			if _, err := fmt.Sscan(strings.Fields(rest)[1], &n); err != nil {
				t.Fatal(err)
			}
			decided += n
		}
	}
	whole, phase := marks["vigil_check_duration_seconds_bucket"], marks["vigil_check_phase_duration_seconds_bucket"]
	if !strings.HasPrefix(whole, "0.3 ") || !strings.HasPrefix(phase, "0.2 ") || len(marks) != 2 || strings.Count(whole+phase, ";") != 2 {
		t.Errorf("traces %v", marks)
	}
	if want := float64(l.View().Pool.Tally.Judged); decided != want || want == 0 {
		t.Errorf("%v decisions about %v checks", decided, want)
	}
}
