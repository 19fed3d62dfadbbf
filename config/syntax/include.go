// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"path"
	"strconv"
	"strings"
)

// include takes a line that starts with one of the include keywords and reads what it names in place.
func (p *parser) include(l line) bool {
	words, open := splitWords(nil, l)
	check := p.check
	switch words[0].Text {
	case "include":
	case "includer":
		check |= CheckReadable
	case "includem":
		check |= CheckMatch | CheckReadable
	case "includew":
		check |= CheckWildcard | CheckReadable
	case "includeb":
		check |= CheckBrace | CheckReadable
	case "includea":
		check = CheckAll
	default:
		return false
	}
	if open >= 0 {
		p.fault(l.pos(open), RuleUnmatchedQuote, "the double quote has no end on this line", "")
	}
	if len(words) < 2 || words[1].Text == "" {
		p.fault(l.pos(0), RuleBadInclude, "'"+words[0].Text+"' takes a file name or pattern", "")
		return true
	}
	if p.o.FS == nil {
		p.report(words[1].Pos, Error, Fatal, RuleIncludeRead, errNoFS.Error(), "")
		return true
	}
	pattern := words[1].Text
	if len(words) > 2 { // compat
		pattern = rawOf(l.text, words[0])
		p.report(words[1].Pos, Note, Harmless, RuleBadInclude, "all that follows '"+words[0].Text+"' is one name, blanks and all", "one include for each file")
	}
	if !path.IsAbs(pattern) {
		pattern = path.Join(escapeGlob(p.directory()), pattern)
	}
	p.includeFiles(words[1].Pos, pattern, check)
	return true
}

func (p *parser) includeFiles(at Pos, pattern string, check IncludeCheck) {
	alternatives := expandBraces(pattern)
	matched := 0
	wild, told := false, false
	for _, alternative := range alternatives {
		if !p.mayLook(at) {
			return
		}
		names := p.glob([]string{alternative})
		matched += len(names)
		wild = wild || isPattern(alternative)
		if len(names) == 0 && len(alternatives) > 1 && check&CheckBrace != 0 {
			p.missing(at, alternative, true)
			told = true
		}
		for _, name := range names {
			if p.stopped {
				return
			}
			p.includeFile(at, name, check)
		}
	}
	switch {
	case matched > 0 || told:
	case wild:
		if check&CheckWildcard != 0 {
			p.missing(at, pattern, true)
		}
	default:
		p.missing(at, pattern, check&CheckMatch != 0)
	}
}

// mayLook books one look at the file system and tells whether it may still be taken.
func (p *parser) mayLook(at Pos) bool {
	p.looks++
	if p.looks > 2*p.limits.Files || p.read >= p.limits.Bytes {
		p.stop(at, "more than "+strconv.Itoa(p.limits.Files)+" files or "+strconv.FormatInt(p.limits.Bytes, 10)+
			" bytes are included; reading stops here")
	}
	return !p.stopped
}

func (p *parser) missing(at Pos, pattern string, strict bool) {
	if strict {
		p.report(at, Error, Fatal, RuleIncludeMissing, "no file matches "+unescapeGlob(pattern), "")
		return
	}
	p.report(at, Note, Harmless, RuleIncludeMissing, "no file matches "+unescapeGlob(pattern), "includem makes this an error")
}

func (p *parser) includeFile(at Pos, name string, check IncludeCheck) {
	for _, outer := range p.stack {
		if path.Clean(p.absolute(outer)) == path.Clean(name) {
			p.report(at, Error, Fatal, RuleIncludeLoop, name+" includes itself", "")
			return
		}
	}
	if len(p.stack) >= p.limits.Includes {
		p.report(at, Error, Fatal, RuleIncludeLoop, "files are included more than "+strconv.Itoa(p.limits.Includes)+" deep", "")
		return
	}
	if !p.mayLook(at) {
		return
	}
	text, err := p.o.FS.ReadFile(name, p.limits.Bytes-p.read)
	if err != nil {
		if check&CheckReadable != 0 {
			p.report(at, Error, Fatal, RuleIncludeRead, name+": "+err.Error(), "")
		} else {
			p.report(at, Note, Harmless, RuleIncludeRead, name+" is not read: "+err.Error(), "includer makes this an error")
		}
		return
	}
	p.read += int64(len(text)) + 1
	p.file(name, string(text))
}

// glob lists the files of several patterns in order.
func (p *parser) glob(patterns []string) []string {
	var all []string
	for _, pattern := range patterns {
		names, err := p.o.FS.Glob(pattern)
		if err != nil {
			names = nil
		}
		all = append(all, names...)
	}
	return all
}

// setCheck takes global_defs include_check [[+|-]option...]: signs add to or take from the present setting.
func (p *parser) setCheck(n *Node) {
	if len(n.Args) == 0 {
		p.check = CheckAll
		return
	}
	sign := byte(0)
	for _, w := range n.Args {
		option := w.Text
		if option != "" && (option[0] == '+' || option[0] == '-') {
			sign, option = option[0], option[1:]
		} else if sign == 0 {
			p.check, sign = 0, '+'
		}
		if option == "" {
			continue
		}
		var bits IncludeCheck
		switch option {
		case "read", "readable":
			bits = CheckReadable
		case "match":
			bits = CheckMatch | CheckReadable
		case "wildcard_match":
			bits = CheckWildcard | CheckReadable
		case "brace_match":
			bits = CheckBrace | CheckReadable
		default:
			p.fault(w.Pos, RuleBadInclude, "include_check has no option '"+option+"'", "read, match, wildcard_match, brace_match")
		}
		if sign == '-' {
			if bits != CheckReadable {
				bits &^= CheckReadable
			}
			p.check &^= bits
		} else {
			p.check |= bits
		}
	}
}

// maxAlternatives bounds what braces in one include pattern may expand to.
const maxAlternatives = 1000

// expandBraces resolves {a,b} alternatives, nested ones too, as csh does. Unbalanced braces stay.
func expandBraces(pattern string) []string {
	todo := []string{pattern}
	var out []string
	for len(todo) > 0 && len(out) < maxAlternatives && len(todo) < maxAlternatives {
		s := todo[0]
		todo = todo[1:]
		open, end := -1, -1
		var commas []int
		depth := 0
	scan:
		for i := 0; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '{':
				if depth == 0 {
					open = i
				}
				depth++
			case ',':
				if depth == 1 {
					commas = append(commas, i)
				}
			case '}':
				if depth == 1 {
					end = i
					break scan
				}
				depth = max(depth-1, 0)
			}
		}
		if end < 0 {
			out = append(out, s)
			continue
		}
		from := open + 1
		var alternatives []string
		for _, c := range append(commas, end) {
			alternatives = append(alternatives, s[:open]+s[from:c]+s[end+1:])
			from = c + 1
		}
		todo = append(alternatives, todo...)
	}
	return out
}

// isPattern tells whether a name has wildcards.
func isPattern(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `{`, `\{`, `}`, `\}`, `,`, `\,`)

func escapeGlob(s string) string {
	if strings.ContainsAny(s, `\*?[{},`) {
		return globEscaper.Replace(s)
	}
	return s
}

func unescapeGlob(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}
