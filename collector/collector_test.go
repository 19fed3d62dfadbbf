// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

var update = flag.Bool("update", false, "write the golden files")

func collector(t testing.TB, opts Options, src Source) *Collector {
	t.Helper()
	c, err := New(opts, src)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// gather returns the families of the catalogue, and checks what a registry
// would: no series twice, labels in order, and nothing without a value.
func gather(t *testing.T, c *Collector) []*dto.MetricFamily {
	t.Helper()
	all, err := c.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []*dto.MetricFamily
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "vigil_") {
			out = append(out, f)
		}
	}
	for _, f := range out {
		seen := map[string]bool{}
		for _, m := range f.GetMetric() {
			key, last := "", ""
			for _, l := range m.GetLabel() {
				if l.GetName() <= last {
					t.Errorf("%s: label %s out of order", f.GetName(), l.GetName())
				}
				last = l.GetName()
				key += fmt.Sprintf("%s=%q,", last, l.GetValue())
			}
			if seen[key] {
				t.Errorf("%s{%s} is there twice", f.GetName(), key)
			}
			seen[key] = true
			if m.Counter == nil && m.Gauge == nil && m.Histogram == nil {
				t.Errorf("%s{%s} has no value", f.GetName(), key)
			}
		}
	}
	return out
}

func page(t *testing.T, families []*dto.MetricFamily, format expfmt.Format) string {
	t.Helper()
	var b bytes.Buffer
	enc := expfmt.NewEncoder(&b, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	if c, ok := enc.(expfmt.Closer); ok {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("%s differs at line %d:\ngot  %s\nwant %s", path, i+1, strings.Join(a[min(i, len(a)):min(i+3, len(a))], "\n"), strings.Join(b[min(i, len(b)):min(i+3, len(b))], "\n"))
		}
	}
}

func TestPageGolden(t *testing.T) {
	families := gather(t, collector(t, full(&clock{}), &fixed{view: picture().View()}))
	// The version of Go is no fact of ours.
	text := page(t, families, expfmt.NewFormat(expfmt.TypeTextPlain))
	var lines []string
	for l := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(l, "vigil_build_info{") {
			lines = append(lines, l)
		}
	}
	golden(t, "metrics.golden", strings.Join(lines, "\n"))
}

// TestCatalogueIsWhatIsEmitted holds the list against the page, both ways.
func TestCatalogueIsWhatIsEmitted(t *testing.T) {
	emitted := map[string]*dto.MetricFamily{}
	for _, f := range gather(t, collector(t, full(&clock{}), &fixed{view: picture().View()})) {
		emitted[f.GetName()] = f
	}
	types := map[Type]dto.MetricType{Gauge: dto.MetricType_GAUGE, Counter: dto.MetricType_COUNTER, Histogram: dto.MetricType_HISTOGRAM}
	seen := map[string]bool{}
	for _, m := range Metrics() {
		if seen[m.Name] {
			t.Errorf("%s is in the catalogue twice", m.Name)
		}
		seen[m.Name] = true
		f := emitted[m.Name]
		if f == nil {
			t.Errorf("%s is in the catalogue and not on the page", m.Name)
			continue
		}
		delete(emitted, m.Name)
		if f.GetType() != types[m.Type] || f.GetHelp() != m.Help || f.GetUnit() != m.Unit {
			t.Errorf("%s: type %v, unit %q, help %q", m.Name, f.GetType(), f.GetUnit(), f.GetHelp())
		}
		if m.Unit != "" && !strings.HasSuffix(strings.TrimSuffix(m.Name, "_total"), "_"+m.Unit) {
			t.Errorf("%s does not end with its unit %s", m.Name, m.Unit)
		}
		for _, metric := range f.GetMetric() {
			var labels []string
			for _, l := range metric.GetLabel() {
				labels = append(labels, l.GetName())
			}
			want := slices.Sorted(slices.Values(m.Labels))
			if slices.Sort(labels); !slices.Equal(labels, want) {
				t.Errorf("%s has labels %v, want %v", m.Name, labels, want)
			}
		}
	}
	for name := range emitted {
		t.Errorf("%s is on the page and not in the catalogue", name)
	}
}

func TestNamesAreGood(t *testing.T) {
	problems, err := testutil.GatherAndLint(collector(t, full(&clock{}), &fixed{view: picture().View()}))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestPromtool asks the real thing.
func TestPromtool(t *testing.T) {
	c := collector(t, full(&clock{}), &fixed{view: picture().View()})
	families, err := c.Gather()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(page(t, families, expfmt.NewFormat(expfmt.TypeTextPlain)))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestClosedSeriesAreThereFromTheStart: an instance about which nothing is
// known yet has all its series, at 0.
func TestClosedSeriesAreThereFromTheStart(t *testing.T) {
	l := ledger.New()
	l.Rows(rows())
	families := gather(t, collector(t, Options{Now: (&clock{}).now}, &fixed{view: l.View()}))
	want := map[string]int{
		"vigil_vrrp_transitions_total":                  2 * len(event.Transitions()),
		"vigil_vrrp_receive_errors_total":               2 * event.RejectCount,
		"vigil_vrrp_state":                              2 * len(event.VRRPStates()),
		"vigil_vrrp_conflicting_adverts_received_total": 2 * 3,
		"vigil_vrrp_vip_owned":                          3,
		"vigil_vrrp_router_errors_total":                4,
		"vigil_vrrp_failover_phase_duration_seconds":    ledger.PhaseCount,
		"vigil_notify_failures_total":                   len(Channels()) * 14,
		"vigil_notify_dropped_total":                    len(Channels()) * 2,
		"vigil_process_up":                              2,
		"vigil_track_script_failures_total":             4,
	}
	for _, f := range families {
		n, ok := want[f.GetName()]
		if !ok {
			continue
		}
		delete(want, f.GetName())
		if len(f.GetMetric()) != n {
			t.Errorf("%s: %d series, want %d", f.GetName(), len(f.GetMetric()), n)
		}
		for _, m := range f.GetMetric() {
			if m.GetCounter().GetValue() != 0 {
				t.Errorf("%s is %v before anything happened", f.GetName(), m)
			}
		}
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

func TestExemplarsAndNativeHistograms(t *testing.T) {
	v := picture().View()
	id := v.Instance("VI_1").Last.ID().String()
	families := gather(t, collector(t, full(&clock{}), &fixed{view: v}))

	text := page(t, families, expfmt.NewFormat(expfmt.TypeOpenMetrics))
	for _, want := range []string{
		`vigil_vrrp_transitions_total{from="backup",reason="master_down_timer",to="master",vrrp_instance="VI_1"} 1.0 # {trace_id="` + id + `"} 1.0`,
		`vigil_vrrp_failover_phase_duration_seconds_bucket{phase="detect",le="5.0"} 1 # {trace_id="` + id + `"} 3.6`,
		"# UNIT vigil_vrrp_failover_phase_duration_seconds seconds",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the OpenMetrics page lacks %s", want)
		}
	}
	for _, f := range families {
		if f.GetName() != "vigil_vrrp_failover_phase_duration_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			if h.GetSampleCount() == 0 {
				t.Errorf("%v was not observed", m.GetLabel())
			}
			if h.GetSchema() != ledger.NativeSchema || len(h.GetPositiveSpan()) != 1 || len(h.GetExemplars()) != 1 || len(h.GetBucket()) < 14 {
				t.Errorf("%v: schema %d, spans %v, exemplars %v, %d classic buckets", m.GetLabel(), h.GetSchema(), h.GetPositiveSpan(), h.GetExemplars(), len(h.GetBucket()))
			}
		}
	}
}

// TestManyScrapesAskSeldom: however many scrapes there are, the worker is
// asked at most once for each fifth of a second.
func TestManyScrapesAskSeldom(t *testing.T) {
	var now clock
	src := &fixed{view: picture().View()}
	c := collector(t, full(&now), src)
	for round := range 3 {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := c.Gather(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := src.refreshes.Load(); n != int64(round+1) {
			t.Errorf("after round %d the worker was asked %d times", round+1, n)
		}
		now.move(refreshEvery)
	}
}

// TestPageIsSharedWhileNothingHappens, and only then.
func TestPageIsSharedWhileNothingHappens(t *testing.T) {
	var now clock
	l := picture()
	src := &fixed{view: l.View()}
	c := collector(t, full(&now), src)
	made := func() bool {
		if _, err := c.Gather(); err != nil {
			t.Fatal(err)
		}
		return c.page.shown == src.view && c.page.at.Equal(now.now())
	}
	if !made() {
		t.Error("the first page is not of now")
	}
	now.move(refreshEvery / 2)
	if made() {
		t.Error("nothing happened and a new page was made")
	}
	l.Apply(&event.Event{Epoch: 9, Seq: 1, Kind: event.ClockStepped, At: event.Instant(time.Minute)})
	src.view = l.View()
	if !made() {
		t.Error("an event happened and the old page was shown")
	}
	now.move(refreshEvery)
	if !made() {
		t.Error("the page is too old and was shown")
	}
}

// TestCatalogueIsKept: what does not fit the catalogue is not emitted, and told.
func TestCatalogueIsKept(t *testing.T) {
	for _, c := range []struct {
		emit func(*emitter)
		want error
	}{
		{func(m *emitter) { m.number("vigil_nothing", 1) }, errUnknown},
		{func(m *emitter) { m.number("vigil_vrrp_state", 1, "VI_1") }, errLabels},
		{func(m *emitter) { m.number("vigil_notify_duration_seconds", 1, "smtp") }, errType},
		{func(m *emitter) { m.histogram("vigil_vrrp_priority", hist{}, "VI_1") }, errType},
		{func(m *emitter) { m.marked("vigil_nothing", 1, ledger.Mark{}) }, errUnknown},
		{func(m *emitter) { m.number("vigil_vrrp_priority", 1, "VI_1") }, nil},
	} {
		s := &sheet{descs: descs(), families: map[string]*dto.MetricFamily{}, stamps: &stamps{}}
		err := emit(s, part{"test", func(m *emitter, _ *ledger.View) { c.emit(m) }}, nil)
		if !errors.Is(err, c.want) || (len(s.list()) == 1) != (c.want == nil) {
			t.Errorf("%v, want %v; %d families", err, c.want, len(s.list()))
		}
	}
}

func TestClockThatWentBackStillRefreshes(t *testing.T) {
	var now clock
	src := &fixed{view: picture().View()}
	c := collector(t, full(&now), src)
	c.view()
	now.move(-time.Hour)
	c.view()
	if n := src.refreshes.Load(); n != 2 {
		t.Errorf("the worker was asked %d times", n)
	}
}

// TestNamesFromAConfigurationCannotBreakThePage: bytes that are no UTF-8,
// quotes, line breaks, and the same thing twice.
func TestNamesFromAConfigurationCannotBreakThePage(t *testing.T) {
	odd := event.Subject{Kind: event.SubjectInstance, Name: "a\"b\\c\nd\xff\xfe", Family: 4, VRID: 1}
	all := rows()
	for _, r := range rows() {
		if r.Address != nil || r.Track != nil {
			all = append(all, r) // everything twice
		}
	}
	all = append(all,
		event.Row{Instance: &event.InstanceRow{Subject: odd}},
		event.Row{Instance: &event.InstanceRow{Subject: odd}},
		event.Row{Group: &event.GroupRow{Subject: event.Subject{Kind: event.SubjectGroup, Name: "G2"}, Members: []string{"VI_1", "VI_1"}}},
	)
	l := picture()
	l.Rows(all)
	families := gather(t, collector(t, full(&clock{}), &fixed{view: l.View()}))
	text := page(t, families, expfmt.NewFormat(expfmt.TypeTextPlain))
	if !strings.Contains(text, `vrrp_instance="a\"b\\c\nd`) {
		t.Error("the odd instance is not on the page")
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := parser.TextToMetricFamilies(strings.NewReader(text)); err != nil {
		t.Error(err)
	}
}

// TestOnePartFailsAlone: an exit whose counts panic costs its own metrics.
func TestOnePartFailsAlone(t *testing.T) {
	opts := full(&clock{})
	opts.Log = func() LogStats { panic("no log") }
	c := collector(t, opts, &fixed{view: picture().View()})
	families, err := c.Gather()
	if err == nil || !strings.Contains(err.Error(), "collector exits") {
		t.Errorf("the failure is not told: %v", err)
	}
	success := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "vigil_collector_success" {
			for _, m := range f.GetMetric() {
				success[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	if success[PartExits] != 0 || success[PartVRRP] != 1 || len(success) != 8 {
		t.Errorf("success: %v", success)
	}
}

func BenchmarkGather(b *testing.B) {
	var now clock
	l := ledger.New()
	var all []event.Row
	for i := range 255 {
		s := event.Subject{Kind: event.SubjectInstance, Name: "VI_" + string(rune('A'+i%26)) + string(rune('a'+i/26)), VRID: uint8(i)}
		all = append(all, event.Row{Instance: &event.InstanceRow{Subject: s}})
	}
	l.Rows(all)
	c := collector(b, Options{Now: now.now}, &fixed{view: l.View()})
	c.now = func() time.Time { now.move(refreshEvery); return now.now() }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
