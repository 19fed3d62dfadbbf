// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"

	"github.com/vigild/vigild/config/syntax"
)

// Tier is how common a keyword is: A is in nearly every configuration, D is obsolete.
type Tier byte

// Keyword is one row of the table that drives parsing, suggestions, documentation and completion.
type Keyword struct {
	// Block is where the keyword stands: "" at the top, else names of blocks joined by "/".
	Block string
	Name  string
	// Form is what follows the keyword, as a person would write it; braces mean a block.
	Form    string
	Default string
	Tier    Tier
	// Doc is one sentence.
	Doc string
	// Instead is today's spelling of an old keyword.
	Instead string
	// NoEffect says why the keyword is understood and changes nothing; empty for all that act.
	NoEffect string

	read reader
}

// Path gives the block path that the keyword's own block has.
func (k *Keyword) Path() string {
	if k.Block == "" {
		return k.Name
	}
	return k.Block + "/" + k.Name
}

// IsBlock tells whether the keyword takes braces.
func (k *Keyword) IsBlock() bool { return strings.Contains(k.Form, "{") }

// A reader takes a statement, fills the configuration, and gives the statement's canonical form, or nil when there is
// nothing to keep of it.
type reader func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node

// Keywords is every keyword there is, block by block.
var Keywords = slices.Concat(
	topKeywords,
	in("global_defs", globalKeywords, processKeywords, mailKeywords, lvsKeywords),
	in("track_group", trackGroupKeywords),
	in("garp_group", garpGroupKeywords),
	in("vrrp_sync_group", groupKeywords),
	in("vrrp_script", scriptKeywords),
	in("track_file", fileKeywords),
	in("vrrp_track_file", fileKeywords),
	in("vrrp_track_process", trackProcessKeywords),
	in("bfd_instance", bfdKeywords),
	in("vrrp_instance", instanceKeywords, notifyKeywords, instanceGarpKeywords),
	in("vrrp_instance/authentication", authKeywords),
	in("vrrp_instance/auth_hmac", hmacKeywords),
	otherKeywords(),
)

// in puts rows into a block.
func in(block string, tables ...[]Keyword) []Keyword {
	rows := slices.Concat(tables...)
	for i := range rows {
		rows[i].Block = block
	}
	return rows
}

// index finds keywords by block and name.
type index map[string]map[string]*Keyword

func newIndex(rows []Keyword) index {
	x := index{}
	for i := range rows {
		k := &rows[i]
		if x[k.Block] == nil {
			x[k.Block] = map[string]*Keyword{}
		}
		x[k.Block][k.Name] = k
	}
	return x
}

// Find gives the row of a keyword in a block, or nil.
func Find(block, name string) *Keyword {
	for i := range Keywords {
		if Keywords[i].Block == block && Keywords[i].Name == name {
			return &Keywords[i]
		}
	}
	return nil
}

// Suggest gives the keyword of the block that is most like the name, or "" when none is near.
func Suggest(block, name string) string { return newIndex(Keywords).suggest(block, name) }

func (x index) suggest(block, name string) string {
	best, least := "", 1+min(3, max(1, len(name)/3))
	if len(name) > 40 {
		return ""
	}
	for candidate, k := range x[block] {
		d := distance(strings.ToLower(name), strings.ToLower(candidate), least)
		if d < least || (d == least && best != "" && candidate < best) {
			best, least = candidate, d
			if k.Instead != "" {
				best = k.Instead
			}
		}
	}
	return best
}

// elsewhere gives the blocks in which a keyword is known.
func (x index) elsewhere(name string) []string {
	var out []string
	for block, names := range x {
		if names[name] != nil && names[name].Tier != 'D' {
			if block == "" {
				block = "the top level"
			}
			out = append(out, block)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := strings.Count(a, "/") - strings.Count(b, "/"); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return out
}

// distance counts the insertions, deletions, replacements and swaps of neighbours that make b of a; beyond most it may
// give any larger number.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	before, prev := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev = prev, cur
	}
	return prev[len(b)]
}
