// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

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
	metric, _ := m.metric(name, true, labels)
	if metric == nil {
		return
	}
	out := &dto.Histogram{SampleSum: &h.sum, CreatedTimestamp: m.stamps.counter.CreatedTimestamp}
	buckets := m.arena.buckets.take(len(h.bounds))
	counts := m.arena.numbers.take(len(h.counts))
	out.Bucket = make([]*dto.Bucket, len(h.bounds), len(h.bounds)+1)
	var count uint64
	for i, n := range h.counts {
		count += n
		counts[i] = count
		if i < len(h.bounds) {
			buckets[i].UpperBound, buckets[i].CumulativeCount, buckets[i].Exemplar = &h.bounds[i], &counts[i], nil
			out.Bucket[i] = &buckets[i]
		}
	}
	out.SampleCount = &count
	metric.Histogram = out
	if h.native != nil {
		if err := m.stamps.native(out, h); err != nil {
			m.fail(name, err)
		}
	}
	if h.id == (event.ID{}) {
		return
	}
	e, err := m.stamps.exemplar(h.last, h.id, h.wall)
	if err != nil {
		m.fail(name, err)
		return
	}
	attach(out, e, h)
}

// attach puts an exemplar into its bucket; the one without bound is only sent
// when it has an exemplar.
func attach(out *dto.Histogram, e *dto.Exemplar, h hist) {
	if h.native != nil {
		out.Exemplars = append(out.Exemplars, e)
	}
	i, _ := slices.BinarySearch(h.bounds, h.last)
	if i == len(out.Bucket) {
		out.Bucket = append(out.Bucket, &dto.Bucket{UpperBound: &infinite, CumulativeCount: out.SampleCount})
	}
	out.Bucket[i].Exemplar = e
}

var infinite = math.Inf(1)

// stamps makes the values that client_golang knows how to make: times,
// exemplars, and the spans of native histograms.
type stamps struct {
	// counter carries the time when counting began.
	counter dto.Counter
	started time.Time
	plain   *prometheus.Desc
}

func newStamps(started time.Time) (*stamps, error) {
	s := &stamps{started: started, plain: prometheus.NewDesc("plain", "none", nil, nil)}
	metric, err := prometheus.NewConstMetricWithCreatedTimestamp(s.plain, prometheus.CounterValue, 0, started)
	if err != nil {
		return nil, err
	}
	var out dto.Metric
	if err := metric.Write(&out); err != nil {
		return nil, err
	}
	s.counter.CreatedTimestamp = out.Counter.CreatedTimestamp
	return s, nil
}

// exemplar makes an exemplar with the trace id of a story.
func (s *stamps) exemplar(value float64, id event.ID, wall int64) (*dto.Exemplar, error) {
	one, err := prometheus.NewConstMetric(s.plain, prometheus.CounterValue, value)
	if err != nil {
		return nil, err
	}
	with, err := prometheus.NewMetricWithExemplars(one, prometheus.Exemplar{
		Value: value, Labels: prometheus.Labels{"trace_id": id.String()}, Timestamp: time.Unix(0, wall),
	})
	if err != nil {
		return nil, err
	}
	var out dto.Metric
	if err := with.Write(&out); err != nil {
		return nil, err
	}
	return out.Counter.Exemplar, nil
}

// zeroThreshold is the width of the zero bucket, which stays empty: 2^-128.
var zeroThreshold = math.Exp2(-128)

// native adds the native buckets to a classic histogram.
func (s *stamps) native(to *dto.Histogram, h hist) error {
	positive := make(map[int]int64, len(h.native))
	for _, b := range h.native {
		positive[b.Index] = int64(min(b.Count, math.MaxInt64))
	}
	metric, err := prometheus.NewConstNativeHistogram(s.plain, to.GetSampleCount(), h.sum, positive, nil, 0, ledger.NativeSchema, zeroThreshold, s.started)
	if err != nil {
		return err
	}
	var out dto.Metric
	if err := metric.Write(&out); err != nil {
		return err
	}
	from := out.Histogram
	to.Schema, to.ZeroThreshold, to.ZeroCount = from.Schema, from.ZeroThreshold, from.ZeroCount
	to.PositiveSpan, to.PositiveDelta = from.PositiveSpan, from.PositiveDelta
	return nil
}
