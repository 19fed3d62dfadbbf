// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// failover plays the loss of a master: last advert, 3.6 s of silence, the
// promotion, and what it led to.
func failover(p *producer, reason event.Reason) []event.Event {
	p.now = event.Instant(100 * time.Second)
	heard := p.now.Add(-3600 * time.Millisecond)
	e := p.stamp(event.Event{
		Kind: event.VRRPState, Subject: instanceSubject("VI_1"), From: event.Backup, To: event.Master, Reason: reason, Priority: 100,
		Evidence: event.Evidence{N: 1, Heard: [event.HeardMax]event.Heard{{At: heard, Priority: 150}}, Base: 100, Effective: 100},
	})
	p.last["VI_1"] = e.Ref()
	out := []event.Event{e}
	p.now = p.now.Add(3 * time.Millisecond)
	out = append(out, p.after("VI_1", event.Event{Kind: event.AddressAdded, Count: 2, Took: 2 * time.Millisecond}))
	p.now = p.now.Add(time.Millisecond)
	out = append(out, p.after("VI_1", event.Event{Kind: event.AnnounceSent, Reason: event.AnnounceTransition, Count: 10, Took: time.Millisecond}))
	p.now = p.now.Add(20 * time.Millisecond)
	sent := p.after("VI_1", event.Event{Kind: event.NotifySent, Took: 15 * time.Millisecond})
	sent.Subject = event.Subject{Kind: event.SubjectChannel, Name: "smtp"}
	out = append(out, sent)
	p.now = p.now.Add(5 * time.Second)
	return append(out, p.after("VI_1", event.Event{Kind: event.AnnounceSent, Reason: event.AnnounceRepeat, Count: 10}))
}

func TestPromotionIsTimedAndTold(t *testing.T) {
	p := newProducer(1)
	stream := failover(p, event.MasterDownTimer)
	v := fold(stream).View()
	in := v.Instance("VI_1")

	want := map[string]time.Duration{
		"detect": 3600 * time.Millisecond, "address_add": 2 * time.Millisecond, "announce": time.Millisecond,
		"notify": 24 * time.Millisecond, "total": 3604 * time.Millisecond,
	}
	for i, name := range PhaseNames() {
		h := v.Phases[i]
		var n uint64
		for _, c := range h.Counts {
			n += c
		}
		if n != 1 || h.Last != want[name] || h.Sum != want[name] || h.LastID != stream[0].ID() {
			t.Errorf("%s: %d observations, last %v of %v, want one of %v", name, n, h.Last, h.LastID, want[name])
		}
	}
	if in.Failover != 3604*time.Millisecond {
		t.Errorf("last failover took %v", in.Failover)
	}
	if len(in.Story) != 4 || in.Story[0].Kind != event.AddressAdded || in.Story[2].Kind != event.NotifySent {
		t.Errorf("the story has %d events: %+v", len(in.Story), in.Story)
	}
	if !in.Addresses[0].Owned || !in.Addresses[1].Owned || in.State != event.Master || in.Last.ID() != stream[0].ID() {
		t.Errorf("after the promotion: %v, %+v", in.State, in.Addresses)
	}
}

// TestDetectionOnlyWhereSomethingWasDetected is the twin: a promotion for
// another reason waited for nobody.
func TestDetectionOnlyWhereSomethingWasDetected(t *testing.T) {
	v := fold(failover(newProducer(1), event.SyncGroup)).View()
	if v.Phases[phaseDetect].Sum != 0 {
		t.Errorf("detect: %v", v.Phases[phaseDetect])
	}
	if got := v.Instance("VI_1").Failover; got != 4*time.Millisecond {
		t.Errorf("last failover took %v, want what came after the transition", got)
	}
}

func TestResumeKeepsTheBeginningOfTheState(t *testing.T) {
	p := newProducer(1)
	l := fold(failover(p, event.MasterDownTimer))
	before := *l.View().Instance("VI_1")
	p.restart(2)
	p.now = p.now.Add(time.Second)
	e := p.enter("VI_1", event.Transition{From: event.Init, To: event.Master, Reason: event.Resumed})
	l.Apply(&e)
	in := l.View().Instance("VI_1")
	if in.Since != before.Since || in.Last.Reason != event.Resumed || in.Previous.ID() != before.Last.ID() {
		t.Errorf("since %v (was %v), last %v, previous %v", in.Since, before.Since, in.Last.Reason, in.Previous.Reason)
	}
	if l.View().Discontinuities != 1 {
		t.Errorf("%d discontinuities", l.View().Discontinuities)
	}
}

func TestStoriesOfASyncGroupAreKeptApart(t *testing.T) {
	p := newProducer(1)
	first := p.enter("VI_1", event.Transition{From: event.Backup, To: event.Master, Reason: event.MasterDownTimer})
	second := p.enter("VI_2", event.Transition{From: event.Backup, To: event.Master, Reason: event.SyncGroup})
	second.Root, second.Cause = first.Ref(), first.Ref()
	own1 := p.after("VI_1", event.Event{Kind: event.AddressAdded, Count: 1})
	own2 := p.after("VI_2", event.Event{Kind: event.AddressAdded, Count: 2})
	own2.Root = first.Ref()
	mail := p.stamp(event.Event{Kind: event.NotifySent, Subject: event.Subject{Kind: event.SubjectChannel, Name: "smtp"}, Root: first.Ref(), Cause: second.Ref()})
	v := fold([]event.Event{first, second, own1, own2, mail}).View()
	if s := v.Instance("VI_1").Story; len(s) != 1 || s[0].Count != 1 {
		t.Errorf("VI_1: %+v", s)
	}
	if s := v.Instance("VI_2").Story; len(s) != 2 || s[0].Count != 2 || s[1].Kind != event.NotifySent {
		t.Errorf("VI_2: %+v", s)
	}
}

// TestDeliveriesAboutAGroupBelongToWhoMovedIt: the group's transition is the
// root of its own story, and the mail about it names only that.
func TestDeliveriesAboutAGroupBelongToWhoMovedIt(t *testing.T) {
	p := newProducer(1)
	first := p.enter("VI_1", event.Transition{From: event.Backup, To: event.Master, Reason: event.MasterDownTimer})
	group := p.stamp(event.Event{Kind: event.GroupState, Subject: event.Subject{Kind: event.SubjectGroup, Name: "G1"}, To: event.Master, Cause: first.Ref()})
	smtp := event.Subject{Kind: event.SubjectChannel, Name: "smtp"}
	mail := p.stamp(event.Event{Kind: event.NotifySent, Subject: smtp, Root: group.Ref(), Cause: group.Ref()})
	again := p.stamp(event.Event{Kind: event.NotifySent, Subject: smtp, Root: group.Ref(), Cause: group.Ref()})
	l := moved(t, fold([]event.Event{first, group, mail}))
	l.Apply(&again)
	if s := l.View().Instance("VI_1").Story; len(s) != 3 || s[0].Kind != event.GroupState || s[1].Kind != event.NotifySent || s[2].Kind != event.NotifySent {
		t.Errorf("the story: %+v", s)
	}
	next := p.enter("VI_1", event.Transition{From: event.Master, To: event.Backup, Reason: event.HigherPriority})
	late := p.stamp(event.Event{Kind: event.NotifySent, Subject: smtp, Root: group.Ref(), Cause: group.Ref()})
	l.Apply(&next)
	l.Apply(&late)
	if s := l.View().Instance("VI_1").Story; len(s) != 0 {
		t.Errorf("a mail about the last story came into this one: %+v", s)
	}
}

func TestPartOfABatchThatFailed(t *testing.T) {
	for _, c := range []struct {
		name   string
		e      event.Event
		sub    string
		owned  [2]bool
		reason string
	}{
		{"all went in", event.Event{Count: 2}, "", [2]bool{true, true}, ""},
		{"none went in", event.Event{Reason: event.FailKernel}, "", [2]bool{false, false}, ""},
		{"one is named", event.Event{Count: 1}, "192.0.2.2", [2]bool{false, true}, ""},
		{"one is named with its length", event.Event{Count: 1}, "192.0.2.1/24", [2]bool{true, false}, ""},
		{"one is named and did not", event.Event{Count: 1, Reason: event.FailKernel}, "192.0.2.1", [2]bool{false, false}, ""},
	} {
		p := newProducer(1)
		p.enter("VI_1", event.Transition{From: event.Backup, To: event.Master, Reason: event.Preempt})
		c.e.Kind = event.AddressAdded
		e := p.after("VI_1", c.e)
		e.Subject.Sub = c.sub
		in := fold([]event.Event{e}).View().Instance("VI_1")
		if got := [2]bool{in.Addresses[0].Owned, in.Addresses[1].Owned}; got != c.owned {
			t.Errorf("%s: owned %v, want %v", c.name, got, c.owned)
		}
	}
}

func TestUnchangedPartsAreShared(t *testing.T) {
	p := newProducer(1)
	l := fold(nil)
	before := l.View()
	if l.View() != before {
		t.Error("nothing changed and the View is another one")
	}
	e := p.enter("VI_1", event.Transition{From: event.Init, To: event.Backup, Reason: event.Startup})
	l.Apply(&e)
	after := l.View()
	if after.Instances[0] == before.Instances[0] {
		t.Error("VI_1 changed and is the same value")
	}
	if after.Instances[1] != before.Instances[1] || after.Groups[0] != before.Groups[0] {
		t.Error("VI_2 and G1 did not change and were copied")
	}
}

func TestReloadKeepsWhatItDescribesAndForgetsTheRest(t *testing.T) {
	p := newProducer(1)
	l := fold(failover(p, event.MasterDownTimer))
	tally := event.Tally{Subject: instanceSubject("VI_1"), At: p.now, Sent: 7}
	l.Tally(1, &tally)

	without := func(name string) []event.Row {
		var out []event.Row
		for _, r := range rows() {
			if r.Instance == nil || r.Instance.Subject.Name != name {
				out = append(out, r)
			}
		}
		return out
	}
	l.Rows(without("VI_2"))
	v := l.View()
	if v.Instance("VI_2") != nil || len(v.Instances) != 2 {
		t.Errorf("%d instances", len(v.Instances))
	}
	if in := v.Instance("VI_1"); in.State != event.Master || in.Tally.Sent != 7 || !in.Addresses[0].Owned {
		t.Errorf("VI_1: %v, %d sent, %+v", in.State, in.Tally.Sent, in.Addresses[0])
	}
	l.Rows(without("VI_1"))
	l.Rows(rows())
	if in := l.View().Instance("VI_1"); in.State != event.Init || in.Tally.Sent != 0 {
		t.Errorf("an instance that was removed and came back: %v, %d sent", in.State, in.Tally.Sent)
	}
	gone := p.stamp(event.Event{Kind: event.VRRPState, Subject: instanceSubject("VI_9"), To: event.Deleted, Reason: event.Reload})
	l.Apply(&gone)
	if len(l.instances) != 3 {
		t.Errorf("the end of an unknown instance made one: %d", len(l.instances))
	}
}

func TestRejectedAdvertsBySource(t *testing.T) {
	p := newProducer(1)
	var stream []event.Event
	add := func(source string, why event.Reason, subject event.Subject) {
		p.now = p.now.Add(time.Second)
		stream = append(stream, p.stamp(event.Event{
			Kind: event.VRRPAdvertRejected, Subject: subject, Reason: why,
			Evidence: event.Evidence{Peer: netip.MustParseAddr(source), Want: "a", Got: "b"},
		}))
	}
	add("192.0.2.7", event.RejectAuthFailure, instanceSubject("VI_1"))
	add("192.0.2.8", event.RejectAuthFailure, instanceSubject("VI_1"))
	add("192.0.2.7", event.RejectAuthFailure, instanceSubject("VI_1"))
	add("192.0.2.9", event.RejectVRID, event.Subject{Kind: event.SubjectRouter})
	for i := range 2 * RejectionMax {
		add(fmt.Sprintf("198.51.100.%d", i), event.RejectTTL, instanceSubject("VI_2"))
	}
	v := fold(stream).View()
	r := v.Instance("VI_1").Rejected
	if len(r) != 2 || r[1].Last.Evidence.Peer.String() != "192.0.2.7" || r[1].Runs != 2 || r[1].FirstWall != stream[0].Wall {
		t.Errorf("VI_1: %+v", r)
	}
	if len(v.Rejected) != 1 || v.Rejected[0].Last.Reason != event.RejectVRID {
		t.Errorf("router: %+v", v.Rejected)
	}
	if r := v.Instance("VI_2").Rejected; len(r) != RejectionMax || r[len(r)-1].Last.Evidence.Peer.String() != "198.51.100.31" {
		t.Errorf("VI_2 remembers %d", len(r))
	}
}

func TestWorkersConfigAndGaps(t *testing.T) {
	p := newProducer(1)
	worker := event.Subject{Kind: event.SubjectWorker, Name: "vrrp"}
	stream := []event.Event{
		p.stamp(event.Event{Kind: event.WorkerStarted, Subject: worker}),
		p.stamp(event.Event{Kind: event.ConfigLoaded, Took: time.Millisecond}),
		p.stamp(event.Event{Kind: event.WorkerLost, Subject: worker, Reason: event.FailSignal}),
		p.stamp(event.Event{Kind: event.WorkerStarted, Subject: worker}),
		p.stamp(event.Event{Kind: event.WorkerStarted, Subject: worker, Snapshot: true}),
		p.stamp(event.Event{Kind: event.LinkGap, Count: 12}),
		p.stamp(event.Event{Kind: event.ConfigRejected, Detail: "a.conf:3:1: no such keyword"}),
		p.stamp(event.Event{Kind: event.PrivilegeDenied, Subject: worker, Detail: "real-time priority"}),
		p.stamp(event.Event{Kind: event.PrivilegeDenied, Subject: worker, Detail: "real-time priority"}),
		p.stamp(event.Event{Kind: event.Stalled, Took: time.Second}),
	}
	v := fold(stream).View()
	if w := v.Worker("vrrp"); !w.Up || w.Restarts != 1 {
		t.Errorf("worker: %+v", w)
	}
	if v.Gaps != 12 || v.Config.Loads != 1 || v.Config.Failures != 1 || v.Config.LastOK || v.Config.LastError.Detail == "" {
		t.Errorf("gaps %d, config %+v", v.Gaps, v.Config)
	}
	if len(v.Denied) != 1 || v.Stall.Took != time.Second {
		t.Errorf("denied %v, stall %v", v.Denied, v.Stall)
	}
}

func TestChannelsCountDeliveriesAndFailures(t *testing.T) {
	p := newProducer(1)
	smtp := event.Subject{Kind: event.SubjectChannel, Name: "smtp"}
	stream := []event.Event{
		p.stamp(event.Event{Kind: event.NotifyFailed, Subject: smtp, Reason: event.FailRefused}),
		p.stamp(event.Event{Kind: event.NotifyFailed, Subject: smtp, Reason: event.FailTLS}),
		p.stamp(event.Event{Kind: event.NotifyFailed, Subject: smtp, Reason: event.FailRefused}),
		p.stamp(event.Event{Kind: event.NotifySent, Subject: smtp}),
	}
	v := fold(stream).View()
	if len(v.Channels) != 1 {
		t.Fatalf("channels: %+v", v.Channels)
	}
	if c := v.Channels[0]; c.Sent != 1 || len(c.Failures) != 2 || c.Failures[0] != (ReasonCount{event.FailRefused, 2}) {
		t.Errorf("smtp: %+v", c)
	}
}

func TestScriptsAndObjects(t *testing.T) {
	p := newProducer(1)
	script := event.Subject{Kind: event.SubjectScript, Name: "chk"}
	stream := []event.Event{
		p.stamp(event.Event{Kind: event.ExecDone, Subject: script, Took: 30 * time.Millisecond}),
		p.stamp(event.Event{Kind: event.TrackChanged, Subject: script, To: event.Up}),
		p.stamp(event.Event{Kind: event.ExecDone, Subject: script, Reason: event.FailTimeout, Took: 3 * time.Second}),
		p.stamp(event.Event{Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: "eth1"}, To: event.Down, Count: 77}),
	}
	v := fold(stream).View()
	s := v.Script("chk")
	if s.State != event.Up || s.Runs != 2 || s.Failures != [4]uint64{0, 0, 1, 0} || s.Took.Counts[3] != 1 || s.Took.Counts[9] != 1 {
		t.Errorf("script: %+v", s)
	}
	if v.Objects[0].State != event.Down || v.Interfaces[0].Up || v.Interfaces[0].IfIndex != 77 {
		t.Errorf("eth1: %+v, %+v", v.Objects[0], v.Interfaces[0])
	}
}

// The number of an interface that was made after its row was written is known by
// the event alone, and a row that is given again does not undo that.
func TestNumberOfALateInterface(t *testing.T) {
	p := newProducer(1)
	l := New()
	row := event.Row{Interface: &event.InterfaceRow{Name: "vrrp.5"}}
	l.Rows([]event.Row{row})
	e := p.stamp(event.Event{Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: "vrrp.5"}, To: event.Up, Count: 9, Snapshot: true})
	l.Apply(&e)
	l.Rows([]event.Row{row})
	if i := l.View().Interfaces[0]; i.IfIndex != 9 || !i.Up {
		t.Errorf("%+v", i)
	}
	row.Interface = &event.InterfaceRow{Name: "vrrp.5", IfIndex: 12}
	l.Rows([]event.Row{row})
	if i := l.View().Interfaces[0]; i.IfIndex != 12 || i.Up {
		t.Errorf("another one of that name: %+v", i)
	}
}

// Files and processes are in the picture as they are configured, until they no longer are.
func TestRowsOfFilesAndProcesses(t *testing.T) {
	l := New()
	file := event.FileRow{Subject: event.Subject{Kind: event.SubjectFile, Name: "f"}, Path: "/x"}
	process := event.ProcessRow{Subject: event.Subject{Kind: event.SubjectProcess, Name: "p"}, Command: "y"}
	l.Rows([]event.Row{{File: &file}, {Process: &process}})
	if v := l.View(); len(v.Files) != 1 || v.Files[0].Path != "/x" || len(v.Processes) != 1 || v.Processes[0].Command != "y" || v.Object(file.Subject) != nil {
		t.Errorf("files %v, processes %v", v.Files, v.Processes)
	}
	l.Rows([]event.Row{{File: &file}, {Track: &event.TrackRow{Object: file.Subject}}})
	if v := l.View(); len(v.Files) != 1 || len(v.Processes) != 0 || v.Object(file.Subject) == nil {
		t.Errorf("files %v, processes %v", v.Files, v.Processes)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	p := newProducer(1)
	l := New()
	for i := range 3 * SubjectMax {
		for _, e := range []event.Event{
			p.enter(fmt.Sprintf("VI_%d", i), event.Transition{From: event.Init, To: event.Backup, Reason: event.Startup}),
			p.stamp(event.Event{Kind: event.TrackChanged, Subject: event.Subject{Kind: event.SubjectFile, Name: fmt.Sprint(i)}}),
			p.stamp(event.Event{Kind: event.ExecDone, Subject: event.Subject{Kind: event.SubjectScript, Name: fmt.Sprint(i)}}),
			p.stamp(event.Event{Kind: event.GroupState, Subject: event.Subject{Kind: event.SubjectGroup, Name: fmt.Sprint(i)}}),
			p.stamp(event.Event{Kind: event.NotifySent, Subject: event.Subject{Kind: event.SubjectChannel, Name: fmt.Sprint(i)}}),
			p.stamp(event.Event{Kind: event.WorkerStarted, Subject: event.Subject{Kind: event.SubjectWorker, Name: fmt.Sprint(i)}}),
		} {
			e.Epoch = uint64(i)
			l.Apply(&e)
		}
	}
	v := l.View()
	if len(v.Instances) > SubjectMax || len(v.Objects) > SubjectMax || len(v.Scripts) > SubjectMax || len(v.Groups) > SubjectMax ||
		len(v.Channels) > ChannelMax || len(v.Workers) > ChannelMax || len(l.epochs.list) > epochMax || len(l.stories) > 2*SubjectMax {
		t.Errorf("%d instances, %d objects, %d scripts, %d groups, %d channels, %d workers, %d epochs, %d stories", len(v.Instances),
			len(v.Objects), len(v.Scripts), len(v.Groups), len(v.Channels), len(v.Workers), len(l.epochs.list), len(l.stories))
	}
	if v.Unexpected == 0 {
		t.Error("what found no room was not counted")
	}
	e := p.enter("VI_1", event.Transition{From: event.Backup, To: event.Master, Reason: event.Preempt})
	l.Apply(&e)
	for range 2 * StoryMax {
		e := p.after("VI_1", event.Event{Kind: event.NotifyFailed, Reason: event.FailRefused})
		l.Apply(&e)
		e = p.after("VI_1", event.Event{Kind: event.AnnounceSent, Reason: event.AnnounceRefresh})
		l.Apply(&e)
	}
	if in := l.View().Instance("VI_1"); len(in.Story) != StoryMax || in.StoryMore != StoryMax {
		t.Errorf("a story of %d and %d more", len(in.Story), in.StoryMore)
	}
}

func TestWallClockOfTallies(t *testing.T) {
	p := newProducer(1)
	e := p.enter("VI_1", event.Transition{From: event.Init, To: event.Backup, Reason: event.Startup})
	l := fold([]event.Event{e})
	tally := event.Tally{Subject: instanceSubject("VI_1"), At: p.now.Add(time.Minute)}
	l.Tally(1, &tally)
	if got, want := l.View().Instance("VI_1").ConfirmedWall, wallBase+int64(p.now.Add(time.Minute)); got != want {
		t.Errorf("confirmed at %d, want %d", got, want)
	}
}

func TestTalliesAllocateNothing(t *testing.T) {
	l := fold(nil)
	tally := event.Tally{Subject: instanceSubject("VI_1"), At: 1}
	router := event.RouterTally{At: 1}
	n := testing.AllocsPerRun(100, func() {
		tally.At++
		tally.Sent++
		l.Tally(1, &tally)
		router.At++
		l.Router(1, &router)
	})
	if n != 0 {
		t.Errorf("%v allocations for each tally", n)
	}
}

func BenchmarkApply(b *testing.B) {
	p := newProducer(1)
	l := fold(nil)
	up := event.Transition{From: event.Backup, To: event.Master, Reason: event.MasterDownTimer}
	down := event.Transition{From: event.Master, To: event.Backup, Reason: event.HigherPriority}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.now++
		var e event.Event
		switch i % 4 {
		case 0:
			e = p.enter("VI_1", up)
		case 2:
			e = p.enter("VI_1", down)
		default:
			e = p.after("VI_1", event.Event{Kind: event.AnnounceSent, Reason: event.AnnounceTransition})
		}
		l.Apply(&e)
	}
}

func BenchmarkTally(b *testing.B) {
	l := fold(nil)
	tally := event.Tally{Subject: instanceSubject("VI_1")}
	b.ReportAllocs()
	for b.Loop() {
		tally.At++
		tally.Sent++
		l.Tally(1, &tally)
	}
}

func BenchmarkView(b *testing.B) {
	l := New()
	var all []event.Row
	for i := range 1000 {
		all = append(all, event.Row{Instance: &event.InstanceRow{Subject: instanceSubject(fmt.Sprintf("VI_%d", i))}})
	}
	l.Rows(all)
	l.View()
	tally := event.Tally{Subject: instanceSubject("VI_1")}
	b.ReportAllocs()
	for b.Loop() {
		tally.At++
		l.Tally(1, &tally)
		l.View()
	}
}
