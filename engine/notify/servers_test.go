// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify/document"
)

// farm are settings of every sort of virtual server, each with one real server.
func farm() *Settings {
	say := func(words ...string) Script { return Script{Argv: append([]string{"say"}, words...)} }
	service := func(v event.VirtualServer, server string) ServiceSettings {
		return ServiceSettings{
			VirtualServer: v, QuorumUp: say("quorum", "up"), QuorumDown: say("quorum", "down"), SMTPAlert: true,
			Servers: []ServerSettings{{Addr: netip.MustParseAddrPort(server), Up: say("server", "up"), Down: say("server", "down"), SMTPAlert: true}},
		}
	}
	return &Settings{Services: []ServiceSettings{
		service(event.VirtualServer{Protocol: event.ProtocolTCP, Addr: netip.MustParseAddrPort("10.0.0.1:80")}, "192.0.2.1:8080"),
		service(event.VirtualServer{Protocol: event.ProtocolUDP, Addr: netip.MustParseAddrPort("[2001:db8::1]:53")}, "[2001:db8::5]:53"),
		service(event.VirtualServer{Protocol: event.ProtocolTCP, Group: "GROUP"}, "192.0.2.1:443"),
		service(event.VirtualServer{Mark: 5, Family: 6}, "[2001:db8::5]:0"),
	}}
}

func quorum(service string, from, to event.State, why event.Reason) event.Event {
	return event.Event{
		Epoch: 9, Seq: 1, Kind: event.ServiceQuorum, Origin: event.RoleCheck, From: from, To: to, Reason: why,
		Subject: event.Subject{Kind: event.SubjectVirtualServer, Name: service}, Wall: 1700000000123456789,
	}
}

func server(service, at string, from, to event.State, why event.Reason) event.Event {
	e := quorum(service, from, to, why)
	e.Kind, e.Subject = event.ServerState, event.Subject{Kind: event.SubjectRealServer, Name: service, Sub: at}
	e.Evidence.Check = event.CheckEvidence{Checker: event.CheckerTCP, Phase: event.PhaseConnect, Failures: 2, Quorum: 1, Servers: 1}
	return e
}

// TestPoolWords holds lines of FIFOs, scripts and subjects of mails to
// keepalived's, and what is not told beside what is.
func TestPoolWords(t *testing.T) {
	const web = "tcp/10.0.0.1:80"
	snapshot := server(web, "192.0.2.1:8080", event.StateNone, event.Down, event.Initial)
	snapshot.Snapshot = true
	for _, c := range []struct {
		name string
		e    event.Event
		// want is the line, the script and the subject; empty for nothing.
		line, script, subject string
	}{
		{
			"a server goes", server(web, "192.0.2.1:8080", event.Up, event.Down, event.FailConnectRefused),
			"RS [192.0.2.1]:tcp:8080 [10.0.0.1]:tcp:80 DOWN", "notify_down: say server down",
			"[lb1] Realserver [192.0.2.1]:tcp:8080 of virtual server [10.0.0.1]:tcp:80 - DOWN",
		},
		{
			"it comes back", server(web, "192.0.2.1:8080", event.Down, event.Up, event.Recovered),
			"RS [192.0.2.1]:tcp:8080 [10.0.0.1]:tcp:80 UP", "notify_up: say server up",
			"[lb1] Realserver [192.0.2.1]:tcp:8080 of virtual server [10.0.0.1]:tcp:80 - UP",
		},
		{
			"a server that was never up", server("udp/[2001:db8::1]:53", "[2001:db8::5]:53", event.StateNone, event.Down, event.FailConnectTimeout),
			"RS [2001:db8::5]:udp:53 [2001:db8::1]:udp:53 DOWN", "notify_down: say server down",
			"[lb1] Realserver [2001:db8::5]:udp:53 of virtual server [2001:db8::1]:udp:53 - DOWN",
		},
		{
			"a reload removes one", server("tcp/group:GROUP", "192.0.2.1:443", event.Up, event.Deleted, event.Reload),
			"RS [192.0.2.1]:tcp:443 [GROUP]:0 DOWN", "notify_down: say server down",
			"[lb1] Realserver [192.0.2.1]:tcp:443 of virtual server [GROUP]:0 - DOWN",
		},
		{
			"by a mark", server("fwmark:5/inet6", "[2001:db8::5]:0", event.Down, event.Up, event.Recovered),
			"RS [2001:db8::5]:none:0 FWM 5 UP", "notify_up: say server up",
			"[lb1] Realserver [2001:db8::5]:none:0 of virtual server FWM 5 - UP",
		},
		{
			"the quorum at the start", quorum(web, event.StateNone, event.Up, event.Initial),
			"VS [10.0.0.1]:tcp:80 UP", "quorum_up: say quorum up", "[lb1] Virtualserver [10.0.0.1]:tcp:80 - UP",
		},
		{
			"the quorum goes", quorum("tcp/group:GROUP", event.Up, event.Down, event.ServerDown),
			"VS [GROUP]:0 DOWN", "quorum_down: say quorum down", "[lb1] Virtualserver [GROUP]:0 - DOWN",
		},
		{
			"a reload removes the service", quorum("fwmark:5/inet6", event.Up, event.Deleted, event.Reload),
			"VS FWM 5 DOWN", "quorum_down: say quorum down", "[lb1] Virtualserver FWM 5 - DOWN",
		},
		{name: "a server that is up at the start", e: server(web, "192.0.2.1:8080", event.StateNone, event.Up, event.Initial)},
		{name: "what a snapshot repeats", e: snapshot},
		{name: "what a restarted worker takes up again", e: server(web, "192.0.2.1:8080", event.StateNone, event.Down, event.Resumed)},
		{name: "another weight", e: server(web, "192.0.2.1:8080", event.Up, event.Up, event.WeightChanged)},
		{name: "checks that rest", e: server(web, "192.0.2.1:8080", event.Up, event.Disabled, event.HASuspend)},
		{name: "checks that rest no more", e: server(web, "192.0.2.1:8080", event.Disabled, event.Up, event.HASuspend)},
		{name: "the end of one that was down", e: server(web, "192.0.2.1:8080", event.Down, event.Deleted, event.Reload)},
		{name: "the sorry server", e: server(web, "sorry/192.0.2.1:8080", event.Down, event.Up, event.SorryServer)},
		{name: "a stranger", e: server(web, "192.0.2.77:8080", event.Up, event.Down, event.FailConnectRefused)},
	} {
		n, ok := newBook(farm()).read(&c.e)
		if !ok {
			if c.line != "" {
				t.Errorf("%s: nothing is told", c.name)
			}
			continue
		}
		keyword, script := n.script()
		if got := strings.TrimSuffix(n.line(), "\n"); got != c.line {
			t.Errorf("%s: the line is %q, want %q", c.name, got, c.line)
		}
		if got := keyword + ": " + strings.Join(script.Argv, " "); got != c.script {
			t.Errorf("%s: the script is %q, want %q", c.name, got, c.script)
		}
		if got := subject(&n, "lb1"); got != c.subject || !n.to.SMTPAlert {
			t.Errorf("%s: the subject is %q, want %q", c.name, got, c.subject)
		}
	}
	first := server(web, "192.0.2.1:8080", event.StateNone, event.Up, event.Initial)
	set := farm()
	set.InitNotifies = true
	if _, ok := newBook(set).read(&first); !ok {
		t.Error("with rs_init_notifies a server that is up at the start is not told")
	}
}

// TestPoolParted: what a reload removed is told with its old settings, once.
func TestPoolParted(t *testing.T) {
	b := newBook(farm())
	next := farm()
	next.Services[0].Servers = nil
	next.Services = next.Services[:1]
	b.configure(next)
	for _, e := range []event.Event{
		server("tcp/10.0.0.1:80", "192.0.2.1:8080", event.Up, event.Deleted, event.Reload),
		quorum("tcp/group:GROUP", event.Up, event.Deleted, event.Reload),
	} {
		if n, ok := b.read(&e); !ok || !n.only.Set() {
			t.Errorf("the end of %v is not told", e.Subject)
		}
	}
	b.configure(next)
	e := quorum("tcp/group:GROUP", event.Up, event.Deleted, event.Reload)
	if _, ok := b.read(&e); ok {
		t.Error("what is gone since two configurations is told")
	}
}

// TestPoolFIFOs: each FIFO has the lines of its half.
func TestPoolFIFOs(t *testing.T) {
	dir := t.TempDir()
	set := farm()
	set.Instances = []SubjectSettings{{Name: "VI_1"}}
	for _, k := range []string{"notify_fifo", "vrrp_notify_fifo", "lvs_notify_fifo"} {
		set.FIFOs = append(set.FIFOs, FIFOSettings{Keyword: k, Path: filepath.Join(dir, k)})
	}
	f, err := NewFIFOs(set, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, f)
	f.Events([]event.Event{
		state(1, event.Init, event.Backup, event.Startup),
		quorum("tcp/10.0.0.1:80", event.StateNone, event.Up, event.Initial),
		server("tcp/10.0.0.1:80", "192.0.2.1:8080", event.Up, event.Down, event.FailConnectRefused),
	})
	const vrrp, lvs = "INSTANCE \"VI_1\" BACKUP 150\n", "VS [10.0.0.1]:tcp:80 UP\nRS [192.0.2.1]:tcp:8080 [10.0.0.1]:tcp:80 DOWN\n"
	for k, want := range map[string]string{"notify_fifo": vrrp + lvs, "vrrp_notify_fifo": vrrp, "lvs_notify_fifo": lvs} {
		if got := readFIFO(t, filepath.Join(dir, k), strings.Count(want, "\n")); got != want {
			t.Errorf("%s holds\n%s\nwant\n%s", k, got, want)
		}
	}
}

// TestPoolDocument: a webhook hears of the server and of the check.
func TestPoolDocument(t *testing.T) {
	e := server("tcp/10.0.0.1:80", "192.0.2.1:8080", event.Up, event.Down, event.FailConnectRefused)
	d := document.New(&e, "lb1", "")
	if d.Subject.Server != "192.0.2.1:8080" || d.Subject.Name != "tcp/10.0.0.1:80" || d.Evidence == nil || d.Evidence.Check == nil {
		t.Fatalf("%+v", d)
	}
	c := d.Evidence.Check
	got := fmt.Sprint(c.Checker, " ", c.Phase, " ", c.Failures, " ", c.Up, "/", c.Servers, " ", d.From, " ", d.To, " ", d.Reason)
	if want := "TCP_CHECK connect 2 0/1 UP DOWN connect_refused"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestPoolScriptEnvironment: a script is told which server it is about.
func TestPoolScriptEnvironment(t *testing.T) {
	e := server("tcp/10.0.0.1:80", "192.0.2.1:8080", event.Up, event.Down, event.FailConnectRefused)
	n, _ := newBook(farm()).read(&e)
	for _, want := range []string{"VIGIL_SUBJECT=tcp/10.0.0.1:80", "VIGIL_SERVER=192.0.2.1:8080", "VIGIL_TO=DOWN", "VIGIL_REASON=connect_refused"} {
		if env := n.environment(event.SpanID{}); !slices.Contains(env, want) {
			t.Errorf("%s is not in %q", want, env)
		}
	}
}
