// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

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
