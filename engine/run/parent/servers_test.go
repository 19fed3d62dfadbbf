// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"
	"encoding/json"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

const web = "tcp/10.0.0.1:80"

// withServers is a generation with a check role, a program of MISC_CHECK, and an instance that follows a virtual server.
func withServers(g *Generation) *Generation {
	g.Roles = []event.Role{event.RoleVRRP, event.RoleCheck, event.RoleObserve}
	g.Services = []string{web}
	g.Track.Files = []track.FileSettings{{Name: "load", Path: "/run/load"}}
	g.Programs = []track.ScriptSettings{{Name: "misc-1", Argv: []string{"/bin/x"}}}
	return g
}

// upWithServers brings it into force.
func (s *stage) upWithServers() (vrrp, check, observe *puppet) {
	s.t.Helper()
	vrrp, check, observe = s.worker(event.RoleVRRP), s.worker(event.RoleCheck), s.worker(event.RoleObserve)
	for _, p := range []*puppet{vrrp, check, observe} {
		p.want(ipc.Hello)
		p.want(ipc.Prepare)
		p.ready(1, "")
	}
	vrrp.want(ipc.Commit)
	check.want(ipc.Input) // how the instance stands
	check.want(ipc.Commit)
	observe.want(ipc.Rows)
	observe.want(ipc.Commit)
	observe.events(4)
	return vrrp, check, observe
}

func server(sub string, from, to event.State, why event.Reason) event.Event {
	return event.Event{
		Kind: event.ServerState, Subject: event.Subject{Kind: event.SubjectRealServer, Name: web, Sub: sub}, From: from, To: to, Reason: why,
	}
}

// TestQuorumReachesTheVRRPRole, also one that is started later; files and instances reach the check role.
func TestQuorumReachesTheVRRPRole(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		vrrp, check, _ := s.upWithServers()
		lost := check.says(event.Event{
			Kind: event.ServiceQuorum, Subject: event.Subject{Kind: event.SubjectVirtualServer, Name: web}, From: event.Up, To: event.Down,
		})
		told := func(p *puppet) {
			t.Helper()
			f := p.want(ipc.Input)
			if f.Ran == nil || f.Ran.Object != lost.Subject || f.Ran.Value != 0 || f.Ref != lost.Ref() {
				t.Errorf("told %+v of %+v", f.Ran, f.Ref)
			}
		}
		told(vrrp)
		vrrp.says(event.Event{Kind: event.VRRPState, Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}, From: event.Init, To: event.Master})
		if f := check.want(ipc.Input); f.Ran == nil || f.Ran.Object.Name != "VI_1" || event.State(f.Ran.Value) != event.Master {
			t.Errorf("told %+v", f.Ran)
		}
		s.report(track.Report{Subject: event.Subject{Kind: event.SubjectFile, Name: "load"}, Value: 7, OK: true})
		for _, p := range []*puppet{vrrp, check} {
			if f := p.want(ipc.Input); f.Ran == nil || f.Ran.Object.Name != "load" || f.Ran.Value != 7 {
				t.Errorf("%s: told %+v", p.role, f.Ran)
			}
		}
		vrrp.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		again := s.worker(event.RoleVRRP)
		again.want(ipc.Hello)
		again.want(ipc.Prepare)
		again.ready(1, "")
		told(again)
		again.want(ipc.Commit)
	})
}

// TestCheckRoleResumes: a new one is told how the servers stood, before it begins.
func TestCheckRoleResumes(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		_, check, _ := s.upWithServers()
		check.says(server("192.0.2.1:80", event.Up, event.Down, event.FailConnectRefused))
		check.says(server("192.0.2.2:80", event.Up, event.Down, event.FailConnectRefused))
		check.says(server("192.0.2.2:80", event.Down, event.Deleted, event.Reload))
		weighed := server("192.0.2.3:80", event.Up, event.Up, event.WeightChanged)
		weighed.Evidence.Check.WeightNow = 5
		check.says(weighed)
		check.says(event.Event{
			Kind: event.ServiceQuorum, Subject: event.Subject{Kind: event.SubjectVirtualServer, Name: web}, From: event.Up, To: event.Down, At: 77,
		})
		check.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		next := s.worker(event.RoleCheck)
		next.want(ipc.Hello)
		next.want(ipc.Prepare)
		next.ready(1, "")
		got := map[string]ipc.Resumed{}
		for _, r := range next.want(ipc.Input).Resume {
			got[r.Sub] = r
		}
		down, five := got["192.0.2.1:80"], got["192.0.2.3:80"]
		if lost := got[""]; lost.Name != web || lost.State != event.Down || lost.Since != 77 {
			t.Errorf("the quorum resumes as %+v", lost)
		}
		if len(got) != 3 || down.Name != web || down.State != event.Down || down.HasWeight || five.State != event.Up || !five.HasWeight || five.Weight != 5 {
			t.Errorf("resumes %+v", got)
		}
		next.want(ipc.Input) // how the instance stands
		next.want(ipc.Commit)
	})
}

// TestPrograms: only what the configuration has is run, only for the one who asked, and never too many at once.
func TestPrograms(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		_, check, _ := s.upWithServers()
		var running, ended int
		release := make(chan struct{})
		s.loop.programs.run = func(ctx context.Context, c *track.ScriptSettings) track.Report {
			if c.Argv[0] != "/bin/x" {
				t.Errorf("%v is run", c.Argv)
			}
			s.mu.Lock()
			running++
			s.mu.Unlock()
			select {
			case <-release:
			case <-ctx.Done():
			}
			s.mu.Lock()
			ended++
			s.mu.Unlock()
			return track.Report{Status: 3, Reason: event.FailExit, Took: time.Second}
		}
		check.link.Send(ipc.Frame{Type: ipc.Exec, ID: 1, Name: "/bin/sh"})
		if f := check.want(ipc.ExecDone); f.ID != 1 || f.Ran.Reason != event.FailSpawn {
			t.Errorf("a program that nobody configured: %+v", f.Ran)
		}
		for i := range uint64(programsMost + 10) {
			check.link.Send(ipc.Frame{Type: ipc.Exec, ID: 100 + i, Name: "misc-1"})
		}
		s.pass(time.Second)
		s.mu.Lock()
		if running != programsMost {
			t.Errorf("%d run at once, want %d", running, programsMost)
		}
		s.mu.Unlock()
		release <- struct{}{}
		if f := check.want(ipc.ExecDone); f.ID < 100 || f.Ran.Status != 3 || f.Ran.Reason != event.FailExit || f.Ran.Took != time.Second {
			t.Errorf("told %+v", f.Ran)
		}
		// With the worker ends what ran for it; its successor is told nothing of it.
		check.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		s.pass(time.Second)
		s.mu.Lock()
		if running != ended || running != programsMost+1 {
			t.Errorf("%d of %d programs ended", ended, running)
		}
		s.mu.Unlock()
		next := s.worker(event.RoleCheck)
		next.want(ipc.Hello)
		next.want(ipc.Prepare)
		next.quiet()
	})
}

// TestProgramsAreTakenBack: what the check role has no use for any more ends, whether it runs or waits, and nothing is
// told of it; what goes on beside it does.
func TestProgramsAreTakenBack(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		_, check, _ := s.upWithServers()
		began, release := make(chan context.Context, programsMost+2), make(chan struct{})
		s.loop.programs.run = func(ctx context.Context, _ *track.ScriptSettings) track.Report {
			began <- ctx
			select {
			case <-release:
			case <-ctx.Done():
			}
			return track.Report{Took: time.Second}
		}
		check.link.Send(ipc.Frame{Type: ipc.Exec, ID: 1, Name: "misc-1"})
		s.pass(time.Second)
		first := <-began
		for i := range uint64(programsMost) {
			check.link.Send(ipc.Frame{Type: ipc.Exec, ID: 2 + i, Name: "misc-1"})
		}
		s.pass(time.Second)
		const waits = 1 + programsMost
		for _, id := range []uint64{waits, 1, 7777} { // one that waits, one that runs (whose place the other would take), one that never was
			check.link.Send(ipc.Frame{Type: ipc.Exec, ID: id})
		}
		s.pass(time.Second)
		if first.Err() == nil || len(began) != programsMost-1 {
			t.Errorf("the program goes on (%v), and %d others run", first.Err(), len(began))
		}
		check.quiet()
		release <- struct{}{}
		if f := check.want(ipc.ExecDone); f.ID <= 1 || f.ID >= waits || f.Ran.Reason != event.ReasonNone {
			t.Errorf("told %d, %+v", f.ID, f.Ran)
		}
		if n := len(s.loop.programs.going); n != programsMost-2 {
			t.Errorf("%d are kept in mind", n)
		}
		close(release)
		s.pass(time.Second)
	})
}

// TestWeights that somebody asks for reach the check role, and the next one before it begins.
func TestWeights(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		_, check, observe := s.upWithServers()
		one, two := server("192.0.2.1:80", 0, 0, 0).Subject, server("192.0.2.2:80", 0, 0, 0).Subject
		ask := func(id uint64, w Weigh, problem bool) {
			t.Helper()
			body, err := json.Marshal(w)
			if err != nil {
				t.Fatal(err)
			}
			observe.link.Send(ipc.Frame{Type: ipc.Command, ID: id, Name: CommandWeight, Body: body})
			if f := observe.want(ipc.Result); f.ID != id || (f.Error != "") != problem {
				t.Errorf("answered %+v", f)
			}
		}
		told := func(p *puppet, who event.Subject, value int64, reason event.Reason) {
			t.Helper()
			if f := p.want(ipc.Input); f.Ran == nil || f.Ran.Object != who || f.Ran.Value != value || f.Ran.Reason != reason {
				t.Errorf("told %+v", f.Ran)
			}
		}
		ask(1, Weigh{Server: one, Weight: 0}, false)
		told(check, one, 0, event.ReasonNone)
		ask(2, Weigh{Server: two, Weight: 5}, false)
		told(check, two, 5, event.ReasonNone)
		ask(3, Weigh{Server: two, Clear: true}, false)
		told(check, two, 0, event.Reload)
		ask(4, Weigh{Server: one, Weight: -1}, true)
		ask(5, Weigh{Server: event.Subject{Kind: event.SubjectVirtualServer, Name: web}}, true)
		check.quiet()
		check.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		next := s.worker(event.RoleCheck)
		next.want(ipc.Hello)
		next.want(ipc.Prepare)
		next.ready(1, "")
		told(next, one, 0, event.ReasonNone)
		next.want(ipc.Input) // how the instance stands
		next.want(ipc.Commit)
		next.says(server(one.Sub, event.Up, event.Deleted, event.Reload))
		if len(s.loop.weights) > 0 {
			t.Error("the weight of a server that is gone is kept")
		}
	})
}

// TestServersAreDescribedUnread: rows and counters of the check role go to the observe role as they came, and the rows
// again to one that is started later.
func TestServersAreDescribedUnread(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		_, check, observe := s.upWithServers()
		send := func(typ ipc.Type, contents string) {
			t.Helper()
			file, err := proc.Sealed("test", []byte(contents))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			fd, err := ipc.Dup(file)
			if err != nil {
				t.Fatal(err)
			}
			check.link.Send(ipc.Frame{Type: typ, Role: event.RoleCheck, Gen: 1, Epoch: check.epoch, FDs: []int{fd}})
		}
		send(ipc.Rows, "rows")
		if f := observe.want(ipc.Rows); f.Role != event.RoleCheck || f.Gen != 1 {
			t.Errorf("rows %+v", f)
		}
		send(ipc.Tallies, "counters")
		if f := observe.want(ipc.Tallies); f.Role != event.RoleCheck || f.Epoch != check.epoch {
			t.Errorf("counters %+v", f)
		}
		observe.link.Send(ipc.Frame{Type: ipc.Command, ID: 4, Name: CommandTable})
		if f := check.want(ipc.Command); f.ID != 4 || f.Name != CommandTable {
			t.Errorf("asked %+v", f)
		}
		check.link.Send(ipc.Frame{Type: ipc.Result, ID: 4, Name: CommandTable})
		if f := observe.want(ipc.Result); f.ID != 4 || f.Name != CommandTable {
			t.Errorf("answered %+v", f)
		}
		observe.link.Send(ipc.Frame{Type: ipc.TallyPlease, ID: 5})
		check.want(ipc.TallyPlease)
		check.link.Send(ipc.Frame{Type: ipc.Result, ID: 5})
		s.worker(event.RoleVRRP).want(ipc.TallyPlease)
		observe.quiet()
		s.worker(event.RoleVRRP).link.Send(ipc.Frame{Type: ipc.Result, ID: 5})
		observe.want(ipc.Result)
		observe.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		next := s.worker(event.RoleObserve)
		next.want(ipc.Hello)
		next.want(ipc.Prepare)
		next.ready(1, "")
		next.want(ipc.Command) // what the parent remembers
		next.want(ipc.Rows)
		if f := next.want(ipc.Rows); f.Role != event.RoleCheck {
			t.Errorf("rows %+v", f)
		}
		next.want(ipc.Commit)
	})
}

// TestServersGoBeforeTheirWorker: a reload that leaves none lets the check role take leave of them.
func TestServersGoBeforeTheirWorker(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		vrrp, check, observe := s.upWithServers()
		s.next = s.generation()
		s.signals <- syscall.SIGHUP
		for _, p := range []*puppet{vrrp, observe} {
			p.want(ipc.Prepare)
			p.ready(2, "")
		}
		if f := check.want(ipc.Commit); f.Gen != 0 || f.Ref == (event.Ref{}) {
			t.Errorf("told %+v", f)
		}
		check.want(ipc.Bye)
		check.says(server("192.0.2.1:80", event.Up, event.Deleted, event.Reload))
		if got := s.logged(event.ServerState); len(got) != 1 {
			t.Errorf("logged %+v", got)
		}
	})
}

// TestDraft: the check role is shown a text while a reload is read, and told when nothing comes of it; nobody is shown
// one that comes at another time.
func TestDraft(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		_, check, _ := s.upWithServers()
		drafted := func(want string) {
			t.Helper()
			check.shown = nil
			if f := check.want(ipc.Prepare); f.Gen != 0 || string(check.shown) != want {
				t.Fatalf("generation %d, shown %q", f.Gen, check.shown)
			}
		}
		s.loop.Draft([]byte("too early"))
		check.quiet()
		next := withServers(s.generation())
		s.next, s.nextErr = next, nil
		s.drafts = []string{"a", "b"}
		s.signals <- syscall.SIGHUP
		drafted("a")
		drafted("b")
		if f := check.want(ipc.Prepare); f.Gen != 2 {
			t.Fatalf("told %+v", f)
		}
		check.ready(2, "I will not")
		drafted("")
		s.next, s.nextErr, s.drafts = nil, errors.New("it is bad"), nil
		s.signals <- syscall.SIGHUP
		check.quiet()
	})
}

// TestSlim: those who do not check get the text without what is checked.
func TestSlim(t *testing.T) {
	g := &Generation{Image: []byte("all of it"), Slim: []byte("the rest")}
	if err := g.seal(); err != nil {
		t.Fatal(err)
	}
	defer g.close()
	for role, want := range map[event.Role]string{event.RoleCheck: "all of it", event.RoleVRRP: "the rest", event.RoleObserve: "the rest"} {
		text, err := proc.ReadSealed(g.imageFor(role), 100)
		if err != nil || string(text) != want {
			t.Errorf("%s reads %q, %v", role, text, err)
		}
	}
}

// TestSettings that somebody changes reach the vrrp role, and the next one before it begins, but not beyond a reload.
func TestSettings(t *testing.T) {
	playWith(t, withServers, func(s *stage) {
		vrrp, _, observe := s.upWithServers()
		ask := func(id uint64, o Setting, problem bool) {
			t.Helper()
			body, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			observe.link.Send(ipc.Frame{Type: ipc.Command, ID: id, Name: CommandSet, Body: body})
			if !problem {
				if e := observe.events(1)[0]; e.Kind != event.SettingChanged || e.Subject.Sub != o.What || e.Count != o.Value || e.Detail != "by snmp" {
					t.Errorf("said %+v", e)
				}
			}
			if f := observe.want(ipc.Result); f.ID != id || (f.Error != "") != problem {
				t.Errorf("%+v is answered %+v", o, f)
			}
		}
		name := s.loop.ledger.View().Instances[0].Row.Subject.Name
		ask(1, Setting{Instance: name, What: event.SettingPriority, Value: 120, By: "snmp"}, false)
		if f := vrrp.want(ipc.Input); f.Name != event.SettingPriority || f.Ran == nil || f.Ran.Object.Name != name || f.Ran.Value != 120 || f.Ref == (event.Ref{}) {
			t.Errorf("told %+v", f)
		}
		if in := s.loop.ledger.View().Instance(name); in.Base != 120 {
			t.Errorf("the base priority is %d", in.Base)
		}
		for i, o := range []Setting{
			{Instance: name, What: event.SettingPriority, Value: 255},
			{Instance: name, What: event.SettingPriority},
			{Instance: name, What: event.SettingPreempt, Value: 2},
			{Instance: name, What: "state"},
			{Instance: "?", What: event.SettingAccept},
		} {
			ask(uint64(i+2), o, true)
		}
		vrrp.quiet()
		vrrp.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		next := s.worker(event.RoleVRRP)
		next.want(ipc.Hello)
		next.want(ipc.Prepare)
		next.ready(1, "")
		for told := false; !told; {
			synctest.Wait()
			select {
			case f := <-next.link.Frames():
				told = f.Type == ipc.Input && f.Name == event.SettingPriority
			default:
				t.Fatal("the next vrrp role is not told")
			}
		}
		s.loop.unset()
		for who := range s.loop.last {
			if who.Kind == event.SubjectInstance {
				t.Errorf("%v is kept beyond a reload", who)
			}
		}
	})
}
