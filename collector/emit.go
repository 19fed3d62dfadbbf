// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// desc is a line of the catalogue in the form in which it is sent.
type desc struct {
	Metric
	kind dto.MetricType
	// order are the places of Labels in the order of their names, which is how
	// a page has them.
	order []int
}

// descs are the lines of the catalogue by name.
func descs() map[string]*desc {
	types := map[Type]dto.MetricType{Gauge: dto.MetricType_GAUGE, Counter: dto.MetricType_COUNTER, Histogram: dto.MetricType_HISTOGRAM}
	out := map[string]*desc{}
	for _, m := range Metrics() {
		d := &desc{Metric: m, kind: types[m.Type]}
		for i := range m.Labels {
			d.order = append(d.order, i)
		}
		slices.SortFunc(d.order, func(a, b int) int { return strings.Compare(m.Labels[a], m.Labels[b]) })
		out[m.Name] = d
	}
	return out
}

// sheet is the families of one gathering. It builds them itself: a registry
// that checks and sorts each series anew costs five times as much.
type sheet struct {
	descs    map[string]*desc
	families map[string]*dto.MetricFamily
	stamps   *stamps
	arena    arena
	// sets are the labels of real servers and their checks, which many metrics
	// share.
	sets map[setKey][]*dto.LabelPair
}

// list returns the families in the order of their names.
func (s *sheet) list() []*dto.MetricFamily {
	out := make([]*dto.MetricFamily, 0, len(s.families))
	for _, f := range s.families {
		if len(f.Metric) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// emitter adds the metrics of one part. The first thing that goes wrong is
// kept in err, and the part counts as not successful.
type emitter struct {
	*sheet
	err error
}

func (m *emitter) fail(name string, err error) {
	if m.err == nil {
		m.err = fmt.Errorf("metric %s: %w", name, err)
	}
}

// Errors of a part that does not keep to the catalogue.
var (
	errUnknown = errors.New("is not in the catalogue")
	errType    = errors.New("is of another type in the catalogue")
	errLabels  = errors.New("has other labels in the catalogue")
)

// metric adds an empty metric to the family of that name, nil if the catalogue
// says otherwise.
func (m *emitter) metric(name string, histogram bool, labels []string) (*dto.Metric, *desc) {
	d := m.descs[name]
	switch {
	case d == nil:
		m.fail(name, errUnknown)
		return nil, nil
	case (d.Type == Histogram) != histogram:
		m.fail(name, errType)
		return nil, nil
	case len(labels) != len(d.Labels):
		m.fail(name, errLabels)
		return nil, nil
	}
	return m.place(d, m.pairs(d, labels)), d
}

// place adds an empty metric with these labels.
func (m *emitter) place(d *desc, labels []*dto.LabelPair) *dto.Metric {
	f := m.families[d.Name]
	if f == nil {
		f = &dto.MetricFamily{Name: &d.Name, Help: &d.Help, Type: &d.kind}
		if d.Unit != "" {
			f.Unit = &d.Unit
		}
		m.families[d.Name] = f
	}
	out := &m.arena.metrics.take(1)[0]
	out.Label, out.Gauge, out.Counter, out.Histogram = labels, nil, nil, nil
	f.Metric = append(f.Metric, out)
	return out
}

// pairs makes the labels of a metric. A name from a configuration file may
// hold any bytes; what is no UTF-8 no format can carry.
func (m *emitter) pairs(d *desc, labels []string) []*dto.LabelPair {
	if len(labels) == 0 {
		return nil
	}
	values, pairs, out := m.arena.strings.take(len(labels)), m.arena.pairs.take(len(labels)), m.arena.pointers.take(len(labels))
	for i, at := range d.order {
		values[i] = strings.ToValidUTF8(labels[at], "\uFFFD")
		pairs[i].Name, pairs[i].Value = &d.Labels[at], &values[i]
		out[i] = &pairs[i]
	}
	return out
}

// number emits a gauge or counter, whichever the catalogue says.
func (m *emitter) number(name string, value float64, labels ...string) {
	m.add(name, value, labels)
}

func (m *emitter) add(name string, value float64, labels []string) *dto.Metric {
	metric, d := m.metric(name, false, labels)
	if metric == nil {
		return nil
	}
	m.set(metric, d, value)
	return metric
}

// set gives a gauge or counter its value.
func (m *emitter) set(metric *dto.Metric, d *desc, value float64) {
	v := &m.arena.floats.take(1)[0]
	*v = value
	if d.Type == Counter {
		c := &m.arena.counters.take(1)[0]
		c.Value, c.CreatedTimestamp, c.Exemplar = v, m.stamps.counter.CreatedTimestamp, nil
		metric.Counter = c
		return
	}
	metric.Gauge = &m.arena.gauges.take(1)[0]
	metric.Gauge.Value = v
}

// truth emits 1 or 0.
func (m *emitter) truth(name string, value bool, labels ...string) {
	m.add(name, one(value), labels)
}

// seconds emits a duration.
func (m *emitter) seconds(name string, d time.Duration, labels ...string) {
	m.add(name, d.Seconds(), labels)
}

// stamp emits a wall clock in nanoseconds as seconds since the Unix epoch.
func (m *emitter) stamp(name string, wall int64, labels ...string) {
	m.add(name, float64(wall)/1e9, labels)
}

// marked emits a counter with the trace of its newest event as exemplar.
func (m *emitter) marked(name string, value uint64, mark ledger.Mark, labels ...string) {
	metric := m.add(name, float64(value), labels)
	if metric == nil || metric.Counter == nil || value == 0 || mark.ID == (event.ID{}) {
		return
	}
	e, err := m.stamps.exemplar(1, mark.ID, mark.Wall)
	if err != nil {
		m.fail(name, err)
		return
	}
	metric.Counter.Exemplar = e
}
