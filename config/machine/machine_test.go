// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/config"
)

// TestMachine asks this machine about itself.
func TestMachine(t *testing.T) {
	e := Environment(true)
	if i, ok := e.Interface("lo"); !ok || !i.Loopback || i.Index == 0 {
		t.Errorf("lo: %+v, %v", i, ok)
	}
	if _, ok := e.Interface("none0"); ok {
		t.Error("none0 exists")
	}
	if a, err := e.Account("root", ""); err != nil || a.UID != 0 || a.GID != 0 {
		t.Errorf("root: %+v, %v", a, err)
	}
	for _, c := range [][2]string{{"no such user", ""}, {"root", "no such group"}} {
		if _, err := e.Account(c[0], c[1]); err == nil {
			t.Errorf("%v exists", c)
		}
	}
	if up := e.Uptime(); up <= 0 || up > 20*365*24*time.Hour {
		t.Errorf("booted %v ago", up)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	plain := filepath.Join(dir, "plain")
	for name, mode := range map[string]os.FileMode{program: 0o755, plain: 0o644} {
		if err := os.WriteFile(name, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(program, 0o777); err != nil {
		t.Fatal(err)
	}
	if s := e.Script(program, config.Account{}); s.Problem != "" || s.Shell || !strings.Contains(s.Insecure, program) {
		t.Errorf("a program that everybody may write: %+v", s)
	}
	if s := e.Script(plain, config.Account{}); s.Problem != "" || !s.Shell {
		t.Errorf("a file that cannot be executed: %+v", s)
	}
	link, name := filepath.Join(dir, "folder"), filepath.Join(dir, "name")
	if err := errors.Join(os.Symlink(dir, link), os.Symlink(program, name)); err != nil {
		t.Fatal(err)
	}
	if s := e.Script(filepath.Join(link, "name"), config.Account{}); s.Path != name || !strings.Contains(s.Insecure, program) {
		t.Errorf("a link in a linked folder: %+v", s)
	}
	// A link that everybody may replace, to a program that nobody may.
	open := filepath.Join(dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777), os.Symlink("/bin/sh", filepath.Join(open, "sh"))); err != nil {
		t.Fatal(err)
	}
	if s := e.Script(filepath.Join(open, "sh"), config.Account{}); !strings.Contains(s.Insecure, open) {
		t.Errorf("a link in an open folder: %+v", s)
	}
	if s := e.Script(filepath.Join(dir, "none"), config.Account{}); s.Problem != "it does not exist" {
		t.Errorf("nothing: %+v", s)
	}
	if s := e.Script(dir, config.Account{}); s.Problem != "it is not a regular file" {
		t.Errorf("a directory: %+v", s)
	}
	if s := e.Script("sh", config.Account{}); s.Problem != "" || s.Shell || !strings.HasSuffix(s.Path, "/bin/sh") {
		t.Errorf("a name without path: %+v", s)
	}
	if s := e.Script("no-such-program", config.Account{}); s.Problem != "it does not exist" || s.Path != "" {
		t.Errorf("a name that no folder has: %+v", s)
	}
}

// Garbage is collected as before once the last reader is done, however often one says so.
func TestReading(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	now := func() int {
		v := debug.SetGCPercent(-1)
		debug.SetGCPercent(v)
		return v
	}
	one, two := Reading(), Reading()
	if now() != seldom {
		t.Errorf("%d percent while two read", now())
	}
	one()
	one()
	if now() != seldom {
		t.Errorf("%d percent while one reads", now())
	}
	if two(); now() != 100 {
		t.Errorf("%d percent after all", now())
	}
	debug.SetGCPercent(-1)
	done := Reading()
	if now() != -1 {
		t.Errorf("%d percent where there was to be no collection", now())
	}
	done()
}

// TestRouteName finds the names that iproute2 has.
func TestRouteName(t *testing.T) {
	dir := t.TempDir()
	old := nameDirs
	nameDirs = []string{dir}
	defer func() { nameDirs = old }()
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "rt_tables"), []byte("# names\n0x64 uplink # one\nbad line here\n"), 0o600),
		os.Mkdir(filepath.Join(dir, "rt_realms.d"), 0o700),
		os.WriteFile(filepath.Join(dir, "rt_realms.d", "mine.conf"), []byte("5\tguests\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[[2]string]bool{
		{"table", "uplink"}: true, {"realms", "guests"}: true, {"table", "guests"}: false, {"table", "line"}: false, {"scope", "uplink"}: false,
	} {
		if got := routeName(name[0], name[1]); got != want {
			t.Errorf("%s %s: %v", name[0], name[1], got)
		}
	}
}

// Who is not told of a host does not wait for it: a daemon looks at the hosts file alone.
func TestMachineResolves(t *testing.T) {
	for _, test := range []bool{false, true} {
		if a, err := resolve(test)("localhost"); err != nil || !a.IsLoopback() {
			t.Errorf("test %v: localhost is %v, %v", test, a, err)
		}
	}
	if a, err := resolve(false)("host.invalid"); err != nil || a.IsValid() {
		t.Errorf("a host that nobody knows is %v, %v", a, err)
	}
	if a, err := resolve(true)("host.invalid"); err == nil {
		t.Errorf("a host that nobody knows is %v in a test", a)
	}
}

func TestSecretOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s, err := secret(write("own", "a key \n", 0o400))
	if err != nil || s.Text != "a key " || s.Insecure != "" {
		t.Errorf("%+v, %v", s, err)
	}
	open := write("open", "hex:00", 0o640)
	if s, err = secret(open); err != nil || s.Text != "hex:00" || s.Insecure != open+" may be used by others than its owner, mode 0640" {
		t.Errorf("%+v, %v", s, err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"): "no such file",
		dir:                          "is not a regular file",
		write("long", strings.Repeat("x", secretMost+1), 0o600): "is longer than 4096 bytes",
	} {
		if _, err := secret(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
