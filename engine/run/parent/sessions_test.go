// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/sys/proc"
)

// upWithBFD is a stage whose generation has one BFD session.
func (s *stage) upWithBFD() (vrrp, bfd, observe *puppet) {
	s.t.Helper()
	vrrp, bfd, observe = s.worker(event.RoleVRRP), s.worker(event.RoleBFD), s.worker(event.RoleObserve)
	for _, p := range []*puppet{vrrp, bfd, observe} {
		p.want(ipc.Hello)
		p.want(ipc.Prepare)
		p.ready(1, "")
	}
	vrrp.want(ipc.Commit)
	bfd.want(ipc.Commit)
	observe.want(ipc.Rows)
	observe.want(ipc.Commit)
	observe.events(4) // config.loaded and three worker.started
	return vrrp, bfd, observe
}

func withBFD(g *Generation) *Generation {
	g.Roles = []event.Role{event.RoleVRRP, event.RoleBFD, event.RoleObserve}
	g.Sessions = []string{"gw"}
	rows := g.Rows
	g.Rows = func(number int) []event.Row {
		return append(rows(number), event.Row{BFD: &event.BFDRow{Subject: event.Subject{Kind: event.SubjectBFD, Name: "gw"}}})
	}
	return g
}

func gw(from, to event.State) event.Event {
	return event.Event{Kind: event.TrackChanged, Subject: event.Subject{Kind: event.SubjectBFD, Name: "gw"}, From: from, To: to}
}

// verdict reads what the vrrp role is told of the session.
func (p *puppet) verdict(up bool, cause event.Ref) {
	p.t.Helper()
	f := p.want(ipc.Input)
	if f.Ran == nil || f.Ran.Object.Name != "gw" || (f.Ran.Value != 0) != up || f.Ref != cause {
		p.t.Errorf("told %+v of %+v, want up: %v because of %v", f.Ran, f.Ref, up, cause)
	}
}

func TestSessionsReachTheVRRPRole(t *testing.T) {
	playWith(t, withBFD, func(s *stage) {
		vrrp, bfd, observe := s.upWithBFD()
		down := bfd.says(gw(event.StateNone, event.Down))
		vrrp.verdict(false, down.Ref())
		up := bfd.says(gw(event.Down, event.Up))
		vrrp.verdict(true, up.Ref())
		if es := observe.events(2); es[1].To != event.Up || es[1].Origin != event.RoleBFD {
			t.Errorf("observe heard %+v", es)
		}
		if got := s.logged(event.TrackChanged); len(got) != 2 {
			t.Errorf("logged %+v", got)
		}

		// A vrrp role that is started again knows before it begins.
		vrrp.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		again := s.worker(event.RoleVRRP)
		again.want(ipc.Hello)
		again.want(ipc.Prepare)
		again.ready(1, "")
		again.verdict(true, up.Ref())
		again.want(ipc.Commit)
		again.verdict(true, up.Ref())
		again.quiet()

		// A bfd role that is started again is told what was up, and what its
		// predecessor left about it; nobody else is told anything.
		left := event.BFDTally{Subject: up.Subject, At: up.At, Sent: 9, Local: 7, Remote: 8, RemoteMultiplier: 3, RemoteMinTx: 4, RemoteMinRx: 5}
		bfd.link.Send(ipc.Frame{Type: ipc.Tallies, Epoch: bfd.epoch, BFD: []event.BFDTally{left}})
		observe.events(2) // the vrrp worker was lost and started
		if f := observe.want(ipc.Tallies); len(f.BFD) != 1 || f.BFD[0] != left {
			t.Errorf("observe was told %+v", f.BFD)
		}
		bfd.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		next := s.worker(event.RoleBFD)
		next.want(ipc.Hello)
		next.want(ipc.Prepare)
		next.ready(1, "")
		if f := next.want(ipc.Commit); len(f.Resume) != 1 || f.Resume[0].Name != "gw" || f.Resume[0].State != event.Up || len(f.BFD) != 1 || f.BFD[0] != left {
			t.Errorf("resumes %+v with %+v", f.Resume, f.BFD)
		}
		again.quiet()

		gone := next.says(gw(event.Up, event.Deleted))
		if gone.Seq == 0 {
			t.Error("the event has no number")
		}
		again.quiet()
		next.end(proc.Exit{Status: -1, Signal: syscall.SIGKILL})
		s.pass(2 * time.Second)
		last := s.worker(event.RoleBFD)
		last.want(ipc.Hello)
		last.want(ipc.Prepare)
		last.ready(1, "")
		if f := last.want(ipc.Commit); len(f.Resume) != 0 {
			t.Errorf("resumes %+v", f.Resume)
		}
	})
}

func TestSessionCounters(t *testing.T) {
	playWith(t, withBFD, func(s *stage) {
		vrrp, bfd, observe := s.upWithBFD()
		observe.link.Send(ipc.Frame{Type: ipc.TallyPlease, ID: 3})
		bfd.want(ipc.TallyPlease)
		vrrp.want(ipc.TallyPlease)
		bfd.link.Send(ipc.Frame{Type: ipc.Tallies, Epoch: bfd.epoch, BFD: []event.BFDTally{{Sent: 5}}})
		if f := observe.want(ipc.Tallies); len(f.BFD) != 1 || f.BFD[0].Sent != 5 || f.Epoch != bfd.epoch {
			t.Errorf("%+v", f)
		}
		vrrp.link.Send(ipc.Frame{Type: ipc.Result, ID: 3})
		observe.quiet() // both have to answer
		bfd.link.Send(ipc.Frame{Type: ipc.Result, ID: 3})
		observe.want(ipc.Result)
		observe.link.Send(ipc.Frame{Type: ipc.SnapshotPlease})
		bfd.want(ipc.SnapshotPlease)
		vrrp.want(ipc.SnapshotPlease)
		// A hole in its numbers is asked about.
		bfd.seq += 2
		bfd.says(gw(event.Down, event.Up))
		bfd.want(ipc.SnapshotPlease)
	})
}

func TestBFDEndsAfterVRRP(t *testing.T) {
	playWith(t, withBFD, func(s *stage) {
		vrrp, bfd, observe := s.upWithBFD()
		s.signals <- syscall.SIGTERM
		vrrp.want(ipc.Bye)
		bfd.quiet()
		vrrp.link.Send(ipc.Frame{Type: ipc.Bye})
		vrrp.end(proc.Exit{})
		bfd.want(ipc.Bye)
		observe.quiet()
		bfd.link.Send(ipc.Frame{Type: ipc.Bye})
		bfd.end(proc.Exit{})
		observe.want(ipc.Bye)
		observe.end(proc.Exit{})
	})
}

// TestSessionCountersAlone: without a vrrp role the bfd role answers.
func TestSessionCountersAlone(t *testing.T) {
	alone := func(g *Generation) *Generation {
		g = withBFD(g)
		g.Roles = g.Roles[1:]
		return g
	}
	playWith(t, alone, func(s *stage) {
		bfd, observe := s.worker(event.RoleBFD), s.worker(event.RoleObserve)
		for _, p := range []*puppet{bfd, observe} {
			p.want(ipc.Hello)
			p.want(ipc.Prepare)
			p.ready(1, "")
		}
		bfd.want(ipc.Commit)
		observe.want(ipc.Rows)
		observe.want(ipc.Commit)
		observe.events(3)
		observe.link.Send(ipc.Frame{Type: ipc.TallyPlease, ID: 4})
		if f := bfd.want(ipc.TallyPlease); f.ID != 4 {
			t.Errorf("asked %+v", f)
		}
		bfd.link.Send(ipc.Frame{Type: ipc.Result, ID: 4})
		if f := observe.want(ipc.Result); f.ID != 4 || f.Error != "" {
			t.Errorf("answered %+v", f)
		}
	})
}
