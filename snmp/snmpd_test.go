// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// These tests need Debian's snmpd, snmptrapd and snmp; a missing one is a failure.

// station is a real snmpd, a real receiver of traps, and the tools of a manager.
type station struct {
	t          testing.TB
	dir        string
	port, trap int
	snmpd      *exec.Cmd
}

func newStation(t testing.TB) *station {
	t.Helper()
	dir, err := os.MkdirTemp("", "snmp") //nolint:usetesting // short: the path of a socket has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &station{t: t, dir: dir, port: freePort(t), trap: freePort(t)}
	if err := os.MkdirAll(s.file("state/cert_indexes"), 0o700); err != nil { // the tools tell when they make it
		t.Fatal(err)
	}
	s.write("snmpd.conf", fmt.Sprintf("agentAddress udp:127.0.0.1:%d\nmaster agentx\nagentXSocket %s\n"+
		"rocommunity public 127.0.0.1\nrwcommunity private 127.0.0.1\ntrap2sink 127.0.0.1:%d public\n", s.port, s.socket(), s.trap))
	s.write("snmptrapd.conf", "disableAuthorization yes\n")
	s.daemon("snmptrapd", "-f", "-C", "-c", s.file("snmptrapd.conf"), "-On", "-Lf", s.file("traps"), "-F", `%v\n`, fmt.Sprintf("udp:127.0.0.1:%d", s.trap))
	s.start()
	return s
}

func (s *station) file(name string) string { return filepath.Join(s.dir, name) }
func (s *station) socket() string          { return s.file("master") }

func (s *station) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *station) command(name string, args ...string) *exec.Cmd {
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
	}
	cmd := exec.Command(path, args...)
	// No configuration and no state of the machine's own.
	cmd.Env = append(os.Environ(), "SNMPCONFPATH="+s.dir, "SNMP_PERSISTENT_DIR="+s.file("state"), "MIBS=")
	return cmd
}

func (s *station) daemon(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := s.command(name, args...)
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start %s: %v", name, err)
	}
	s.t.Cleanup(func() { end(cmd) })
	return cmd
}

// end kills a daemon; one that has ended already is fine.
func end(cmd *exec.Cmd) {
	cmd.Process.Kill() //nolint:errcheck // it may have ended
	cmd.Wait()         //nolint:errcheck // killed on purpose
}

func (s *station) start() {
	s.t.Helper()
	s.snmpd = s.daemon("snmpd", "-f", "-Lf", s.file("log"), "-C", "-c", s.file("snmpd.conf"))
}

// ask runs a tool of net-snmp on names and returns its lines.
func (s *station) ask(tool, community string, names ...string) []string {
	args := []string{"-v2c", "-On", "-t", "1", "-r", "3", "-c", community, fmt.Sprintf("127.0.0.1:%d", s.port)}
	out, _ := s.command(tool, append(args, names...)...).CombinedOutput() //nolint:errcheck // what it says is judged
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func freePort(t testing.TB) int {
	t.Helper()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	return p.LocalAddr().(*net.UDPAddr).Port
}

// eventually polls for a condition of the real world.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// serving runs an Agent at the station for the length of the test.
func (s *station) serving(src Source, publish func(event.Event)) *Agent {
	s.t.Helper()
	return s.servingWith(src, Options{Publish: publish})
}

func (s *station) servingWith(src Source, opts Options) *Agent {
	s.t.Helper()
	dial, err := agentx.Dialer("unix:" + s.socket())
	if err != nil {
		s.t.Fatal(err)
	}
	opts.Dial, opts.Backoff = dial, agentx.Backoff{Min: 20 * time.Millisecond, Max: 100 * time.Millisecond}
	a := New(opts, src)
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
	eventually(s.t, "all subtrees registered", func() bool { s := a.Stats().Session; return s.Registered == s.Registrations && s.Registered > 0 })
	return a
}

// What a manager sees is what was built, in every way of asking.
func TestSnmpdWalks(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	v := asked(eventful())
	s.serving(&source{view: v}, nil)
	for _, root := range []string{mib.Keepalived, mib.VigilRoot} {
		want := walk(t, v, root)
		for _, tool := range []string{"snmpbulkwalk", "snmpwalk"} {
			got := s.ask(tool, "public", "."+root)
			for i := range got {
				got[i] = strings.ReplaceAll(got[i], "\\\"", "\"")
			}
			if d := differences(want, got); len(want) < 60 || len(d) > 0 {
				t.Errorf("%s of %s: %d lines differ of %d, the first: %q", tool, root, len(d), len(want), append(d, "")[0])
			}
		}
	}
}

func TestSnmpdGetsAndRefusesSets(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	s.serving(&source{view: asked(tracking())}, nil)
	column := func(name, index string) string { return "." + mib.Compat.OID(name) + "." + index }
	got := s.ask("snmpget", "public", column("vrrpInstanceState", "2"), column("vrrpInstanceState", "9"), column("vrrpSyncGroupScriptMaster", "1"))
	want := []string{
		column("vrrpInstanceState", "2") + " = INTEGER: 2",
		column("vrrpInstanceState", "9") + " = No Such Instance currently exists at this OID",
		column("vrrpSyncGroupScriptMaster", "1") + " = No Such Instance currently exists at this OID",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	priority := column("vrrpInstanceBasePriority", "1")
	if got := strings.Join(s.ask("snmpset", "private", priority, "i", "200"), "\n"); !strings.Contains(got, "notWritable") {
		t.Errorf("SET gives %s", got)
	}
	if got := s.ask("snmpget", "public", priority); got[0] != priority+" = INTEGER: 10" {
		t.Errorf("after SET %q", got)
	}
}

// A master agent that comes back serves the tree again, with what is true then.
func TestSnmpdRestarts(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	src := &source{view: asked(waiting())}
	a := s.serving(src, nil)
	router := "." + mib.Compat.OID("routerId") + ".0"
	if got := s.ask("snmpget", "public", router); got[0] != router+` = STRING: "F"` {
		t.Fatalf("before: %q", got)
	}
	end(s.snmpd)
	eventually(t, "the session is lost", func() bool { return !a.Stats().Session.Connected })
	src.set(asked(families()))
	s.start()
	eventually(t, "registered again", func() bool { s := a.Stats().Session; return s.Registered == s.Registrations && s.Registered > 0 })
	if got := s.ask("snmpget", "public", router); got[0] != router+` = STRING: "C"` {
		t.Errorf("after: %q", got)
	}
	if n := a.Stats().Session.Connects; n != 2 {
		t.Errorf("%d sessions", n)
	}
}

// A transition arrives at a real receiver, keepalived's variables first.
func TestSnmptrapd(t *testing.T) {
	t.Parallel()
	s := newStation(t)
	var out outcomes
	v := asked(waiting())
	a := s.serving(&source{view: v}, out.publish)
	e := moved(7, "three", event.Backup, event.Master, event.MasterDownTimer)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var text string
	// UDP to a receiver that may not be up yet: told again until it is heard.
	eventually(t, "the trap at snmptrapd", func() bool {
		a.Events(v, []event.Event{moved(6, "three", event.Master, event.Backup, event.Preempt), e})
		if err := a.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(s.file("traps")) //nolint:errcheck // it comes with the first trap
		text = string(b)
		return strings.Contains(text, e.ID().String())
	})
	vars := ""
	for _, vb := range []agentx.VarBind{
		{Name: instanceName, Value: agentx.Text("three")},
		{Name: instanceState, Value: agentx.Int(2)},
		{Name: instanceFirst, Value: agentx.Int(2)},
		{Name: routerID, Value: agentx.Text("F")},
		{Name: trapEventID, Value: agentx.Text(e.ID().String())},
		{Name: trapReason, Value: agentx.Text("master_down_timer")},
	} {
		vars += "\t" + line(vb)
	}
	if want := ".1.3.6.1.6.3.1.1.4.1.0 = OID: ." + instanceTrap.String() + vars; !strings.Contains(text, want) {
		t.Errorf("no\n%s\nin\n%s", want, text)
	}
	eventually(t, "the outcomes", func() bool { return len(out.words()) >= 2 })
	if got := out.words(); got[0] != "notify.sent snmp_trap" {
		t.Errorf("published %q", got)
	}
	if n := a.Stats().Traps; len(n) != trapCount || n["vrrpInstanceStateChange"] < 2 || n["vrrpSyncGroupStateChange"] != 0 {
		t.Errorf("counted %v", n)
	}
}

// A walk of 250 instances, the tool and snmpd included.
func BenchmarkSnmpdWalk250(b *testing.B) {
	s := newStation(b)
	v := asked(many(250))
	s.serving(&source{view: v}, nil)
	want := len(walk(b, v, mib.Keepalived))
	for b.Loop() {
		if got := s.ask("snmpbulkwalk", "public", "."+mib.Keepalived); len(got) != want {
			b.Fatalf("%d lines of %d", len(got), want)
		}
	}
	b.ReportMetric(float64(want), "lines")
}
