// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// puppet is a worker whose every word the test speaks.
type puppet struct {
	shown   []byte // the text of the last Prepare
	t       *testing.T
	role    event.Role
	link    *ipc.Link
	ended   chan struct{}
	once    sync.Once
	exit    proc.Exit
	mu      sync.Mutex
	signals []syscall.Signal
	epoch   uint64
	seq     uint64
}

func (p *puppet) end(x proc.Exit) {
	p.once.Do(func() {
		p.exit = x
		p.link.Close()
		close(p.ended)
	})
}

// got says whether a signal was sent to it.
func (p *puppet) got(sig syscall.Signal) bool {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.signals, sig)
}

// want reads the next frame, which must be of the given type.
func (p *puppet) want(typ ipc.Type) ipc.Frame {
	p.t.Helper()
	synctest.Wait()
	select {
	case f, ok := <-p.link.Frames():
		if !ok {
			p.t.Fatalf("%s: the link ended, want %s", p.role, typ)
		}
		if f.Type == ipc.Prepare && len(f.FDs) > 0 {
			p.shown, _ = role.Contents(&f)
		}
		f.Drop()
		if f.Type != typ {
			p.t.Fatalf("%s: got %s, want %s: %+v", p.role, f.Type, typ, f)
		}
		return f
	default:
		p.t.Fatalf("%s: got nothing, want %s", p.role, typ)
	}
	return ipc.Frame{}
}

// quiet fails if a frame is there.
func (p *puppet) quiet() {
	p.t.Helper()
	synctest.Wait()
	select {
	case f, ok := <-p.link.Frames():
		p.t.Fatalf("%s: got %s (link open: %v), want nothing", p.role, f.Type, ok)
	default:
	}
}

// events reads frames of events until want of them have come.
func (p *puppet) events(want int) []event.Event {
	p.t.Helper()
	var out []event.Event
	for len(out) < want {
		out = append(out, p.want(ipc.Events).Events...)
	}
	return out
}

func (p *puppet) ready(gen int, problem string) {
	p.link.Send(ipc.Frame{Type: ipc.Ready, Gen: gen, Error: problem})
	synctest.Wait()
}

// says publishes one event of the puppet.
func (p *puppet) says(e event.Event) event.Event {
	p.seq++
	e.Epoch, e.Seq, e.Origin = p.epoch, p.seq, p.role
	p.link.Publish([]event.Event{e})
	synctest.Wait()
	return e
}

// stage is a parent's loop among puppets.
type stage struct {
	t       *testing.T
	o       Options
	loop    *Loop
	puppets []*puppet
	epochs  uint64
	log     []event.Event
	told    []string
	signals chan os.Signal
	said    chan event.Event
	next    *Generation
	nextErr error
	loads   int
	drafts  []string // that a reload shows
	tracks  []*track.Settings
	closed  bool
	report  func(track.Report)
	mu      sync.Mutex
	order   []string
	status  int
	over    chan struct{}
}

func (s *stage) Launch(r event.Role, _ *Generation) (*Running, error) {
	ours, theirs := ipc.Pipe()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epochs++
	p := &puppet{t: s.t, role: r, link: theirs, ended: make(chan struct{}), epoch: 1000 + s.epochs}
	s.puppets = append(s.puppets, p)
	return &Running{
		Link: ours, PID: 100 + len(s.puppets), Done: p.ended,
		Exit: func() proc.Exit { <-p.ended; return p.exit },
		Signal: func(sig syscall.Signal) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.signals = append(p.signals, sig)
			if sig == syscall.SIGKILL {
				go p.end(proc.Exit{Status: -1, Signal: sig})
			}
			return nil
		},
	}, nil
}

func (s *stage) Events(_ *ledger.View, es []event.Event) {
	s.mu.Lock()
	s.log = append(s.log, es...)
	s.mu.Unlock()
	for i := range es {
		s.note(es[i].Kind.String())
	}
}

func (s *stage) Configure(c *track.Settings) error {
	s.tracks = append(s.tracks, c)
	return nil
}

func (s *stage) Close() {
	s.closed = true
	s.note("trackers closed")
}

// note keeps the order in which things were done.
func (s *stage) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = append(s.order, what)
}

// generation is a small one.
func (s *stage) generation() *Generation {
	return &Generation{
		Name: "keepalived.conf", Image: []byte("# text"), Roles: []event.Role{event.RoleVRRP, event.RoleObserve},
		Rows: func(int) []event.Row {
			return []event.Row{{Instance: &event.InstanceRow{
				Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}, Index: 1,
			}}}
		},
		Adverts: map[string]time.Duration{"VI_1": time.Second},
	}
}

// play runs a test inside a bubble with a loop that was started.
func play(t *testing.T, test func(s *stage)) {
	t.Helper()
	playWith(t, func(g *Generation) *Generation { return g }, test)
}

// playWith does so with a first generation that was changed.
func playWith(t *testing.T, change func(*Generation) *Generation, test func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &stage{t: t, signals: make(chan os.Signal, 4), said: make(chan event.Event, 4), over: make(chan struct{})}
		s.o = Options{
			Clock: role.Clock{
				Now:  func() event.Instant { return event.Instant(time.Since(start)) + 1 },
				Wall: func() int64 { return time.Now().UnixNano() },
			},
			Launcher: s,
			Load: func() (*Generation, error) {
				s.loads++
				for _, text := range s.drafts {
					s.loop.Draft([]byte(text))
				}
				return s.next, s.nextErr
			},
			Watch: func(report func(track.Report)) Watcher {
				s.report = report
				return s
			},
			Readers: []role.Reader{s},
			Said:    s.said,
			Signals: s.signals,
			Tell:    func(state string) { s.told = append(s.told, state) },
			Dump:    func(sig os.Signal, v *ledger.View) { s.note("dump " + sig.String()) },
			Commands: map[string]func(context.Context, raw) Answer{
				"echo": func(_ context.Context, body raw) Answer { return Answer{Body: body} },
				"fail": func(context.Context, raw) Answer { return Answer{Err: errors.New("cannot")} },
			},
		}
		s.loop = New(s.o)
		go func() {
			s.status = s.loop.Run(change(s.generation()))
			close(s.over)
		}()
		synctest.Wait()
		defer s.leave()
		test(s)
	})
}

// leave ends whatever the test left running.
func (s *stage) leave() {
	if !isClosed(s.over) {
		s.signals <- syscall.SIGTERM
		for !isClosed(s.over) {
			synctest.Wait()
			for _, p := range s.puppets {
				p.end(proc.Exit{})
			}
			synctest.Wait()
			s.pass(time.Second)
		}
	}
	for _, p := range s.puppets {
		p.end(proc.Exit{})
	}
}

// pass lets time pass in the bubble, and everybody do what there is to do.
func (s *stage) pass(d time.Duration) {
	<-time.NewTimer(d).C
	synctest.Wait()
}

// started counts the workers that were started.
func (s *stage) started() int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.puppets)
}

// worker returns the newest puppet of a role.
func (s *stage) worker(r event.Role) *puppet {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Backward(s.puppets) {
		if p.role == r {
			return p
		}
	}
	s.t.Fatalf("no worker %s was started", r)
	return nil
}

// up brings the first generation into force and returns both workers.
func (s *stage) up() (vrrp, observe *puppet) {
	s.t.Helper()
	vrrp, observe = s.worker(event.RoleVRRP), s.worker(event.RoleObserve)
	for _, p := range []*puppet{vrrp, observe} {
		p.want(ipc.Hello)
		p.want(ipc.Prepare)
		p.ready(1, "")
	}
	vrrp.want(ipc.Commit)
	observe.want(ipc.Rows)
	observe.want(ipc.Commit)
	observe.events(3) // config.loaded and two worker.started
	observe.quiet()
	return vrrp, observe
}

// logged returns the events of a kind.
func (s *stage) logged(k event.Kind) []event.Event {
	synctest.Wait()
	s.mu.Lock() // the loop may wake by itself, and that orders nothing
	defer s.mu.Unlock()
	var out []event.Event
	for i := range s.log {
		if s.log[i].Kind == k {
			out = append(out, s.log[i])
		}
	}
	return out
}
