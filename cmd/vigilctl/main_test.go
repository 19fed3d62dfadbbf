// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

var update = flag.Bool("update", false, "write the golden files")

// wallBase is the wall clock at instant 0: 2025-11-20 08:00:00 UTC.
const wallBase = int64(1_763_625_600_000_000_000)

// daemon is the answering half of a vigild: a ledger behind the API.
type daemon struct {
	mu     sync.Mutex
	ledger *ledger.Ledger
	server *api.Server
	seq    uint64
}

func (d *daemon) View() *ledger.View {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ledger.View()
}

func (d *daemon) Refresh(context.Context) *ledger.View { return d.View() }

func (d *daemon) happen(after time.Duration, e event.Event) event.Ref {
	d.mu.Lock()
	d.seq++
	e.Epoch, e.Seq, e.At, e.Wall, e.Origin = 7, d.seq, event.Instant(after), wallBase+int64(after), event.RoleVRRP
	d.ledger.Apply(&e)
	d.mu.Unlock()
	d.server.Events(nil, []event.Event{e})
	return e.Ref()
}

func instance(name string, vrid uint8) event.Subject {
	return event.Subject{Kind: event.SubjectInstance, Name: name, Family: 4, VRID: vrid}
}

// start serves a vigild with some history on a socket and returns the name.
func start(t *testing.T) (*daemon, string) {
	t.Helper()
	d := &daemon{ledger: ledger.New()}
	d.server = api.New(d, api.Options{Now: func() time.Time { return time.Unix(0, wallBase).Add(5 * time.Minute) }})
	d.history()
	socket := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d.server}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return d, socket
}

// history has a master, a backup in a group, and one in trouble with an odd name.
func (d *daemon) history() {
	vi1, vi2, odd := instance("VI_1", 51), instance("VI_2", 52), instance("odd\x1b[31m", 53)
	rows := []event.Row{{Global: &event.GlobalRow{Version: "1.0.0", RouterID: "lb1", Generation: 2, Warnings: 1}}}
	for i, s := range []event.Subject{vi1, vi2, odd} {
		rows = append(rows, event.Row{Instance: &event.InstanceRow{Subject: s, Interface: "eth0", Version: 3, Priority: 100, AdvertInterval: time.Second}})
		for n := range 5 - 2*i {
			prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, s.VRID + byte(50*n)}), 24)
			rows = append(rows, event.Row{Address: &event.AddressRow{Instance: s, Prefix: prefix, Interface: "eth0"}})
		}
	}
	chk := event.Subject{Kind: event.SubjectScript, Name: "chk_web"}
	rows = append(rows,
		event.Row{Group: &event.GroupRow{Subject: event.Subject{Kind: event.SubjectGroup, Name: "G1"}, Members: []string{"VI_1", "VI_2"}}},
		event.Row{Script: &event.ScriptRow{Subject: chk, Weight: -20}},
		event.Row{Track: &event.TrackRow{Owner: vi2, Object: chk, Weight: -20}},
		event.Row{Track: &event.TrackRow{Owner: vi1, Object: event.Subject{Kind: event.SubjectFile, Name: "load"}, Weight: 1}})
	d.ledger.Rows(rows)
	d.happen(time.Second, event.Event{Kind: event.WorkerStarted, Subject: event.Subject{Kind: event.SubjectWorker, Name: "vrrp"}})
	d.happen(time.Second, event.Event{Kind: event.ConfigLoaded, Took: 4 * time.Millisecond})
	for _, s := range []event.Subject{vi1, vi2, odd} {
		d.happen(time.Second, event.Event{Kind: event.VRRPState, Subject: s, From: event.Init, To: event.Backup, Reason: event.Startup, Priority: 100, Evidence: event.Evidence{Base: 100, Effective: 100}})
	}
	peer := netip.MustParseAddr("198.51.100.2")
	root := d.happen(48*time.Second, event.Event{
		Kind: event.VRRPState, Subject: vi1, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Priority: 100,
		Evidence: event.Evidence{
			N: 1, Heard: [8]event.Heard{{At: event.Instant(44391 * time.Millisecond), Source: peer, Priority: 150, Interval: time.Second}},
			Base: 100, Effective: 100, Interval: time.Second, Skew: 609 * time.Millisecond, MasterDown: 3609 * time.Millisecond,
			Deadline: event.Instant(48 * time.Second), Lateness: 200 * time.Microsecond, Stall: time.Millisecond,
		},
	})
	d.happen(48*time.Second+2*time.Millisecond, event.Event{Kind: event.AddressAdded, Subject: vi1, Root: root, Cause: root, Count: 5, Took: 1900 * time.Microsecond})
	d.happen(48*time.Second+3*time.Millisecond, event.Event{Kind: event.AnnounceSent, Subject: vi1, Root: root, Cause: root, Reason: event.AnnounceTransition, Count: 25, Took: time.Millisecond})
	d.happen(48*time.Second+40*time.Millisecond, event.Event{Kind: event.NotifyFailed, Subject: event.Subject{Kind: event.SubjectChannel, Name: "smtp", Sub: "root@example.com"}, Root: root, Cause: root, Reason: event.FailRefused, Count: 1})
	d.happen(time.Minute, event.Event{Kind: event.TrackChanged, Subject: chk, To: event.Down})
	d.happen(time.Minute, event.Event{
		Kind: event.VRRPPriority, Subject: vi2, Priority: 80,
		Evidence: event.Evidence{Base: 100, Effective: 80, NTerm: 1, Terms: [8]event.Term{{Kind: event.SubjectScript, Name: "chk_web", Delta: -20}}},
	})
	d.happen(2*time.Minute, event.Event{
		Kind: event.VRRPState, Subject: odd, From: event.Backup, To: event.Fault, Reason: event.Interface,
		Evidence: event.Evidence{Object: event.SubjectInterface, ObjectName: "eth0", ObjectState: event.Down},
	})
	tally := event.Tally{Subject: vi2, At: event.Instant(5 * time.Minute), Received: 200, Master: "198.51.100.2", MasterPriority: 150, Priority: 80}
	d.ledger.Tally(7, &tally)
}

// ctl runs one command line.
func ctl(t *testing.T, env map[string]string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &app{out: &o, errs: &e, env: func(name string) string { return env[name] }}
	code = a.run(t.Context(), args)
	return code, o.String(), e.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs:\n--- got\n%s--- want\n%s", path, got, want)
	}
}

func TestAnswersGolden(t *testing.T) {
	_, socket := start(t)
	for name, args := range map[string][]string{
		"status":      {"status"},
		"why":         {"why", "VI_1"},
		"why_all":     {"why"},
		"why_two":     {"why", "VI_2", "VI_1"},
		"events":      {"events"},
		"events_kind": {"events", "--kind", "vrrp.state", "-n", "2"},
		"status_json": {"status", "--json"},
		"why_json":    {"why", "VI_1", "--json"},
		"events_json": {"events", "--json", "--limit", "1"},
	} {
		code, out, errs := ctl(t, nil, append(args, "--socket", socket)...)
		if code != exitOK || errs != "" {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
		golden(t, name, out)
	}
}

func TestJSONIsJSON(t *testing.T) {
	_, socket := start(t)
	for _, args := range [][]string{{"status"}, {"why"}, {"why", "VI_1"}, {"version"}} {
		_, out, _ := ctl(t, map[string]string{"VIGIL_SOCKET": socket}, append(args, "--json")...)
		if !json.Valid([]byte(out)) {
			t.Errorf("%v: %s", args, out)
		}
	}
	_, out, _ := ctl(t, map[string]string{"VIGIL_SOCKET": socket}, "events", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines {
		var e api.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if len(lines) != 12 {
		t.Errorf("%d events", len(lines))
	}
}

func TestExitCodes(t *testing.T) {
	_, socket := start(t)
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"why vi_1 --socket " + socket, exitNotFound, "did you mean VI_1?"},
		{"why --sockett x", exitUsage, "unknown flag"},
		{"stauts", exitUsage, `unknown command "stauts"`},
		{"status now", exitUsage, "unknown command"},
		{"events --limit x", exitUsage, "invalid argument"},
		{"events --limit 99999 --socket " + socket, exitUsage, "give a number from 1 to"},
		{"events --since tomorrow --socket " + socket, exitUsage, "give a duration such as 10m"},
		{"events --kind nothing --socket " + socket, exitUsage, "vrrp.state"},
		{"status --socket " + socket + ".none", exitUnreachable, "vigild is not running"},
		{"why --socket " + socket + ".none", exitUnreachable, "vigild is not running"},
		{"events -f --socket " + socket + ".none", exitUnreachable, "--socket"},
		{"version", exitOK, ""},
		{"", exitOK, ""},
		{"completion bash", exitOK, ""},
	} {
		code, out, errs := ctl(t, nil, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(errs, c.says) || (code == exitOK) != (errs == "") || (code == exitOK) != (out != "") {
			t.Errorf("%s: exit %d, want %d: %s", c.args, code, c.code, errs)
		}
	}
}

// writer hands each write on.
type writer chan string

func (w writer) Write(b []byte) (int, error) { w <- string(b); return len(b), nil }

func TestFollowShowsWhatHappens(t *testing.T) {
	d, socket := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	out := make(writer)
	var errs bytes.Buffer
	code := make(chan int)
	go func() {
		a := &app{out: out, errs: &errs, env: func(string) string { return "" }}
		code <- a.run(ctx, []string{"events", "--follow", "--instance", "VI_2", "--socket", socket})
	}()
	<-out // startup
	<-out // priority
	d.happen(3*time.Minute, event.Event{Kind: event.VRRPNearMiss, Subject: instance("VI_1", 51)})
	d.happen(4*time.Minute, event.Event{Kind: event.VRRPNearMiss, Subject: instance("VI_2", 52)})
	if line := <-out; !strings.Contains(line, "VI_2 nearly took over") || !strings.HasPrefix(line, "2025-11-20 08:04:00.000 UTC  vrrp.near_miss") {
		t.Errorf("%s", line)
	}
	cancel()
	if c := <-code; c != exitOK || errs.Len() != 0 {
		t.Errorf("interrupted: exit %d, %s", c, &errs)
	}
}

func TestFollowSaysThatVigildWentAway(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{ledger: ledger.New()}
	d.server = api.New(d, api.Options{})
	server := &http.Server{Handler: d.server}
	go server.Serve(l)
	d.happen(time.Second, event.Event{Kind: event.ClockStepped})
	out := make(writer)
	var errs bytes.Buffer
	code := make(chan int)
	go func() {
		a := &app{out: out, errs: &errs, env: func(string) string { return "" }}
		code <- a.run(t.Context(), []string{"events", "-f", "--socket", socket})
	}()
	<-out
	server.Close()
	if c := <-code; c != exitUnreachable || !strings.Contains(errs.String(), "vigild went away") {
		t.Errorf("exit %d, %s", c, &errs)
	}
}

// TestNothingCommandsTheTerminal: the odd instance's escape sequence does not
// come through, with colours or without.
func TestNothingCommandsTheTerminal(t *testing.T) {
	_, socket := start(t)
	for _, args := range [][]string{{"status"}, {"why"}, {"events"}, {"why", "x\x1b[31m"}} {
		_, out, errs := ctl(t, nil, append(args, "--socket", socket)...)
		if strings.Contains(out+errs, "\x1b") {
			t.Errorf("%v: an escape sequence came through", args)
		}
		if !strings.Contains(out+errs, "?[31m") {
			t.Errorf("%v: %s%s", args, out, errs)
		}
	}
	var out bytes.Buffer
	a := &app{out: &out, errs: &out, env: func(string) string { return "" }, paint: colours()}
	if code := a.run(t.Context(), []string{"status", "--socket", socket}); code != exitOK {
		t.Fatal(code)
	}
	if !strings.Contains(out.String(), "\x1b[32mMASTER\x1b[0m  4 min") || strings.Contains(out.String(), "odd\x1b") {
		t.Errorf("%q", out.String())
	}
}

func TestColoursOnlyOnATerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	none := func(string) string { return "" }
	if paintFor(f, none).Strong != nil {
		t.Error("a file got colours")
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if paintFor(terminal, none).Strong == nil {
		t.Error("a terminal got no colours")
	}
	for _, env := range []map[string]string{{"NO_COLOR": "1"}, {"TERM": "dumb"}} {
		if paintFor(terminal, func(name string) string { return env[name] }).Strong != nil {
			t.Errorf("%v and colours", env)
		}
	}
}

func TestCompletionKnowsTheInstances(t *testing.T) {
	_, socket := start(t)
	for _, c := range []struct{ args, want, not string }{
		{"why ", "VI_2\tBACKUP", ""},
		{"why VI_2 ", "VI_1\tMASTER", "VI_2"},
		{"events --instance ", "VI_1", ""},
		{"events --kind ", "vrrp.conflict", ""},
		{"", "status", ""},
	} {
		args := append([]string{"--socket", socket, cobra.ShellCompRequestCmd}, strings.Split(c.args, " ")...)
		_, out, _ := ctl(t, map[string]string{"VIGIL_SOCKET": socket}, args[2:]...)
		if !strings.Contains(out, c.want) || c.not != "" && strings.Contains(out, c.not) {
			t.Errorf("%q: %s", c.args, out)
		}
	}
	if _, out, _ := ctl(t, map[string]string{"VIGIL_SOCKET": socket + ".none"}, cobra.ShellCompRequestCmd, "why", ""); strings.Contains(out, "VI_1") {
		t.Errorf("without vigild: %s", out)
	}
}

// TestManualPageNamesEverything holds the page against the commands and flags.
func TestManualPageNamesEverything(t *testing.T) {
	page, err := os.ReadFile("vigilctl.1")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(`\-`, "-", `\fI`, "", `\fR`, "").Replace(string(page))
	a := &app{out: &bytes.Buffer{}, errs: &bytes.Buffer{}, env: func(string) string { return "" }}
	root := a.root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("completion")
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c != root && !strings.Contains(text, c.Name()) {
			t.Errorf("the manual page does not name the command %s", c.Name())
		}
		flags := func(f *pflag.Flag) {
			if !strings.Contains(text, "--"+f.Name) {
				t.Errorf("the manual page does not name --%s", f.Name)
			}
		}
		c.PersistentFlags().VisitAll(flags)
		if c.Parent() == nil || c.Parent() == root && c.Name() != "completion" {
			c.LocalFlags().VisitAll(flags)
		}
		for _, sub := range c.Commands() {
			if c.Name() != "completion" {
				walk(sub)
			}
		}
	}
	walk(root)
}
