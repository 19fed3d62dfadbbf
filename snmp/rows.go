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
	// append adds the variables of a View, in order.
	append(out []agentx.VarBind, v *ledger.View) []agentx.VarBind
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
	return &table[R]{rows: rows, columns: columns, objects: bind(m, t.Columns, columns)}
}

// newScalars binds columns to the scalars of a group of the module.
func newScalars(m *mib.Module, name string, columns []column[*ledger.View]) view {
	g, ok := m.Group(name)
	if !ok {
		panic("snmp: no group " + name + " in " + m.Name)
	}
	one := func(v *ledger.View) []row[*ledger.View] { return []row[*ledger.View]{{agentx.NewOID(0), v}} }
	return &table[*ledger.View]{rows: one, columns: columns, objects: bind(m, g.Objects, columns)}
}

func bind[R any](m *mib.Module, all []mib.Object, columns []column[R]) []object {
	var out []object
	for _, o := range all {
		if o.Access == mib.ReadOnly {
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

func (t *table[R]) append(out []agentx.VarBind, v *ledger.View) []agentx.VarBind {
	rows := t.rows(v)
	for i, c := range t.columns {
		for _, r := range rows {
			if value := c.value(r.of); value.Type() != 0 {
				out = append(out, agentx.VarBind{Name: t.objects[i].oid.Join(r.index), Value: value})
			}
		}
	}
	return out
}

func (t *table[R]) served() []object { return t.objects }

// counted gives the elements of a list the indices 1, 2, ... below prefix.
func counted[R any](out []row[R], prefix agentx.OID, list []R) []row[R] {
	for i, r := range list {
		out = append(out, row[R]{prefix.Append(uint32(i + 1)), r})
	}
	return out
}
