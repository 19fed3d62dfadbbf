// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigild/vigild/collector"
	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/collector/log"
	"github.com/vigild/vigild/collector/trace"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/run/observe"
	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/snmp"
)

// serveObserve is the observe role, as a process without any capability or as
// a goroutine.
func serveObserve(ctx context.Context, link *ipc.Link) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &watcher{
		ctx: ctx, said: make(chan event.Event, saidMax), log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		serving: map[string]context.CancelFunc{},
	}
	w.role = observe.New(link, observe.Options{
		Clock: role.SystemClock(), Prepare: w.prepare, Said: w.said, Settle: w.settle, Exits: w.parentExits,
	})
	defer w.servers.Wait()
	defer cancel()
	return w.role.Run(ctx)
}

// watcher is the observe role with everything that it is wired to. Its exits
// are made at the first generation and changed at later ones.
type watcher struct {
	ctx  context.Context //nolint:containedctx // the life of the role
	role *observe.Role
	said chan event.Event
	log  *slog.Logger

	sink    *log.Sink
	metrics *collector.Collector
	control *api.Server
	// parent is what the parent's exits counted last.
	parent atomic.Pointer[exitCounters]
	pages  http.Handler
	agent  *snmp.Agent
	mailer *notify.Mailer
	hooks  *notify.Webhooks
	traces *trace.Exporter
	bus    atomic.Pointer[busRole]

	servers sync.WaitGroup
	// serving ends the server of each listener, by its name.
	serving map[string]context.CancelFunc
	agentUp func()
}

// publish hands an event of an exit to the loop. An exit calls it from a
// goroutine of its own, never from within Events.
func (w *watcher) publish(e event.Event) {
	select {
	case w.said <- e:
	case <-w.ctx.Done():
	}
}

// prepare makes a generation ready without disturbing the one in force.
func (w *watcher) prepare(p *role.Prepared) (func() []role.Reader, error) {
	c, s, err := reparse(p)
	if err != nil {
		closeFiles(p.Files)
		return nil, err
	}
	c.Notify.SMTP, c.Notify.Webhooks = s.SMTP, s.Webhooks
	if err = collector.ValidateWeb(s.Observe.Web.ConfigFile); err == nil {
		if w.metrics == nil {
			err = w.build(s, &c.Notify)
		} else {
			err = notify.Validate(&c.Notify)
		}
	}
	if err != nil {
		closeFiles(p.Files)
		return nil, err
	}
	return func() []role.Reader {
		// What can be wrong with them was found above.
		if err := errors.Join(w.mailer.Configure(&c.Notify), w.hooks.Configure(&c.Notify)); err != nil {
			w.log.Error("notifiers", "error", err)
		}
		w.serve(p.Files, s.Observe.Web.ConfigFile)
		w.useBus(s.Bus)
		if w.agentUp == nil {
			ctx, cancel := context.WithCancel(w.ctx)
			w.agentUp = cancel
			w.servers.Go(func() {
				if err := w.agent.Run(ctx); err != nil {
					w.log.Error("snmp", "error", err)
				}
			})
		}
		return w.readers()
	}, nil
}

// build makes the exits.
func (w *watcher) build(s *shared, n *notify.Settings) error {
	o := notify.Options{Publish: w.publish, Sentence: explain.Sentence, Version: version}
	mailer, err := notify.NewMailer(n, o)
	if err != nil {
		return err
	}
	hooks, err := notify.NewWebhooks(n, o)
	if err != nil {
		return err
	}
	traces, err := trace.New(w.ctx, s.tracing())
	if err != nil {
		return err
	}
	if w.sink, err = s.observeLog().open(&s.Observe.Log); err != nil {
		w.log.Error("log", "error", err)
	}
	w.log = slog.New(w.sink.Handler())
	w.mailer, w.hooks, w.traces = mailer, hooks, traces
	w.control = api.New(w.role, api.Options{Version: version, Events: s.Observe.Retain.Events, Table: w.table, Running: w.running, Reload: w.reloadFor, Test: w.trial})
	w.agent = snmp.New(snmp.Options{
		Dial: w.dial, Always: s.SNMP || s.Observe.SNMP.Enabled, ConflictTraps: s.Observe.SNMP.ConflictTraps, Publish: w.publish,
		Set: w.setter(s.Observe.SNMP.Writes),
	}, w.role)
	var tier collector.Tier
	if err := tier.UnmarshalText([]byte(s.Observe.Metrics.Tier)); err != nil {
		return fmt.Errorf("metrics/tier: %w", err)
	}
	metrics, err := collector.New(collector.Options{
		Build: collector.Build{Version: version}, Started: time.Unix(0, s.Started), Channels: w.channels, Log: w.logged, OTLP: w.otlp,
		SNMP: w.snmp, Tier: tier,
	}, w.role)
	if err != nil {
		return err
	}
	w.metrics = metrics
	w.pages, err = w.metrics.Handler(collector.WebOptions{Lifecycle: s.Observe.Web.Lifecycle, Reload: w.reload, Logger: w.log})
	return err
}

// observeLog is where the observe role writes the few lines of its own: not to
// the file, which is the parent's.
func (s *shared) observeLog() logTo {
	t := s.Log
	t.File = ""
	return t
}

// tracing is where traces go.
func (s *shared) tracing() trace.Options {
	o := &s.Observe.OTLP
	t := trace.Options{
		Endpoint: o.Endpoint, Protocol: o.Protocol, Headers: o.Headers, Version: version, Sentence: explain.Sentence,
		URLs: map[string]string{}, MailServer: s.SMTP.Server,
	}
	if o.Endpoint == "" {
		t.Protocol = "" // then the environment decides both
	}
	for i := range s.Webhooks {
		t.URLs[s.Webhooks[i].Name] = s.Webhooks[i].URL
	}
	return t
}

func (w *watcher) readers() []role.Reader {
	return []role.Reader{
		w.control, w.traces, w.agent, w.bus.Load(),
		held{tellers(w.mailer.Events), func() bool { return w.mailer.Stats().Length > 0 }},
		held{tellers(w.hooks.Events), func() bool {
			for _, s := range w.hooks.Stats() {
				if s.Length > 0 {
					return true
				}
			}
			return false
		}},
	}
}

// held is an exit that works on events for some time.
type held struct {
	role.Reader
	waiting func() bool
}

func (h held) Holding() bool { return h.waiting() }

// serve answers on the listeners of a generation.
func (w *watcher) serve(files map[string]*os.File, webConfig string) {
	for name, stop := range w.serving {
		if files[name] == nil {
			stop()
			delete(w.serving, name)
		}
	}
	for name, f := range files {
		if w.serving[name] != nil {
			f.Close()
			continue
		}
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			w.log.Error("listen", "name", name, "error", err)
			continue
		}
		ctx, cancel := context.WithCancel(w.ctx)
		w.serving[name] = cancel
		pages, web := w.pages, webConfig
		if strings.HasPrefix(name, serveControl) {
			pages, web = w.control, "" // who may come in is said by the mode of the socket
			l = api.Peers(l)
		}
		w.servers.Go(func() {
			if err := collector.Serve(ctx, []net.Listener{l}, pages, web, w.log); err != nil {
				w.log.Error("serve", "name", name, "error", err)
			}
		})
	}
}

// dial gets a connection to the AgentX master from the parent.
func (w *watcher) dial(ctx context.Context) (net.Conn, error) {
	_, files, err := w.role.Call(ctx, commandDial, nil)
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("the parent passed %d connections", len(files))
	}
	return adopted(files[0])
}

// setter is what changes settings for managers, nil if they may not.
func (w *watcher) setter(writes bool) func(context.Context, snmp.Setting) error {
	if !writes {
		return nil
	}
	return func(ctx context.Context, s snmp.Setting) error {
		if s.Subject.Kind == event.SubjectRealServer {
			_, _, err := w.role.Call(ctx, parent.CommandWeight, parent.Weigh{Server: s.Subject, Weight: int32(s.Value), By: snmp.Who})
			return err
		}
		_, _, err := w.role.Call(ctx, parent.CommandSet, parent.Setting{Instance: s.Subject.Name, What: s.Subject.Sub, Value: s.Value, By: snmp.Who})
		return err
	}
}

// reload asks the parent to read the configuration anew.
func (w *watcher) reload(ctx context.Context) error {
	_, _, err := w.role.Call(ctx, parent.CommandReload, nil)
	return err
}

// reloadFor is reload for somebody at the control socket.
func (w *watcher) reloadFor(ctx context.Context, by string) error {
	_, _, err := w.role.Call(ctx, parent.CommandReload, parent.Asked{By: by})
	return err
}

// running asks the parent for the configuration in force.
func (w *watcher) running(ctx context.Context) (*api.Running, error) {
	body, files, err := w.role.Call(ctx, parent.CommandRunning, nil)
	if err != nil {
		return nil, err
	}
	text, err := onlySealed(files)
	if err != nil {
		return nil, err
	}
	out := &api.Running{Text: string(text)}
	return out, json.Unmarshal(body, out)
}

// onlySealed reads the one sealed file that came with an answer.
func onlySealed(files []*os.File) ([]byte, error) {
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if len(files) != 1 {
		return nil, fmt.Errorf("%d files came with the answer instead of one", len(files))
	}
	return proc.ReadSealed(files[0], role.ImageMax)
}

// table asks the check role for what its data plane has.
func (w *watcher) table(ctx context.Context) ([]byte, error) {
	_, files, err := w.role.Call(ctx, parent.CommandTable, nil)
	if err != nil {
		return nil, err
	}
	return onlySealed(files)
}

// settle gives every exit its time at the end, all at once.
func (w *watcher) settle(ctx context.Context) {
	if w.metrics == nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { w.mailer.Close(ctx) })
	wg.Go(func() { w.hooks.Close(ctx) })
	wg.Go(func() { w.bus.Load().close(ctx) })
	wg.Go(func() { w.traces.Shutdown(ctx) })
	wg.Go(func() {
		// Traps that were not delivered are in its counters.
		_ = w.agent.Flush(ctx)
	})
	wg.Wait()
	w.sink.Close(ctx)
}

func closeFiles(files map[string]*os.File) {
	for _, f := range files {
		f.Close()
	}
}
