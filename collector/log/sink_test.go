// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// page is a writer that can be stopped.
type page struct {
	mu   sync.Mutex
	text bytes.Buffer
	gate chan struct{}
	err  error
}

func (p *page) Write(b []byte) (int, error) {
	if p.gate != nil {
		<-p.gate
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	return p.text.Write(b)
}

func (p *page) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSuffix(p.text.String(), "\n"), "\n")
}

func open(t *testing.T, o Options) *Sink {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSinkWritesEachEventOnce(t *testing.T) {
	var info, debug page
	sentence := func(e *event.Event) string { return "about " + e.Kind.String() }
	a := open(t, Options{Sentence: sentence, Level: event.Info, Outputs: []OutputOptions{{Kind: Console, Format: Keepalived, Writer: &info}}})
	b := open(t, Options{Outputs: []OutputOptions{{Kind: Console, Writer: &debug}}})
	es := life()
	es = append(es, at(12, 1, event.Event{Kind: event.AnnounceSent, Reason: event.AnnounceTransition, Count: 5}))
	snapshot := es[0]
	snapshot.Snapshot = true
	es = append(es, snapshot)
	for _, s := range []*Sink{a, b} {
		s.Events(es[:7])
		s.Events(es[7:])
		s.Close(t.Context())
	}
	if got := info.lines(); len(got) != len(life()) || !strings.HasSuffix(got[4], "(VI_1) Entering MASTER STATE") || !strings.HasSuffix(got[5], "(VI_1) about address.added") {
		t.Errorf("lines %q", got)
	}
	if got := debug.lines(); len(got) != len(life())+1 || !strings.Contains(got[len(got)-1], "msg=announce.sent") {
		t.Errorf("lines %q", got)
	}
	if s := b.Stats(); s.Lines != [4]uint64{1, 8, 5, 1} || s.Outputs[0].Lines != 15 || s.Outputs[0].Name != "console" {
		t.Errorf("stats %+v", s)
	}
}

func TestSinkSumsUpRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p page
		s := open(t, Options{Outputs: []OutputOptions{{Kind: Console, Format: Keepalived, Writer: &p}}})
		near := func(i int) event.Event { return at(uint64(i), int64(i), event.Event{Kind: event.VRRPNearMiss}) }
		for i := range 100 {
			s.Events([]event.Event{near(i), at(uint64(i), int64(i), event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master})})
		}
		synctest.Wait()
		if got := p.lines(); len(got) != 105 {
			t.Errorf("%d lines, want 5 and all 100 transitions", len(got))
		}
		if st := s.Stats(); st.Held != 95 {
			t.Errorf("stats %+v", st)
		}
		time.Sleep(11 * time.Second)
		got := p.lines()
		if last := got[len(got)-1]; len(got) != 106 || !strings.HasSuffix(last, "(VI_1) vrrp.near_miss (94 more)") {
			t.Errorf("%d lines, the last %q", len(got), last)
		}
		for i := range 7 {
			s.Events([]event.Event{near(i)})
		}
		s.Close(t.Context())
		got = p.lines()
		if last := got[len(got)-1]; len(got) != 112 || !strings.HasSuffix(last, "(1 more)") {
			t.Errorf("%d lines, the last %q", len(got), last)
		}
		if st := s.Stats(); st.Held != 94+1 || st.Lines[event.Warn] != 12 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestRepeatsAreBounded(t *testing.T) {
	r := repeats{spells: map[kind]*spell{}}
	now := time.Now()
	var sums []sum
	for i := range 2 * kindsMax {
		for range burst + 2 {
			e := at(1, 1, event.Event{Kind: event.VRRPNearMiss})
			e.Subject.Name = fmt.Sprint(i)
			_, early := r.pass(&e, now)
			sums = append(sums, early...)
		}
	}
	if len(r.spells) != kindsMax || len(r.order) != kindsMax || len(sums) != kindsMax || sums[0].more != 1 {
		t.Errorf("%d and %d kinds are watched, %d sums", len(r.spells), len(r.order), len(sums))
	}
}

func TestSinkNeverWaits(t *testing.T) {
	stuck := page{gate: make(chan struct{})}
	var fine page
	s := open(t, Options{Outputs: []OutputOptions{{Kind: Console, Writer: &stuck}, {Kind: Console, Writer: &fine}}})
	const n = 3 * backlogMax
	start := time.Now()
	for i := range n {
		s.Events([]event.Event{at(uint64(i), 1, event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master})})
		if i%backlogMax == 0 {
			waitFor(t, func() bool { return s.Stats().Outputs[1].Queue == 0 })
		}
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("%d events took %v", n, took)
	}
	waitFor(t, func() bool { return s.Stats().Outputs[1].Queue == 0 })
	st := s.Stats().Outputs
	if st[0].Dropped < n-2*backlogMax-2 || st[0].Lines != 0 {
		t.Errorf("the output that is stuck: %+v", st[0])
	}
	if st[1].Lines+st[1].Dropped != n && st[1].Dropped == 0 {
		t.Errorf("the other one: %+v", st[1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	s.Close(ctx)
	close(stuck.gate)
	waitFor(t, func() bool { return s.Stats().Outputs[0].Queue == 0 })
	waitFor(t, func() bool { return strings.Contains(strings.Join(stuck.lines(), "\n"), "msg=log.dropped count=") })
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("not within 20 s")
		}
	}
}

func TestHandler(t *testing.T) {
	var text, like page
	s := open(t, Options{Level: event.Info, Outputs: []OutputOptions{{Kind: Console, Format: JSON, Writer: &text}, {Kind: Console, Format: Keepalived, Writer: &like}}})
	l := slog.New(s.Handler())
	l.Debug("not wanted")
	l.With("role", "parent").WithGroup("g").With("a", 1).Info("listening", "address", "[::]:10112 x")
	l.Error("broken\nline", "err", errors.New("no \"way\""))
	s.Close(t.Context())
	got := text.lines()
	if len(got) != 2 || !strings.HasSuffix(got[0], `"level":"INFO","msg":"listening","role":"parent","g":{"a":1,"address":"[::]:10112 x"}}`) {
		t.Errorf("lines %q", got)
	}
	got = like.lines()
	if len(got) != 2 || !strings.HasSuffix(got[1], `: broken line err="no \"way\""`) {
		t.Errorf("lines %q", got)
	}
	if st := s.Stats(); st.Lines != [4]uint64{0, 1, 0, 1} {
		t.Errorf("stats %+v", st)
	}
}

func TestFileIsReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("kept\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Outputs: []OutputOptions{{Kind: File, Path: path, Format: Keepalived}}})
	one := at(1, 1, event.Event{Kind: event.VRRPState, From: event.Init, To: event.Backup})
	two := at(2, 1, event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master})
	s.Events([]event.Event{one})
	waitFor(t, func() bool { return s.Stats().Outputs[0].Lines == 1 })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	s.Reopen()
	waitFor(t, func() bool { _, err := os.Stat(path); return err == nil })
	s.Events([]event.Event{two})
	s.Close(t.Context())
	old, err := os.ReadFile(path + ".1")
	if err != nil || !strings.HasPrefix(string(old), "kept\n") || strings.Count(string(old), "\n") != 2 {
		t.Errorf("the old file holds %q (%v)", old, err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(string(text), "Entering MASTER STATE\n") || strings.Count(string(text), "\n") != 1 {
		t.Errorf("the new file holds %q (%v)", text, err)
	}
}

func TestFileThatCannotBeReopenedIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log")
	s := open(t, Options{Outputs: []OutputOptions{{Kind: File, Path: path}}})
	if err := os.Rename(dir, dir+"2"); err != nil {
		t.Fatal(err)
	}
	s.Reopen()
	waitFor(t, func() bool { return s.Stats().Outputs[0].Errors == 1 })
	s.Events(life()[:1])
	s.Close(t.Context())
	if text, err := os.ReadFile(filepath.Join(dir+"2", "log")); err != nil || !strings.Contains(string(text), "vrrp.state") {
		t.Errorf("the file holds %q (%v)", text, err)
	}
}

func TestErrorsAreCounted(t *testing.T) {
	s := open(t, Options{Outputs: []OutputOptions{{Kind: Console, Writer: &page{err: errors.New("disk full")}}}})
	s.Events(life()[:3])
	s.Close(t.Context())
	if st := s.Stats().Outputs[0]; st.Errors != 3 || st.Lines != 0 || st.Queue != 0 {
		t.Errorf("stats %+v", st)
	}
	s.Events(life()[:1])
	if st := s.Stats().Outputs[0]; st.Dropped != 1 {
		t.Errorf("stats after the end %+v", st)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		o    OutputOptions
		want string
	}{
		{OutputOptions{Kind: "printer"}, `log to printer: "printer" is not one of console, file, syslog, journald`},
		{OutputOptions{Kind: Console, Format: "xml"}, `log to console: format "xml" is not one of json, text, keepalived`},
		{OutputOptions{Kind: Syslog, Facility: 24}, `log to syslog: facility 24 is not 1 to 23`},
		{OutputOptions{Kind: File, Path: "/nonexistent/x"}, `log to file: open log: open /nonexistent/x: no such file or directory`},
	} {
		s, err := New(Options{Outputs: []OutputOptions{c.o}})
		if err == nil || err.Error() != c.want {
			t.Errorf("%v; want %s", err, c.want)
		}
		if len(s.outlets) != 1 || s.outlets[0].name != "console" {
			t.Errorf("the log has no console to fall back to")
		}
		s.Close(t.Context())
	}
}
