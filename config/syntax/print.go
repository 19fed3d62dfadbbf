// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import (
	"bytes"
	"strings"
)

// Print writes the tree as a person would: four blanks a level, one statement a line, everything resolved. The result
// parses to the same statements.
func Print(t *Tree) []byte {
	var b bytes.Buffer
	for i, n := range t.Nodes {
		if i > 0 && (n.HasBlock || t.Nodes[i-1].HasBlock) {
			b.WriteByte('\n')
		}
		printNode(&b, n, 0)
	}
	return b.Bytes()
}

func printNode(b *bytes.Buffer, n *Node, depth int) {
	indent := strings.Repeat("    ", depth)
	b.WriteString(indent)
	text := n.text
	if text == "" && (n.Keyword != "" || !n.HasBlock) {
		text = plainText(n)
	}
	b.WriteString(guard(text))
	if !n.HasBlock {
		b.WriteByte('\n')
		return
	}
	switch {
	case text == "":
		b.WriteString("{\n")
	case strings.Count(text, `"`)%2 == 1:
		b.WriteString("\n" + indent + "{\n")
	default:
		b.WriteString(" {\n")
	}
	for _, c := range n.Children {
		printNode(b, c, depth+1)
	}
	b.WriteString(indent + "}\n")
}

// guard writes a resolved statement so that the language leaves it alone: # and ! outside quotes get a backslash, and a
// first word that would be taken for a condition, definition, sequence or include gets quotes.
func guard(text string) string {
	if text == "" {
		return text
	}
	if text[0] == '@' || text[0] == '~' || text[0] == '$' || strings.HasPrefix(text, "include") {
		end := strings.IndexAny(text, blanks+`"`)
		if end < 0 {
			end = len(text)
		}
		text = `"` + text[:end] + `"` + text[end:]
	}
	if !strings.ContainsAny(text, "#!") {
		return text
	}
	out := make([]byte, 0, len(text)+4)
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			quoted = !quoted
		case '#', '!':
			if !quoted {
				out = append(out, '\\')
			}
		}
		out = append(out, text[i])
	}
	return string(out)
}

// plainText writes a node that was made by a program, not by Parse.
func plainText(n *Node) string {
	var b strings.Builder
	for i, w := range n.Words() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(Quote(w.Text))
	}
	return b.String()
}

// Quote writes a word so that an ordinary keyword reads it back, if that can be done: a word that has a double quote
// besides a blank or brace cannot be written in this language.
func Quote(word string) string {
	if word == "" || (strings.ContainsAny(word, blanks+"{}#!$") && !strings.Contains(word, `"`)) {
		return `"` + word + `"`
	}
	return word
}
