// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Licence lines, the first two of every Go file.
const (
	spdxCopyright = "// SPDX-FileCopyrightText: The vigild authors"
	spdxLicense   = "// SPDX-License-Identifier: Apache-2.0"
)

func checkSPDX(t *Tree) []Finding {
	var out []Finding
	for i := range t.Sources {
		s := &t.Sources[i]
		if !strings.HasSuffix(s.Path, ".go") || strings.Contains("/"+s.Path, "/testdata/") {
			continue
		}
		if !strings.HasPrefix(string(s.Text), spdxCopyright+"\n"+spdxLicense+"\n") {
			out = append(out, Finding{s.Path, "does not open with the two SPDX lines"})
		}
	}
	return out
}

// checkDoc wants a doc.go in every package folder that says what the package is
// for, who may import it, and what it must never do.
func checkDoc(t *Tree) []Finding {
	docs := map[string]string{}
	var dirs []string
	main := map[string]bool{}
	for _, s := range t.goSources(func(*Source) bool { return true }) {
		if !slices.Contains(dirs, s.Dir()) {
			dirs = append(dirs, s.Dir())
		}
		if s.Go.Name.Name == "main" {
			main[s.Dir()] = true
		}
		if path.Base(s.Path) == "doc.go" {
			docs[s.Dir()] = s.Go.Doc.Text()
		}
	}
	var out []Finding
	for _, dir := range dirs {
		doc := docs[dir]
		switch {
		case doc == "":
			out = append(out, Finding{dir, "has no doc.go with a package comment"})
		case main[dir]:
		case !strings.HasPrefix(doc, "Package "):
			out = append(out, Finding{dir + "/doc.go", "does not begin with \"Package \""})
		default:
			for _, word := range []string{"import", "never"} {
				if !strings.Contains(strings.ToLower(doc), word) {
					out = append(out, Finding{dir + "/doc.go", fmt.Sprintf("does not say %q: what it is for, who may import it, what it must never do", word)})
				}
			}
		}
	}
	return out
}

// Patterns for text that has no place in the repository. They are written so
// that they do not match themselves.
var (
	markers = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

	machinePaths = regexp.MustCompile(`(?:^|[^\w.~$}/-])/(?:work|home|root|Users)/[\w.-]+`)

	registries = regexp.MustCompile(`(?i)\b(?:(?:proxy|sum)\.golang\.org|goproxy\.\w+|registry\.(?:npmjs|yarnpkg)\.\w+` +
		`|(?:test\.)?pypi\.org|files\.pythonhosted\.org|(?:index|static)\.crates\.io|rubygems\.org|repo\d*\.maven\.org` +
		`|[\w.-]*\b(?:artifactory|jfrog|nexus)\b[\w-]*\.[\w.-]+)`)
)

// found is what others wrote and is kept as it was found.
var found = []string{"LICENSE", "config/testdata/corpus/..."}

func grep(t *Tree, re *regexp.Regexp, what string) []Finding {
	var out []Finding
	for i := range t.Sources {
		s := &t.Sources[i]
		if matchesAny(s.Path, found) {
			continue
		}
		for n, line := range strings.Split(string(s.Text), "\n") {
			if m := re.FindString(line); m != "" {
				out = append(out, Finding{fmt.Sprintf("%s:%d", s.Path, n+1), fmt.Sprintf("%s: %q", what, m)})
			}
		}
	}
	return out
}

func checkMarkers(t *Tree) []Finding {
	return grep(t, markers, "leaves work for later; do it, or decide against it under engine/decisions")
}

func checkPaths(t *Tree) []Finding {
	return grep(t, machinePaths, "names a path of somebody's machine")
}

func checkRegistries(t *Tree) []Finding {
	return grep(t, registries, "names a package registry; which one is used is the builder's choice")
}

// top is everything that may stand in the root of the repository, besides names
// that begin with a dot.
var top = []string{
	"cmd", "collector", "engine", "snmp", "mib", "dashboards", "alerts", "config", "test",
	"go.mod", "go.sum", "Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
}

func checkTop(t *Tree) []Finding {
	var out []Finding
	for _, name := range t.Top {
		if !slices.Contains(top, name) && !strings.HasPrefix(name, ".") {
			out = append(out, Finding{name, "has no place at the top level: find the folder it belongs to"})
		}
	}
	return out
}

var decisionName = regexp.MustCompile(`^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.md$`)

// checkDecisions wants decisions numbered without a hole, one page each, with
// the four things a later reader asks for.
func checkDecisions(t *Tree) []Finding {
	var out []Finding
	next := 1
	for i := range t.Sources {
		s := &t.Sources[i]
		if s.Dir() != "engine/decisions" {
			continue
		}
		m := decisionName.FindStringSubmatch(path.Base(s.Path))
		if m == nil || m[1] != fmt.Sprintf("%04d", next) {
			out = append(out, Finding{s.Path, fmt.Sprintf("is not called %04d-some-words.md", next)})
		}
		next++
		for _, heading := range []string{"\nDate: ", "\n## Status quo\n", "\n## Choice\n", "\n## Cost\n", "\n## What would change our mind\n"} {
			if !strings.Contains(string(s.Text), heading) {
				out = append(out, Finding{s.Path, fmt.Sprintf("has no %q", strings.TrimSpace(heading))})
			}
		}
		if s.Lines() > 80 {
			out = append(out, Finding{s.Path, "is longer than a page (80 lines)"})
		}
	}
	return out
}
