// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

var update = flag.Bool("update", false, "write the golden files")

// TestMain has all golden lines in one time zone.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

var vi1 = event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}

// epoch is the wall clock at instant 0 of these tests.
const epoch = int64(1_700_000_000_000_000_000)

// at returns an event at so many milliseconds.
func at(seq uint64, ms int64, e event.Event) event.Event {
	e.Epoch, e.Seq, e.At, e.Origin = 9, seq, event.Instant(ms*1e6), event.RoleVRRP
	e.Wall = epoch + int64(e.At)
	if e.Subject.Kind == event.SubjectNone {
		e.Subject = vi1
	}
	return e
}

// life is one of each sort of line.
func life() []event.Event {
	root := event.Ref{Epoch: 9, Seq: 3}
	ev := event.Evidence{
		N: 1, Interval: time.Second, MasterDown: 3414 * time.Millisecond, Margin: 2400 * time.Millisecond, Lateness: 86 * time.Microsecond,
		Stall: 4 * time.Millisecond, Base: 170, Effective: 150, NTerm: 2, More: 1,
	}
	ev.Heard[0] = event.Heard{At: 96_500e6, Source: netip.MustParseAddr("192.0.2.1"), Priority: 200}
	ev.Terms[0] = event.Term{Kind: event.SubjectScript, Name: "chk", Delta: -20}
	ev.Terms[1] = event.Term{Kind: event.SubjectInterface, Name: "eth1", Delta: 10, Up: true}
	script := event.Subject{Kind: event.SubjectScript, Name: "chk"}
	group := event.Subject{Kind: event.SubjectGroup, Name: "G1"}
	fault := event.Evidence{Object: event.SubjectInterface, ObjectName: "eth0", ObjectState: event.Down}
	lost := at(4, 100_500, event.Event{
		Kind: event.WorkerLost, Subject: event.Subject{Kind: event.SubjectWorker, Name: "vrrp"}, Reason: event.FailCrash, Detail: "signal: killed",
	})
	lost.Epoch, lost.Origin, lost.Cause = 0xabc, event.RoleParent, root
	return []event.Event{
		at(1, 50_000, event.Event{Kind: event.VRRPState, From: event.Init, To: event.Backup, Reason: event.Startup, Priority: 170}),
		at(2, 60_000, event.Event{Kind: event.TrackChanged, Subject: script, From: event.Up, To: event.Down, Reason: event.FailExit, Count: 1, Took: 12 * time.Millisecond}),
		at(2, 60_000, event.Event{Kind: event.TrackChanged, Subject: script, From: event.Down, To: event.Up, Took: 12 * time.Millisecond}),
		at(2, 61_000, event.Event{Kind: event.VRRPPriority, Priority: 150, Reason: event.Tracking, Cause: event.Ref{Epoch: 9, Seq: 2}}),
		at(3, 100_000, event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Priority: 150, Evidence: ev}),
		at(4, 100_004, event.Event{Kind: event.AddressAdded, Cause: root, Root: root, Count: 2, Took: 3 * time.Millisecond, Reason: event.MasterDownTimer}),
		at(5, 100_005, event.Event{Kind: event.GroupState, Subject: group, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Cause: root}),
		lost,
		at(6, 101_000, event.Event{Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: "eth0"}, From: event.Up, To: event.Down}),
		at(7, 101_000, event.Event{Kind: event.VRRPState, From: event.Master, To: event.Fault, Reason: event.Interface, Evidence: fault}),
		at(8, 102_000, event.Event{Kind: event.VRRPState, From: event.Fault, To: event.Stop, Reason: event.Shutdown}),
		at(9, 103_000, event.Event{Kind: event.VRRPState, From: event.Fault, To: event.Deleted, Reason: event.Reload}),
		at(10, 104_000, event.Event{
			Kind: event.NotifyFailed, Subject: event.Subject{Kind: event.SubjectChannel, Name: "webhook", Sub: "pager"}, Cause: root, Root: root,
			Reason: event.FailRefused, Count: 2, Detail: "HTTP 500\nInjected: \"line\"",
		}),
		at(11, 105_000, event.Event{Kind: event.VRRPConflict, Reason: event.ConflictLower, To: event.Up, Evidence: event.Evidence{Peer: netip.MustParseAddr("192.0.2.9"), PeerPriority: 9}}),
	}
}

func entryOf(e *event.Event, sentence string, more int) *entry {
	return &entry{rec: record(e, sentence, more), ev: e, sentence: sentence, repeats: more}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

func TestFormats(t *testing.T) {
	for _, f := range []Format{JSON, Text, Keepalived} {
		for _, bare := range []bool{false, true} {
			out := newFormatter(f, bare)
			var b bytes.Buffer
			es := life()
			for i := range es {
				sentence := ""
				if es[i].Kind == event.VRRPConflict {
					sentence = "somebody else is master too"
				}
				b.Write(append(out.line(entryOf(&es[i], sentence, i%2)), '\n'))
			}
			name := string(f)
			if bare {
				name += "-bare"
			}
			golden(t, name+".golden", b.Bytes())
			if n := bytes.Count(b.Bytes(), []byte("\n")); n != len(es) {
				t.Errorf("%s: %d lines for %d events", name, n, len(es))
			}
			if f == JSON {
				for line := range bytes.SplitSeq(bytes.TrimSpace(b.Bytes()), []byte("\n")) {
					if !json.Valid(line) {
						t.Errorf("not JSON: %s", line)
					}
				}
			}
		}
	}
}
