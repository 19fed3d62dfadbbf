// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// pattern is a regular expression as PCRE2 would understand it, for the search in a reply. It works on bytes unless utf
// is among its options. A search that takes too long is given up: patterns may need exponential time.
type pattern struct {
	re   *regexp2.Regexp
	text string
	o    patternOptions
}

// patternOptions are regex_options, regex_min_offset and regex_max_offset.
type patternOptions struct {
	caseless, dollarEndOnly, dotAll, extended, firstLine, multiline bool
	neverUTF, noAutoCapture, utf, neverC, allowEmptyClass, altCirc  bool
	// from is where the search begins, and until where a match must begin at the latest, if hasUntil.
	from, until int
	hasUntil    bool
}

// patternTime is how long one search may take.
const patternTime = time.Second

// subjectMost is how much of a reply is kept to be searched.
const subjectMost = 1 << 20

// set takes an option by its name. ok is false for one that does not exist; effect is false for one that changes nothing
// here: it is about PCRE2's own optimisations, about what is captured, or about a dialect that is understood anyway.
func (o *patternOptions) set(name string) (effect, ok bool) {
	flag, known := map[string]*bool{
		"caseless": &o.caseless, "dollar_endonly": &o.dollarEndOnly, "dotall": &o.dotAll, "extended": &o.extended,
		"firstline": &o.firstLine, "multiline": &o.multiline, "never_utf": &o.neverUTF, "no_auto_capture": &o.noAutoCapture,
		"utf": &o.utf, "never_backslash_c": &o.neverC, "allow_empty_class": &o.allowEmptyClass, "alt_circumflex": &o.altCirc,
	}[name]
	if known {
		*flag = true
		return true, true
	}
	switch name {
	case "auto_callout", "no_auto_possess", "no_dotstar_anchor", "no_start_optimize", "use_offset_limit", "alt_verbnames",
		"never_ucp", "dupnames", "ungreedy", "alt_bsux":
		return true, true
	case "ucp", "match_unset_backref":
		return false, true
	}
	return false, false
}

// compile makes a pattern of PCRE2's syntax.
func compile(text string, o patternOptions) (*pattern, error) {
	translated, err := translate(text, &o)
	if err != nil {
		return nil, err
	}
	flags := regexp2.RegexOptions(regexp2.RE2) // \d, \w and \s are ASCII, [:alpha:] is understood
	for _, f := range []struct {
		on   bool
		flag regexp2.RegexOptions
	}{
		{o.caseless, regexp2.IgnoreCase},
		{o.dotAll, regexp2.Singleline},
		{o.extended, regexp2.IgnorePatternWhitespace},
		{o.multiline, regexp2.Multiline},
		{o.noAutoCapture, regexp2.ExplicitCapture},
	} {
		if f.on {
			flags |= f.flag
		}
	}
	re, err := regexp2.Compile(translated, flags)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	re.MatchTimeout = patternTime
	return &pattern{re: re, text: text, o: o}, nil
}

func (x *pattern) key() string {
	if x == nil {
		return ""
	}
	return fmt.Sprintf("%q %+v", x.text, x.o)
}

// match searches the subject.
func (x *pattern) match(subject []byte) (bool, error) {
	if x.o.from > len(subject) {
		return false, nil
	}
	runes, from, ok := x.runes(subject)
	if !ok {
		return false, nil
	}
	last := len(runes)
	if x.o.firstLine {
		if i := bytes.IndexByte(subject[x.o.from:], '\n'); i >= 0 {
			last = x.index(subject, x.o.from+i)
		}
	}
	if x.o.hasUntil && x.o.until < len(subject) {
		last = min(last, x.index(subject, x.o.until))
	}
	m, err := x.re.FindRunesMatchStartingAt(runes, from)
	if err != nil {
		return false, fmt.Errorf("the search took longer than %s", patternTime)
	}
	return m != nil && m.Index <= last, nil
}

// runes gives the subject one unit at a time: bytes, or characters under utf. from is where the search begins.
func (x *pattern) runes(subject []byte) (runes []rune, from int, ok bool) {
	if x.o.utf {
		if !utf8.Valid(subject) {
			return nil, 0, false
		}
		return bytes.Runes(subject), utf8.RuneCount(subject[:x.o.from]), true
	}
	runes = make([]rune, len(subject))
	for i, b := range subject {
		runes[i] = rune(b)
	}
	return runes, x.o.from, true
}

// index gives the number of the last unit that begins no later than at this byte.
func (x *pattern) index(subject []byte, at int) int {
	if !x.o.utf {
		return at
	}
	last := -1
	for i := range string(subject) {
		if i > at {
			break
		}
		last++
	}
	return last
}
