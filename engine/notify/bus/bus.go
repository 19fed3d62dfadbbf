// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/sys/dbus"
)

// Options is what a Service needs from outside.
type Options struct {
	Paths Paths
	// Address is where the bus is, Name the name of the service.
	Address, Name string
	// View gives the newest picture.
	View func() *ledger.View
	// Act does what a method asks for; instance is set for SendGarp. It may take
	// its time until ctx is done.
	Act func(ctx context.Context, act Act, instance string) error
	// Publish takes an event about a delivery; it may block. Nil means nobody
	// listens.
	Publish func(event.Event)
	// Pause is the longest one between two attempts to connect; 0 means 30 s.
	Pause time.Duration
}

// Bounds of a Service.
const (
	waitMax   = 1024
	actsMax   = 16
	actTime   = 10 * time.Second
	firstTry  = 500 * time.Millisecond
	pauseMost = 30 * time.Second
)

// channel is what deliveries are about.
var channel = event.Subject{Kind: event.SubjectChannel, Name: "dbus"}

// Service is keepalived's service on the bus. It is a reader of events.
type Service struct {
	o Options
	// out are signals on their way, acts what methods asked for.
	out  chan signal
	acts chan request
	ctx  context.Context //nolint:containedctx // the life of the service
	stop context.CancelFunc
	done sync.WaitGroup
	// ended is closed when nothing more is sent.
	ended chan struct{}

	mu     sync.Mutex
	paths  map[string]string
	told   map[string]event.State
	closed bool

	queued, sent, failed, overflowed atomic.Uint64
	connected                        atomic.Bool
}

// signal is one signal; ev is what it tells of, KindNone if nobody is to know.
type signal struct {
	path, of, member string
	status           uint32
	has              bool
	ev               event.Event
	queued           time.Time
}

type request struct {
	act      Act
	instance string
}

// New returns a service that begins at once to look for the bus.
func New(o Options) *Service {
	if o.Pause <= 0 {
		o.Pause = pauseMost
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{
		o: o, out: make(chan signal, waitMax), acts: make(chan request, actsMax), ctx: ctx, stop: stop, ended: make(chan struct{}),
		paths: map[string]string{}, told: map[string]event.State{},
	}
	s.push(signal{path: s.o.Paths.vrrp(), of: vrrpName, member: "VrrpStarted"})
	s.done.Go(s.act)
	go s.live()
	return s
}

// Events implements the reader of the observe role. It never blocks.
func (s *Service) Events(v *ledger.View, es []event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, in := range v.Instances {
		s.paths[in.Row.Subject.Name] = s.o.Paths.instance(&in.Row)
	}
	for i := range es {
		if es[i].Kind == event.VRRPState {
			s.state(&es[i])
		}
		if es[i].Kind == event.ConfigLoaded {
			s.loaded(&es[i])
		}
	}
}

// state tells of a transition, once. compat: an instance that is removed is told
// to be in FAULT.
func (s *Service) state(e *event.Event) {
	name := e.Subject.Name
	path, known := s.paths[name]
	if !known {
		return
	}
	to := e.To
	if to == event.Deleted {
		to = event.Fault
		delete(s.paths, name)
	}
	was, before := s.told[name]
	if s.told[name] = to; e.To == event.Deleted {
		delete(s.told, name)
	}
	status, _, ok := code(to)
	if !ok || e.Snapshot || e.Reason == event.Resumed || before && was == to {
		return
	}
	s.push(signal{path: path, of: instanceName, member: "VrrpStatusChange", status: status, has: true, ev: *e})
}

// loaded tells of a reload; the first configuration is the start.
func (s *Service) loaded(e *event.Event) {
	if !e.Snapshot && e.Count > 1 {
		s.push(signal{path: s.o.Paths.vrrp(), of: vrrpName, member: "VrrpReloaded", ev: *e})
	}
}

func (s *Service) push(g signal) {
	g.queued = time.Now()
	s.queued.Add(1)
	if s.closed {
		s.overflowed.Add(1)
		return
	}
	select {
	case s.out <- g:
	default:
		s.overflowed.Add(1)
		go s.report(&g, event.FailOverflow, "dropped while it waited")
	}
}

// report publishes what became of a signal.
func (s *Service) report(g *signal, why event.Reason, detail string) {
	if s.o.Publish == nil || g.ev.Kind == event.KindNone {
		return
	}
	e := event.Event{
		Kind: event.NotifySent, Cause: g.ev.Ref(), Root: g.ev.Story(), Subject: channel, Count: 1, Took: time.Since(g.queued),
		Reason: why, Detail: detail, From: g.ev.From, To: g.ev.To,
	}
	if why != event.ReasonNone {
		e.Kind = event.NotifyFailed
	}
	s.o.Publish(e)
}

// live keeps a connection to the bus until the service ends.
func (s *Service) live() {
	defer close(s.ended)
	var waiting *signal
	for pause := firstTry; ; pause = min(2*pause, s.o.Pause) {
		began := time.Now()
		err := s.session(&waiting)
		s.connected.Store(false)
		if s.ctx.Err() != nil {
			return
		}
		if time.Since(began) > s.o.Pause {
			pause = firstTry
		}
		if !s.rest(pause, err, &waiting) {
			return
		}
	}
}

// rest waits before the next attempt to connect. What is told meanwhile is told to
// nobody: whoever listens later asks for the state.
func (s *Service) rest(pause time.Duration, err error, waiting **signal) bool {
	detail := "there is no message bus"
	if err != nil {
		detail = err.Error()
	}
	if len(detail) > event.DetailMax {
		detail = detail[:event.DetailMax]
	}
	lost := func(g *signal) {
		s.failed.Add(1)
		s.report(g, event.FailUnreachable, detail)
	}
	if *waiting != nil {
		lost(*waiting)
		*waiting = nil
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return false
		case <-t.C:
			return true
		case g, ok := <-s.out:
			if !ok {
				return false
			}
			lost(&g)
		}
	}
}

// errClosed is the end that was asked for.
var errClosed = errors.New("the service ends")

// session is one connection. waiting is a signal that was taken and not sent.
func (s *Service) session(waiting **signal) error {
	conn, err := dbus.Dial(s.ctx, s.o.Address)
	if err != nil {
		return err
	}
	defer conn.Close()
	end := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer end()
	if err := conn.Own(s.o.Name); err != nil && !errors.Is(err, dbus.ErrQueued) {
		return err
	}
	s.connected.Store(true)
	broken := make(chan error, 1)
	go func() { broken <- s.serve(conn) }()
	for {
		select {
		case err := <-broken:
			return err
		case g, ok := <-s.out:
			if !ok {
				s.stop()
				return errClosed
			}
			*waiting = &g
			if err := conn.Send(g.message()); err != nil {
				return err
			}
			*waiting = nil
			s.sent.Add(1)
			s.report(&g, event.ReasonNone, g.member)
		}
	}
}

func (g *signal) message() *dbus.Message {
	m := &dbus.Message{Type: dbus.Signal, Flags: dbus.NoReply, Path: g.path, Interface: g.of, Member: g.member}
	if g.has {
		var w dbus.Writer
		w.Uint32(g.status)
		m.Signature, m.Body = "u", w.Bytes()
	}
	return m
}

// serve answers calls until the connection ends. A malformed message ends it.
func (s *Service) serve(conn *dbus.Conn) error {
	for {
		m, err := conn.Receive()
		if err != nil {
			return err
		}
		if m.Type != dbus.Call {
			continue
		}
		t := s.o.Paths.tree(s.o.View())
		answer := t.answer(m, s.ask)
		if m.Flags&dbus.NoReply != 0 {
			continue
		}
		if err := conn.Send(answer); err != nil {
			return err
		}
	}
}

// ask has an act done after those that were asked for before.
func (s *Service) ask(act Act, instance string) bool {
	select {
	case s.acts <- request{act, instance}:
		return true
	default:
		return false
	}
}

// act does what methods asked for, one after the other.
func (s *Service) act() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case r := <-s.acts:
			ctx, cancel := context.WithTimeout(s.ctx, actTime)
			err := s.o.Act(ctx, r.act, r.instance)
			cancel()
			if err != nil && s.o.Publish != nil {
				s.o.Publish(event.Event{
					Kind: event.NotifyFailed, Subject: event.Subject{Kind: event.SubjectChannel, Name: "dbus", Sub: string(r.act)},
					Reason: event.FailRefused, Detail: err.Error()[:min(len(err.Error()), event.DetailMax)],
				})
			}
		}
	}
}

// Close tells that the daemon stops, sends what waits until ctx is done, and ends
// the connection.
func (s *Service) Close(ctx context.Context) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.push(signal{path: s.o.Paths.vrrp(), of: vrrpName, member: "VrrpStopped"})
	s.closed = true
	close(s.out)
	s.mu.Unlock()
	select {
	case <-s.ended:
	case <-ctx.Done():
	}
	s.stop()
	s.done.Wait()
	<-s.ended
}

// Stats are the counters of the service.
type Stats struct {
	Queued, Sent uint64
	// Failed counts signals that no bus took, Overflowed those that found no room.
	Failed, Overflowed uint64
	Waiting            int
	Connected          bool
}

// Stats returns the counters.
func (s *Service) Stats() Stats {
	return Stats{s.queued.Load(), s.sent.Load(), s.failed.Load(), s.overflowed.Load(), len(s.out), s.connected.Load()}
}
