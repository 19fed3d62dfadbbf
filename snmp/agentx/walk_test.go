// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"testing"
	"time"
)

// changing is a Handler whose every Snapshot has another value.
type changing struct {
	t    *testing.T
	rows int
	n    uint64
}

func (c *changing) Snapshot(string) *Snapshot {
	c.n++
	return table(c.t, c.rows, c.n)
}

// walker sends the GETNEXTs of one walk.
type walker struct {
	t    *testing.T
	s    *server
	at   OID
	seen []uint64 // the snapshots it was served from
	ctx  string
}

var lastTransaction uint32

func (w *walker) next(now time.Time) {
	w.t.Helper()
	lastTransaction++
	m := Message{Flags: be, TransactionID: lastTransaction, Body: GetNext{[]SearchRange{{Start: w.at}}}}
	if w.ctx != "" {
		m.Flags, m.Context = m.Flags|FlagNonDefaultContext, w.ctx
	}
	b := ask(w.t, w.s, m, now).Body.(Response).VarBinds[0]
	w.at = b.Name
	w.seen = append(w.seen, b.Value.Uint64())
}

func (w *walker) want(values ...uint64) {
	w.t.Helper()
	for i, v := range w.seen {
		if i >= len(values) || v != values[i] {
			w.t.Errorf("saw snapshots %v, want %v", w.seen, values)
			return
		}
	}
}

func TestWalkKeepsItsSnapshot(t *testing.T) {
	h := &changing{t: t, rows: 10}
	s := newTestServer(h)
	now := time.Unix(100, 0)
	a, b := &walker{t: t, s: s, at: testRoot}, &walker{t: t, s: s, at: testRoot}
	a.next(now)
	a.next(now.Add(1 * time.Millisecond))
	b.next(now.Add(2 * time.Millisecond)) // begins later: sees newer data
	for i := range 3 {
		a.next(now.Add(time.Duration(3+2*i) * time.Millisecond))
		b.next(now.Add(time.Duration(4+2*i) * time.Millisecond))
	}
	a.want(1, 1, 1, 1, 1)
	b.want(2, 2, 2, 2)
}

// A second walk overtakes one that stands still; both go on with their own.
func TestWalkOvertakes(t *testing.T) {
	s := newTestServer(&changing{t: t, rows: 10})
	now := time.Unix(100, 0)
	a, b := &walker{t: t, s: s, at: testRoot}, &walker{t: t, s: s, at: testRoot}
	for i := range 3 {
		a.next(now.Add(time.Duration(i) * time.Millisecond))
	}
	for i := range 6 {
		b.next(now.Add(time.Duration(20+i) * time.Millisecond))
	}
	a.next(now.Add(40 * time.Millisecond))
	a.want(1, 1, 1, 1)
	b.want(2, 2, 2, 2, 2, 2)
}

func TestWalkRepeatedFromTheStartIsFresh(t *testing.T) {
	s := newTestServer(&changing{t: t, rows: 3})
	for i := range 3 {
		w := &walker{t: t, s: s, at: testRoot}
		w.next(time.Unix(100, int64(i)))
		w.want(uint64(i + 1))
	}
}

func TestWalkEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		step time.Duration
		want []uint64
	}{
		{"held", time.Second, []uint64{1, 1, 1}},
		{"too slow", time.Second + 1, []uint64{1, 2, 3}},
	} {
		s := newTestServer(&changing{t: t, rows: 9})
		w := &walker{t: t, s: s, at: testRoot}
		for i := range 3 {
			w.next(time.Unix(100, 0).Add(time.Duration(i) * c.step))
		}
		t.Log(c.name)
		w.want(c.want...)
	}
	s := newTestServer(&changing{t: t, rows: 9})
	s.walks.maxAge = 2 * time.Second
	w := &walker{t: t, s: s, at: testRoot}
	for i := range 4 {
		w.next(time.Unix(100+int64(i), 0))
	}
	w.want(1, 1, 1, 2) // older than allowed
}

func TestWalkContextsAreApart(t *testing.T) {
	s := newTestServer(&changing{t: t, rows: 9})
	a, b := &walker{t: t, s: s, at: testRoot}, &walker{t: t, s: s, at: testRoot, ctx: "b"}
	for i := range 3 {
		a.next(time.Unix(100, int64(i)))
		b.next(time.Unix(100, int64(i)))
	}
	a.want(1, 1, 1)
	b.want(2, 2, 2)
}

// Several columns in one request, one of which ends before the others; the
// requests of one transaction see one Snapshot in any case.
func TestWalkOfColumns(t *testing.T) {
	s := newTestServer(&changing{t: t, rows: 3})
	now := time.Unix(100, 0)
	column, scalar := testRoot.Append(1, 1, 2), testRoot.Append(2)
	starts := []OID{scalar, column}
	for txn := range uint32(4) {
		m := Message{TransactionID: txn, Body: GetNext{[]SearchRange{{Start: starts[0], End: testRoot.Append(3)}, {Start: starts[1], End: scalar}}}}
		for range 2 {
			binds := ask(t, s, m, now).Body.(Response).VarBinds
			if v := binds[1].Value; txn < 3 && v != Count64(1) {
				t.Fatalf("transaction %d: %s", txn, v)
			}
			starts = []OID{binds[0].Name, binds[1].Name}
		}
	}
}

func TestWalksAreBounded(t *testing.T) {
	h := &changing{t: t, rows: 9}
	s := newTestServer(h)
	for i := range maxWalks + 1 {
		w := &walker{t: t, s: s, at: NewOID(1, uint32(i))}
		w.next(time.Unix(100, int64(i)))
		if n := len(s.walks.list); n > maxWalks {
			t.Fatalf("%d walks", n)
		}
	}
	for i := range maxCursors + 5 {
		s.walks.list[0].answered([]byte(NewOID(uint32(i)).b))
	}
	if w := s.walks.list[0]; len(w.cursors) != maxCursors || string(w.cursors[maxCursors-1]) != NewOID(maxCursors+4).b {
		t.Errorf("%d cursors", len(w.cursors))
	}
	if next := s.walks.expire(time.Unix(100, 500)); next.IsZero() || len(s.walks.list) != maxWalks {
		t.Errorf("expired too early, next %v", next)
	}
	if next := s.walks.expire(time.Unix(102, 0)); !next.IsZero() || len(s.walks.list) != 0 {
		t.Errorf("%d walks left, next %v", len(s.walks.list), next)
	}
}
