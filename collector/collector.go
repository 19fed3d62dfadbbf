// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"github.com/vigild/vigild/engine/ledger"
)

// Bounds of what scrapes may ask for.
const (
	// refreshEvery is how often at most the worker is asked for its counters,
	// and how long a page is good for while no event changes the picture.
	refreshEvery = 200 * time.Millisecond
	// refreshWait is how long a scrape waits for them.
	refreshWait = 250 * time.Millisecond
)

// Collector fills the catalogue from a View. It is a Gatherer, with the
// metrics of the Go runtime and the process added.
type Collector struct {
	src    Source
	opts   Options
	now    func() time.Time
	descs  map[string]*desc
	parts  []part
	stamps *stamps
	// reg holds go_*, process_* and what promhttp counts.
	reg *prometheus.Registry

	mu        sync.Mutex
	refreshed time.Time
	// page is the last gathering, free the memory of one that nobody reads.
	page *gathering
	free *sheet
}

// part is one collector with its name.
type part struct {
	name string
	emit func(*emitter, *ledger.View)
}

var _ prometheus.Gatherer = (*Collector)(nil)

// New returns a Collector over src.
func New(opts Options, src Source) (*Collector, error) {
	c := &Collector{src: src, opts: opts, now: opts.Now, descs: descs(), reg: prometheus.NewRegistry()}
	if c.now == nil {
		c.now = time.Now
	}
	if c.opts.Started.IsZero() {
		c.opts.Started = c.now()
	}
	var err error
	if c.stamps, err = newStamps(c.opts.Started); err != nil {
		return nil, fmt.Errorf("time of start: %w", err)
	}
	c.parts = []part{
		{PartVRRP, c.vrrp},
		{PartTrack, c.track},
		{PartCheck, c.checks},
		{PartIPVS, c.ipvs},
		{PartNotify, c.notify},
		{PartProcess, c.process},
		{PartConfig, c.config},
		{PartExits, c.exits},
	}
	for _, of := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := c.reg.Register(of); err != nil {
			return nil, fmt.Errorf("metrics of this process: %w", err)
		}
	}
	return c, nil
}

// Gather implements prometheus.Gatherer: the catalogue, go_* and process_*, in
// the order of their names. Whoever asks within refreshEvery of another, while
// nothing happened, gets the same page: it must not be changed.
func (c *Collector) Gather() ([]*dto.MetricFamily, error) {
	p := c.gather()
	return slices.Clone(p.families), p.err // never put down
}

// pages is the Gatherer of those who say when they are done with a page.
type pages struct{ c *Collector }

// Gather implements prometheus.TransactionalGatherer.
func (g pages) Gather() ([]*dto.MetricFamily, func(), error) {
	p := g.c.gather()
	return slices.Clone(p.families), func() { g.c.done(p) }, p.err
}

// gathering is one page and how many are reading it.
type gathering struct {
	families []*dto.MetricFamily
	err      error
	sheet    *sheet
	readers  int
	// shown is the picture that it is of, at the time when it was made.
	shown *ledger.View
	at    time.Time
}

// gather returns a page for one more reader.
func (c *Collector) gather() *gathering {
	v := c.view()
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.page; p != nil {
		if age := now.Sub(p.at); v == p.shown && age >= 0 && age < refreshEvery {
			p.readers++
			return p
		}
	}
	p := &gathering{sheet: c.blank(), shown: v, at: now, readers: 1}
	families, err := c.fill(p.sheet, v)
	others, otherErr := c.reg.Gather()
	p.families, p.err = append(families, others...), errors.Join(err, otherErr)
	slices.SortFunc(p.families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	was := c.page
	c.page = p
	if was != nil && was.readers == 0 {
		c.free = was.sheet
	}
	return p
}

// done puts a page down. The memory of one that nobody reads, and nobody will,
// serves the next.
func (c *Collector) done(p *gathering) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.readers--; p.readers == 0 && p != c.page {
		c.free = p.sheet
	}
}

// blank returns an empty sheet.
func (c *Collector) blank() *sheet {
	s := c.free
	if c.free = nil; s == nil {
		return &sheet{descs: c.descs, families: map[string]*dto.MetricFamily{}, stamps: c.stamps}
	}
	s.empty()
	return s
}

// fill makes the families of the catalogue from a picture.
func (c *Collector) fill(s *sheet, v *ledger.View) ([]*dto.MetricFamily, error) {
	self := &emitter{sheet: s}
	var errs []error
	for _, p := range c.parts {
		start := c.now()
		err := emit(s, p, v)
		self.seconds("vigil_collector_duration_seconds", c.now().Sub(start), p.name)
		self.truth("vigil_collector_success", err == nil, p.name)
		if err != nil {
			errs = append(errs, fmt.Errorf("collector %s: %w", p.name, err))
		}
	}
	return s.list(), errors.Join(append(errs, self.err)...)
}

// emit runs one part. A part that panics over a picture it did not expect
// fails alone; the others are still shown.
func emit(s *sheet, p part, v *ledger.View) (err error) {
	m := &emitter{sheet: s}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	p.emit(m, v)
	return m.err
}

// view returns a picture with counters that are at most refreshEvery old.
func (c *Collector) view() *ledger.View {
	c.mu.Lock()
	now := c.now()
	due := now.Sub(c.refreshed) >= refreshEvery || now.Before(c.refreshed)
	if due {
		c.refreshed = now
	}
	c.mu.Unlock()
	if !due {
		return c.src.View()
	}
	ctx, cancel := context.WithTimeout(context.Background(), refreshWait)
	defer cancel()
	return c.src.Refresh(ctx)
}
