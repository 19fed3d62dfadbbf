// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// asker takes down what is set, and refuses one value.
type asker struct {
	mu     sync.Mutex
	said   []string
	refuse int64
}

var errRefused = errors.New("refused")

func (a *asker) set(_ context.Context, s Setting) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said = append(a.said, fmt.Sprintf("%s %s %s=%d", s.Subject.Kind, s.Subject.Name, s.Subject.Sub, s.Value))
	if s.Value == a.refuse {
		return errRefused
	}
	return nil
}

// settable is pooled with an instance of each version, and an owner.
func settable() *ledger.View {
	v := pooled()
	v.Global.SNMPVRRP = true
	v.Instances = []*ledger.Instance{
		instance("two", "eth0", 1, 2, 100, event.Master), instance("three", "eth0", 2, 3, 100, event.Master), instance("owner", "eth0", 3, 3, 255, event.Master),
	}
	return v
}

func TestWhatManagersMaySet(t *testing.T) {
	text := agentx.Text("5")
	for _, c := range []struct {
		object, index string
		value         agentx.Value
		want          agentx.ErrorStatus
		said          string
	}{
		{"vrrpInstanceBasePriority", "1", agentx.Int(120), agentx.NoError, "vrrp_instance two priority=120"},
		{"vrrpInstanceBasePriority", "1", agentx.Int(1), agentx.NoError, "vrrp_instance two priority=1"},
		{"vrrpInstanceBasePriority", "1", agentx.Int(254), agentx.NoError, "vrrp_instance two priority=254"},
		{"vrrpInstanceBasePriority", "1", agentx.Int(0), agentx.WrongValue, ""},
		{"vrrpInstanceBasePriority", "1", agentx.Int(255), agentx.WrongValue, ""},
		{"vrrpInstanceBasePriority", "1", agentx.Int(-1), agentx.WrongValue, ""},
		{"vrrpInstanceBasePriority", "1", text, agentx.WrongType, ""},
		{"vrrpInstanceBasePriority", "3", agentx.Int(100), agentx.InconsistentValue, ""},
		{"vrrpInstanceBasePriority", "4", agentx.Int(100), agentx.NoCreation, ""},
		{"vrrpInstanceBasePriority", "0", agentx.Int(100), agentx.NoCreation, ""},
		{"vrrpInstanceBasePriority", "1.1", agentx.Int(100), agentx.NoCreation, ""},
		{"vrrpInstancePreempt", "2", agentx.Int(2), agentx.NoError, "vrrp_instance three preempt=0"},
		{"vrrpInstancePreempt", "2", agentx.Int(1), agentx.NoError, "vrrp_instance three preempt=1"},
		{"vrrpInstancePreempt", "2", agentx.Int(3), agentx.WrongValue, ""},
		{"vrrpInstanceAccept", "2", agentx.Int(2), agentx.NoError, "vrrp_instance three accept=0"},
		{"vrrpInstanceAccept", "1", agentx.Int(2), agentx.NoCreation, ""}, // version 2 has none
		{"realServerWeight", "1.2", agentx.Int(0), agentx.NoError, "real_server tcp/10.0.0.100:80 10.1.0.11:8080=0"},
		{"realServerWeight", "1.2", agentx.Int(70000), agentx.NoError, "real_server tcp/10.0.0.100:80 10.1.0.11:8080=70000"},
		{"realServerWeight", "1.2", agentx.Int(-1), agentx.WrongValue, ""},
		{"realServerWeight", "1.1", agentx.Int(1), agentx.NoCreation, ""}, // the sorry server
		{"realServerWeight", "9.9", agentx.Int(1), agentx.NoCreation, ""},
		{"vrrpInstanceState", "1", agentx.Int(2), agentx.NotWritable, ""},
		{"vrrpInstancePromoteSecondaries", "1", agentx.Int(1), agentx.NotWritable, ""},
		{"vrrpInstanceUseLinkbeat", "1", agentx.Int(1), agentx.NotWritable, ""},
		{"vrrpInstanceNotifyDeleted", "1", agentx.Int(1), agentx.NotWritable, ""},
	} {
		who := &asker{refuse: -1}
		w := writer{New(Options{Dial: nobody, Set: who.set}, &source{view: settable()})}
		tx := &agentx.SetTransaction{VarBinds: []agentx.VarBind{{Name: agentx.MustParseOID(mib.Compat.OID(c.object) + "." + c.index), Value: c.value}}}
		err := w.Test(t.Context(), tx)
		var refused *agentx.SetError
		if got := agentx.NoError; errors.As(err, &refused) {
			if got = refused.Status; got != c.want || refused.Index != 1 {
				t.Errorf("%s.%s = %s: %v, want %v", c.object, c.index, c.value, err, c.want)
			}
			continue
		} else if c.want != got {
			t.Errorf("%s.%s = %s: accepted, want %v", c.object, c.index, c.value, c.want)
			continue
		}
		if err := w.Commit(t.Context(), tx); err != nil || strings.Join(who.said, ";") != c.said {
			t.Errorf("%s.%s = %s: asked for %q, %v", c.object, c.index, c.value, who.said, err)
		}
		w.Cleanup(tx)
	}
}

// What was done before one of several assignments was refused is taken back.
func TestWhatIsSetHalfwayIsTakenBack(t *testing.T) {
	who := &asker{refuse: 7}
	w := writer{New(Options{Dial: nobody, Set: who.set}, &source{view: settable()})}
	tx := &agentx.SetTransaction{VarBinds: []agentx.VarBind{
		{Name: compatOID("vrrpInstanceBasePriority").Append(2), Value: agentx.Int(50)},
		{Name: compatOID("vrrpInstancePreempt").Append(2), Value: agentx.Int(2)},
		{Name: compatOID("realServerWeight").Append(1, 3), Value: agentx.Int(7)},
		{Name: compatOID("realServerWeight").Append(1, 2), Value: agentx.Int(8)},
	}}
	if err := w.Test(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), tx); !errors.Is(err, errRefused) {
		t.Fatalf("commit: %v", err)
	}
	if err := w.Undo(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	want := "vrrp_instance three priority=50; vrrp_instance three preempt=0; real_server tcp/10.0.0.100:80 10.1.0.12:8080=7; " +
		"vrrp_instance three preempt=1; vrrp_instance three priority=100"
	if got := strings.Join(who.said, "; "); got != want {
		t.Errorf("asked for\n%s\nwant\n%s", got, want)
	}
	tx.Context = "other"
	var refused *agentx.SetError
	if err := w.Test(t.Context(), tx); !errors.As(err, &refused) || refused.Status != agentx.NoAccess {
		t.Errorf("in another context: %v", err)
	}
}

// A real snmpd passes on what its manager asks for, where writes are enabled.
func TestSnmpdSets(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	who := &asker{refuse: 9}
	s.servingWith(&source{view: settable()}, Options{Set: who.set})
	priority := "." + mib.Compat.OID("vrrpInstanceBasePriority") + ".2"
	weight := "." + mib.Compat.OID("realServerWeight") + ".1.2"
	if got := s.ask("snmpset", "private", priority, "i", "120", weight, "i", "5"); len(got) != 2 || got[0] != priority+" = INTEGER: 120" {
		t.Errorf("SET gives %q", got)
	}
	if got := strings.Join(s.ask("snmpset", "private", priority, "i", "130", weight, "i", "9"), "\n"); !strings.Contains(got, "genError") {
		t.Errorf("a SET that is refused gives %q", got) // which word is the choice of snmpd
	}
	if got := strings.Join(s.ask("snmpset", "private", priority, "i", "300"), "\n"); !strings.Contains(got, "wrongValue") {
		t.Errorf("a wrong SET gives %q", got)
	}
	if got := strings.Join(s.ask("snmpset", "public", priority, "i", "120"), "\n"); !strings.Contains(got, "noAccess") {
		t.Errorf("a SET of a reader gives %q", got)
	}
	who.mu.Lock()
	defer who.mu.Unlock()
	const three, web = "vrrp_instance three priority=", "real_server tcp/10.0.0.100:80 10.1.0.11:8080="
	want := three + "120; " + web + "5; " + three + "130; " + web + "9; " + three + "100"
	if got := strings.Join(who.said, "; "); got != want {
		t.Errorf("asked for\n%s\nwant\n%s", got, want)
	}
}
