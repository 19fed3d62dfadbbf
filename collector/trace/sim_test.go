// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/test/sim"
	"github.com/vigild/vigild/test/sim/pool"
)

var update = flag.Bool("update", false, "write the golden files")

// traced are the transcripts of which the traces are kept.
var traced = []string{
	"start-failover-return", "priority-zero", "preempt", "script-fault", "sync-group-failover", "resume", "stop-order",
	"address-refused", "late-and-silent",
}

// TestTranscripts renders the spans that each router of a transcript gives,
// with their times since the first event: the same stream that metrics, SNMP
// and explanations are made of.
func TestTranscripts(t *testing.T) {
	for _, name := range traced {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("..", "..", "test", "sim", "transcripts", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			played, err := sim.Play(string(src))
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for i := range played.Hosts {
				fmt.Fprintf(&b, "==== router %s\n%s", played.Hosts[i].Name, spansOf(played.Hosts[i].Events))
			}
			golden(t, filepath.Join("testdata", "transcripts", name+".golden"), b.String())
		})
	}
}

// pooled are the transcripts of virtual servers of which the traces are kept.
var pooled = []string{"fail-and-recover", "quorum", "refused", "slow-and-sampled", "misc-dynamic"}

func TestPoolTranscripts(t *testing.T) {
	for _, name := range pooled {
		t.Run(name, func(t *testing.T) {
			played, err := pool.Run(filepath.Join("..", "..", "test", "sim", "pool", "transcripts", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "pool", name+".golden"), spansOf(played.Events))
		})
	}
}

// golden holds what was rendered against a file, or writes the file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", path, got, want)
	}
}

// spansOf renders spans in the order of their start: name, start, length,
// whether it is a root, links, status and attributes.
func spansOf(es []event.Event) string {
	if len(es) == 0 {
		return ""
	}
	var spans []tracetest.SpanStub
	teller := newTeller(&Options{Hold: time.Hour}, resource.Empty(), func(s tracetest.SpanStub) { spans = append(spans, s) })
	for i := range es {
		teller.tell(&es[i])
	}
	teller.expire(true)
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int {
		if c := a.StartTime.Compare(b.StartTime); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	zero := time.Unix(0, es[0].Wall)
	var b strings.Builder
	for i := range spans {
		s := &spans[i]
		place := "part"
		if !s.Parent.IsValid() {
			place = "root"
		}
		fmt.Fprintf(&b, "%12s %10s  %s %s", s.StartTime.Sub(zero), s.EndTime.Sub(s.StartTime), place, s.Name)
		for _, l := range s.Links {
			fmt.Fprintf(&b, " link=%v", l.Attributes)
		}
		if s.Status.Description != "" || s.Status.Code != 0 {
			fmt.Fprintf(&b, " status=%v %s", s.Status.Code, s.Status.Description)
		}
		for _, a := range s.Attributes {
			fmt.Fprintf(&b, " %s=%s", a.Key, a.Value.String())
		}
		b.WriteByte('\n')
	}
	return b.String()
}
