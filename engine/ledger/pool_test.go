// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

var (
	web      = event.VirtualServer{Protocol: event.ProtocolTCP, Addr: netip.MustParseAddrPort("192.0.2.1:80")}
	webKey   = web.Subject()
	backends = []event.Subject{
		event.ServerSubject(webKey.Name, netip.MustParseAddrPort("198.51.100.1:80"), false),
		event.ServerSubject(webKey.Name, netip.MustParseAddrPort("198.51.100.2:80"), false),
	}
)

// poolRows describes the service with some of its servers, the IDs from first on.
func poolRows(first uint32, servers ...event.Subject) []event.Row {
	rows := []event.Row{{Service: &event.ServiceRow{Subject: webKey, ID: first, Index: 1, VirtualServer: web, Quorum: 1, State: event.Up, Since: 1}}}
	for i, s := range servers {
		id := first + uint32(i)
		rows = append(rows, event.Row{Server: &event.ServerRow{
			Subject: s, ID: id, Service: first, Index: i + 1, Weight: 1, State: event.Up, Since: 1,
			Checks: []event.CheckRow{{ID: id, Checker: event.CheckerTCP, Index: 1, Detail: s.Sub}},
		}})
	}
	return rows
}

// teller numbers the events of one life of the check role.
type teller struct {
	l     *ledger.Ledger
	epoch uint64
	seq   uint64
}

func (c *teller) tell(at time.Duration, e event.Event) event.Ref {
	c.seq++
	e.Epoch, e.Seq, e.Origin = c.epoch, c.seq, event.RoleCheck
	e.At, e.Wall = event.Instant(at), wallAt(at)
	c.l.Apply(&e)
	return e.Ref()
}

func wallAt(at time.Duration) int64 { return 1_763_625_600_000_000_000 + int64(at) }

func TestPoolFollowsServers(t *testing.T) {
	l := ledger.New()
	l.ServerRows(1, poolRows(0, backends...))
	before := l.View()
	c := &teller{l: l, epoch: 9}
	failed := c.tell(time.Second, event.Event{Kind: event.CheckOutcome, Subject: backends[1], From: event.Up, To: event.Down, Reason: event.FailConnectRefused})
	down := c.tell(time.Second, event.Event{Kind: event.ServerState, Subject: backends[1], From: event.Up, To: event.Down, Reason: event.FailConnectRefused, Cause: failed})
	c.tell(2*time.Second, event.Event{Kind: event.IPVSApplied, Subject: webKey, Cause: down, Root: down, Count: 1})
	c.tell(3*time.Second, event.Event{Kind: event.NotifySent, Subject: event.Subject{Kind: event.SubjectChannel, Name: "smtp"}, Cause: down, Root: down})
	lost := c.tell(4*time.Second, event.Event{Kind: event.ServiceQuorum, Subject: webKey, From: event.Up, To: event.Down, Reason: event.ServerDown, Cause: down})
	c.tell(5*time.Second, event.Event{Kind: event.IPVSApplied, Subject: webKey, Cause: lost, Root: lost, Reason: event.FailKernel})

	s := l.View().Pool.Service("[192.0.2.1]:tcp:80")
	if s == nil || s != l.View().Pool.Service(webKey.Name) {
		t.Fatal("the service is not found by both of its names")
	}
	if s.State != event.Down || s.SinceWall != wallAt(4*time.Second) || s.Last.Ref() != lost || len(s.Story) != 1 {
		t.Errorf("the service is %v since %d, with %d events in its story", s.State, s.SinceWall, len(s.Story))
	}
	v := s.Server("198.51.100.2:80")
	if v.State != event.Down || v.Last.Ref() != down || v.Outcome.Ref() != failed || len(v.Story) != 3 {
		t.Errorf("the server is %v, with %d events in its story", v.State, len(v.Story))
	}
	if len(s.Because) != 2 || s.Because[0].Ref() != down || s.Because[1].Ref() != failed || len(v.Because) != 1 {
		t.Errorf("the service went down because of %v, the server because of %v", s.Because, v.Because)
	}
	if up := s.Server("198.51.100.1:80"); up.State != event.Up || up.Last != nil {
		t.Errorf("the other server is %v, with a change %v", up.State, up.Last)
	}
	if p := l.View().Pool; p.Applied.Reason != event.FailKernel || p.Refused.Reason != event.FailKernel {
		t.Errorf("applied %v, refused %v", p.Applied.Reason, p.Refused.Reason)
	}
	if old := before.Pool.Service(webKey.Name); old.State != event.Up || old.Servers[1].State != event.Up {
		t.Error("a picture that was handed out has changed")
	}
	if again := l.View(); again.Pool != l.View().Pool {
		t.Error("an unchanged picture is not shared")
	}
}

// TestPoolReload: what the new rows also have keeps its state and story, and
// what they leave out is forgotten.
func TestPoolReload(t *testing.T) {
	l := ledger.New()
	l.ServerRows(1, poolRows(0, backends...))
	c := &teller{l: l, epoch: 9}
	down := c.tell(time.Second, event.Event{Kind: event.ServerState, Subject: backends[1], From: event.Up, To: event.Down, Reason: event.FailReadTimeout})
	l.ServerRows(2, poolRows(7, backends[1]))
	c.tell(2*time.Second, event.Event{Kind: event.IPVSApplied, Subject: webKey, Cause: down, Root: down})
	c.tell(2*time.Second, event.Event{Kind: event.ServerState, Subject: backends[0], From: event.Up, To: event.Down, Reason: event.FailReadTimeout})
	s := l.View().Pool.Service(webKey.Name)
	if len(s.Servers) != 1 || s.Servers[0].State != event.Down || s.Servers[0].Last.Ref() != down || len(s.Servers[0].Story) != 1 {
		t.Errorf("after the reload: %d servers, %+v", len(s.Servers), s.Servers[0])
	}
}

// TestPoolWithoutRows: the parent, which is told no rows, remembers states and
// hands them to a new reader.
func TestPoolWithoutRows(t *testing.T) {
	l := ledger.New()
	c := &teller{l: l, epoch: 9}
	down := c.tell(time.Second, event.Event{Kind: event.ServerState, Subject: backends[1], From: event.Up, To: event.Down, Reason: event.FailReadTimeout})
	c.tell(time.Second, event.Event{Kind: event.ServiceQuorum, Subject: webKey, From: event.Up, To: event.Down, Reason: event.ServerDown, Cause: down})
	text, err := json.Marshal(l.Save())
	if err != nil {
		t.Fatal(err)
	}
	m := &ledger.Memory{}
	if err := json.Unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
	next, err := ledger.Restore(m)
	if err != nil {
		t.Fatal(err)
	}
	next.ServerRows(1, poolRows(0, backends...))
	c.l = next
	c.tell(2*time.Second, event.Event{Kind: event.NotifySent, Cause: down, Root: down})
	s := next.View().Pool.Service(webKey.Name)
	if s.State != event.Down || len(s.Servers) != 2 || s.Servers[0].State != event.Up {
		t.Fatalf("restored: %v with %d servers", s.State, len(s.Servers))
	}
	if v := s.Servers[1]; v.State != event.Down || v.Last == nil || v.Last.Reason != event.FailReadTimeout || len(v.Story) == 0 {
		t.Errorf("restored: %v, last %+v, story %d", v.State, v.Last, len(v.Story))
	}
}

// reading is counters of one service with one failing server.
func reading(gen uint32, at time.Duration, attempts, failures uint64) *event.Counters {
	c := &event.Counters{
		Generation: gen, At: event.Instant(at), HasPool: true,
		Services: []event.ServiceTally{{ID: 0, State: event.Up, Alive: 1, Lost: failures, Stats: event.IPVSStats{Conns: 40}}},
		Servers:  []event.ServerTally{{ID: 1, State: event.Down, Changes: failures, Stats: event.IPVSStats{Conns: 30}}},
		Checks:   []event.CheckTally{{ID: 1, Server: 1, Checker: event.CheckerTCP, Attempts: attempts, Failures: failures}},
		Failures: []event.FailureTally{{Service: 0, Checker: event.CheckerTCP, Reason: event.FailConnectRefused, Count: failures}},
		Phases: []event.PhaseTally{{Service: 0, Checker: event.CheckerTCP, Phase: event.PhaseConnect, Histogram: event.Histogram{
			Buckets: [event.CheckBuckets]uint64{attempts}, Sum: time.Duration(attempts),
		}}},
	}
	c.Pool.Ops[0], c.Pool.Delay.Sum, c.Pool.Available = failures, time.Duration(attempts), true
	return c
}

// TestPoolCounters: what the check role counts goes on over its restart, what
// the kernel counts is the kernel's.
func TestPoolCounters(t *testing.T) {
	l := ledger.New()
	l.ServerRows(3, poolRows(0, backends...))
	l.Counters(1, reading(3, time.Second, 10, 4))
	first := l.View()
	l.Counters(1, reading(3, 2*time.Second, 20, 5))
	l.Counters(2, reading(3, 3*time.Second, 7, 2)) // another life
	l.Counters(2, reading(4, 4*time.Second, 1000, 1000))
	l.Counters(2, reading(3, time.Second, 1000, 1000))
	p := l.View().Pool
	s := p.Services[0]
	v := s.Servers[1]
	if s.Tally.Lost != 7 || s.Tally.Stats.Conns != 40 || v.Tally.Changes != 7 || v.Tally.Stats.Conns != 30 {
		t.Errorf("service %+v, server %+v", s.Tally, v.Tally)
	}
	if len(v.Checks) != 1 || v.Checks[0].Attempts != 27 || v.Checks[0].Failures != 7 {
		t.Errorf("checks %+v", v.Checks)
	}
	if len(s.Failures) != 1 || s.Failures[0].Count != 7 || len(s.Phases) != 1 || s.Phases[0].Buckets[0] != 27 {
		t.Errorf("failures %+v, phases %+v", s.Failures, s.Phases)
	}
	if p.Tally.Ops[0] != 7 || p.Tally.Delay.Sum != 27 || !p.Tally.Available || p.Counted != event.Instant(3*time.Second) {
		t.Errorf("pool %+v at %v", p.Tally, p.Counted)
	}
	if old := first.Pool.Services[0]; old.Tally.Lost != 4 || old.Servers[1].Checks[0].Attempts != 10 || old.Failures[0].Count != 4 {
		t.Errorf("a picture that was handed out has changed: %+v", old)
	}
}

// TestPoolHugeIDs: a reading with IDs that no row has costs nothing.
func TestPoolHugeIDs(t *testing.T) {
	l := ledger.New()
	rows := poolRows(0, backends...)
	rows[2].Server.ID, rows[2].Server.Checks[0].ID = 1<<31, 1<<31
	l.ServerRows(1, rows)
	c := reading(1, time.Second, 1, 1)
	c.Services[0].ID, c.Servers[0].ID, c.Checks[0].ID, c.Failures[0].Service = 1<<31, 1<<30, 1<<29, 5
	l.Counters(1, c)
	if v := l.View().Pool.Services[0].Servers[1]; v.Tally.Changes != 0 {
		t.Errorf("counted %+v", v.Tally)
	}
}

// TestPoolSharesWhatStays: an event makes a new picture of the server that it is
// about and of its service, and of nothing else.
func TestPoolSharesWhatStays(t *testing.T) {
	l := ledger.New()
	rows := poolRows(0, backends...)
	other := event.VirtualServer{Group: "other"}
	rows = append(rows, event.Row{Service: &event.ServiceRow{Subject: other.Subject(), ID: 1, VirtualServer: other}})
	l.ServerRows(1, rows)
	c := &teller{l: l, epoch: 9}
	before := l.View().Pool
	if len(before.Services) != 2 || len(before.Services[0].Servers) != len(backends) {
		t.Fatalf("%d services, %d servers", len(before.Services), len(before.Services[0].Servers))
	}
	c.tell(time.Second, event.Event{Kind: event.ServerState, Subject: backends[1], From: event.Up, To: event.Down, Reason: event.FailConnectRefused})
	after := l.View().Pool
	if after == before || after.Services[0] == before.Services[0] || after.Services[0].Servers[1] == before.Services[0].Servers[1] {
		t.Error("what changed is not shown")
	}
	if after.Services[0].Servers[0] != before.Services[0].Servers[0] || after.Services[1] != before.Services[1] {
		t.Error("what did not change was copied")
	}
	l.Counters(1, reading(1, 2*time.Second, 1, 1))
	if last := l.View().Pool; last.Services[0].Servers[1] == after.Services[0].Servers[1] || last.Services[0].Servers[1].Tally.Changes != 1 {
		t.Error("counters are not shown")
	}
}

func BenchmarkPoolEvent(b *testing.B) {
	l := ledger.New()
	rows := []event.Row{{Service: &event.ServiceRow{Subject: webKey, VirtualServer: web}}}
	for i := range uint32(10000) {
		s := event.ServerSubject(webKey.Name, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80), false)
		rows = append(rows, event.Row{Server: &event.ServerRow{Subject: s, ID: i, Checks: []event.CheckRow{{ID: i, Checker: event.CheckerTCP}}}})
	}
	l.ServerRows(1, rows)
	e := event.Event{Kind: event.ServerState, Origin: event.RoleCheck, Epoch: 1, To: event.Down, Reason: event.FailConnectRefused}
	b.ReportAllocs()
	for b.Loop() {
		e.Seq++
		e.At++
		e.Subject = rows[1+e.Seq%10000].Server.Subject
		l.Apply(&e)
		if l.View().Pool == nil {
			b.Fatal("no picture")
		}
	}
}

func BenchmarkPoolCounters(b *testing.B) {
	l := ledger.New()
	rows := []event.Row{{Service: &event.ServiceRow{Subject: webKey, VirtualServer: web}}}
	c := &event.Counters{Generation: 1, Services: []event.ServiceTally{{State: event.Up}}, HasPool: true}
	for i := range uint32(10000) {
		s := event.ServerSubject(webKey.Name, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 80), false)
		rows = append(rows, event.Row{Server: &event.ServerRow{Subject: s, ID: i, Checks: []event.CheckRow{{ID: i, Checker: event.CheckerTCP}}}})
		c.Servers = append(c.Servers, event.ServerTally{ID: i, State: event.Up, Weight: 1})
		c.Checks = append(c.Checks, event.CheckTally{ID: i, Server: i, Checker: event.CheckerTCP, Attempts: 5})
	}
	l.ServerRows(1, rows)
	b.ReportAllocs()
	for b.Loop() {
		c.At++
		l.Counters(1, c)
		if l.View().Pool == nil {
			b.Fatal("no picture")
		}
	}
}
