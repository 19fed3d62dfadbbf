// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
)

var tableRow = regexp.MustCompile(`^//\t(INIT|BACKUP|MASTER|FAULT)\s+(\w+)\s+(.*?)\s+(RFC\d+§[\d.]+|compat)\s+(\S+)$`)

// TestTable holds the table of doc.go to the transcripts: every row has one,
// which shows the state, the RFC section or the word compat, and every state
// has a row for every input that can come to it.
func TestTable(t *testing.T) {
	src, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	const dir = "../../test/sim/transcripts"
	rows := map[string]bool{}
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "//\t") || strings.HasPrefix(line, "//\tstate") {
			continue
		}
		m := tableRow.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no row: %s", line)
			continue
		}
		rows[m[1]+" "+m[2]] = true
		text, err := os.ReadFile(filepath.Join(dir, m[5]+".txt"))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if s := string(text); !strings.Contains(s, m[1]) && m[1] != "INIT" {
			t.Errorf("%s: %s does not show %s", line, m[5], m[1])
		}
		section := m[4]
		if i := strings.Index(section, "§"); i >= 0 {
			section = section[i:]
		}
		if !strings.Contains(string(text), section) {
			t.Errorf("%s: %s does not name %s", line, m[5], section)
		}
	}
	// What cannot happen: a timer without a deadline, a start after the start,
	// a recovery of what is well, addresses before they could be ours.
	never := map[string]bool{
		"INIT timer": true, "INIT clear": true, "INIT gone": true, "BACKUP start": true, "BACKUP clear": true,
		"MASTER start": true, "MASTER clear": true, "FAULT start": true, "FAULT timer": true,
	}
	for _, state := range []event.State{event.Init, event.Backup, event.Master, event.Fault} {
		for _, input := range []string{"start", "timer", "advert", "fault", "clear", "group", "gone", "stop", "reload"} {
			pair := state.String() + " " + input
			if rows[pair] == never[pair] {
				t.Errorf("%s: row %v, but it can happen: %v", pair, rows[pair], !never[pair])
			}
		}
	}
}

// TestTranscriptsSayWhatTheyShow demands that each transcript begins with it.
func TestTranscriptsSayWhatTheyShow(t *testing.T) {
	files, err := filepath.Glob("../../test/sim/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# ") {
			t.Errorf("%s does not begin with what it shows", file)
		}
	}
}
