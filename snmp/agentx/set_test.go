// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"reflect"
	"testing"
	"time"
)

func setMessage(txn uint32, body Body) Message { return Message{TransactionID: txn, Body: body} }

func assign(value string) TestSet {
	return TestSet{[]VarBind{{NewOID(1, 1), Text("fine")}, {NewOID(1, 2), Text(value)}}}
}

func TestSetMachine(t *testing.T) {
	type step struct {
		body   Body
		status ErrorStatus
		index  uint16
		answer bool
	}
	commit := step{CommitSet{}, NoError, 0, true}
	cleanup := step{CleanupSet{}, NoError, 0, false}
	good := step{assign("x"), NoError, 0, true}
	for _, c := range []struct {
		name  string
		h     *memory
		steps []step
		calls []string
		left  int // values after all
	}{
		{"done", &memory{}, []step{good, commit, cleanup}, []string{"test", "commit", "cleanup"}, 2},
		{"refused", &memory{refuse: "x"}, []step{{assign("x"), WrongValue, 2, true}, cleanup}, []string{"test", "cleanup"}, 0},
		{"refused type", &memory{}, []step{{TestSet{[]VarBind{{NewOID(1), Int(1)}}}, WrongType, 1, true}}, []string{"test", "cleanup"}, 0},
		{"another refused", &memory{}, []step{good, cleanup}, []string{"test", "cleanup"}, 0},
		{"undone", &memory{}, []step{good, commit, {UndoSet{}, NoError, 0, true}, cleanup}, []string{"test", "commit", "undo", "cleanup"}, 0},
		{"commit fails", &memory{failCommit: true}, []step{good, {CommitSet{}, CommitFailed, 1, true}, {UndoSet{}, NoError, 0, true}}, []string{"test", "commit", "undo", "cleanup"}, 0},
		{"undo fails", &memory{failUndo: true}, []step{good, commit, {UndoSet{}, UndoFailed, 0, true}}, []string{"test", "commit", "undo", "cleanup"}, 0},
		{"out of the blue", &memory{}, []step{{CommitSet{}, CommitFailed, 0, true}, {UndoSet{}, UndoFailed, 0, true}, cleanup}, nil, 0},
		{"twice", &memory{}, []step{good, {assign("y"), ProcessingError, 0, true}, cleanup}, []string{"test", "cleanup"}, 0},
		{"session lost", &memory{}, []step{good}, []string{"test", "cleanup"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := setter{handler: c.h, timeout: time.Second}
			for i, st := range c.steps {
				res, answer := s.handle(t.Context(), setMessage(5, st.body), time.Unix(1, 0))
				if res.Error != st.status || res.Index != st.index || answer != st.answer {
					t.Errorf("step %d: %s at %d, answer %v", i, res.Error, res.Index, answer)
				}
			}
			s.close()
			if !reflect.DeepEqual(c.h.calls, c.calls) || len(c.h.values) != c.left {
				t.Errorf("calls %v, want %v; values %v", c.h.calls, c.calls, c.h.values)
			}
		})
	}
}

func TestSetWithoutHandler(t *testing.T) {
	s := setter{timeout: time.Second}
	if res, answer := s.handle(t.Context(), setMessage(1, assign("x")), time.Unix(1, 0)); !answer || res.Error != NotWritable || res.Index != 1 {
		t.Errorf("%+v", res)
	}
	if res, _ := s.handle(t.Context(), setMessage(1, CommitSet{}), time.Unix(1, 0)); res.Error != CommitFailed {
		t.Errorf("%+v", res)
	}
}

func TestSetsAreBounded(t *testing.T) {
	h := &memory{}
	s := setter{handler: h, timeout: time.Second}
	now := time.Unix(100, 0)
	for i := range uint32(maxSets) {
		if res, _ := s.handle(t.Context(), setMessage(i, assign("x")), now); res.Error != NoError {
			t.Fatalf("transaction %d: %s", i, res.Error)
		}
	}
	if res, _ := s.handle(t.Context(), setMessage(999, assign("x")), now); res.Error != ResourceUnavailable {
		t.Errorf("one too many: %s", res.Error)
	}
	if next := s.expire(now.Add(setHold - 1)); next != now.Add(setHold) || h.cleanup != 0 {
		t.Errorf("expired too early: next %v", next)
	}
	if next := s.expire(now.Add(setHold)); !next.IsZero() || h.cleanup != maxSets || len(s.open) > 0 {
		t.Errorf("%d cleaned up, %d left", h.cleanup, len(s.open))
	}
}

// deadlineSetter tells whether its calls have a deadline.
type deadlineSetter struct {
	memory
	left time.Duration
}

func (d *deadlineSetter) Test(ctx context.Context, _ *SetTransaction) error {
	at, _ := ctx.Deadline()
	d.left = time.Until(at)
	return nil
}

func TestSetHasDeadline(t *testing.T) {
	d := &deadlineSetter{}
	s := setter{handler: d, timeout: time.Minute}
	s.handle(t.Context(), setMessage(1, assign("x")), time.Unix(1, 0))
	if d.left <= 0 || d.left > time.Minute {
		t.Errorf("%v left of a minute", d.left)
	}
}
