// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"sync"
)

// memory is a SetHandler and Handler that keeps what it was told.
type memory struct {
	refuse     string // Test refuses this value
	failCommit bool
	failUndo   bool

	mu      sync.Mutex
	values  map[OID]Value
	calls   []string
	tests   int
	cleanup int
}

type undoLog map[OID]Value

func (m *memory) note(call string) func() {
	m.mu.Lock()
	m.calls = append(m.calls, call)
	return m.mu.Unlock
}

func (m *memory) Test(_ context.Context, t *SetTransaction) error {
	defer m.note("test")()
	m.tests++
	for i, b := range t.VarBinds {
		if b.Value.Type() != OctetString {
			return &SetError{Status: WrongType, Index: i + 1}
		}
		if b.Value.Str() == m.refuse {
			return &SetError{Status: WrongValue, Index: i + 1}
		}
	}
	return nil
}

func (m *memory) Commit(_ context.Context, t *SetTransaction) error {
	defer m.note("commit")()
	if m.values == nil {
		m.values = make(map[OID]Value)
	}
	old := make(undoLog)
	for _, b := range t.VarBinds {
		old[b.Name] = m.values[b.Name]
		m.values[b.Name] = b.Value
	}
	t.State = old
	if m.failCommit {
		return &SetError{Status: WrongValue, Index: 1}
	}
	return nil
}

func (m *memory) Undo(_ context.Context, t *SetTransaction) error {
	defer m.note("undo")()
	for name, v := range t.State.(undoLog) {
		if m.values[name] = v; v == (Value{}) {
			delete(m.values, name)
		}
	}
	if m.failUndo {
		return context.DeadlineExceeded
	}
	return nil
}

func (m *memory) Cleanup(*SetTransaction) {
	defer m.note("cleanup")()
	m.cleanup++
}

func (m *memory) balanced() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tests == m.cleanup
}

func (m *memory) Snapshot(string) *Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows []VarBind
	for name, v := range m.values {
		rows = append(rows, VarBind{name, v})
	}
	s, err := NewSnapshot(rows, nil)
	if err != nil {
		panic(err)
	}
	return s
}
