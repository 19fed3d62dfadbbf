// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func newTestServer(h Handler) *server {
	return &server{handler: h, limits: DefaultLimits, walks: walks{hold: time.Second, maxAge: time.Minute}}
}

// ask sends m through the serving path and returns the response.
func ask(t rapid.TB, s *server, m Message, now time.Time) Message {
	t.Helper()
	b, err := AppendMessage(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	h, err := DecodeHeader(b, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	var w writer
	if err := s.serve(&w, h, b[HeaderLen:], now); err != nil {
		t.Fatal(err)
	}
	res, n, err := Decode(w.b, Limits{MaxPayload: 1 << 30, MaxVarBinds: 1 << 30})
	if err != nil || n != len(w.b) {
		t.Fatalf("response %x: %v", w.b, err)
	}
	if res.SessionID != m.SessionID || res.TransactionID != m.TransactionID || res.PacketID != m.PacketID ||
		res.Flags != m.Flags&FlagNetworkByteOrder {
		t.Fatalf("response %+v to %+v", res, m)
	}
	return res
}

// modelNext is RFC 2741 §7.2.3.2 read literally, over rows in any order.
func modelNext(rows []VarBind, r SearchRange) VarBind {
	best := VarBind{Name: r.Start, Value: Exception(EndOfMibView)}
	found := false
	for _, row := range rows {
		after := row.Name.Compare(r.Start)
		if after < 0 || after == 0 && !r.Include || !r.End.IsZero() && row.Name.Compare(r.End) >= 0 {
			continue
		}
		if !found || row.Name.Compare(best.Name) < 0 {
			best, found = row, true
		}
	}
	return best
}

// model answers a whole request.
func model(rows []VarBind, objects []OID, body Body) []VarBind {
	var out []VarBind
	switch p := body.(type) {
	case Get:
		for _, r := range p.Ranges {
			v := Exception(NoSuchObject)
			for _, o := range objects {
				if r.Start.HasPrefix(o) {
					v = Exception(NoSuchInstance)
				}
			}
			for _, row := range rows {
				if row.Name == r.Start {
					v = row.Value
				}
			}
			out = append(out, VarBind{r.Start, v})
		}
	case GetNext:
		for _, r := range p.Ranges {
			out = append(out, modelNext(rows, r))
		}
	case GetBulk:
		n := min(int(p.NonRepeaters), len(p.Ranges))
		for _, r := range p.Ranges[:n] {
			out = append(out, modelNext(rows, r))
		}
		at := slices.Clone(p.Ranges[n:])
		for more, i := len(at) > 0, 0; more && i < int(p.MaxRepetitions); i++ {
			more = false
			for j := range at {
				v := modelNext(rows, at[j])
				out = append(out, v)
				if v.Value.Type() != EndOfMibView {
					at[j].Start, at[j].Include, more = v.Name, false, true
				}
			}
		}
	}
	return out
}

func TestServeAgreesWithModel(t *testing.T) {
	small := rapid.Custom(func(t *rapid.T) OID {
		return NewOID(1, 3, 6, 1).Append(rapid.SliceOfN(rapid.Uint32Range(0, 3), 1, 4).Draw(t, "oid")...)
	})
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(small, 0, 20, rapid.ID).Draw(t, "names")
		var rows []VarBind
		for i, n := range names {
			rows = append(rows, VarBind{n, Int(int32(i))})
		}
		// Object types: all names of one length, so that none is below another.
		objects := rapid.SliceOfNDistinct(rapid.Map(small, func(o OID) OID { return o.Head(5) }), 0, 3, rapid.ID).Draw(t, "objects")
		snap, err := NewSnapshot(slices.Clone(rows), slices.Clone(objects))
		if err != nil {
			t.Fatal(err)
		}
		var ranges []SearchRange
		for range rapid.IntRange(0, 4).Draw(t, "ranges") {
			r := SearchRange{Start: small.Draw(t, "start"), Include: rapid.Bool().Draw(t, "include")}
			if rapid.Bool().Draw(t, "bounded") {
				r.End = small.Draw(t, "end")
			}
			ranges = append(ranges, r)
		}
		body := rapid.SampledFrom([]Body{
			Get{ranges},
			GetNext{ranges},
			GetBulk{rapid.Uint16Range(0, 5).Draw(t, "non"), rapid.Uint16Range(0, 6).Draw(t, "max"), ranges},
		}).Draw(t, "body")
		m := Message{Flags: rapid.SampledFrom([]Flags{be, le}).Draw(t, "order"), SessionID: 1, TransactionID: 2, PacketID: 3, Body: body}
		s := newTestServer(HandlerFunc(func(string) *Snapshot { return snap }))
		res := ask(t, s, m, time.Unix(100, 0)).Body.(Response)
		want := model(rows, objects, body)
		if res.Error != NoError || !reflect.DeepEqual(res.VarBinds, want) {
			t.Fatalf("%+v\n got %v\nwant %v", m, res, want)
		}
		if s.served != len(want) {
			t.Fatalf("%d counted, %d served", s.served, len(want))
		}
		for _, r := range ranges { // the exported way gives the same
			if snap.Next(r) != modelNext(rows, r) || snap.Get(r.Start) != model(rows, objects, Get{[]SearchRange{r}})[0].Value {
				t.Fatalf("Next or Get of %+v", r)
			}
		}
	})
}

func TestServeContexts(t *testing.T) {
	snap := table(t, 1, 1)
	s := newTestServer(HandlerFunc(func(name string) *Snapshot {
		if name == "known" {
			return snap
		}
		return nil
	}))
	for _, body := range []Body{Get{[]SearchRange{{Start: snap.Next(SearchRange{}).Name}}}, GetNext{[]SearchRange{{}}}, GetBulk{0, 1, []SearchRange{{}}}} {
		for name, want := range map[string]ErrorStatus{"known": NoError, "other": UnsupportedContext} {
			res := ask(t, s, Message{Flags: be | FlagNonDefaultContext, Context: name, Body: body}, time.Unix(1, 0)).Body.(Response)
			if res.Error != want || (len(res.VarBinds) == 1) != (want == NoError) {
				t.Errorf("%s in %q: %+v", body.pduType(), name, res)
			}
		}
	}
}

func TestServeSizeLimit(t *testing.T) {
	row := VarBind{NewOID(1, 1), Text(strings.Repeat("x", 1000))}
	next := VarBind{NewOID(1, 2), row.Value}
	snap, err := NewSnapshot([]VarBind{next, row}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := newTestServer(HandlerFunc(func(string) *Snapshot { return snap }))
	for limit, want := range map[int]ErrorStatus{1500: TooBig, 2500: NoError} {
		s.limits.MaxPayload = limit
		for _, body := range []Body{Get{[]SearchRange{{Start: row.Name}, {Start: next.Name}}}, GetNext{[]SearchRange{{}, {}}}} {
			res := ask(t, s, Message{Body: body}, time.Unix(1, 0)).Body.(Response)
			if res.Error != want || want == TooBig && (len(res.VarBinds) > 0 || s.served > 0) {
				t.Errorf("limit %d, %s: %s, %d variables", limit, body.pduType(), res.Error, len(res.VarBinds))
			}
		}
		res := ask(t, s, Message{Body: GetBulk{0, 9, []SearchRange{{}}}}, time.Unix(1, 0)).Body.(Response)
		if n := map[int]int{1500: 1, 2500: 3}[limit]; res.Error != NoError || len(res.VarBinds) != n {
			t.Errorf("limit %d, GetBulk: %s, %d variables, want %d", limit, res.Error, len(res.VarBinds), n)
		}
	}
	s.limits = Limits{MaxPayload: 900, MaxVarBinds: 9}
	if res := ask(t, s, Message{Body: GetBulk{0, 9, []SearchRange{{}}}}, time.Unix(1, 0)).Body.(Response); res.Error != TooBig {
		t.Errorf("GetBulk without room for one: %+v", res)
	}
	s.limits = Limits{MaxPayload: 9000, MaxVarBinds: 3}
	res := ask(t, s, Message{Body: GetBulk{0, 9, []SearchRange{{}, {}}}}, time.Unix(1, 0)).Body.(Response)
	if len(res.VarBinds) != 2 {
		t.Errorf("GetBulk with at most 3 varbinds: %d", len(res.VarBinds))
	}
}

func TestServeRefusesMalformed(t *testing.T) {
	s := newTestServer(HandlerFunc(func(string) *Snapshot { return nil }))
	s.limits.MaxVarBinds = 2
	for name, payload := range map[string]string{
		"half a range": "00000000", "runs out": "05000000 00000001", "three ranges": strings.Repeat("00000000 00000000", 3),
	} {
		var w writer
		err := s.serve(&w, Header{Type: TypeGetNext}, unhex(t, payload), time.Unix(1, 0))
		if !errors.Is(err, ErrMalformed) || len(w.b) > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, len(w.b))
		}
	}
}

func TestServeAllocatesNothing(t *testing.T) {
	snap := table(t, 1000, 1)
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
	}); n > 0 {
		t.Errorf("%v allocations for 500 variables", n)
	}
}

func TestNewSnapshotRefuses(t *testing.T) {
	ok := VarBind{NewOID(1, 2), Int(1)}
	for name, rows := range map[string][]VarBind{
		"twice":     {ok, {NewOID(1), Int(1)}, ok},
		"null":      {{OID{}, Int(1)}},
		"invalid":   {{NewOID(1), Value{}}},
		"exception": {{NewOID(1), Exception(EndOfMibView)}},
		"too long":  {{NewOID(make([]uint32, MaxSubIDs+1)...), Int(1)}},
	} {
		if _, err := NewSnapshot(rows, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s, err := NewSnapshot([]VarBind{ok, {NewOID(1, 1), Int(0)}}, nil)
	if rows := slices.Collect(s.All()); err != nil || len(rows) != 2 || rows[1] != ok {
		t.Errorf("unsorted rows: %+v, %v", s, err)
	}
}
