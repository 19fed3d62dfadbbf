// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// line renders a variable as snmpbulkwalk -On does.
func line(b agentx.VarBind) string {
	text := b.Value.String()
	if b.Value.Type() == agentx.OctetString {
		text = octets(b.Value.Str())
	}
	return "." + b.Name.String() + " = " + text
}

func octets(s string) string {
	if s == "" {
		return `""`
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return fmt.Sprintf("Hex-STRING: % X ", s)
		}
	}
	return `STRING: "` + strings.ReplaceAll(s, `"`, `\"`) + `"`
}

// walk renders everything below root.
func walk(t testing.TB, v *ledger.View, root string) []string {
	t.Helper()
	s, err := Build(v)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for b := range s.All() {
		if b.Name.HasPrefix(agentx.MustParseOID(root)) {
			out = append(out, line(b))
		}
	}
	return out
}

// justified says why a line of a walk may differ from keepalived 2.2.7's; ""
// for the others.
func justified(name string) string {
	number := strings.TrimPrefix(name, "."+mib.Keepalived+".")
	for prefix, why := range map[string]string{
		"1.1.0": "the version", "1.12.": "younger than 2.2.7", "2.3.1.36.": "younger than 2.2.7",
		"2.9.1.10.": "younger than 2.2.7", "2.9.1.11.": "younger than 2.2.7", "2.9.1.12.": "younger than 2.2.7",
	} {
		if strings.HasPrefix(number, prefix) {
			return why
		}
	}
	return ""
}

// compared drops the lines that may differ.
func compared(lines []string) []string {
	var out []string
	for _, l := range lines {
		if name, _, _ := strings.Cut(l, " = "); justified(name) == "" {
			out = append(out, l)
		}
	}
	return out
}

// differences of two lists of lines, both in the order of their names.
func differences(want, got []string) []string {
	have := map[string]bool{}
	for _, l := range got {
		have[l] = true
	}
	var out []string
	wanted := map[string]bool{}
	for _, l := range want {
		wanted[l] = true
		if !have[l] {
			out = append(out, "missing "+l)
		}
	}
	for _, l := range got {
		if !wanted[l] {
			out = append(out, "surplus "+l)
		}
	}
	return out
}

// The walks were recorded from Debian's keepalived 2.2.7 with the configuration
// beside them, under a real snmpd.
func TestSameWalkAsKeepalived(t *testing.T) {
	for name, v := range map[string]*ledger.View{"tracking": tracking(), "families": families(), "waiting": waiting(), "routes": steered()} {
		text, err := os.ReadFile("testdata/keepalived-2.2.7/" + name + ".walk")
		if err != nil {
			t.Fatal(err)
		}
		want := compared(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
		got := compared(walk(t, v, mib.Keepalived))
		for _, d := range differences(want, got) {
			t.Errorf("%s: %s", name, d)
		}
		if len(got) == len(want) && strings.Join(got, "\n") != strings.Join(want, "\n") && !t.Failed() {
			t.Errorf("%s: the same lines in another order", name)
		}
	}
}
