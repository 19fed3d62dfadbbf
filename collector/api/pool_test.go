// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/test/sim/pool"
)

// balanced are the transcripts of which the explanations are kept; the others
// are only explained.
var balanced = []string{"fail-and-recover", "quorum", "brake", "ha-suspend", "file", "bfd", "misc-dynamic", "drift", "refused", "resume", "reload-services"}

// playPool plays a transcript into a ledger; each is called after each event.
func playPool(t *testing.T, file string, each func(*ledger.View, *event.Event)) *ledger.Ledger {
	t.Helper()
	r, err := pool.Run(file)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New()
	if len(r.Rows) > 0 {
		l.ServerRows(r.Counters.Generation, r.Rows)
	}
	for i := range r.Events {
		l.Apply(&r.Events[i])
		each(l.View(), &r.Events[i])
	}
	for i := range r.Events {
		l.Counters(r.Events[i].Epoch, &r.Counters)
	}
	return l
}

// explainPool explains each change of a server or service when all that
// follows from it is known.
func explainPool(t *testing.T, file string) string {
	t.Helper()
	said := map[event.Ref]string{}
	var order []event.Ref
	keep := func(last *event.Event, c *explain.PoolCase) {
		a := explain.WhyPool(c)
		checkAnswer(t, filepath.Base(file), &a)
		if said[last.Ref()] == "" {
			order = append(order, last.Ref())
		}
		said[last.Ref()] = a.Text(explain.Paint{})
	}
	playPool(t, file, func(v *ledger.View, _ *event.Event) {
		if v.Pool == nil {
			return
		}
		for _, s := range v.Pool.Services {
			if s.Last != nil {
				keep(s.Last, serviceCase(v.Pool, s, time.Unix(0, s.Last.Wall)))
			}
			for _, r := range s.Servers {
				if r.Last != nil {
					keep(r.Last, serverCase(v.Pool, r, time.Unix(0, r.Last.Wall)))
				}
			}
		}
	})
	var b strings.Builder
	for _, ref := range order {
		text, _, _ := strings.Cut(said[ref], "\nid ")
		fmt.Fprintf(&b, "====\n%s", text)
	}
	return b.String()
}

func TestPoolTranscriptsExplained(t *testing.T) {
	files, err := filepath.Glob("../../test/sim/pool/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		got := explainPool(t, file)
		if !slices.Contains(balanced, name) {
			continue
		}
		if got == "" {
			t.Errorf("%s explains nothing", name)
		}
		path := filepath.Join("testdata", "why", "pool", name+".golden")
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
			t.Errorf("%s differs; now it is\n%s", path, got)
		}
	}
}

// still is a Source that shows one picture.
type still struct{ *ledger.Ledger }

func (s still) Refresh(context.Context) *ledger.View { return s.View() }

func fetch(t *testing.T, s *Server, path string, into any) int {
	t.Helper()
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	if err := json.Unmarshal(rec.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %v: %s", path, err, rec.Body)
	}
	return rec.Code
}

// TestServices: what is told of virtual and real servers, and by which names
// they are found.
func TestServices(t *testing.T) {
	s := New(still{playPool(t, "../../test/sim/pool/transcripts/quorum.txt", func(*ledger.View, *event.Event) {})}, Options{})
	var all []ServiceStatus
	if code := fetch(t, s, "/api/v1/services", &all); code != 200 || len(all) != 1 {
		t.Fatalf("%d, %d services", code, len(all))
	}
	v := all[0]
	if v.Name != "tcp/10.0.0.1:80" || v.CompatName != "[10.0.0.1]:tcp:80" || v.State != event.Up || v.Up != 2 || v.Alive != 4 || v.Quorum != 3 || len(v.Servers) != 3 {
		t.Errorf("%+v", v)
	}
	r := v.Servers[0]
	if r.Name != "192.0.2.1:80" || r.State != event.Up || r.Reason != event.Recovered || len(r.Checks) != 1 || r.Checks[0].Failures != 2 || !r.Checks[0].Up {
		t.Errorf("%+v", r)
	}
	var status Status
	fetch(t, s, "/api/v1/status", &status)
	if len(status.Services) != 1 || status.Services[0].Servers != nil {
		t.Errorf("status: %+v", status.Services)
	}
	for _, c := range []struct {
		names []string
		want  []string
	}{
		{[]string{"tcp/10.0.0.1:80"}, []string{"Virtual server tcp/10.0.0.1:80 went UP"}},
		{[]string{"10.0.0.1:80"}, []string{"Virtual server tcp/10.0.0.1:80 went UP"}},
		{[]string{"[10.0.0.1]:tcp:80", "192.0.2.1"}, []string{"Real server 192.0.2.1:80 of tcp/10.0.0.1:80 went UP"}},
		{[]string{"10.0.0.1:80", "192.0.2.9:80", "10.0.0.1:80"}, []string{"Real server sorry/192.0.2.9:80", "Virtual server"}},
		{[]string{"10.0.0.1:80", "10.0.0.1:80"}, []string{"Virtual server", "Virtual server"}},
	} {
		var answers []explain.Answer
		code := fetch(t, s, "/api/v1/why?"+url.Values{"name": c.names}.Encode(), &answers)
		if code != 200 || len(answers) != len(c.want) {
			t.Errorf("%v: %d, %d answers", c.names, code, len(answers))
			continue
		}
		for i := range answers {
			if !strings.HasPrefix(answers[i].What, c.want[i]) {
				t.Errorf("%v: %q, want %q", c.names, answers[i].What, c.want[i])
			}
		}
	}
	for _, names := range [][]string{{"10.0.0.2:80"}, {"10.0.0.1:80", "192.0.2.7:80"}} {
		var p Problem
		if code := fetch(t, s, "/api/v1/why?"+url.Values{"name": names}.Encode(), &p); code != 404 || !strings.HasPrefix(p.Remedy, "did you mean") {
			t.Errorf("%v: %d %+v", names, code, p)
		}
	}
}

// TestServiceProblems: a lost quorum, its sorry server and missing IPVS are
// problems, with their reasons.
func TestServiceProblems(t *testing.T) {
	l := ledger.New()
	r, err := pool.Play("service tcp/10.0.0.1:80 quorum=2 sorry=192.0.2.9:80\nserver r1\nserver r2\nrun 5s\nfail r1 connect_refused\nrun 60s\n")
	if err != nil {
		t.Fatal(err)
	}
	l.ServerRows(r.Counters.Generation, r.Rows)
	for i := range r.Events {
		l.Apply(&r.Events[i])
	}
	r.Counters.Pool.Available = false
	l.Counters(1, &r.Counters)
	var status Status
	fetch(t, New(still{l}, Options{}), "/api/v1/status", &status)
	all := strings.Join(status.Problems, "\n")
	for _, want := range []string{"lost its quorum", "the sorry server of tcp/10.0.0.1:80 stands in", "nothing is balanced: the kernel has no IPVS, or"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among the problems:\n%s", want, all)
		}
	}
}
