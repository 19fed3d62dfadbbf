// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/alerts"
	"github.com/vigild/vigild/dashboards"
)

func TestAlertsExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "rules")
	code, out, errs := ctl(t, nil, "alerts", "export", dir, "--set", "near_misses=77", "--set", "flaps=8")
	if code != exitOK || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	written := strings.Fields(out)
	for _, path := range written {
		if text, err := os.ReadFile(path); err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", path, len(text), err)
		}
	}
	rules, err := os.ReadFile(filepath.Join(dir, alerts.RulesFile))
	if err != nil || !bytes.Contains(rules, []byte("[30m]) > 77'")) || !bytes.Contains(rules, []byte("[15m])) > 8'")) {
		t.Errorf("the thresholds are not in the rules (%v)", err)
	}
	count := 3 // the rules, the recording rules, the sample for Alertmanager
	for _, g := range alerts.Groups() {
		count += len(g.Alerts)
	}
	if len(written) != count {
		t.Errorf("%d files, want %d", len(written), count)
	}
	for _, wrong := range []string{"nonsense=1", "flaps="} {
		if code, _, errs := ctl(t, nil, "alerts", "export", dir, "--set", wrong); code != exitFailure || !strings.Contains(errs, "threshold") {
			t.Errorf("%s: exit %d, %s", wrong, code, errs)
		}
	}
	if code, _, errs := ctl(t, nil, "alerts", "export", filepath.Join(dir, alerts.RulesFile)); code != exitFailure || !strings.Contains(errs, "exporting to") {
		t.Errorf("a file as the directory: exit %d, %s", code, errs)
	}
}

func TestDashboardsExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	code, out, errs := ctl(t, nil, "dashboards", "export", dir)
	if code != exitOK || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	if n := len(strings.Fields(out)); n != len(dashboards.All())+1 {
		t.Errorf("%d files", n)
	}
	for _, d := range dashboards.All() {
		text, err := os.ReadFile(filepath.Join(dir, d.UID+".json"))
		var doc struct{ Title string }
		if err != nil || json.Unmarshal(text, &doc) != nil || doc.Title != d.Title {
			t.Errorf("%s: %q, %v", d.UID, doc.Title, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "provisioning.yaml")); err != nil {
		t.Error(err)
	}
}

// TestRunbooksCommandsExist: what a runbook tells to type can be typed.
func TestRunbooksCommandsExist(t *testing.T) {
	_, socket := start(t)
	for _, g := range alerts.Groups() {
		for _, alert := range g.Alerts {
			args := strings.Fields(alert.Command)[1:]
			code, _, errs := ctl(t, map[string]string{"VIGIL_SOCKET": socket}, args...)
			// An object of the example, or a configuration file, may not exist here.
			if code == exitUsage || code == exitFailure {
				t.Errorf("%s: %s: exit %d, %s", alert.Name, alert.Command, code, errs)
			}
		}
	}
}
