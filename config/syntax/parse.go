// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"path"
	"strconv"
	"strings"
)

// Parse reads one text under the given name. It always gives a tree of what could be understood, and every problem.
// Text written by Consolidate is recognised and gives the tree it was made from.
func Parse(name string, text []byte, o Options) (*Tree, []Problem) {
	p := newParser(o)
	s := string(text)
	if strings.HasPrefix(s, consolidatedHeader) {
		p.consolidated(name, s)
	} else {
		p.file(name, s)
	}
	return p.finish()
}

// Load reads the file of that name, or every file that matches it as a pattern, in order, as one configuration. A
// pattern that names nothing is a Fatal problem with rule RuleNoFile.
func Load(pattern string, o Options) (*Tree, []Problem) {
	p := newParser(o)
	if o.FS == nil {
		p.report(Pos{File: pattern}, Error, Fatal, RuleNoFile, errNoFS.Error(), "")
		return p.finish()
	}
	full := pattern
	if !path.IsAbs(pattern) && o.Dir != "" {
		full = path.Join(escapeGlob(o.Dir), pattern)
	}
	names := p.glob(expandBraces(full))
	if len(names) == 0 {
		p.report(Pos{File: pattern}, Error, Fatal, RuleNoFile, "no such configuration file", "name one with -f")
	}
	if len(names) > 1 {
		p.report(Pos{File: pattern}, Warning, Faulty, RuleManyFiles,
			"the name matches "+strconv.Itoa(len(names))+" files, read one after the other from "+names[0],
			"name one file and let it include the others")
	}
	for _, name := range names {
		text, err := o.FS.ReadFile(name, p.limits.Bytes-p.read)
		if err != nil {
			p.report(Pos{File: name}, Error, Fatal, RuleNoFile, err.Error(), "")
			continue
		}
		p.read += int64(len(text))
		if s := string(text); strings.HasPrefix(s, consolidatedHeader) {
			p.consolidated(name, s)
		} else {
			p.file(name, s)
		}
	}
	return p.finish()
}

// parser holds everything one parse needs.
type parser struct {
	o      Options
	limits Limits
	problems
	builder
	defs     map[string]definition
	define   *openDefinition // a definition whose lines continue, or nil
	check    IncludeCheck
	stack    []string // files being read, outermost first
	seen     map[string]bool
	files    []string
	read     int64 // bytes read
	looks    int   // files and patterns looked for by includes
	made     int   // lines generated
	madeText int64 // bytes generated
	work     int64 // bytes handled by substitutions
	stopped  bool  // a bound was passed, nothing more is read
}

func newParser(o Options) *parser {
	p := &parser{o: o, limits: o.Limits.orDefault(), check: o.Check, defs: map[string]definition{}, seen: map[string]bool{}}
	p.builder.problems = &p.problems
	p.builder.depth = p.limits.Depth
	return p
}

func (p *parser) report(at Pos, level Level, class Class, rule, message, hint string) {
	p.problems.add(Problem{at, level, class, rule, message, hint})
}

func (p *parser) fault(at Pos, rule, message, hint string) {
	p.report(at, Error, Faulty, rule, message, hint)
}

// stop ends the parse because a bound was passed.
func (p *parser) stop(at Pos, message string) {
	if !p.stopped {
		p.stopped = true
		p.report(at, Error, Fatal, RuleTooLarge, message, "")
	}
}

func (p *parser) finish() (*Tree, []Problem) {
	if p.define != nil {
		p.report(p.define.at, Note, Harmless, RuleBadDefinition, "the definition of $"+p.define.name+" continues past the end of the file", "") // compat
		p.endDefinition()
	}
	nodes := p.builder.finish(p.stopped)
	return &Tree{Nodes: nodes, Files: p.files}, p.problems.finish()
}

// directory gives the directory of the file being read, absolute when that is known.
func (p *parser) directory() string {
	if len(p.stack) == 0 {
		return p.o.Dir
	}
	return path.Dir(p.absolute(p.stack[len(p.stack)-1]))
}

func (p *parser) absolute(name string) string {
	if path.IsAbs(name) || p.o.Dir == "" {
		return name
	}
	return path.Join(p.o.Dir, name)
}

// file reads the lines of one text.
func (p *parser) file(name, text string) {
	if !p.seen[name] {
		p.seen[name] = true
		p.files = append(p.files, name)
	}
	p.stack = append(p.stack, name)
	check := p.check
	for no := int32(1); text != "" && !p.stopped; no++ {
		s := text
		if end := strings.IndexByte(text, '\n'); end >= 0 {
			s, text = text[:end], text[end+1:]
		} else {
			text = ""
		}
		p.physical(name, no, s)
	}
	p.check = check
	p.stack = p.stack[:len(p.stack)-1]
}

// physical takes one line of a file: comment off, blanks off, then to whoever wants it.
func (p *parser) physical(name string, no int32, s string) {
	start := 0
	for start < len(s) && blank(s[start]) {
		start++
	}
	if start == len(s) || s[start] == '#' || s[start] == '!' {
		return
	}
	l := line{text: s[start:], file: name, no: no, at: int32(start + 1)}
	if strings.IndexByte(l.text, 0) >= 0 {
		p.fault(l.pos(strings.IndexByte(l.text, 0)), RuleNULByte, "the line has a NUL byte and is ignored", "")
		return
	}
	if len(strings.TrimRight(l.text, blanks)) > p.limits.LineLength {
		p.fault(l.pos(0), RuleLineTooLong, "the line is longer than "+strconv.Itoa(p.limits.LineLength)+" bytes and is ignored", "")
		return
	}
	if l = p.uncomment(l); l.text != "" {
		p.logical(l)
	}
}

// logical takes a line without comment: part of an open definition, or something to resolve.
func (p *parser) logical(l line) {
	if p.define != nil {
		p.continueDefinition(l)
		return
	}
	if l.text[0] == '@' || l.text[0] == '~' || strings.IndexByte(l.text, '$') >= 0 {
		p.resolve(l)
		return
	}
	p.statement(l)
}

// statement takes a line with nothing left to resolve.
func (p *parser) statement(l line) {
	if l.text[0] == 'i' && strings.HasPrefix(l.text, "include") && p.include(l) {
		return
	}
	if n := p.builder.line(l); n != nil {
		p.watch(n)
	}
}

// watch acts on the two settings of the language itself.
func (p *parser) watch(n *Node) {
	switch n.Keyword {
	case "include_check":
		p.setCheck(n)
	case "random_seed":
		if v, err := strconv.ParseUint(n.Arg(0), 10, 32); err == nil && p.o.Seed != nil {
			p.o.Seed(uint32(v))
		}
	}
}

// uncomment cuts a comment off, resolves \# and \!, and trims blanks at the end.
func (p *parser) uncomment(l line) line {
	s := l.text
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			quoted = !quoted
		case '\\':
			if !quoted && i+1 < len(s) && (s[i+1] == '#' || s[i+1] == '!') {
				l = l.splice(i, i+1, "", 0)
				s = l.text
			}
		case '#', '!':
			if !quoted {
				if c := s[i-1]; !blank(c) && c != '{' && c != '}' && c != ';' && c != '"' {
					p.report(l.pos(i), Note, Harmless, RuleCommentInWord,
						"a comment starts here, in the middle of a word", `\`+s[i:i+1]+" is the character itself")
				}
				return trimRight(l.slice(0, i))
			}
		}
	}
	return trimRight(l)
}

func trimRight(l line) line {
	n := len(l.text)
	for n > 0 && blank(l.text[n-1]) {
		n--
	}
	l.text = l.text[:n]
	return l
}

// trim takes blanks off both ends.
func trim(l line) line {
	i := 0
	for i < len(l.text) && blank(l.text[i]) {
		i++
	}
	if i > 0 {
		l = l.slice(i, len(l.text))
	}
	return trimRight(l)
}
