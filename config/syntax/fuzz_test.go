// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzParse holds any text against the laws: no panic, bounded work, and both written forms give the tree back.
func FuzzParse(f *testing.F) {
	f.Add("a b {\n c \"d e\" # f\n}\n")
	f.Add("$A=x \\\n y {\n~SEQx(i,9,0xb) $A ${i}\n}\n")
	f.Add("~LST({a,b},{1,2},{3}) k ${a}${b} ${_RANDOM 1 9} ${_HASH}${_BANG}@x\n@alpha q\n@^alpha r\n")
	f.Add("include b.conf\n{\n}\n}\nx\\#y\\!\"z#\"\n\"@a\" b\n")
	f.Fuzz(func(t *testing.T, text string) {
		o := testOptions(memory{"/etc/keepalived/b.conf": text, "/etc/keepalived/c.conf": "c {\n"})
		o.Limits = Limits{Lines: 200, Bytes: 1 << 20, Files: 20}
		tree, found := Parse("t", []byte(text), o)
		if len(found) > 2*maxProblems+1 {
			t.Errorf("%d problems", len(found))
		}
		for _, p := range found {
			if p.Message == "" || p.Rule == "" || (p.Level == Note) != (p.Class == Harmless) {
				t.Errorf("problem %+v", p)
			}
		}
		if strings.HasPrefix(text, consolidatedHeader) || hasReference(tree.Nodes) {
			return // a consolidated text may say things that no configuration can
		}
		roundTrip(t, tree)
	})
}

// hasReference tells whether a $ is left that Print would let the language see again.
func hasReference(nodes []*Node) bool {
	for _, n := range nodes {
		if strings.Contains(n.text, "$") || hasReference(n.Children) {
			return true
		}
	}
	return false
}

// FuzzSplit: the splitters end, and give no more than they were given.
func FuzzSplit(f *testing.F) {
	f.Add(`"/bin/a 'b\tc' \"d" user`)
	f.Fuzz(func(t *testing.T, s string) {
		total := 0
		words, _ := ScriptSplit(s)
		for _, w := range words {
			total += len(w.Text)
			args, _ := SplitCommand(w.Text)
			for _, a := range args {
				if len(a) > len(w.Text) {
					t.Errorf("%q gives %q", w.Text, a)
				}
			}
		}
		if total > len(s) {
			t.Errorf("%q gives %v", s, words)
		}
	})
}

// large writes a configuration of about 120,000 lines and 2.2 MB, as a load balancer with 37,205 real servers has it.
func large() []byte {
	var b strings.Builder
	for v := range 145 {
		fmt.Fprintf(&b, "virtual_server 10.0.%d.1 80 {\n    delay_loop 6\n    protocol TCP\n", v)
		for r := range 257 {
			fmt.Fprintf(&b, "    real_server 10.%d.%d.%d 80 { weight 1\n        TCP_CHECK { connect_timeout 3 }\n    }\n", v, r>>7, r&127)
		}
		b.WriteString("}\n")
	}
	return []byte(b.String())
}

func BenchmarkParseLarge(b *testing.B) {
	text := large()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, found := Parse("t", text, Options{}); len(found) > 0 {
			b.Fatal(found[0])
		}
	}
}

func BenchmarkConsolidateLarge(b *testing.B) {
	tree, _ := Parse("t", large(), Options{})
	b.ReportAllocs()
	for b.Loop() {
		Consolidate(tree)
	}
}

func BenchmarkParseSequence(b *testing.B) {
	text := []byte("$RS=real_server 10.0.${i}.${j} 80 { \\\n weight 1 \\\n }\nvirtual_server 10.0.0.1 80 {\n~SEQ(i,0,144) ~SEQ(j,0,255) $RS\n}\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, found := Parse("t", text, Options{}); len(found) > 0 {
			b.Fatal(found[0])
		}
	}
}
