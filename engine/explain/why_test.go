// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	at   = event.Instant(1000 * time.Second)
	wall = int64(1_763_625_600_000_000_000) // 2025-11-20 08:00:00 UTC
)

var (
	peer  = netip.MustParseAddr("198.51.100.2")
	other = netip.MustParseAddr("198.51.100.3")
	vi1   = event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}
)

// change makes a transition of VI_1.
func change(from, to event.State, why event.Reason, edit func(*event.Event)) event.Event {
	e := event.Event{
		Epoch: 1, Seq: 40, At: at, Wall: wall, Origin: event.RoleVRRP, Kind: event.VRRPState, Subject: vi1,
		From: from, To: to, Reason: why, Priority: 100,
		Evidence: event.Evidence{
			Base: 100, Effective: 100, Interval: time.Second, Skew: 609 * time.Millisecond, MasterDown: 3609 * time.Millisecond,
		},
	}
	if edit != nil {
		edit(&e)
	}
	return e
}

// adverts puts n adverts of the peer into the evidence, the newest d before.
func adverts(e *event.Event, n int, d time.Duration) {
	e.Evidence.N = uint8(n)
	for i := range n {
		e.Evidence.Heard[i] = event.Heard{
			At: e.At.Add(-d - time.Duration(i)*time.Second), Source: peer, Priority: 150, Interval: time.Second,
		}
	}
}

// silent is the evidence of a master that fell silent.
func silent(e *event.Event) {
	adverts(e, 3, 3609300*time.Microsecond)
	e.Evidence.Deadline = e.At.Add(-300 * time.Microsecond)
	e.Evidence.Lateness = 300 * time.Microsecond
	e.Evidence.Stall = 1200 * time.Microsecond
}

// after makes an event of the story, d after the transition.
func after(d time.Duration, seq uint64, e event.Event) event.Event {
	e.Epoch, e.Seq, e.Root, e.At, e.Wall = 1, seq, event.Ref{Epoch: 1, Seq: 40}, at.Add(d), wall+int64(d)
	if e.Subject.Kind == event.SubjectNone {
		e.Subject = vi1
	}
	return e
}

func channel(name, sub string) event.Subject {
	return event.Subject{Kind: event.SubjectChannel, Name: name, Sub: sub}
}

// story is what follows a promotion.
func story() []event.Event {
	return []event.Event{
		after(2100*time.Microsecond, 41, event.Event{Kind: event.AddressAdded, Count: 2, Took: 1900 * time.Microsecond}),
		after(3200*time.Microsecond, 42, event.Event{Kind: event.AnnounceSent, Reason: event.AnnounceTransition, Count: 10, Took: time.Millisecond}),
		after(19*time.Millisecond, 43, event.Event{Kind: event.NotifySent, Subject: channel("script", "/etc/keepalived/notify.sh"), Took: 12 * time.Millisecond}),
		after(41*time.Millisecond, 44, event.Event{Kind: event.NotifyFailed, Subject: channel("webhook:ops", ""), Count: 1, Reason: event.FailRefused, Took: 3 * time.Millisecond, Detail: "connection refused"}),
		after(60*time.Millisecond, 45, event.Event{Kind: event.NotifySent, Subject: channel("smtp", "root@example.com"), Took: 40 * time.Millisecond}),
		after(1050*time.Millisecond, 46, event.Event{Kind: event.NotifySent, Subject: channel("webhook:ops", ""), Count: 2, Took: 5 * time.Millisecond}),
		after(5003*time.Millisecond, 47, event.Event{Kind: event.AnnounceSent, Reason: event.AnnounceRepeat, Count: 10, Took: time.Millisecond}),
	}
}

func refuse(d time.Duration, source netip.Addr, why event.Reason, want, got string) event.Event {
	return event.Event{
		Epoch: 1, Seq: 30, At: at.Add(d), Wall: wall + int64(d), Kind: event.VRRPAdvertRejected, Subject: vi1, Reason: why,
		Evidence: event.Evidence{Peer: source, Want: want, Got: got},
	}
}

// cases are the golden explanations, by name.
func cases() map[string]Case {
	terms := []event.Term{{Kind: event.SubjectScript, Name: "chk_web", Delta: -20}, {Kind: event.SubjectInterface, Name: "eth1", Delta: 10, Up: true}}
	weighed := func(e *event.Event) {
		e.Priority, e.Evidence.Effective, e.Evidence.NTerm = 90, 90, uint8(copy(e.Evidence.Terms[:], terms))
	}
	tracked := func(kind event.SubjectKind, name string, state event.State) func(*event.Event) {
		return func(e *event.Event) {
			e.Evidence.Object, e.Evidence.ObjectName, e.Evidence.ObjectState = kind, name, state
		}
	}
	plain := func(from, to event.State, why event.Reason, edit func(*event.Event)) Case {
		return Case{Last: change(from, to, why, edit)}
	}
	out := map[string]Case{
		"master_down_timer": {Last: change(event.Backup, event.Master, event.MasterDownTimer, silent), Story: story(), Base: 100, Priority: 100},
		"own_stall": plain(event.Backup, event.Master, event.MasterDownTimer, func(e *event.Event) {
			silent(e)
			e.Evidence.Lateness, e.Evidence.Stall = 2500*time.Millisecond, 6680*time.Millisecond
		}),
		"nobody_heard": plain(event.Backup, event.Master, event.MasterDownTimer, nil),
		"refused": {
			Last: change(event.Backup, event.Master, event.MasterDownTimer, func(e *event.Event) {
				silent(e)
				e.Evidence.Refused, e.Evidence.Peer, e.Evidence.Want, e.Evidence.Got = event.RejectAdvertInterval, peer, "1 s", "2 s"
			}),
			Rejected: []Rejected{{Runs: 1, Last: refuse(-2609*time.Millisecond, peer, event.RejectAdvertInterval, "1 s", "2 s")}},
		},
		"other_vrid": plain(event.Backup, event.Master, event.MasterDownTimer, func(e *event.Event) {
			e.Evidence.Refused, e.Evidence.Peer, e.Evidence.Want, e.Evidence.Got = event.RejectVRID, peer, "virtual router 52", "virtual router 51"
		}),
		"lossy_path": plain(event.Backup, event.Master, event.MasterDownTimer, func(e *event.Event) {
			silent(e)
			e.Evidence.Due, e.Evidence.Lost = 4, 2
		}),
		"stranger_refused": { // the twin: what is refused comes from somebody else
			Last:     change(event.Backup, event.Master, event.MasterDownTimer, silent),
			Rejected: []Rejected{{Runs: 3, FirstWall: wall - 1e10, Last: refuse(-2609*time.Millisecond, other, event.RejectAuthFailure, "", "")}},
		},
		"priority_zero": plain(event.Backup, event.Master, event.PriorityZero, func(e *event.Event) {
			adverts(e, 2, 609*time.Millisecond)
			e.Evidence.Heard[0].Priority = 0
		}),
		"preempt": {
			Last: change(event.Backup, event.Master, event.Preempt, func(e *event.Event) {
				weighed(e)
				e.Evidence.Peer, e.Evidence.PeerPriority = peer, 80
			}),
			Base: 100, Priority: 110, Terms: []event.Term{{Kind: event.SubjectInterface, Name: "eth1", Delta: 10, Up: true}},
		},
		"higher_priority": {
			Last: change(event.Master, event.Backup, event.HigherPriority, func(e *event.Event) {
				e.Evidence.Peer, e.Evidence.PeerPriority = peer, 150
				adverts(e, 1, 0)
			}),
			Story: []event.Event{after(900*time.Microsecond, 41, event.Event{Kind: event.AddressRemoved, Count: 2, Took: 800 * time.Microsecond})},
			Previous: event.Event{
				Kind: event.VRRPState, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Wall: wall - int64(time.Hour),
			},
		},
		"higher_address": plain(event.Master, event.Backup, event.HigherAddress, func(e *event.Event) {
			e.Evidence.Peer, e.Evidence.PeerPriority = peer, 100
		}),
		"tracking_fault":    plain(event.Master, event.Fault, event.Tracking, tracked(event.SubjectScript, "chk_web", event.Down)),
		"tracking_recover":  plain(event.Fault, event.Backup, event.Tracking, tracked(event.SubjectScript, "chk_web", event.Up)),
		"tracking_unknown":  plain(event.Init, event.Fault, event.Tracking, tracked(event.SubjectScript, "chk_web", event.Unknown)),
		"interface_fault":   plain(event.Master, event.Fault, event.Interface, tracked(event.SubjectInterface, "eth0", event.Down)),
		"interface_gone":    plain(event.Backup, event.Fault, event.Interface, tracked(event.SubjectInterface, "eth0", event.Deleted)),
		"interface_recover": plain(event.Fault, event.Backup, event.Interface, tracked(event.SubjectInterface, "eth0", event.Up)),
		"address_missing":   plain(event.Init, event.Fault, event.AddressMissing, tracked(event.SubjectInterface, "eth0", event.Up)),
		"address_back":      plain(event.Fault, event.Backup, event.AddressMissing, tracked(event.SubjectInterface, "eth0", event.Up)),
		"address_duplicate": plain(event.Init, event.Fault, event.AddressDuplicate, tracked(event.SubjectInterface, "eth0", event.Down)),
		"address_gone": plain(event.Master, event.Backup, event.AddressGone, func(e *event.Event) {
			e.Evidence.ObjectName = "192.0.2.1"
		}),
		"route_gone": plain(event.Master, event.Backup, event.RouteGone, func(e *event.Event) {
			e.Evidence.ObjectName = "10.21.0.0/16 via 10.0.0.9 dev eth0"
		}),
		"rule_gone": plain(event.Master, event.Backup, event.RuleGone, func(e *event.Event) {
			e.Evidence.ObjectName = "from 10.41.0.0/16 preference 201 table 100"
		}),
		"sync_group": plain(event.Backup, event.Master, event.SyncGroup, tracked(event.SubjectInstance, "VI_2", event.Master)),
		"reload":     plain(event.Master, event.Backup, event.Reload, func(e *event.Event) { e.Detail = "interface eth0 became eth1" }),
		"deleted":    plain(event.Master, event.Deleted, event.Reload, nil),
		"shutdown":   plain(event.Master, event.Stop, event.Shutdown, nil),
		"resumed":    plain(event.Init, event.Master, event.Resumed, nil),
		"admin":      plain(event.Master, event.Backup, event.Admin, nil),
		"address_gone_back": {
			Last:     change(event.Backup, event.Master, event.MasterDownTimer, nil),
			Previous: event.Event{Kind: event.VRRPState, From: event.Master, To: event.Backup, Reason: event.AddressGone, At: at - 4e8, Evidence: event.Evidence{ObjectName: "192.0.2.1"}},
		},
		"route_gone_back": {
			Last:     change(event.Backup, event.Master, event.MasterDownTimer, nil),
			Previous: event.Event{Kind: event.VRRPState, From: event.Master, To: event.Backup, Reason: event.RouteGone, At: at - 4e8, Evidence: event.Evidence{ObjectName: "10.21.0.0/16 dev eth0"}},
		},
		"address_gone_long_ago": { // the twin: a master was heard since
			Last:     change(event.Backup, event.Master, event.MasterDownTimer, silent),
			Previous: event.Event{Kind: event.VRRPState, From: event.Master, To: event.Backup, Reason: event.AddressGone, At: at - 9e9, Evidence: event.Evidence{ObjectName: "192.0.2.1"}},
		},
		"worker_restarted": {
			Last:     change(event.Init, event.Backup, event.Startup, nil),
			Previous: event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master, Reason: event.Preempt, Wall: wall - 1e9},
		},
		"lowered": plain(event.Master, event.Backup, event.HigherPriority, func(e *event.Event) {
			weighed(e)
			e.Evidence.Peer, e.Evidence.PeerPriority = peer, 100
		}),
		"frozen": {
			Last: change(event.Backup, event.Master, event.Preempt, nil), Conflicting: true,
			Conflict: event.Event{
				Kind: event.VRRPConflict, Subject: vi1, Reason: event.ConflictLower, To: event.Up, Wall: wall + int64(time.Minute),
				Evidence: event.Evidence{Peer: other, PeerPriority: 90, Interval: time.Second, Stall: 8 * time.Second},
			},
		},
		"startup":       plain(event.Init, event.Backup, event.Startup, nil),
		"startup_fault": plain(event.Init, event.Fault, event.Startup, tracked(event.SubjectInterface, "eth0", event.Down)),
		"startup_owner": plain(event.Init, event.Master, event.Startup, func(e *event.Event) { e.Priority = 255 }),
		"split_brain": {
			Last: change(event.Backup, event.Master, event.MasterDownTimer, silent), Conflicting: true,
			Conflict: event.Event{
				Kind: event.VRRPConflict, Subject: vi1, Reason: event.ConflictLower, To: event.Up, Wall: wall + int64(800*time.Millisecond),
				Evidence: event.Evidence{Peer: other, PeerPriority: 90},
			},
		},
		"restated":      plain(event.Backup, event.Master, event.MasterDownTimer, func(e *event.Event) { silent(e); e.Snapshot = true }),
		"no_transition": {},
		"step_failed": {
			Last: change(event.Backup, event.Master, event.Preempt, nil), More: 3,
			Story: []event.Event{
				after(2*time.Millisecond, 41, event.Event{Kind: event.AddressAdded, Count: 1, Took: time.Millisecond, Reason: event.FailKernel, Detail: "192.0.2.2/24 on eth0: no such device"}),
			},
		},
	}
	fast := change(event.Backup, event.Master, event.MasterDownTimer, func(e *event.Event) {
		adverts(e, 1, 400*time.Millisecond)
		e.Evidence.Heard[0].Interval, e.Evidence.Interval, e.Evidence.MasterDown = 10*time.Millisecond, 10*time.Millisecond, 36*time.Millisecond
	})
	out["many_missed"] = Case{Last: fast}
	return out
}

func TestWhyGolden(t *testing.T) {
	seen := map[string]bool{}
	for name, c := range cases() {
		c.Name, c.Now = "VI_1", wall+int64(252*time.Second)
		if c.State = c.Last.To; c.State == event.StateNone {
			c.State = event.Init
		}
		a := Why(&c)
		seen[name+".golden"] = true
		golden(t, filepath.Join("testdata", "why", name+".golden"), a.Text(Paint{}))
	}
	files, err := os.ReadDir(filepath.Join("testdata", "why"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f.Name()] {
			t.Errorf("testdata/why/%s belongs to no case", f.Name())
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n--- got\n%s--- want\n%s", path, got, want)
	}
}

// TestEveryTransitionHasACause walks the closed list: no transition is
// explained with a bare word, and each explanation is a sentence.
func TestEveryTransitionHasACause(t *testing.T) {
	for _, tr := range event.Transitions() {
		e := change(tr.From, tr.To, tr.Reason, nil)
		cause := Cause(&e)
		if strings.HasPrefix(cause, "The reason given is") || !strings.HasSuffix(cause, ".") || len(cause) < 20 {
			t.Errorf("%v -> %v (%v): %q", tr.From, tr.To, tr.Reason, cause)
		}
	}
}

// TestEveryWordHasPlainWords fails when a reason is added and not explained.
func TestEveryWordHasPlainWords(t *testing.T) {
	for i := range event.RejectCount {
		if refusals[event.RejectAt(i)] == "" {
			t.Errorf("refusal %v is not explained", event.RejectAt(i))
		}
	}
	for r := event.FailKernel; r <= event.FailCrash; r++ {
		if failures[r] == "" {
			t.Errorf("failure %v is not explained", r)
		}
	}
	for r := event.AnnounceTransition; r <= event.AnnounceThaw; r++ {
		if moments[r] == "" {
			t.Errorf("moment %v is not explained", r)
		}
	}
}

func TestOwnStallIsOnlyBlamedWhenItMatters(t *testing.T) {
	for _, c := range []struct {
		stall, late time.Duration
		why         event.Reason
		want        bool
	}{
		{time.Millisecond, time.Millisecond, event.MasterDownTimer, false},
		{999 * time.Millisecond, 0, event.MasterDownTimer, false},
		{time.Second, 0, event.MasterDownTimer, true},
		{0, time.Second, event.MasterDownTimer, true},
		{time.Minute, time.Minute, event.PriorityZero, false},
	} {
		e := change(event.Backup, event.Master, c.why, silent)
		e.Evidence.Stall, e.Evidence.Lateness = c.stall, c.late
		if got := doubt(&e) != ""; got != c.want {
			t.Errorf("stall %v, late %v, %v: blamed %v, want %v", c.stall, c.late, c.why, got, c.want)
		}
	}
}

func TestTimelineIsInOrder(t *testing.T) {
	for name, c := range cases() {
		a := Why(&c)
		for i := 1; i < len(a.Timeline); i++ {
			if a.Timeline[i].After < a.Timeline[i-1].After {
				t.Errorf("%s: line %d is earlier than the one before", name, i)
			}
		}
	}
}

// TestDoneInOrder: the parts of a story come from several processes, in any
// order, and the end of a program is told once.
func TestDoneInOrder(t *testing.T) {
	script := channel("script", "notify_master")
	c := Case{Name: "VI_1", State: event.Master, Last: change(event.Backup, event.Master, event.MasterDownTimer, silent), Story: []event.Event{
		after(2*time.Millisecond, 1, event.Event{Kind: event.NotifySent, Subject: channel("snmp_trap", ""), Took: time.Millisecond}),
		after(1*time.Millisecond, 2, event.Event{Kind: event.AddressAdded, Count: 1, Took: time.Millisecond}),
		after(5*time.Millisecond, 3, event.Event{Kind: event.ExecDone, Subject: script, Took: time.Millisecond}),
		after(6*time.Millisecond, 4, event.Event{Kind: event.NotifySent, Subject: script, Count: 1, Took: 4 * time.Millisecond}),
	}}
	var got []string
	for _, s := range Why(&c).Done {
		got = append(got, s.Says)
	}
	if len(got) != 3 || !strings.Contains(got[0], "address added") || !strings.Contains(got[2], "notify_master") {
		t.Errorf("the steps: %q", got)
	}
	c.Story[3].Kind, c.Story[3].Reason = event.NotifyFailed, event.FailTimeout
	if got := Why(&c).Done; len(got) != 4 {
		t.Errorf("a delivery that did not succeed is not told: %+v", got)
	}
}
