// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/test/sim"
)

var update = flag.Bool("update", false, "write the golden files")

// explained are the transcripts of which the explanations are kept; the others
// are only explained.
var explained = []string{
	"start-failover-return", "priority-zero", "preempt", "higher-while-master", "script-fault", "script-weight",
	"interface-down", "sync-group-failover", "rejects-v2", "resume", "late-and-silent", "frozen-master", "near-miss",
	"address-gone", "address-refused", "stop-order", "reload-remove", "owner-at-once",
	"late-before", "late-but-rescued", "two-masters", "claim", "owner-rival", "address-restore",
}

// explain plays a transcript and explains each transition of each router at
// the moment when all that follows from it is known.
func explainAll(t *testing.T, file string) string {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	played, err := sim.Play(string(src))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var b strings.Builder
	for i := range played.Hosts {
		h := &played.Hosts[i]
		l := ledger.New()
		l.Rows(h.Rows)
		said := map[string]string{}
		var order []string
		for k := range h.Events {
			l.Apply(&h.Events[k])
			v := l.View()
			for _, in := range v.Instances {
				if in.Last.Kind == event.KindNone {
					continue
				}
				a := explain.Why(caseOf(in, time.Unix(0, in.Last.Wall)))
				checkAnswer(t, filepath.Base(file), &a)
				key := fmt.Sprintf("%s %s %d %d", h.Name, in.Row.Subject.Name, in.Last.Epoch, in.Last.Seq)
				if said[key] == "" {
					order = append(order, key)
				}
				said[key] = a.Text(explain.Paint{})
			}
		}
		for _, key := range order {
			// The id is drawn from the epoch, which is no fact of the transcript.
			text, _, _ := strings.Cut(said[key], "\nid ")
			fmt.Fprintf(&b, "==== router %s\n%s", h.Name, text)
		}
	}
	return b.String()
}

// checkAnswer holds what any explanation must have.
func checkAnswer(t *testing.T, name string, a *explain.Answer) {
	t.Helper()
	if !strings.HasSuffix(a.Cause, ".") || strings.HasPrefix(a.Cause, "The reason given is") || strings.Contains(a.Cause, "something that is tracked") {
		t.Errorf("%s: %s to %s (%s): %q", name, a.From, a.To, a.Reason, a.Cause)
	}
	if a.Reason != event.ReasonNone && strings.HasSuffix(a.Cause, "failed: "+a.Reason.String()+".") {
		t.Errorf("%s: %s to %s: no sentence for %s", name, a.From, a.To, a.Reason)
	}
	if len(a.Timeline) == 0 || a.ID == "" || a.What == "" {
		t.Errorf("%s: incomplete: %+v", name, a)
	}
}

func TestTranscriptsExplained(t *testing.T) {
	files, err := filepath.Glob("../../test/sim/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	texts := map[string]string{}
	for _, file := range files {
		texts[strings.TrimSuffix(filepath.Base(file), ".txt")] = explainAll(t, file)
	}
	for _, name := range explained {
		got, ok := texts[name]
		if !ok {
			t.Errorf("there is no transcript %s", name)
			continue
		}
		path := filepath.Join("testdata", "why", name+".golden")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if got != string(want) {
			a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Errorf("%s differs at line %d:\ngot  %s\nwant %s", path, i+1, a[i], b[i])
					break
				}
			}
			if len(a) != len(b) {
				t.Errorf("%s has %d lines, want %d", path, len(a), len(b))
			}
		}
	}
}
