// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
)

// exit is a reader that remembers what it was told.
type exit struct {
	told    []event.Event
	views   []*ledger.View
	holding atomic.Bool
}

func (x *exit) Events(v *ledger.View, es []event.Event) {
	x.told = append(x.told, es...)
	x.views = append(x.views, v)
}

func (x *exit) Holding() bool { return x.holding.Load() }

// stage is an observe role whose parent is the test.
type stage struct {
	t        *testing.T
	parent   *ipc.Link
	role     *Role
	said     chan event.Event
	exit     *exit
	images   []string
	problem  error
	settled  bool
	settle   func(context.Context)
	err      error
	over     chan struct{}
	prepares int
}

func play(t *testing.T, test func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ours, theirs := ipc.Pipe()
		s := &stage{t: t, parent: ours, said: make(chan event.Event, 8), over: make(chan struct{})}
		s.role = New(theirs, Options{
			Clock: role.Clock{
				Now:  func() event.Instant { return event.Instant(time.Since(start)) + 1 },
				Wall: func() int64 { return time.Now().UnixNano() },
			},
			Prepare: func(p *role.Prepared) (func() []role.Reader, error) {
				s.prepares++
				if s.problem != nil {
					return nil, s.problem
				}
				return func() []role.Reader {
					s.images = append(s.images, string(p.Image))
					s.exit = &exit{}
					return []role.Reader{s.exit}
				}, nil
			},
			Said: s.said,
			Settle: func(ctx context.Context) {
				if s.settle != nil {
					s.settle(ctx)
				}
				s.settled = true
			},
		})
		go func() {
			s.err = s.role.Run(t.Context())
			close(s.over)
		}()
		s.want(ipc.Hello)
		defer func() {
			ours.Close()
			<-s.over
		}()
		test(s)
	})
}

func (s *stage) want(typ ipc.Type) ipc.Frame {
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

func (s *stage) quiet() {
	s.t.Helper()
	synctest.Wait()
	select {
	case f, ok := <-s.parent.Frames():
		s.t.Fatalf("got %s (link open: %v), want nothing", f.Type, ok)
	default:
	}
}

// prepare sends a generation.
func (s *stage) prepare(gen int, image string) {
	s.t.Helper()
	file, err := proc.Sealed("image", []byte(image))
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	fd, err := ipc.Dup(file)
	if err != nil {
		s.t.Fatal(err)
	}
	s.parent.Send(ipc.Frame{Type: ipc.Prepare, Gen: gen, FDs: []int{fd}})
}

func (s *stage) up() {
	s.t.Helper()
	s.prepare(1, "one")
	if f := s.want(ipc.Ready); f.Gen != 1 || f.Error != "" {
		s.t.Fatalf("ready: %+v", f)
	}
	s.parent.Send(ipc.Frame{Type: ipc.Commit, Gen: 1})
	synctest.Wait()
}

var instance = event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}

func master(seq uint64) event.Event {
	return event.Event{
		Epoch: 9, Seq: seq, At: event.Instant(seq), Wall: int64(seq), Origin: event.RoleVRRP,
		Kind: event.VRRPState, Subject: instance, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer,
	}
}

func TestReadersChangeAtCommitAndNotBefore(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		first := s.exit
		s.prepare(2, "two")
		s.want(ipc.Ready)
		if s.exit != first || len(s.images) != 1 {
			t.Error("a generation is in force before its commit")
		}
		s.parent.Send(ipc.Frame{Type: ipc.Commit, Gen: 2})
		s.parent.Publish([]event.Event{master(1)})
		synctest.Wait()
		if s.exit == first || s.images[1] != "two" {
			t.Errorf("after the commit the images are %q", s.images)
		}
		if len(first.told) != 0 || len(s.exit.told) != 1 {
			t.Errorf("the old reader was told %d, the new one %d events", len(first.told), len(s.exit.told))
		}
	})
}

func TestGenerationThatCannotBePrepared(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		first := s.exit
		s.problem = errors.New("listen on :1: permission denied")
		s.prepare(2, "two")
		if f := s.want(ipc.Ready); f.Gen != 2 || f.Error != s.problem.Error() {
			t.Errorf("ready: %+v", f)
		}
		s.problem = nil
		s.prepare(3, "three")
		s.want(ipc.Ready)
		// The commit of one that was refused changes nothing.
		s.parent.Send(ipc.Frame{Type: ipc.Commit, Gen: 2})
		synctest.Wait()
		if s.exit != first {
			t.Error("what was refused is in force")
		}
	})
}

func TestPrepareWithoutAFileIsRefused(t *testing.T) {
	play(t, func(s *stage) {
		s.parent.Send(ipc.Frame{Type: ipc.Prepare, Gen: 1})
		if f := s.want(ipc.Ready); f.Error == "" {
			t.Error("a generation without its file is ready")
		}
		if s.prepares != 0 {
			t.Error("nothing was prepared")
		}
	})
}

func TestEventsAreFoldedToldAndAcknowledged(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		s.parent.Publish([]event.Event{master(1), {Epoch: 9, Seq: 2, Kind: event.AnnounceSent, Subject: instance}})
		if f := s.want(ipc.Ack); f.Ref != (event.Ref{Epoch: 9, Seq: 2}) {
			t.Errorf("acknowledged %+v", f.Ref)
		}
		if len(s.exit.told) != 2 {
			t.Fatalf("told %d events", len(s.exit.told))
		}
		// The view a reader is given has the event in it, and so has the public one.
		for _, v := range []*ledger.View{s.exit.views[0], s.role.View()} {
			if len(v.Instances) != 1 || v.Instances[0].State != event.Master {
				t.Errorf("view %+v", v.Instances)
			}
		}
	})
}

func TestEventsThatAReaderHoldsAreNotAcknowledged(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		s.exit.holding.Store(true)
		s.parent.Publish([]event.Event{master(1)})
		s.quiet()
		s.parent.Publish([]event.Event{{Epoch: 9, Seq: 2, Kind: event.AnnounceSent, Subject: instance}})
		s.quiet()
		s.exit.holding.Store(false)
		<-time.NewTimer(2 * holdLook).C
		if f := s.want(ipc.Ack); f.Ref.Seq != 2 {
			t.Errorf("acknowledged %+v", f.Ref)
		}
		s.quiet()
	})
}

func TestMemoryOfAPredecessor(t *testing.T) {
	play(t, func(s *stage) {
		old := ledger.New()
		e := master(7)
		old.Apply(&e)
		old.Tally(9, &event.Tally{Subject: instance, Sent: 100, At: 8})
		text, err := json.Marshal(old.Save())
		if err != nil {
			t.Fatal(err)
		}
		file, err := proc.Sealed("memory", text)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		fd, err := ipc.Dup(file)
		if err != nil {
			t.Fatal(err)
		}
		s.parent.Send(ipc.Frame{Type: ipc.Command, Name: role.CommandMemory, FDs: []int{fd}})
		s.up()
		v := s.role.View()
		if len(v.Instances) != 1 || v.Instances[0].State != event.Master || v.Instances[0].Tally.Sent != 100 {
			t.Errorf("view %+v", v.Instances)
		}
		// What it folded already is told to the readers again, and counted once.
		s.parent.Publish([]event.Event{e})
		s.want(ipc.Ack)
		if n := sum(s.role.View().Instances[0].Transitions); n != 1 || len(s.exit.told) != 1 {
			t.Errorf("%d transitions, told %d events", n, len(s.exit.told))
		}
	})
}

func sum(list []uint64) (n uint64) {
	for _, v := range list {
		n += v
	}
	return n
}

func TestRowsCountWhenTheyAreComplete(t *testing.T) {
	play(t, func(s *stage) {
		row := func(name string) event.Row {
			return event.Row{Instance: &event.InstanceRow{Subject: event.Subject{Kind: event.SubjectInstance, Name: name}}}
		}
		s.parent.Send(ipc.Frame{Type: ipc.Rows, Rows: []event.Row{row("a")}})
		synctest.Wait()
		if n := len(s.role.View().Instances); n != 0 {
			t.Errorf("%d instances before the last frame", n)
		}
		s.parent.Send(ipc.Frame{Type: ipc.Rows, Rows: []event.Row{row("b")}, Final: true})
		synctest.Wait()
		if n := len(s.role.View().Instances); n != 2 {
			t.Errorf("%d instances, want 2", n)
		}
	})
}

// TestServersComeInMemoryFiles: what the check role describes and counts reaches
// the picture; counters of another description do not.
func TestServersComeInMemoryFiles(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		file := func(contents []byte) []int {
			sealed, err := proc.Sealed("servers", contents)
			if err != nil {
				t.Fatal(err)
			}
			defer sealed.Close()
			fd, err := ipc.Dup(sealed)
			if err != nil {
				t.Fatal(err)
			}
			return []int{fd}
		}
		web := event.VirtualServer{Protocol: event.ProtocolTCP, Addr: netip.MustParseAddrPort("192.0.2.1:80")}
		rows, err := json.Marshal([]event.Row{{Service: &event.ServiceRow{Subject: web.Subject(), ID: 0, VirtualServer: web}}})
		if err != nil {
			t.Fatal(err)
		}
		s.parent.Send(ipc.Frame{Type: ipc.Rows, Role: event.RoleCheck, Gen: 9, ID: 3, FDs: file(rows)})
		count := func(generation uint32, at event.Instant, alive int64) {
			c := event.Counters{Generation: generation, At: at, Services: []event.ServiceTally{{State: event.Up, Alive: alive}}}
			c.Append(nil, 1<<20, func(b []byte) {
				s.parent.Send(ipc.Frame{Type: ipc.Tallies, Role: event.RoleCheck, Epoch: 5, FDs: file(b)})
			})
		}
		count(3, 10, 4)
		count(4, 20, 8)
		synctest.Wait()
		pool := s.role.View().Pool
		if pool == nil || len(pool.Services) != 1 || pool.Services[0].Tally.Alive != 4 {
			t.Errorf("the picture has %+v", pool)
		}
	})
}

func TestGapIsMendedByASnapshot(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		s.parent.Publish([]event.Event{{Epoch: 9, Seq: 7, Kind: event.LinkGap, Count: 7}})
		s.want(ipc.SnapshotPlease)
		s.want(ipc.Ack)
		if s.role.View().Gaps != 7 {
			t.Errorf("%d events lost", s.role.View().Gaps)
		}
	})
}

func TestRefresh(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		<-time.NewTimer(refreshEvery).C
		got := make(chan uint64, 3)
		refresh := func() {
			v := s.role.Refresh(s.t.Context())
			sent := uint64(0)
			if len(v.Instances) > 0 {
				sent = v.Instances[0].Tally.Sent
			}
			got <- sent
		}
		// Two at the same time share one question.
		go refresh()
		synctest.Wait()
		go refresh()
		ask := s.want(ipc.TallyPlease)
		s.quiet()
		s.parent.Publish([]event.Event{master(1)})
		s.parent.Tally(9, []event.Tally{{Subject: instance, Sent: 42, At: 5}}, nil)
		s.parent.Send(ipc.Frame{Type: ipc.Result, ID: ask.ID, Name: "tally"})
		s.want(ipc.Ack)
		if a, b := <-got, <-got; a != 42 || b != 42 {
			t.Errorf("got %d and %d, want 42", a, b)
		}
		// At most five a second: the next one is answered from what there is.
		go refresh()
		if n := <-got; n != 42 {
			t.Errorf("got %d", n)
		}
		s.quiet()
		// Nobody answers: the wait is bounded.
		<-time.NewTimer(refreshEvery).C
		before := time.Now()
		go refresh()
		s.want(ipc.TallyPlease)
		<-got
		if d := time.Since(before); d != refreshWait {
			t.Errorf("waited %v, want %v", d, refreshWait)
		}
	})
}

func TestCountersAreFetchedWhenNobodyAsks(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		<-time.NewTimer(restEvery - time.Second).C
		s.quiet()
		<-time.NewTimer(2 * time.Second).C
		s.want(ipc.TallyPlease)
	})
}

func TestCall(t *testing.T) {
	play(t, func(s *stage) {
		type answer struct {
			body  json.RawMessage
			files []*os.File
			err   error
		}
		got := make(chan answer, 1)
		call := func() {
			b, f, err := s.role.Call(s.t.Context(), "dial", map[string]string{"network": "unix"})
			got <- answer{b, f, err}
		}
		go call()
		f := s.want(ipc.Command)
		if f.Name != "dial" || string(f.Body) != `{"network":"unix"}` {
			t.Errorf("request %+v", f)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := ipc.Dup(w)
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		s.parent.Send(ipc.Frame{Type: ipc.Result, ID: f.ID, Name: "dial", Body: json.RawMessage(`1`), FDs: []int{fd}})
		a := <-got
		if a.err != nil || string(a.body) != "1" || len(a.files) != 1 {
			t.Fatalf("answer %+v", a)
		}
		a.files[0].Close()
		if b, err := io.ReadAll(r); err != nil || len(b) != 0 {
			t.Errorf("the descriptor is not the one that was passed: %q, %v", b, err)
		}
		go call()
		f = s.want(ipc.Command)
		s.parent.Send(ipc.Frame{Type: ipc.Result, ID: f.ID, Name: "dial", Error: "connection refused"})
		if a := <-got; a.err == nil || a.files != nil {
			t.Errorf("answer %+v", a)
		}
		go call()
		s.want(ipc.Command)
		s.parent.Close()
		if a := <-got; !errors.Is(a.err, ErrAway) {
			t.Errorf("answer %+v", a)
		}
	})
}

func TestGoodbyeWaitsForReadersAndTellsWhatCameOfIt(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		s.settle = func(context.Context) {
			<-time.NewTimer(time.Second).C
			s.said <- event.Event{Kind: event.NotifySent}
		}
		s.parent.Send(ipc.Frame{Type: ipc.Bye})
		s.quiet()
		<-time.NewTimer(2 * time.Second).C
		f := s.want(ipc.Events)
		if f.Events[0].Kind != event.NotifySent || f.Events[0].Origin != event.RoleObserve || f.Events[0].Seq != 1 {
			t.Errorf("got %+v", f.Events[0])
		}
		s.want(ipc.Bye)
		<-s.over
		if s.err != nil || !s.settled {
			t.Errorf("ended with %v, settled %v", s.err, s.settled)
		}
	})
}

func TestGoodbyeIsBounded(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		s.settle = func(ctx context.Context) { <-ctx.Done() }
		before := time.Now()
		s.parent.Send(ipc.Frame{Type: ipc.Bye})
		<-s.over
		if d := time.Since(before); d != settleTime {
			t.Errorf("took %v, want %v", d, settleTime)
		}
	})
}

func TestParentThatIsGoneEndsTheRole(t *testing.T) {
	play(t, func(s *stage) {
		s.up()
		s.parent.Close()
		<-s.over
		if !errors.Is(s.err, io.EOF) {
			t.Errorf("ended with %v", s.err)
		}
	})
}

func TestFramesThatOnlyAWorkerSays(t *testing.T) {
	for _, typ := range []ipc.Type{ipc.Ready, ipc.SnapshotPlease, ipc.TallyPlease, ipc.Exec, ipc.ExecDone, ipc.Input, ipc.Ack, ipc.Command} {
		play(t, func(s *stage) {
			s.parent.Send(ipc.Frame{Type: typ})
			<-s.over
			if s.err == nil {
				t.Errorf("%s was taken", typ)
			}
		})
	}
}
