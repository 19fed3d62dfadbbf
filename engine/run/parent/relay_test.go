// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
)

func TestObserveThatWasLostMissesNothing(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		first := vrrp.says(event.Event{Kind: event.AnnounceSent, Count: 1})
		observe.events(1)
		observe.link.Send(ipc.Frame{Type: ipc.Ack, Ref: first.Ref()})
		synctest.Wait()
		// Told but not acknowledged, then told to nobody.
		vrrp.says(event.Event{Kind: event.AnnounceSent, Count: 2})
		observe.events(1)
		observe.end(proc.Exit{Status: -1, Signal: 9})
		vrrp.says(event.Event{Kind: event.AnnounceSent, Count: 3})

		again := s.worker(event.RoleObserve)
		again.want(ipc.Hello)
		again.want(ipc.Prepare)
		again.ready(1, "")
		if f := again.want(ipc.Command); f.Name != role.CommandMemory {
			t.Errorf("got command %q", f.Name)
		}
		again.want(ipc.Rows)
		again.want(ipc.Commit)
		var counts []int64
		for _, e := range again.events(4) {
			if e.Kind == event.AnnounceSent {
				counts = append(counts, e.Count)
			}
		}
		if len(counts) != 2 || counts[0] != 2 || counts[1] != 3 {
			t.Errorf("told again: announcements %v, want 2 and 3", counts)
		}
		vrrp.quiet()
	})
}

func TestJournalIsBoundedAndSaysWhatItLost(t *testing.T) {
	var j journal
	for i := range journalMax + 10 {
		j.add([]event.Event{{Epoch: 1, Seq: uint64(i + 1)}})
	}
	es, lost := j.replay()
	if len(es) != journalMax || lost != 10 || es[0].Seq != 11 {
		t.Errorf("%d events from %d, %d lost", len(es), es[0].Seq, lost)
	}
	if _, lost := j.replay(); lost != 0 {
		t.Errorf("%d lost, said twice", lost)
	}
	j.ack(event.Ref{Epoch: 1, Seq: journalMax})
	if es, _ := j.replay(); len(es) != 10 {
		t.Errorf("%d events after the acknowledgement, want 10", len(es))
	}
	j.ack(event.Ref{Epoch: 9, Seq: 1})
	if es, _ := j.replay(); len(es) != 10 {
		t.Errorf("an unknown acknowledgement took events away: %d", len(es))
	}
}

func TestHolesAreSaidAndMended(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, _ := s.up()
		vrrp.says(event.Event{Kind: event.AnnounceSent})
		vrrp.quiet()
		vrrp.seq += 3
		vrrp.says(event.Event{Kind: event.AnnounceSent})
		vrrp.want(ipc.SnapshotPlease)
		if e := s.logged(event.LinkGap); len(e) != 1 || e[0].Count != 3 {
			t.Errorf("link.gap: %+v", e)
		}
		// A gap that the worker itself owns up to is passed on, not said twice.
		vrrp.seq += 4
		vrrp.says(event.Event{Kind: event.LinkGap, Count: 5})
		vrrp.want(ipc.SnapshotPlease)
		if e := s.logged(event.LinkGap); len(e) != 2 || e[1].Count != 5 {
			t.Errorf("link.gap: %+v", e)
		}
		// Events of a snapshot count like all others.
		vrrp.seq++
		vrrp.link.Send(ipc.Frame{Type: ipc.Events, Snapshot: true, Events: []event.Event{{Epoch: vrrp.epoch, Seq: vrrp.seq, Snapshot: true}}})
		vrrp.quiet()
		vrrp.says(event.Event{Kind: event.AnnounceSent})
		vrrp.quiet()
	})
}

func TestCountersTravelOnRequest(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		observe.link.Send(ipc.Frame{Type: ipc.TallyPlease, ID: 7})
		if f := vrrp.want(ipc.TallyPlease); f.ID != 7 {
			t.Errorf("id %d", f.ID)
		}
		one := event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}
		vrrp.link.Tally(vrrp.epoch, []event.Tally{{Subject: one, Sent: 12}}, &event.RouterTally{VRID: 3})
		vrrp.link.Send(ipc.Frame{Type: ipc.Result, ID: 7, Name: "tally"})
		if f := observe.want(ipc.Tallies); f.Epoch != vrrp.epoch || f.Tallies[0].Sent != 12 || f.Router.VRID != 3 {
			t.Errorf("got %+v", f)
		}
		if f := observe.want(ipc.Result); f.ID != 7 {
			t.Errorf("got %+v", f)
		}
		// Nobody there to ask: the answer says so, at once.
		vrrp.end(proc.Exit{Status: 3})
		observe.events(1)
		observe.link.Send(ipc.Frame{Type: ipc.TallyPlease, ID: 8})
		if f := observe.want(ipc.Result); f.ID != 8 || f.Error == "" {
			t.Errorf("got %+v", f)
		}
	})
}

func TestOnlyKnownCommandsRun(t *testing.T) {
	play(t, func(s *stage) {
		_, observe := s.up()
		for name, want := range map[string]string{"echo": "", "fail": "cannot", "rm": `no command "rm"`} {
			observe.link.Send(ipc.Frame{Type: ipc.Command, ID: 5, Name: name, Body: raw(`{"a":1}`)})
			f := observe.want(ipc.Result)
			if f.ID != 5 || f.Name != name || f.Error != want {
				t.Errorf("%s: got %+v", name, f)
			}
			if name == "echo" && string(f.Body) != `{"a":1}` {
				t.Errorf("%s: body %s", name, f.Body)
			}
		}
	})
}

// The wish to announce an instance goes to the vrrp role, and is answered at once.
func TestGarpGoesToTheVRRPRole(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		observe.link.Send(ipc.Frame{Type: ipc.Command, ID: 5, Name: CommandGarp, Body: raw(`"VI_1"`)})
		if f := vrrp.want(ipc.Input); f.Ran == nil || f.Ran.Object != (event.Subject{Kind: event.SubjectInstance, Name: "VI_1"}) {
			t.Errorf("got %+v", f)
		}
		if f := observe.want(ipc.Result); f.ID != 5 || f.Error != "" {
			t.Errorf("got %+v", f)
		}
	})
}

func TestReloadOnRequestIsAnsweredWithItsOutcome(t *testing.T) {
	play(t, func(s *stage) {
		vrrp, observe := s.up()
		s.next = s.generation()
		observe.link.Send(ipc.Frame{Type: ipc.Command, ID: 5, Name: CommandReload})
		observe.want(ipc.Prepare)
		vrrp.want(ipc.Prepare)
		// This one came when the file was read already: it wants another reading.
		observe.link.Send(ipc.Frame{Type: ipc.Command, ID: 6, Name: CommandReload})
		observe.quiet()
		s.nextErr = errors.New("keepalived.conf:1:1: no")
		vrrp.ready(2, "")
		observe.ready(2, "")
		observe.events(1)
		observe.want(ipc.Rows)
		observe.want(ipc.Commit)
		if f := observe.want(ipc.Result); f.ID != 5 || f.Error != "" {
			t.Errorf("got %+v", f)
		}
		if e := observe.events(1); e[0].Kind != event.ConfigRejected {
			t.Errorf("got %+v", e[0])
		}
		if f := observe.want(ipc.Result); f.ID != 6 || f.Error != s.nextErr.Error() {
			t.Errorf("got %+v", f)
		}
	})
}

func TestEventsOfTheObserveRoleGoToTheLogAndNotBack(t *testing.T) {
	play(t, func(s *stage) {
		_, observe := s.up()
		observe.says(event.Event{Kind: event.NotifySent, Subject: event.Subject{Kind: event.SubjectChannel, Name: "smtp"}})
		observe.quiet()
		if e := s.logged(event.NotifySent); len(e) != 1 || e[0].Origin != event.RoleObserve {
			t.Errorf("logged %+v", e)
		}
	})
}

func TestEventsOfTheParentsOwnExitsAreSpread(t *testing.T) {
	play(t, func(s *stage) {
		_, observe := s.up()
		s.said <- event.Event{Kind: event.NotifySent, Subject: event.Subject{Kind: event.SubjectChannel, Name: "script"}}
		e := observe.events(1)
		if e[0].Origin != event.RoleParent || e[0].Epoch != s.loop.out.Epoch() || e[0].Seq == 0 || e[0].Wall == 0 {
			t.Errorf("not stamped: %+v", e[0])
		}
	})
}
