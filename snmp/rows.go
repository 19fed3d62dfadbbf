// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"fmt"
	"slices"

	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// column says how one object is rendered. The zero Value means that the row
// does not have it, which a manager sees as noSuchInstance.
type column[R any] struct {
	name  string
	value func(R) agentx.Value
}

// row is one row with its place in the name of every column.
type row[R any] struct {
	index agentx.OID
	of    R
}

// view is a table or a group of scalars.
type view interface {
	// render binds the view to a View; what it gives is made when it is asked for.
	render(v *ledger.View) agentx.Table
	// served lists the objects.
	served() []object
}

// object is a column or scalar with its number.
type object struct {
	oid agentx.OID
	mib mib.Object
}

// table is a view with one function for all rows and one for each column.
type table[R any] struct {
	rows    func(*ledger.View) []row[R]
	objects []object
	oids    []agentx.OID // of objects
	columns []column[R]
}

// newTable binds columns to the objects of a table of the module. The columns
// are all that the module lets a manager read, in its order; anything else is a
// mistake of this package, and panics.
func newTable[R any](m *mib.Module, name string, rows func(*ledger.View) []row[R], columns []column[R]) view {
	t, ok := m.Table(name)
	if !ok {
		panic("snmp: no table " + name + " in " + m.Name)
	}
	return makeTable(rows, columns, bind(m, t.Columns, columns))
}

// newScalars binds columns to the scalars of a group of the module.
func newScalars(m *mib.Module, name string, columns []column[*ledger.View]) view {
	g, ok := m.Group(name)
	if !ok {
		panic("snmp: no group " + name + " in " + m.Name)
	}
	one := func(v *ledger.View) []row[*ledger.View] { return []row[*ledger.View]{{agentx.NewOID(0), v}} }
	return makeTable(one, columns, bind(m, g.Objects, columns))
}

func makeTable[R any](rows func(*ledger.View) []row[R], columns []column[R], objects []object) view {
	t := &table[R]{rows: rows, columns: columns, objects: objects}
	for _, o := range objects {
		t.oids = append(t.oids, o.oid)
	}
	return t
}

func bind[R any](m *mib.Module, all []mib.Object, columns []column[R]) []object {
	var out []object
	for _, o := range all {
		if o.Access.Readable() {
			out = append(out, object{agentx.MustParseOID(m.OID(o.Name)), o})
		}
	}
	names := func(o object, c column[R]) int {
		if o.mib.Name == c.name {
			return 0
		}
		return 1
	}
	if slices.CompareFunc(out, columns, names) != 0 {
		panic(fmt.Sprintf("snmp: the %d columns from %s on are not those of %s", len(columns), columns[0].name, m.Name))
	}
	return out
}

func (t *table[R]) render(v *ledger.View) agentx.Table { return &rendered[R]{t, t.rows(v)} }

func (t *table[R]) served() []object { return t.objects }

// rendered is the rows of a table in one View.
type rendered[R any] struct {
	*table[R]
	list []row[R]
}

func (r *rendered[R]) Objects() []agentx.OID    { return r.oids }
func (r *rendered[R]) Rows() int                { return len(r.list) }
func (r *rendered[R]) Index(row int) agentx.OID { return r.list[row].index }
func (r *rendered[R]) Cell(object, row int) agentx.Value {
	return r.columns[object].value(r.list[row].of)
}

// counted gives the elements of a list the indices 1, 2, ... below prefix.
func counted[R any](out []row[R], prefix agentx.OID, list []R) []row[R] {
	for i, r := range list {
		out = append(out, row[R]{prefix.Append(uint32(i + 1)), r})
	}
	return out
}
