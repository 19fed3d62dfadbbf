// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var tableRow = regexp.MustCompile(`^//\t(check|server|vs|kernel|sync) +(-|[A-Za-z]+) +([a-z]+) +(\S.*?)  +(\S.*?) +(compat|vigild) ([a-z0-9-]+)$`)

const transcripts = "../../test/sim/pool/transcripts"

// TestTable holds the table of doc.go to the transcripts: every row has one that
// names its source and shows its state, every transcript has a row, and every
// state has a row for every input that can come to it.
func TestTable(t *testing.T) {
	src, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	rows, used := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "//\t") || strings.HasPrefix(line, "//\tof ") {
			continue
		}
		m := tableRow.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no row: %s", line)
			continue
		}
		rows[m[1]+" "+m[2]+" "+m[3]] = true
		used[m[7]] = true
		text, err := os.ReadFile(filepath.Join(transcripts, m[7]+".txt"))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if state := m[2]; strings.ToUpper(state) == state && state != "-" && m[1] != "check" && !strings.Contains(string(text), state) {
			t.Errorf("%s: %s does not show %s", line, m[7], state)
		}
		if !strings.Contains(string(text), "# "+m[6]+": ") && !strings.Contains(string(text), m[6]) {
			t.Errorf("%s: %s does not name %s", line, m[7], m[6])
		}
	}
	for want := range strings.FieldsSeq(`check/-/start check/-/resume check/UP/pass check/UP/fail check/DOWN/pass check/DOWN/fail
		check/any/value check/any/session check/any/suspend check/any/reload
		server/-/start server/UP/fail server/UP/timer server/DOWN/pass server/any/weight server/any/admin server/any/suspend
		server/DISABLED/wake server/any/reload server/any/stop
		vs/-/start vs/-/resume vs/UP/down vs/UP/weight vs/DOWN/up vs/DOWN/weight vs/any/reload vs/UP/stop
		kernel/-/table kernel/known/table kernel/known/applied kernel/known/stop sync/any/master sync/any/stop`) {
		if !rows[strings.ReplaceAll(want, "/", " ")] {
			t.Errorf("there is no row for %s", want)
		}
	}
	files, err := filepath.Glob(transcripts + "/*.txt")
	if err != nil || len(files) < 55 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), "# compat: ") && !strings.HasPrefix(string(text), "# vigild: ") {
			t.Errorf("%s does not begin with what it shows", file)
		}
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); !used[name] {
			t.Errorf("no row names %s", name)
		}
	}
}
