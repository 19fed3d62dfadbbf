// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxSets bounds the set transactions under way in one session; setHold is how
// long one may wait for its next PDU before it is cleaned up.
const (
	maxSets = 64
	setHold = 30 * time.Second
)

// A SetTransaction is one SNMP SET on its way through TestSet, CommitSet,
// UndoSet and CleanupSet.
type SetTransaction struct {
	ID       uint32 // h.transactionID
	Context  string
	VarBinds []VarBind
	State    any // the SetHandler's own, kept from one call to the next
}

// A SetHandler makes the assignments of SNMP SETs (RFC 2741 §7.2.4). The calls
// for one transaction are Test, then Commit, then perhaps Undo; Cleanup follows
// in every case exactly once and is last: also when Test refused, and when the
// session was lost in between. Each context ends after Config.Timeout.
type SetHandler interface {
	// Test says whether every assignment can be made, and reserves what it needs.
	// It returns nil or an error; a *SetError says which varbind and why, anything
	// else is reported as genErr.
	Test(ctx context.Context, t *SetTransaction) error
	// Commit makes the assignments. An error is reported as commitFailed, and the
	// master then asks for Undo.
	Commit(ctx context.Context, t *SetTransaction) error
	// Undo takes them back. An error is reported as undoFailed.
	Undo(ctx context.Context, t *SetTransaction) error
	// Cleanup releases what Test reserved.
	Cleanup(t *SetTransaction)
}

// A SetError is why a SetHandler refuses.
type SetError struct {
	Status ErrorStatus // one of the SNMP statuses, such as WrongValue
	Index  int         // 1-based varbind at fault, 0 for the whole
}

// Error tells the status and the varbind.
func (e *SetError) Error() string { return fmt.Sprintf("%s at varbind %d", e.Status, e.Index) }

// setState is where a transaction stands.
type setState struct {
	t    *SetTransaction
	used time.Time
}

// setter runs the SET state machine of one session.
type setter struct {
	handler SetHandler // nil: everything is notWritable
	timeout time.Duration
	open    map[uint32]*setState
}

// handle carries out the set PDU m and returns what to answer; answer is false
// for CleanupSet, which has no response (RFC 2741 §7.2.4.4).
func (s *setter) handle(ctx context.Context, m Message, now time.Time) (res Response, answer bool) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	st := s.open[m.TransactionID]
	switch p := m.Body.(type) {
	case TestSet:
		return s.test(ctx, m, p, now), true
	case CommitSet:
		if st == nil {
			return Response{Error: CommitFailed}, true
		}
		st.used = now
		return setResponse(s.handler.Commit(ctx, st.t), CommitFailed), true
	case UndoSet:
		if st == nil {
			return Response{Error: UndoFailed}, true
		}
		res := setResponse(s.handler.Undo(ctx, st.t), UndoFailed)
		s.end(m.TransactionID) // nothing follows an UndoSet
		return res, true
	case CleanupSet:
		s.end(m.TransactionID)
	}
	return Response{}, false
}

func (s *setter) test(ctx context.Context, m Message, p TestSet, now time.Time) Response {
	switch {
	case s.handler == nil:
		return Response{Error: NotWritable, Index: min(1, uint16(len(p.VarBinds)))}
	case s.open[m.TransactionID] != nil:
		return Response{Error: ProcessingError}
	case len(s.open) >= maxSets:
		return Response{Error: ResourceUnavailable}
	}
	t := &SetTransaction{ID: m.TransactionID, Context: m.Context, VarBinds: p.VarBinds}
	err := s.handler.Test(ctx, t)
	if err != nil {
		s.handler.Cleanup(t)
		return setResponse(err, GenErr)
	}
	if s.open == nil {
		s.open = make(map[uint32]*setState)
	}
	s.open[m.TransactionID] = &setState{t: t, used: now}
	return Response{}
}

// setResponse turns an error of a SetHandler into a Response. Only Test may
// choose its status: a commit or undo that went wrong has one word each.
func setResponse(err error, status ErrorStatus) Response {
	if err == nil {
		return Response{}
	}
	res := Response{Error: status}
	if se, ok := errors.AsType[*SetError](err); ok {
		res.Index = uint16(max(0, min(se.Index, 1<<16-1)))
		if status == GenErr && se.Status != NoError {
			res.Error = se.Status
		}
	}
	return res
}

// end cleans up a transaction; one that is not known is none of ours.
func (s *setter) end(id uint32) {
	if st := s.open[id]; st != nil {
		delete(s.open, id)
		s.handler.Cleanup(st.t)
	}
}

// expire ends the transactions that the master forgot and returns when to look
// again, the zero time if never.
func (s *setter) expire(now time.Time) time.Time {
	var next time.Time
	for id, st := range s.open {
		at := st.used.Add(setHold)
		if !at.After(now) {
			s.end(id)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// close ends all transactions: the session is gone.
func (s *setter) close() {
	for id := range s.open {
		s.end(id)
	}
}
