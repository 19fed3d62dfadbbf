// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/vrrp"
)

// stand stands in for the loop and remembers what it was asked.
type stand struct {
	opts       VRRPOptions
	configured []*vrrp.Configure
	inputs     []vrrp.Input
	stopped    chan struct{}
	err        error
}

func (s *stand) Run(ctx context.Context) error {
	select {
	case <-s.stopped:
		s.opts.Publish([]event.Event{{Epoch: s.opts.Epoch, Seq: 1, Kind: event.VRRPState, To: event.Stop}})
	case <-ctx.Done():
	}
	return s.err
}
func (s *stand) Configure(c *vrrp.Configure) { s.configured = append(s.configured, c) }
func (s *stand) Input(in vrrp.Input)         { s.inputs = append(s.inputs, in) }
func (s *stand) Tallies(reply func([]event.Tally, *event.RouterTally)) {
	reply([]event.Tally{{Sent: 5}}, &event.RouterTally{VRID: 6})
}

func (s *stand) Snapshot(reply func([]event.Event)) {
	es := []event.Event{{Epoch: s.opts.Epoch, Seq: 9, Kind: event.VRRPState, Snapshot: true}}
	reply(es)
	es[0].Seq = 0 // the loop uses its memory again
}

func (s *stand) Stop() {
	select {
	case <-s.stopped:
	default:
		close(s.stopped)
	}
}

// scene is the vrrp role whose parent is the test.
type scene struct {
	t      *testing.T
	parent *ipc.Link
	loop   *stand
	images []string
	refuse error
	denied []error
	err    error
	over   chan struct{}
	cancel context.CancelFunc
}

func play(t *testing.T, setup func(*scene), test func(*scene)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := ipc.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &scene{t: t, parent: ours, loop: &stand{stopped: make(chan struct{})}, over: make(chan struct{}), cancel: cancel}
		if setup != nil {
			setup(s)
		}
		go func() {
			s.err = ServeVRRP(ctx, theirs, ServeOptions{
				Open: func(o VRRPOptions) (Router, error) { s.loop.opts = o; return s.loop, nil },
				Load: func(p *role.Prepared) (*vrrp.Settings, error) {
					s.images = append(s.images, string(p.Image))
					return &vrrp.Settings{StartupDelay: 7}, s.refuse
				},
				Denied: s.denied, Locked: true,
			})
			close(s.over)
		}()
		test(s)
		ours.Close()
		<-s.over
	})
}

func (s *scene) want(typ ipc.Type) ipc.Frame {
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

func (s *scene) prepare(gen int) ipc.Frame {
	s.t.Helper()
	file, err := proc.Sealed("image", []byte("text"))
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

func TestServeConfiguresAtCommit(t *testing.T) {
	play(t, nil, func(s *scene) {
		if f := s.want(ipc.Hello); f.Epoch == 0 || f.Epoch != s.loop.opts.Epoch || f.Role != event.RoleVRRP || !s.loop.opts.Locked {
			t.Errorf("hello %+v", f)
		}
		if f := s.prepare(1); f.Gen != 1 || f.Error != "" || s.images[0] != "text" {
			t.Errorf("ready %+v", f)
		}
		if len(s.loop.configured) != 0 {
			t.Error("in force before the commit")
		}
		cause := event.Ref{Epoch: 3, Seq: 4}
		s.parent.Send(ipc.Frame{Type: ipc.Commit, Gen: 1, Ref: cause, Resume: []ipc.Resumed{{Name: "VI_1", State: event.Master, Within: true}}})
		synctest.Wait()
		want := &vrrp.Configure{
			Settings: &vrrp.Settings{StartupDelay: 7}, Cause: cause,
			Resume: []vrrp.Resumed{{Name: "VI_1", State: event.Master, Within: true}},
		}
		if len(s.loop.configured) != 1 || !reflect.DeepEqual(s.loop.configured[0], want) {
			t.Errorf("configured %+v", s.loop.configured)
		}
		s.refuse = errors.New("no")
		if f := s.prepare(2); f.Error != "no" {
			t.Errorf("ready %+v", f)
		}
		s.parent.Send(ipc.Frame{Type: ipc.Commit, Gen: 2})
		synctest.Wait()
		if len(s.loop.configured) != 1 {
			t.Error("what was refused is in force")
		}
		s.parent.Send(ipc.Frame{Type: ipc.Prepare, Gen: 3})
		if f := s.want(ipc.Ready); f.Error == "" {
			t.Error("a generation without its file is ready")
		}
	})
}

func TestServeGivesTheMachineItsInputs(t *testing.T) {
	play(t, nil, func(s *scene) {
		s.want(ipc.Hello)
		ref := event.Ref{Epoch: 1, Seq: 2}
		ran := func(kind event.SubjectKind, r ipc.Ran) ipc.Frame {
			r.Object = event.Subject{Kind: kind, Name: "x"}
			return ipc.Frame{Type: ipc.Input, Ref: ref, Ran: &r}
		}
		for _, f := range []ipc.Frame{
			ran(event.SubjectScript, ipc.Ran{Took: 5}),
			ran(event.SubjectScript, ipc.Ran{Status: 2, Reason: event.FailExit}),
			ran(event.SubjectScript, ipc.Ran{Reason: event.FailTimeout}),
			ran(event.SubjectFile, ipc.Ran{Value: -3}),
			ran(event.SubjectProcess, ipc.Ran{Value: 4}),
			ran(event.SubjectInterface, ipc.Ran{Value: 4}),
			{Type: ipc.Input},
		} {
			s.parent.Send(f)
		}
		synctest.Wait()
		want := []vrrp.Input{
			vrrp.ScriptResult{Name: "x", OK: true, Took: 5, Cause: ref},
			vrrp.ScriptResult{Name: "x", Status: 2, Reason: event.FailExit, Cause: ref},
			vrrp.ScriptResult{Name: "x", Reason: event.FailTimeout, Cause: ref},
			vrrp.FileValue{Name: "x", Value: -3},
			vrrp.ProcessCount{Name: "x", Count: 4},
		}
		if !reflect.DeepEqual(s.loop.inputs, want) {
			t.Errorf("inputs %+v", s.loop.inputs)
		}
	})
}

func TestServeAnswers(t *testing.T) {
	play(t, nil, func(s *scene) {
		s.want(ipc.Hello)
		s.parent.Send(ipc.Frame{Type: ipc.TallyPlease, ID: 8})
		if f := s.want(ipc.Tallies); f.Epoch != s.loop.opts.Epoch || f.Tallies[0].Sent != 5 || f.Router.VRID != 6 {
			t.Errorf("tallies %+v", f)
		}
		if f := s.want(ipc.Result); f.ID != 8 {
			t.Errorf("result %+v", f)
		}
		s.parent.Send(ipc.Frame{Type: ipc.SnapshotPlease})
		if f := s.want(ipc.Events); !f.Snapshot || !f.Final || f.Events[0].Seq != 9 {
			t.Errorf("snapshot %+v", f)
		}
	})
}

func TestServeStopsInOrder(t *testing.T) {
	for name, stop := range map[string]func(*scene){
		"goodbye": func(s *scene) { s.parent.Send(ipc.Frame{Type: ipc.Bye}) },
		"a frame that only a worker sends": func(s *scene) {
			s.parent.Send(ipc.Frame{Type: ipc.Ready})
			s.want(ipc.Bye)
		},
	} {
		play(t, nil, func(s *scene) {
			s.want(ipc.Hello)
			stop(s)
			if f := s.want(ipc.Events); f.Events[0].To != event.Stop {
				t.Errorf("%s: %+v", name, f)
			}
			s.want(ipc.Bye)
			<-s.over
			if s.err != nil {
				t.Errorf("%s: ended with %v", name, s.err)
			}
		})
	}
	play(t, nil, func(s *scene) {
		s.want(ipc.Hello)
		s.parent.Close()
		<-s.over
		select {
		case <-s.loop.stopped:
		default:
			t.Error("the parent is gone, and nothing was given up")
		}
	})
	play(t, nil, func(s *scene) {
		s.want(ipc.Hello)
		s.loop.err = errors.New("the poller is gone")
		s.cancel()
		<-s.over
		if !errors.Is(s.err, s.loop.err) {
			t.Errorf("ended with %v", s.err)
		}
	})
}

func TestServeSaysEachRefusalOnce(t *testing.T) {
	play(t, func(s *scene) { s.denied = []error{errors.New("no memory"), errors.New("no time")} }, func(s *scene) {
		s.want(ipc.Hello)
		f := s.want(ipc.Events)
		if len(f.Events) == 1 {
			f.Events = append(f.Events, s.want(ipc.Events).Events...)
		}
		for i, want := range []string{"no memory", "no time"} {
			e := f.Events[i]
			if e.Kind != event.PrivilegeDenied || e.Detail != want || e.Seq != uint64(i+1) || e.Epoch == s.loop.opts.Epoch {
				t.Errorf("event %d: %+v", i, e)
			}
		}
	})
}

func TestServeThatCannotOpen(t *testing.T) {
	ours, theirs := ipc.Pipe()
	defer ours.Close()
	refused := errors.New("operation not permitted")
	err := ServeVRRP(t.Context(), theirs, ServeOptions{Open: func(VRRPOptions) (Router, error) { return nil, refused }})
	if !errors.Is(err, refused) {
		t.Errorf("ended with %v", err)
	}
}
