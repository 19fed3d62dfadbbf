// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const spdx = spdxCopyright + "\n" + spdxLicense + "\n\n"

// A sample is a small tree with what the rule must say of it; nothing when the
// tree keeps the rule.
type sample struct {
	name  string
	files map[string]string // path → text
	graph string            // go list output
	want  []string          // one substring per finding, in order
}

// TestRules shows each rule a tree that breaks it and a twin that differs in
// that alone.
func TestRules(t *testing.T) {
	for _, rule := range Rules {
		t.Run(rule.Name, func(t *testing.T) {
			var broken, kept bool
			for _, s := range samples[rule.Name] {
				t.Run(s.name, func(t *testing.T) { s.check(t, rule) })
				broken = broken || len(s.want) > 0
				kept = kept || len(s.want) == 0
			}
			if !broken || !kept {
				t.Errorf("needs a sample that breaks it (%t) and one that keeps it (%t)", broken, kept)
			}
		})
	}
	names := slices.Collect(maps.Keys(samples))
	for _, rule := range Rules {
		names = slices.DeleteFunc(names, func(n string) bool { return n == rule.Name })
	}
	if len(names) > 0 {
		t.Errorf("samples of no rule: %q", names)
	}
}

func (s sample) check(t *testing.T, rule Rule) {
	t.Helper()
	tree := s.tree(t)
	var got []string
	for _, f := range rule.Check(tree) {
		got = append(got, f.String())
	}
	if len(got) != len(s.want) {
		t.Fatalf("got %d findings %q, want %d %q", len(got), got, len(s.want), s.want)
	}
	for i, want := range s.want {
		if !strings.Contains(got[i], want) {
			t.Errorf("finding %d is %q, want %q in it", i, got[i], want)
		}
	}
}

func (s sample) tree(t *testing.T) *Tree {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range s.files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	tree, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	tree.Packages, err = ReadGraph(strings.NewReader(s.graph))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// graph writes go list output: each line is a package and its imports; what a
// package ends up with is taken to be the same.
func graph(lines ...string) string {
	var b strings.Builder
	full := func(name string) string {
		if strings.HasPrefix(name, "./") {
			return Module + name[1:]
		}
		return name
	}
	for _, line := range lines {
		words := strings.Fields(line)
		var deps []string
		for _, w := range words[1:] {
			deps = append(deps, `"`+full(w)+`"`)
		}
		list := "[" + strings.Join(deps, ",") + "]"
		b.WriteString(`{"ImportPath":"` + full(words[0]) + `","Imports":` + list + `,"Deps":` + list + "}\n")
	}
	return b.String()
}

// lines repeats a line of Go that does nothing.
func lines(n int) string { return strings.Repeat("\t_ = 0\n", n) }

func TestLoad(t *testing.T) {
	tree, err := Load(fstest.MapFS{
		"README.md":                {Data: []byte("text")},
		"cpu.prof":                 {Data: []byte("left over")},
		"bin/vigild":               {Data: []byte("built")},
		"cmd/bin/keep.txt":         {Data: []byte("not build output")},
		".cache/x.go":              {Data: []byte("package x")},
		"a/pcap":                   {Data: []byte("\x00\x01")},
		"a/a.go":                   {Data: []byte("package a\n\nvar _ = 1")},
		"a/testdata/broken/bad.go": {Data: []byte("not Go")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for i := range tree.Sources {
		paths = append(paths, tree.Sources[i].Path)
	}
	if want := []string{"README.md", "a/a.go", "a/testdata/broken/bad.go", "cmd/bin/keep.txt"}; !slices.Equal(paths, want) {
		t.Errorf("sources %q, want %q", paths, want)
	}
	if want := []string{"README.md", "a", "cmd"}; !slices.Equal(tree.Top, want) {
		t.Errorf("top %q, want %q", tree.Top, want)
	}
	if got := tree.Sources[1].Lines(); got != 3 {
		t.Errorf("a last line without an end: %d lines, want 3", got)
	}
	if s := tree.Sources[2]; s.Go != nil || s.Err != nil {
		t.Error("Go below testdata was parsed")
	}
}

func TestReadGraphRefusesWhatIsNotJSON(t *testing.T) {
	if _, err := ReadGraph(strings.NewReader(`{"ImportPath":"a"} nonsense`)); err == nil {
		t.Error("no error")
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"engine/vrrp", "engine/vrrp", true},
		{"engine/vrrp/wire", "engine/vrrp", false},
		{"engine/vrrp/wire", "engine/vrrp/...", true},
		{"engine/vrrp", "engine/vrrp/...", true},
		{"engine/vrrpx", "engine/vrrp/...", false},
		{"anything", "...", true},
	} {
		if got := matches(c.name, c.pattern); got != c.want {
			t.Errorf("matches(%q, %q) = %t", c.name, c.pattern, got)
		}
	}
}

// TestEveryTierHasAReason also keeps a row from hiding a later one.
func TestEveryTierHasAReason(t *testing.T) {
	for i, r := range Tiers {
		if r.Why == "" {
			t.Errorf("%s: no reason", r.Package)
		}
		dir := strings.TrimSuffix(r.Package, "/...")
		for _, earlier := range Tiers[:i] {
			if matches(dir, earlier.Package) {
				t.Errorf("%s is hidden by %s", r.Package, earlier.Package)
			}
		}
	}
	for _, b := range Bans {
		if b.Why == "" || len(b.Never) == 0 {
			t.Errorf("%s: a ban of nothing, or for no reason", b.Package)
		}
	}
	for _, p := range slices.Concat(FilePasses, FuncPasses, PackagePasses) {
		if p.Why == "" {
			t.Errorf("%s: a pass for no reason", p.Name)
		}
	}
	for _, p := range Pure {
		if i := slices.IndexFunc(Tiers, func(r Tier) bool { return r.Package == p }); i < 0 || len(Tiers[i].Modules) > 0 {
			t.Errorf("%s is pure and has no tier of its own, or one with other modules", p)
		}
	}
}
