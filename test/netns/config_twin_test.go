// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/machine"
	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/test/netns/lab"
)

// whyDifferent are the reasons for which vigild may end its test with another
// exit code than keepalived 2.2.7 (testdata/config_twin.txt).
var whyDifferent = map[string]string{
	"whole":     "keepalived ends at the first keyword without a value; vigild tells of all that is wrong, and starts on what is left",
	"noted":     "vigild tells of it in a note, which never changes an exit code",
	"newer":     "later versions of keepalived, or vigild, understand it",
	"sane":      "keepalived takes what can never work, or cannot have been meant",
	"machine":   "the processors of the machine that tests may not be those of the machine that runs",
	"interface": "an interface may come later, so it is no reason not to start",
	"first":     "the first one counts for both, and vigild does not tell of the second",
	"bug":       "keepalived 2.2.7 does not take what its manual page has",
}

// statement is one line of testdata/config_twin.txt.
type statement struct {
	block, text, why string
	first, last      int // its lines in the configuration
	config           string
	code             int // what vigild ends with where there is a reason
}

// statements reads the file.
func statements(t *testing.T) (out []statement) {
	t.Helper()
	data, err := os.ReadFile("testdata/config_twin.txt")
	if err != nil {
		t.Fatal(err)
	}
	block, head, tail, inTail := "", "", "", false
	unescape := strings.NewReplacer(`\\`, `\`, `\n`, "\n")
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		switch name, isBlock := strings.CutPrefix(line, "== "); {
		case strings.HasPrefix(line, "# "), strings.HasPrefix(line, "#\n"):
			continue
		case isBlock:
			block, head, tail, inTail = name, "", "", false
			continue
		case line == "> @":
			inTail = true
			continue
		case strings.HasPrefix(line, "> ") && inTail:
			tail += line[2:] + "\n"
			continue
		case strings.HasPrefix(line, "> "):
			head += line[2:] + "\n"
			continue
		}
		s := statement{block: block}
		if strings.HasPrefix(line, "!") {
			why, rest, _ := strings.Cut(line[3:], ": ")
			if whyDifferent[why] == "" {
				t.Fatalf("no such reason: %s", line)
			}
			s.code, s.why, line = int(line[1]-'0'), why, rest
		}
		s.text = unescape.Replace(line)
		s.first = strings.Count(head, "\n") + 1
		s.last = s.first + strings.Count(s.text, "\n")
		s.config = head + s.text + "\n" + tail
		out = append(out, s)
	}
	return out
}

// TestConfigTwin holds the exit codes of the configuration test against those of
// keepalived, statement by statement: what keepalived accepts is accepted, and
// what it rejects is rejected or noted at its place.
func TestConfigTwin(t *testing.T) {
	t.Parallel()
	all := statements(t)
	if len(all) < 1200 {
		t.Fatalf("%d statements", len(all))
	}
	l := lab.New(t)
	r := l.RouterNumber("twin", 7, l.Wire(), l.Wire(), l.Wire(), l.Wire())
	dir := t.TempDir()
	for i, s := range all {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte(s.config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	theirs := keepalivedTests(t, r, dir, "", len(all))
	r.Do(func() error {
		e := machine.Environment(true)
		for i, s := range all {
			_, _, found := config.Load(filepath.Join(dir, strconv.Itoa(i)), syntax.Options{FS: syntax.Disk{}}, e)
			if wrong := s.compare(theirs[i], config.TestExit(found), found); wrong != "" {
				t.Errorf("in %q, %q: %s", s.block, s.text, wrong)
			}
		}
		return nil
	})
}

// keepalivedTests are the exit codes of keepalived -t for files 0 to n of a folder,
// or for a file of that name in folders 0 to n of it.
func keepalivedTests(t *testing.T, r *lab.Router, dir, name string, n int) []string {
	t.Helper()
	const loop = `cd "$0"; i=$1; while [ $i -lt $2 ]; do keepalived -i alpha -t -f $i$3 >/dev/null 2>&1; echo $?; i=$((i+1)); done </dev/null`
	const at = 20 // so that a busy machine ends a run in time
	codes := make([]string, n)
	var both sync.WaitGroup
	for k := range 2 {
		both.Go(func() {
			for from := k * at; from < n; from += 2 * at {
				to := min(from+at, n)
				out, err := r.Try("sh", "-c", loop, dir, strconv.Itoa(from), strconv.Itoa(to), name)
				if got := strings.Fields(out); err != nil || copy(codes[from:to], got) != to-from || len(got) != to-from {
					t.Errorf("keepalived -t of %d to %d: %v: %s", from, to, err, out)
					return
				}
			}
		})
	}
	both.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return codes
}

// compare says what is wrong with an exit code.
func (s *statement) compare(theirs string, ours int, found []syntax.Problem) string {
	same := theirs == strconv.Itoa(ours)
	switch {
	case s.why == "" && !same:
	case s.why != "" && same:
		return "there is no difference any more; take its reason out"
	case s.why != "" && ours != s.code:
	case s.why == "noted":
		for _, p := range found {
			if int(p.Pos.Line) >= s.first && int(p.Pos.Line) <= s.last || p.Rule == config.RuleNoEffect || p.Rule == config.RuleMissingValue || p.Rule == config.RuleIncompatible {
				return ""
			}
		}
		return "nothing is noted"
	default:
		return ""
	}
	var text strings.Builder
	for _, p := range found {
		fmt.Fprintf(&text, "\n\t%s", p)
	}
	return fmt.Sprintf("keepalived ends with %s, vigild with %d%s", theirs, ours, text.String())
}
