// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Source is one text file of the repository.
type Source struct {
	Path string    // slash-separated, relative to the root of the repository
	Text []byte    // the whole file
	Go   *ast.File // the syntax tree; nil unless the file is Go and parses
	Err  error     // why a Go file does not parse
}

// Dir returns the folder the file is in, "." for the root.
func (s *Source) Dir() string { return path.Dir(s.Path) }

// IsTest tells whether go build leaves the file out because it is a test.
func (s *Source) IsTest() bool { return strings.HasSuffix(s.Path, "_test.go") }

// ForTests tells whether the file exists only for tests: a test, anything
// below test, or a fake shipped as a package (linktest, ipvstest).
func (s *Source) ForTests() bool {
	return s.IsTest() || under(s.Path, "test") || strings.HasSuffix(s.Dir(), "test")
}

// Lines counts the lines of the file.
func (s *Source) Lines() int {
	n := bytes.Count(s.Text, []byte("\n"))
	if len(s.Text) > 0 && s.Text[len(s.Text)-1] != '\n' {
		n++
	}
	return n
}

// A Tree is what the rules look at.
type Tree struct {
	Fset     *token.FileSet
	Sources  []Source  // every text file, sorted by path
	Packages []Package // every package of the module and what it depends on
	Top      []string  // names in the root of the repository
}

// skippedDirs hold what is built, fetched or kept by other programs.
var skippedDirs = []string{".git", ".cache", "bin", "dist"}

// leftover tells whether a name in the root is a profile or a test binary, as
// the go command leaves them and .gitignore hides them.
func leftover(name string) bool {
	return slices.Contains([]string{".test", ".prof", ".out"}, path.Ext(name))
}

// Load reads every text file below the root of fsys, leaving out build output
// and files that hold a zero byte. Go files below a testdata folder are text.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{Fset: token.NewFileSet()}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !strings.Contains(name, "/") && name != "." {
			if slices.Contains(skippedDirs, name) {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if leftover(name) {
				return nil
			}
			t.Top = append(t.Top, name)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if bytes.IndexByte(text, 0) < 0 {
			t.add(name, text)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load tree: %w", err)
	}
	return t, nil
}

func (t *Tree) add(name string, text []byte) {
	s := Source{Path: name, Text: text}
	if strings.HasSuffix(name, ".go") && !strings.Contains("/"+name, "/testdata/") {
		s.Go, s.Err = parser.ParseFile(t.Fset, name, text, parser.ParseComments)
		if s.Err != nil {
			s.Go = nil
		}
	}
	t.Sources = append(t.Sources, s)
}

// goSources yields the Go files that parse and satisfy keep.
func (t *Tree) goSources(keep func(*Source) bool) []*Source {
	var out []*Source
	for i := range t.Sources {
		if s := &t.Sources[i]; s.Go != nil && keep(s) {
			out = append(out, s)
		}
	}
	return out
}

// at renders a position as file:line.
func (t *Tree) at(pos token.Pos) string {
	p := t.Fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// under tells whether name is dir or lies below it.
func under(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir+"/")
}

// matches tells whether a folder fits a pattern: an exact path, a path ending
// in "/..." for itself and all below, or "..." for everything.
func matches(name, pattern string) bool {
	if pattern == "..." {
		return true
	}
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return under(name, dir)
	}
	return name == pattern
}

func matchesAny(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(name, p) })
}
