// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package house

import "fmt"

// A Finding is one place that breaks a rule.
type Finding struct {
	Where string // a file, file:line, or folder
	What  string
}

// String renders the finding the way compilers do.
func (f Finding) String() string { return fmt.Sprintf("%s: %s", f.Where, f.What) }

// A Rule is something every developer must keep and nobody must remember.
type Rule struct {
	Name  string
	Check func(*Tree) []Finding
}

// Rules is the whole list.
var Rules = []Rule{
	{"tiers", checkTiers},
	{"bans", checkBans},
	{"pure", checkPure},
	{"exec", checkExec},
	{"parses", checkParses},
	{"gofmt", checkGofmt},
	{"file size", checkFileSize},
	{"function size", checkFuncSize},
	{"package size", checkPackageSize},
	{"size spread", checkSpread},
	{"spdx", checkSPDX},
	{"doc.go", checkDoc},
	{"names", checkNames},
	{"explicit lists", checkExplicit},
	{"no sleeping", checkSleep},
	{"no skipping", checkSkip},
	{"no markers", checkMarkers},
	{"no machine paths", checkPaths},
	{"no registries", checkRegistries},
	{"top level", checkTop},
	{"decisions", checkDecisions},
}
