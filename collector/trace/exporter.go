// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

const (
	// backlogMax is how many events wait to be told at most.
	backlogMax = 4096
	// shutdownMax bounds Shutdown whatever its context says: an exporter of
	// the library may otherwise take 10 s over a receiver that is away.
	shutdownMax = 2 * time.Second
)

// Exporter turns events into traces and log events and sends them. The zero
// cost case, no endpoint, is an Exporter that ignores everything.
type Exporter struct {
	opt    Options
	spans  *batcher[tracetest.SpanStub]
	logs   *batcher[sdklog.Record]
	teller *teller
	scribe *scribe
	ends   []func(context.Context) error

	view   atomic.Pointer[ledger.View]
	errors atomic.Uint64
	lost   atomic.Uint64
	open   atomic.Int64

	mu      sync.Mutex
	backlog []event.Event
	closed  bool
	wake    chan struct{}
	done    chan struct{}
}

// Stats are the counters of an Exporter since its start.
type Stats struct {
	Traces, Logs SignalStats
	// EventsDropped counts events that found the queue in front of the spans full.
	EventsDropped uint64
	// Errors counts errors that the OpenTelemetry library reported by itself.
	Errors uint64
	// Open is how many transitions wait for their parts.
	Open int
}

// New returns an Exporter. It connects to nothing yet; the error is about the
// options and the environment.
func New(ctx context.Context, o Options) (*Exporter, error) {
	o.complete()
	x := &Exporter{opt: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	traces, logs := o.wanted("TRACES"), o.wanted("LOGS")
	if !traces && !logs {
		close(x.done)
		return x, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { x.errors.Add(1) }))
	res := o.resource(ctx)
	if traces {
		out, err := o.traces(ctx)
		if err != nil {
			return nil, fmt.Errorf("export traces: %w", err)
		}
		x.spans = newBatcher(o.limits("OTEL_BSP_", 5*time.Second), func(ctx context.Context, s []tracetest.SpanStub) error {
			return out.ExportSpans(ctx, tracetest.SpanStubs(s).Snapshots())
		})
		x.teller = newTeller(&x.opt, res, x.spans.put)
		x.ends = append(x.ends, out.Shutdown)
	}
	if logs {
		out, err := o.logs(ctx)
		if err != nil {
			x.abandon()
			return nil, fmt.Errorf("export logs: %w", err)
		}
		x.logs = newBatcher(o.limits("OTEL_BLRP_", time.Second), out.Export)
		provider := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(intake{x.logs}))
		x.scribe = &scribe{log: provider.Logger("github.com/vigild/vigild"), sentence: o.Sentence}
		x.ends = append(x.ends, out.Shutdown)
	}
	go x.run()
	return x, nil
}

// abandon ends what New has started, when it cannot go on.
func (x *Exporter) abandon() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if x.spans != nil {
		x.spans.close(ctx)
	}
}

// Enabled says whether anything is exported.
func (x *Exporter) Enabled() bool { return x.spans != nil || x.logs != nil }

// Tracing says whether traces are exported, so that an exemplar may name one.
func (x *Exporter) Tracing() bool { return x.spans != nil }

// Events takes edges in order, with the picture after them. It never blocks.
func (x *Exporter) Events(v *ledger.View, es []event.Event) {
	if !x.Enabled() {
		return
	}
	if v != nil {
		x.view.Store(v)
	}
	x.mu.Lock()
	room := backlogMax - len(x.backlog)
	if x.closed {
		room = 0
	}
	take := min(room, len(es))
	x.backlog = append(x.backlog, es[:take]...)
	x.mu.Unlock()
	x.lost.Add(uint64(len(es) - take))
	x.rouse()
}

func (x *Exporter) rouse() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// run tells events, and lets go of transitions that have waited long enough.
func (x *Exporter) run() {
	defer close(x.done)
	for {
		timer := x.timer()
		select {
		case <-x.wake:
		case <-timer.C:
		}
		timer.Stop()
		x.mu.Lock()
		es, closed := x.backlog, x.closed
		x.backlog = nil
		x.mu.Unlock()
		x.tell(es, closed)
		if closed {
			return
		}
	}
}

func (x *Exporter) timer() *time.Timer {
	if x.teller != nil {
		if due, ok := x.teller.next(); ok {
			return time.NewTimer(time.Until(due))
		}
	}
	return time.NewTimer(time.Hour)
}

func (x *Exporter) tell(es []event.Event, all bool) {
	v := x.view.Load()
	if x.teller != nil {
		x.teller.view = v
	}
	for i := range es {
		if x.teller != nil {
			x.teller.tell(&es[i])
		}
		if x.scribe != nil {
			x.scribe.write(&es[i], v)
		}
	}
	if x.teller != nil {
		x.teller.expire(all)
		x.open.Store(int64(len(x.teller.open)))
	}
}

// Shutdown lets go of every open transition, sends what waits, once, and ends.
// It takes at most 2 s, less if ctx says so; what is not delivered by then is
// dropped and counted.
func (x *Exporter) Shutdown(ctx context.Context) {
	if !x.Enabled() {
		return
	}
	x.mu.Lock()
	again := x.closed
	x.closed = true
	x.mu.Unlock()
	if again {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, shutdownMax)
	defer cancel()
	x.rouse()
	<-x.done // it only moves memory
	var wg sync.WaitGroup
	if x.spans != nil {
		wg.Go(func() { x.spans.close(ctx) })
	}
	if x.logs != nil {
		wg.Go(func() { x.logs.close(ctx) })
	}
	wg.Wait()
	for _, end := range x.ends {
		if err := end(ctx); err != nil {
			x.errors.Add(1)
		}
	}
}

// Stats returns the counters.
func (x *Exporter) Stats() Stats {
	s := Stats{EventsDropped: x.lost.Load(), Errors: x.errors.Load(), Open: int(x.open.Load())}
	if x.spans != nil {
		s.Traces = x.spans.snapshot()
	}
	if x.logs != nil {
		s.Logs = x.logs.snapshot()
	}
	return s
}
