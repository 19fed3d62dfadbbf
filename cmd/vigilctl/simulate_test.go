// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pair writes two configurations; b is a with its priority and what is replaced.
func pair(t *testing.T, replace ...string) (a, b string) {
	t.Helper()
	const text = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n priority 120\n authentication {\n  auth_type PASS\n  auth_pass x\n }\n" +
		" virtual_ipaddress {\n  192.0.2.1/24\n }\n}\n"
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("a.conf", text), write("b.conf", strings.NewReplacer(append(replace, "priority 120", "priority 100")...).Replace(text))
}

func TestSimulate(t *testing.T) {
	a, b := pair(t)
	code, out, errs := ctl(t, nil, "simulate", a, b)
	if code != exitOK || errs != "" {
		t.Fatalf("%d: %s%s", code, out, errs)
	}
	for _, want := range []string{
		"At the start\n  VI_1: a  (192.0.2.1)\n",
		"a dies\n  VI_1: a -> b, nobody for 3.61 s  (192.0.2.1)\n",
		"a does not reach b\n  VI_1: a -> a and b", "  ! two_masters 192.0.2.1: a and b have it, which do not hear each other\n",
		"findings: 0\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	code, out, _ = ctl(t, nil, "simulate", "--only=left dies", "--transcript", "left="+a, "right="+b, "--single")
	if code != exitOK || !strings.Contains(out, "right VI_1 vrrp.state BACKUP->MASTER master_down_timer") || !strings.Contains(out, "\n1 single and 0 double") {
		t.Errorf("%d: %s", code, out)
	}
	a, b = pair(t, "auth_pass x", "auth_pass y")
	code, out, _ = ctl(t, nil, "simulate", "--single", "--json", a, b)
	var p played
	if err := json.Unmarshal([]byte(out), &struct{ Findings *int }{&p.Findings}); err != nil || code != exitFindings || p.Findings == 0 {
		t.Errorf("%d, %v: %d findings", code, err, p.Findings)
	}
	if code, _, errs := ctl(t, nil, "simulate", filepath.Join(t.TempDir(), "none.conf")); code != exitFailure || !strings.Contains(errs, "cannot be run") {
		t.Errorf("no such file: %d, %s", code, errs)
	}
}

// TestPlanFrom plans without a daemon.
func TestPlanFrom(t *testing.T) {
	a, b := pair(t)
	code, out, errs := ctl(t, nil, "plan", "--from", a, b, "--backup")
	want := []string{"Impact: checks\n", "VI_1 changed: priority\n", "VI_1: 120 -> 100\n"}
	for _, w := range want {
		if code != exitOK || !strings.Contains(out, w) {
			t.Errorf("%d: no %q in %s%s", code, w, out, errs)
		}
	}
	if code, _, errs := ctl(t, nil, "plan", "--from", a); code != exitFailure || !strings.Contains(errs, "needs") {
		t.Errorf("%d: %s", code, errs)
	}
	if code, _, errs := ctl(t, nil, "--socket", filepath.Join(t.TempDir(), "s"), "plan"); code != exitUnreachable {
		t.Errorf("%d: %s", code, errs)
	}
	if code, _, errs := ctl(t, nil, "reload", "--max-impact=everything"); code != exitUsage || !strings.Contains(errs, "none, checks, servers") {
		t.Errorf("%d: %s", code, fmt.Sprint(errs))
	}
}
