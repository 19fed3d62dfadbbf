// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"slices"
	"strings"
)

// Tree is a configuration as its language gives it: every include, condition, definition and repetition resolved.
type Tree struct {
	Nodes []*Node
	Files []string // every file that was read, in order, each once
}

// Node is one statement: a keyword, its words, and the statements of its block.
type Node struct {
	Keyword  string
	Args     []Word
	Raw      string // the statement after its keyword as written, for keywords that split it in their own way
	Pos      Pos
	Children []*Node
	HasBlock bool // braces were there, even if empty

	text string   // the whole statement without its brace
	m    *mapping // where the bytes of text stood, nil when contiguous from Pos
}

// Statement makes a node of one statement without braces, as Parse would read it at that place. What a program writes
// itself goes through here, so that Print gives it back as written.
func Statement(text string, at Pos) *Node {
	l := trim(line{text: text, file: at.File, no: at.Line, at: at.Col})
	if l.text == "" {
		return &Node{Pos: at}
	}
	words, _ := splitWords(nil, l)
	return &Node{Keyword: words[0].Text, Args: words[1:], Raw: rawOf(l.text, words[0]), Pos: words[0].Pos, text: l.text}
}

// rawOf gives what follows the first word of a statement.
func rawOf(text string, first Word) string {
	after := len(first.Text)
	if first.Quoted {
		after = min(after+2, len(text))
	}
	return strings.TrimLeft(text[after:], blanks)
}

// Word is one word of a statement.
type Word struct {
	Text   string
	Pos    Pos
	Quoted bool // it stood in quotes
}

// Spelled tells whether the statement, without its block, was written exactly like this: the keyword and these words, one
// blank between two.
func (n *Node) Spelled(keyword string, words []string) bool {
	if n.m != nil || n.Keyword != keyword || len(n.Args) != len(words) {
		return false
	}
	length := len(keyword)
	for i, w := range words {
		if n.Args[i].Text != w || n.Args[i].Quoted || w == "" {
			return false
		}
		length += 1 + len(w)
	}
	return len(n.text) == length && !strings.ContainsAny(n.text, "\t\\")
}

// Arg gives the text of argument i, or "" when there is none.
func (n *Node) Arg(i int) string {
	if i < len(n.Args) {
		return n.Args[i].Text
	}
	return ""
}

// ArgPos gives the place of argument i, or that of the keyword when there is none.
func (n *Node) ArgPos(i int) Pos {
	if i < len(n.Args) {
		return n.Args[i].Pos
	}
	return n.Pos
}

// Words gives the statement as a list: the keyword followed by its arguments. Lists such as virtual_ipaddress, whose
// lines have no keyword, are read this way.
func (n *Node) Words() []Word {
	w := make([]Word, 0, 1+len(n.Args))
	w = append(w, Word{Text: n.Keyword, Pos: n.Pos, Quoted: n.text != "" && n.text[0] == '"'})
	return append(w, n.Args...)
}

// Find gives the first child with this keyword, or nil.
func (n *Node) Find(keyword string) *Node {
	for _, c := range n.Children {
		if c.Keyword == keyword {
			return c
		}
	}
	return nil
}

// ScriptWords splits the rest of the statement the way keepalived's script keywords do (see ScriptSplit), with places.
func (n *Node) ScriptWords() ([]Word, error) {
	base := len(n.text) - len(n.Raw)
	return scriptSplit(n.Raw, func(i int) Pos { return n.at(base + i) })
}

// at gives the place of byte i of the statement's text.
func (n *Node) at(i int) Pos {
	p := n.Pos
	if n.m == nil {
		p.Col += int32(i)
	} else {
		p.Col = n.m.col(i)
	}
	return p
}

// span says where a run of bytes stood: from byte `at` on, either advancing from col or all at col.
type span struct {
	at   int32
	col  int32
	flat bool
}

// mapping places the bytes of a line that is not a plain piece of its file. Byte i of the line is byte off+i of spans.
type mapping struct {
	spans []span
	off   int32
}

func (m *mapping) col(i int) int32 {
	at := m.off + int32(i)
	for _, v := range slices.Backward(m.spans) {
		if s := v; s.at <= at {
			if s.flat {
				return s.col
			}
			return s.col + at - s.at
		}
	}
	return 1
}

// line is a piece of text with its place.
type line struct {
	text string
	file string
	no   int32
	at   int32    // column of the first byte, when m is nil
	m    *mapping // otherwise
}

func (l line) pos(i int) Pos {
	if l.m == nil {
		return Pos{l.file, l.no, l.at + int32(i)}
	}
	return Pos{l.file, l.no, l.m.col(i)}
}

// slice gives bytes i to j of the line.
func (l line) slice(i, j int) line {
	l.text = l.text[i:j]
	if l.m == nil {
		l.at += int32(i)
	} else if i > 0 {
		l.m = &mapping{spans: l.m.spans, off: l.m.off + int32(i)}
	}
	return l
}

// spans gives the line's mapping with offsets counted from its own first byte.
func (l line) spans() []span {
	if l.m == nil {
		return []span{{0, l.at, false}}
	}
	out := make([]span, 0, len(l.m.spans)+3)
	for _, s := range l.m.spans {
		s.at -= l.m.off
		if s.at <= 0 {
			if !s.flat {
				s.col -= s.at
			}
			s.at = 0
			out = out[:0]
		} else if int(s.at) >= len(l.text) {
			break
		}
		out = append(out, s)
	}
	return out
}

// splice replaces bytes i to j by text that all stands at column col.
func (l line) splice(i, j int, text string, col int32) line {
	var out []span
	old := l.spans()
	for _, s := range old {
		if int(s.at) < i {
			out = append(out, s)
		}
	}
	if text != "" {
		out = append(out, span{int32(i), col, true})
	}
	if j < len(l.text) {
		shift := int32(i + len(text) - j)
		here := (&mapping{spans: old}).col(j)
		flat := false
		for _, s := range old {
			if int(s.at) <= j {
				flat = s.flat
			}
		}
		out = append(out, span{int32(j) + shift, here, flat})
		for _, s := range old {
			if int(s.at) > j {
				s.at += shift
				out = append(out, s)
			}
		}
	}
	l.text = l.text[:i] + text + l.text[j:]
	l.m = &mapping{spans: out}
	return l
}

// flat gives the line other text, all of which stands at column col.
func (l line) flat(text string, col int32) line {
	l.text = text
	l.m = &mapping{spans: []span{{0, col, true}}}
	return l
}
