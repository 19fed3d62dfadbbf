// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// memory is an FS of texts by absolute path.
type memory map[string]string

func (m memory) Glob(pattern string) ([]string, error) {
	var out []string
	for name := range m {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (m memory) ReadFile(name string, limit int64) ([]byte, error) {
	text, ok := m[name]
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case strings.TrimSpace(text) == "<fifo>":
		return nil, ErrNotRegular
	case int64(len(text)) > limit:
		return nil, ErrTooLarge
	}
	return []byte(text), nil
}

// testOptions are the surroundings of every test.
func testOptions(files memory) Options {
	return Options{
		FS: files, Dir: "/etc/keepalived", ConfigID: "alpha",
		Environ: func(name string) (string, bool) { return "env-" + name, name != "UNSET" },
		Random:  func(lo, hi uint32) uint32 { return lo + (hi-lo)/2 },
	}
}

// dump writes a tree with every place in it.
func dump(t *Tree) string {
	var b strings.Builder
	for _, n := range t.Nodes {
		dumpNode(&b, n, 0)
	}
	return b.String()
}

func dumpNode(b *strings.Builder, n *Node, depth int) {
	fmt.Fprintf(b, "%s%s:%d", strings.Repeat("  ", depth), n.Pos.File, n.Pos.Line)
	for _, w := range n.Words() {
		form := "%s"
		if w.Quoted || w.Text == "" {
			form = "%q"
		}
		fmt.Fprintf(b, " "+form+"@%d", w.Text, w.Pos.Col)
	}
	if n.HasBlock {
		b.WriteString(" {}")
	}
	b.WriteByte('\n')
	for _, c := range n.Children {
		dumpNode(b, c, depth+1)
	}
}

func lines(list []Problem) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

// readArchive reads a text of several files, each under a line `-- name --`.
func readArchive(text string) memory {
	files := memory{}
	name := ""
	for l := range strings.SplitAfterSeq(text, "\n") {
		if n, ok := strings.CutPrefix(strings.TrimSpace(l), "-- "); ok && strings.HasSuffix(n, " --") {
			name = strings.TrimSuffix(n, " --")
			files[name] = ""
			continue
		}
		files[name] += l
	}
	return files
}

// TestGolden parses each testdata/*.txt (files under `-- name --` lines, the first is /etc/keepalived/keepalived.conf)
// and compares problems and tree with what lies beside it.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(inputs) < 5 {
		t.Fatalf("inputs: %v, %v", inputs, err)
	}
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			tree, found := Load("/etc/keepalived/keepalived.conf", testOptions(readArchive(string(text))))
			got := lines(found) + "----\n" + dump(tree) + "----\n" + string(Print(tree))
			golden := strings.TrimSuffix(input, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			roundTrip(t, tree)
		})
	}
}

// roundTrip holds a tree against the laws: the consolidated form gives it back with every place, and the printed form
// gives back its statements.
func roundTrip(t *testing.T, tree *Tree) {
	t.Helper()
	copied, _ := Parse("copy", Consolidate(tree), Options{})
	if want, got := dump(tree), dump(copied); want != got {
		t.Errorf("consolidated:\n%s\ngives\n%s\nwant\n%s", Consolidate(tree), got, want)
	}
	if !slices.Equal(tree.Files, copied.Files) {
		t.Errorf("consolidated: files %q, want %q", copied.Files, tree.Files)
	}
	scriptPlaces(t, tree.Nodes, copied.Nodes)
	printed := Print(tree)
	if len(printed) > 0 {
		again, _ := Parse("print", printed, Options{Limits: Limits{LineLength: 4096}})
		if want, got := shape(tree.Nodes), shape(again.Nodes); want != got {
			t.Errorf("printed:\n%s\ngives\n%s\nwant\n%s", printed, got, want)
		}
		if twice := Print(again); string(twice) != string(printed) {
			t.Errorf("printed twice:\n%s\nwant\n%s", twice, printed)
		}
	}
}

func scriptPlaces(t *testing.T, want, got []*Node) {
	t.Helper()
	if len(want) != len(got) {
		return // the dumps have told
	}
	for i := range want {
		w, err1 := want[i].ScriptWords()
		g, err2 := got[i].ScriptWords()
		if !slices.Equal(w, g) || !errors.Is(err1, err2) {
			t.Errorf("script words of %q: %v %v, want %v %v", want[i].text, g, err2, w, err1)
		}
		scriptPlaces(t, want[i].Children, got[i].Children)
	}
}

// shape writes statements without their places.
func shape(nodes []*Node) string {
	var b strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&b, "%q", n.Keyword)
		for _, w := range n.Args {
			fmt.Fprintf(&b, " %q", w.Text)
		}
		if n.HasBlock {
			fmt.Fprintf(&b, " {\n%s}", shape(n.Children))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestCorpus parses configurations of real users: none may have more than a note on its language.
func TestCorpus(t *testing.T) {
	names, err := filepath.Glob("../testdata/corpus/*.conf")
	if err != nil || len(names) < 8 {
		t.Fatalf("corpus: %v, %v", names, err)
	}
	for _, name := range names {
		tree, found := Load(name, Options{FS: Disk{}})
		if Worst(found) > Harmless || len(tree.Nodes) == 0 {
			t.Errorf("%s: %d statements\n%s", name, len(tree.Nodes), lines(found))
		}
		roundTrip(t, tree)
	}
}
