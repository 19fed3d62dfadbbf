// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// descs are the descriptions of the catalogue by name.
func descs() map[string]*desc {
	out := map[string]*desc{}
	for _, m := range Metrics() {
		d := prometheus.V2.NewDesc(m.Name, m.Help, prometheus.UnconstrainedLabels(m.Labels), nil, prometheus.WithUnit(m.Unit))
		out[m.Name] = &desc{Metric: m, prom: d}
	}
	return out
}

// desc is a line of the catalogue as client_golang wants it.
type desc struct {
	Metric
	prom *prometheus.Desc
}

// emitter sends the metrics of one part of one scrape. The first thing that
// goes wrong is kept in err, and the part counts as not successful.
type emitter struct {
	descs   map[string]*desc
	out     chan<- prometheus.Metric
	started time.Time
	err     error
}

func (m *emitter) fail(name string, err error) {
	if m.err == nil {
		m.err = fmt.Errorf("metric %s: %w", name, err)
	}
}

// number emits a gauge or counter, whichever the catalogue says.
func (m *emitter) number(name string, value float64, labels ...string) {
	if metric := m.build(name, value, labels); metric != nil {
		m.out <- metric
	}
}

// truth emits 1 or 0.
func (m *emitter) truth(name string, value bool, labels ...string) {
	v := 0.0
	if value {
		v = 1
	}
	m.number(name, v, labels...)
}

// seconds emits a duration.
func (m *emitter) seconds(name string, d time.Duration, labels ...string) {
	m.number(name, d.Seconds(), labels...)
}

// stamp emits a wall clock in nanoseconds as seconds since the Unix epoch.
func (m *emitter) stamp(name string, wall int64, labels ...string) {
	m.number(name, float64(wall)/1e9, labels...)
}

// marked emits a counter with the trace of its newest event as exemplar.
func (m *emitter) marked(name string, value uint64, mark ledger.Mark, labels ...string) {
	metric := m.build(name, float64(value), labels)
	if metric == nil {
		return
	}
	if value > 0 && mark.ID != (event.ID{}) {
		with, err := prometheus.NewMetricWithExemplars(metric, exemplar(1, mark.ID, mark.Wall))
		if err != nil {
			m.fail(name, err)
		} else {
			metric = with
		}
	}
	m.out <- metric
}

// build makes a gauge or counter.
func (m *emitter) build(name string, value float64, labels []string) prometheus.Metric {
	d := m.descs[name]
	if d == nil {
		m.fail(name, fmt.Errorf("is not in the catalogue"))
		return nil
	}
	var metric prometheus.Metric
	var err error
	if d.Type == Counter {
		metric, err = prometheus.NewConstMetricWithCreatedTimestamp(d.prom, prometheus.CounterValue, value, m.started, valid(labels)...)
	} else {
		metric, err = prometheus.NewConstMetric(d.prom, prometheus.GaugeValue, value, valid(labels)...)
	}
	if err != nil {
		m.fail(name, err)
		return nil
	}
	return metric
}

// valid makes label values that every format can carry: a name from a
// configuration file may hold any bytes.
func valid(labels []string) []string {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return labels
}

func exemplar(value float64, id event.ID, wall int64) prometheus.Exemplar {
	return prometheus.Exemplar{Value: value, Labels: prometheus.Labels{"trace_id": id.String()}, Timestamp: time.Unix(0, wall)}
}

// hist is a histogram counted elsewhere.
type hist struct {
	bounds []float64
	// counts has one number for each bucket, and one for the rest.
	counts []uint64
	sum    float64
	// native, if any, are its observations in exponential buckets.
	native ledger.Native
	// last, id and wall are the newest observation, for the exemplar.
	last float64
	id   event.ID
	wall int64
}

// phaseHist is a histogram of the ledger as hist.
func phaseHist(h *ledger.PhaseHist) hist {
	return hist{
		bounds: ledger.PhaseBounds(), counts: h.Counts[:], sum: h.Sum.Seconds(), native: h.Native,
		last: h.Last.Seconds(), id: h.LastID, wall: h.LastWall,
	}
}

// histogram emits a histogram with classic and, where known, native buckets.
func (m *emitter) histogram(name string, h hist, labels ...string) {
	d := m.descs[name]
	if d == nil {
		m.fail(name, fmt.Errorf("is not in the catalogue"))
		return
	}
	var count uint64
	buckets := make(map[float64]uint64, len(h.bounds))
	for i, n := range h.counts {
		count += n
		if i < len(h.bounds) {
			buckets[h.bounds[i]] = count
		}
	}
	metric, err := prometheus.NewConstHistogramWithCreatedTimestamp(d.prom, count, h.sum, buckets, m.started, valid(labels)...)
	if err != nil {
		m.fail(name, err)
		return
	}
	if h.native != nil {
		if metric, err = withNative(metric, d.prom, count, h, m.started, labels); err != nil {
			m.fail(name, err)
			return
		}
	}
	if h.id != (event.ID{}) {
		if metric, err = prometheus.NewMetricWithExemplars(metric, exemplar(h.last, h.id, h.wall)); err != nil {
			m.fail(name, err)
			return
		}
	}
	m.out <- metric
}

// both is a classic histogram with the native buckets of another one.
type both struct {
	prometheus.Metric
	native prometheus.Metric
}

func withNative(classic prometheus.Metric, d *prometheus.Desc, count uint64, h hist, started time.Time, labels []string) (prometheus.Metric, error) {
	positive := make(map[int]int64, len(h.native))
	for _, b := range h.native {
		positive[b.Index] = int64(min(b.Count, math.MaxInt64))
	}
	native, err := prometheus.NewConstNativeHistogram(d, count, h.sum, positive, nil, 0, ledger.NativeSchema, zeroThreshold, started, labels...)
	if err != nil {
		return nil, err
	}
	return &both{classic, native}, nil
}

// zeroThreshold is the width of the zero bucket, which stays empty: 2^-128.
var zeroThreshold = math.Exp2(-128)

// Write implements prometheus.Metric.
func (b *both) Write(out *dto.Metric) error {
	if err := b.Metric.Write(out); err != nil {
		return err
	}
	var n dto.Metric
	if err := b.native.Write(&n); err != nil {
		return err
	}
	h, from := out.Histogram, n.Histogram
	h.Schema, h.ZeroThreshold, h.ZeroCount = from.Schema, from.ZeroThreshold, from.ZeroCount
	h.PositiveSpan, h.PositiveDelta = from.PositiveSpan, from.PositiveDelta
	return nil
}
