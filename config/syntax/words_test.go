// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestSplitCommand follows what keepalived does to the command string of a script.
func TestSplitCommand(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
		err  error
	}{
		{"", nil, nil},
		{"  /bin/a\tb  ", []string{"/bin/a", "b"}, nil},
		{`/bin/a 'b c' "d e"`, []string{"/bin/a", "b c", "d e"}, nil},
		{`/bin/a '' ""`, []string{"/bin/a", "", ""}, nil},
		{`/bin/a b' c 'd"e"`, []string{"/bin/a", "b c de"}, nil},
		{`/bin/a 'it"s' "it's"`, []string{"/bin/a", `it"s`, "it's"}, nil},
		{`/bin/a b\ c \"d\"`, []string{"/bin/a", "b c", `"d"`}, nil},
		{`/bin/a 'a\tb' \x41\101\cA\E`, []string{"/bin/a", "a\tb", "AA\x01\x1b"}, nil},
		{`\a\b\f\n\r\t\v\q\\`, []string{"\a\b\f\n\r\t\vq\\"}, nil},
		{`\x1ff \0 \7777`, []string{"\xff", "\x00", "\xff7"}, nil},
		{`\xz \c`, []string{"xz", "c"}, nil},
		{`/bin/a 'b`, []string{"/bin/a"}, ErrUnmatchedQuote},
		{`/bin/a \`, []string{"/bin/a"}, ErrBareBackslash},
	} {
		got, err := SplitCommand(c.in)
		if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("SplitCommand(%q) = %q, %v; want %q, %v", c.in, got, err, c.want, c.err)
		}
	}
}

// TestScriptSplit checks the outer level: quotes go, backslashes stay.
func TestScriptSplit(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
		err  error
	}{
		{``, nil, nil},
		{`/bin/a`, []string{`/bin/a`}, nil},
		{`"/bin/a b" user group`, []string{`/bin/a b`, "user", "group"}, nil},
		{`'/bin/a "b c"' user`, []string{`/bin/a "b c"`, "user"}, nil},
		{`"/bin/a 'b\tc' \"d"`, []string{`/bin/a 'b\tc' \"d`}, nil},
		{`/bin/a\ b "c"d`, []string{`/bin/a\ b`, "cd"}, nil},
		{`"/bin/a`, []string{`/bin/a`}, ErrUnmatchedQuote},
		{`a\`, []string{`a\`}, nil},
	} {
		words, err := ScriptSplit(c.in)
		var got []string
		for _, w := range words {
			got = append(got, w.Text)
		}
		if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("ScriptSplit(%q) = %q, %v; want %q, %v", c.in, got, err, c.want, c.err)
		}
	}
}

// TestUnescape resolves escapes without splitting.
func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{`plain`: "plain", `a\tb "c"`: "a\tb \"c\"", `\x2e`: "."} {
		if got, err := Unescape(in); got != want || err != nil {
			t.Errorf("Unescape(%q) = %q, %v", in, got, err)
		}
	}
	if _, err := Unescape(`a\`); !errors.Is(err, ErrBareBackslash) {
		t.Errorf("a backslash at the end: %v", err)
	}
}

// TestScriptWordPlaces finds the words of a script line where they stand, also after a substitution.
func TestScriptWordPlaces(t *testing.T) {
	tree, _ := Parse("t", []byte("$U=nobody\n  notify   \"/bin/a b\" $U  staff\n"), Options{})
	words, err := tree.Nodes[0].ScriptWords()
	if err != nil || len(words) != 3 {
		t.Fatalf("%v %v", words, err)
	}
	for i, want := range []string{"t:2:12", "t:2:23", "t:2:23"} {
		if got := words[i].Pos.String(); i < 2 && got != want {
			t.Errorf("word %d at %s, want %s", i, got, want)
		}
	}
	if got := words[2].Pos.String(); got != "t:2:27" {
		t.Errorf("the word after a substitution is at %s, want t:2:27", got)
	}
}

// TestNode covers the small accessors.
func TestNode(t *testing.T) {
	tree, _ := Parse("t", []byte("a b {\n c d\n}\n"), Options{})
	n := tree.Nodes[0]
	if n.Arg(0) != "b" || n.Arg(1) != "" || n.ArgPos(0).Col != 3 || n.ArgPos(1) != n.Pos {
		t.Errorf("arguments of %+v", n)
	}
	if c := n.Find("c"); c == nil || c.Arg(0) != "d" || n.Find("x") != nil {
		t.Error("Find")
	}
	made := &Tree{Nodes: []*Node{{Keyword: "a b", Args: []Word{{Text: ""}, {Text: "c#"}, {Text: `d"e`}}}, {Keyword: "b", HasBlock: true, Children: []*Node{{Keyword: "c"}}}}}
	if got := string(Print(made)); got != "\"a b\" \"\" \"c#\" d\"e\n\nb {\n    c\n}\n" {
		t.Errorf("a node made by hand prints as %q", got)
	}
}

// TestStatement: a statement made by a program is what Parse would have read.
func TestStatement(t *testing.T) {
	for _, text := range []string{`notify_master "/bin/a 'b c'" user`, `a`, ` "a" b#c `, ``} {
		n := Statement(text, Pos{"f", 3, 5})
		if n.text != strings.TrimSpace(text) || (text != "" && n.Keyword != strings.Trim(strings.Fields(text)[0], `"`)) {
			t.Errorf("%q gives %+v", text, n)
		}
	}
	n := Statement(`notify_master "/bin/a 'b c'" user`, Pos{"f", 3, 5})
	if words, err := n.ScriptWords(); err != nil || len(words) != 2 || words[1].Pos != (Pos{"f", 3, 34}) {
		t.Errorf("script words %v, %v", words, err)
	}
}

// TestProblem writes what people and editors read.
func TestProblem(t *testing.T) {
	p := Problem{Pos{"f", 1, 2}, Warning, Faulty, "r", "m", "h"}
	if p.String() != "f:1:2: warning: m [h]" {
		t.Error(p)
	}
	p = Problem{Level: Note, Message: "m"}
	if p.String() != "note: m" {
		t.Error(p)
	}
	if Level(9).String() != "level 9" || Error.String() != "error" {
		t.Error("levels")
	}
}

// TestSettingsOfTheLanguage: include_check and random_seed act while reading.
func TestSettingsOfTheLanguage(t *testing.T) {
	var seeds []uint32
	o := testOptions(memory{"/etc/keepalived/i.conf": "include_check\ninclude w*\n"})
	o.Seed = func(s uint32) { seeds = append(seeds, s) }
	_, found := Parse("t", []byte("random_seed 7\ninclude x\ninclude_check match\ninclude x\ninclude w*\n"+
		"include_check +wildcard_match -match\ninclude x\ninclude w*\ninclude_check -wildcard_match bogus\ninclude i.conf\ninclude w*\n"), o)
	if len(seeds) != 1 || seeds[0] != 7 {
		t.Errorf("seeds %v", seeds)
	}
	var got []string
	for _, p := range found {
		got = append(got, p.Pos.String()+" "+p.Level.String())
	}
	want := []string{"t:2:9 note", "t:4:9 error", "t:7:9 note", "t:8:9 error", "t:9:31 error", "/etc/keepalived/i.conf:2:9 error"}
	if !slices.Equal(got, want) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
