// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package syntax

import "strconv"

// Pos is a place in a configuration file. Line and Col count from 1; Col counts bytes. The zero Pos is "nowhere".
type Pos struct {
	File string
	Line int32
	Col  int32
}

// String gives file:line:column, leaving out the parts that are not known.
func (p Pos) String() string {
	b := make([]byte, 0, len(p.File)+16)
	b = append(b, p.File...)
	if p.Line > 0 {
		b = strconv.AppendInt(append(b, ':'), int64(p.Line), 10)
		if p.Col > 0 {
			b = strconv.AppendInt(append(b, ':'), int64(p.Col), 10)
		}
	}
	return string(b)
}

// Level says how bad a problem is.
type Level uint8

// The levels. A Note never changes an exit code; a Warning and an Error do.
const (
	Note Level = iota
	Warning
	Error
)

// String gives the word printed in a problem line.
func (l Level) String() string {
	switch l {
	case Note:
		return "note"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "level " + strconv.Itoa(int(l))
}

// Class says what a problem does to the exit code of a configuration test.
type Class uint8

// The classes, in rising order of weight; the numbers keepalived exits with are given by the configuration package.
const (
	// Harmless problems leave the exit code alone: every Note has this class.
	Harmless Class = iota
	// Faulty problems make the configuration test fail, though a daemon may start on what is left.
	Faulty
	// Insecure problems are about scripts that somebody other than root could change.
	Insecure
	// Fatal problems mean that a daemon cannot run on this configuration.
	Fatal
)

// Problem is one finding about a configuration, with its place.
type Problem struct {
	Pos     Pos
	Level   Level
	Class   Class
	Rule    string // snake_case name of the rule that was broken, from a closed list
	Message string // what is wrong
	Hint    string // what to write instead, or empty
}

// String gives `file:line:column: level: message [hint]`.
func (p Problem) String() string {
	s := p.Level.String() + ": " + p.Message
	if at := p.Pos.String(); at != "" {
		s = at + ": " + s
	}
	if p.Hint != "" {
		s += " [" + p.Hint + "]"
	}
	return s
}

// Worst gives the weightiest class among the problems.
func Worst(problems []Problem) Class {
	worst := Harmless
	for _, p := range problems {
		worst = max(worst, p.Class)
	}
	return worst
}

// Rules of the language; the names a Problem carries and that tests are named after.
const (
	RuleLineTooLong      = "line_too_long"
	RuleNULByte          = "nul_byte"
	RuleCommentInWord    = "comment_in_word"
	RuleUnmatchedQuote   = "unmatched_quote"
	RuleUnexpectedBrace  = "unexpected_brace"
	RuleExtraBrace       = "extra_brace"
	RuleMissingBrace     = "missing_brace"
	RuleTooDeep          = "too_deep"
	RuleTooLarge         = "too_large"
	RuleBadDefinition    = "bad_definition"
	RuleUndefined        = "undefined_definition"
	RuleBadSubstitution  = "bad_substitution"
	RuleBadSequence      = "bad_sequence"
	RuleIncludeMissing   = "include_missing"
	RuleIncludeRead      = "include_read"
	RuleIncludeLoop      = "include_loop"
	RuleBadInclude       = "bad_include"
	RuleManyFiles        = "many_files"
	RuleNoFile           = "no_file"
	RuleTooManyProblems  = "too_many_problems"
	RuleBadConsolidation = "bad_consolidation"
)

// maxProblems bounds the list of problems of one parse; a note tells that the rest was left out.
const maxProblems = 1000

// problems collects findings up to a bound, keeping the weighty ones.
type problems struct {
	list    []Problem
	dropped int
}

func (c *problems) add(p Problem) {
	if len(c.list) >= maxProblems && (p.Class < Fatal || len(c.list) >= 2*maxProblems) {
		c.dropped++
		return
	}
	c.list = append(c.list, p)
}

func (c *problems) finish() []Problem {
	if c.dropped > 0 {
		c.list = append(c.list, Problem{
			Level: Note, Rule: RuleTooManyProblems,
			Message: strconv.Itoa(c.dropped) + " further problems are not listed",
		})
	}
	return c.list
}
