// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/vigild/vigild/engine/ledger"
)

// Bounds of what scrapes may ask for.
const (
	// refreshEvery is how often at most the worker is asked for its counters.
	refreshEvery = 200 * time.Millisecond
	// refreshWait is how long a scrape waits for them.
	refreshWait = 250 * time.Millisecond
)

// Collector fills the catalogue from a View. It is a prometheus.Collector and,
// with the metrics of the Go runtime and the process added, a Gatherer.
type Collector struct {
	src   Source
	opts  Options
	now   func() time.Time
	descs map[string]*desc
	parts []part
	reg   *prometheus.Registry

	mu        sync.Mutex
	refreshed time.Time
}

// part is one collector with its name.
type part struct {
	name string
	emit func(*emitter, *ledger.View)
}

var (
	_ prometheus.Collector = (*Collector)(nil)
	_ prometheus.Gatherer  = (*Collector)(nil)
)

// New returns a Collector over src.
func New(opts Options, src Source) *Collector {
	c := &Collector{src: src, opts: opts, now: opts.Now, descs: descs(), reg: prometheus.NewRegistry()}
	if c.now == nil {
		c.now = time.Now
	}
	if c.opts.Started.IsZero() {
		c.opts.Started = c.now()
	}
	c.parts = []part{
		{PartVRRP, c.vrrp},
		{PartTrack, c.track},
		{PartNotify, c.notify},
		{PartProcess, c.process},
		{PartConfig, c.config},
		{PartExits, c.exits},
	}
	c.reg.MustRegister(
		c,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return c
}

// Gather implements prometheus.Gatherer: the catalogue, go_* and process_*.
func (c *Collector) Gather() ([]*dto.MetricFamily, error) { return c.reg.Gather() }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d.prom
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(out chan<- prometheus.Metric) {
	v := c.view()
	self := &emitter{descs: c.descs, out: out, started: c.opts.Started}
	for _, p := range c.parts {
		start := c.now()
		err := c.emit(p, v, out)
		self.seconds("vigil_collector_duration_seconds", c.now().Sub(start), p.name)
		self.truth("vigil_collector_success", err == nil, p.name)
		if err != nil {
			out <- prometheus.NewInvalidMetric(c.descs["vigil_collector_success"].prom, fmt.Errorf("collector %s: %w", p.name, err))
		}
	}
}

// emit runs one part. A part that panics over a picture it did not expect
// fails alone; the others are still shown.
func (c *Collector) emit(p part, v *ledger.View, out chan<- prometheus.Metric) (err error) {
	m := &emitter{descs: c.descs, out: out, started: c.opts.Started}
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
