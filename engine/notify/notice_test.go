// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"testing"

	"github.com/vigild/vigild/engine/event"
)

// state builds a transition of instance VI_1.
func state(seq uint64, from, to event.State, why event.Reason) event.Event {
	return event.Event{
		Epoch: 9, Seq: seq, Kind: event.VRRPState, Origin: event.RoleVRRP, Subject: instance("VI_1"),
		From: from, To: to, Reason: why, Priority: 150, Wall: 1700000000123456789,
	}
}

func groupState(seq uint64, from, to event.State) event.Event {
	return event.Event{
		Epoch: 9, Seq: seq, Kind: event.GroupState, Subject: event.Subject{Kind: event.SubjectGroup, Name: "G1"},
		From: from, To: to, Reason: event.SyncGroup, Root: event.Ref{Epoch: 9, Seq: 1}, Wall: 1700000000123456789,
	}
}

func TestBookWords(t *testing.T) {
	prio := event.Event{Kind: event.VRRPPriority, Subject: instance("VI_1"), Priority: 90}
	lower := event.Event{Kind: event.VRRPConflict, Subject: instance("VI_1"), Reason: event.ConflictLower, To: event.Up, Priority: 150}
	higher := event.Event{Kind: event.VRRPConflict, Subject: instance("VI_1"), Reason: event.ConflictHigher, To: event.Up}
	over := event.Event{Kind: event.VRRPConflict, Subject: instance("VI_1"), Reason: event.ConflictLower, To: event.Down}
	snapshot := state(1, event.Init, event.Master, event.Startup)
	snapshot.Snapshot = true
	plain := SubjectSettings{Name: "VI_1"}
	full := SubjectSettings{Name: "VI_1", ReportDeleted: true, PriorityChanges: true}
	for _, c := range []struct {
		name string
		set  SubjectSettings
		in   []event.Event
		want []string
	}{
		{
			"a life", plain,
			[]event.Event{
				state(1, event.Init, event.Backup, event.Startup), state(2, event.Backup, event.Master, event.MasterDownTimer),
				state(3, event.Master, event.Fault, event.Interface), state(4, event.Fault, event.Stop, event.Shutdown),
			},
			[]string{"INSTANCE VI_1 BACKUP 150", "INSTANCE VI_1 MASTER 150", "INSTANCE VI_1 FAULT 150", "INSTANCE VI_1 STOP 150"},
		},
		{
			"a restarted worker that lost its place", plain,
			[]event.Event{
				state(1, event.Backup, event.Master, event.MasterDownTimer), state(2, event.Init, event.Backup, event.Startup),
				state(3, event.Init, event.Backup, event.Startup),
			},
			[]string{"INSTANCE VI_1 MASTER 150", "INSTANCE VI_1 BACKUP 150"},
		},
		{
			"a restarted worker that kept it", plain,
			[]event.Event{
				state(1, event.Backup, event.Master, event.MasterDownTimer), state(2, event.Init, event.Master, event.Resumed),
				state(3, event.Master, event.Backup, event.HigherPriority),
			},
			[]string{"INSTANCE VI_1 MASTER 150", "INSTANCE VI_1 BACKUP 150"},
		},
		{"removed", full, []event.Event{state(1, event.Master, event.Deleted, event.Reload)}, []string{"INSTANCE VI_1 DELETED 150"}},
		{"removed, not to be told", plain, []event.Event{state(1, event.Master, event.Deleted, event.Reload)}, []string{"INSTANCE VI_1 FAULT 150"}},
		{
			"removed in fault", plain,
			[]event.Event{state(1, event.Backup, event.Fault, event.Interface), state(2, event.Fault, event.Deleted, event.Reload)},
			[]string{"INSTANCE VI_1 FAULT 150"},
		},
		{
			"priority", full,
			[]event.Event{prio, state(1, event.Backup, event.Master, event.Preempt), prio},
			[]string{"INSTANCE VI_1 BACKUP_PRIORITY 90", "INSTANCE VI_1 MASTER 150", "INSTANCE VI_1 MASTER_PRIORITY 90"},
		},
		{"priority, not to be told", plain, []event.Event{prio}, nil},
		{"conflicts", plain, []event.Event{higher, lower, over}, []string{"INSTANCE VI_1 MASTER_RX_LOWER_PRI 150"}},
		{"a restatement", plain, []event.Event{snapshot}, nil},
		{"a group", plain, []event.Event{groupState(2, event.Backup, event.Master)}, []string{"GROUP G1 MASTER 0"}},
	} {
		b := newBook(&Settings{Instances: []SubjectSettings{c.set}, Groups: []SubjectSettings{{Name: "G1"}}})
		var got []string
		for i := range c.in {
			if n, ok := b.read(&c.in[i]); ok {
				got = append(got, fmt.Sprintf("%s %s %s %d", n.scope, n.to.Name, n.word, n.priority))
			}
		}
		t.Run(c.name, func(t *testing.T) { wantLines(t, got, c.want...) })
	}
}

func TestBookKeepsTheSettingsOfWhatIsRemoved(t *testing.T) {
	b := newBook(&Settings{Instances: []SubjectSettings{{Name: "VI_1", ReportDeleted: true, SMTPAlert: true}}})
	b.configure(&Settings{})
	e := state(5, event.Master, event.Deleted, event.Reload)
	n, ok := b.read(&e)
	if !ok || n.word != "DELETED" || !n.to.SMTPAlert {
		t.Errorf("got %v %+v", ok, n)
	}
	if len(b.gone) != 0 || len(b.told) != 0 {
		t.Errorf("what is gone is still known: %v %v", b.gone, b.told)
	}
}
