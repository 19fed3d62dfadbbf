// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Pure lists the packages that decide: they are given the time and one input,
// and touch nothing.
var Pure = []string{
	"engine/event",
	"engine/vrrp",
	"engine/vrrp/auth",
	"engine/vrrp/wire",
	"engine/shadow",
	"engine/bfd",
	"engine/health",
	"engine/ledger",
	"engine/explain",
	"engine/simulate",
	"engine/plan",
	"config/lint",
	"config/syntax",
}

// impure is what a pure package may not import, and why.
var impure = []struct{ pattern, why string }{
	{"net/...", "what decides opens no socket (net/netip is data and allowed)"},
	{"os/...", "what decides reads no file, variable or signal"},
	{"syscall", "what decides makes no system call"},
	{"context", "what decides does not wait, so nothing can be cancelled"},
	{"sync/...", "what decides is stepped by one caller"},
	{"log/...", "what decides says so in an event"},
	{"math/rand/...", "randomness is an input"},
	{"crypto/rand", "randomness is an input"},
	{"runtime/...", "what decides does not look at the process it runs in"},
	{"unsafe", "what decides has no need of it"},
	{"golang.org/x/sys/...", "what decides makes no system call"},
}

// impureOnce names what one single file of a pure package may import all the
// same.
var impureOnce = map[string]string{
	"config/syntax": "os", // the file that opens what "include" names
}

// clock lists the functions of package time that read a clock or wait for it.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Sleep", "Tick"}

func checkPure(t *Tree) []Finding {
	var out []Finding
	opened := map[string]string{} // package → the one file that uses its exception
	for _, s := range t.goSources(func(s *Source) bool { return !s.IsTest() && slices.Contains(Pure, s.Dir()) }) {
		for _, imp := range s.Go.Imports {
			name := importPath(imp)
			i := slices.IndexFunc(impure, func(b struct{ pattern, why string }) bool { return matches(name, b.pattern) })
			if i < 0 || name == "net/netip" {
				continue
			}
			if impureOnce[s.Dir()] == name && opened[s.Dir()] == "" {
				opened[s.Dir()] = s.Path
				continue
			}
			out = append(out, Finding{t.at(imp.Pos()), fmt.Sprintf("imports %s in a pure package: %s", name, impure[i].why)})
		}
		for _, c := range callsTo(s.Go, "time") {
			if slices.Contains(clock, c.name) {
				out = append(out, Finding{t.at(c.node.Pos()), fmt.Sprintf("uses time.%s in a pure package: time is an argument", c.name)})
			}
		}
		ast.Inspect(s.Go, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				out = append(out, Finding{t.at(g.Pos()), "starts a goroutine in a pure package: what decides is stepped by one caller"})
			}
			return true
		})
	}
	return out
}

// spawners lists what starts another program without package os/exec.
var spawners = []struct{ pkg, name string }{
	{"os", "StartProcess"},
	{"syscall", "StartProcess"},
	{"syscall", "ForkExec"},
	{"syscall", "Exec"},
	{"golang.org/x/sys/unix", "Exec"},
}

func checkExec(t *Tree) []Finding {
	const why = "programs are started by engine/sys/proc alone, with a user, a process group and a time limit"
	var out []Finding
	for _, s := range t.goSources(func(s *Source) bool { return !s.ForTests() && !under(s.Dir(), "engine/sys/proc") }) {
		for _, imp := range s.Go.Imports {
			if importPath(imp) == "os/exec" {
				out = append(out, Finding{t.at(imp.Pos()), "imports os/exec: " + why})
			}
		}
		for _, sp := range spawners {
			for _, c := range callsTo(s.Go, sp.pkg) {
				if c.name == sp.name {
					out = append(out, Finding{t.at(c.node.Pos()), fmt.Sprintf("uses %s.%s: %s", path.Base(sp.pkg), sp.name, why)})
				}
			}
		}
	}
	return out
}

// A use is one mention of an exported name of an imported package.
type use struct {
	node ast.Node
	name string
}

// callsTo finds every mention of a name of package pkg, whatever the file
// calls that package. A dot import is reported as a use of the name ".".
func callsTo(f *ast.File, pkg string) []use {
	local := ""
	var out []use
	for _, imp := range f.Imports {
		if importPath(imp) != pkg {
			continue
		}
		local = path.Base(pkg)
		if imp.Name != nil {
			local = imp.Name.Name
		}
	}
	if local == "" || local == "_" {
		return nil
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == local {
				out = append(out, use{n, n.Sel.Name})
			}
		case *ast.Ident:
			if local == "." && n.IsExported() {
				out = append(out, use{n, n.Name})
			}
		}
		return true
	})
	return out
}

func importPath(imp *ast.ImportSpec) string {
	p, err := strconv.Unquote(imp.Path.Value)
	if err != nil {
		return strings.Trim(imp.Path.Value, "\"`")
	}
	return p
}
