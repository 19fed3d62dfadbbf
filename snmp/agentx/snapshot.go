// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"fmt"
	"slices"
	"strings"
)

// A Snapshot is an immutable set of variables in lexicographic order, from
// which requests are answered by binary search. It may be shared between
// goroutines, sessions and contexts.
type Snapshot struct {
	rows    []VarBind
	objects []OID
}

// NewSnapshot takes over rows and objects (the caller must not touch them
// again) and sorts them where needed. objects are the object types served,
// that is the columns and the scalars without their instance, none below another: a GET below one
// of them that finds nothing is noSuchInstance, elsewhere noSuchObject
// (RFC 2741 §7.2.3.1). Two rows of one name, a name that is null or longer than
// MaxSubIDs, an invalid value or an exception as value are errors.
func NewSnapshot(rows []VarBind, objects []OID) (*Snapshot, error) {
	byName := func(a, b VarBind) int { return strings.Compare(a.Name.b, b.Name.b) }
	if !slices.IsSortedFunc(rows, byName) {
		slices.SortFunc(rows, byName)
	}
	for i, row := range rows {
		if err := checkRow(row); err != nil {
			return nil, fmt.Errorf("snapshot row %s: %w", row.Name, err)
		}
		if i > 0 && rows[i-1].Name == row.Name {
			return nil, fmt.Errorf("snapshot row %s: twice", row.Name)
		}
	}
	slices.SortFunc(objects, OID.Compare)
	return &Snapshot{rows: rows, objects: slices.Compact(objects)}, nil
}

func checkRow(row VarBind) error {
	if row.Name.IsZero() {
		return fmt.Errorf("the name is null")
	}
	if row.Value.typ >= NoSuchObject {
		return fmt.Errorf("%s is not a value", row.Value.typ)
	}
	return checkVarBinds([]VarBind{row})
}

// Len returns the number of variables.
func (s *Snapshot) Len() int { return len(s.rows) }

// Row returns variable i in lexicographic order, i below Len.
func (s *Snapshot) Row(i int) VarBind { return s.rows[i] }

// Get answers a GET of name: the variable, or noSuchObject or noSuchInstance.
func (s *Snapshot) Get(name OID) Value { return s.get([]byte(name.b)) }

// Next answers a GETNEXT: the first variable in r, or the Start of r with
// endOfMibView.
func (s *Snapshot) Next(r SearchRange) VarBind {
	raw := rawRange{start: []byte(r.Start.b), end: []byte(r.End.b), include: r.Include}
	if i := s.next(raw); i >= 0 {
		return s.rows[i]
	}
	return VarBind{Name: r.Start, Value: Exception(EndOfMibView)}
}

// rawRange is a SearchRange whose names are the bytes of OIDs in a buffer that
// is reused, so that serving allocates nothing.
type rawRange struct {
	start, end []byte
	include    bool
}

// search returns the index of the first row not before name.
func (s *Snapshot) search(name []byte) int {
	lo, hi := 0, len(s.rows)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if s.rows[mid].Name.b < string(name) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (s *Snapshot) get(name []byte) Value {
	if i := s.search(name); i < len(s.rows) && s.rows[i].Name.b == string(name) {
		return s.rows[i].Value
	}
	// The object that covers name, if any, is the last one not after it.
	i, found := slices.BinarySearchFunc(s.objects, name, func(o OID, n []byte) int {
		if o.b == string(n) {
			return 0
		}
		if o.b < string(n) {
			return -1
		}
		return 1
	})
	if found || i > 0 && len(name) >= len(s.objects[i-1].b) && string(name[:len(s.objects[i-1].b)]) == s.objects[i-1].b {
		return Exception(NoSuchInstance)
	}
	return Exception(NoSuchObject)
}

// next returns the index of the first row in r, -1 if there is none.
func (s *Snapshot) next(r rawRange) int {
	i := s.search(r.start)
	if i < len(s.rows) && !r.include && s.rows[i].Name.b == string(r.start) {
		i++
	}
	if i == len(s.rows) || len(r.end) > 0 && s.rows[i].Name.b >= string(r.end) {
		return -1
	}
	return i
}

// A Handler gives the data to serve.
type Handler interface {
	// Snapshot returns what is true now in the named context ("" is the default
	// one), or nil when there is no such context. It is called for every GET and
	// at the start of every walk, on the Client's goroutine, so it must be cheap:
	// return a prepared Snapshot, or build one at most every so often.
	Snapshot(context string) *Snapshot
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(context string) *Snapshot

// Snapshot calls f.
func (f HandlerFunc) Snapshot(context string) *Snapshot { return f(context) }
