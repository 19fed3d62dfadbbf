// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// played is the commands of the README that other tests run, with where. All
// others are run here, in the root of the repository.
var played = map[string]string{
	"make demo":         "TestDemo",
	"make test":         "it is what runs this test",
	"vigilctl why VI_1": "TestDemo, which shows what it prints",
}

// fence finds the fenced blocks; those of commands have no language, or one of
// shells.
var (
	fence  = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	shells = []string{"", "sh", "shell", "bash", "console"}
)

// commands lists the commands in the fenced blocks of a text. In a block with
// prompts only their lines are commands; what follows # is a remark.
func commands(text string) (out []string) {
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(shells, block[1]) {
			continue
		}
		prompts := strings.HasPrefix(block[2], "$ ") || strings.Contains(block[2], "\n$ ")
		for line := range strings.Lines(block[2]) {
			command, found := strings.CutPrefix(line, "$ ")
			if prompts && !found {
				continue
			}
			command, _, _ = strings.Cut(command, "#")
			if command = strings.TrimSpace(command); command != "" {
				out = append(out, command)
			}
		}
	}
	return out
}

// TestReadme runs every command of the README that no other test runs.
func TestReadme(t *testing.T) {
	t.Parallel()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, command := range commands(string(text)) {
		found[command] = true
		if _, ok := played[command]; ok {
			continue
		}
		run := exec.CommandContext(t.Context(), "sh", "-c", command)
		run.Dir = root
		run.Env = append(os.Environ(), "PATH="+filepath.Dir(lab.Binary(t, "vigild"))+":"+os.Getenv("PATH"))
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	for command, where := range played {
		if !found[command] {
			t.Errorf("the README has no command %q any more (%s)", command, where)
		}
	}
}

// TestCommands is the reader of the README, tried on a text of our own.
func TestCommands(t *testing.T) {
	t.Parallel()
	text := "a\n```\nmake one   # why\n\nmake two\n```\n```go\nfunc\n```\n```console\n$ ls -l\nREADME.md\n$ true\n```\n"
	if got, want := strings.Join(commands(text), ";"), "make one;make two;ls -l;true"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
