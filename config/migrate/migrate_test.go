// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/sys/ipvs/rules"
)

var update = flag.Bool("update", false, "write the golden files")

var names = rules.Names{
	Port: func(_, name string) (uint16, error) {
		if n, ok := map[string]uint16{"http": 80, "telnet": 23, "smtp": 25, "domain": 53}[name]; ok {
			return n, nil
		}
		return 0, errors.New("not in the list")
	},
	Host: func(name string) (netip.Addr, error) {
		if name == "www1" {
			return netip.MustParseAddr("192.0.2.11"), nil
		}
		return netip.Addr{}, errors.New("not in the list")
	},
}

// cases are folders of testdata and what they are, with the file that comes
// first.
var cases = []struct{ folder, kind string }{
	{"heartbeat-ldirectord", "heartbeat"},
	{"piranha", "piranha"},
	{"ldirectord-all", "ldirectord"},
	{"piranha-all", "piranha"},
	{"heartbeat-all", "heartbeat"},
	{"ipvs", "ipvs"},
}

func files(t *testing.T, folder string) (out []File) {
	t.Helper()
	list, err := os.ReadDir(filepath.Join("testdata", folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.IsDir() || strings.HasSuffix(f.Name(), ".golden") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("testdata", folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, File{f.Name(), string(text)})
	}
	return out
}

// TestGolden: what becomes of each folder, and what is told.
func TestGolden(t *testing.T) {
	for _, tc := range cases {
		r, err := Convert(tc.kind, files(t, tc.folder), names)
		if err != nil {
			t.Errorf("%s: %v", tc.folder, err)
			continue
		}
		var b strings.Builder
		for _, n := range r.Notes {
			fmt.Fprintln(&b, n)
		}
		for _, f := range r.Files {
			fmt.Fprintf(&b, "==== %s\n%s", f.Name, f.Text)
		}
		golden := filepath.Join("testdata", tc.folder, "result.golden")
		if *update {
			if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s:\n%s\nnot\n%s", tc.folder, b.String(), want)
		}
	}
}

// harmless are lines that need no word, and why.
var harmless = map[string]string{
	"heartbeat-ldirectord/mail.cf:8":   "what a connection is made to does not matter",
	"piranha/lvs.cf:3":                 "what Piranha is for",
	"piranha/lvs.cf:6":                 "there is always one",
	"piranha/lvs.cf:22":                "it has no pattern",
	"piranha/lvs.cf:28":                "as if it were not there",
	"piranha-all/lvs.cf:4":             "what Piranha is for",
	"piranha-all/lvs.cf:9":             "there is always one",
	"piranha-all/lvs.cf:38":            "as if it were not there",
	"piranha-all/lvs.cf:41":            "a service with a mark has none",
	"piranha-all/lvs.cf:52":            "its block is told of",
	"piranha-all/lvs.cf:53":            "its block is told of",
	"piranha-all/lvs.cf:54":            "its block is told of",
	"piranha-all/lvs.cf:63":            "told with send",
	"piranha-all/lvs.cf:88":            "its block is told of",
	"piranha-all/lvs.cf:89":            "its block is told of",
	"piranha-all/lvs.cf:90":            "its block is told of",
	"piranha-all/lvs.cf:93":            "its block is told of",
	"piranha-all/lvs.cf:94":            "its block is told of",
	"piranha-all/lvs.cf:95":            "its block is told of",
	"piranha-all/lvs.cf:96":            "its block is told of",
	"piranha-all/lvs.cf:97":            "its block is told of",
	"ldirectord-all/ldirectord.cf:63":  "told with service",
	"ldirectord-all/ldirectord.cf:78":  "a number is a mark",
	"ldirectord-all/ldirectord.cf:92":  "its service is told of",
	"ldirectord-all/ldirectord.cf:105": "its service is told of",
}

// TestNothingIsLost: each line of a configuration that is understood changes what
// comes out, or is told.
func TestNothingIsLost(t *testing.T) {
	for _, tc := range cases {
		list := files(t, tc.folder)
		whole, err := Convert(tc.kind, list, names)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]bool{}
		for _, n := range whole.Notes {
			told[fmt.Sprintf("%s:%d", n.File, n.Line)] = true
		}
		for i, f := range list {
			lines := strings.SplitAfter(f.Text, "\n")
			for k, l := range lines {
				text := strings.TrimSpace(l)
				if text == "" || text == "}" || strings.HasPrefix(text, "#") || told[fmt.Sprintf("%s:%d", f.Name, k+1)] || strings.Contains(l, "the default") {
					continue
				}
				same := true
				// An empty line keeps the numbers of those behind it; what says the
				// default makes a difference when it says something else.
				for _, instead := range []string{"", strings.TrimRight(strings.TrimRight(l, "\r\n"), "\"") + "9x"} {
					less := append([]File(nil), list...)
					less[i].Text = strings.Join(lines[:k], "") + instead + "\n" + strings.Join(lines[k+1:], "")
					r, err := Convert(tc.kind, less, names)
					same = same && err == nil && fmt.Sprint(r) == fmt.Sprint(whole)
				}
				at := fmt.Sprintf("%s/%s:%d", tc.folder, f.Name, k+1)
				if same == (harmless[at] == "") {
					t.Errorf("%s: %q makes no difference: %v; harmless: %q", at, text, same, harmless[at])
				}
			}
		}
	}
}

func TestWrongKind(t *testing.T) {
	for kind, want := range map[string]string{
		"pacemaker": `"pacemaker" is none of ldirectord, piranha, heartbeat, ipvs`,
		"heartbeat": "there is no ha.cf among the files",
	} {
		if _, err := Convert(kind, []File{{"x", "y"}}, names); err == nil || err.Error() != want {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := Convert("heartbeat", []File{{"ha.cf", "node a"}}, names); err == nil || err.Error() != "there is no haresources among the files" {
		t.Error(err)
	}
}

// FuzzConvert: no text makes it panic, or take for ever.
func FuzzConvert(f *testing.F) {
	for _, tc := range cases {
		list, err := filepath.Glob(filepath.Join("testdata", tc.folder, "*"))
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range list {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(tc.kind, string(text), string(text))
		}
	}
	f.Fuzz(func(t *testing.T, kind, one, two string) {
		_, _ = Convert(kind, []File{{"ha.cf", one}, {"haresources", two}, {"www.cf", one}, {"a.rules", two}}, names)
	})
}
