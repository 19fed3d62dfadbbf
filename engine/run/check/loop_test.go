// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/ipc"
)

// settings reads a configuration, which must be right.
func settings(t *testing.T, text string) *config.Config {
	t.Helper()
	tree, found := syntax.Parse("t", []byte(text), syntax.Options{})
	c, more := config.Build(tree, config.Environment{Hostname: "t"})
	for _, p := range append(found, more...) {
		if p.Level > syntax.Note {
			t.Fatal(p)
		}
	}
	return c
}

// one is a configuration of one virtual server.
func one(servers string) string {
	return "virtual_server 10.9.0.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n delay_loop 0.05\n warmup 0\n" + servers + "}\n"
}

// tcp is a real server with a TCP_CHECK.
func tcp(at netip.AddrPort) string {
	return fmt.Sprintf(" real_server %s %d {\n  TCP_CHECK {\n   retry 0\n   connect_timeout 2\n  }\n }\n", at.Addr(), at.Port())
}

// stage is a loop that runs, and what it says.
type stage struct {
	t         *testing.T
	loop      *Loop
	mu        sync.Mutex
	events    []event.Event
	more      chan struct{}
	execs     chan uint64
	forgotten chan uint64
	ended     chan error
	plane     Plane
}

func play(t *testing.T, change func(*LoopOptions)) *stage {
	t.Helper()
	s := &stage{t: t, more: make(chan struct{}, 1), execs: make(chan uint64, 100), forgotten: make(chan uint64, 100), ended: make(chan error, 1), plane: NewDry()}
	o := LoopOptions{
		Epoch: 7, Plane: s.plane, Trouble: func(err error) { t.Error(err) },
		Publish: func(es []event.Event) {
			s.mu.Lock()
			s.events = append(s.events, slices.Clone(es)...)
			s.mu.Unlock()
			select {
			case s.more <- struct{}{}:
			default:
			}
		},
		Exec:   func(id uint64, _ string) { s.execs <- id },
		Forget: func(id uint64) { s.forgotten <- id },
	}
	if change != nil {
		change(&o)
	}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.loop = l
	ctx, cancel := context.WithCancel(t.Context())
	go func() { s.ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-s.ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the loop does not end")
		}
	})
	return s
}

// patience is how long something may take on a machine that is busy.
const patience = 20 * time.Second

// until waits for an event.
func (s *stage) until(what string, is func(*event.Event) bool) event.Event {
	s.t.Helper()
	late := time.After(patience)
	for {
		s.mu.Lock()
		for i := range s.events {
			if e := s.events[i]; is(&e) {
				s.events = s.events[i+1:]
				s.mu.Unlock()
				return e
			}
		}
		s.mu.Unlock()
		select {
		case <-s.more:
		case <-late:
			s.t.Fatalf("no %s", what)
		}
	}
}

// state waits for a real server to change.
func (s *stage) state(to event.State, reason event.Reason) event.Event {
	s.t.Helper()
	return s.until(fmt.Sprintf("server %s for %s", to, reason), func(e *event.Event) bool {
		return e.Kind == event.ServerState && !e.Snapshot && e.To == to && e.Reason == reason && !e.Subject.Sorry()
	})
}

func (s *stage) configure(text string) *config.Config {
	s.t.Helper()
	c := settings(s.t, text)
	s.loop.Configure(&health.Configure{Settings: &c.Health, Cause: event.Ref{Epoch: 1, Seq: 1}})
	return c
}

// table is what is programmed.
func (s *stage) table() string {
	s.t.Helper()
	got := make(chan string, 1)
	s.loop.Table(func(t health.Table, err error) {
		var b strings.Builder
		for _, e := range t {
			fmt.Fprintf(&b, "%s:%d %s", e.Service.Addr, e.Service.Port, e.Service.Scheduler)
			for _, d := range e.Dests {
				fmt.Fprintf(&b, " %s=%d", d.Addr, d.Weight)
			}
			b.WriteString("\n")
		}
		if err != nil {
			b.WriteString(err.Error())
		}
		got <- b.String()
	})
	select {
	case text := <-got:
		return text
	case <-time.After(patience):
		s.t.Fatal("no table")
	}
	return ""
}

// listener is a server that accepts and closes.
type listener struct {
	l  net.Listener
	at netip.AddrPort
}

func listen(t *testing.T, at string) *listener {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return &listener{l, netip.MustParseAddrPort(l.Addr().String())}
}

// TestServerDiesAndComesBack: with its reasons, and the table follows.
func TestServerDiesAndComesBack(t *testing.T) {
	s := play(t, nil)
	a, b := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	s.configure(one(tcp(a.at) + tcp(b.at)))
	s.until("table", func(e *event.Event) bool {
		return e.Kind == event.IPVSApplied && e.Count == 3 && e.Reason == event.Startup
	})
	whole := fmt.Sprintf("10.9.0.1:80 rr %s=1 %s=1\n", a.at, b.at)
	if got := s.table(); got != whole {
		t.Fatalf("table %q, want %q", got, whole)
	}
	a.l.Close()
	down := s.state(event.Down, event.FailConnectRefused)
	if down.Subject.Sub != a.at.String() || down.Evidence.Check.Checker != event.CheckerTCP || down.Wall == 0 || down.Origin != event.RoleCheck {
		t.Errorf("said %+v", down)
	}
	s.until("removal", func(e *event.Event) bool {
		return e.Kind == event.IPVSApplied && e.Cause == down.Ref() || e.Root == down.Root
	})
	if got, want := s.table(), fmt.Sprintf("10.9.0.1:80 rr %s=1\n", b.at); got != want {
		t.Errorf("table %q, want %q", got, want)
	}
	listen(t, a.at.String())
	if up := s.state(event.Up, event.Recovered); up.Subject != down.Subject {
		t.Errorf("said %+v", up)
	}
	s.until("return", func(e *event.Event) bool { return e.Kind == event.IPVSApplied })
	if got := s.table(); !strings.Contains(got, a.at.String()+"=1") {
		t.Errorf("table %q", got)
	}
}

// TestReloadKeepsWhatStays: a service that did not change is not touched, and a server that is down stays so.
func TestReloadKeepsWhatStays(t *testing.T) {
	s := play(t, nil)
	a := listen(t, "127.0.0.1:0")
	dead := netip.MustParseAddrPort("127.0.0.1:1")
	text := one(tcp(a.at) + tcp(dead))
	s.configure(text)
	s.state(event.Down, event.FailConnectRefused)
	s.until("removal", func(e *event.Event) bool { return e.Kind == event.IPVSApplied && e.Reason != event.Startup })
	before := s.table()
	s.configure(text)
	s.configure(text + strings.ReplaceAll(one(tcp(a.at)), "10.9.0.1", "10.9.0.2"))
	s.until("second service", func(e *event.Event) bool {
		if e.Kind == event.ServerState {
			t.Errorf("a reload said %+v", e)
		}
		return e.Kind == event.IPVSApplied
	})
	if got := s.table(); !strings.HasPrefix(got, before) || !strings.Contains(got, "10.9.0.2:80") {
		t.Errorf("table %q, before %q", got, before)
	}
}

// TestPrograms: MISC_CHECK is asked for, and its exit status decides.
func TestPrograms(t *testing.T) {
	s := play(t, nil)
	s.configure(one(" real_server 192.0.2.1 80 {\n  MISC_CHECK {\n   misc_path \"/bin/x\"\n   misc_dynamic\n   delay_loop 0.01\n  }\n }\n"))
	answer := func(r ipc.Ran) {
		t.Helper()
		select {
		case id := <-s.execs:
			s.loop.Ran(id, &r)
		case <-time.After(patience):
			t.Fatal("no program is asked for")
		}
	}
	answer(ipc.Ran{Status: 1, Reason: event.FailExit, Took: time.Millisecond})
	if e := s.state(event.Down, event.FailScriptExit); e.Evidence.Check.Status != 1 {
		t.Errorf("said %+v", e)
	}
	answer(ipc.Ran{Status: 12, Reason: event.FailExit})
	s.state(event.Up, event.Recovered)
	s.until("weight", func(e *event.Event) bool { return e.Kind == event.IPVSApplied })
	if got := s.table(); got != "10.9.0.1:80 rr 192.0.2.1:80=10\n" {
		t.Errorf("table %q", got)
	}
	for reason, want := range map[event.Reason]event.Reason{
		event.FailTimeout: event.FailScriptTimeout, event.FailSignal: event.FailScriptExit,
	} {
		answer(ipc.Ran{Status: 9, Signal: 9, Reason: reason})
		s.state(event.Down, want)
		answer(ipc.Ran{})
		s.state(event.Up, event.Recovered)
	}
	// What could not be run says nothing about the server.
	answer(ipc.Ran{Reason: event.FailSpawn, Detail: "no such file"})
	answer(ipc.Ran{})
	answer(ipc.Ran{Status: 1, Reason: event.FailExit})
	s.state(event.Down, event.FailScriptExit)
	// One that runs for a server that is no more is of no use any more; those that ended are not taken back.
	var going uint64
	select {
	case going = <-s.execs:
	case <-time.After(patience):
		t.Fatal("no program is asked for")
	}
	s.configure(one(tcp(netip.MustParseAddrPort("192.0.2.2:80"))))
	select {
	case id := <-s.forgotten:
		if id != going || len(s.forgotten) > 0 {
			t.Errorf("program %d is taken back, want %d; %d more are", id, going, len(s.forgotten))
		}
	case <-time.After(patience):
		t.Fatal("the program is not taken back")
	}
}

// TestMassFailure: what fails at once is judged in steps of bounded size, and all of it is.
func TestMassFailure(t *testing.T) {
	const servers = 2000
	var most int
	s := play(t, func(o *LoopOptions) {
		publish := o.Publish
		o.Publish = func(es []event.Event) {
			most = max(most, len(es))
			publish(es)
		}
	})
	var text strings.Builder
	for i := range servers {
		// Nobody listens there, and the answer comes at once.
		fmt.Fprintf(&text, " real_server 127.3.%d.%d 9 {\n  TCP_CHECK {\n   connect_timeout 5\n   warmup 0\n   retry 0\n  }\n }\n", i/250, 1+i%250)
	}
	s.configure(one(text.String()))
	for range servers {
		s.state(event.Down, event.FailConnectRefused)
	}
	s.until("empty pool", func(e *event.Event) bool { return e.Kind == event.ServiceQuorum && e.To == event.Down })
	if most > 4*outcomesMost {
		t.Errorf("%d events at once", most)
	}
}

// TestSlowProbesWaitForRoom: those beyond the bound wait for their turn, and all come to their end.
func TestSlowProbesWaitForRoom(t *testing.T) {
	var servers strings.Builder
	const n = 12
	for range n {
		l := listen(t, "127.0.0.1:0")
		fmt.Fprintf(&servers, " real_server %s %d {\n  SMTP_CHECK {\n   retry 0\n   connect_timeout 3\n  }\n }\n", l.at.Addr(), l.at.Port())
	}
	s := play(t, func(o *LoopOptions) { o.Probes = 2 })
	s.configure(one(servers.String()))
	for range n {
		s.until("closed connection", func(e *event.Event) bool {
			return e.Kind == event.ServerState && e.To == event.Down && !e.Subject.Sorry()
		})
	}
}

// TestCounters: what was done is counted, and rows and snapshots tell of every server.
func TestCounters(t *testing.T) {
	s := play(t, nil)
	a := listen(t, "127.0.0.1:0")
	s.configure(one(tcp(a.at) + tcp(netip.MustParseAddrPort("127.0.0.1:1")) + " sorry_server 192.0.2.9 80\n"))
	s.state(event.Down, event.FailConnectRefused)
	got := make(chan event.Counters, 1)
	for deadline := time.Now().Add(patience); ; {
		s.loop.Counters(func(c *event.Counters) {
			one := *c
			one.Servers, one.Checks = slices.Clone(c.Servers), slices.Clone(c.Checks)
			got <- one
		})
		c := <-got
		if len(c.Services) == 1 && len(c.Servers) == 3 && len(c.Checks) == 2 && c.Checks[0].Attempts > 1 && c.Checks[1].Failures > 1 && !c.Pool.Available {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("counters %+v", c)
		}
	}
	rows := make(chan []event.Row, 10)
	s.loop.Rows(func(r []event.Row, final bool) {
		rows <- r
		if final {
			close(rows)
		}
	})
	var all []event.Row
	for r := range rows {
		all = append(all, r...)
	}
	if len(all) != 4 || all[0].Service == nil || all[1].Server == nil {
		t.Errorf("rows %+v", all)
	}
	snapped := make(chan int, 10)
	s.loop.Snapshot(func(es []event.Event, final bool) {
		for i := range es {
			if !es[i].Snapshot || es[i].Wall == 0 {
				t.Errorf("snapshot of %+v", es[i])
			}
		}
		snapped <- len(es)
		if final {
			close(snapped)
		}
	})
	n := 0
	for k := range snapped {
		n += k
	}
	if n != 4 {
		t.Errorf("%d in the snapshot", n)
	}
}

// TestStopTakesEverythingAway, unless it is to be kept.
func TestStopTakesEverythingAway(t *testing.T) {
	for _, keep := range []bool{false, true} {
		s := play(t, func(o *LoopOptions) { o.KeepTable = keep })
		a := listen(t, "127.0.0.1:0")
		s.configure(one(tcp(a.at)))
		s.until("table", func(e *event.Event) bool { return e.Kind == event.IPVSApplied })
		s.loop.Stop()
		select {
		case err := <-s.ended:
			if err != nil {
				t.Error(err)
			}
			s.ended <- nil
		case <-time.After(patience):
			t.Fatal("it does not stop")
		}
		if table, err := s.plane.Read(); err != nil || (len(table) == 1) != keep {
			t.Errorf("keep %v: left %+v, %v", keep, table, err)
		}
	}
}

// TestMemory: a server that is checked costs little while nothing happens to it.
func TestMemory(t *testing.T) {
	const services, servers, most = 100, 100, 1400
	var text strings.Builder
	for v := range services {
		fmt.Fprintf(&text, "virtual_server 10.0.%d.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n", v)
		for r := range servers {
			text.WriteString(tcp(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(v), byte(r)}), 80)))
		}
		text.WriteString("}\n")
	}
	before := heap()
	pool := health.New(1)
	keep := settings(t, text.String()).Health
	text.Reset()
	var out health.Output
	pool.Step(1, &health.Configure{Settings: &keep}, &out)
	out = health.Output{}
	if each := int(heap()-before) / (services * servers); each > most {
		t.Errorf("%d bytes for each real server, more than %d", each, most)
	} else {
		t.Logf("%d bytes for each real server", each)
	}
	if pool.Checks() < services*servers || len(out.Events) > 0 {
		t.Error("nothing was configured")
	}
}
