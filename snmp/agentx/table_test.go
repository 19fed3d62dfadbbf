// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// grid is a Table with holes: Cell gives the number of the cell, or nothing for 0.
type grid struct {
	objects []OID
	rows    []OID
	cells   [][]int32 // by object and row
}

func (g *grid) Objects() []OID    { return g.objects }
func (g *grid) Rows() int         { return len(g.rows) }
func (g *grid) Index(row int) OID { return g.rows[row] }
func (g *grid) Cell(object, row int) Value {
	if g.cells[object][row] == 0 {
		return Value{}
	}
	return Int(g.cells[object][row])
}

// Tables give what a list of their variables gives.
func TestTablesAgreeWithList(t *testing.T) {
	small := rapid.Uint32Range(0, 3)
	oid := func(least, most int) *rapid.Generator[OID] {
		return rapid.Map(rapid.SliceOfN(small, least, most), func(sub []uint32) OID { return NewOID(1, 3).Append(sub...) })
	}
	index := rapid.Map(rapid.SliceOfN(small, 1, 3), func(sub []uint32) OID { return NewOID(sub...) })
	rapid.Check(t, func(t *rapid.T) {
		// Objects of one length, so that none is below another, dealt to two tables.
		all := rapid.SliceOfNDistinct(oid(2, 2), 1, 6, rapid.ID).Draw(t, "objects")
		grids := [2]*grid{}
		var rows []VarBind
		for i := range grids {
			g := &grid{rows: rapid.SliceOfNDistinct(index, 0, 4, rapid.ID).Draw(t, "rows")}
			slices.SortFunc(g.rows, OID.Compare)
			grids[i] = g
		}
		for i, o := range all {
			g := grids[i%2]
			cells := rapid.SliceOfN(rapid.Int32Range(0, 2), len(g.rows), len(g.rows)).Draw(t, "cells")
			g.objects, g.cells = append(g.objects, o), append(g.cells, cells)
			for row, n := range cells {
				if n != 0 {
					rows = append(rows, VarBind{o.Join(g.rows[row]), Int(n)})
				}
			}
		}
		made, err := NewTables(grids[0], grids[1])
		if err != nil {
			t.Fatal(err)
		}
		listed, err := NewSnapshot(rows, slices.Clone(all))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := slices.Collect(made.All()), slices.Collect(listed.All()); !slices.Equal(got, want) {
			t.Fatalf("all: got %v, want %v", got, want)
		}
		r := SearchRange{Start: oid(0, 5).Draw(t, "start"), Include: rapid.Bool().Draw(t, "include")}
		if rapid.Bool().Draw(t, "bounded") {
			r.End = oid(0, 5).Draw(t, "end")
		}
		if got, want := made.Next(r), listed.Next(r); got != want {
			t.Fatalf("next of %+v: got %v, want %v", r, got, want)
		}
		if got, want := made.Get(r.Start), listed.Get(r.Start); got != want {
			t.Fatalf("get of %v: got %v, want %v", r.Start, got, want)
		}
	})
}

func TestNewTablesRefuses(t *testing.T) {
	fine := &grid{objects: []OID{NewOID(1, 2)}}
	for name, of := range map[string][]Table{
		"null":          {&grid{objects: []OID{{}}}},
		"there twice":   {fine, fine},
		"below another": {fine, &grid{objects: []OID{NewOID(1, 2, 3)}}},
		"rows turned":   {&grid{objects: []OID{NewOID(1)}, rows: []OID{NewOID(2), NewOID(1)}}},
		"a row twice":   {&grid{objects: []OID{NewOID(1)}, rows: []OID{NewOID(2), NewOID(2)}}},
		"a null row":    {&grid{objects: []OID{NewOID(1)}, rows: []OID{{}}}},
	} {
		if _, err := NewTables(of...); err == nil || !strings.HasPrefix(err.Error(), "snapshot") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewTables(fine); err != nil {
		t.Errorf("a table without rows: %v", err)
	}
}

// A walk through ten thousand rows of a column without a value, and of one with,
// makes nothing that the collector has to take away.
func TestServeTablesAllocatesNothing(t *testing.T) {
	g := &grid{objects: []OID{NewOID(1, 3, 1), NewOID(1, 3, 2)}, cells: make([][]int32, 2)}
	for i := range 10_000 {
		g.rows = append(g.rows, NewOID(uint32(i+1)))
		g.cells[0], g.cells[1] = append(g.cells[0], 0), append(g.cells[1], 7)
	}
	snap, err := NewTables(g)
	if err != nil {
		t.Fatal(err)
	}
	s := newTestServer(HandlerFunc(func(string) *Snapshot { return snap }))
	req, err := AppendMessage(nil, Message{Flags: le, Body: GetBulk{0, 500, []SearchRange{{}}}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := DecodeHeader(req, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	var w writer
	if n := testing.AllocsPerRun(20, func() {
		w.b = w.b[:0]
		if err := s.serve(&w, h, req[HeaderLen:], time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}); n > 0 || s.served != 500 {
		t.Errorf("%v allocations for %d variables", n, s.served)
	}
}
