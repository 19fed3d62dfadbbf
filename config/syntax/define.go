// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"math"
	"strconv"
	"strings"
)

// definition is the value of a $NAME: one line, or several.
type definition struct {
	lines []string
}

// openDefinition is a definition whose last line ended in a backslash.
type openDefinition struct {
	name string
	at   Pos
	def  definition
	drop bool // it stands on a line that a condition took out
}

// binding is a variable of a sequence or list around the line being resolved.
type binding struct {
	name, value string
	outer       *binding
}

// item is a line waiting to be resolved, with the variables it may use.
type item struct {
	line
	vars *binding
}

// nameLength gives the length of the definition name at the start of s, or 0.
func nameLength(s string) int {
	n := 0
	for n < len(s) {
		c := s[n]
		letter := c == '_' || (c|0x20 >= 'a' && c|0x20 <= 'z')
		if !letter && (n == 0 || c < '0' || c > '9') {
			break
		}
		n++
	}
	return n
}

// referenceLength gives the length of the ${NAME ...} at the start of s, or 0.
func referenceLength(s string) int {
	if len(s) < 4 || s[0] != '$' || s[1] != '{' {
		return 0
	}
	n := nameLength(s[2:])
	if n == 0 {
		return 0
	}
	end := strings.IndexByte(s, '}')
	if end < 0 || (end != n+2 && !blank(s[n+2])) {
		return 0
	}
	return end + 1
}

// resolve works a line through conditions, definitions, sequences and substitutions until plain statements are left.
func (p *parser) resolve(l line) {
	work := []item{{line: l}}
	for first := true; len(work) > 0 && !p.stopped; first = false {
		it := work[len(work)-1]
		work = work[:len(work)-1]
		if !first && !p.count(it.line) {
			return
		}
		if p.define != nil {
			p.continueDefinition(it.line)
			continue
		}
		if it.text != "" && it.text[0] == '@' {
			if it.line = p.condition(it.line); it.text == "" {
				continue
			}
		}
		if p.startDefinition(it.line, false) || it.text == "" {
			continue
		}
		if more, ok := p.repeat(it); ok {
			work = append(work, more...)
			continue
		}
		whole, rest, ok := p.substitute(it)
		switch {
		case !ok:
			continue
		case whole.text == "":
		case whole.text != it.text && (whole.text[0] == '@' || whole.text[0] == '~'):
			rest = append(rest, item{whole, it.vars})
		default:
			p.statement(whole)
		}
		work = append(work, rest...)
	}
}

// count books one generated line and tells whether more may come.
func (p *parser) count(l line) bool {
	p.made++
	p.madeText += int64(len(l.text))
	if p.made > p.limits.Lines || p.madeText > p.limits.Bytes {
		p.stop(l.pos(0), "definitions and sequences make more than "+strconv.Itoa(p.limits.Lines)+" lines or "+
			strconv.FormatInt(p.limits.Bytes, 10)+" bytes; reading stops here")
		return false
	}
	return true
}

// condition decides an @ID or @^ID line: what follows the prefix, or nothing.
func (p *parser) condition(l line) line {
	end := 1
	for end < len(l.text) && !blank(l.text[end]) {
		end++
	}
	id := l.text[1:end]
	keep := id != "" && id == p.o.ConfigID
	if strings.HasPrefix(id, "^") {
		keep = id[1:] != p.o.ConfigID
	}
	rest := trim(l.slice(end, len(l.text)))
	if !keep {
		if rest.text != "" && rest.text[0] == '$' {
			p.startDefinition(rest, true)
		}
		rest.text = ""
	}
	return rest
}

// startDefinition takes a `$NAME=value` line.
func (p *parser) startDefinition(l line, drop bool) bool {
	if l.text == "" || l.text[0] != '$' {
		return false
	}
	n := 1 + nameLength(l.text[1:])
	if n == 1 || n == len(l.text) || l.text[n] != '=' {
		return false
	}
	p.define = &openDefinition{name: l.text[1:n], at: l.pos(0), drop: drop}
	p.continueDefinition(trim(l.slice(n+1, len(l.text))))
	return true
}

// continueDefinition takes one line of the value of the open definition.
func (p *parser) continueDefinition(l line) {
	d := p.define
	text := strings.Trim(l.text, blanks)
	value, more := strings.CutSuffix(text, `\`)
	if more {
		value = strings.TrimRight(value, blanks)
	}
	if value != "" {
		d.def.lines = append(d.def.lines, value)
	}
	if !more {
		p.endDefinition()
	}
}

func (p *parser) endDefinition() {
	if !p.define.drop {
		p.defs[p.define.name] = p.define.def
	}
	p.define = nil
}

// substitute replaces every definition in a line, again and again until none is left. What a definition of several
// lines adds after the first comes back as further items, last line first.
func (p *parser) substitute(it item) (whole line, rest []item, ok bool) {
	l := it.line
	done := 0
	for i := 0; i < len(l.text); {
		if l.text[i] != '$' {
			i++
			continue
		}
		value, length, found := p.lookup(it, l.text[i:], l.pos(i))
		if !found {
			i++
			continue
		}
		done++
		if p.work += int64(len(l.text)); p.work > 16*p.limits.Bytes {
			p.stop(l.pos(i), "substitution takes too much work; reading stops here")
			return l, nil, false
		}
		if done > p.limits.Rescans {
			p.fault(l.pos(i), RuleBadSubstitution, "more than "+strconv.Itoa(p.limits.Rescans)+
				" substitutions in one line; the line is ignored", "does a definition refer to itself?")
			return l, nil, false
		}
		text := ""
		if len(value.lines) > 0 {
			text = value.lines[0]
		}
		if len(value.lines) > 1 {
			if i+length < len(l.text) {
				p.fault(l.pos(i), RuleBadSubstitution, "text after a definition of several lines", "give it a line of its own")
			}
			for k := len(value.lines) - 1; k > 0; k-- {
				rest = append(rest, item{l.flat(value.lines[k], l.pos(i).Col), it.vars})
			}
		}
		if len(l.text)-length+len(text) > p.limits.LineLength {
			p.fault(l.pos(i), RuleLineTooLong, "the line gets longer than "+strconv.Itoa(p.limits.LineLength)+
				" bytes by substitution and is ignored", "does a definition refer to itself?")
			return l, nil, false
		}
		l = l.splice(i, i+length, text, l.pos(i).Col)
	}
	return trim(l), rest, true
}

// lookup finds the definition named at the start of s: `${NAME}`, or `$NAME` before a blank, ')' or the end.
func (p *parser) lookup(it item, s string, at Pos) (value definition, length int, ok bool) {
	name, params := "", ""
	if length = referenceLength(s); length > 0 {
		n := 2 + nameLength(s[2:])
		name, params = s[2:n], strings.Trim(s[n:length-1], blanks)
	} else {
		n := 1 + nameLength(s[1:])
		if n == 1 || (n < len(s) && !blank(s[n]) && s[n] != ')') {
			return definition{}, 0, false
		}
		name, length = s[1:n], n
	}
	if params == "" {
		for v := it.vars; v != nil; v = v.outer {
			if v.name == name {
				return definition{[]string{v.value}}, length, true
			}
		}
		if d, found := p.defs[name]; found {
			return d, length, true
		}
	}
	if name[0] != '_' {
		return definition{}, 0, false
	}
	text, ok := p.builtin(name, params, at)
	return definition{[]string{text}}, length, ok
}

// builtin gives the value of a definition that always exists.
func (p *parser) builtin(name, params string, at Pos) (string, bool) {
	switch name {
	case "_PWD":
		return p.directory(), params == ""
	case "_INSTANCE":
		return p.o.ConfigID, params == ""
	case "_HASH":
		return "#", params == ""
	case "_BANG":
		return "!", params == ""
	case "_ENV":
		if params == "" || strings.ContainsAny(params, blanks) {
			p.fault(at, RuleBadSubstitution, "${_ENV NAME} takes exactly one name", "")
			return "", true
		}
		value := ""
		if p.o.Environ != nil {
			value, _ = p.o.Environ(params)
		}
		if strings.ContainsAny(value, "\x00\n") {
			p.fault(at, RuleBadSubstitution, "the environment variable "+params+" holds a line break or NUL byte", "")
			return "", true
		}
		return value, true
	case "_RANDOM":
		return p.random(params, at), true
	}
	return "", false
}

// random gives the value of ${_RANDOM [MIN [MAX]]}.
func (p *parser) random(params string, at Pos) string {
	bounds := [2]uint64{0, 32767}
	fields := strings.Fields(params)
	bad := len(fields) > 2
	for i, f := range fields {
		if bad {
			break
		}
		v, err := strconv.ParseUint(f, 10, 32)
		bounds[i] = v
		bad = err != nil
	}
	if len(fields) == 1 && bounds[0] > bounds[1] {
		bounds[1] = math.MaxUint32
	}
	if bad || bounds[0] > bounds[1] {
		p.fault(at, RuleBadSubstitution, "${_RANDOM} takes at most two numbers, the smaller first", "")
		return "0"
	}
	v := uint32(bounds[0])
	if p.o.Random != nil {
		v = p.o.Random(uint32(bounds[0]), uint32(bounds[1]))
	}
	return strconv.FormatUint(uint64(v), 10)
}
