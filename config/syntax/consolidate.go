// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"bytes"
	"strconv"
	"strings"
)

// The consolidated form is text in which nothing is left to resolve: one statement a line, at the column it had, blank
// lines where lines fell out, and directives, which are lines that start with #@, wherever the place of what follows
// cannot be told by counting:
//
//	#@vigil consolidated 1             the first line
//	#@12 "file"                        the next statement is line 12 of file
//	#@12                               the next statement is line 12 of the same file
//	#@: 0+5 9=17 11+20                 its bytes from 0 stood at column 5 and on, those from 9 all at 17, ...
//
// It has no comments and no definitions: #, !, $, @ and ~ mean themselves.
const consolidatedHeader = "#@vigil consolidated 1\n"

// Consolidate writes the tree so that Parse gives the same tree again, every Pos included.
func Consolidate(t *Tree) []byte {
	w := &consolidator{}
	w.b.Grow(1 << 16)
	w.b.WriteString(consolidatedHeader)
	for _, f := range t.Files {
		w.b.WriteString("#@file " + strconv.Quote(f) + "\n")
	}
	for _, n := range t.Nodes {
		w.node(n)
	}
	return w.b.Bytes()
}

type consolidator struct {
	b    bytes.Buffer
	file string
	next int32 // line number a reader would give to the next line
}

// maxGap is how many blank lines are written before a directive is shorter.
const maxGap = 6

func (w *consolidator) place(p Pos) {
	switch {
	case p.File != w.file:
		w.b.WriteString("#@" + strconv.Itoa(int(p.Line)) + " " + strconv.Quote(p.File) + "\n")
	case p.Line > w.next && p.Line-w.next <= maxGap:
		for w.next < p.Line {
			w.b.WriteByte('\n')
			w.next++
		}
	case p.Line != w.next:
		w.b.WriteString("#@" + strconv.Itoa(int(p.Line)) + "\n")
	}
	w.file, w.next = p.File, p.Line
}

func (w *consolidator) node(n *Node) {
	text := n.text
	if text == "" && (n.Keyword != "" || !n.HasBlock) {
		text = plainText(n)
	}
	w.place(n.Pos)
	if n.m != nil || strings.HasPrefix(text, "#@") {
		w.b.WriteString("#@:")
		for _, s := range (line{text: text, at: n.Pos.Col, m: n.m}).spans() {
			sign := byte('+')
			if s.flat {
				sign = '='
			}
			w.b.WriteByte(' ')
			w.b.WriteString(strconv.Itoa(int(s.at)))
			w.b.WriteByte(sign)
			w.b.WriteString(strconv.Itoa(int(s.col)))
		}
		w.b.WriteString("\n ")
	} else {
		for range n.Pos.Col - 1 {
			w.b.WriteByte(' ')
		}
	}
	w.b.WriteString(text)
	if !n.HasBlock {
		w.b.WriteByte('\n')
		w.next++
		return
	}
	switch {
	case text == "":
		w.b.WriteByte('{')
	case strings.Count(text, `"`)%2 == 1:
		w.b.WriteString("\n{")
		w.next++
	default:
		w.b.WriteString(" {")
	}
	w.b.WriteByte('\n')
	w.next++
	for _, c := range n.Children {
		w.node(c)
	}
	w.b.WriteString("}\n")
	w.next++
}

// consolidated reads the form written above.
func (p *parser) consolidated(name, text string) {
	file, no := name, int32(1)
	var m *mapping
	text = text[len(consolidatedHeader):]
	for text != "" {
		s := text
		if end := strings.IndexByte(text, '\n'); end >= 0 {
			s, text = text[:end], text[end+1:]
		} else {
			text = ""
		}
		if strings.HasPrefix(s, "#@") {
			if !p.directive(s[2:], &file, &no, &m) {
				p.report(Pos{File: name}, Error, Fatal, RuleBadConsolidation, "directive "+strconv.Quote(s)+" is not understood", "")
				return
			}
			continue
		}
		l := trim(line{text: s, file: file, no: no, at: 1})
		if l.text != "" {
			if m != nil {
				l.m, m = m, nil
			}
			p.builder.line(l)
		}
		no++
	}
}

// directive reads what follows #@.
func (p *parser) directive(s string, file *string, no *int32, m **mapping) bool {
	if quoted, ok := strings.CutPrefix(s, "file "); ok {
		f, err := strconv.Unquote(quoted)
		p.files = append(p.files, f)
		return err == nil
	}
	if runs, ok := strings.CutPrefix(s, ":"); ok {
		*m = &mapping{}
		for f := range strings.FieldsSeq(runs) {
			k := strings.IndexAny(f, "+=")
			if k < 0 {
				return false
			}
			at, err1 := strconv.ParseInt(f[:k], 10, 32)
			col, err2 := strconv.ParseInt(f[k+1:], 10, 32)
			if err1 != nil || err2 != nil {
				return false
			}
			(*m).spans = append((*m).spans, span{int32(at), int32(col), f[k] == '='})
		}
		return true
	}
	number, quoted, hasFile := strings.Cut(s, " ")
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		return false
	}
	*no = int32(n)
	if hasFile {
		f, err := strconv.Unquote(quoted)
		*file = f
		return err == nil
	}
	return true
}
