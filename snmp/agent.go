// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/snmp/agentx"
)

// Channel is the name of the channel in notify.sent and notify.failed.
const Channel = "snmp_trap"

// Who is what events call a manager that sets something.
const Who = "snmp"

// The times of the Agent.
const (
	// refreshSoon is how old the counters may be before fresh ones are asked for
	// beside a request, refreshAge before a request waits for them, and refreshWait
	// how long it does.
	refreshSoon = 200 * time.Millisecond
	refreshAge  = time.Second
	refreshWait = 100 * time.Millisecond
	// trapAge is how long a notification waits for a master agent.
	trapAge = 10 * time.Minute
	// lastWords is how long notifications may take when a reload changes what is
	// served.
	lastWords = time.Second
)

// maxOutcomes is how many outcomes of notifications may wait for Publish.
const maxOutcomes = 4096

// Source gives the ledger's Views.
type Source interface {
	// View is the newest View; nil or empty before the first event.
	View() *ledger.View
	// Refresh asks for fresh counters and returns the View with them, or the
	// newest one when ctx ends first.
	Refresh(ctx context.Context) *ledger.View
}

// Options is what an Agent needs to know.
type Options struct {
	// Dial connects to the AgentX master, as agentx.Dialer does, or asks
	// another process to.
	Dial func(ctx context.Context) (net.Conn, error)
	// Always serves whatever the configuration says (-x); else it is served
	// while enable_snmp_vrrp or another of these keywords is set.
	Always bool
	// ConflictTraps sends vigilConflictChange, where enable_traps is set.
	ConflictTraps bool
	// Set changes a setting until the next reload; nil where managers may not write,
	// who are told notWritable then.
	Set func(ctx context.Context, s Setting) error
	// Publish takes notify.sent and notify.failed and stamps Epoch, Seq, At, Wall
	// and Origin. It may block: it is called from a goroutine of its own. May be nil.
	Publish func(event.Event)
	// Notice is told what becomes of the session with the master; it does not
	// block. May be nil.
	Notice func(agentx.Notice)
	// Backoff is the wait between connections; its zero value is agentx's default.
	Backoff agentx.Backoff
}

// Stats is what an Agent has done since New.
type Stats struct {
	// Serving says that the configuration asks for SNMP.
	Serving bool
	// Builds counts Views rendered; BuildErrors the ones that could not be,
	// each a mistake of ours.
	Builds, BuildErrors uint64
	// Unpublished counts outcomes of notifications that found no room to wait
	// for Publish.
	Unpublished uint64
	// Traps counts the notifications that the master took, by name; all names
	// that there are stand in it.
	Traps map[string]uint64
	// Session is the state and the counters of the session with the master;
	// they start anew when a reload turns SNMP off and on.
	Session agentx.Stats
}

// Agent serves the ledger over AgentX and sends notifications. It implements
// the Reader of the observe role.
type Agent struct {
	opts Options
	src  Source
	book *book // of the caller of Events

	mu     sync.Mutex
	client *agentx.Client // nil while nothing is served
	trees  []branch       // that client serves
	fault  error          // why no client could be made

	changed  chan struct{}    // client is another one
	outcomes chan event.Event // what Publish is to be told

	build               sync.Mutex
	view                *ledger.View
	snap                *agentx.Snapshot
	refreshed           time.Time
	builds, buildErrors atomic.Uint64
	unpublished         atomic.Uint64
	sent                [trapCount]atomic.Uint64 // by trapNames
}

// New returns an Agent that serves nothing until Run; notifications are kept
// until then.
func New(opts Options, src Source) *Agent {
	return &Agent{
		opts: opts, src: src, book: newBook(opts.ConflictTraps),
		changed: make(chan struct{}, 1), outcomes: make(chan event.Event, maxOutcomes),
	}
}

// Run keeps a session with the master agent for as long as the configuration
// asks for one. It ends with ctx and returns nil then; another error means that
// the Options are not usable.
func (a *Agent) Run(ctx context.Context) error {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		a.publish(stop)
	}()
	defer func() {
		close(stop)
		<-stopped
	}()
	a.consider(a.src.View())
	for {
		client, err := a.current()
		if err != nil {
			return err
		}
		a.serve(ctx, client)
		if ctx.Err() != nil {
			return nil
		}
	}
}

// serve runs client, which may be nil, until it is no longer the current one.
func (a *Agent) serve(ctx context.Context, client *agentx.Client) {
	if client == nil {
		select {
		case <-a.changed:
		case <-ctx.Done():
		}
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		client.Run(ctx) //nolint:errcheck // it ends with ctx or Close, and says just that
	}()
	for {
		select {
		case <-ended:
			return
		case <-a.changed:
			if now, err := a.current(); now != client || err != nil {
				last, cancel := context.WithTimeout(ctx, lastWords)
				client.Flush(last) //nolint:errcheck // what is left is given up and told
				cancel()
				client.Close()
			}
		}
	}
}

func (a *Agent) current() (*agentx.Client, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.client, a.fault
}

// consider starts or stops serving, as the configuration in v asks.
func (a *Agent) consider(v *ledger.View) *agentx.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	want := wants(v, a.opts.Always)
	if slices.EqualFunc(want, a.trees, func(x, y branch) bool { return x.root == y.root }) {
		return a.client
	}
	a.client, a.trees = nil, want
	if len(want) > 0 {
		a.client, a.fault = a.newClient(want)
	}
	select {
	case a.changed <- struct{}{}:
	default:
	}
	return a.client
}

// wants are the branches that are asked for. Before the first configuration
// nothing is.
func wants(v *ledger.View, always bool) (out []branch) {
	if v == nil || v.Global.Version == "" {
		return nil
	}
	for _, b := range branches {
		// Our own branch comes with any other.
		if b.asked(v, always) && (b.root != vigilTree || len(out) > 0) {
			out = append(out, b)
		}
	}
	return out
}

func (a *Agent) newClient(of []branch) (*agentx.Client, error) {
	cfg := agentx.Config{
		Dial:         a.opts.Dial,
		ID:           vigilTree,
		Descr:        "vigild",
		Handler:      a,
		Backoff:      a.opts.Backoff,
		NotifyMaxAge: trapAge,
		Notice:       a.opts.Notice,
	}
	if a.opts.Set != nil {
		cfg.Set = writer{a}
	}
	for _, b := range of {
		cfg.Registrations = append(cfg.Registrations, agentx.Registration{Subtree: b.root})
		cfg.Caps = append(cfg.Caps, agentx.AgentCaps{ID: b.root, Descr: b.descr})
	}
	c, err := agentx.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("snmp agent: %w", err)
	}
	return c, nil
}

// Snapshot implements agentx.Handler: what is true now, in the default context.
func (a *Agent) Snapshot(snmpContext string) *agentx.Snapshot {
	if snmpContext != "" {
		return nil
	}
	a.build.Lock()
	defer a.build.Unlock()
	v := a.src.View()
	switch age := time.Since(a.refreshed); {
	case age > refreshAge:
		v = a.refresh()
		a.refreshed = time.Now()
	case age > refreshSoon:
		a.refreshed = time.Now()
		go a.refresh()
	}
	if a.snap != nil && v == a.view {
		return a.snap
	}
	snap, err := Build(v)
	if err != nil { // the last good one is better than none
		a.buildErrors.Add(1)
		if a.snap == nil {
			a.snap, _ = Build(nil) //nolint:errcheck // without rows nothing can be wrong
		}
		return a.snap
	}
	a.builds.Add(1)
	a.view, a.snap = v, snap
	return snap
}

// refresh asks for fresh counters, for a short time.
func (a *Agent) refresh() *ledger.View {
	ctx, cancel := context.WithTimeout(context.Background(), refreshWait)
	defer cancel()
	return a.src.Refresh(ctx)
}

// Events sends the notifications of events, and follows the configuration. It
// never blocks: what finds the queue full is dropped, counted and told.
func (a *Agent) Events(v *ledger.View, es []event.Event) {
	if v == nil {
		return
	}
	client := a.consider(v)
	a.book.learn(v)
	for i := range es {
		if n, ok := a.book.read(v, &es[i]); ok && client != nil {
			a.send(client, n, es[i])
		}
		if client == nil {
			continue
		}
		if ns, known := rfc(v, &es[i], a.opts.Always); known {
			a.sendAll(client, ns, es[i])
		} else {
			go a.sendLater(client, es[i])
		}
	}
}

func (a *Agent) sendAll(client *agentx.Client, ns []agentx.Notification, e event.Event) {
	for _, n := range ns {
		a.send(client, n, e)
	}
}

// sendLater sends the notifications of the RFCs when this router's own address
// is known: an instance that is MASTER at once is that before it has counted.
func (a *Agent) sendLater(client *agentx.Client, e event.Event) {
	ctx, cancel := context.WithTimeout(context.Background(), refreshWait)
	defer cancel()
	ns, _ := rfc(a.src.Refresh(ctx), &e, a.opts.Always)
	a.sendAll(client, ns, e)
}

func (a *Agent) send(client *agentx.Client, n agentx.Notification, e event.Event) {
	began := time.Now()
	kind := slices.IndexFunc(trapKinds, func(o agentx.OID) bool { return o.Compare(n.Trap) == 0 })
	n.Done = func(err error) {
		if err == nil {
			a.sent[kind].Add(1)
		}
		a.report(&e, time.Since(began), err)
	}
	if err := client.Notify(n); err != nil {
		a.report(&e, 0, err)
	}
}

// publish hands over outcomes until stop is closed and none is left.
func (a *Agent) publish(stop <-chan struct{}) {
	for {
		select {
		case e := <-a.outcomes:
			a.opts.Publish(e)
			continue
		default:
		}
		select {
		case e := <-a.outcomes:
			a.opts.Publish(e)
		case <-stop:
			return
		}
	}
}

// report notes what became of a notification, to be published.
func (a *Agent) report(e *event.Event, took time.Duration, err error) {
	if a.opts.Publish == nil {
		return
	}
	out := event.Event{
		Kind: event.NotifySent, Cause: e.Ref(), Root: e.Story(), From: e.From, To: e.To,
		Subject: event.Subject{Kind: event.SubjectChannel, Name: Channel}, Count: 1, Took: took,
	}
	if err != nil {
		out.Kind, out.Reason = event.NotifyFailed, reason(err)
		out.Detail = err.Error()[:min(len(err.Error()), event.DetailMax)]
	}
	select {
	case a.outcomes <- out:
	default:
		a.unpublished.Add(1)
	}
}

// reason is the word for why a notification was given up.
func reason(err error) event.Reason {
	var refused *agentx.ResponseError
	switch {
	case errors.As(err, &refused):
		return event.FailRefused
	case errors.Is(err, agentx.ErrQueueFull):
		return event.FailOverflow
	case errors.Is(err, agentx.ErrTimeout), errors.Is(err, agentx.ErrExpired):
		return event.FailTimeout
	case errors.Is(err, agentx.ErrClosed), errors.Is(err, agentx.ErrSessionLost), errors.Is(err, agentx.ErrNotConnected):
		return event.FailUnreachable
	}
	return event.FailInvalid
}

// Flush waits until the notifications so far have been delivered or given up,
// or ctx ends; then it returns the error of ctx.
func (a *Agent) Flush(ctx context.Context) error {
	client, _ := a.current() //nolint:errcheck // Run reports it
	if client == nil {
		return nil
	}
	return client.Flush(ctx)
}

// Holding says whether notifications are on their way to a master that is
// there, or their outcomes to Publish: if this process ends now, its successor
// has to tell them. What waits for a master that is not there holds up nobody.
func (a *Agent) Holding() bool {
	s := a.Stats()
	return s.Session.Connected && s.Session.NotifyQueued > 0 || len(a.outcomes) > 0
}

// Stats returns the counters now. It never blocks on the master.
func (a *Agent) Stats() Stats {
	s := Stats{
		Builds: a.builds.Load(), BuildErrors: a.buildErrors.Load(), Unpublished: a.unpublished.Load(),
		Traps: make(map[string]uint64, len(a.sent)),
	}
	for i, name := range trapNames {
		s.Traps[name] = a.sent[i].Load()
	}
	if client, _ := a.current(); client != nil { //nolint:errcheck // Run reports it
		s.Serving, s.Session = true, client.Stats()
	}
	return s
}
