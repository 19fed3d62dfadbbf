// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// samples has at least one event of each kind.
func samples() []event.Event {
	worker := event.Subject{Kind: event.SubjectWorker, Name: "vrrp"}
	script := event.Subject{Kind: event.SubjectScript, Name: "chk_web"}
	out := []event.Event{
		{Kind: event.VRRPAdvertRejected, Subject: vi1, Reason: event.RejectAuthFailure, Evidence: event.Evidence{Peer: peer}},
		{Kind: event.VRRPAdvertRejected, Subject: vi1, Reason: event.RejectAddressList, Evidence: event.Evidence{Peer: peer, Want: "192.0.2.1", Got: "192.0.2.9"}},
		{Kind: event.VRRPAdvertRejected, Subject: event.Subject{Kind: event.SubjectRouter}, Reason: event.RejectVRID, Evidence: event.Evidence{Peer: peer, Got: "77"}},
		{Kind: event.VRRPPriority, Subject: vi1, Priority: 80, Evidence: event.Evidence{Base: 100, Effective: 80, NTerm: 1, Terms: [8]event.Term{{Kind: event.SubjectScript, Name: "chk_web", Delta: -20}}}},
		{Kind: event.VRRPPriority, Subject: vi1, Priority: 254, Evidence: event.Evidence{Base: 200, Effective: 254, NTerm: 1, Terms: [8]event.Term{{Kind: event.SubjectFile, Name: "f", Delta: 100, Up: true}}}},
		{Kind: event.VRRPConflict, Subject: vi1, Reason: event.ConflictEqual, To: event.Up, Evidence: event.Evidence{Peer: peer, PeerPriority: 100}},
		{Kind: event.VRRPConflict, Subject: vi1, To: event.Down},
		{Kind: event.VRRPNearMiss, Subject: vi1, Evidence: event.Evidence{Margin: 120 * time.Millisecond}},
		{Kind: event.GroupState, Subject: event.Subject{Kind: event.SubjectGroup, Name: "G1"}, From: event.Backup, To: event.Fault, Reason: event.SyncGroup, Evidence: event.Evidence{Object: event.SubjectInstance, ObjectName: "VI_2"}},
		{Kind: event.AddressAdded, Subject: vi1, Count: 1, Took: time.Millisecond},
		{Kind: event.AddressAdded, Subject: vi1, Count: 3, Reason: event.FailKernel, Detail: "192.0.2.4/24 on eth9: no such device"},
		{Kind: event.AddressRemoved, Subject: vi1, Count: 4, Took: 2 * time.Millisecond},
		{Kind: event.AddressRemoved, Subject: vi1, Count: 2, Reason: event.FailKernel},
		{Kind: event.AddressLost, Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Sub: "192.0.2.1"}},
		{Kind: event.RouteLost, Reason: event.RouteGone, Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Sub: "10.21.0.0/16 dev eth0"}},
		{Kind: event.RouteLost, Reason: event.RuleGone, Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Sub: "from 10.41.0.0/16 preference 201 table 100"}},
		{Kind: event.RouteLost, Reason: event.RouteGone, Subject: event.Subject{Kind: event.SubjectRouter, Name: "static", Sub: "10.60.0.0/16 dev eth1"}},
		{Kind: event.AnnounceSent, Subject: vi1, Reason: event.AnnounceThaw, Count: 5},
		{Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: "eth0"}, To: event.Deleted},
		{Kind: event.TrackChanged, Subject: script, To: event.Down, Detail: "exit status 1"},
		{Kind: event.ExecDone, Subject: script, Count: 0, Took: 31 * time.Millisecond},
		{Kind: event.ExecDone, Subject: script, Count: 1, Reason: event.FailExit, Took: 31 * time.Millisecond},
		{Kind: event.NotifySent, Subject: channel("smtp", "root@example.com"), Took: time.Second},
		{Kind: event.NotifyFailed, Subject: channel("webhook:ops", ""), Reason: event.FailTLS, Count: 3, Detail: "certificate expired"},
		{Kind: event.NotifySent, Subject: channel("script", "notify_master"), Took: 12 * time.Millisecond},
		{Kind: event.NotifySent, Subject: channel("fifo", "vrrp_notify_fifo")},
		{Kind: event.NotifySent, Subject: channel("webhook", "ops")},
		{Kind: event.NotifySent, Subject: channel("snmp_trap", ""), Count: 1},
		{Kind: event.NotifySent, Subject: channel("pager", "")},
		{Kind: event.ConfigLoaded, Took: 4 * time.Millisecond},
		{Kind: event.ConfigRejected, Detail: "keepalived.conf:3:1: unknown keyword"},
		{Kind: event.WorkerStarted, Subject: worker},
		{Kind: event.WorkerLost, Subject: worker, Reason: event.FailSignal, Detail: "killed"},
		{Kind: event.LinkGap, Subject: worker, Count: 12},
		{Kind: event.PrivilegeDenied, Subject: worker, Detail: "real-time priority"},
		{Kind: event.Stalled, Origin: event.RoleVRRP, Took: 6680 * time.Millisecond},
		{Kind: event.ClockStepped, Took: -90 * time.Minute},
	}
	out = append(out, poolSamples()...)
	for _, tr := range event.Transitions() {
		out = append(out, change(tr.From, tr.To, tr.Reason, silent))
	}
	return append(out, change(event.StateNone, event.Master, event.Preempt, func(e *event.Event) { e.Snapshot = true }))
}

func TestSentencesGolden(t *testing.T) {
	var b strings.Builder
	kinds := make(map[event.Kind]bool)
	for _, e := range samples() {
		kinds[e.Kind] = true
		s := Sentence(&e)
		if strings.ContainsAny(s, "\n\r") || strings.HasSuffix(s, ".") || s == "" {
			t.Errorf("%v: %q is not one line without a full stop", e.Kind, s)
		}
		b.WriteString(e.Kind.String() + ": " + s + "\n")
	}
	for k := event.VRRPState; k <= event.IPVSApplied; k++ {
		if !kinds[k] {
			t.Errorf("no sample of %v", k)
		}
	}
	golden(t, filepath.Join("testdata", "sentences.golden"), b.String())
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{ //nolint:exhaustive // any durations
		0:                             "0 ms",
		250 * time.Microsecond:        "250 µs",
		time.Millisecond:              "1 ms",
		12340 * time.Microsecond:      "12.3 ms",
		414 * time.Millisecond:        "414 ms",
		3609300 * time.Microsecond:    "3.61 s",
		10 * time.Second:              "10 s",
		-2500 * time.Millisecond:      "-2.5 s",
		125 * time.Second:             "2 min 5 s",
		3*time.Hour + 4*time.Minute:   "3 h 4 min",
		49*time.Hour + 30*time.Minute: "2 d 1 h",
		999*time.Millisecond + 600*time.Microsecond: "1000 ms",
	} {
		if got := Duration(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}

// Names are told apart by their case, so a sentence that begins with one keeps it.
func TestNamesKeepTheirCase(t *testing.T) {
	kinds := []event.Kind{
		event.VRRPState, event.VRRPAdvertRejected, event.VRRPPriority, event.VRRPConflict, event.VRRPNearMiss,
		event.AddressAdded, event.AddressRemoved, event.AddressLost, event.RouteLost, event.AnnounceSent, event.ExecDone,
	}
	for _, kind := range kinds {
		e := event.Event{Kind: kind, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer}
		e.Subject = event.Subject{Kind: event.SubjectInstance, Name: "m2"}
		if s := Sentence(&e); !strings.Contains(s, "m2") || strings.Contains(s, "M2") {
			t.Errorf("%s: %s", kind, s)
		}
	}
}
