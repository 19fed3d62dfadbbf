// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/proc"
)

// diary keeps what was reported.
type diary struct {
	mu   sync.Mutex
	list []Report
	news chan struct{}
}

func newDiary() *diary { return &diary{news: make(chan struct{}, 1000)} }

func (d *diary) report(r Report) {
	d.mu.Lock()
	d.list = append(d.list, r)
	d.mu.Unlock()
	select {
	case d.news <- struct{}{}:
	default:
	}
}

func (d *diary) all() []Report {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list)
}

// wait waits for a report that fits.
func (d *diary) wait(t *testing.T, what string, fits func(Report) bool) Report {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		for _, r := range d.all() {
			if fits(r) {
				return r
			}
		}
		select {
		case <-d.news:
		case <-deadline:
			t.Fatalf("no report of %s; there are %+v", what, d.all())
		}
	}
}

func TestScriptKeepsItsBeatAndSkipsWhatOverlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := NewScripts(d.report)
		begin := time.Now()
		var starts []time.Duration
		var limits []time.Duration
		var mu sync.Mutex
		s.run = func(_ context.Context, _ *proc.Command, limit time.Duration) proc.Exit {
			mu.Lock()
			starts, limits = append(starts, time.Since(begin)), append(limits, limit)
			n := len(starts)
			mu.Unlock()
			took := 100 * time.Millisecond
			if n == 2 {
				took = 2500 * time.Millisecond
			}
			time.Sleep(took)
			return proc.Exit{Took: took}
		}
		s.Configure([]ScriptSettings{{Name: "chk", Argv: []string{"/x"}, Interval: time.Second, Timeout: 3 * time.Second}})
		time.Sleep(5500 * time.Millisecond)
		s.Close()
		mu.Lock()
		defer mu.Unlock()
		// The second run, from 1 s to 3.5 s, makes those of 2 s and 3 s fall away.
		want := []time.Duration{0, time.Second, 4 * time.Second, 5 * time.Second}
		if !slices.Equal(starts, want) {
			t.Errorf("started at %v, want %v", starts, want)
		}
		if limits[0] != 3*time.Second {
			t.Errorf("the limit is %v", limits[0])
		}
		got := d.all()
		if len(got) != 4 || got[0].Skipped != 0 || got[1].Skipped != 2 || got[2].Skipped != 0 {
			t.Errorf("reports %+v", got)
		}
	})
}

func TestScriptThatIsTheSameGoesOnAtAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		s := NewScripts(d.report)
		var mu sync.Mutex
		runs := map[string]int{}
		s.run = func(_ context.Context, c *proc.Command, _ time.Duration) proc.Exit {
			mu.Lock()
			runs[c.Args[0]]++
			mu.Unlock()
			return proc.Exit{}
		}
		count := func(name string) int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return runs[name]
		}
		same := ScriptSettings{Name: "same", Argv: []string{"/same"}, Interval: time.Minute}
		other := ScriptSettings{Name: "other", Argv: []string{"/other"}, Interval: time.Minute}
		s.Configure([]ScriptSettings{same, other, {Name: "gone", Argv: []string{"/gone"}, Interval: time.Minute}})
		count("")
		other.Interval = time.Hour
		s.Configure([]ScriptSettings{same, other})
		if a, b, c := count("/same"), count("/other"), count("/gone"); a != 1 || b != 2 || c != 1 {
			t.Errorf("runs: same %d, changed %d, gone %d", a, b, c)
		}
		time.Sleep(time.Minute)
		if a, c := count("/same"), count("/gone"); a != 2 || c != 1 {
			t.Errorf("a minute later: same %d, gone %d", a, c)
		}
		s.Close()
		time.Sleep(2 * time.Hour)
		if a := count("/same"); a != 2 {
			t.Errorf("after the close it ran %d times", a)
		}
	})
}

func TestScriptVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		exit proc.Exit
		want Report
	}{
		"good":    {proc.Exit{}, Report{OK: true}},
		"bad":     {proc.Exit{Status: 3}, Report{Status: 3, Reason: event.FailExit}},
		"killed":  {proc.Exit{Status: -1, Signal: syscall.SIGSEGV}, Report{Status: 11, Reason: event.FailSignal, Detail: "segmentation fault"}},
		"late":    {proc.Exit{Status: -1, Signal: syscall.SIGTERM, TimedOut: true}, Report{Status: -1, Reason: event.FailTimeout, Detail: "took longer than 1s"}},
		"missing": {proc.Exit{Status: -1, Err: os.ErrNotExist}, Report{Status: -1, Reason: event.FailSpawn, Detail: os.ErrNotExist.Error()}},
	} {
		s := NewScripts(func(Report) {})
		s.run = func(context.Context, *proc.Command, time.Duration) proc.Exit { return c.exit }
		got := s.once(t.Context(), &ScriptSettings{Name: "chk", Argv: []string{"/x"}, Interval: time.Second})
		c.want.Subject, c.want.Run = event.Subject{Kind: event.SubjectScript, Name: "chk"}, true
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// TestScriptsRunPrograms uses real programs: arguments, the shell, a file that
// can or cannot be opened, and a time limit that ends a whole group.
func TestScriptsRunPrograms(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "prog")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nexit $1\n"), 0o700); err != nil { //nolint:gosec // it has to run
		t.Fatal(err)
	}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	d := newDiary()
	s := NewScripts(d.report)
	s.Configure([]ScriptSettings{
		{Name: "argument", Argv: []string{program, "7"}, UID: uid, GID: gid, Interval: time.Hour},
		{Name: "shell", Argv: []string{"exit 5 #", "ignored"}, Shell: true, UID: uid, GID: gid, Interval: time.Hour},
		{Name: "opens", Argv: []string{"<" + there}, Interval: time.Hour},
		{Name: "opens not", Argv: []string{"<" + there + "x"}, Interval: time.Hour},
		{Name: "late", Argv: []string{"/bin/sh", "-c", "sleep 100 & wait"}, UID: uid, GID: gid, Interval: time.Hour, Timeout: 50 * time.Millisecond},
		{Name: "missing", Argv: []string{there + "y"}, UID: uid, GID: gid, Interval: time.Hour},
	})
	defer s.Close()
	for name, want := range map[string]Report{
		"argument":  {Status: 7, Reason: event.FailExit},
		"shell":     {Status: 5, Reason: event.FailExit},
		"opens":     {OK: true},
		"opens not": {Status: 1, Reason: event.FailExit},
		"late":      {Status: -1, Reason: event.FailTimeout},
		"missing":   {Status: -1, Reason: event.FailSpawn},
	} {
		r := d.wait(t, name, func(r Report) bool { return r.Subject.Name == name })
		if r.OK != want.OK || r.Status != want.Status || r.Reason != want.Reason || !r.Run {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestCloseEndsWhatRunsAndReportsNothingOfIt(t *testing.T) {
	d := newDiary()
	s := NewScripts(d.report)
	mark := filepath.Join(t.TempDir(), "pid")
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	s.Configure([]ScriptSettings{{
		Name: "long", Argv: []string{"/bin/sh", "-c", "echo $$ > " + mark + ".new && mv " + mark + ".new " + mark + "; sleep 100"},
		UID: uid, GID: gid, Interval: time.Hour,
	}})
	var pid string
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); pid == ""; {
		select {
		case <-tick.C:
			if b, err := os.ReadFile(mark); err == nil {
				pid = strings.TrimSpace(string(b))
			}
		case <-deadline:
			t.Fatal("it was not started")
		}
	}
	s.Close()
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Errorf("process %s outlived the close", pid)
	}
	if got := d.all(); len(got) > 0 {
		t.Errorf("its end was reported: %+v", got)
	}
}

func TestEnvironment(t *testing.T) {
	for _, name := range []string{"IFS", "LD_PRELOAD", "LD_LIBRARY_PATH", "NOTIFY_SOCKET"} {
		t.Setenv(name, "x")
	}
	t.Setenv("TRACK_TEST", "kept")
	env := Environment()
	if !slices.Contains(env, "TRACK_TEST=kept") {
		t.Error("the environment is not inherited")
	}
	for _, v := range env {
		if strings.HasPrefix(v, "LD_") || strings.HasPrefix(v, "IFS=") || strings.HasPrefix(v, "NOTIFY_SOCKET=") {
			t.Errorf("a script would get %s", v)
		}
	}
}
