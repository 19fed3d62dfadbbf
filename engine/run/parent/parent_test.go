// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

type raw = json.RawMessage

func TestNobodyCommitsBeforeEverybodyIsReady(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.worker(event.RoleVRRP), s.worker(event.RoleObserve)
		vrrp.want(ipc.Hello)
		if f := vrrp.want(ipc.Prepare); f.Gen != 1 {
			t.Errorf("generation %d", f.Gen)
		}
		observe.want(ipc.Hello)
		observe.want(ipc.Prepare)
		vrrp.ready(1, "")
		vrrp.quiet()
		if len(s.told) != 0 {
			t.Errorf("told the service manager %q", s.told)
		}
		observe.ready(1, "")
		loaded := s.logged(event.ConfigLoaded)
		if len(loaded) != 1 || loaded[0].Count != 1 || loaded[0].Subject.Name != "keepalived.conf" {
			t.Fatalf("config.loaded: %+v", loaded)
		}
		f := vrrp.want(ipc.Commit)
		if f.Gen != 1 || f.Ref != loaded[0].Ref() || f.Resume != nil {
			t.Errorf("commit %+v", f)
		}
		if f := observe.want(ipc.Rows); !f.Final || len(f.Rows) != 1 {
			t.Errorf("rows %+v", f)
		}
		observe.want(ipc.Commit)
		es := observe.events(3)
		if es[0].Kind != event.ConfigLoaded || es[1].Kind != event.WorkerStarted || es[2].Kind != event.WorkerStarted {
			t.Errorf("the observe role was told %v %v %v", es[0].Kind, es[1].Kind, es[2].Kind)
		}
		if !slices.Equal(s.told, []string{"READY=1"}) {
			t.Errorf("told the service manager %q", s.told)
		}
		if len(s.tracks) != 1 {
			t.Errorf("trackers configured %d times", len(s.tracks))
		}
	})
}

func TestABadFirstConfigurationEndsTheParent(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.worker(event.RoleVRRP), s.worker(event.RoleObserve)
		vrrp.ready(1, "bad.conf:3:1: no such interface")
		for _, p := range []*puppet{vrrp, observe} {
			p.want(ipc.Hello)
			p.want(ipc.Prepare)
		}
		vrrp.want(ipc.Bye)
		vrrp.end(proc.Exit{})
		observe.want(ipc.Bye)
		observe.end(proc.Exit{})
		<-s.over
		if s.status != ExitConfig {
			t.Errorf("exit status %d, want %d", s.status, ExitConfig)
		}
		if e := s.logged(event.ConfigRejected); len(e) != 1 || e[0].Detail != "bad.conf:3:1: no such interface" {
			t.Errorf("config.rejected: %+v", e)
		}
	})
}

func TestReload(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		s.next = s.generation()
		s.signals <- syscall.SIGHUP
		if f := observe.want(ipc.Prepare); f.Gen != 2 {
			t.Errorf("generation %d", f.Gen)
		}
		vrrp.want(ipc.Prepare)
		observe.ready(2, "")
		observe.quiet()
		vrrp.ready(2, "")
		if f := vrrp.want(ipc.Commit); f.Gen != 2 || f.Resume != nil {
			t.Errorf("commit %+v", f)
		}
		if e := observe.want(ipc.Events); e.Events[0].Kind != event.ConfigLoaded {
			t.Errorf("got %+v", e)
		}
		observe.want(ipc.Rows)
		observe.want(ipc.Commit)
		observe.quiet()
		if len(s.told) != 3 || !strings.HasPrefix(s.told[1], "RELOADING=1\nMONOTONIC_USEC=") || s.told[2] != "READY=1" {
			t.Errorf("told the service manager %q", s.told)
		}
	})
}

func TestReloadThatOneWorkerRefusesChangesNothing(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		s.next = s.generation()
		s.signals <- syscall.SIGHUP
		vrrp.want(ipc.Prepare)
		observe.want(ipc.Prepare)
		vrrp.ready(2, "")
		observe.ready(2, "listen on :10112: address already in use")
		vrrp.quiet()
		e := observe.events(1)
		if e[0].Kind != event.ConfigRejected || !strings.Contains(e[0].Detail, "10112") {
			t.Errorf("got %+v", e[0])
		}
		observe.quiet()
		if len(s.tracks) != 1 {
			t.Errorf("trackers configured %d times", len(s.tracks))
		}
		// And whoever starts now gets the old one.
		vrrp.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		again := s.worker(event.RoleVRRP)
		again.want(ipc.Hello)
		if f := again.want(ipc.Prepare); f.Gen != 1 {
			t.Errorf("the new worker got generation %d", f.Gen)
		}
	})
}

func TestReloadOfAFileThatDoesNotParse(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		s.nextErr = errors.New("keepalived.conf:7:3: unknown keyword \"virtal_router_id\"")
		s.signals <- syscall.SIGHUP
		vrrp.quiet()
		e := observe.events(1)
		if e[0].Kind != event.ConfigRejected || e[0].Detail != s.nextErr.Error() || e[0].Subject.Name != "keepalived.conf" {
			t.Errorf("got %+v", e[0])
		}
		if s.told[len(s.told)-1] != "READY=1" {
			t.Errorf("told the service manager %q", s.told)
		}
	})
}

func TestReloadsDoNotOverlap(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		s.next = s.generation()
		s.signals <- syscall.SIGHUP
		vrrp.want(ipc.Prepare)
		observe.want(ipc.Prepare)
		s.next = s.generation()
		s.signals <- syscall.SIGHUP
		s.signals <- syscall.SIGHUP
		synctest.Wait()
		if s.loads != 1 {
			t.Errorf("read %d times", s.loads)
		}
		vrrp.ready(2, "")
		observe.ready(2, "")
		vrrp.want(ipc.Commit)
		if f := vrrp.want(ipc.Prepare); f.Gen != 3 || s.loads != 2 {
			t.Errorf("generation %d after %d reads", f.Gen, s.loads)
		}
	})
}

func TestReloadThatNobodyAnswersIsGivenUp(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		s.next = s.generation()
		s.signals <- syscall.SIGHUP
		vrrp.want(ipc.Prepare)
		observe.want(ipc.Prepare)
		vrrp.ready(2, "")
		s.pass(prepareTime - time.Second)
		if e := observe.events(1); e[0].Kind != event.Stalled || e[0].Subject.Name != "observe" {
			t.Errorf("got %+v", e[0])
		}
		observe.quiet()
		s.pass(2 * time.Second)
		if e := observe.events(1); e[0].Kind != event.ConfigRejected || !strings.Contains(e[0].Detail, "observe") {
			t.Errorf("got %+v", e[0])
		}
		// An answer after that changes nothing.
		observe.ready(2, "")
		vrrp.quiet()
	})
}

func TestLostWorkerIsBackAtOnceAndResumes(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		vrrp.says(event.Event{
			Kind: event.VRRPState, Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51},
			From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, At: event.Instant(time.Second),
		})
		observe.events(1)
		s.pass(time.Hour)
		vrrp.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		again := s.worker(event.RoleVRRP)
		if again == vrrp {
			t.Fatal("no new worker was started")
		}
		lost := s.logged(event.WorkerLost)
		if len(lost) != 1 || lost[0].Reason != event.FailSignal || lost[0].Count != 9 || lost[0].Took < time.Hour {
			t.Errorf("worker.lost: %+v", lost)
		}
		again.want(ipc.Hello)
		again.want(ipc.Prepare)
		s.pass(900 * time.Millisecond)
		again.ready(1, "")
		f := again.want(ipc.Commit)
		want := ipc.Resumed{Name: "VI_1", State: event.Master, Within: true}
		if len(f.Resume) != 1 || f.Resume[0] != want {
			t.Errorf("resume %+v, want %+v", f.Resume, want)
		}
		observe.quietBut(event.WorkerLost, event.WorkerStarted)
	})
}

func TestWorkerThatIsBackLateDoesNotResume(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, _ := s.up()
		s.pass(time.Hour)
		vrrp.end(proc.Exit{Status: 2})
		again := s.worker(event.RoleVRRP)
		again.want(ipc.Hello)
		again.want(ipc.Prepare)
		s.pass(1100 * time.Millisecond)
		again.ready(1, "")
		if f := again.want(ipc.Commit); len(f.Resume) != 1 || f.Resume[0].Within {
			t.Errorf("resume %+v", f.Resume)
		}
		if e := s.logged(event.WorkerLost); e[0].Reason != event.FailCrash {
			t.Errorf("worker.lost: %+v", e[0])
		}
	})
}

// TestLivesThatDidNothingDoNotCount: who is killed before it was at work again
// has been away since the one before it.
func TestLivesThatDidNothingDoNotCount(t *testing.T) {
	for pause, within := range map[time.Duration]bool{400 * time.Millisecond: true, 600 * time.Millisecond: false} {
		t.Run(pause.String(), func(t *testing.T) {
			play(t, func(s *stage) {
				vrrp, _ := s.up()
				s.pass(time.Hour)
				vrrp.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
				s.pass(pause)
				s.worker(event.RoleVRRP).end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
				again := s.worker(event.RoleVRRP)
				again.want(ipc.Hello)
				again.want(ipc.Prepare)
				s.pass(pause)
				again.ready(1, "")
				if f := again.want(ipc.Commit); len(f.Resume) != 1 || f.Resume[0].Within != within {
					t.Errorf("resume %+v, want within %v", f.Resume, within)
				}
			})
		})
	}
}

func TestShortLivesAreRepeatedMoreAndMoreSlowly(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		for i, wait := range []time.Duration{0, 1, 2, 4, 8, 16, 32, 60, 60} {
			wait *= time.Second
			n := s.started()
			s.worker(event.RoleVRRP).end(proc.Exit{Status: 3})
			synctest.Wait()
			if wait > 0 {
				s.pass(wait - time.Millisecond)
				synctest.Wait()
				if s.started() != n {
					t.Fatalf("restart %d came before %v", i+1, wait)
				}
				s.pass(2 * time.Millisecond)
				synctest.Wait()
			}
			if s.started() != n+1 {
				t.Fatalf("restart %d did not come after %v", i+1, wait)
			}
		}
		// One that was killed did not crash, unless it was too short to tell.
		s.pass(settled)
		m := s.started()
		s.worker(event.RoleVRRP).end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		if s.started() != m+1 {
			t.Error("a worker that was killed had to wait")
		}
		for i := range hasty {
			s.worker(event.RoleVRRP).end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
			if s.started() != m+2+i {
				t.Errorf("a worker that was killed %d times at its start had to wait", i+1)
			}
		}
		m = s.started()
		s.worker(event.RoleVRRP).end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		if s.started() != m {
			t.Error("a worker that was killed again and again at its start did not have to wait")
		}
		s.pass(longestWait)
		// A life of a minute clears the record.
		s.pass(shortLife)
		n := s.started()
		s.worker(event.RoleVRRP).end(proc.Exit{Status: 3})
		synctest.Wait()
		if s.started() != n+1 {
			t.Error("a long life did not clear the record")
		}
	})
}

func TestExitStatuses(t *testing.T) {
	for name, c := range map[string]struct {
		exit      proc.Exit
		noRespawn bool
		ends      bool
		status    int
	}{
		"fatal":              {exit: proc.Exit{Status: 1}, ends: true, status: 1},
		"permission":         {exit: proc.Exit{Status: 4}, ends: true, status: 4},
		"panic":              {exit: proc.Exit{Status: 2}},
		"other":              {exit: proc.Exit{Status: 70}},
		"killed":             {exit: proc.Exit{Status: -1, Signal: syscall.SIGKILL}},
		"killed, no respawn": {exit: proc.Exit{Status: -1, Signal: syscall.SIGKILL}, noRespawn: true, ends: true, status: 1},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				vrrp, observe := s.up()
				s.loop.o.NoRespawn = c.noRespawn
				vrrp.end(c.exit)
				synctest.Wait()
				if !c.ends {
					if s.worker(event.RoleVRRP) == vrrp {
						t.Error("no new worker was started")
					}
					return
				}
				observe.end(proc.Exit{})
				<-s.over
				if s.status != c.status {
					t.Errorf("exit status %d, want %d", s.status, c.status)
				}
			})
		})
	}
}

func TestTermTakesEverythingDownInOrder(t *testing.T) {
	play(t, func(s *stage) {
		s.loop.o.Settle = func(context.Context) { s.note("settled") }
		vrrp, observe := s.up()
		s.order = nil
		s.signals <- syscall.SIGTERM
		vrrp.want(ipc.Bye)
		observe.quiet()
		vrrp.says(event.Event{Kind: event.VRRPState, To: event.Stop})
		vrrp.link.Send(ipc.Frame{Type: ipc.Bye})
		synctest.Wait()
		vrrp.end(proc.Exit{})
		if e := observe.events(1); e[0].To != event.Stop {
			t.Errorf("got %+v", e[0])
		}
		observe.want(ipc.Bye)
		observe.link.Send(ipc.Frame{Type: ipc.Bye})
		synctest.Wait()
		observe.end(proc.Exit{})
		<-s.over
		want := []string{"trackers closed", "vrrp.state", "settled"}
		if !slices.Equal(s.order, want) {
			t.Errorf("order %q, want %q", s.order, want)
		}
		if s.status != 0 || s.told[len(s.told)-1] != "STOPPING=1" {
			t.Errorf("status %d, told %q", s.status, s.told)
		}
		if len(s.logged(event.WorkerLost)) != 0 {
			t.Error("a goodbye was taken for a loss")
		}
	})
}

func TestTermBeforeAnybodyIsReady(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.worker(event.RoleVRRP), s.worker(event.RoleObserve)
		s.signals <- syscall.SIGTERM
		s.signals <- syscall.SIGHUP
		for _, p := range []*puppet{vrrp, observe} {
			p.want(ipc.Hello)
			p.want(ipc.Prepare)
		}
		vrrp.want(ipc.Bye)
		// Their answers come too late to put anything into force.
		vrrp.ready(1, "")
		observe.ready(1, "")
		vrrp.end(proc.Exit{})
		observe.want(ipc.Bye)
		observe.end(proc.Exit{})
		<-s.over
		if s.status != 0 || len(s.logged(event.ConfigLoaded)) > 0 || s.loads > 0 || len(s.tracks) > 0 {
			t.Errorf("status %d, %d loads, %d trackers", s.status, s.loads, len(s.tracks))
		}
	})
}

func TestWorkerThatDoesNotStopIsKilled(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		s.signals <- syscall.SIGTERM
		vrrp.want(ipc.Bye)
		s.pass(stopVRRP - time.Millisecond)
		if vrrp.got(syscall.SIGKILL) {
			t.Error("killed before its time")
		}
		s.pass(2 * time.Millisecond)
		if !vrrp.got(syscall.SIGKILL) {
			t.Error("not killed")
		}
		observe.end(proc.Exit{})
		<-s.over
	})
}

func TestWorkerThatEndsUnaskedIsReplacedEvenIfItSaidGoodbye(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, _ := s.up()
		vrrp.link.Send(ipc.Frame{Type: ipc.Bye})
		synctest.Wait()
		vrrp.end(proc.Exit{})
		if s.worker(event.RoleVRRP) == vrrp {
			t.Error("no new worker was started")
		}
	})
}

func TestFramesThatAWorkerMayNotSendEndIt(t *testing.T) {
	for _, typ := range []ipc.Type{ipc.Prepare, ipc.Commit, ipc.Rows, ipc.Exec, ipc.ExecDone, ipc.Input} {
		play(t, func(s *stage) {
			vrrp, _ := s.up()
			vrrp.link.Send(ipc.Frame{Type: typ})
			if !vrrp.got(syscall.SIGKILL) {
				t.Errorf("after %s it lives on", typ)
			}
		})
	}
}

func TestDumpWaitsForFreshCounters(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		s.order = nil
		s.signals <- syscall.SIGUSR2
		f := vrrp.want(ipc.TallyPlease)
		if len(s.order) != 0 {
			t.Errorf("dumped before the counters came: %q", s.order)
		}
		vrrp.link.Send(ipc.Frame{Type: ipc.Result, ID: f.ID, Name: "tally"})
		synctest.Wait()
		if !slices.Equal(s.order, []string{"dump user defined signal 2"}) {
			t.Errorf("got %q", s.order)
		}
		observe.quiet()
	})
}

func TestReportsBecomeEventsAndInputs(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		// Only what is configured is remembered for a new worker.
		s.next = s.generation()
		s.next.Track.Scripts = []track.ScriptSettings{{Name: "chk"}}
		s.next.Track.Files = []track.FileSettings{{Name: "f"}}
		s.signals <- syscall.SIGHUP
		vrrp.want(ipc.Prepare)
		observe.want(ipc.Prepare)
		vrrp.ready(2, "")
		observe.ready(2, "")
		vrrp.want(ipc.Commit)
		observe.events(1)
		observe.want(ipc.Rows)
		observe.want(ipc.Commit)

		chk := event.Subject{Kind: event.SubjectScript, Name: "chk"}
		s.report(track.Report{Subject: chk, Run: true, Status: 3, Reason: event.FailExit, Took: time.Second})
		in := vrrp.want(ipc.Input)
		es := observe.events(1)
		if es[0].Kind != event.ExecDone || es[0].Subject != chk || es[0].Count != 3 || es[0].Reason != event.FailExit {
			t.Errorf("exec.done %+v", es[0])
		}
		if in.Ref != es[0].Ref() || in.Ran.Status != 3 || in.Ran.Object != chk {
			t.Errorf("input %+v", in)
		}
		s.report(track.Report{Subject: event.Subject{Kind: event.SubjectFile, Name: "f"}, Value: 7})
		if in := vrrp.want(ipc.Input); in.Ran.Value != 7 || in.Ref != (event.Ref{}) {
			t.Errorf("input %+v", in)
		}
		observe.quiet()

		vrrp.end(proc.Exit{Status: 3})
		again := s.worker(event.RoleVRRP)
		again.want(ipc.Hello)
		again.want(ipc.Prepare)
		again.ready(2, "")
		again.want(ipc.Commit)
		got := map[string]int64{}
		for range 2 {
			f := again.want(ipc.Input)
			got[f.Ran.Object.Name] = f.Ran.Value + int64(f.Ran.Status)
		}
		if got["chk"] != 3 || got["f"] != 7 {
			t.Errorf("the new worker was told %v", got)
		}
	})
}

// quietBut fails if the events that wait are others than these.
func (p *puppet) quietBut(kinds ...event.Kind) {
	p.t.Helper()
	for _, e := range p.events(len(kinds)) {
		if !slices.Contains(kinds, e.Kind) {
			p.t.Errorf("%s: was told %s", p.role, e.Kind)
		}
	}
	p.quiet()
}

// A worker that is not heard of at the start is told of, asked where it is, and
// replaced once; the daemon gives up only then.
func TestWorkerThatIsNotHeardOf(t *testing.T) {
	for _, answers := range []bool{true, false} {
		play(t, func(s *stage) {
			mute, observe := s.worker(event.RoleVRRP), s.worker(event.RoleObserve)
			observe.want(ipc.Hello)
			observe.want(ipc.Prepare)
			observe.ready(1, "")
			s.pass(patient - time.Second)
			if len(s.logged(event.Stalled)) > 0 {
				t.Error("somebody wondered too early")
			}
			s.pass(2 * time.Second)
			said := s.logged(event.Stalled)
			if len(said) != 1 || said[0].Subject.Name != "vrrp" || !slices.Contains(s.told, "STATUS=waiting for vrrp") {
				t.Fatalf("said %+v, told %q", said, s.told)
			}
			s.pass(prepareTime - patient)
			if !mute.got(syscall.SIGABRT) || mute.got(syscall.SIGKILL) {
				t.Error("it was not asked where it is")
			}
			s.pass(2 * lastWords)
			if !mute.got(syscall.SIGKILL) || s.started() != 3 {
				t.Fatalf("it was not replaced: %d started", s.started())
			}
			other := s.worker(event.RoleVRRP)
			other.want(ipc.Hello)
			other.want(ipc.Prepare)
			if answers {
				other.ready(1, "")
				other.want(ipc.Commit)
				return
			}
			s.pass(2 * prepareTime)
			if s.started() != 3 || len(s.logged(event.ConfigRejected)) != 1 || s.status != ExitConfig {
				t.Errorf("%d started, status %d", s.started(), s.status)
			}
		})
	}
}
