// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/proc"
)

// runProc runs real programs, as the parent role does.
func runProc(ctx context.Context, c Command, limit time.Duration) Result {
	x := proc.Run(ctx, &proc.Command{Path: c.Argv[0], Args: c.Argv, Env: c.Env, Started: c.Started}, limit)
	r := Result{Status: x.Status, Took: x.Took}
	switch {
	case x.Err != nil:
		r.Reason, r.Detail = event.FailSpawn, x.Err.Error()
	case x.TimedOut:
		r.Reason = event.FailTimeout
	case x.Signal != 0:
		r.Reason, r.Detail = event.FailSignal, x.Signal.String()
	case x.Status != 0:
		r.Reason, r.Detail = event.FailExit, fmt.Sprintf("exit status %d", x.Status)
	}
	return r
}

// published collects events about deliveries.
type published struct {
	mu sync.Mutex
	es []event.Event
}

func (p *published) publish(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.es = append(p.es, e)
}

func (p *published) all() []event.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]event.Event(nil), p.es...)
}

// words renders what was published, for comparison.
func (p *published) words() []string {
	var out []string
	for _, e := range p.all() {
		out = append(out, fmt.Sprintf("%s %s %s %d %s", e.Kind, e.Subject.Name, e.Subject.Sub, e.Count, e.Reason))
	}
	return out
}

func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func closed(t *testing.T, c interface{ Close(context.Context) }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c.Close(ctx)
}

func TestScriptsRunWithArgumentsAndEnvironment(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	path := script(t, `echo "$# $*" >>"$OUT.$#"; env | grep -E '^(VIGIL|TRACE|IFS|LD_|KEPT|OTEL)' | sort >>"$OUT.$#"; exit $STATUS`)
	set := &Settings{Instances: []SubjectSettings{{
		Name:    "VI_1",
		Master:  Script{Argv: []string{path, "a b", "c"}},
		Generic: Script{Argv: []string{path, "generic"}},
	}}}
	var p published
	s := NewScripts(set, Options{
		Run: runProc, Publish: p.publish,
		Environ: []string{
			"OUT=" + out, "STATUS=3", "PATH=" + os.Getenv("PATH"), "KEPT=1", "IFS=x", "LD_PRELOAD=x", "LD_LIBRARY_PATH=x",
			"VIGIL_SMTP_PASSWORD=secret", "OTEL_EXPORTER_OTLP_HEADERS=secret", "TRACEPARENT=other",
		},
	})
	e := state(7, event.Backup, event.Master, event.MasterDownTimer)
	s.Events([]event.Event{e})
	closed(t, s)
	env := func(keyword string) string {
		span := e.Ref().Span("script:"+keyword, 1)
		return "KEPT=1\nTRACEPARENT=" + e.Ref().Traceparent(span) + "\nVIGIL_EVENT_ID=" + e.ID().String() +
			"\nVIGIL_FROM=BACKUP\nVIGIL_KIND=vrrp.state\nVIGIL_PRIORITY=150\nVIGIL_REASON=master_down_timer\n" +
			"VIGIL_SUBJECT=VI_1\nVIGIL_TIME=2023-11-14T22:13:20.123456Z\nVIGIL_TO=MASTER\nVIGIL_VRID=51\n"
	}
	for file, want := range map[string]string{
		".2": "2 a b c\n" + env("notify_master"), ".5": "5 generic INSTANCE VI_1 MASTER 150\n" + env("notify"),
	} {
		if text, err := os.ReadFile(out + file); err != nil || string(text) != want {
			t.Errorf("a script saw\n%s\nwant\n%s (%v)", text, want, err)
		}
	}
	wantLines(t, sorted(p.words()), "exec.done script notify 3 exit", "exec.done script notify_master 3 exit",
		"notify.failed script notify 1 exit", "notify.failed script notify_master 1 exit")
	for _, got := range p.all() {
		if got.Cause != e.Ref() || got.Story() != e.Ref() || got.Took <= 0 || !strings.HasPrefix(got.Detail, path) {
			t.Errorf("published %+v", got)
		}
	}
	if st := s.Stats(); st.Channel != "script" || st.Queued != 2 || st.Failed[event.FailExit] != 2 || st.Dropped[event.FailExit] != 2 {
		t.Errorf("stats %+v", st)
	}
}

func TestScriptThatCannotStart(t *testing.T) {
	var p published
	s := NewScripts(&Settings{Instances: []SubjectSettings{{Name: "VI_1", Backup: Script{Argv: []string{"/nonexistent/script"}}}}},
		Options{Run: runProc, Publish: p.publish})
	s.Events([]event.Event{state(1, event.Init, event.Backup, event.Startup)})
	closed(t, s)
	wantLines(t, p.words(), "exec.done script notify_backup -1 spawn", "notify.failed script notify_backup 1 spawn")
}

// fakeRun takes d for each run and records it.
func fakeRun(r *record, took map[string]time.Duration) Runner {
	return func(ctx context.Context, c Command, limit time.Duration) Result {
		c.Started()
		name := strings.Join(c.Argv, " ")
		d := took[c.Argv[0]]
		if limit > 0 && d > limit {
			d = limit
		}
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			r.add("%s cut short", name)
			return Result{Status: -1, Reason: event.FailTimeout}
		}
		r.add("%s", name)
		return Result{Took: d}
	}
}

func TestScriptsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		named := func(n string) Script { return Script{Argv: []string{n}} }
		set := &Settings{
			Instances: []SubjectSettings{
				{Name: "VI_1", Master: named("m1"), Backup: named("b1"), Generic: named("n1"), MasterRxLowerPri: named("l1")},
				{Name: "VI_2", Master: named("m2"), Fault: named("f2"), Deleted: named("d2"), ReportDeleted: true},
			},
			Groups: []SubjectSettings{{Name: "G1", Master: named("mg"), Generic: named("ng")}},
		}
		s := NewScripts(set, Options{Run: fakeRun(&r, map[string]time.Duration{"m1": time.Hour})})
		two := func(from, to event.State, why event.Reason) event.Event {
			e := state(2, from, to, why)
			e.Subject = instance("VI_2")
			return e
		}
		lower := event.Event{Kind: event.VRRPConflict, Subject: instance("VI_1"), Reason: event.ConflictLower, To: event.Up}
		s.Events([]event.Event{
			state(1, event.Backup, event.Master, event.MasterDownTimer), lower,
			state(3, event.Master, event.Backup, event.HigherPriority),
		})
		synctest.Wait()
		s.Events([]event.Event{
			two(event.Backup, event.Fault, event.Interface), two(event.Fault, event.Backup, event.Interface),
			two(event.Backup, event.Master, event.Preempt), two(event.Master, event.Deleted, event.Reload),
		})
		synctest.Wait()
		wantLines(t, r.take(), "n1 INSTANCE VI_1 MASTER 150", "f2", "m2", "d2")
		s.Events([]event.Event{groupState(9, event.Backup, event.Master)})
		synctest.Wait()
		wantLines(t, r.take(), "mg", "ng GROUP G1 MASTER 0")
		time.Sleep(2 * time.Hour)
		wantLines(t, r.take(), "m1", "l1", "b1", "n1 INSTANCE VI_1 BACKUP 150")
	})
}

// TestScriptsBeginInOrder: whatever they do then, scripts begin in the order of
// the events, the specific one before the generic one, also when none waits for
// another; and one that does not begin keeps the others waiting for a while only.
func TestScriptsBeginInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		set := &Settings{}
		var es []event.Event
		var want []string
		for i := range 100 {
			name := fmt.Sprintf("VI_%d", i)
			set.Instances = append(set.Instances, SubjectSettings{
				Name: name, Master: Script{Argv: []string{"m", name}}, Generic: Script{Argv: []string{"n"}},
			})
			e := state(uint64(i), event.Backup, event.Master, event.MasterDownTimer)
			e.Subject = instance(name)
			es = append(es, e)
			want = append(want, "m "+name, "n INSTANCE "+name+" MASTER 150")
		}
		s := NewScripts(set, Options{Run: func(_ context.Context, c Command, _ time.Duration) Result {
			if c.Argv[0] == "m" && c.Argv[1] == "VI_7" {
				time.Sleep(time.Minute) // it cannot even be started
			}
			r.add("%s", strings.Join(c.Argv, " "))
			c.Started()
			time.Sleep(time.Hour)
			return Result{}
		}})
		start := time.Now()
		s.Events(es)
		synctest.Wait()
		wantLines(t, r.take(), want[:14]...)
		time.Sleep(turnLimit)
		synctest.Wait()
		// 128 may run at once.
		wantLines(t, r.take(), want[15:128]...)
		time.Sleep(4 * time.Hour)
		closed(t, s)
		if got := r.take(); len(got) != 200-127 || time.Since(start) > 5*time.Hour {
			t.Errorf("%d more scripts after %v", len(got), time.Since(start))
		}
	})
}

// TestScriptsOfTheRemoved: an instance that a reload took out is told to be in
// FAULT unless it has notify_deleted, but its notify_fault is not run.
func TestScriptsOfTheRemoved(t *testing.T) {
	for _, reports := range []bool{false, true} {
		t.Run(fmt.Sprint(reports), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r record
				one := SubjectSettings{Name: "VI_1", Fault: Script{Argv: []string{"f"}}, Generic: Script{Argv: []string{"n"}}, ReportDeleted: reports}
				want := []string{"n INSTANCE VI_1 FAULT 150"}
				if reports {
					one.Deleted = Script{Argv: []string{"d"}}
					want = []string{"d", "n INSTANCE VI_1 DELETED 150"}
				}
				s := NewScripts(&Settings{Instances: []SubjectSettings{one}}, Options{Run: fakeRun(&r, map[string]time.Duration{"n": time.Second})})
				s.Events([]event.Event{state(1, event.Master, event.Deleted, event.Reload)})
				time.Sleep(time.Minute)
				wantLines(t, r.take(), want...)
				s.Events([]event.Event{state(2, event.Backup, event.Fault, event.Interface)})
				time.Sleep(time.Minute)
				wantLines(t, r.take(), "f", "n INSTANCE VI_1 FAULT 150")
				closed(t, s)
			})
		})
	}
}

func TestScriptsStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		named := func(n string) Script { return Script{Argv: []string{n}} }
		set := &Settings{Instances: []SubjectSettings{{
			Name: "VI_1", Master: named("slow"), Fault: named("never"), Stop: named("endless"), Generic: named("generic"),
		}}}
		s := NewScripts(set, Options{Run: fakeRun(&r, map[string]time.Duration{"slow": time.Hour, "endless": time.Hour})})
		s.Events([]event.Event{
			state(1, event.Backup, event.Master, event.MasterDownTimer), state(2, event.Master, event.Fault, event.Interface),
		})
		synctest.Wait()
		start := time.Now()
		s.Events([]event.Event{state(3, event.Fault, event.Stop, event.Shutdown)})
		closed(t, s)
		wantLines(t, r.take(), "generic INSTANCE VI_1 MASTER 150", "slow cut short", "generic INSTANCE VI_1 STOP 150", "endless")
		if took := time.Since(start); took != 2*StopLimit {
			t.Errorf("stopping took %v, want %v: one for what ran, one for the STOP script", took, 2*StopLimit)
		}
	})
}

func TestScriptsConfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		named := func(n string) Script { return Script{Argv: []string{n}} }
		s := NewScripts(&Settings{Instances: []SubjectSettings{{Name: "VI_1", Master: named("old")}}}, Options{Run: fakeRun(&r, nil)})
		s.Events([]event.Event{state(1, event.Backup, event.Master, event.MasterDownTimer)})
		s.Configure(&Settings{Instances: []SubjectSettings{{Name: "VI_1", Backup: named("new")}}})
		s.Events([]event.Event{state(2, event.Master, event.Backup, event.HigherPriority)})
		synctest.Wait()
		wantLines(t, r.take(), "old", "new")
	})
}
