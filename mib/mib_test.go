// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package mib

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// These tests need Debian's smitools and snmp; a missing one is a failure.

var modules = []*Module{&Compat, &Vigil}

// standard holds the few definitions that the modules import.
const standard = "testdata/std"

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	state := t.TempDir()
	if err := os.Mkdir(state+"/cert_indexes", 0o700); err != nil { // the tools tell when they make it
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "SMIPATH=.:"+standard, "SNMPCONFPATH="+state, "SNMP_PERSISTENT_DIR="+state)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestLint(t *testing.T) {
	for _, m := range modules {
		if out := tool(t, "smilint", "-s", "-l", "6", m.Name+".txt"); out != "" {
			t.Errorf("smilint %s:\n%s", m.Name, out)
		}
	}
}

// A module with one mistake is reported, so that silence means something.
func TestLintSees(t *testing.T) {
	text, err := os.ReadFile("VIGIL-MIB.txt")
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/VIGIL-MIB.txt"
	broken := strings.Replace(string(text), "MAX-ACCESS  read-only", "MAX-ACCESS  read-always", 1)
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := tool(t, "smilint", "-s", "-l", "6", file); out == "" {
		t.Error("smilint accepts an access that does not exist")
	}
}

func TestTranslate(t *testing.T) {
	for _, m := range modules {
		for line := range strings.SplitSeq(tool(t, "snmptranslate", "-M", ".:"+standard, "-m", m.Name, "-Pew", "-Tz"), "\n") {
			if line != "" && !strings.HasPrefix(line, `"`) && !strings.HasSuffix(line, "parsed and ignored).") {
				t.Errorf("snmptranslate %s: %s", m.Name, line)
			}
		}
	}
	out := tool(t, "snmptranslate", "-M", ".:"+standard, "-m", "ALL", "-OS", Keepalived+".2.3.1.4.7", VigilRoot+".1.1.2.1.6.7")
	want := "VIGIL-KEEPALIVED-COMPAT-MIB::vrrpInstanceState.7\n\nVIGIL-MIB::vigilInstanceReason.7\n"
	if out != want {
		t.Errorf("snmptranslate gives\n%swant\n%s", out, want)
	}
}

// described is what a module says of an object: syntax, access, values, index.
func described(syntax, access, values string, index []string) string {
	if values != "" {
		values = " (" + values + ")"
	}
	return fmt.Sprintf("%s%s %s%v", syntax, values, access, index)
}

var (
	objectType = regexp.MustCompile(`(?ms)^(\w+) (OBJECT-TYPE|NOTIFICATION-TYPE)\n(.*?)::=`)
	describing = regexp.MustCompile(`(?s)    DESCRIPTION ".*?"\n`)
	clause     = regexp.MustCompile(`(?ms)^    (SYNTAX|MAX-ACCESS|INDEX|OBJECTS) +(.*?)(\n    [A-Z]|\z)`)
	parens     = regexp.MustCompile(`(?s)^([\w-]+)\s*[({]\s*(.*?)\s*[)}]$`)
)

// fromModule reads the objects of a module's text and their numbers from smidump.
func fromModule(t *testing.T, m *Module) map[string]string {
	t.Helper()
	text, err := os.ReadFile(m.Name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	oids := map[string]string{}
	for line := range strings.SplitSeq(tool(t, "smidump", "-q", "-f", "identifiers", m.Name+".txt"), "\n") {
		if f := strings.Fields(line); len(f) == 4 {
			oids[f[1]] = f[3]
		}
	}
	out := map[string]string{}
	for _, o := range objectType.FindAllStringSubmatch(string(text), -1) {
		c := map[string]string{}
		body := describing.ReplaceAllString(o[3], "")
		for len(body) > 0 {
			at := clause.FindStringSubmatchIndex(body)
			if at == nil {
				break
			}
			c[body[at[2]:at[3]]] = strings.Join(strings.Fields(body[at[4]:at[5]]), " ")
			body = body[at[5]:]
		}
		syntax, values := c["SYNTAX"], ""
		if p := parens.FindStringSubmatch(syntax); p != nil {
			syntax, values = p[1], p[2]
		}
		list := strings.FieldsFunc(strings.Trim(c["INDEX"]+c["OBJECTS"], "{} "), func(r rune) bool { return r == ',' || r == ' ' })
		out[o[1]] = oids[o[1]] + " " + described(syntax, c["MAX-ACCESS"], values, list)
	}
	return out
}

// fromCode renders the same from the tables of this package.
func fromCode(m *Module) map[string]string {
	out := map[string]string{}
	put := func(oid string, o Object) {
		out[o.Name] = under(oid, o.Number) + " " + described(o.Syntax.String(), o.Access.String(), o.Values, nil)
	}
	for _, g := range m.Groups {
		for _, o := range g.Objects {
			put(g.OID, o)
		}
	}
	for _, t := range m.Tables {
		row := strings.ToUpper(t.Entry()[:1]) + t.Entry()[1:]
		out[t.Name] = t.OID + " " + described("SEQUENCE OF "+row, "not-accessible", "", nil)
		out[t.Entry()] = t.OID + ".1 " + described(row, "not-accessible", "", t.Index)
		for _, o := range t.Columns {
			put(under(t.OID, 1), o)
		}
	}
	for _, n := range m.Notifications {
		out[n.Name] = n.OID + " " + described("", "", "", n.Objects)
	}
	return out
}

func TestModulesAndTablesAgree(t *testing.T) {
	for _, m := range modules {
		text, code := fromModule(t, m), fromCode(m)
		for name, want := range text {
			if got := code[name]; got != want {
				t.Errorf("%s: the module has\n\t%s\nthe code\n\t%s", name, want, got)
			}
			delete(code, name)
		}
		for name, got := range code {
			t.Errorf("%s: the module has nothing, the code\n\t%s", name, got)
		}
		if len(text) < 60 {
			t.Errorf("%s: only %d objects were read", m.Name, len(text))
		}
	}
}

// The numbers and types that management stations know (KEEPALIVED-MIB).
func TestNumbersThatStationsKnow(t *testing.T) {
	for name, want := range map[string]string{
		"version":                       "1.1",
		"emailAddress":                  "1.3.5.1.2",
		"smtpServerPort":                "1.3.6",
		"v3ChecksumAsV2":                "1.12",
		"vrrpSyncGroupState":            "2.1.1.3",
		"vrrpInstanceState":             "2.3.1.4",
		"vrrpInstanceEffectivePriority": "2.3.1.8",
		"vrrpInstanceV3ChecksumAsV2":    "2.3.1.36",
		"vrrpAddressPeer":               "2.6.1.12",
		"vrrpScriptResult":              "2.9.1.6",
		"vrrpSyncTrackedProcessWgtRev":  "2.22.1.4",
		"vrrpInstanceStateChange":       "2.10.0.2",
	} {
		if got := Compat.OID(name); got != Keepalived+"."+want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := Compat.OID("vigilEventId"); got != "" {
		t.Errorf("an object of another module is %s", got)
	}
}

func TestEverySyntaxTravels(t *testing.T) {
	for _, m := range modules {
		var all []Object
		for _, g := range m.Groups {
			all = append(all, g.Objects...)
		}
		for _, tab := range m.Tables {
			all = append(all, tab.Columns...)
			if i := slices.IndexFunc(tab.Columns, func(o Object) bool { return o.Access.Readable() }); i < 0 {
				t.Errorf("%s has nothing to read", tab.Name)
			}
		}
		for _, o := range all {
			if o.Syntax.Wire() == 0 {
				t.Errorf("%s: %s has no form on the wire", o.Name, o.Syntax)
			}
			if (o.Syntax == Enumeration) != strings.Contains(o.Values, "(") {
				t.Errorf("%s: %s with values %q", o.Name, o.Syntax, o.Values)
			}
		}
	}
}
