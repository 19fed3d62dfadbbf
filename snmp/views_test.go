// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// These Views say what testdata/keepalived-2.2.7/*.conf say, in the states in
// which keepalived was when it was walked.

var (
	v4Group = netip.MustParseAddr("224.0.0.18")
	v6Group = netip.MustParseAddr("ff02::12")
	links   = map[string]int{"lo": 1, "eth0": 3, "eth1": 5}
)

func subject(kind event.SubjectKind, name string) event.Subject {
	return event.Subject{Kind: kind, Name: name}
}

// instance is one with keepalived's defaults, in the state given.
func instance(name, link string, vrid, version, priority uint8, now event.State) *ledger.Instance {
	row := event.InstanceRow{
		Subject:   event.Subject{Kind: event.SubjectInstance, Name: name, Family: 4, VRID: vrid},
		Interface: link, Version: version, Priority: priority, InitialState: event.Backup,
		AdvertInterval: time.Second, Preempt: true, TrackPrimary: true, GarpDelay: 5 * time.Second, Accept: true, Multicast: v4Group,
	}
	return &ledger.Instance{Row: row, State: now, Base: priority, Priority: priority}
}

// own gives an instance its addresses; those after "|" are excluded ones.
func own(in *ledger.Instance, prefixes ...string) {
	advertised := true
	for _, p := range prefixes {
		if p == "|" {
			advertised = false
			continue
		}
		in.Addresses = append(in.Addresses, address(p, in.Row.Interface, in.State == event.Master))
		in.Addresses[len(in.Addresses)-1].Row.Advertised = advertised
	}
}

func address(prefix, link string, owned bool) *ledger.Address {
	return &ledger.Address{Owned: owned, Row: event.AddressRow{Prefix: netip.MustParsePrefix(prefix), Interface: link, IfIndex: links[link]}}
}

func track(kind event.SubjectKind, name string, weight int, reverse bool) *event.TrackRow {
	return &event.TrackRow{Object: subject(kind, name), Weight: weight, Reverse: reverse}
}

func script(name, command string, interval time.Duration, weight int, now event.State) *ledger.Script {
	return &ledger.Script{State: now, Row: event.ScriptRow{
		Subject: subject(event.SubjectScript, name), Command: command, Path: command,
		Interval: interval, Timeout: interval, Weight: weight, Rise: 1, Fall: 1,
	}}
}

// global is the row of a configuration that sets nothing.
func global(router string) event.GlobalRow {
	return event.GlobalRow{Version: "vigild 1.0", RouterID: router, Generation: 1, EmailFaults: true}
}

// tracking is tracking.conf.
func tracking() *ledger.View {
	g := global("D")
	g.Emails, g.EmailFaults = []string{"x@example.org"}, false
	g.SMTPAlert, g.SMTPAlertChecker, g.Traps, g.LVSFlush, g.LVSFlushOnStop, g.DBus = event.TriOff, event.TriOn, true, true, "yes", true

	b1 := instance("b1", "eth0", 1, 2, 10, event.Backup)
	b1.Row.AdvertInterval, b1.Row.PreemptDelay, b1.Row.Accept = 5*time.Second, 12500*time.Millisecond, false
	b1.Row.NotifyExec, b1.Row.NotifyDeleted, b1.Row.Linkbeat = true, true, true
	b1.Row.ScriptRxLower, b1.Row.ScriptDeleted = "'/usr/bin/echo' 'low'", "'/usr/bin/echo' 'del' 'x y'"
	b1.Priority = 3
	own(b1, "192.0.2.201/24", "10.9.9.1/32", "10.9.9.5/32", "|", "192.0.2.203/24", "192.0.2.204/24", "192.0.2.205/24")
	b1.Addresses[1].Row.Peer = netip.MustParsePrefix("10.9.9.2/32")
	b1.Addresses[3].Row.Scope, b1.Addresses[4].Row.Scope, b1.Addresses[5].Row.Scope = 255, 200, 100
	b1.Tracks = []*event.TrackRow{
		track(event.SubjectInterface, "eth1", -5, true), track(event.SubjectInterface, "lo", 0, false),
		track(event.SubjectScript, "chk", -20, false), track(event.SubjectScript, "chk2", 3, true),
		track(event.SubjectScript, "never", 1, false), track(event.SubjectScript, "cat", 7, true),
	}

	m2 := instance("m2", "eth0", 2, 3, 255, event.Master)
	m2.Row.InitialState, m2.Row.AdvertInterval, m2.Row.SyncGroup, m2.Row.NotifyExec = event.Master, 300*time.Millisecond, "GE", true
	own(m2, "192.0.2.211/24", "192.0.2.212/24", "|", "192.0.2.213/24", "2001:db8::9/128")
	m2.Addresses[1].Row.Label = "x"
	m2.Addresses[3].Row.Peer = netip.MustParsePrefix("2001:db8::10/128")
	m2.Tracks = []*event.TrackRow{track(event.SubjectScript, "chk", 0, false)}

	m3 := instance("m3", "eth1", 3, 2, 200, event.Master)
	m3.Row.AuthType, m3.Row.GarpDelay, m3.Row.Preempt, m3.Row.SyncGroup = 2, 0, false, "GE"
	m3.Row.NotifyExec, m3.Row.Script = true, "'/usr/bin/echo' 'x'"
	own(m3, "198.51.100.9/24")

	g1 := instance("g1", "eth1", 4, 2, 200, event.Master)
	g1.Row.SyncGroup, g1.Priority = "GG", 208
	own(g1, "198.51.100.10/24")

	never := script("never", "'/usr/bin/sleep' '100'", 200*time.Second, 1, event.Unknown)
	chk := script("chk", "'/usr/bin/true' 'arg' '1'", 2*time.Second, -20, event.Up)
	chk.Row.Rise, chk.Row.Fall = 2, 3
	chk2 := script("chk2", "'/usr/bin/false' 'a b' 'q'", time.Second, 10, event.Down)
	chk2.Row.Reverse, chk2.Row.Fall = true, 2
	return &ledger.View{
		Global:    g,
		Instances: []*ledger.Instance{b1, m2, m3, g1},
		Groups: []*ledger.Group{
			{
				State: event.Master,
				Row: event.GroupRow{
					Subject: subject(event.SubjectGroup, "GG"), Members: []string{"g1"}, TrackingWeight: true, NotifyExec: true,
					ScriptBackup: "'/usr/bin/echo' 'a' 'b'", ScriptFault: "'/usr/bin/echo' 'f'", ScriptStop: "'/usr/bin/echo' 's'",
				},
				Tracks: []*event.TrackRow{track(event.SubjectInterface, "eth0", 3, false), track(event.SubjectScript, "chk", 5, false)},
			},
			{State: event.Master, Row: event.GroupRow{Subject: subject(event.SubjectGroup, "GE"), Members: []string{"m2", "m3"}}},
		},
		Scripts: []*ledger.Script{
			chk, chk2, never,
			script("cat", "</etc/hostname", time.Second, 4, event.Up),
			script("unused", "'/usr/bin/true'", time.Second, 0, event.Unknown),
		},
		Static: []*ledger.Address{address("192.0.2.200/24", "eth0", true), address("2001:db8::200/64", "eth1", true)},
	}
}

// families is families.conf.
func families() *ledger.View {
	g := global("C")
	g.SMTPServer, g.SMTPPort, g.SMTPTimeout, g.EmailFrom = "2001:db8::25", 25, 30*time.Second, "root@vm"
	g.SMTPAlert, g.SMTPAlertVRRP, g.Traps, g.DynamicInterfaces = event.TriOn, event.TriOff, true, true

	six := instance("six", "eth0", 6, 3, 255, event.Master)
	six.Row.InitialState, six.Row.AdvertInterval, six.Row.Accept = event.Master, 250*time.Millisecond, false
	six.Row.PromoteSecondaries, six.Row.TrackPrimary, six.Row.Multicast = true, false, v6Group
	own(six, "fe80::6/64", "2001:db8::66/64", "2001:db8::67/128")

	uni := instance("uni", "eth0", 7, 2, 50, event.Backup)
	uni.Row.AdvertInterval, uni.Row.NotifyDeleted, uni.Priority = 3*time.Second, true, 55
	uni.Row.Peers = []netip.Addr{netip.MustParseAddr("192.0.2.12"), netip.MustParseAddr("192.0.2.13")}
	own(uni, "192.0.2.110/24", "192.0.2.111/24", "192.0.2.112/24")
	uni.Addresses[1].Row.Scope = 254
	uni.Addresses[2].Row.Broadcast = netip.MustParseAddr("192.0.2.0")
	uni.Tracks = []*event.TrackRow{track(event.SubjectFile, "tf", 1, false), track(event.SubjectProcess, "tp", 3, false)}

	down := instance("down", "eth9", 9, 3, 100, event.Fault)
	own(down, "192.0.2.120/32")
	tf, tp := subject(event.SubjectFile, "tf"), subject(event.SubjectProcess, "tp")
	return &ledger.View{
		Global: g, Instances: []*ledger.Instance{six, uni, down},
		Files: []*event.FileRow{{Subject: tf, Path: "/tmp/trackfile", Weight: 2}},
		Routes: []*event.RouteRow{
			way("six", event.RoutePath{Destination: netip.MustParsePrefix("2001:db8:1::/48"), Gateway: netip.MustParseAddr("2001:db8::1"), Interface: "eth0"}),
			way("six", event.RoutePath{Type: "blackhole", Destination: netip.MustParsePrefix("2001:db8:2::/48")}),
			way("uni", event.RoutePath{Destination: netip.MustParsePrefix("10.1.0.0/16"), Gateway: netip.MustParseAddr("192.0.2.1"), Interface: "eth0", Table: 100, Metric: 5}),
			way("uni", event.RoutePath{Destination: netip.MustParsePrefix("10.2.0.0/16"), Gateway: netip.MustParseAddr("192.0.2.1"), Source: netip.MustParseAddr("192.0.2.110")}),
			ruled("uni", 300, event.RuleMatch{From: netip.MustParsePrefix("10.1.0.0/16"), Table: 100}),
			ruled("uni", 16384, event.RuleMatch{To: netip.MustParsePrefix("10.3.0.0/16"), Table: 200}),
		},
		Processes: []*event.ProcessRow{{Subject: tp, Command: "bash", Weight: 3, Quorum: 1, QuorumMax: -1}},
		Objects:   []*ledger.Object{{Subject: tf, State: event.Up, Value: 5}, {Subject: tp, State: event.Down}},
	}
}

// waiting is waiting.conf, one second after the start.
func waiting() *ledger.View {
	g := global("F")
	g.SMTPServer, g.SMTPPort, g.SMTPTimeout, g.EmailFrom, g.Traps = "127.0.0.1", 25, 30*time.Second, "me@x", true
	none := instance("none", "eth0", 9, 2, 100, event.Backup)
	one := instance("one", "eth0", 1, 2, 150, event.Backup)
	one.Row.InitialState, one.Row.AdvertInterval, one.Row.SyncGroup = event.Master, 4*time.Second, "T"
	one.Tracks = []*event.TrackRow{track(event.SubjectInterface, "eth0", 0, false)}
	own(one, "192.0.2.201/24")
	two := instance("two", "eth1", 2, 2, 100, event.Backup)
	two.Priority = 110
	two.Tracks = []*event.TrackRow{track(event.SubjectInterface, "lo", 10, false)}
	own(two, "192.0.2.211/24")
	two.Addresses[0].Row.Interface, two.Addresses[0].Row.IfIndex = "eth0", 3
	three := instance("three", "eth0", 3, 2, 20, event.Backup)
	three.Row.InitialState, three.Row.NotifyExec, three.Row.ScriptFault = event.Master, true, "'/usr/bin/echo' 'a'"
	own(three, "192.0.2.221/24")
	four := instance("four", "eth0", 4, 2, 255, event.Master)
	four.Row.InitialState = event.Master
	own(four, "192.0.2.231/24")
	all := []*ledger.Instance{none, one, two, three, four}
	for _, in := range all {
		in.Row.GarpDelay = 3 * time.Second
		in.Last = event.Event{Kind: event.VRRPState, From: event.Init, To: event.Backup, Reason: event.Startup}
	}
	return &ledger.View{Global: g, Instances: all, Groups: []*ledger.Group{{
		State: event.Backup, Row: event.GroupRow{Subject: subject(event.SubjectGroup, "T"), Members: []string{"one"}},
		Tracks: []*event.TrackRow{track(event.SubjectInterface, "eth0", 4, false)},
	}}}
}
