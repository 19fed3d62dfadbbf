// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/test/sim"
)

// TestTranscriptsFold folds what every router of every transcript said: each
// transition is in the closed list, the state is the one entered last, and
// replaying all of it changes nothing.
func TestTranscriptsFold(t *testing.T) {
	files, err := filepath.Glob("../../test/sim/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		played, err := sim.Play(string(src))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i := range played.Hosts {
			check(t, filepath.Base(file), &played.Hosts[i])
		}
	}
}

func check(t *testing.T, name string, h *sim.Host) {
	l := ledger.New()
	l.Rows(h.Rows)
	last := map[string]event.State{}
	for i := range h.Events {
		e := &h.Events[i]
		l.Apply(e)
		if e.Kind == event.VRRPState {
			last[e.Subject.Name] = e.To
		}
	}
	v := l.View()
	if v.Unexpected != 0 {
		t.Errorf("%s %s: %d events that are in no list", name, h.Name, v.Unexpected)
	}
	for _, in := range v.Instances {
		subject := in.Row.Subject.Name
		if want, ok := last[subject]; ok && in.State != want {
			t.Errorf("%s %s: %s is %v, want %v", name, h.Name, subject, in.State, want)
		}
		if in.Last.Kind != event.KindNone && in.Last.To != in.State {
			t.Errorf("%s %s: %s is %v, and its last transition is to %v", name, h.Name, subject, in.State, in.Last.To)
		}
	}
	for i := range h.Events {
		l.Apply(&h.Events[i])
	}
	again := l.View()
	for i, in := range again.Instances {
		if before := v.Instances[i]; in.State != before.State || len(in.Story) != len(before.Story) || sum(in.Transitions) != sum(before.Transitions) {
			t.Errorf("%s %s: a replay changed %s", name, h.Name, in.Row.Subject.Name)
		}
	}
}

func sum(list []uint64) (n uint64) {
	for _, x := range list {
		n += x
	}
	return n
}
