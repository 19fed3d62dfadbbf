// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/vigild/vigild/engine/event"
)

// slabSize is how many values a slab has.
const slabSize = 1024

// slabs hands out values from large pieces of memory, and all of them again
// after rewind: what is taken is whatever was left there.
type slabs[T any] struct {
	all [][]T
	// next is the slab that is handed out, used how much of it is.
	next, used int
}

// take cuts n values off.
func (s *slabs[T]) take(n int) []T {
	for s.next < len(s.all) && s.used+n > len(s.all[s.next]) {
		s.next, s.used = s.next+1, 0
	}
	if s.next == len(s.all) {
		s.all, s.used = append(s.all, make([]T, max(n, slabSize))), 0
	}
	out := s.all[s.next][s.used : s.used+n : s.used+n]
	s.used += n
	return out
}

func (s *slabs[T]) rewind() { s.next, s.used = 0, 0 }

// arena is the memory of the small values of a page.
type arena struct {
	metrics  slabs[dto.Metric]
	pairs    slabs[dto.LabelPair]
	pointers slabs[*dto.LabelPair]
	counters slabs[dto.Counter]
	gauges   slabs[dto.Gauge]
	buckets  slabs[dto.Bucket]
	floats   slabs[float64]
	numbers  slabs[uint64]
	strings  slabs[string]
}

func (a *arena) rewind() {
	a.metrics.rewind()
	a.pairs.rewind()
	a.pointers.rewind()
	a.counters.rewind()
	a.gauges.rewind()
	a.buckets.rewind()
	a.floats.rewind()
	a.numbers.rewind()
	a.strings.rewind()
}

// empty makes a page that nobody reads any more ready for the next gathering.
func (s *sheet) empty() {
	s.arena.rewind()
	for _, f := range s.families {
		f.Metric = f.Metric[:0]
	}
	if len(s.sets) > 1<<16 {
		clear(s.sets) // servers of long ago
	}
}

// setKey is a real server, or one of its checks.
type setKey struct {
	server event.Subject
	check  string
}

// labelled emits a gauge or counter of a real server, or of one of its checks
// if check is not empty. There are so many of them that their labels are made
// once and kept.
func (m *emitter) labelled(name string, value float64, server event.Subject, check string) {
	d := m.descs[name]
	switch {
	case d == nil:
		m.fail(name, errUnknown)
		return
	case d.Type == Histogram:
		m.fail(name, errType)
		return
	case len(d.Labels) != 2 && check == "" || len(d.Labels) != 3 && check != "":
		m.fail(name, errLabels)
		return
	}
	m.set(m.place(d, m.setOf(setKey{server, check})), d, value)
}

func (m *emitter) setOf(key setKey) []*dto.LabelPair {
	if set, ok := m.sets[key]; ok {
		return set
	}
	pair := func(name, value string) *dto.LabelPair {
		value = strings.ToValidUTF8(value, "\uFFFD")
		return &dto.LabelPair{Name: &name, Value: &value}
	}
	// In the order of the names.
	set := []*dto.LabelPair{pair("real_server", key.server.Sub), pair("virtual_server", key.server.Name)}
	if key.check != "" {
		set = append([]*dto.LabelPair{pair("checker", key.check)}, set...)
	}
	if m.sets == nil {
		m.sets = map[setKey][]*dto.LabelPair{}
	}
	m.sets[key] = set
	return set
}
