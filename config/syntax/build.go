// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"strconv"
	"strings"
)

// builder makes the tree from lines. Nodes, words and child lists come from slabs, because a large configuration has
// hundreds of thousands of them.
type builder struct {
	problems *problems
	depth    int
	open     []opened // blocks that are open, outermost first
	kids     []*Node  // children of all open blocks and of the top, innermost last
	last     *Node    // the statement a brace on its own line would belong to
	skipped  int      // braces open beyond the permitted depth

	nodes []Node
	words []Word
	lists []*Node
}

type opened struct {
	node  *Node
	first int // index of its first child in kids
}

// line takes a line apart at its braces and gives the last statement that it added, if any.
func (b *builder) line(l line) (added *Node) {
	s := l.text
	if strings.IndexByte(s, '{') < 0 && strings.IndexByte(s, '}') < 0 {
		return b.add(l)
	}
	start := 0
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			quoted = !quoted
		case '$':
			// compat: a definition that does not exist stays as it is; keepalived then breaks the line at its braces.
			if n := referenceLength(s[i:]); n > 0 && !quoted {
				b.fault(l.pos(i), RuleUndefined, "the definition "+s[i:i+n]+" does not exist", "")
				i += n - 1
			}
		case '{', '}':
			if quoted {
				continue
			}
			if n := b.add(trim(l.slice(start, i))); n != nil {
				added = n
			}
			if s[i] == '{' {
				b.push(l.pos(i))
			} else {
				b.pop(l.pos(i))
			}
			start = i + 1
		}
	}
	if n := b.add(trim(l.slice(start, len(s)))); n != nil {
		added = n
	}
	return added
}

func (b *builder) fault(at Pos, rule, message, hint string) {
	b.problems.add(Problem{at, Error, Faulty, rule, message, hint})
}

// add makes a statement of a line without braces.
func (b *builder) add(l line) *Node {
	if l.text == "" || b.skipped > 0 {
		return nil
	}
	words, open := splitWords(b.slab(), l)
	if open >= 0 {
		b.fault(l.pos(open), RuleUnmatchedQuote, "the double quote has no end on this line; what follows it is ignored", "")
		if words = words[:len(words)-1]; len(words) == 0 { // compat
			return nil
		}
	}
	n := b.node()
	n.Pos, n.text, n.m = l.pos(0), l.text, l.m
	b.words = b.words[len(words):]
	n.Keyword = words[0].Text
	n.Args = words[1:len(words):len(words)]
	n.Raw = rawOf(l.text, words[0])
	b.kids = append(b.kids, n)
	b.last = n
	return n
}

// node takes a node from the slab.
func (b *builder) node() *Node {
	if len(b.nodes) == 0 {
		b.nodes = make([]Node, 512)
	}
	n := &b.nodes[0]
	b.nodes = b.nodes[1:]
	return n
}

// slab gives an empty list of words whose room lies in the slab, if the line has no more than 64.
func (b *builder) slab() []Word {
	if len(b.words) < 64 {
		b.words = make([]Word, 2048)
	}
	return b.words[:0]
}

// push opens a block for the last statement.
func (b *builder) push(at Pos) {
	if b.skipped > 0 || len(b.open) >= b.depth {
		if b.skipped == 0 {
			b.fault(at, RuleTooDeep, "blocks are nested more than "+strconv.Itoa(b.depth)+" deep; this one is ignored", "")
		}
		b.skipped++
		return
	}
	n := b.last
	if n == nil {
		b.fault(at, RuleUnexpectedBrace, "'{' without a keyword before it; its block is ignored", "")
		n = b.node()
		n.Pos = at
		b.kids = append(b.kids, n)
	}
	n.HasBlock = true
	b.open = append(b.open, opened{n, len(b.kids)})
	b.last = nil
}

// pop closes the innermost block.
func (b *builder) pop(at Pos) {
	if b.skipped > 0 {
		b.skipped--
		return
	}
	if len(b.open) == 0 {
		b.fault(at, RuleExtraBrace, "'}' without a block to close", "")
		return
	}
	b.close()
	b.last = nil
}

func (b *builder) close() {
	top := b.open[len(b.open)-1]
	b.open = b.open[:len(b.open)-1]
	top.node.Children = b.list(b.kids[top.first:])
	b.kids = b.kids[:top.first]
}

// list copies child pointers into the slab.
func (b *builder) list(kids []*Node) []*Node {
	n := len(kids)
	if n == 0 {
		return nil
	}
	if len(b.lists) < n {
		b.lists = make([]*Node, max(1024, n))
	}
	out := b.lists[:n:n]
	b.lists = b.lists[n:]
	copy(out, kids)
	return out
}

// finish closes what is open and gives the top level. When the parse was cut short, open blocks are no news.
func (b *builder) finish(cut bool) []*Node {
	for len(b.open) > 0 {
		n := b.open[len(b.open)-1].node
		if !cut {
			b.fault(n.Pos, RuleMissingBrace, "the block of '"+n.Keyword+"' has no '}'", "")
		}
		b.close()
	}
	return b.list(b.kids)
}
