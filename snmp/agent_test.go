// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/snmp/agentx"
)

// source is a Source that a test sets.
type source struct {
	mu        sync.Mutex
	view      *ledger.View
	refreshes int
	slow      bool // Refresh waits for its context
}

func (s *source) View() *ledger.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

func (s *source) Refresh(ctx context.Context) *ledger.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshes++
	if s.slow {
		<-ctx.Done()
	}
	return s.view
}

func (s *source) set(v *ledger.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = v
}

// asked is a View whose configuration asks for SNMP.
func asked(v *ledger.View) *ledger.View {
	out := *v
	out.Global.SNMPVRRP = true
	return &out
}

// outcomes collects what an Agent publishes.
type outcomes struct {
	mu  sync.Mutex
	all []event.Event
}

func (o *outcomes) publish(e event.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, e)
}

func (o *outcomes) words() (out []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.all {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, e.Subject.Name, e.Reason)))
	}
	return out
}

var errNobody = errors.New("nobody listens")

func nobody(context.Context) (net.Conn, error) { return nil, errNobody }

func TestServesOnlyWhereAsked(t *testing.T) {
	v := waiting()
	for name, c := range map[string]struct {
		view   *ledger.View
		always bool
		want   bool
	}{
		"nothing asks":             {v, false, false},
		"enable_snmp_vrrp":         {asked(v), false, true},
		"-x":                       {v, true, true},
		"-x before any event":      {nil, true, false},
		"-x without configuration": {&ledger.View{}, true, false},
	} {
		if got := wants(c.view, c.always); len(got) > 0 != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A reload turns SNMP on and off.
func TestServingFollowsTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int64
		src := &source{view: waiting()}
		a := New(Options{Dial: func(context.Context) (net.Conn, error) {
			dials.Add(1)
			return nil, errNobody
		}}, src)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		for i, c := range []struct {
			view *ledger.View
			want bool
		}{{waiting(), false}, {asked(waiting()), true}, {waiting(), false}, {asked(waiting()), true}} {
			before := dials.Load()
			a.Events(c.view, nil)
			<-time.After(time.Minute)
			if got := dials.Load() > before; got != c.want || a.Stats().Serving != c.want {
				t.Errorf("step %d: dials %v, serving %v, want %v", i, got, a.Stats().Serving, c.want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutADialerRunSaysSo(t *testing.T) {
	a := New(Options{Always: true}, &source{view: waiting()})
	if err := a.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Dial") {
		t.Errorf("Run gives %v", err)
	}
}

// Without a master notifications wait, then are given up, and each is told;
// the caller never waits.
func TestNotificationsWithoutAMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out outcomes
		v := asked(waiting())
		a := New(Options{Dial: nobody, Publish: out.publish}, &source{view: v})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		// Before Run: what happens at the start is told too.
		e := moved(7, "three", event.Backup, event.Master, event.MasterDownTimer)
		a.Events(v, []event.Event{e})
		go func() { ended <- a.Run(ctx) }()
		<-time.After(trapAge / 2)
		if got := out.words(); got != nil || a.Stats().Session.NotifyQueued != 1 {
			t.Errorf("after half the time %q, %d wait", got, a.Stats().Session.NotifyQueued)
		}
		<-time.After(trapAge)
		if got := out.words(); !slices.Equal(got, []string{"notify.failed snmp_trap timeout"}) {
			t.Errorf("published %q", got)
		}
		if got := out.all[0]; got.Cause != e.Ref() || got.ID() != e.ID() || got.Count != 1 || got.Took < trapAge {
			t.Errorf("published %+v", got)
		}
		began := time.Now()
		for i := range 2000 {
			to := []event.State{event.Backup, event.Master}[i%2]
			a.Events(v, []event.Event{moved(uint64(100+i), "three", event.Fault, to, event.Interface)})
		}
		if !time.Now().Equal(began) {
			t.Error("Events waited")
		}
		synctest.Wait()
		if a.Holding() {
			t.Error("what has no master holds up the end")
		}
		if got := out.words(); len(got) < 900 || got[1] != "notify.failed snmp_trap overflow" {
			t.Errorf("%d published, among them %q", len(got), got[:2])
		}
		cancel()
		<-ended
		if got := out.words(); len(got) != 2001 || got[2000] != "notify.failed snmp_trap unreachable" {
			t.Errorf("%d published, the last %q", len(got), got[len(got)-1])
		}
	})
}

// A slow Publish keeps nobody waiting: what finds no room is counted.
func TestOutcomesWaitForPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		published := 0
		v := asked(waiting())
		a := New(Options{Dial: nobody, Publish: func(event.Event) {
			<-release
			published++
		}}, &source{view: v})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		for i := range 6000 {
			a.Events(v, []event.Event{moved(uint64(i+1), "three", event.Fault, []event.State{event.Backup, event.Master}[i%2], event.Interface)})
		}
		synctest.Wait()
		if n := a.Stats().Unpublished; n == 0 || !a.Holding() {
			t.Errorf("%d found no room, holding %v", n, a.Holding())
		}
		close(release)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if n := int(a.Stats().Unpublished); published+n != 6000 {
			t.Errorf("%d published and %d not", published, n)
		}
	})
}

func TestReasonsOfFailure(t *testing.T) {
	for _, c := range []struct {
		err  error
		want event.Reason
	}{
		{fmt.Errorf("notify: %w", &agentx.ResponseError{Status: agentx.ProcessingError}), event.FailRefused},
		{agentx.ErrQueueFull, event.FailOverflow},
		{agentx.ErrExpired, event.FailTimeout},
		{agentx.ErrSessionLost, event.FailUnreachable},
		{errNobody, event.FailInvalid},
	} {
		if got := reason(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
	}
}

// A View is rendered once; counters are asked for when they are old, and a
// source that is slow costs a bounded time.
func TestSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{view: waiting(), slow: true}
		a := New(Options{Dial: nobody}, src)
		began := time.Now()
		first := a.Snapshot("")
		if took := time.Since(began); took != refreshWait || src.refreshes != 1 {
			t.Errorf("took %s with %d refreshes", took, src.refreshes)
		}
		if a.Snapshot("") != first || a.Stats().Builds != 1 || src.refreshes != 1 {
			t.Errorf("the same View was rendered again: %+v", a.Stats())
		}
		src.set(families())
		if a.Snapshot("") == first || a.Stats().Builds != 2 {
			t.Error("another View was not rendered")
		}
		<-time.After(2 * refreshAge)
		a.Snapshot("")
		if src.refreshes != 2 {
			t.Errorf("%d refreshes", src.refreshes)
		}
		if a.Snapshot("other") != nil {
			t.Error("another context has a tree")
		}
	})
}

// A View that cannot be rendered leaves the last good one in place.
func TestABadViewIsCounted(t *testing.T) {
	src := &source{view: waiting()}
	a := New(Options{Dial: nobody}, src)
	good := a.Snapshot("")
	bad := waiting()
	bad.Global.RouterID = "x"
	broken := views()[0].(*table[*ledger.View]) // renders one variable twice
	once := broken.rows
	defer func() { broken.rows = once }()
	broken.rows = func(v *ledger.View) []row[*ledger.View] { return append(once(v), once(v)...) }
	src.set(bad)
	if got := a.Snapshot(""); got != good || a.Stats().BuildErrors != 1 {
		t.Errorf("%d errors, another snapshot %v", a.Stats().BuildErrors, got != good)
	}
}
