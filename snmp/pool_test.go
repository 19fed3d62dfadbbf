// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// pooled is a View with a virtual server of each type, full of what there can be.
func pooled() *ledger.View {
	v := &ledger.View{Global: global("P")}
	v.Global.SNMPChecker, v.Global.Traps = true, true
	v.Global.Sync = &event.SyncRow{Interface: "eth0", Instance: "V", ID: 7, MaxLen: 1400, Port: 8849, TTL: 3, Group: netip.MustParseAddr("224.0.0.82")}
	v.Global.LVSTCP, v.Global.LVSTCPFin, v.Global.LVSUDP = 900*time.Second, time.Minute, 2*time.Minute
	first, last := netip.MustParseAddr("10.0.0.102"), netip.MustParseAddr("10.0.0.105")
	v.ServiceGroups = []*event.ServiceGroupRow{{Name: "G1", Index: 1, Entries: []event.ServiceEntry{
		{Family: 4, First: first, Last: first, Port: 80}, {Family: 4, First: first, Last: last, Port: 81}, {Mark: 77, Family: 4},
	}}}
	stats := event.IPVSStats{
		Conns: 1<<32 + 1, InPackets: 1<<32 + 2, OutPackets: 1<<32 + 3, InBytes: 1 << 40, OutBytes: 1 << 41,
		ConnRate: 1<<33 + 4, InPacketRate: 5, OutPacketRate: 6, InByteRate: 7, OutByteRate: 8,
	}
	web := event.VirtualServer{Protocol: event.ProtocolTCP, Addr: netip.MustParseAddrPort("10.0.0.100:80")}
	one := &ledger.Service{State: event.Up, Row: event.ServiceRow{
		Subject: web.Subject(), Index: 1, VirtualServer: web, Scheduler: "wrr", Persistence: 300 * time.Second, Granularity: 24,
		Alpha: true, Omega: true, Quorum: 2, Hysteresis: 1, VirtualHost: "www.example", SNMPName: "first",
		QuorumUp: "'/usr/bin/echo' 'up' 'a b'", QuorumDown: "'/usr/bin/echo' 'down'", SMTPAlert: true, Weight: 1,
		Delay: time.Second, Retry: 3, RetryDelay: 2 * time.Second, Warmup: 500 * time.Millisecond, ConnectTimeout: 4 * time.Second,
	}, Tally: event.ServiceTally{State: event.Up, Stats: stats}}
	server := func(s *ledger.Service, addr string, sorry bool, edit func(*ledger.Server)) {
		at := netip.MustParseAddrPort(addr)
		r := &ledger.Server{State: event.Up, Row: event.ServerRow{
			Subject: event.ServerSubject(s.Row.Subject.Name, at, sorry), Addr: at, Sorry: sorry, Method: s.Row.Method, Weight: 1, WeightNow: 1,
		}, Tally: event.ServerTally{State: event.Up, Weight: 1, Wanted: 1}}
		if edit != nil {
			edit(r)
		}
		s.Servers = append(s.Servers, r)
	}
	server(one, "10.1.0.11:8080", false, func(r *ledger.Server) {
		r.Row.Upper, r.Row.Lower, r.Row.VirtualHost, r.Row.SNMPName = 100, 10, "rs.example", "rs one"
		r.Row.NotifyUp, r.Row.NotifyDown, r.Row.Alpha, r.Row.SMTPAlert = "'/usr/bin/echo' 'rsup'", "/usr/bin/echo x", true, true
		r.Row.Delay, r.Row.ConnectTimeout = 2500*time.Millisecond, 4*time.Second
		r.Tally = event.ServerTally{State: event.Up, Weight: 3, Wanted: 3, Active: 4, Inactive: 5, Persistent: 6, Stats: stats}
		r.Row.Checks = []event.CheckRow{{Run: true, Up: false}, {Run: false, Up: true}, {Run: true, Up: true}}
		r.Checks = []event.CheckTally{{Run: true, Up: true}, {Run: true, Up: true}} // the third was not counted yet
	})
	server(one, "10.1.0.12:8080", false, func(r *ledger.Server) {
		r.Row.InhibitOnFailure, r.State = true, event.Down
		r.Row.Checks = []event.CheckRow{{}, {Up: true}}
		r.Row.WeightNow, r.Tally = 9, event.ServerTally{}
	})
	server(one, "10.1.0.13:8080", true, nil)
	mark := event.VirtualServer{Mark: 5, Family: 4}
	gue := event.Method{Forward: event.ForwardTUN, Tunnel: event.TunnelGUE, Sum: event.TunnelSumOn, Port: 6635}
	two := &ledger.Service{State: event.Down, Row: event.ServiceRow{
		Subject: mark.Subject(), Index: 2, VirtualServer: mark, Scheduler: "sh", Method: gue, Flag1: true, Flag2: true, InhibitOnFailure: true, Weight: 7,
	}, Tally: event.ServiceTally{Suspended: true}}
	server(two, "10.1.0.11:80", false, nil)
	group := event.VirtualServer{Protocol: event.ProtocolUDP, Group: "G1"}
	three := &ledger.Service{State: event.Up, Row: event.ServiceRow{
		Subject: group.Subject(), Index: 3, VirtualServer: group, Scheduler: "unheard of", Method: event.Method{Forward: event.ForwardDR},
		Granularity: 64, Entries: []event.ServiceEntry{{Family: 6}}, OnePacket: true, HASuspend: true,
	}}
	server(three, "[2001:db8:1::b]:80", false, nil)
	v.Pool = &ledger.Pool{Services: []*ledger.Service{one, two, three}}
	return v
}

// shown are the objects of these names with their indices and values.
func shown(t *testing.T, v *ledger.View, names ...string) (out []string) {
	t.Helper()
	s, err := Build(v)
	if err != nil {
		t.Fatal(err)
	}
	for b := range s.All() {
		for _, n := range names {
			if o := compatOID(n); b.Name.HasPrefix(o) {
				out = append(out, fmt.Sprintf("%s.%s = %s", n, b.Name.Tail(o.Len()), b.Value))
			}
		}
	}
	return out
}

// What the twins on a kernel with IPVS do not meet: counters beyond 32 bits, and
// rows that nobody has counted yet.
func TestServersBeyondTheTwins(t *testing.T) {
	v := pooled()
	for _, c := range []struct{ name, want string }{
		{"virtualServerStatsConns", "1 Gauge32: 1; 2 Gauge32: 0; 3 Gauge32: 0"},
		{"virtualServerStatsInPkts", "1 Counter32: 2; 2 Counter32: 0; 3 Counter32: 0"},
		{"virtualServerStatsConns64", "1 Counter64: 4294967297; 2 Counter64: 0; 3 Counter64: 0"},
		{"virtualServerRateCps", "1 Gauge32: 4; 2 Gauge32: 0; 3 Gauge32: 0"},
		{"virtualServerRateCpsLow", "1 Gauge32: 4; 2 Gauge32: 0; 3 Gauge32: 0"},
		{"virtualServerRateCpsHigh", "1 Gauge32: 2; 2 Gauge32: 0; 3 Gauge32: 0"},
		{"virtualServerRateCps64", "1 Counter64: 8589934596; 2 Counter64: 0; 3 Counter64: 0"},
		{"virtualServerStatus", "1 INTEGER: 1; 2 INTEGER: 2; 3 INTEGER: 1"},
		{"virtualServerLoadBalancingAlgo", "1 INTEGER: 2; 2 INTEGER: 8; 3 INTEGER: 99"},
		{"virtualServerPersistGranularity", `1 OCTET STRING: "\xff\xff\xff\x00"; 2 OCTET STRING: "\xff\xff\xff\xff"; 3 OCTET STRING: "@\x00\x00\x00"`},
		{"virtualServerPersistGranularity6", "2 Gauge32: 4294967295; 3 Gauge32: 64"},
		{"virtualServerQuorumUpPath", `1 OCTET STRING: "/usr/bin/echo"`},
		{"virtualServerConnTimeoutUsec", "1 Gauge32: 4000000; 2 Gauge32: 5000000; 3 Gauge32: 5000000"},
		{"virtualServerTunnelCsum", "2 INTEGER: 2"},
		{"realServerType", "1.1 INTEGER: 2; 1.2 INTEGER: 1; 1.3 INTEGER: 1; 2.1 INTEGER: 1; 3.1 INTEGER: 1"},
		{"realServerPort", "1.1 Gauge32: 8080; 1.2 Gauge32: 8080; 1.3 Gauge32: 8080; 2.1 Gauge32: 0; 3.1 Gauge32: 80"},
		{"realServerWeight", "1.2 INTEGER: 3; 1.3 INTEGER: 9; 2.1 INTEGER: 1; 3.1 INTEGER: 1"},
		{"realServerFailedChecks", "1.2 Gauge32: 0; 1.3 Gauge32: 1; 2.1 Gauge32: 0; 3.1 Gauge32: 0"},
		{"realServerNotRunCheckers", "1.2 Gauge32: 0; 1.3 Gauge32: 2; 2.1 Gauge32: 0; 3.1 Gauge32: 0"},
		{"realServerNotifyDownPath", `1.2 OCTET STRING: "/usr/bin/echo"`},
		{"virtualServerGroupMemberType", "1.1 INTEGER: 1; 1.2 INTEGER: 2; 1.3 INTEGER: 3"},
		{"lvsSyncDaemonSyncId", "0 INTEGER: 7"},
		{"lvsTimeoutTcpFin", "0 INTEGER: 60"},
	} {
		var got []string
		for _, l := range shown(t, v, c.name) {
			got = append(got, strings.Replace(strings.TrimPrefix(l, c.name+"."), " = ", " ", 1))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, s, c.want)
		}
	}
	// Nobody serves this branch where there is nothing to balance.
	v.Pool = nil
	if got := shown(t, v, "lvsSyncDaemonEnabled", "lvsTimeoutTcp", "virtualServerType", "realServerType"); len(got) > 0 {
		t.Errorf("without virtual servers: %v", got)
	}
}

// serverMoved is a change of a real server of pooled.
func serverMoved(service, server int, from, to event.State, why event.Reason) event.Event {
	e := event.Event{
		Epoch: 5, Seq: 1, Kind: event.ServerState, Subject: pooled().Pool.Services[service].Servers[server].Row.Subject, From: from, To: to, Reason: why,
	}
	e.Evidence.Check.ServersUp, e.Evidence.Check.Servers = 1, 2
	return e
}

func quorumMoved(service int, from, to event.State, why event.Reason) event.Event {
	e := event.Event{Epoch: 5, Seq: 2, Kind: event.ServiceQuorum, Subject: pooled().Pool.Services[service].Row.Subject, From: from, To: to, Reason: why}
	e.Evidence.Check.ServersUp, e.Evidence.Check.Servers, e.Evidence.Check.Quorum = 1, 2, 3
	return e
}

func TestTrapsOfServers(t *testing.T) {
	const web = ` .K.3.3.1.2=INTEGER: 2 .K.3.3.1.5=INTEGER: 1 .K.3.3.1.6=Hex-STRING: 0A 00 00 64  .K.3.3.1.7=Gauge32: 80 .K.3.3.1.8=INTEGER: 1`
	const tail = ` .K.3.3.1.21=Gauge32: 1 .K.3.3.1.20=Gauge32: 2 .K.1.2.0=STRING: "P"`
	got := told(newBook(false), pooled(),
		serverMoved(0, 0, event.Up, event.Down, event.FailConnectRefused),
		quorumMoved(0, event.Up, event.Down, event.ServerDown),
		quorumMoved(1, event.StateNone, event.Up, event.Initial),
		quorumMoved(2, event.Up, event.Up, event.Shutdown),
	)
	// With omega its two servers were taken down a moment before.
	end := pooled()
	for i, r := range end.Pool.Services[0].Servers[:2] {
		last := serverMoved(0, i, event.Up, event.Down, event.Shutdown)
		r.State, r.Last = event.Down, &last
	}
	got = append(got, told(newBook(false), end, quorumMoved(0, event.Up, event.Down, event.Shutdown))...)
	want := []string{
		`K.3.5.0.1 .K.3.4.1.3=INTEGER: 1 .K.3.4.1.4=Hex-STRING: 0A 01 00 0B  .K.3.4.1.5=Gauge32: 8080 .K.3.4.1.6=INTEGER: 2` + web + tail,
		`K.3.5.0.2` + web + ` .K.3.3.1.23=INTEGER: 2 .K.3.3.1.22=Gauge32: 3` + tail,
		`K.3.5.0.2 .K.3.3.1.2=INTEGER: 1 .K.3.3.1.4=Gauge32: 5 .K.3.3.1.8=INTEGER: 2 .K.3.3.1.23=INTEGER: 1 .K.3.3.1.22=Gauge32: 3` + tail,
		`K.3.5.0.2 .K.3.3.1.2=INTEGER: 3 .K.3.3.1.3=STRING: "G1" .K.3.3.1.8=INTEGER: 2 .K.3.3.1.23=INTEGER: 3 .K.3.3.1.22=Gauge32: 3` + tail,
		`K.3.5.0.2` + web + ` .K.3.3.1.23=INTEGER: 3 .K.3.3.1.22=Gauge32: 3` + strings.Replace(tail, "32: 1", "32: 3", 1),
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWhatIsToldOfServersAndWhatNot(t *testing.T) {
	silent := pooled()
	silent.Global.Traps = false
	early := pooled()
	early.Pool = nil
	restated := quorumMoved(0, event.StateNone, event.Up, event.Initial)
	restated.Snapshot = true
	nameless := serverMoved(0, 0, event.Up, event.Down, event.FailConnectRefused)
	nameless.Subject.Name = "?"
	for _, c := range []struct {
		name string
		view *ledger.View
		e    event.Event
		want int
	}{
		{"a server that goes down", pooled(), serverMoved(0, 0, event.Up, event.Down, event.FailConnectRefused), 1},
		{"one that begins down", pooled(), serverMoved(0, 0, event.StateNone, event.Down, event.Initial), 1},
		{"one that begins up", pooled(), serverMoved(0, 0, event.StateNone, event.Up, event.Initial), 0},
		{"one that is removed while up", pooled(), serverMoved(0, 0, event.Up, event.Deleted, event.Reload), 1},
		{"one that is removed while down", pooled(), serverMoved(0, 0, event.Down, event.Deleted, event.Reload), 0},
		{"the end of one with omega", pooled(), serverMoved(0, 0, event.Up, event.Down, event.Shutdown), 0},
		{"another weight", pooled(), serverMoved(0, 0, event.Up, event.Up, event.WeightChanged), 0},
		{"the sorry server", pooled(), serverMoved(0, 2, event.Down, event.Up, event.SorryServer), 0},
		{"a rest", pooled(), serverMoved(0, 0, event.Up, event.Disabled, event.HASuspend), 0},
		{"without enable_traps", silent, serverMoved(0, 0, event.Up, event.Down, event.FailConnectRefused), 0},
		{"before the rows are there", early, quorumMoved(0, event.StateNone, event.Up, event.Initial), 1},
		{"a quorum that is restated", pooled(), restated, 0},
		{"a name that cannot be", pooled(), nameless, 0},
	} {
		if got := told(newBook(false), c.view, c.e); len(got) != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// tenThousand is a View with as many real servers.
func tenThousand() *ledger.View {
	v := pooled()
	one := v.Pool.Services[0]
	one.Servers = slices.Clone(one.Servers[:1])
	for i := range 9_999 {
		r := *one.Servers[0]
		r.Row.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80)
		one.Servers = append(one.Servers, &r)
	}
	return v
}

func BenchmarkBuild10000Servers(b *testing.B) {
	v := tenThousand()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Build(v); err != nil {
			b.Fatal(err)
		}
	}
}

// A walk of 10,000 real servers, the tool and snmpd included.
func BenchmarkSnmpdWalk10000Servers(b *testing.B) {
	s := newStation(b)
	v := tenThousand()
	s.serving(&source{view: v}, nil)
	want := len(walk(b, v, mib.Keepalived+".3.4"))
	for b.Loop() {
		if got := s.ask("snmpbulkwalk", "public", "."+mib.Keepalived+".3.4"); len(got) != want {
			b.Fatalf("%d lines of %d", len(got), want)
		}
	}
	b.ReportMetric(float64(want), "lines")
}

var _ agentx.Table = (*rendered[int])(nil)
