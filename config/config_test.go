// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testEnvironment is a machine with lo, eth0 to eth3, the users root and nobody, and a few programs.
func testEnvironment(test bool) Environment {
	return Environment{
		Hostname: "router.example.org",
		Test:     test,
		Interface: func(name string) (Interface, bool) {
			k := slices.Index([]string{"lo", "eth0", "eth1", "eth2", "eth3"}, name)
			return Interface{Index: k + 1, Loopback: name == "lo", Multicast: name != "lo"}, k >= 0
		},
		Account: func(name, group string) (Account, error) {
			ids := map[string]uint32{"root": 0, "wheel": 10, "nobody": 65534, "nogroup": 65534}
			uid, ok := ids[name]
			gid, gok := ids[group]
			if group == "" {
				gid, gok = uid, true
			}
			if !ok || !gok {
				return Account{}, fmt.Errorf("there is no user %s with group %q", name, group)
			}
			return Account{UID: uid, GID: gid, Groups: []uint32{gid, 100}}, nil
		},
		Resolve: func(host string) (netip.Addr, error) {
			switch host {
			case "mail.example.org":
				return netip.MustParseAddr("192.0.2.25"), nil
			case "mail.example.net":
				return netip.Addr{}, nil
			}
			return netip.Addr{}, errors.New("no such host")
		},
		Script: func(program string, _ Account) ScriptState {
			switch program {
			case "/bin/absent":
				return ScriptState{Problem: "it does not exist"}
			case "/tmp/open":
				return ScriptState{Insecure: "/tmp may be written by everybody, mode 1777"}
			case "/bin/check":
				return ScriptState{Shell: true}
			}
			return ScriptState{}
		},
		Secret: func(path string) (Secret, error) {
			switch path {
			case "/etc/keepalived/key":
				return Secret{Text: "hex:" + strings.Repeat("5A", 32)}, nil
			case "/etc/keepalived/phrase":
				return Secret{Text: strings.Repeat("a b ", 16), Insecure: path + " may be used by others than its owner, mode 0644"}, nil
			}
			return Secret{}, fmt.Errorf("open %s: no such file or directory", path)
		},
	}
}

func problemLines(found []syntax.Problem) string {
	var b strings.Builder
	for _, p := range found {
		fmt.Fprintf(&b, "%s: %s\n", p.Rule, p)
	}
	return b.String()
}

// settings writes every field that is not zero, one a line.
func settings(b *strings.Builder, name string, v reflect.Value) {
	if v.IsZero() && v.Kind() != reflect.Bool {
		return
	}
	if s, ok := reflect.TypeAssert[fmt.Stringer](v); ok {
		fmt.Fprintf(b, "%s = %s\n", name, s)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			// What a probe does is in its Spec; it itself is full of pointers.
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Prober" {
				settings(b, name+"."+f.Name, v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			for i := range v.Len() {
				settings(b, fmt.Sprintf("%s[%d]", name, i), v.Index(i))
			}
			return
		}
		fmt.Fprintf(b, "%s = %q\n", name, fmt.Sprint(v.Interface()))
	case reflect.Bool:
		if v.Bool() {
			fmt.Fprintf(b, "%s\n", name)
		}
	default:
		fmt.Fprintf(b, "%s = %v\n", name, v.Interface())
	}
}

// meaning is a configuration without where it came from.
func meaning(c *Config) Config {
	m := *c
	m.Files, m.Hash, m.Warnings, m.canonical, m.Slim = nil, 0, 0, nil, nil
	m.Instances, m.Groups, m.Scripts = slices.Clone(m.Instances), slices.Clone(m.Groups), slices.Clone(m.Scripts)
	for i := range m.Instances {
		m.Instances[i].Pos = syntax.Pos{}
	}
	for i := range m.Groups {
		m.Groups[i].Pos = syntax.Pos{}
	}
	for i := range m.Scripts {
		m.Scripts[i].Pos = syntax.Pos{}
	}
	m.Services = slices.Clone(m.Services)
	for i := range m.Services {
		m.Services[i].Pos = syntax.Pos{}
	}
	return m
}

func describe(c *Config) string {
	var b strings.Builder
	m := meaning(c)
	settings(&b, "", reflect.ValueOf(m))
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

func confs(t *testing.T, pattern string, least int) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) < least {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	return names
}

// loadTest reads a file the way a configuration test does.
func loadTest(name string) (*Config, []byte, []syntax.Problem) {
	return Load(name, syntax.Options{FS: syntax.Disk{}}, testEnvironment(true))
}

// TestGood: what is good gives these settings, prints in its canonical form, and the print means the same.
func TestGood(t *testing.T) {
	for _, name := range confs(t, "testdata/good/*.conf", 4) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			c, text, found := loadTest(name)
			if code := TestExit(found); code != ExitOK {
				t.Errorf("exit %d", code)
			}
			golden(t, strings.TrimSuffix(name, ".conf")+".golden", problemLines(found)+"----\n"+string(Print(c))+"----\n"+describe(c))
			sameMeaning(t, c, text)
		})
	}
}

// sameMeaning holds a configuration against the laws: its print and its consolidated text mean the same.
func sameMeaning(t *testing.T, c *Config, text []byte) {
	t.Helper()
	printed := Print(c)
	tree, _ := syntax.Parse("printed", printed, syntax.Options{})
	again, found := Build(tree, testEnvironment(true))
	if !reflect.DeepEqual(meaning(c), meaning(again)) {
		t.Errorf("the print means something else:\n%s\n%s\nwant\n%s\n%s", printed, describe(again), describe(c), problemLines(found))
	}
	if twice := Print(again); string(twice) != string(printed) {
		t.Errorf("printed again:\n%s\nwant\n%s", twice, printed)
	}
	e := testEnvironment(true)
	e.Script, e.Interface, e.Secret = nil, nil, nil // a worker looks at nothing
	worker, _ := Parse(text, e)
	if !reflect.DeepEqual(worker.VRRP, c.VRRP) || !reflect.DeepEqual(worker.Notify, c.Notify) {
		t.Errorf("a worker understands\n%s\nwant\n%s", describe(worker), describe(c))
	}
	if !reflect.DeepEqual(worker.Health, c.Health) {
		t.Errorf("a worker serves\n%s\nwant\n%s", describe(worker), describe(c))
	}
	if worker.Hash != c.Hash || !slices.Equal(worker.Files, c.Files) {
		t.Errorf("a worker sees hash %x of %q, want %x of %q", worker.Hash, worker.Files, c.Hash, c.Files)
	}
	for i := range worker.Instances {
		if worker.Instances[i].Pos != c.Instances[i].Pos {
			t.Errorf("a worker finds %s at %s, want %s", worker.Instances[i].Name, worker.Instances[i].Pos, c.Instances[i].Pos)
		}
	}
}

// TestBad: what is bad gives exactly these problems.
func TestBad(t *testing.T) {
	for _, name := range confs(t, "testdata/bad/*.conf", 30) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			c, text, found := loadTest(name)
			got := fmt.Sprintf("exit %d\n%s", TestExit(found), problemLines(found))
			golden(t, strings.TrimSuffix(name, ".conf")+".err", got)
			rule, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".conf"), "-")
			if !slices.ContainsFunc(found, func(p syntax.Problem) bool { return p.Rule == rule }) {
				t.Errorf("no problem has the rule %s", rule)
			}
			for _, p := range found {
				if p.Message == "" || (p.Level == syntax.Note) != (p.Class == syntax.Harmless) || p.Pos.Line == 0 {
					t.Errorf("problem %+v", p)
				}
			}
			if RunExit(found) == 0 {
				sameMeaning(t, c, text)
			}
		})
	}
}

// TestEveryRuleHasAnExample reads the rules from the source.
func TestEveryRuleHasAnExample(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "build.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, "Rule") {
			return true
		}
		rules++
		rule := strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`)
		if _, err := os.Stat("testdata/bad/" + rule + ".conf"); err != nil {
			t.Error(err)
		}
		return true
	})
	if rules < 30 {
		t.Errorf("%d rules found", rules)
	}
}

// TestCorpus: the configurations of real users test with 0 where their interfaces exist, whatever notes they get.
func TestCorpus(t *testing.T) {
	for _, name := range confs(t, "testdata/corpus/*.conf", 8) {
		c, text, found := loadTest(name)
		if code := TestExit(found); code != ExitOK {
			t.Errorf("%s: exit %d\n%s", name, code, problemLines(found))
		}
		if len(c.VRRP.Instances)+len(c.Health.Services) == 0 {
			t.Errorf("%s: nothing in it", name)
		}
		sameMeaning(t, c, text)
	}
}

// TestRunIsMilder: what can be read of a bad number is used at run time, and not in a test.
func TestRunIsMilder(t *testing.T) {
	tree, _ := syntax.Parse("t", []byte("vrrp_instance V {\n interface eth0\n virtual_router_id 7seven\n priority 10x\n advert_int 2s\n"+
		" garp_master_delay x\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n"), syntax.Options{})
	c, found := Build(tree, testEnvironment(false))
	if len(c.VRRP.Instances) != 1 || RunExit(found) != 0 {
		t.Fatalf("instances %+v\n%s", c.VRRP.Instances, problemLines(found))
	}
	s := c.VRRP.Instances[0]
	if s.VRID != 7 || s.Priority != 10 || s.AdvertInterval != 2*second || s.GarpDelay != 5*second {
		t.Errorf("settings %+v", s)
	}
	_, found = Build(tree, testEnvironment(true))
	if TestExit(found) != ExitFaulty {
		t.Errorf("in a test there is no virtual_router_id:\n%s", problemLines(found))
	}
}

// TestExits covers the exit codes of both modes.
func TestExits(t *testing.T) {
	problem := func(c syntax.Class, rule string) []syntax.Problem {
		return []syntax.Problem{{Class: syntax.Faulty}, {Class: c, Rule: rule}}
	}
	for _, c := range []struct {
		found     []syntax.Problem
		test, run int
	}{
		{nil, ExitOK, 0},
		{[]syntax.Problem{{Class: syntax.Harmless}}, ExitOK, 0},
		{problem(syntax.Faulty, ""), ExitFaulty, 0},
		{problem(syntax.Insecure, ""), ExitInsecure, 0},
		{problem(syntax.Fatal, ""), ExitFaulty, ExitConfig},
		{problem(syntax.Fatal, RuleMissingValue), ExitConfig, ExitConfig},
		{problem(syntax.Faulty, RuleMissingValue), ExitFaulty, 0},
		{problem(syntax.Fatal, syntax.RuleNoFile), ExitFatal, ExitNoConfig},
		{problem(syntax.Fatal, syntax.RuleIncludeMissing), ExitNoConfig, ExitNoConfig},
	} {
		if test, run := TestExit(c.found), RunExit(c.found); test != c.test || run != c.run {
			t.Errorf("%v gives %d and %d, want %d and %d", c.found, test, run, c.test, c.run)
		}
	}
	if _, _, found := loadTest("testdata/none.conf"); RunExit(found) != ExitNoConfig {
		t.Errorf("a file that is not there: %v", found)
	}
}

// TestRows: what exits show is what was configured.
func TestRows(t *testing.T) {
	c, _, _ := loadTest("testdata/good/full.conf")
	rows := c.Rows(RowsOf{Version: "v", Generation: 3, Index: func(name string) int { return len(name) }})
	count := map[string]int{}
	for _, r := range rows {
		v := reflect.ValueOf(r)
		set := 0
		for i := range v.NumField() {
			if !v.Field(i).IsNil() {
				set++
				count[v.Type().Field(i).Name]++
			}
		}
		if set != 1 {
			t.Errorf("%d parts in row %+v", set, r)
		}
	}
	want := map[string]int{"Global": 1, "Instance": 3, "Address": 9, "Group": 1, "Script": 2, "Track": 8, "Interface": 4, "Route": 11, "File": 1, "Process": 1}
	if !reflect.DeepEqual(count, want) {
		t.Errorf("rows %v, want %v", count, want)
	}
	g := rows[0].Global
	if g.Version != "v" || g.Generation != 3 || g.Hash == 0 || g.RouterID != "R1" || g.SMTPServer != "192.0.2.25" || g.SMTPPort != 587 ||
		g.SMTPAlert != event.TriOn || g.SMTPAlertVRRP != event.TriOff || g.EmailFaults || !g.SNMPRFC2 {
		t.Errorf("global row %+v", g)
	}
	v := rows[1].Instance
	if v.Subject != (event.Subject{Kind: event.SubjectInstance, Name: "V4", Family: 4, VRID: 51}) || v.SyncGroup != "G" || v.IfIndex != 4 ||
		v.ScriptMaster != "'/bin/true' 'x y'" || !v.NotifyExec || v.Preempt || v.TrackPrimary || !v.SMTPAlert {
		t.Errorf("instance row %+v", v)
	}
}

// TestOldChecksum: old_unicast_checksum alone speaks it from the start, with never not at all, without it the peers decide.
func TestOldChecksum(t *testing.T) {
	const head, tail = "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n version 3\n unicast_peer {\n 192.0.2.9\n }\n virtual_ipaddress {\n 192.0.2.1\n }\n", "}\n"
	for line, want := range map[string]vrrp.Checksum{
		"": vrrp.ChecksumAuto, " old_unicast_checksum\n": vrrp.ChecksumOld, " old_unicast_checksum never\n": vrrp.ChecksumNew,
	} {
		c, problems := Parse([]byte(head+line+tail), testEnvironment(false))
		if c == nil || len(c.VRRP.Instances) != 1 || c.VRRP.Instances[0].UnicastChecksum != want {
			t.Errorf("%q: %+v", line, problems)
		}
	}
}
