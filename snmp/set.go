// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"context"
	"math"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/snmp/agentx"
)

// Setting is one thing that a manager sets.
type Setting struct {
	// Subject is an instance, with the setting's name as Sub (event.SettingPriority
	// and so on), or a real server, whose weight is set.
	Subject event.Subject
	Value   int64
}

// writable finds what an object sets in a row of its table, and what it is now.
type writable struct {
	object agentx.OID
	now    func(v *ledger.View, index agentx.OID) (s Setting, ok bool)
	// take reads a value of the manager; a status other than NoError refuses it.
	take func(now Setting, value int32) (Setting, agentx.ErrorStatus)
}

// writables are the objects that can be set. compat: of those that keepalived
// declares writable, vrrpInstancePromoteSecondaries, vrrpInstanceUseLinkbeat and
// vrrpInstanceNotifyDeleted do nothing there, and are refused here too.
var writables = []writable{
	{compatOID("vrrpInstanceBasePriority"), ofInstance(event.SettingPriority, func(in *ledger.Instance) int64 { return int64(in.Base) }), takePriority},
	{compatOID("vrrpInstancePreempt"), ofInstance(event.SettingPreempt, func(in *ledger.Instance) int64 { return truth(in.Row.Preempt) }), takeTruth},
	{compatOID("vrrpInstanceAccept"), ofInstance(event.SettingAccept, func(in *ledger.Instance) int64 {
		if in.Row.Version == 2 {
			return -1 // compat: it has none
		}
		return truth(in.Row.Accept)
	}), takeTruth},
	{compatOID("realServerWeight"), weightNow, func(now Setting, value int32) (Setting, agentx.ErrorStatus) {
		now.Value = int64(value)
		return now, statusIf(value < 0, agentx.WrongValue)
	}},
}

func statusIf(bad bool, status agentx.ErrorStatus) agentx.ErrorStatus {
	if bad {
		return status
	}
	return agentx.NoError
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func ofInstance(what string, value func(*ledger.Instance) int64) func(*ledger.View, agentx.OID) (Setting, bool) {
	return func(v *ledger.View, index agentx.OID) (Setting, bool) {
		if index.Len() != 1 || index.At(0) < 1 || int64(index.At(0)) > int64(len(v.Instances)) {
			return Setting{}, false
		}
		in := v.Instances[index.At(0)-1]
		s := Setting{Subject: in.Row.Subject, Value: value(in)}
		s.Subject.Sub = what
		return s, s.Value >= 0
	}
}

func weightNow(v *ledger.View, index agentx.OID) (Setting, bool) {
	for _, r := range servers(v) {
		if r.index == index && !r.of.Row.Sorry {
			return Setting{Subject: r.of.Row.Subject, Value: int64(weight(r.of.Server))}, true
		}
	}
	return Setting{}, false
}

// takePriority takes 1 to 254: nobody becomes an owner of its addresses by a
// manager's word, and an owner stays one. (keepalived takes the lowest 8 bits of
// any number.)
func takePriority(now Setting, value int32) (Setting, agentx.ErrorStatus) {
	owner := now.Value == math.MaxUint8
	now.Value = int64(value)
	if value < 1 || value > 254 {
		return now, agentx.WrongValue
	}
	return now, statusIf(owner, agentx.InconsistentValue)
}

// takeTruth takes 1 or 2.
func takeTruth(now Setting, value int32) (Setting, agentx.ErrorStatus) {
	now.Value = truth(value == 1)
	return now, statusIf(value != 1 && value != 2, agentx.WrongValue)
}

// writer makes the assignments of managers. Each is made by whom it concerns,
// through Options.Set.
type writer struct{ a *Agent }

// assignments is the State of a transaction.
type assignments struct {
	want, was []Setting
	done      int
}

// Test implements agentx.SetHandler.
func (w writer) Test(_ context.Context, t *agentx.SetTransaction) error {
	v := w.a.src.View()
	s := &assignments{}
	for i, b := range t.VarBinds {
		was, want, status := assign(v, b)
		if t.Context != "" {
			status = agentx.NoAccess
		}
		if status != agentx.NoError {
			return &agentx.SetError{Status: status, Index: i + 1}
		}
		s.want, s.was = append(s.want, want), append(s.was, was)
	}
	t.State = s
	return nil
}

// assign reads one assignment.
func assign(v *ledger.View, b agentx.VarBind) (was, want Setting, status agentx.ErrorStatus) {
	for i := range writables {
		w := &writables[i]
		if !b.Name.HasPrefix(w.object) {
			continue
		}
		now, ok := w.now(v, b.Name.Tail(w.object.Len()))
		switch {
		case !ok:
			return was, want, agentx.NoCreation
		case b.Value.Type() != agentx.Integer:
			return was, want, agentx.WrongType
		}
		want, status = w.take(now, b.Value.Int32())
		return now, want, status
	}
	return was, want, agentx.NotWritable
}

// Commit implements agentx.SetHandler.
func (w writer) Commit(ctx context.Context, t *agentx.SetTransaction) error {
	s := t.State.(*assignments)
	for ; s.done < len(s.want); s.done++ {
		if err := w.a.opts.Set(ctx, s.want[s.done]); err != nil {
			return err
		}
	}
	return nil
}

// Undo implements agentx.SetHandler.
func (w writer) Undo(ctx context.Context, t *agentx.SetTransaction) error {
	s := t.State.(*assignments)
	for ; s.done > 0; s.done-- {
		if err := w.a.opts.Set(ctx, s.was[s.done-1]); err != nil {
			return err
		}
	}
	return nil
}

// Cleanup implements agentx.SetHandler: nothing was reserved.
func (writer) Cleanup(*agentx.SetTransaction) {}
