// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Errors of patterns that PCRE2 would take.
var (
	errVerb       = errors.New("verbs such as (*ACCEPT) are not supported")
	errSubroutine = errors.New("recursion and subroutine calls are not supported")
	errBranch     = errors.New("groups of the form (?|...) and callouts are not supported")
	errOneByte    = errors.New("\\C is forbidden by never_backslash_c")
)

// translator rewrites a pattern of PCRE2 for an engine of the .NET family. Where both agree it copies; what differs is
// what $ means, classes such as \h and \R, possessive quantifiers, \x{...}, and brackets inside of classes.
type translator struct {
	in   []rune
	i    int
	out  []rune
	o    *patternOptions
	atom int   // where in out the last thing begins that a quantifier would belong to, -1 if there is none
	open []int // where in out each open group begins
}

// translate gives the pattern in the other syntax. It may learn of options from the pattern itself.
func translate(text string, o *patternOptions) (string, error) {
	t := &translator{o: o, atom: -1}
	if err := t.leading(&text); err != nil {
		return "", err
	}
	if o.utf {
		if !utf8.ValidString(text) {
			return "", errors.New("it is not valid UTF-8")
		}
		t.in = []rune(text)
	} else {
		for i := range len(text) {
			t.in = append(t.in, rune(text[i]))
		}
	}
	for t.i < len(t.in) {
		if err := t.next(); err != nil {
			return "", err
		}
	}
	return string(t.out), nil
}

// leading reads what may stand before a pattern: (*UTF) and settings about line ends and optimisations.
func (t *translator) leading(text *string) error {
	for strings.HasPrefix(*text, "(*") {
		name, rest, ok := strings.Cut((*text)[2:], ")")
		if !ok {
			return errVerb
		}
		switch name {
		case "UTF":
			if t.o.neverUTF {
				return errors.New("(*UTF) is forbidden by never_utf")
			}
			t.o.utf = true
		case "LF", "NO_AUTO_POSSESS", "NO_DOTSTAR_ANCHOR", "NO_JIT", "NO_START_OPT":
		default:
			return errVerb
		}
		*text = rest
	}
	return nil
}

// rest tells whether what follows begins so.
func (t *translator) rest(s string) bool {
	k := t.i
	for _, c := range s {
		if k >= len(t.in) || t.in[k] != c {
			return false
		}
		k++
	}
	return true
}

// put writes something that a quantifier may follow, and moves over n runes of the pattern.
func (t *translator) put(s string, n int) {
	t.atom = len(t.out)
	t.out = append(t.out, []rune(s)...)
	t.i += n
}

func (t *translator) next() error {
	switch c := t.in[t.i]; c {
	case '\\':
		return t.escape()
	case '[':
		return t.class()
	case '(':
		return t.group()
	case ')':
		t.out = append(t.out, c)
		t.i++
		t.atom = -1
		if n := len(t.open); n > 0 {
			t.atom, t.open = t.open[n-1], t.open[:n-1]
		}
	case '$':
		switch {
		case t.o.multiline:
			t.put("(?=\\n|\\z)", 1)
		case t.o.dollarEndOnly:
			t.put("\\z", 1)
		default:
			t.put("(?=\\n?\\z)", 1)
		}
	case '^':
		if t.o.multiline && !t.o.altCirc { // a newline at the very end begins no line
			t.put("(?:\\A|(?<=\\n)(?!\\z))", 1)
		} else {
			t.put("^", 1)
		}
	case '*', '+', '?', '{':
		t.quantifier()
	case '|':
		t.out = append(t.out, c)
		t.i++
		t.atom = -1
	default:
		t.put(string(c), 1)
	}
	return nil
}

// quantifier copies one, and makes a possessive one an atomic group.
func (t *translator) quantifier() {
	n := 1
	if t.in[t.i] == '{' {
		for t.i+n < len(t.in) && (t.in[t.i+n] >= '0' && t.in[t.i+n] <= '9' || t.in[t.i+n] == ',') {
			n++
		}
		if n == 1 || t.i+n >= len(t.in) || t.in[t.i+n] != '}' || t.in[t.i+1] == ',' {
			t.put("\\{", 1) // a brace that is no quantifier
			return
		}
		n++
	}
	t.out = append(t.out, t.in[t.i:t.i+n]...)
	t.i += n
	switch {
	case t.rest("?"):
		t.out = append(t.out, '?')
		t.i++
	case t.rest("+") && t.atom >= 0:
		atom := append([]rune("(?>"), t.out[t.atom:]...)
		t.out = append(append(t.out[:t.atom], atom...), ')')
		t.i++
	}
	t.atom = -1
}

// group reads the opening of a group.
func (t *translator) group() error {
	begin := len(t.out)
	switch {
	case t.rest("(*"):
		return errVerb
	case t.rest("(?#"):
		for t.i < len(t.in) && t.in[t.i] != ')' {
			t.i++
		}
		t.i++
		return nil
	case t.rest("(?|"), t.rest("(?C"):
		return errBranch
	case t.rest("(?R"), t.rest("(?&"), t.rest("(?P>"), t.rest("(?+"), t.rest("(?(DEFINE"):
		return errSubroutine
	case t.rest("(?P="):
		return t.namedReference(4, ")")
	case t.rest("(?P<"):
		t.out = append(t.out, []rune("(?<")...)
		t.i += 4
	case t.rest("(?") && t.i+2 < len(t.in) && (t.in[t.i+2] >= '0' && t.in[t.i+2] <= '9' ||
		t.in[t.i+2] == '-' && t.i+3 < len(t.in) && t.in[t.i+3] >= '0' && t.in[t.i+3] <= '9'):
		return errSubroutine
	case t.rest("(?"):
		t.out = append(t.out, '(', '?')
		t.i += 2
		t.flags()
		if t.rest(")") && len(t.out) == begin+2 { // nothing is left of it
			t.out = t.out[:begin]
			t.i++
			return nil
		}
	default:
		t.out = append(t.out, '(')
		t.i++
	}
	t.open = append(t.open, begin)
	t.atom = -1
	return nil
}

// flags copies what stands between (? and : or ), of which U and J mean nothing to a search. An m holds from here on.
func (t *translator) flags() {
	on := true
	for t.i < len(t.in) && strings.ContainsRune("imsxnUJ-^", t.in[t.i]) {
		switch c := t.in[t.i]; c {
		case 'U', 'J':
		case '-':
			on = false
			t.out = append(t.out, c)
		case 'm':
			t.o.multiline = on
			t.out = append(t.out, c)
		default:
			t.out = append(t.out, c)
		}
		t.i++
	}
}

// namedReference reads a reference by name: skip runes, then the name, then the end.
func (t *translator) namedReference(skip int, end string) error {
	name, _, ok := strings.Cut(string(t.in[t.i+skip:]), end)
	if !ok {
		return errors.New("a reference without its end")
	}
	t.put("\\k<"+name+">", skip+len([]rune(name))+1)
	return nil
}

// literal quotes one character for outside and inside of classes.
func literal(c rune) string {
	if strings.ContainsRune(`\*+?|{}[]()^$.#-&~ `, c) {
		return `\` + string(c)
	}
	return string(c)
}

// What the classes of PCRE2 contain, without brackets.
const (
	horizontal = `\t \u00A0`
	vertical   = `\n\u000B\f\r\u0085`
	spaces     = `\t-\r `
)

// set gives the members of an escaped class; negated is for \H, \V, \S and \N.
func set(c rune) (members string, negated, ok bool) {
	switch c {
	case 'h', 'H':
		return horizontal, c == 'H', true
	case 'v', 'V':
		return vertical, c == 'V', true
	case 's', 'S':
		return spaces, c == 'S', true
	case 'N':
		return `\n`, true, true
	}
	return "", false, false
}

// escape reads a backslash and what follows, outside of classes.
func (t *translator) escape() error {
	if t.i+1 == len(t.in) {
		return errors.New("a backslash at the end")
	}
	c := t.in[t.i+1]
	if members, negated, ok := set(c); ok {
		if negated {
			members = "^" + members
		}
		t.put("["+members+"]", 2)
		return nil
	}
	switch c {
	case 'R':
		t.put(`(?:\r\n|[`+vertical+`])`, 2)
	case 'K': // only where a match is said to begin
		t.i += 2
	case 'C':
		if t.o.neverC {
			return errOneByte
		}
		t.put(`[\s\S]`, 2)
	case 'E':
		t.i += 2
	case 'Z':
		t.put(`(?=\n?\z)`, 2)
	case 'Q':
		t.i += 2
		for t.i < len(t.in) && !t.rest(`\E`) {
			t.put(literal(t.in[t.i]), 1)
		}
		if t.i < len(t.in) {
			t.i += 2
		}
	case 'g', 'k':
		return t.reference(c)
	case 'X':
		return errors.New(`\X is not supported`)
	default:
		text, n, err := t.character()
		if err != nil {
			return err
		}
		t.put(text, n)
	}
	return nil
}

// reference reads \g{...}, \gN, \k{name}, \k<name> and \k'name'.
func (t *translator) reference(c rune) error {
	switch {
	case c == 'k' && t.rest(`\k{`):
		return t.namedReference(3, "}")
	case c == 'k' && t.rest(`\k<`):
		return t.namedReference(3, ">")
	case c == 'k' && t.rest(`\k'`):
		return t.namedReference(3, "'")
	case c == 'g' && t.rest(`\g{`) && t.i+3 < len(t.in) && t.in[t.i+3] != '-' && t.in[t.i+3] != '+':
		return t.namedReference(3, "}")
	case c == 'g' && t.i+2 < len(t.in) && t.in[t.i+2] >= '1' && t.in[t.i+2] <= '9':
		n := 0
		for t.i+2+n < len(t.in) && t.in[t.i+2+n] >= '0' && t.in[t.i+2+n] <= '9' {
			n++
		}
		t.put(`\k<`+string(t.in[t.i+2:t.i+2+n])+`>`, 2+n)
		return nil
	}
	return errSubroutine
}

// character reads an escape that stands for one character, or is the same in both dialects, and how long it is.
func (t *translator) character() (string, int, error) {
	c := t.in[t.i+1]
	switch {
	case c == 'e':
		return `\u001B`, 2, nil
	case c == 'x':
		return t.hexadecimal()
	case c == 'p' || c == 'P':
		if !t.o.utf {
			return "", 0, errors.New(`\p needs the option utf`)
		}
	case c > 127 || !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'):
		return literal(c), 2, nil
	case strings.ContainsRune("abBdDwWAGzfnrtcu", c), c >= '0' && c <= '9':
	default:
		return "", 0, fmt.Errorf(`\%c is not known`, c)
	}
	return `\` + string(c), 2, nil
}

// hexadecimal reads \xHH (up to two digits) and \x{H...}.
func (t *translator) hexadecimal() (string, int, error) {
	k, most, braces := t.i+2, 2, t.rest(`\x{`)
	if braces {
		k, most = k+1, 8
	}
	v, n := rune(0), 0
	for ; k < len(t.in) && n < most; k, n = k+1, n+1 {
		d := strings.IndexRune("0123456789abcdef", t.in[k]|0x20)
		if d < 0 {
			break
		}
		v = v<<4 | rune(d)
	}
	if braces {
		if n == 0 || k >= len(t.in) || t.in[k] != '}' {
			return "", 0, errors.New(`\x{ without its end`)
		}
		k++
	}
	if v > 255 && !t.o.utf || v > utf8.MaxRune || v < 0 {
		return "", 0, errors.New(`\x{...} is too large`)
	}
	if v > 0xFFFF {
		return literal(v), k - t.i, nil
	}
	return fmt.Sprintf(`\u%04X`, v), k - t.i, nil
}

// class reads [...].
func (t *translator) class() error {
	begin := t.i
	out := []rune{'['}
	t.i++
	if t.rest("^") {
		out = append(out, '^')
		t.i++
	}
	if t.rest("]") {
		if t.o.allowEmptyClass {
			empty := map[bool]string{false: "(?!)", true: `[\s\S]`}[len(out) == 2]
			t.put(empty, 1)
			return nil
		}
		out = append(out, []rune(`\]`)...)
		t.i++
	}
	for ; t.i < len(t.in); t.i++ {
		switch c := t.in[t.i]; {
		case c == ']':
			t.atom = len(t.out)
			t.out = append(append(t.out, out...), ']')
			t.i++
			return nil
		case t.rest("[:"):
			name, _, ok := strings.Cut(string(t.in[t.i+2:]), ":]")
			if !ok || strings.Trim(name, "^abcdefghijklmnopqrstuvwxyz") != "" {
				out = append(out, '\\', '[')
				continue
			}
			out = append(out, []rune("[:"+name+":]")...)
			t.i += len(name) + 3
		case c == '[':
			out = append(out, '\\', '[')
		case c == '\\':
			text, err := t.member()
			if err != nil {
				return err
			}
			out = append(out, []rune(text)...)
		default:
			out = append(out, c)
		}
	}
	return fmt.Errorf("a class that begins at %d has no end", begin)
}

// member reads an escape inside of a class and leaves the place at its last rune.
func (t *translator) member() (string, error) {
	if t.i+1 == len(t.in) {
		return "", errors.New("a backslash at the end")
	}
	c := t.in[t.i+1]
	if members, negated, ok := set(c); ok {
		t.i++
		switch {
		case !negated:
			return members, nil
		case c == 'S':
			return `\S`, nil
		}
		return "", fmt.Errorf(`\%c inside of a class is not supported`, c)
	}
	if c == 'b' {
		t.i++
		return `\u0008`, nil
	}
	text, n, err := t.character()
	t.i += n - 1
	return text, err
}
