// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// moved is a transition of an instance of waiting or tracking.
func moved(seq uint64, name string, from, to event.State, why event.Reason) event.Event {
	return event.Event{
		Epoch: 5, Seq: seq, Kind: event.VRRPState, Wall: began, From: from, To: to, Reason: why,
		Subject: event.Subject{Kind: event.SubjectInstance, Name: name, Family: 4, VRID: 1},
	}
}

func groupMoved(seq uint64, name string, to event.State) event.Event {
	return event.Event{Epoch: 5, Seq: seq, Kind: event.GroupState, To: to, Reason: event.SyncGroup, Subject: subject(event.SubjectGroup, name)}
}

// told renders the notifications of events, one line each: the trap, then what
// keepalived puts in it.
func told(b *book, v *ledger.View, es ...event.Event) []string {
	b.learn(v)
	var out []string
	for i := range es {
		n, ok := b.read(v, &es[i])
		if !ok {
			continue
		}
		parts := []string{n.Trap.String()}
		for _, vb := range n.VarBinds {
			if !vb.Name.HasPrefix(vigilOID("vigilEventId").Head(vigilTree.Len()+3)) || n.Trap == conflictTrap {
				parts = append(parts, line(vb))
			}
		}
		text := strings.Join(parts, " ")
		for long, short := range map[string]string{mib.Keepalived: "K", mib.VigilRoot: "V", " = ": "="} {
			text = strings.ReplaceAll(text, long, short)
		}
		out = append(out, text)
	}
	return out
}

// What keepalived 2.2.7 sends for waiting.conf, recorded from a receiver.
func TestTrapsOfAStart(t *testing.T) {
	got := told(newBook(false), waiting(),
		groupMoved(1, "T", event.Backup),
		moved(2, "none", event.Init, event.Backup, event.Startup),
		moved(3, "one", event.Init, event.Backup, event.Startup),
		moved(4, "four", event.Init, event.Master, event.Startup),
	)
	want := []string{
		`K.2.10.0.1 .K.2.1.1.2=STRING: "T" .K.2.1.1.3=INTEGER: 1 .K.1.2.0=STRING: "F"`,
		`K.2.10.0.2 .K.2.3.1.2=STRING: "none" .K.2.3.1.4=INTEGER: 1 .K.2.3.1.5=INTEGER: 1 .K.1.2.0=STRING: "F"`,
		`K.2.10.0.2 .K.2.3.1.2=STRING: "one" .K.2.3.1.4=INTEGER: 1 .K.2.3.1.5=INTEGER: 2 .K.1.2.0=STRING: "F"`,
		`K.2.10.0.2 .K.2.3.1.2=STRING: "four" .K.2.3.1.4=INTEGER: 2 .K.2.3.1.5=INTEGER: 2 .K.1.2.0=STRING: "F"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// states are the states that the events of one instance are told as.
func states(b *book, v *ledger.View, es ...event.Event) string {
	var out []string
	for _, l := range told(b, v, es...) {
		_, rest, _ := strings.Cut(l, "INTEGER: ")
		out = append(out, rest[:1])
	}
	return strings.Join(out, "")
}

func TestWhatIsToldAndWhatNot(t *testing.T) {
	v := waiting()
	silent := *v
	silent.Global.Traps = false
	restated := moved(9, "three", event.Init, event.Master, event.Startup)
	restated.Snapshot = true
	start := moved(1, "three", event.Init, event.Backup, event.Startup)
	for _, c := range []struct {
		name string
		view *ledger.View
		es   []event.Event
		want string
	}{
		{"a promotion", v, []event.Event{start, moved(2, "three", event.Backup, event.Master, event.MasterDownTimer)}, "12"},
		{"without enable_traps", &silent, []event.Event{start}, ""},
		{"a state that is restated", v, []event.Event{restated}, ""},
		{"what follows it", v, []event.Event{restated, moved(2, "three", event.Master, event.Fault, event.Interface)}, "3"},
		{"a state that was told before", v, []event.Event{start, start}, "1"},
		{"a worker that goes on where it was", v, []event.Event{start, moved(2, "three", event.Init, event.Master, event.Resumed)}, "1"},
		{"the stop", v, []event.Event{start, moved(2, "three", event.Backup, event.Stop, event.Shutdown)}, "15"},
		{"a removal", v, []event.Event{start, moved(2, "three", event.Backup, event.Deleted, event.Reload)}, "13"},
		{"an owner that has to wait", v, []event.Event{moved(1, "four", event.Init, event.Backup, event.Startup)}, "1"},
		{"an owner that falls back", v, []event.Event{moved(1, "four", event.Master, event.Backup, event.HigherAddress)}, "1"},
	} {
		if got := states(newBook(false), c.view, c.es...); got != c.want {
			t.Errorf("%s: told %q, want %q", c.name, got, c.want)
		}
	}
}

// A reload takes the row away before its end is told.
func TestTheEndOfARemovedInstance(t *testing.T) {
	b, v := newBook(false), waiting()
	three := *v.Instances[3]
	three.Row.NotifyDeleted = true
	v.Instances[3] = &three
	told(b, v, moved(1, "three", event.Init, event.Backup, event.Startup))
	after := *v
	after.Instances = v.Instances[:3]
	after.Global.Generation++
	got := told(b, &after, moved(2, "three", event.Backup, event.Deleted, event.Reload))
	want := `K.2.10.0.2 .K.2.3.1.2=STRING: "three" .K.2.3.1.4=INTEGER: 6 .K.2.3.1.5=INTEGER: 2 .K.1.2.0=STRING: "F"`
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// Behind keepalived's variables stands the identity of the event.
func TestTrapsCarryTheirEvent(t *testing.T) {
	b, v := newBook(false), waiting()
	b.learn(v)
	e := moved(1, "three", event.Backup, event.Master, event.MasterDownTimer)
	n, ok := b.read(v, &e)
	if !ok || len(n.VarBinds) != 8 {
		t.Fatalf("%v with %d variables", ok, len(n.VarBinds))
	}
	for i, want := range []agentx.VarBind{
		{Name: vigilOID("vigilEventId").Append(0), Value: agentx.Text(e.ID().String())},
		{Name: vigilOID("vigilEventReason").Append(0), Value: agentx.Text("master_down_timer")},
		{Name: vigilOID("vigilEventTime").Append(0), Value: dateAndTime(began)},
	} {
		if got := n.VarBinds[4+i]; got != want {
			t.Errorf("variable %d is %s, want %s", 4+i, got, want)
		}
	}
	if text := n.VarBinds[7].Value.Str(); text != explain.Sentence(&e) {
		t.Errorf("the sentence is %q", text)
	}
}

func TestConflictTrap(t *testing.T) {
	v := tracking()
	e := event.Event{
		Epoch: 5, Seq: 3, Kind: event.VRRPConflict, To: event.Up, Reason: event.ConflictHigher, Subject: v.Instances[1].Row.Subject,
		Evidence: event.Evidence{Peer: netip.MustParseAddr("192.0.2.9"), PeerPriority: 254},
	}
	if got := told(newBook(false), v, e); got != nil {
		t.Errorf("without being asked: %q", got)
	}
	got := told(newBook(true), v, e)
	want := `V.1.0.1 .V.1.1.2.1.2.2=STRING: "m2" .V.1.1.2.1.22.2=INTEGER: 1 .V.1.1.2.1.28.2=INTEGER: 1 ` +
		`.V.1.1.2.1.29.2=Hex-STRING: C0 00 02 09  .V.1.1.2.1.30.2=Gauge32: 254 .V.1.1.6.1.0=`
	if len(got) != 1 || !strings.HasPrefix(got[0], want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	e.To = event.Down
	if got := told(newBook(true), v, e); len(got) != 1 || !strings.Contains(got[0], "1.22.2=INTEGER: 2 ") {
		t.Errorf("the end is %q", got)
	}
}

// The notifications carry what their modules say, in that order.
func TestTrapsCarryWhatTheModulesSay(t *testing.T) {
	b, v := newBook(true), tracking()
	b.learn(v)
	for name, e := range map[string]event.Event{
		"vrrpInstanceStateChange":  moved(1, "m3", event.Backup, event.Master, event.Preempt),
		"vrrpSyncGroupStateChange": groupMoved(2, "GE", event.Master),
		"vigilConflictChange": {
			Kind: event.VRRPConflict, Wall: began, Subject: v.Instances[0].Row.Subject, Evidence: event.Evidence{Peer: netip.MustParseAddr("::1")},
		},
	} {
		n, ok := b.read(v, &e)
		m := &mib.Compat
		note, known := m.Notification(name)
		if !known {
			m = &mib.Vigil
			note, known = m.Notification(name)
		}
		if !ok || !known || n.Trap.String() != note.OID || len(n.VarBinds) < len(note.Objects) {
			t.Errorf("%s: %v %v %s with %d variables", name, ok, known, n.Trap, len(n.VarBinds))
			continue
		}
		for i, o := range note.Objects {
			if oid := agentx.MustParseOID(m.OID(o)); !n.VarBinds[i].Name.HasPrefix(oid) {
				t.Errorf("%s: variable %d is %s, the module says %s", name, i, n.VarBinds[i].Name, o)
			}
		}
	}
}
