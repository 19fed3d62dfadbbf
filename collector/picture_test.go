// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// wallBase is the wall clock at instant 0: 2025-11-20 08:00:00 UTC.
const wallBase = int64(1_763_625_600_000_000_000)

// fixed is a Source that always shows the same picture and counts questions.
type fixed struct {
	view      *ledger.View
	refreshes atomic.Int64
}

func (f *fixed) View() *ledger.View { return f.view }

func (f *fixed) Refresh(context.Context) *ledger.View {
	f.refreshes.Add(1)
	return f.view
}

// rows describes two instances in a group, with something tracked of each kind.
func rows() []event.Row {
	vi1 := event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}
	vi2 := event.Subject{Kind: event.SubjectInstance, Name: "VI_2", Family: 6, VRID: 52}
	track := func(kind event.SubjectKind, name string, weight int) event.Row {
		return event.Row{Track: &event.TrackRow{Owner: vi1, Object: event.Subject{Kind: kind, Name: name}, Weight: weight}}
	}
	address := func(owner event.Subject, prefix string) event.Row {
		return event.Row{Address: &event.AddressRow{Instance: owner, Prefix: netip.MustParsePrefix(prefix), Interface: "eth0"}}
	}
	return []event.Row{
		{Global: &event.GlobalRow{RouterID: "r1", Generation: 2, Hash: 0xfeed_0000_0000_0001, Warnings: 1}},
		{Instance: &event.InstanceRow{Subject: vi1, Index: 1, Interface: "eth0", Version: 3, Priority: 100, AdvertInterval: time.Second, GarpDelay: 5 * time.Second, SyncGroup: "G1"}},
		{Instance: &event.InstanceRow{Subject: vi2, Index: 2, Interface: "eth0", Version: 3, Priority: 90, AdvertInterval: time.Second, SyncGroup: "G1"}},
		address(vi1, "192.0.2.1/24"), address(vi1, "192.0.2.2/24"), address(vi2, "2001:db8::1/64"),
		{Group: &event.GroupRow{Subject: event.Subject{Kind: event.SubjectGroup, Name: "G1"}, Members: []string{"VI_1", "VI_2"}}},
		{Script: &event.ScriptRow{Subject: event.Subject{Kind: event.SubjectScript, Name: "chk_web"}, Weight: -20}},
		track(event.SubjectScript, "chk_web", -20), track(event.SubjectFile, "load", 1), track(event.SubjectProcess, "haproxy", 0),
		track(event.SubjectInterface, "eth1", 10),
		{BFD: &event.BFDRow{Subject: event.Subject{Kind: event.SubjectBFD, Name: "gw"}, Neighbor: netip.MustParseAddr("192.0.2.254")}},
		{Interface: &event.InterfaceRow{Name: "eth1", IfIndex: 3, Up: true}},
	}
}

// picture folds a short life: start, promotion, a mail, a script that fails.
func picture() *ledger.Ledger {
	l := ledger.New()
	l.Rows(rows())
	seq := uint64(0)
	add := func(at time.Duration, e event.Event) event.Ref {
		seq++
		e.Epoch, e.Seq, e.Origin, e.At, e.Wall = 7, seq, event.RoleVRRP, event.Instant(at), wallBase+int64(at)
		l.Apply(&e)
		return e.Ref()
	}
	vi1 := event.Subject{Kind: event.SubjectInstance, Name: "VI_1", Family: 4, VRID: 51}
	vi2 := event.Subject{Kind: event.SubjectInstance, Name: "VI_2", Family: 6, VRID: 52}
	vrrp := event.Subject{Kind: event.SubjectWorker, Name: "vrrp"}
	chk := event.Subject{Kind: event.SubjectScript, Name: "chk_web"}
	smtp := event.Subject{Kind: event.SubjectChannel, Name: "smtp"}
	add(time.Second, event.Event{Kind: event.WorkerStarted, Subject: vrrp})
	add(time.Second, event.Event{Kind: event.ConfigLoaded, Took: 4 * time.Millisecond})
	add(time.Second, event.Event{Kind: event.VRRPState, Subject: vi1, From: event.Init, To: event.Backup, Reason: event.Startup, Priority: 100})
	add(time.Second, event.Event{Kind: event.VRRPState, Subject: vi2, From: event.Init, To: event.Backup, Reason: event.Startup, Priority: 90})
	add(2*time.Second, event.Event{Kind: event.ExecDone, Subject: chk, Count: 1, Reason: event.FailExit, Took: 30 * time.Millisecond})
	add(2*time.Second, event.Event{Kind: event.TrackChanged, Subject: chk, To: event.Down})
	add(2*time.Second, event.Event{Kind: event.TrackChanged, Subject: event.Subject{Kind: event.SubjectFile, Name: "load"}, To: event.Up, Count: 3})
	add(2*time.Second, event.Event{Kind: event.TrackChanged, Subject: event.Subject{Kind: event.SubjectProcess, Name: "haproxy"}, To: event.Up, Count: 4})
	gw := event.Subject{Kind: event.SubjectBFD, Name: "gw"}
	add(2*time.Second, event.Event{Kind: event.TrackChanged, Subject: gw, From: event.Down, To: event.Up, Reason: event.NeighborUp})
	add(3*time.Second, event.Event{Kind: event.TrackChanged, Subject: gw, From: event.Up, To: event.Down, Reason: event.FailTimeout, Count: 1})
	l.BFD(7, &event.BFDTally{
		Subject: gw, At: event.Instant(3 * time.Second), Sent: 120, Received: 100, Refused: 2, SendErrors: 1,
		Detection: 50 * time.Millisecond, TxInterval: 10 * time.Millisecond,
	})
	add(2*time.Second, event.Event{
		Kind: event.VRRPPriority, Subject: vi1, Priority: 80,
		Evidence: event.Evidence{Base: 100, Effective: 80, NTerm: 1, Terms: [8]event.Term{{Kind: event.SubjectScript, Name: "chk_web", Delta: -20}}},
	})
	root := add(10*time.Second, event.Event{
		Kind: event.VRRPState, Subject: vi1, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Priority: 80,
		Evidence: event.Evidence{N: 1, Heard: [8]event.Heard{{At: event.Instant(6400 * time.Millisecond), Priority: 150}}},
	})
	add(10*time.Second, event.Event{Kind: event.GroupState, Subject: event.Subject{Kind: event.SubjectGroup, Name: "G1"}, From: event.Backup, To: event.Master, Reason: event.SyncGroup})
	add(10*time.Second+2*time.Millisecond, event.Event{Kind: event.AddressAdded, Subject: vi1, Root: root, Cause: root, Count: 2, Took: 2 * time.Millisecond})
	add(10*time.Second+3*time.Millisecond, event.Event{Kind: event.AnnounceSent, Subject: vi1, Root: root, Cause: root, Reason: event.AnnounceTransition, Count: 10, Took: time.Millisecond})
	add(10*time.Second+40*time.Millisecond, event.Event{Kind: event.NotifyFailed, Subject: smtp, Root: root, Cause: root, Reason: event.FailRefused, Count: 1})
	add(11*time.Second, event.Event{Kind: event.NotifySent, Subject: smtp, Root: root, Cause: root, Count: 2, Took: 30 * time.Millisecond})

	tally := event.Tally{
		Subject: vi1, At: event.Instant(12 * time.Second), Sent: 2, Received: 6, Missed: 3, NearMisses: 1, ZeroReceived: 1,
		GratuitousARPs: 10, Priority: 80, MasterPriority: 150, MasterInterval: time.Second, MasterDown: 3609 * time.Millisecond,
		Margin: 2600 * time.Millisecond, GapSum: 5.02,
		InState: [4]time.Duration{0, 9 * time.Second, 2 * time.Second, 0},
	}
	tally.Gaps[3], tally.Gaps[5] = 4, 1
	i, _ := event.RejectAuthFailure.RejectIndex()
	tally.Rejects[i] = 5
	l.Tally(7, &tally)
	router := event.RouterTally{At: event.Instant(12 * time.Second), VRID: 2, LagSum: time.Millisecond, LagMax: 700 * time.Microsecond, RealTime: true}
	router.Lag[0], router.Lag[3] = 9, 1
	l.Router(7, &router)
	balanced(l)
	return l
}

// balanced adds a virtual server with two real servers, one of them down, and
// a sorry server.
func balanced(l *ledger.Ledger) {
	web := event.VirtualServer{Protocol: event.ProtocolTCP, Addr: netip.MustParseAddrPort("192.0.2.1:443")}
	key := web.Subject()
	rows := []event.Row{{Service: &event.ServiceRow{
		Subject: key, Index: 1, VirtualServer: web, Scheduler: "wrr", Method: event.Method{Forward: event.ForwardDR}, Persistence: 5 * time.Minute, Quorum: 2, State: event.Up,
	}}}
	for i, addr := range []string{"198.51.100.1:443", "198.51.100.2:443", "198.51.100.9:443"} {
		id := uint32(i)
		row := event.ServerRow{ID: id, Index: i + 1, Addr: netip.MustParseAddrPort(addr), Weight: 1, State: event.Up, Sorry: i == 2}
		row.Subject = event.ServerSubject(key.Name, row.Addr, row.Sorry)
		if !row.Sorry {
			row.Checks = []event.CheckRow{{ID: 2 * id, Checker: event.CheckerSSL, Index: 1}, {ID: 2*id + 1, Checker: event.CheckerSSL, Index: 2}}
		}
		rows = append(rows, event.Row{Server: &row})
	}
	l.ServerRows(1, rows)
	down := rows[2].Server.Subject
	l.Apply(&event.Event{
		Epoch: 8, Seq: 1, Origin: event.RoleCheck, At: event.Instant(11 * time.Second), Wall: wallBase + int64(11*time.Second), Kind: event.ServerState,
		Subject: down, From: event.Up, To: event.Down, Reason: event.FailHTTPStatus,
	})
	c := event.Counters{
		Generation: 1, At: event.Instant(12 * time.Second), HasPool: true,
		Services: []event.ServiceTally{{State: event.Up, Alive: 1, Up: 1, Down: 1, Lost: 1, Stats: event.IPVSStats{Conns: 50, InPackets: 400, InBytes: 30_000}}},
		Servers: []event.ServerTally{
			{ID: 0, State: event.Up, Weight: 1, Active: 7, Inactive: 3, Persistent: 2, Stats: event.IPVSStats{Conns: 40, InPackets: 300, OutPackets: 1, InBytes: 20_000, OutBytes: 40}},
			{ID: 1, State: event.Down, Changes: 1},
		},
		Checks: []event.CheckTally{
			{ID: 0, Checker: event.CheckerSSL, Up: true, Run: true, Attempts: 9, LastRun: event.Instant(11 * time.Second), LastTook: 3 * time.Millisecond, Expiry: 1_800_000_000},
			{ID: 1, Checker: event.CheckerSSL, Up: true, Run: true, Attempts: 9},
			{ID: 2, Server: 1, Checker: event.CheckerSSL, Run: true, Attempts: 10, Failures: 2, Retries: 1, Failing: 2},
			{ID: 3, Server: 1, Checker: event.CheckerSSL},
		},
		Failures: []event.FailureTally{{Checker: event.CheckerSSL, Reason: event.FailHTTPStatus, Count: 2}},
		Phases: []event.PhaseTally{{Checker: event.CheckerSSL, Phase: event.PhaseTLS, Histogram: event.Histogram{
			Buckets: [event.CheckBuckets]uint64{1: 20, 4: 8}, Sum: 90 * time.Millisecond,
		}}},
	}
	c.Pool = event.PoolTally{Available: true, Services: 1, Dests: 2, SyncMaster: true, Shared: 3, Stray: 1, Limited: 4, Judged: 100}
	c.Pool.InFlight[event.CheckerSSL] = 2
	c.Pool.Ops[1], c.Pool.Errors[2], c.Pool.Drift[1] = 3, 1, 2
	l.Counters(8, &c)
}

// clock is a wall clock that stands still until it is moved.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time        { return time.Unix(0, wallBase+c.at.Load()) }
func (c *clock) move(by time.Duration) { c.at.Add(int64(by)) }

// full are options with every exit configured.
func full(c *clock) Options {
	return Options{
		Build:   Build{Version: "1.0.0", Revision: "abc", Branch: "main"},
		Started: time.Unix(0, wallBase),
		Now:     c.now,
		Tier:    TierFull,
		Channels: func() []ChannelStats {
			return []ChannelStats{{Channel: "smtp", Queued: 3, GaveUp: 1, Waiting: 1, OldestWall: wallBase}, {Channel: "webhook:ops", Queued: 2}, {Channel: "webhook:dev", Queued: 5}}
		},
		Log: func() LogStats { return LogStats{Info: 12, Error: 1} },
		SNMP: func() SNMPStats {
			return SNMPStats{Connected: true, Connects: 2, Requests: map[string]uint64{"get": 9}, Traps: map[string]uint64{"vrrpInstanceStateChange": 1}}
		},
		OTLP: func() []OTLPStats { return []OTLPStats{{Signal: "traces", Exports: 4}} },
	}
}
