// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// wallBase is the wall clock at instant 0: 2025-11-20 08:00:00 UTC.
const wallBase = int64(1_763_625_600_000_000_000)

// world is a ledger as a source, and a producer that feeds it and a server.
type world struct {
	mu     sync.Mutex
	ledger *ledger.Ledger
	server *Server
	seq    uint64
}

func (w *world) View() *ledger.View {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ledger.View()
}

func (w *world) Refresh(context.Context) *ledger.View { return w.View() }

// happen makes an event d after the beginning.
func (w *world) happen(d time.Duration, e event.Event) event.Ref {
	w.mu.Lock()
	w.seq++
	e.Epoch, e.Seq, e.At, e.Wall, e.Origin = 7, w.seq, event.Instant(d), wallBase+int64(d), event.RoleVRRP
	w.ledger.Apply(&e)
	v := w.ledger.View()
	w.mu.Unlock()
	w.server.Events(v, []event.Event{e})
	return e.Ref()
}

var (
	vi1  = event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}
	vi2  = event.Subject{Kind: event.SubjectInstance, Name: "VI_2", Family: 4, VRID: 52}
	vrrp = event.Subject{Kind: event.SubjectWorker, Name: "vrrp"}
)

// newWorld has two instances that started 1 s after the beginning.
func newWorld(opts Options) *world {
	w := &world{ledger: ledger.New()}
	if opts.Now == nil {
		opts.Now = func() time.Time { return time.Unix(0, wallBase).Add(time.Minute) }
	}
	w.server = New(w, opts)
	var rows []event.Row
	for _, s := range []event.Subject{vi1, vi2} {
		rows = append(rows,
			event.Row{Instance: &event.InstanceRow{Subject: s, Interface: "eth0", Version: 3, Priority: 100}},
			event.Row{Address: &event.AddressRow{Instance: s, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, s.VRID}), 24)}})
	}
	w.ledger.Rows(append(rows, event.Row{Global: &event.GlobalRow{RouterID: "r1", Generation: 1}}))
	w.happen(time.Second, event.Event{Kind: event.WorkerStarted, Subject: vrrp})
	for _, s := range []event.Subject{vi1, vi2} {
		w.happen(time.Second, event.Event{Kind: event.VRRPState, Subject: s, From: event.Init, To: event.Backup, Reason: event.Startup, Priority: 100})
	}
	return w
}

// promote makes VI_1 master 10 s after the beginning.
func (w *world) promote() {
	root := w.happen(10*time.Second, event.Event{Kind: event.VRRPState, Subject: vi1, From: event.Backup, To: event.Master, Reason: event.Preempt, Priority: 100})
	w.happen(10*time.Second+time.Millisecond, event.Event{Kind: event.AddressAdded, Subject: vi1, Root: root, Cause: root, Count: 1})
}

// get asks the server and decodes a 200.
func get[T any](t *testing.T, s *Server, path string) (out T) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %d %s %s", path, w.Code, w.Header(), w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out
}

func TestStatusSaysWhatIsTrue(t *testing.T) {
	w := newWorld(Options{})
	w.promote()
	tally := event.Tally{Subject: vi1, At: event.Instant(20 * time.Second), Sent: 9, Master: "192.0.2.9"}
	w.ledger.Tally(7, &tally)
	s := get[Status](t, w.server, "/api/v1/status")
	if len(s.Instances) != 2 || s.RouterID != "r1" || len(s.Problems) != 0 {
		t.Fatalf("%+v", s)
	}
	in := s.Instances[0]
	if in.State != event.Master || in.Reason != event.Preempt || in.SinceWall != wallBase+int64(10*time.Second) || in.Transitions != 2 ||
		in.Sent != 9 || !in.Addresses[0].Owned || in.ID != w.View().Instance("VI_1").Last.ID().String() || in.ConfirmedWall != wallBase+int64(20*time.Second) {
		t.Errorf("VI_1: %+v", in)
	}
	if in := s.Instances[1]; in.State != event.Backup || in.Addresses[0].Owned {
		t.Errorf("VI_2: %+v", in)
	}
}

// TestProblemsAreTold makes each trouble and looks for its sentence; a healthy
// router has none (above).
func TestProblemsAreTold(t *testing.T) {
	lost := vi1
	lost.Sub = "192.0.2.51"
	for _, c := range []struct {
		says string
		e    event.Event
	}{
		{"split brain: VI_1", event.Event{Kind: event.VRRPConflict, Subject: vi1, To: event.Up, Reason: event.ConflictLower}},
		{"The vrrp worker was lost", event.Event{Kind: event.WorkerLost, Subject: vrrp, Reason: event.FailSignal}},
		{"VI_2 is in FAULT: Interface eth0 is down", event.Event{
			Kind: event.VRRPState, Subject: vi2, From: event.Backup, To: event.Fault, Reason: event.Interface,
			Evidence: event.Evidence{Object: event.SubjectInterface, ObjectName: "eth0", ObjectState: event.Down},
		}},
		{"somebody else removed 192.0.2.51/24 of VI_1", event.Event{Kind: event.AddressLost, Subject: lost}},
		{"VI_1 is master without 192.0.2.51/24", event.Event{Kind: event.AddressRemoved, Subject: vi1}},
		{"VI_2 is BACKUP and still has 192.0.2.52/24", event.Event{Kind: event.AddressAdded, Subject: vi2, Count: 1}},
		{"real-time priority", event.Event{Kind: event.PrivilegeDenied, Subject: vrrp, Detail: "real-time priority"}},
		{"a.conf:3:1", event.Event{Kind: event.ConfigRejected, Detail: "a.conf:3:1: unknown keyword"}},
		{"Mail could not be delivered", event.Event{Kind: event.NotifyFailed, Subject: event.Subject{Kind: event.SubjectChannel, Name: "smtp"}, Reason: event.FailRefused}},
	} {
		w := newWorld(Options{})
		w.promote()
		w.happen(20*time.Second, c.e)
		s := get[Status](t, w.server, "/api/v1/status")
		if len(s.Problems) != 1 || !strings.Contains(s.Problems[0], c.says) {
			t.Errorf("%v: problems %q, want %q", c.e.Kind, s.Problems, c.says)
		}
	}
}

func TestWhyAndInstances(t *testing.T) {
	w := newWorld(Options{})
	w.promote()
	type answer struct {
		Instance, Reason, Cause, ID string
		Done                        []struct{ Says string }
	}
	a := get[answer](t, w.server, "/api/v1/why/VI_1")
	if a.Instance != "VI_1" || a.Reason != "preempt" || a.Cause == "" || len(a.Done) != 1 {
		t.Errorf("%+v", a)
	}
	all := get[[]answer](t, w.server, "/api/v1/why")
	if len(all) != 2 || all[0].Instance != "VI_1" || all[1].Instance != "VI_2" {
		t.Errorf("all: %+v", all)
	}
	if in := get[ledger.Instance](t, w.server, "/api/v1/instances/VI_2"); in.State != event.Backup {
		t.Errorf("%+v", in)
	}
	if all := get[[]ledger.Instance](t, w.server, "/api/v1/instances"); len(all) != 2 {
		t.Errorf("%d instances", len(all))
	}
	if c := get[Config](t, w.server, "/api/v1/config"); len(c.Instances) != 2 || len(c.Addresses) != 2 || c.Global.RouterID != "r1" {
		t.Errorf("%+v", c)
	}
}

func TestErrorsNameTheRemedy(t *testing.T) {
	w := newWorld(Options{})
	for _, c := range []struct {
		method, path string
		status       int
		says, remedy string
	}{
		{"GET", "/api/v1/why/vi1", 404, `there is no instance "vi1"`, "did you mean VI_1?"},
		{"GET", "/api/v1/why/something-else", 404, "no instance", "there are VI_1, VI_2"},
		{"GET", "/api/v1/instances/VI_3", 404, "no instance", "did you mean VI_1?"},
		{"GET", "/api/v2", 404, "nothing at", "/api/v1/status"},
		{"POST", "/api/v1/status", 405, "POST is not possible", "use GET"},
		{"DELETE", "/api/v1/why/VI_1", 405, "DELETE", "use GET"},
		{"GET", "/api/v1/events?limit=0", 400, "limit", "1 to 1000"},
		{"GET", "/api/v1/events?limit=1001", 400, "limit", "1 to 1000"},
		{"GET", "/api/v1/events?limit=x", 400, "limit", "1 to 1000"},
		{"GET", "/api/v1/events?follow=perhaps", 400, "follow", "1 or 0"},
		{"GET", "/api/v1/events?since=yesterday", 400, "since", "10m"},
		{"GET", "/api/v1/events?since=-5m", 400, "since", "10m"},
		{"GET", "/api/v1/events?after=-1", 400, "after", "next"},
		{"GET", "/api/v1/events?kind=vrrp.nothing", 400, "kind", "vrrp.state"},
		{"GET", "/api/v1/events?x=" + strings.Repeat("a", queryMax), 414, "too long", ""},
	} {
		rec := httptest.NewRecorder()
		w.server.ServeHTTP(rec, httptest.NewRequest(c.method, c.path, nil))
		var p Problem
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
			t.Errorf("%s: %v: %s", c.path, err, rec.Body)
		}
		if rec.Code != c.status || !strings.Contains(p.Message, c.says) || !strings.Contains(p.Remedy, c.remedy) {
			t.Errorf("%s %s: %d %+v", c.method, c.path, rec.Code, p)
		}
	}
	empty := &world{ledger: ledger.New()}
	empty.server = New(empty, Options{})
	rec := httptest.NewRecorder()
	empty.server.ServeHTTP(rec, httptest.NewRequest("GET", "/api/v1/why/VI_1", nil))
	if !strings.Contains(rec.Body.String(), "nothing of the kind is configured") {
		t.Errorf("%s", rec.Body)
	}
}

func kinds(es []Entry) string {
	var out []string
	for _, e := range es {
		if e.Event == nil {
			out = append(out, fmt.Sprintf("lost %d", e.Lost))
			continue
		}
		out = append(out, e.Event.Kind.String())
	}
	return strings.Join(out, " ")
}

func TestEventsAreChosen(t *testing.T) {
	w := newWorld(Options{})
	w.promote()
	for _, c := range []struct{ query, want string }{
		{"", "worker.started vrrp.state vrrp.state vrrp.state address.added"},
		{"?limit=2", "vrrp.state address.added"},
		{"?limit=2&after=0", "worker.started vrrp.state"},
		{"?after=3", "vrrp.state address.added"},
		{"?after=99", ""},
		{"?instance=VI_2", "vrrp.state"},
		{"?kind=vrrp.state", "vrrp.state vrrp.state vrrp.state"},
		{"?kind=vrrp.state&limit=1&instance=VI_1", "vrrp.state"},
		{"?since=50s", "vrrp.state address.added"},
		{"?since=1h", "worker.started vrrp.state vrrp.state vrrp.state address.added"},
		{"?since=1s", ""},
		{"?since=2025-11-20T08:00:05Z", "vrrp.state address.added"},
		{"?since=1763625605", "vrrp.state address.added"},
	} {
		got := get[Events](t, w.server, "/api/v1/events"+c.query)
		if kinds(got.Events) != c.want {
			t.Errorf("%s: %q, want %q", c.query, kinds(got.Events), c.want)
		}
		for _, e := range got.Events {
			if e.Says == "" || e.ID == "" || e.N == 0 || e.N > got.Next {
				t.Errorf("%s: %+v, next %d", c.query, e, got.Next)
			}
		}
	}
}

func TestRingForgetsTheOldestAndSaysSo(t *testing.T) {
	w := newWorld(Options{Events: 4})
	for i := range 10 {
		w.happen(time.Duration(i+2)*time.Second, event.Event{Kind: event.ClockStepped})
	}
	// 13 events happened, 10 to 13 are kept.
	got := get[Events](t, w.server, "/api/v1/events?after=6&limit=4")
	if len(got.Events) != 4 || got.Events[0].Lost != 3 || got.Events[1].N != 10 || got.Next != 12 {
		t.Errorf("%+v", got)
	}
	if rest := get[Events](t, w.server, fmt.Sprintf("/api/v1/events?after=%d", got.Next)); len(rest.Events) != 1 || rest.Events[0].N != 13 {
		t.Errorf("%+v", rest)
	}
	if got := get[Events](t, w.server, "/api/v1/events?since=1h"); len(got.Events) != 4 || got.Events[0].Event == nil {
		t.Errorf("since: %+v", got)
	}
}

// TestRunsThatEndLikeTheLastAreNoNews: a tracked script runs every second.
func TestRunsThatEndLikeTheLastAreNoNews(t *testing.T) {
	w := newWorld(Options{})
	chk := event.Subject{Kind: event.SubjectScript, Name: "chk"}
	for i, e := range []event.Event{
		{Count: 0},
		{Count: 0},
		{Count: 1, Reason: event.FailExit},
		{Count: 1, Reason: event.FailExit},
		{Count: 2, Reason: event.FailExit},
		{Count: 0},
		{Count: 0},
	} {
		e.Kind, e.Subject = event.ExecDone, chk
		w.happen(time.Duration(i+2)*time.Second, e)
	}
	// A program of a notifier is news each time.
	for range 2 {
		w.happen(time.Minute, event.Event{Kind: event.ExecDone, Subject: event.Subject{Kind: event.SubjectChannel, Name: "script"}})
	}
	got := get[Events](t, w.server, "/api/v1/events?kind=exec.done")
	var counts []int64
	for _, e := range got.Events {
		counts = append(counts, e.Event.Count)
	}
	if want := []int64{1, 2, 0, 0, 0}; !slices.Equal(counts, want) {
		t.Errorf("kept %v, want %v", counts, want)
	}
}

// listen serves on a unix socket and returns a client of it.
func listen(t *testing.T, h http.Handler) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return NewClient(socket)
}

func TestClientAsksOverTheSocket(t *testing.T) {
	w := newWorld(Options{Version: "1.0.0"})
	w.promote()
	c := listen(t, w.server)
	s, err := c.Status(t.Context())
	if err != nil || s.Version != "1.0.0" || len(s.Instances) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	a, err := c.Why(t.Context(), "VI_1")
	if err != nil || a.Reason != event.Preempt {
		t.Errorf("%+v, %v", a, err)
	}
	if all, err := c.WhyAll(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	if cfg, err := c.Config(t.Context()); err != nil || len(cfg.Instances) != 2 {
		t.Errorf("%+v, %v", cfg, err)
	}
	if es, err := c.Events(t.Context(), url.Values{"limit": {"1"}}); err != nil || len(es.Events) != 1 {
		t.Errorf("%+v, %v", es, err)
	}
	var p *Problem
	if _, err := c.Why(t.Context(), "VI 1/x"); !errors.As(err, &p) || p.Status != 404 || !strings.Contains(p.Message, "VI 1/x") {
		t.Errorf("%v", err)
	}
}

func TestFollowerSeesWhatWasAndWhatComes(t *testing.T) {
	w := newWorld(Options{Heartbeat: time.Millisecond})
	c := listen(t, w.server)
	enough := errors.New("enough")
	var got []Entry
	err := c.Follow(t.Context(), url.Values{}, func(e *Entry) error {
		got = append(got, *e)
		switch len(got) {
		case 3:
			w.promote()
		case 5:
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || kinds(got) != "worker.started vrrp.state vrrp.state vrrp.state address.added" {
		t.Errorf("%v: %s", err, kinds(got))
	}
	for i, e := range got {
		if e.N != uint64(i+1) {
			t.Errorf("number %d is %d", i+1, e.N)
		}
	}
}

func TestFollowerHearsTheEndOfVigild(t *testing.T) {
	w := newWorld(Options{})
	socket := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w.server}
	go server.Serve(l)
	err = NewClient(socket).Follow(t.Context(), url.Values{}, func(e *Entry) error {
		if e.N == 3 {
			server.Close()
		}
		return nil
	})
	if err == nil || !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "EOF") {
		t.Errorf("%v", err)
	}
}

func TestFollowersAreBounded(t *testing.T) {
	w := newWorld(Options{Followers: 2})
	c := listen(t, w.server)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	started := make(chan struct{}, 8)
	for range 2 {
		all.Go(func() {
			err := c.Follow(ctx, url.Values{}, func(*Entry) error { started <- struct{}{}; return nil })
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	}
	for range 6 { // three events each
		<-started
	}
	var p *Problem
	if err := c.Follow(t.Context(), url.Values{}, nil); !errors.As(err, &p) || p.Status != 503 || p.Remedy == "" {
		t.Errorf("the third follower: %v", err)
	}
	cancel()
	all.Wait()
}

// slow is a client that reads nothing: its writer waits until the deadline
// that the server set.
type slow struct {
	http.ResponseWriter
	deadline time.Time
	wait     func(time.Duration)
}

func (s *slow) SetWriteDeadline(t time.Time) error { s.deadline = t; return nil }

func (s *slow) Write([]byte) (int, error) {
	s.wait(time.Until(s.deadline))
	return 0, os.ErrDeadlineExceeded
}

func TestFollowerThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Options{})
		start := time.Now()
		r := httptest.NewRequest("GET", "/api/v1/events?follow=1", nil)
		late := &slow{ResponseWriter: httptest.NewRecorder(), wait: func(d time.Duration) { time.Sleep(d) }}
		w.server.ServeHTTP(late, r)
		if took := time.Since(start); took != writeTimeout {
			t.Errorf("it was cut off after %v", took)
		}
		if len(w.server.follow) != 0 {
			t.Error("its place was not given back")
		}
	})
}

func TestUnreachableSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	leftover := filepath.Join(dir, "leftover.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: leftover})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	for _, c := range []struct{ socket, says string }{
		{filepath.Join(dir, "none.sock"), "not running"},
		{leftover, "leftover"},
	} {
		_, err := NewClient(c.socket).Status(t.Context())
		var u *Unreachable
		if !errors.As(err, &u) || !strings.Contains(u.Remedy, c.says) || !strings.Contains(err.Error(), c.socket) {
			t.Errorf("%s: %v", c.socket, err)
		}
	}
	// Root may do everything, so what the kernel would say is given here.
	err = NewClient("/run/x.sock").unreachable(&net.OpError{Op: "dial", Err: os.ErrPermission})
	if !strings.Contains(err.Error(), "group that owns it") {
		t.Errorf("%v", err)
	}
}

func TestSuggest(t *testing.T) {
	many := make([]string, 15)
	for i := range many {
		many[i] = fmt.Sprintf("instance-%02d", i)
	}
	for _, c := range []struct {
		name  string
		known []string
		want  string
	}{
		{"VI1", []string{"VI_1", "gateway"}, "did you mean VI_1?"},
		{"gatway", []string{"VI_1", "gateway"}, "did you mean gateway?"},
		{"zzzzzz", []string{"VI_1", "gateway"}, "there are VI_1, gateway"},
		{"x", many, "and 5 more"},
		{strings.Repeat("x", 1000), []string{"VI_1"}, "there are VI_1"},
	} {
		if got := suggest(c.name, c.known); !strings.Contains(got, c.want) {
			t.Errorf("%.20s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		a, b string
		n    int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}} {
		if got := edits(c.a, c.b); got != c.n {
			t.Errorf("%s to %s: %d, want %d", c.a, c.b, got, c.n)
		}
	}
}
