// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/collector/trace"
	"github.com/vigild/vigild/engine/event"
)

// build builds the collector once for all tests of the package.
func build(t *testing.T) string {
	t.Helper()
	bin, err := Build(t.Context(), filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s: not within 60 s", what)
		}
	}
}

// run starts the collector and waits until it listens.
func run(t *testing.T, bin, grpc, http, file string) {
	t.Helper()
	var log strings.Builder
	cmd := exec.Command(bin, Arguments(grpc, http, file)...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("otelcol: %v\n%s", err, log.String())
		}
	})
	for _, addr := range []string{grpc, http} {
		waitFor(t, "the collector listens on "+addr, func() bool {
			c, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
	}
}

func failover(epoch uint64) []event.Event {
	vi := event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}
	root := event.Ref{Epoch: epoch, Seq: 1}
	ev := event.Evidence{N: 1, Interval: time.Second, Deadline: 9_900e6}
	ev.Heard[0] = event.Heard{At: 6_500e6, Priority: 200}
	at := func(seq uint64, ms int64, e event.Event) event.Event {
		e.Epoch, e.Seq, e.At, e.Subject = epoch, seq, event.Instant(ms*1e6), vi
		e.Wall = 1_700_000_000_000_000_000 + int64(e.At)
		return e
	}
	repeat := at(4, 15_000, event.Event{Kind: event.AnnounceSent, Cause: root, Root: root, Count: 5, Took: time.Millisecond, Reason: event.AnnounceRepeat})
	return []event.Event{
		at(1, 10_000, event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Evidence: ev}),
		at(2, 10_003, event.Event{Kind: event.AddressAdded, Cause: root, Root: root, Count: 1, Took: 2 * time.Millisecond, Reason: event.FailKernel, Detail: "add 192.0.2.7/24: no"}),
		at(3, 10_005, event.Event{Kind: event.AnnounceSent, Cause: root, Root: root, Count: 5, Took: time.Millisecond, Reason: event.AnnounceTransition}),
		repeat,
	}
}

func TestRealCollector(t *testing.T) {
	bin := build(t)
	file := filepath.Join(t.TempDir(), "otlp.jsonl")
	grpc, http := free(t), free(t)
	run(t, bin, grpc, http, file)
	for i, o := range []trace.Options{
		{Endpoint: "http://" + http, Version: "1", Instance: "a"},
		{Endpoint: "http://" + grpc, Protocol: "grpc", Version: "1", Instance: "a"},
	} {
		x, err := trace.New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		es := failover(uint64(i + 1))
		x.Events(nil, es)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		x.Shutdown(ctx)
		cancel()
		if s := x.Stats(); s.Traces.Items != 6 || s.Logs.Items != 4 {
			t.Fatalf("stats %+v", s)
		}
		id := es[0].ID().String()
		var spans []Span
		var records []Record
		waitFor(t, "the collector writes "+id, func() bool {
			var err error
			if spans, records, err = Read(file); err != nil {
				t.Fatal(err)
			}
			return len(spans) == 6*(i+1) && len(records) == 4*(i+1)
		})
		var tree strings.Builder
		if err := Print(&tree, spans, id); err != nil {
			t.Fatal(err)
		}
		want := `vrrp transition                      +    0.000 ms   3505.000 ms  ERROR add 192.0.2.7/24: no
  vrrp detect                        +    0.000 ms   3400.000 ms
  vrrp decide                        + 3400.000 ms    100.000 ms
  vrrp address add                   + 3501.000 ms      2.000 ms  ERROR add 192.0.2.7/24: no
  vrrp announce                      + 3504.000 ms      1.000 ms
`
		if tree.String() != want {
			t.Errorf("the trace is\n%s\nwant\n%s", tree.String(), want)
		}
		last := spans[len(spans)-1]
		if root := es[0].Ref().Span("", 0).String(); last.Name != "vrrp announce repeat" || fmt.Sprint(last.Links) != fmt.Sprintf("[{%s %s}]", id, root) {
			t.Errorf("the repeat is %+v", last)
		}
		if last.Resource["service.name"] != "vigil" || last.Attributes["vigil.vrrp.announce.count"] != "5" {
			t.Errorf("attributes %v of %v", last.Attributes, last.Resource)
		}
		r := records[len(records)-1]
		if r.Name != "vigil.vrrp.state_change" || r.Trace != id || r.Severity != "INFO" || r.Attributes["vigil.vrrp.reason"] != "master_down_timer" {
			t.Errorf("the log event is %+v", r)
		}
	}
}

func TestReadRefusesNonsense(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if s, r, err := Read(path); s != nil || r != nil || err != nil {
		t.Errorf("a file that is not there: %v %v %v", s, r, err)
	}
	if err := os.WriteFile(path, []byte("{}\n{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(path); err != nil {
		t.Errorf("a line that is not whole: %v", err)
	}
	if err := os.WriteFile(path, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(path); err == nil {
		t.Error("nonsense was read")
	}
	if err := Print(&strings.Builder{}, nil, "1"); err == nil {
		t.Error("a trace that is not there was printed")
	}
}
