// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// A Snapshot is an immutable set of variables in lexicographic order, from
// which requests are answered by binary search. It may be shared between
// goroutines, sessions and contexts.
type Snapshot struct{ vars variables }

// variables is a list of them, or tables that make them when asked.
type variables interface {
	// get is the variable of that name; ok is false if there is none.
	get(name []byte) (v Value, ok bool)
	// covers says whether name is below an object that is served.
	covers(name []byte) bool
	// next appends the name of the first variable in r to buf; ok is false if
	// there is none.
	next(buf []byte, r rawRange) (out []byte, v Value, ok bool)
}

// list is variables that are all there.
type list struct {
	rows    []VarBind
	objects objects
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
	return &Snapshot{&list{rows: rows, objects: slices.Compact(objects)}}, nil
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

// All gives every variable in order.
func (s *Snapshot) All() iter.Seq[VarBind] {
	return func(yield func(VarBind) bool) {
		at := SearchRange{Include: true}
		for {
			b := s.Next(at)
			if b.Value.typ == EndOfMibView || !yield(b) {
				return
			}
			at = SearchRange{Start: b.Name}
		}
	}
}

// Get answers a GET of name: the variable, or noSuchObject or noSuchInstance.
func (s *Snapshot) Get(name OID) Value { return s.get([]byte(name.b)) }

// Next answers a GETNEXT: the first variable in r, or the Start of r with
// endOfMibView.
func (s *Snapshot) Next(r SearchRange) VarBind {
	raw := rawRange{start: []byte(r.Start.b), end: []byte(r.End.b), include: r.Include}
	if name, v, ok := s.vars.next(nil, raw); ok {
		return VarBind{Name: OID{string(name)}, Value: v}
	}
	return VarBind{Name: r.Start, Value: Exception(EndOfMibView)}
}

func (s *Snapshot) get(name []byte) Value {
	if v, ok := s.vars.get(name); ok {
		return v
	}
	if s.vars.covers(name) {
		return Exception(NoSuchInstance)
	}
	return Exception(NoSuchObject)
}

// rawRange is a SearchRange whose names are the bytes of OIDs in a buffer that
// is reused, so that serving allocates nothing.
type rawRange struct {
	start, end []byte
	include    bool
}

// search returns the index of the first row not before name.
func (l *list) search(name []byte) int {
	lo, hi := 0, len(l.rows)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if l.rows[mid].Name.b < string(name) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (l *list) get(name []byte) (Value, bool) {
	if i := l.search(name); i < len(l.rows) && l.rows[i].Name.b == string(name) {
		return l.rows[i].Value, true
	}
	return Value{}, false
}

func (l *list) covers(name []byte) bool {
	_, ok := l.objects.find(name)
	return ok
}

func (l *list) next(buf []byte, r rawRange) ([]byte, Value, bool) {
	i := l.search(r.start)
	if i < len(l.rows) && !r.include && l.rows[i].Name.b == string(r.start) {
		i++
	}
	if i == len(l.rows) || len(r.end) > 0 && l.rows[i].Name.b >= string(r.end) {
		return buf, Value{}, false
	}
	return append(buf, l.rows[i].Name.b...), l.rows[i].Value, true
}

// objects are object types in order, none below another.
type objects []OID

// find returns the object that name is, or is below; else i is the first object
// behind name.
func (o objects) find(name []byte) (i int, ok bool) {
	lo, hi := 0, len(o)
	for lo < hi { // the first object behind name
		mid := int(uint(lo+hi) >> 1)
		if o[mid].b <= string(name) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo > 0 && len(name) >= len(o[lo-1].b) && string(name[:len(o[lo-1].b)]) == o[lo-1].b {
		return lo - 1, true
	}
	return lo, false
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

// A Table makes the variables of rows when they are asked for: ten thousand rows
// of sixty columns are no memory then but that of what they show. It never
// changes, and is used by several goroutines at once.
type Table interface {
	// Objects are the columns, or the scalars, without an instance.
	Objects() []OID
	// Rows counts the rows. Index is what stands behind the object in the names of
	// a row; it ascends from row to row.
	Rows() int
	Index(row int) OID
	// Cell is the value of an object in a row; the zero Value where the row does
	// not have it.
	Cell(object, row int) Value
}

// tables is the variables of Tables, column by column.
type tables struct {
	objects objects
	columns []tableColumn // parallel to objects
}

type tableColumn struct {
	table  Table
	object int
}

// NewTables returns the Snapshot of all variables of some Tables. An object
// that is null, below another or there twice, and rows that are not in order,
// are errors.
func NewTables(of ...Table) (*Snapshot, error) {
	t := &tables{}
	for _, table := range of {
		for i, o := range table.Objects() {
			if o.IsZero() || o.Len() >= MaxSubIDs {
				return nil, fmt.Errorf("snapshot object %q: %d sub-identifiers", o, o.Len())
			}
			t.objects, t.columns = append(t.objects, o), append(t.columns, tableColumn{table, i})
		}
		if err := ordered(table); err != nil {
			return nil, err
		}
	}
	order := make([]int, len(t.objects))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(t.objects[a].b, t.objects[b].b) })
	sorted := &tables{make(objects, len(order)), make([]tableColumn, len(order))}
	for i, at := range order {
		sorted.objects[i], sorted.columns[i] = t.objects[at], t.columns[at]
		if i > 0 && sorted.objects[i].HasPrefix(sorted.objects[i-1]) {
			return nil, fmt.Errorf("snapshot object %s: below %s", sorted.objects[i], sorted.objects[i-1])
		}
	}
	return &Snapshot{sorted}, nil
}

// ordered refuses rows that are not.
func ordered(t Table) error {
	var last OID
	for row := range t.Rows() {
		index := t.Index(row)
		if index.IsZero() || index.Compare(last) <= 0 {
			return fmt.Errorf("snapshot row %q of %s behind %q: %w", index, t.Objects()[0], last, errOrder)
		}
		last = index
	}
	return nil
}

var errOrder = errors.New("not in order")

// search returns the first row of a column whose index is not before index, and
// whether it is that one.
func (c tableColumn) search(index []byte) (row int, same bool) {
	lo, hi := 0, c.table.Rows()
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if c.table.Index(mid).b < string(index) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < c.table.Rows() && c.table.Index(lo).b == string(index)
}

func (t *tables) get(name []byte) (Value, bool) {
	i, ok := t.objects.find(name)
	if !ok {
		return Value{}, false
	}
	c := t.columns[i]
	row, same := c.search(name[len(t.objects[i].b):])
	if !same {
		return Value{}, false
	}
	v := c.table.Cell(c.object, row)
	return v, v.typ != 0
}

func (t *tables) covers(name []byte) bool {
	_, ok := t.objects.find(name)
	return ok
}

func (t *tables) next(buf []byte, r rawRange) ([]byte, Value, bool) {
	i, inside := t.objects.find(r.start)
	row, same := 0, false
	if inside {
		if row, same = t.columns[i].search(r.start[len(t.objects[i].b):]); same && !r.include {
			row++
		}
	}
	for ; i < len(t.columns); i, row = i+1, 0 {
		object, c := t.objects[i], t.columns[i]
		if len(r.end) > 0 && object.b >= string(r.end) {
			break
		}
		for n := c.table.Rows(); row < n; row++ {
			v := c.table.Cell(c.object, row)
			if v.typ == 0 {
				continue
			}
			at := len(buf)
			buf = append(append(buf, object.b...), c.table.Index(row).b...)
			if len(r.end) > 0 && string(buf[at:]) >= string(r.end) {
				return buf[:at], Value{}, false
			}
			return buf, v, true
		}
	}
	return buf, Value{}, false
}
