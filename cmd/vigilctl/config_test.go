// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// conf writes a configuration and returns its name.
func conf(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// sound needs no interface of the machine that it is tested on.
const sound = "bfd_instance gw {\n neighbor_ip 192.0.2.1\n min_tx 30\n multiplier 07\n}\n"

func TestConfigTest(t *testing.T) {
	for _, c := range []struct {
		name, text string
		args       []string
		code       int
		want       string
	}{
		{"sound", sound, nil, 0, ""},
		{"typo", strings.Replace(sound, "multiplier", "multiplir", 1), nil, 5, ":4:2: error: unknown keyword 'multiplir'"},
		{"typo as JSON", strings.Replace(sound, "multiplier", "multiplir", 1), []string{"--json"}, 5, `"line":4,"column":2,"level":"error","rule":"unknown_keyword"`},
		{"typo as SARIF", strings.Replace(sound, "multiplier", "multiplir", 1), []string{"--format=sarif"}, 5, `"startLine": 4`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := ctl(t, nil, append([]string{"config", "test", conf(t, c.text)}, c.args...)...)
			if code != c.code || errs != "" || !strings.Contains(out, c.want) || (c.want == "" && out != "") {
				t.Errorf("exit code %d, want %d; printed %q %q, want %q", code, c.code, out, errs, c.want)
			}
		})
	}
	if code, out, _ := ctl(t, nil, "config", "test", "/nonexistent/keepalived.conf"); code != 4 || !strings.Contains(out, "/nonexistent/keepalived.conf") {
		t.Errorf("exit code %d, printed %q", code, out)
	}
	if code, _, errs := ctl(t, nil, "config", "test", "--format=xml"); code != exitUsage || !strings.Contains(errs, "text, json, sarif") {
		t.Errorf("exit code %d, complained %q", code, errs)
	}
}

// TestConfigPrint: what is printed is a configuration, and prints as itself.
func TestConfigPrint(t *testing.T) {
	code, once, errs := ctl(t, nil, "config", "print", conf(t, "$M=07\n"+strings.Replace(sound, "07", "$M", 1)))
	if code != 0 || errs != "" || !strings.Contains(once, "multiplier 7\n") {
		t.Fatalf("exit code %d, complained %q, printed %q", code, errs, once)
	}
	code, twice, errs := ctl(t, nil, "config", "print", conf(t, once))
	if code != 0 || errs != "" || twice != once {
		t.Errorf("exit code %d, complained %q, printed %q the second time", code, errs, twice)
	}
	if code, out, errs := ctl(t, nil, "config", "print", "/nonexistent/keepalived.conf"); code != 4 || out != "" || errs == "" {
		t.Errorf("no file: exit code %d, printed %q, complained %q", code, out, errs)
	}
}

func TestConfigDoc(t *testing.T) {
	code, out, _ := ctl(t, nil, "config", "doc", "vrrp_instance/priority")
	if code != 0 || !strings.HasPrefix(out, "priority ") || !strings.Contains(out, "vrrp_instance\n") || !strings.Contains(out, "default") {
		t.Errorf("exit code %d, printed %q", code, out)
	}
	code, out, _ = ctl(t, nil, "config", "doc", "--json", "weight")
	var rows []keyword
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != 0 || len(rows) < 2 {
		t.Errorf("exit code %d, %d rows, %v", code, len(rows), err)
	}
	if code, out, _ = ctl(t, nil, "config", "doc"); code != 0 || !strings.Contains(out, "At the top:\n") || !strings.Contains(out, "In vrrp_instance:\n") {
		t.Errorf("exit code %d, printed %q", code, out)
	}
	if code, _, errs := ctl(t, nil, "config", "doc", "vrrp_instance/priorty"); code != exitFailure || !strings.Contains(errs, "did you mean vrrp_instance/priority?") {
		t.Errorf("exit code %d, complained %q", code, errs)
	}
	if code, out, _ := ctl(t, nil, "__complete", "config", "doc", "garp_master_de"); code != 0 || !strings.Contains(out, "garp_master_delay\tHow long") {
		t.Errorf("exit code %d, completed %q", code, out)
	}
}
