// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/cmd/vigild/cmdline"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/vigil"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
)

// runs calls the program as a shell would.
func runs(args ...string) (status int, out, complaints string) {
	var o, c bytes.Buffer
	status = start(args, &o, &c)
	return status, o.String(), c.String()
}

func TestQuestionsAboutItself(t *testing.T) {
	if status, out, _ := runs("-v"); status != 0 || !strings.HasPrefix(out, "vigild "+version) {
		t.Errorf("-v: %d, %q", status, out)
	}
	if status, out, _ := runs("--help"); status != 0 || !strings.Contains(out, "-f, --use-file=FILE") {
		t.Errorf("--help: %d, %q", status, out)
	}
	if status, out, _ := runs("--signum=JSON"); status != 0 || out != "36\n" {
		t.Errorf("--signum: %d, %q", status, out)
	}
	if status, _, complaints := runs("--signum=NO"); status != 1 || complaints != "Unknown sigfunc NO\n" {
		t.Errorf("--signum: %d, %q", status, complaints)
	}
	if status, _, complaints := runs("-Z"); status != 1 || complaints == "" {
		t.Errorf("-Z: %d, %q", status, complaints)
	}
	if status, _, complaints := runs("--role=vrrp"); status == 0 || complaints == "" {
		t.Errorf("a role without a parent: %d, %q", status, complaints)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const good = `vrrp_instance VI_1 {
    interface lo0
    virtual_router_id 51
    priority 100
    advert_int 2
    virtual_ipaddress { 192.0.2.1/24 }
}
`

func TestConfigTest(t *testing.T) {
	empty := write(t, "empty.conf", "global_defs {\n}\n")
	bad := write(t, "bad.conf", "global_defs {\n}\nvrrp_instance VI_1 {\n    interface lo\n}\n")
	if status, _, complaints := runs("-t", "-f", empty); status != 0 {
		t.Errorf("a good file: %d, %q", status, complaints)
	}
	status, _, complaints := runs("-t", "-f", bad)
	if status != config.ExitFaulty || !strings.Contains(complaints, bad+":3:1: error: ") {
		t.Errorf("a bad file: %d, %q", status, complaints)
	}
	if status, _, complaints := runs("-t", "-f", bad+"x"); status != config.ExitFatal || complaints == "" {
		t.Errorf("no file: %d, %q", status, complaints)
	}
	if status, _, complaints := runs("-t", "-S", "9", "-f", empty); status != config.ExitFaulty || !strings.Contains(complaints, "facility '9'") {
		t.Errorf("a bad argument: %d, %q", status, complaints)
	}
	log := filepath.Join(t.TempDir(), "log")
	if status, _, complaints := runs("-t"+log, "-f", bad); status != config.ExitFaulty || complaints != "" {
		t.Errorf("to a file: %d, %q", status, complaints)
	}
	if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), bad+":3:1:") {
		t.Errorf("the file says %q, %v", text, err)
	}
}

func TestDaemonThatCannotStart(t *testing.T) {
	bad := write(t, "bad.conf", "vrrp_instance VI_1 {\n    interface lo\n}\n")
	if status, _, complaints := runs("-n", "-f", bad); status != config.ExitConfig || !strings.Contains(complaints, bad+":1:1:") {
		t.Errorf("a bad file: %d, %q", status, complaints)
	}
	if status, _, _ := runs("-n", "-f", bad+"x"); status != config.ExitNoConfig {
		t.Errorf("no file: %d", status)
	}
	empty := write(t, "empty.conf", "")
	yaml := write(t, "vigil.yaml", "web:\n  lisen: []\n")
	if status, _, complaints := runs("-n", "-f", empty, "--settings", yaml); status != 1 || !strings.Contains(complaints, "web/lisen") {
		t.Errorf("bad settings: %d, %q", status, complaints)
	}
}

// loadedFrom reads a configuration for an interface that need not exist.
func loadedFrom(t *testing.T, text string) *loaded {
	t.Helper()
	c, found := config.Parse([]byte(text), config.Environment{Hostname: "test"})
	if c == nil {
		t.Fatal(found)
	}
	o, err := vigil.Load(vigil.From{File: write(t, "vigil.yaml", "{}\n")})
	if err != nil {
		t.Fatal(err)
	}
	return &loaded{conf: c, image: []byte(text), observe: o}
}

func TestRoles(t *testing.T) {
	some, none := loadedFrom(t, good).conf, loadedFrom(t, "").conf
	sessions := loadedFrom(t, good+"bfd_instance b { neighbor_ip 192.0.2.9 }\n").conf
	both, watching := []event.Role{event.RoleVRRP, event.RoleObserve}, []event.Role{event.RoleObserve}
	three := []event.Role{event.RoleVRRP, event.RoleBFD, event.RoleObserve}
	all := []event.Role{event.RoleVRRP, event.RoleBFD, event.RoleCheck, event.RoleObserve}
	const server = "virtual_server 192.0.2.9 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 192.0.2.8 80 {\n }\n}\n"
	servers, mixed := loadedFrom(t, server).conf, loadedFrom(t, good+server).conf
	checking := []event.Role{event.RoleCheck, event.RoleObserve}
	for _, c := range []struct {
		line string
		conf *config.Config
		want []event.Role
	}{
		{"", some, both},
		{"", none, watching},
		{"--all", none, all},
		{"--all -B", none, []event.Role{event.RoleVRRP, event.RoleCheck, event.RoleObserve}},
		{"", servers, checking},
		{"-C", servers, checking},
		{"-P", servers, watching},
		{"", mixed, []event.Role{event.RoleVRRP, event.RoleCheck, event.RoleObserve}},
		{"-C", mixed, checking},
		{"-P", mixed, both},
		{"", sessions, three},
		{"-B", sessions, both},
		{"-P", some, both},
		{"-C", some, watching},
		{"-P -C", some, both},
	} {
		o, _, err := cmdline.Parse(strings.Fields(c.line))
		if err != nil {
			t.Fatal(err)
		}
		if got := roles(o, c.conf); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.line, got, c.want)
		}
	}
}

func TestWorkersGetWhatTheCommandLineSays(t *testing.T) {
	o, _, err := cmdline.Parse([]string{"-V", "-X", "-x"})
	if err != nil {
		t.Fatal(err)
	}
	l := loadedFrom(t, strings.Replace(good, "lo0", "lo", 1))
	l.conf.Notify.SMTP.Password = "secret from a file that only root reads"
	g, err := generation(o, l, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if d := g.Adverts["VI_1"]; d.Seconds() != 2 {
		t.Errorf("advertisement interval %v", d)
	}
	if rows := g.Rows(7); rows[0].Global == nil || rows[0].Global.Generation != 7 || rows[0].Global.Version != version {
		t.Errorf("rows %+v", rows[0].Global)
	}
	p := &role.Prepared{Image: g.Image, Preparation: role.Preparation{Options: g.Body}}
	c, s, err := reparse(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.VRRP.Instances) != 1 || !s.SNMP || s.SMTP.Password != l.conf.Notify.SMTP.Password || s.Observe == nil {
		t.Errorf("the observe role was given %+v", s)
	}
	v, err := vrrpSettings(p)
	if err != nil || !v.KeepAddresses || !v.ReleaseVIPs {
		t.Errorf("the vrrp role was given %+v, %v", v, err)
	}
	if _, err := vrrpSettings(&role.Prepared{Image: []byte("vrrp_instance X {")}); err == nil {
		t.Error("a worker took a configuration that cannot be run")
	}
	if _, err := vrrpSettings(&role.Prepared{Preparation: role.Preparation{Options: json.RawMessage("[")}}); err == nil {
		t.Error("a worker took options that are none")
	}
}

func TestRealTime(t *testing.T) {
	for _, c := range []struct {
		p        config.Process
		priority int
		limit    uint64
	}{
		{config.Process{}, rtPriority, rtLimit},
		{config.Process{RealTime: 7}, 7, rtLimit},
		{config.Process{Nice: -5}, 0, rtLimit},
		{config.Process{Nice: -5, RealTime: 3, RTTime: 1000}, 3, rtLeast},
		{config.Process{RealTime: 3, RTTime: 2 * rtLeast}, 3, 2 * rtLeast},
		{config.Process{RTTime: 10_000}, rtPriority, rtLimit},
	} {
		if p, l := realTime(&c.p, rtPriority); p != c.priority || l != c.limit {
			t.Errorf("%+v: priority %d, limit %d", c.p, p, l)
		}
	}
	t.Setenv(markRealTime, "50,4000")
	if p, l := realTimeFromEnviron(); p != 50 || l != 4000 {
		t.Errorf("priority %d, limit %d", p, l)
	}
	t.Setenv(markRealTime, "nonsense")
	if p, l := realTimeFromEnviron(); p != 0 || l != 0 {
		t.Errorf("priority %d, limit %d", p, l)
	}
}

// TestCollectAtOnce: a role of real time collects its garbage in one go, and one
// that has none as ever; what else the operator asked of the runtime stays.
func TestCollectAtOnce(t *testing.T) {
	for _, c := range []struct {
		p    config.Process
		env  []string
		want string
	}{
		{config.Process{}, nil, "GODEBUG=gcstoptheworld=2"},
		{config.Process{RealTime: 7}, []string{"A=b"}, "GODEBUG=gcstoptheworld=2"},
		{config.Process{}, []string{"GODEBUG=gctrace=1"}, "GODEBUG=gctrace=1,gcstoptheworld=2"},
		{config.Process{}, []string{"GODEBUG="}, "GODEBUG=gcstoptheworld=2"},
		{config.Process{Nice: -5}, nil, ""},
		{config.Process{Nice: -5}, []string{"GODEBUG=gctrace=1"}, "GODEBUG=gctrace=1"},
	} {
		cmd := &proc.Command{Env: slices.Clone(c.env)}
		schedule(cmd, &c.p, rtPriority)
		got := ""
		for _, v := range cmd.Env {
			if strings.HasPrefix(v, "GODEBUG=") {
				got += v
			}
		}
		if got != c.want {
			t.Errorf("%+v with %v: %q, want %q", c.p, c.env, got, c.want)
		}
	}
}

func TestListeners(t *testing.T) {
	dir, err := os.MkdirTemp("", "v") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &vigil.Settings{}
	o.Control.Socket, o.Control.Mode = filepath.Join(dir, "sub", "c.sock"), "0600"
	o.Web.Listen = []string{"127.0.0.1:0"}
	l := &listeners{}
	first, err := l.wanted(o)
	if err != nil {
		t.Fatal(err)
	}
	l.use(first)
	if st, err := os.Stat(o.Control.Socket); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", st, err)
	}
	// A worker's copy serves; what goes on is not opened twice.
	again, err := l.wanted(o)
	if err != nil || again[serveControl+o.Control.Socket] != first[serveControl+o.Control.Socket] {
		t.Errorf("wanted again: %v, %v", again, err)
	}
	fd, err := ipc.Dup(first[serveControl+o.Control.Socket])
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "copy")
	served, err := net.FileListener(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer served.Close()
	c, err := net.Dial("unix", o.Control.Socket)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	// One that cannot be opened leaves the others.
	broken := *o
	broken.Web.Listen = []string{"127.0.0.1:0", "127.0.0.1:no"}
	some, err := l.wanted(&broken)
	if err == nil || len(some) != 2 {
		t.Errorf("with a bad address: %v, %v", some, err)
	}
	l.drop(some)
	other := &listeners{}
	some, err = other.wanted(o)
	if err == nil || some[serveControl+o.Control.Socket] != nil {
		t.Errorf("the socket of one that lives: %v, %v", some, err)
	}
	other.drop(some)
	// A socket that a dead one left is replaced.
	gone := *o
	gone.Control.Socket = ""
	rest, err := l.wanted(&gone)
	if err != nil {
		t.Fatal(err)
	}
	l.use(rest)
	if _, err := os.Stat(o.Control.Socket); err == nil {
		t.Error("the socket that is not wanted is left")
	}
	left, err := net.Listen("unix", o.Control.Socket)
	if err != nil {
		t.Fatal(err)
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	left.Close()
	back, err := l.wanted(o)
	if err != nil {
		t.Fatal(err)
	}
	l.use(back)
	l.close()
}

func TestResult(t *testing.T) {
	for _, c := range []struct {
		want event.Reason
		exit proc.Exit
	}{
		{event.ReasonNone, proc.Exit{}},
		{event.FailExit, proc.Exit{Status: 3}},
		{event.FailSignal, proc.Exit{Status: -1, Signal: syscall.SIGSEGV}},
		{event.FailTimeout, proc.Exit{Status: -1, Signal: syscall.SIGKILL, TimedOut: true}},
		{event.FailSpawn, proc.Exit{Status: -1, Err: os.ErrNotExist}},
		{event.FailPermission, proc.Exit{Status: -1, Err: os.ErrPermission}},
	} {
		if got := result(c.exit); got.Reason != c.want || got.Status != c.exit.Status {
			t.Errorf("%+v: %+v, want %v", c.exit, got, c.want)
		}
	}
}
