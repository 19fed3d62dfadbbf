// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Module is the path of the module the rules are about.
const Module = "github.com/vigild/vigild"

// A Package is one entry of "go list -deps -json", as far as the rules need it.
type Package struct {
	ImportPath string
	Name       string
	Imports    []string // direct, without those of tests
	Deps       []string // transitive, without those of tests
	Error      *struct{ Err string }
}

// Rel returns the folder of a package of the module, and false for any other.
func (p *Package) Rel() (string, bool) { return rel(p.ImportPath) }

func rel(importPath string) (string, bool) {
	if importPath == Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

// ReadGraph decodes the output of "go list -e -deps -json ./...".
func ReadGraph(r io.Reader) ([]Package, error) {
	var out []Package
	for dec := json.NewDecoder(r); ; {
		var p Package
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("package graph: %w", err)
		}
		out = append(out, p)
	}
}

// standard tells whether an import path is of the standard library: its first
// element has no dot.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// checkTiers holds every direct import of every package against [Tiers]. By
// induction that covers what is imported through another package.
func checkTiers(t *Tree) []Finding {
	var out []Finding
	for i := range t.Packages {
		p := &t.Packages[i]
		dir, ours := p.Rel()
		if !ours {
			continue
		}
		if p.Error != nil && !strings.Contains(p.Error.Err, "build constraints exclude all") {
			out = append(out, Finding{dir, "does not load, so nothing is known of its imports: " + p.Error.Err})
			continue
		}
		i := slices.IndexFunc(Tiers, func(r Tier) bool { return matches(dir, r.Package) })
		if i < 0 {
			out = append(out, Finding{dir, "is in no tier: give it a row in engine/house/tiers.go, or a place that has one"})
			continue
		}
		out = append(out, Tiers[i].check(dir, p.Imports)...)
	}
	return out
}

func (r *Tier) check(dir string, imports []string) []Finding {
	var out []Finding
	for _, imp := range imports {
		inside, ours := rel(imp)
		switch {
		case standard(imp):
		case ours && matchesAny(inside, r.May):
		case !ours && slices.ContainsFunc(r.Modules, func(m string) bool { return m == "..." || under(imp, m) }):
		default:
			out = append(out, Finding{dir, fmt.Sprintf("imports %s: %s", strings.TrimPrefix(imp, Module+"/"), r.Why)})
		}
	}
	return out
}

// checkBans holds everything a package ends up linked with against [Bans].
func checkBans(t *Tree) []Finding {
	var out []Finding
	for i := range t.Packages {
		p := &t.Packages[i]
		dir, ours := p.Rel()
		if !ours {
			continue
		}
		for _, b := range Bans {
			if !matches(dir, b.Package) || matchesAny(dir, b.Except) {
				continue
			}
			for _, dep := range p.Deps {
				name := dep
				if inside, ok := rel(dep); ok {
					name = inside
				}
				if matchesAny(name, b.Never) && name != dir {
					out = append(out, Finding{dir, fmt.Sprintf("ends up importing %s: %s", name, b.Why)})
				}
			}
		}
	}
	return out
}
