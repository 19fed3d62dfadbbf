// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strings"
	"testing"
	"time"
)

// TestPatterns: what PCRE2 says of each pattern and subject (each was tried with the library of PCRE2 10.42).
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, options, subject string
		want                      bool
	}{
		{"hello", "", "say hello", true},
		{"Hello", "", "say hello", false},
		{"Hello", "caseless", "say hello", true},
		{"(?i)Hello", "", "say hello", true},
		{"^hello$", "", "hello", true},
		{"^hello$", "", "hello\n", true},
		{"^hello$", "dollar_endonly", "hello\n", false},
		{"^hello$", "", "hello\n\n", false},
		{"^hello$", "", "say\nhello\nyou", false},
		{"^hello$", "multiline", "say\nhello\nyou", true},
		{"(?m)^hello$", "", "say\nhello\nyou", true},
		{"you\n^", "multiline", "you\n", false},
		{"you\n^", "multiline alt_circumflex", "you\n", true},
		{"a.c", "", "a\nc", false},
		{"a.c", "dotall", "a\nc", true},
		{"a\\Nc", "dotall", "a\nc", false},
		{"a b # c", "", "ab", false},
		{"a b # c", "extended", "ab", true},
		{"b", "firstline", "a\nb", false},
		{"b", "firstline", "ab\n", true},
		{"a{2}", "", "caat", true},
		{"a{,2}b", "", "a{,2}b", true},
		{"a{x", "", "a{x", true},
		{"a++ab", "", "aaab", false},
		{"a+ab", "", "aaab", true},
		{"(?:ab)*+ab", "", "ababab", false},
		{"[ab]?+b", "", "b", false},
		{"(?>a+)ab", "", "aaab", false},
		{"a+?b", "ungreedy", "aab", true},
		{"(a)(b)\\2\\1", "", "abba", true},
		{"(?<x>a)\\k<x>", "", "aa", true},
		{"(?P<x>a)(?P=x)", "", "aa", true},
		{"(?<x>a)\\k{x}", "", "ab", false},
		{"(?'x'a)\\k'x'", "", "aa", true},
		{"(a)\\g1\\g{1}", "", "aaa", true},
		{"foo(?=bar)", "", "foobar", true},
		{"foo(?!bar)", "", "foobar", false},
		{"(?<=foo)bar", "", "foobar", true},
		{"(?<!foo)bar", "", "foobar", false},
		{"a\\hb", "", "a\tb", true},
		{"a\\Hb", "", "a\tb", false},
		{"a\\Rb", "", "a\r\nb", true},
		{"a\\vb", "", "a\x0bb", true},
		{"a\\sb", "", "a\x0bb", true},
		{"a[\\s]b", "", "a\x0bb", true},
		{"a\\Sb", "", "a b", false},
		{"a\\Kb", "", "ab", true},
		{"\\Qa.b\\E.", "", "a.bc", true},
		{"\\Qa.b", "", "axb", false},
		{"\\x41\\x{42}\\e", "", "AB\x1b", true},
		{"\\d+", "", "x", false},
		{"\\w", "", "\xe9", false},
		{"^..$", "", "\xc3\xa9", true},
		{"^.$", "utf", "\xc3\xa9", true},
		{"^..$", "utf", "\xc3\xa9", false},
		{"(*UTF)^.$", "", "\xc3\xa9", true},
		{"x", "utf", "\xffx", false},
		{"\xe9", "", "\xe9", true},
		{"[[:digit:]]+$", "", "a12", true},
		{"[[:^digit:]]", "", "12", false},
		{"[]a]", "", "]", true},
		{"[^]a]", "", "]", false},
		{"[a[b]", "", "[", true},
		{"[a-c-[b]]", "", "b]", true}, // a class of a-c, - and [, then a bracket
		{"x[]y", "allow_empty_class", "xy", false},
		{"x[^]y", "allow_empty_class", "x\ny", true},
		{"[\\b]", "", "\b", true},
		{"\\bfoo\\b", "", "a foo b", true},
		{"a(?#comment)b", "", "ab", true},
		{"^$", "", "", true},
		{"end\\Z", "", "end\n", true},
		{"end\\z", "", "end\n", false},
		{"a|b|", "", "c", true},
		{"(?:a|b)+c", "no_auto_capture", "abac", true},
		{"(?U)a+", "", "aa", true},
		{"a/b-c&d~e", "", "a/b-c&d~e", true},
		{"\\/\\-\\#\\:", "", "/-#:", true},
	} {
		var o patternOptions
		for name := range strings.FieldsSeq(c.options) {
			if _, ok := o.set(name); !ok {
				t.Fatalf("option %s", name)
			}
		}
		re, err := compile(c.pattern, o)
		if err != nil {
			t.Errorf("%q %s: %v", c.pattern, c.options, err)
			continue
		}
		if got, err := re.match([]byte(c.subject)); got != c.want || err != nil {
			t.Errorf("%q %s on %q: %t, %v; want %t", c.pattern, c.options, c.subject, got, err, c.want)
		}
	}
}

// TestRefusedPatterns: what is not understood is an error, not something else.
func TestRefusedPatterns(t *testing.T) {
	for _, p := range []string{
		"(", "a)", "[a", "a**b", "\\", "[\\", "(?R)", "(?1)", "(a)(?-1)", "(?&x)", "(?P>x)", "(?|a|b)", "(?C1)", "(*ACCEPT)a", "a(*SKIP)b",
		"(*", "\\X", "\\p{L}", "\\x{41", "\\x{110000}", "\\x{100}", "\\i", "(?P=x", "\\k{x", "\\g{-1}", "\\gx", "(?<x>a)\\k<y>", "[\\H]", "(a)\\2",
	} {
		if re, err := compile(p, patternOptions{}); err == nil {
			t.Errorf("%q is taken as %s", p, re.re)
		}
	}
	if _, err := compile("a\\Cb", patternOptions{neverC: true}); err == nil {
		t.Error("\\C is taken")
	}
	if _, err := compile("(*UTF)a", patternOptions{neverUTF: true}); err == nil {
		t.Error("(*UTF) is taken")
	}
	if _, err := compile("\xff", patternOptions{utf: true}); err == nil {
		t.Error("a pattern that is not UTF-8 is taken")
	}
}

// TestPatternTime: a search of exponential time is given up.
func TestPatternTime(t *testing.T) {
	re, err := compile("^(a+)+b", patternOptions{})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	found, err := re.match([]byte(strings.Repeat("a", 100)))
	if found || err == nil || time.Since(began) > 20*patternTime {
		t.Errorf("%t, %v after %s", found, err, time.Since(began))
	}
}

// TestOffsets: where a match may begin.
func TestOffsets(t *testing.T) {
	for _, c := range []struct {
		from, until int
		utf         bool
		subject     string
		want        bool
	}{
		{0, 0, false, "xx", true},
		{0, 0, false, "axx", false},
		{0, 1, false, "axx", true},
		{2, 2, false, "xaxx", true},
		{3, 3, false, "xxa", false},
		{9, 9, false, "xx", false},
		{0, 2, true, "\xc3\xa9xx", true},
		{2, 2, true, "\xc3\xa9xx", true},
		{0, 1, true, "\xc3\xa9xx", false},
	} {
		re, err := compile("xx", patternOptions{from: c.from, until: c.until, hasUntil: true, utf: c.utf})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := re.match([]byte(c.subject)); got != c.want || err != nil {
			t.Errorf("%+v: %t, %v", c, got, err)
		}
	}
}
