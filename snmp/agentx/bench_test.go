// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkGetNext answers GETNEXTs of one variable, as snmpd sends in a walk.
func BenchmarkGetNext(b *testing.B) {
	snap := table(b, 10_000, 1)
	s := newTestServer(HandlerFunc(func(string) *Snapshot { return snap }))
	var out writer
	root := testRoot
	name, now := root, time.Now()
	rows := slices.Collect(snap.All())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		req, err := AppendMessage(nil, Message{Flags: FlagNetworkByteOrder, TransactionID: uint32(i), Body: GetNext{[]SearchRange{{Start: name}}}})
		if err != nil {
			b.Fatal(err)
		}
		h, _ := DecodeHeader(req, DefaultLimits)
		out.b = out.b[:0]
		if err := s.serve(&out, h, req[HeaderLen:], now); err != nil {
			b.Fatal(err)
		}
		if name = rows[i%len(rows)].Name; i%len(rows) == len(rows)-1 {
			name = root
		}
	}
}

// BenchmarkGetBulk answers GETBULKs of 100 variables; ns/op is for all of them.
func BenchmarkGetBulk(b *testing.B) {
	snap := table(b, 10_000, 1)
	s := newTestServer(HandlerFunc(func(string) *Snapshot { return snap }))
	req, err := AppendMessage(nil, Message{Flags: FlagNetworkByteOrder, Body: GetBulk{MaxRepetitions: 100, Ranges: []SearchRange{{Start: testRoot}}}})
	if err != nil {
		b.Fatal(err)
	}
	h, _ := DecodeHeader(req, DefaultLimits)
	var out writer
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		out.b = out.b[:0]
		if err := s.serve(&out, h, req[HeaderLen:], now); err != nil {
			b.Fatal(err)
		}
	}
}
