// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vigild/vigild/cmd/vigild/cmdline"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
)

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vigild.pid")
	p, err := LockPID(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{123456, 7} {
		if err := p.Write(pid); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != strconv.Itoa(pid)+"\n" {
			t.Errorf("the file says %q, %v", text, err)
		}
	}
	if _, err := LockPID(path); !errors.Is(err, ErrRunning) {
		t.Errorf("a second lock: %v", err)
	}
	p.Remove()
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is left")
	}
	q, err := LockPID(path)
	if err != nil {
		t.Errorf("after the end: %v", err)
	} else {
		q.Remove()
	}
	// Nobody is led to write elsewhere.
	if err := os.Symlink(filepath.Join(t.TempDir(), "x"), path); err != nil {
		t.Fatal(err)
	}
	if _, err := LockPID(path); err == nil {
		t.Error("a symbolic link was followed")
	}
}

func TestPIDPaths(t *testing.T) {
	for _, c := range []struct {
		line string
		g    config.Global
		want string
	}{
		{"", config.Global{}, "/run/keepalived.pid /run/vrrp.pid"},
		{"", config.Global{UsePidDir: true}, "/run/keepalived/keepalived.pid /run/keepalived/vrrp.pid"},
		{"", config.Global{Instance: "x"}, "/run/keepalived/keepalived_x.pid /run/keepalived/vrrp_x.pid"},
		{"-s ns", config.Global{Instance: "x", NetNamespace: "other"}, "/run/keepalived/keepalived_ns_x.pid /run/keepalived/vrrp_ns_x.pid"},
		{"-p /a -r /b", config.Global{Instance: "x"}, "/a /b"},
	} {
		o, _, err := cmdline.Parse(strings.Fields(c.line))
		if err != nil {
			t.Fatal(err)
		}
		got := PIDPaths(o, &c.g)
		if s := got[event.RoleParent] + " " + got[event.RoleVRRP]; s != c.want {
			t.Errorf("%q, %+v: %s, want %s", c.line, c.g, s, c.want)
		}
	}
}
