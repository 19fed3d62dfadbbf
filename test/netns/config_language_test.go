// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/machine"
	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/test/netns/lab"
)

// language writes the configurations of testdata/config_language.txt into
// numbered folders.
func language(t *testing.T, dir string) (out []statement) {
	t.Helper()
	data, err := os.ReadFile("testdata/config_language.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "# ") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "== "); ok {
			s := statement{block: strconv.Itoa(len(out)), text: name, first: 1, last: 1000}
			if strings.HasPrefix(name, "!") {
				s.why, s.text, _ = strings.Cut(name[3:], ": ")
				s.code = int(name[1] - '0')
			}
			if s.why != "" && whyDifferent[s.why] == "" {
				t.Fatalf("no such reason: %s", line)
			}
			out = append(out, s)
			continue
		}
		name, quoted, _ := strings.Cut(line, " ")
		text, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		mode := os.FileMode(0o600)
		if plain, executable := strings.CutSuffix(name, "!x"); executable {
			name, mode = plain, 0o700
		}
		path := filepath.Join(dir, out[len(out)-1].block, strings.ReplaceAll(name, "%20", " "))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestConfigLanguageTwin is TestConfigTwin for the language: braces, quotes,
// comments, includes, conditions, definitions and sequences.
func TestConfigLanguageTwin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := language(t, dir)
	if len(all) < 100 {
		t.Fatalf("%d configurations", len(all))
	}
	l := lab.New(t)
	r := l.RouterNumber("twin", 7, l.Wire(), l.Wire())
	theirs := keepalivedTests(t, r, dir, "/k.conf", len(all))
	r.Do(func() error {
		for i, s := range all {
			o := syntax.Options{FS: syntax.Disk{}, ConfigID: "alpha", Random: machine.Random}
			_, _, found := config.Load(filepath.Join(dir, s.block, "k.conf"), o, machine.Environment(true))
			if wrong := s.compare(theirs[i], config.TestExit(found), found); wrong != "" {
				t.Errorf("%s: %s", s.text, wrong)
			}
		}
		return nil
	})
}

// TestScenariosTest: the eight configurations of published guides, unchanged,
// test with 0 on a machine that has their interfaces.
func TestScenariosTest(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../config/testdata/corpus/*.conf")
	if err != nil || len(files) != 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	l := lab.New(t)
	r := l.RouterNumber("guide", 7, l.Wire(), l.Wire())
	daemon := lab.Binary(t, "vigild")
	for _, file := range files {
		if file, err = filepath.Abs(file); err != nil { // the daemon starts elsewhere
			t.Fatal(err)
		}
		if out, err := r.Try(daemon, "-t", "-f", file); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(file), err, out)
		}
	}
}
