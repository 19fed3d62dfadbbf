// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/vigild/vigild/engine/bfd"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// fakeSessions stands in for the loop and remembers what it was asked.
type fakeSessions struct {
	o          track.BFDOptions
	configured []*bfd.Configure
	stopped    chan struct{}
	err        error
}

func (f *fakeSessions) Run(ctx context.Context) error {
	select {
	case <-f.stopped:
	case <-ctx.Done():
	}
	return f.err
}
func (f *fakeSessions) Configure(c *bfd.Configure) { f.configured = append(f.configured, c) }
func (f *fakeSessions) Tallies(reply func([]event.BFDTally)) {
	reply([]event.BFDTally{{Sent: 5}})
}

func (f *fakeSessions) Snapshot(reply func([]event.Event)) {
	reply([]event.Event{{Epoch: f.o.Epoch, Seq: 3, Kind: event.TrackChanged, Snapshot: true}})
}

func (f *fakeSessions) Stop() {
	select {
	case <-f.stopped:
	default:
		close(f.stopped)
	}
}

// bfdScene is the bfd role whose parent is the test.
type bfdScene struct {
	t      *testing.T
	parent *ipc.Link
	loop   *fakeSessions
	refuse error
	err    error
	over   chan struct{}
}

func playBFD(t *testing.T, test func(*bfdScene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := ipc.Pipe()
		s := &bfdScene{t: t, parent: ours, loop: &fakeSessions{stopped: make(chan struct{})}, over: make(chan struct{})}
		go func() {
			s.err = ServeBFD(t.Context(), theirs, BFDOptions{
				Open: func(o track.BFDOptions) (Sessions, error) { s.loop.o = o; return s.loop, nil },
				Load: func(p *role.Prepared) ([]bfd.Settings, error) {
					return []bfd.Settings{{Name: string(p.Image)}}, s.refuse
				},
				Denied: []error{errors.New("no real time for you")},
			})
			close(s.over)
		}()
		if f := s.want(ipc.Hello); f.Role != event.RoleBFD || f.Epoch == 0 || f.Epoch != s.loop.o.Epoch {
			t.Errorf("hello %+v", f)
		}
		if f := s.want(ipc.Events); len(f.Events) != 1 || f.Events[0].Kind != event.PrivilegeDenied || f.Events[0].Subject.Name != "bfd" {
			t.Errorf("denied %+v", f)
		}
		test(s)
		ours.Close()
		<-s.over
	})
}

func (s *bfdScene) want(typ ipc.Type) ipc.Frame {
	s.t.Helper()
	synctest.Wait()
	select {
	case f, ok := <-s.parent.Frames():
		if !ok || f.Type != typ {
			s.t.Fatalf("got %q (link open: %v), want %s", f.Type, ok, typ)
		}
		return f
	default:
		s.t.Fatalf("got nothing, want %s", typ)
	}
	return ipc.Frame{}
}

func (s *bfdScene) prepare(gen int) ipc.Frame {
	s.t.Helper()
	file, err := proc.Sealed("image", []byte("gw"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	fd, err := ipc.Dup(file)
	if err != nil {
		s.t.Fatal(err)
	}
	s.parent.Send(ipc.Frame{Type: ipc.Prepare, Gen: gen, FDs: []int{fd}})
	return s.want(ipc.Ready)
}

func TestServeBFD(t *testing.T) {
	playBFD(t, func(s *bfdScene) {
		if f := s.prepare(1); f.Gen != 1 || f.Error != "" {
			t.Fatalf("ready %+v", f)
		}
		s.parent.Send(ipc.Frame{Type: ipc.Commit, Gen: 2}) // was never prepared
		cause := event.Ref{Epoch: 4, Seq: 5}
		if f := s.prepare(3); f.Gen != 3 {
			t.Fatalf("ready %+v", f)
		}
		left := event.BFDTally{
			Subject: event.Subject{Kind: event.SubjectBFD, Name: "gw"}, Local: 1, Remote: 2, RemoteMultiplier: 3, RemoteMinTx: 4, RemoteMinRx: 5,
		}
		s.parent.Send(ipc.Frame{
			Type: ipc.Commit, Gen: 3, Ref: cause, Resume: []ipc.Resumed{{Name: "gw", State: event.Up}, {Name: "lost"}}, BFD: []event.BFDTally{left},
		})
		synctest.Wait()
		if len(s.loop.configured) != 1 {
			t.Fatalf("configured %+v", s.loop.configured)
		}
		if c := s.loop.configured[0]; len(c.Sessions) != 1 || c.Sessions[0].Name != "gw" || c.Cause != cause || len(c.Up) != 2 ||
			c.Up[0] != (bfd.Resumed{Name: "gw", Local: 1, Remote: 2, Multiplier: 3, MinTx: 4, MinRx: 5}) || c.Up[1] != (bfd.Resumed{Name: "lost"}) {
			t.Errorf("configured %+v", c)
		}
		s.refuse = errors.New("not this one")
		if f := s.prepare(4); f.Error != "not this one" {
			t.Errorf("ready %+v", f)
		}

		s.parent.Send(ipc.Frame{Type: ipc.TallyPlease})
		if f := s.want(ipc.Tallies); len(f.BFD) != 1 || f.BFD[0].Sent != 5 || f.Epoch != s.loop.o.Epoch {
			t.Errorf("tallies %+v", f)
		}
		s.loop.o.Remember([]event.BFDTally{{Sent: 6}})
		if f := s.want(ipc.Tallies); len(f.BFD) != 1 || f.BFD[0].Sent != 6 || f.Epoch != s.loop.o.Epoch {
			t.Errorf("remembered %+v", f)
		}
		s.parent.Send(ipc.Frame{Type: ipc.TallyPlease, ID: 8})
		s.want(ipc.Tallies)
		if f := s.want(ipc.Result); f.ID != 8 {
			t.Errorf("answered %+v", f)
		}
		s.parent.Send(ipc.Frame{Type: ipc.SnapshotPlease})
		if f := s.want(ipc.Events); !f.Snapshot || len(f.Events) != 1 || f.Events[0].Seq != 3 {
			t.Errorf("snapshot %+v", f)
		}
		s.loop.o.Denied("BFD packets", errors.New("address already in use"))
		if f := s.want(ipc.Events); f.Events[0].Subject.Sub != "BFD packets" || f.Events[0].Seq != 2 {
			t.Errorf("denied %+v", f)
		}
		s.parent.Send(ipc.Frame{Type: ipc.Bye})
		s.want(ipc.Bye)
		<-s.over
		if s.err != nil {
			t.Error(s.err)
		}
	})
}

func TestServeBFDEndsWithItsParentOrItsLoop(t *testing.T) {
	playBFD(t, func(s *bfdScene) {
		s.parent.Close()
		<-s.over
		if s.err != nil {
			t.Error(s.err)
		}
	})
	playBFD(t, func(s *bfdScene) {
		s.loop.err = errors.New("the kernel is tired")
		s.loop.Stop()
		<-s.over
		if !errors.Is(s.err, s.loop.err) {
			t.Error(s.err)
		}
	})
	playBFD(t, func(s *bfdScene) {
		s.parent.Send(ipc.Frame{Type: ipc.Ack}) // which no parent says
		if f := s.want(ipc.Bye); f.Error == "" {
			t.Errorf("%+v", f)
		}
		<-s.over
	})
}
