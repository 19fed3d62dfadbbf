// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"errors"
	"strings"
)

// Errors of the two splitters.
var (
	ErrUnmatchedQuote = errors.New("quote without its end")
	ErrBareBackslash  = errors.New("backslash at the end")
)

// blank tells whether a byte separates words.
func blank(c byte) bool {
	return c == ' ' || (c >= '\t' && c <= '\r')
}

const blanks = " \t\n\v\f\r"

// ScriptSplit splits the rest of a statement the way keepalived's script keywords do: single and double quotes group
// and are removed, text and quotes that touch form one word, a backslash keeps the next byte from ending a quote or a
// word, and both stay in the word, because the command string is split once more by SplitCommand.
func ScriptSplit(raw string) ([]Word, error) {
	return scriptSplit(raw, func(i int) Pos { return Pos{Col: int32(i + 1)} })
}

func scriptSplit(raw string, pos func(int) Pos) ([]Word, error) {
	var words []Word
	for i := 0; ; {
		for i < len(raw) && blank(raw[i]) {
			i++
		}
		if i == len(raw) {
			return words, nil
		}
		w := Word{Pos: pos(i)}
		var text strings.Builder
		var quote byte
		for ; i < len(raw) && (quote != 0 || !blank(raw[i])); i++ {
			switch c := raw[i]; {
			case c == '\\' && i+1 < len(raw):
				text.WriteByte(c)
				i++
				text.WriteByte(raw[i])
			case quote == 0 && (c == '"' || c == '\''):
				quote, w.Quoted = c, true
			case c == quote:
				quote = 0
			default:
				text.WriteByte(c)
			}
		}
		w.Text = text.String()
		words = append(words, w)
		if quote != 0 {
			return words, ErrUnmatchedQuote
		}
	}
}

// SplitCommand splits a command string into its program and arguments: blanks separate, single and double quotes group,
// and a backslash escapes: \a \b \E \f \n \r \t \v, \nnn (one to three octal digits), \xHH.. (hexadecimal digits), \cX
// (control), and any other byte for itself.
func SplitCommand(command string) ([]string, error) {
	var args []string
	for i := 0; ; {
		for i < len(command) && blank(command[i]) {
			i++
		}
		if i == len(command) {
			return args, nil
		}
		var arg []byte
		var quote byte
		for i < len(command) && (quote != 0 || !blank(command[i])) {
			switch c := command[i]; {
			case c == '\\':
				if i+1 == len(command) {
					return args, ErrBareBackslash
				}
				var b byte
				b, i = unescape(command, i+1)
				arg = append(arg, b)
				continue
			case quote == 0 && (c == '"' || c == '\''):
				quote = c
			case c == quote:
				quote = 0
			default:
				arg = append(arg, c)
			}
			i++
		}
		if quote != 0 {
			return args, ErrUnmatchedQuote
		}
		args = append(args, string(arg))
	}
}

// Unescape resolves the escapes of SplitCommand in a string that is not split, as keepalived does for HTTP patterns.
func Unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		if i+1 == len(s) {
			return string(out), ErrBareBackslash
		}
		var b byte
		b, i = unescape(s, i+1)
		out = append(out, b)
	}
	return string(out), nil
}

// unescape reads the escape whose letter is at i and gives its byte and the index after it.
func unescape(s string, i int) (byte, int) {
	c := s[i]
	switch c {
	case 'a':
		return 7, i + 1
	case 'b':
		return 8, i + 1
	case 'E':
		return 27, i + 1
	case 'f':
		return 12, i + 1
	case 'n':
		return 10, i + 1
	case 'r':
		return 13, i + 1
	case 't':
		return 9, i + 1
	case 'v':
		return 11, i + 1
	case 'c':
		if i+1 < len(s) {
			return s[i+1] & 0x1f, i + 2
		}
		return 'c', i + 1
	case 'x':
		var v byte
		j := i + 1
		for j < len(s) && hexValue(s[j]) < 16 {
			v = v<<4 | hexValue(s[j])
			j++
		}
		if j == i+1 {
			return 'x', j
		}
		return v, j
	}
	if c < '0' || c > '7' {
		return c, i + 1
	}
	var v byte
	j := i
	for j < len(s) && j < i+3 && s[j] >= '0' && s[j] <= '7' {
		v = v<<3 | (s[j] - '0')
		j++
	}
	return v, j
}

// hexValue gives the value of a hexadecimal digit, or 16.
func hexValue(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// splitWords splits an ordinary statement: blanks separate, a run in double quotes is one word, without escapes. The words
// are appended to dst. open is the index of a quote that has no end, or -1.
func splitWords(dst []Word, l line) (words []Word, open int) {
	s := l.text
	open = -1
	for i := 0; i < len(s); {
		c := s[i]
		if blank(c) {
			i++
			continue
		}
		if c == '"' {
			end := strings.IndexByte(s[i+1:], '"')
			if end < 0 {
				open = i
				end = len(s) - i - 1
			}
			dst = append(dst, Word{Text: s[i+1 : i+1+end], Pos: l.pos(i), Quoted: true})
			i += end + 2
			continue
		}
		start := i
		for i < len(s) && !blank(s[i]) && s[i] != '"' {
			i++
		}
		dst = append(dst, Word{Text: s[start:i], Pos: l.pos(start)})
	}
	return dst, open
}

// Distance counts the insertions, deletions, replacements and swaps of neighbours that make b of a; beyond most it may
// give any larger number.
func Distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	before, prev := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev = prev, cur
	}
	return prev[len(b)]
}
