// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"go/ast"
	"go/format"
	"slices"
	"strings"
)

// The walls of size. Aim well below: a file of 400 lines is a question.
const (
	MaxFileLines   = 600
	MaxFuncLines   = 80
	MaxPackage     = 15  // files that are not tests
	MaxNinthDecile = 400 // nine files in ten are no longer than this
)

const unneeded = "has a pass for its size and no need of it"

// A Pass lets one named thing over a wall, for a reason. A pass that is not
// needed is reported too.
type Pass struct{ Name, Why string }

// Passes by rule. Files by path, functions as "path Func" or "path Type.Func",
// packages by folder.
var (
	FilePasses    []Pass
	FuncPasses    []Pass
	PackagePasses = []Pass{
		{"cmd/vigilctl", "one file per command"},
		{"engine/probe", "one file per checker kind"},
		{"engine/track", "one file per tracker kind"},
		{"engine/notify", "one file per notifier kind"},
	}
)

func checkFileSize(t *Tree) []Finding {
	var out []Finding
	for _, s := range t.goSources(func(s *Source) bool { return !s.IsTest() }) {
		over := s.Lines() > MaxFileLines
		pass := passed(FilePasses, s.Path)
		if pass && !over {
			out = append(out, Finding{s.Path, unneeded})
		}
		if over && !pass {
			out = append(out, Finding{s.Path, fmt.Sprintf("has %d lines, the wall is %d", s.Lines(), MaxFileLines)})
		}
	}
	return out
}

func checkFuncSize(t *Tree) []Finding {
	var out []Finding
	for _, s := range t.goSources(func(s *Source) bool { return !s.IsTest() }) {
		for _, d := range s.Go.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := t.Fset.Position(fn.End()).Line - t.Fset.Position(fn.Pos()).Line + 1
			over := lines > MaxFuncLines
			pass := passed(FuncPasses, s.Path+" "+funcName(fn))
			if pass && !over {
				out = append(out, Finding{t.at(fn.Pos()), funcName(fn) + " " + unneeded})
			}
			if over && !pass {
				out = append(out, Finding{t.at(fn.Pos()), fmt.Sprintf("%s has %d lines, the wall is %d", funcName(fn), lines, MaxFuncLines)})
			}
		}
	}
	return out
}

func checkPackageSize(t *Tree) []Finding {
	files := map[string]int{}
	for _, s := range t.goSources(func(s *Source) bool { return !s.IsTest() }) {
		files[s.Dir()]++
	}
	var out []Finding
	for dir, n := range files {
		if n > MaxPackage && !passed(PackagePasses, dir) {
			out = append(out, Finding{dir, fmt.Sprintf("has %d files, the wall is %d: it is two packages", n, MaxPackage)})
		}
	}
	slices.SortFunc(out, func(a, b Finding) int { return strings.Compare(a.Where, b.Where) })
	return out
}

// checkSpread holds the whole to what is asked of most of its parts. Below
// twenty files there is no ninth decile to speak of.
func checkSpread(t *Tree) []Finding {
	var sizes []int
	for _, s := range t.goSources(func(s *Source) bool { return !s.ForTests() }) {
		sizes = append(sizes, s.Lines())
	}
	if len(sizes) < 20 {
		return nil
	}
	slices.Sort(sizes)
	if p90 := sizes[len(sizes)*9/10]; p90 > MaxNinthDecile {
		return []Finding{{".", fmt.Sprintf("one file in ten has more than %d lines (ninth decile %d)", MaxNinthDecile, p90)}}
	}
	return nil
}

func checkParses(t *Tree) []Finding {
	var out []Finding
	for i := range t.Sources {
		if s := &t.Sources[i]; s.Err != nil {
			out = append(out, Finding{s.Path, "does not parse, so no rule has looked at it: " + s.Err.Error()})
		}
	}
	return out
}

func checkGofmt(t *Tree) []Finding {
	var out []Finding
	for _, s := range t.goSources(func(*Source) bool { return true }) {
		want, err := format.Source(s.Text)
		if err != nil || string(want) != string(s.Text) {
			out = append(out, Finding{s.Path, "is not gofmt'ed"})
		}
	}
	return out
}

// funcName renders Func or Type.Func.
func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	x := fn.Recv.List[0].Type
	for {
		switch e := x.(type) {
		case *ast.StarExpr:
			x = e.X
			continue
		case *ast.IndexExpr:
			x = e.X
			continue
		case *ast.Ident:
			return e.Name + "." + fn.Name.Name
		}
		return fn.Name.Name
	}
}

func passed(passes []Pass, name string) bool {
	return slices.ContainsFunc(passes, func(p Pass) bool { return p.Name == name })
}
