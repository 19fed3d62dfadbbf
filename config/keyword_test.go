// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/config/syntax"
)

// TestKeywords: the table is whole and agrees with itself.
func TestKeywords(t *testing.T) {
	blocks := map[string]bool{"": true}
	for i := range Keywords {
		if Keywords[i].IsBlock() {
			blocks[Keywords[i].Path()] = true
		}
	}
	seen := map[string]bool{}
	for i := range Keywords {
		k := &Keywords[i]
		switch {
		case seen[k.Path()]:
			t.Errorf("%s stands twice", k.Path())
		case k.read == nil:
			t.Errorf("%s has no reader", k.Path())
		case k.Tier < 'A' || k.Tier > 'D':
			t.Errorf("%s has tier %q", k.Path(), k.Tier)
		case !strings.HasSuffix(k.Doc, ".") || len(k.Doc) < 15 || len(k.Doc) > 160:
			t.Errorf("%s has the sentence %q", k.Path(), k.Doc)
		case !blocks[k.Block]:
			t.Errorf("%s stands in a block that does not exist", k.Path())
		case k.Instead != "" && Find(k.Block, k.Instead) == nil:
			t.Errorf("%s points to %s, which does not exist", k.Path(), k.Instead)
		case strings.HasSuffix(k.NoEffect, "."):
			t.Errorf("%s: %q ends in a full stop", k.Path(), k.NoEffect)
		}
		seen[k.Path()] = true
	}
	if len(Keywords) < 400 {
		t.Errorf("%d keywords", len(Keywords))
	}
	if Find("vrrp_instance", "priority") == nil || Find("", "priority") != nil {
		t.Error("Find")
	}
}

// TestSuggest finds the keyword that was meant.
func TestSuggest(t *testing.T) {
	for _, c := range [][3]string{
		{"vrrp_instance", "prority", "priority"},
		{"vrrp_instance", "pirority", "priority"},
		{"vrrp_instance", "Priority", "priority"},
		{"vrrp_instance", "virtual_ipadress", "virtual_ipaddress"},
		{"vrrp_instance", "notify_mastr", "notify_master"},
		{"vrrp_instance", "zzz", ""},
		{"vrrp_instance", "x", ""},
		{"vrrp_instance", strings.Repeat("priority", 100), ""},
		{"", "vrrp_instace", "vrrp_instance"},
		{"virtual_server/real_server", "TCP_CHEK", "TCP_CHECK"},
		{"nowhere", "priority", ""},
	} {
		if got := Suggest(c[0], c[1]); got != c[2] {
			t.Errorf("Suggest(%q, %q) = %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

// TestSeconds reads and writes times.
func TestSeconds(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "1": "1", "01.50": "1.5", ".25": "0.25", "2.": "2", "0.000001": "0.000001", "4294.967295": "4294.967295"} {
		d, ok := parseSeconds(in)
		if got := formatSeconds(d); !ok || got != want {
			t.Errorf("%q gives %s, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", ".", "-1", "1e3", "0.0000001", "99999999999", "1,5"} {
		if d, ok := parseSeconds(in); ok {
			t.Errorf("%q gives %s", in, d)
		}
	}
}

// FuzzBuild: any text gives a configuration whose print and consolidated text mean the same.
func FuzzBuild(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.conf", "testdata/bad/*.conf", "testdata/corpus/*.conf"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "#@") || strings.Contains(text, "$") {
			return
		}
		tree, found := syntax.Parse("t", []byte(text), syntax.Options{Limits: syntax.Limits{Lines: 200}})
		b := build(tree, testEnvironment(true))
		c := b.c
		for _, p := range append(found, b.found...) {
			if p.Class == syntax.Fatal || p.Rule == syntax.RuleUnmatchedQuote {
				return // nobody runs this
			}
		}
		text = string(syntax.Consolidate(&syntax.Tree{Nodes: b.prune(tree.Nodes), Files: tree.Files}))
		c.seal([]byte(text), nil)
		c.Rows(RowsOf{})
		sameMeaning(t, c, []byte(text))
	})
}

// Large is how many virtual and real servers the large configuration has.
const largeServices, largeServers = 2277, 37205

// largeText is a configuration of that size.
func largeText() string {
	var text strings.Builder
	left := largeServers
	for v := range largeServices {
		fmt.Fprintf(&text, "virtual_server 10.%d.%d.1 80 {\n    delay_loop 6\n    lb_algo wrr\n    lb_kind NAT\n    protocol TCP\n", v>>8, v&255)
		n := left / (largeServices - v)
		left -= n
		for r := range n {
			fmt.Fprintf(&text, "    real_server 172.%d.%d.%d 80 {\n        weight 1\n        TCP_CHECK {\n            connect_timeout 3\n        }\n    }\n", v>>8, v&255, r+1)
		}
		text.WriteString("}\n")
	}
	return text.String()
}

// BenchmarkTestLarge is a configuration test of 2,277 virtual and 37,205 real servers: language, keywords, settings and
// consolidation.
func BenchmarkTestLarge(b *testing.B) {
	name := filepath.Join(b.TempDir(), "large.conf")
	if err := os.WriteFile(name, []byte(largeText()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if c, _, found := loadTest(name); TestExit(found) != ExitOK || len(c.Health.Services) != largeServices {
			b.Fatal(problemLines(found))
		}
	}
}

// BenchmarkParseLarge is what a worker does with the same configuration.
func BenchmarkParseLarge(b *testing.B) {
	name := filepath.Join(b.TempDir(), "large.conf")
	if err := os.WriteFile(name, []byte(largeText()), 0o600); err != nil {
		b.Fatal(err)
	}
	_, text, _ := loadTest(name)
	b.ReportAllocs()
	for b.Loop() {
		if c, _ := Parse(text, Environment{Hostname: "router.example.org"}); len(c.Health.Services) != largeServices {
			b.Fatalf("%d services", len(c.Health.Services))
		}
	}
}
