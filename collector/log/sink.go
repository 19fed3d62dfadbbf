// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Sink writes events, and a process's own lines, to all outputs.
type Sink struct {
	level    slog.Level
	sentence func(*event.Event) string
	outlets  []*outlet

	mu      sync.Mutex
	repeats repeats
	timer   *time.Timer
	closed  bool
	lines   [4]uint64
	held    uint64
}

// Stats are the counters of a Sink since its start.
type Stats struct {
	// Lines counts lines by event.Severity.
	Lines [4]uint64
	// Held counts lines that were summed up because they repeated others.
	Held    uint64
	Outputs []OutputStats
}

// New opens the outputs. One that cannot be opened is in the error; the Sink
// writes to the others, and to the console if there is none.
func New(o Options) (*Sink, error) {
	s := &Sink{level: level(o.Level), sentence: o.Sentence, repeats: repeats{spells: map[kind]*spell{}}}
	err := s.open(&o)
	return s, err
}

// Events takes edges in order. It never blocks.
func (s *Sink) Events(es []event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range es {
		e := &es[i]
		if e.Snapshot || level(e.Severity()) < s.level {
			continue
		}
		ok, early := s.repeats.pass(e, now)
		s.sums(early)
		if ok {
			s.say(e, 0)
		} else {
			s.held++
		}
	}
	s.watch(now)
}

// say writes one event to all outputs.
func (s *Sink) say(e *event.Event, more int) {
	own := *e
	sentence := ""
	if s.sentence != nil {
		sentence = s.sentence(&own)
	}
	s.lines[e.Severity()]++
	s.put(&entry{rec: record(&own, sentence, more), ev: &own, sentence: sentence, repeats: more})
}

func (s *Sink) put(e *entry) {
	for _, o := range s.outlets {
		o.push(e)
	}
}

func (s *Sink) sums(list []sum) {
	for _, x := range list {
		s.held--
		s.say(&x.last, x.more)
	}
}

// watch has what is held back written when its time has come.
func (s *Sink) watch(now time.Time) {
	if s.timer != nil || len(s.repeats.order) == 0 || s.closed {
		return
	}
	s.timer = time.AfterFunc(s.repeats.order[0].until.Sub(now), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.timer = nil
		now := time.Now()
		s.sums(s.repeats.over(now, false))
		s.watch(now)
	})
}

// Handler returns a handler for what a process says about its own life.
func (s *Sink) Handler() slog.Handler { return &handler{sink: s} }

// Reopen opens files anew, for log rotation.
func (s *Sink) Reopen() {
	for _, o := range s.outlets {
		o.mu.Lock()
		o.again = true
		o.mu.Unlock()
		o.rouse()
	}
}

// Close writes what waits, until ctx is done.
func (s *Sink) Close(ctx context.Context) {
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.sums(s.repeats.over(time.Now(), true))
	s.closed = true
	s.mu.Unlock()
	for _, o := range s.outlets {
		o.close(ctx)
	}
}

// Stats returns the counters.
func (s *Sink) Stats() Stats {
	s.mu.Lock()
	out := Stats{Lines: s.lines, Held: s.held}
	s.mu.Unlock()
	for _, o := range s.outlets {
		out.Outputs = append(out.Outputs, o.snapshot())
	}
	return out
}

// handler hands slog records to the outputs.
type handler struct {
	sink *Sink
	// with rebuilds a record with the attributes and groups of the logger.
	with []func(slog.Record) slog.Record
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.sink.level }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	own := r.Clone()
	for _, f := range slices.Backward(h.with) {
		own = f(own)
	}
	h.sink.mu.Lock()
	defer h.sink.mu.Unlock()
	h.sink.lines[severity(own.Level)]++
	h.sink.put(&entry{rec: own})
	return nil
}

func severity(l slog.Level) event.Severity {
	switch {
	case l < slog.LevelInfo:
		return event.Debug
	case l < slog.LevelWarn:
		return event.Info
	case l < slog.LevelError:
		return event.Warn
	}
	return event.Error
}

func (h *handler) extend(f func(slog.Record) slog.Record) slog.Handler {
	return &handler{sink: h.sink, with: append(slices.Clone(h.with), f)}
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.extend(func(r slog.Record) slog.Record { return rebuilt(r, attrs, "") })
}

func (h *handler) WithGroup(name string) slog.Handler {
	return h.extend(func(r slog.Record) slog.Record { return rebuilt(r, nil, name) })
}

// rebuilt is a record with attributes in front, all that it has in a group if
// that has a name.
func rebuilt(r slog.Record, front []slog.Attr, group string) slog.Record {
	out := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	out.AddAttrs(front...)
	var own []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		own = append(own, a)
		return true
	})
	if group != "" {
		own = []slog.Attr{{Key: group, Value: slog.GroupValue(own...)}}
	}
	out.AddAttrs(own...)
	return out
}
