// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// checkSleep finds tests that wait for time to pass instead of for a condition.
// Inside the function given to synctest.Test a sleep takes no time and is how
// its clock is moved, so there it is allowed.
func checkSleep(t *Tree) []Finding {
	var out []Finding
	for _, s := range t.goSources((*Source).ForTests) {
		bubbles := bubbleRanges(s.Go)
		for _, c := range callsTo(s.Go, "time") {
			if c.name == "Sleep" && !bubbles.hold(c.node) {
				out = append(out, Finding{t.at(c.node.Pos()), "sleeps in a test: wait for the condition, or use testing/synctest"})
			}
		}
		for _, n := range bareWaits(s.Go) {
			if !bubbles.hold(n) {
				out = append(out, Finding{t.at(n.Pos()), "waits for time.After alone, which is a sleep: wait for the condition"})
			}
		}
	}
	return out
}

// spans are stretches of a file.
type spans [][2]token.Pos

func (b spans) hold(n ast.Node) bool {
	return slices.ContainsFunc(b, func(r [2]token.Pos) bool { return r[0] <= n.Pos() && n.End() <= r[1] })
}

// bubbleRanges finds the arguments of synctest.Test.
func bubbleRanges(f *ast.File) spans {
	var out spans
	uses := callsTo(f, "testing/synctest")
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if ok && slices.ContainsFunc(uses, func(u use) bool { return u.node == call.Fun && u.name == "Test" }) {
			out = append(out, [2]token.Pos{call.Lparen, call.Rparen})
		}
		return true
	})
	return out
}

// bareWaits finds statements that are nothing but a receive from time.After.
func bareWaits(f *ast.File) []ast.Node {
	var out []ast.Node
	uses := callsTo(f, "time")
	inSelect := map[ast.Stmt]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CommClause:
			inSelect[n.Comm] = true
		case *ast.ExprStmt:
			recv, ok := n.X.(*ast.UnaryExpr)
			if !ok || recv.Op != token.ARROW || inSelect[n] {
				return true
			}
			call, ok := recv.X.(*ast.CallExpr)
			if ok && slices.ContainsFunc(uses, func(u use) bool { return u.node == call.Fun && u.name == "After" }) {
				out = append(out, n)
			}
		}
		return true
	})
	return out
}

// checkSkip finds tests that excuse themselves: silence would look like success.
func checkSkip(t *Tree) []Finding {
	var out []Finding
	for _, s := range t.goSources((*Source).ForTests) {
		uses := callsTo(s.Go, "testing")
		for _, u := range uses {
			if u.name == "Short" {
				out = append(out, Finding{t.at(u.node.Pos()), "asks for testing.Short: every test runs, every time"})
			}
		}
		names := handles(s.Go, uses)
		ast.Inspect(s.Go, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if ok && names[x.Name] && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
				out = append(out, Finding{t.at(call.Pos()), "skips: what a test needs is installed by test/install.sh, and what is missing is a failure"})
			}
			if ok && x.Name == "os" && len(call.Args) == 1 && slices.Contains([]string{"Getenv", "LookupEnv"}, sel.Sel.Name) {
				if lit, ok := call.Args[0].(*ast.BasicLit); ok && lit.Value == `"CI"` {
					out = append(out, Finding{t.at(call.Pos()), "asks whether this is CI: a test does the same everywhere"})
				}
			}
			return true
		})
	}
	return out
}

// handles collects the names under which a file knows testing.T, B, F and TB.
func handles(f *ast.File, uses []use) map[string]bool {
	out := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		typ := field.Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		if slices.ContainsFunc(uses, func(u use) bool {
			return u.node == typ && slices.Contains([]string{"T", "B", "F", "TB"}, u.name)
		}) {
			for _, name := range field.Names {
				out[name.Name] = true
			}
		}
		return true
	})
	return out
}

// vague lists the words that name a package after nothing.
var vague = []string{"util", "utils", "common", "types", "base", "manager", "helper", "helpers", "misc"}

func checkNames(t *Tree) []Finding {
	var out []Finding
	seen := map[string]bool{}
	for _, s := range t.goSources(func(*Source) bool { return true }) {
		name := strings.TrimSuffix(s.Go.Name.Name, "_test")
		if seen[s.Dir()+" "+name] {
			continue
		}
		seen[s.Dir()+" "+name] = true
		if slices.Contains(vague, name) {
			out = append(out, Finding{s.Dir(), fmt.Sprintf("package %s says nothing: if it is hard to name it is two things", name)})
		}
		if strings.ContainsRune(name, '_') || strings.ToLower(name) != name {
			out = append(out, Finding{s.Dir(), fmt.Sprintf("package %s is not one lower-case noun", name)})
		}
	}
	return out
}

// checkExplicit keeps registration visible: what exists is named in a list.
func checkExplicit(t *Tree) []Finding {
	var out []Finding
	for _, s := range t.goSources(func(s *Source) bool { return !s.IsTest() }) {
		for _, imp := range s.Go.Imports {
			if imp.Name != nil && imp.Name.Name == "_" && importPath(imp) != "embed" {
				out = append(out, Finding{t.at(imp.Pos()), "is imported for its side effects: name what exists in a list"})
			}
		}
		for _, d := range s.Go.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				out = append(out, Finding{t.at(fn.Pos()), "has an init function: name what exists in a list"})
			}
		}
	}
	return out
}
