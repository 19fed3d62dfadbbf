// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Paint colours a part of a text; the zero Paint leaves everything plain.
type Paint struct {
	// Strong marks headings, Good and Bad what went well or not, Faint what is secondary.
	Strong, Good, Bad, Faint func(string) string
}

func paint(f func(string) string, s string) string {
	if f == nil {
		return s
	}
	return f(s)
}

// Text renders an answer for people, in plain text of at most about 100
// columns where the evidence allows.
func (a *Answer) Text(p Paint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", paint(p.Strong, a.What))
	fmt.Fprintf(&b, "%s\n", a.Cause)
	for _, d := range a.Doubts {
		fmt.Fprintf(&b, "%s\n", paint(p.Bad, d))
	}
	for _, l := range a.LookAt {
		fmt.Fprintf(&b, "Look at: %s.\n", l)
	}
	a.facts(&b, p)
	a.steps(&b, p)
	a.times(&b, p)
	if a.ID != "" {
		fmt.Fprintf(&b, "\n%s\n", paint(p.Faint, "id "+a.ID))
	}
	return b.String()
}

func (a *Answer) facts(b *strings.Builder, p Paint) {
	if len(a.Evidence) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", paint(p.Strong, "Evidence"))
	width := 0
	for _, f := range a.Evidence {
		width = max(width, len(f.About))
	}
	last := ""
	for _, f := range a.Evidence {
		about := f.About
		if about == last {
			about = ""
		}
		last = f.About
		fmt.Fprintf(b, "  %-*s  %s\n", width, about, f.Says)
	}
}

func (a *Answer) steps(b *strings.Builder, p Paint) {
	if len(a.Done) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", paint(p.Strong, "What was done"))
	for _, s := range a.Done {
		if !s.OK {
			fmt.Fprintf(b, "  %s %s\n", paint(p.Bad, "failed"), s.Says)
			continue
		}
		fmt.Fprintf(b, "  %s     %s\n", paint(p.Good, "ok"), s.Says)
	}
}

func (a *Answer) times(b *strings.Builder, p Paint) {
	if len(a.Timeline) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", paint(p.Strong, "Timeline (milliseconds, 0 is the transition)"))
	width := 0
	for _, m := range a.Timeline {
		width = max(width, len(milliseconds(m.After)))
	}
	for _, m := range a.Timeline {
		says := m.Says
		switch m.Mark {
		case MarkTransition:
			says = paint(p.Strong, says)
		case MarkFailed, MarkRefused, MarkMissed:
			says = paint(p.Bad, says)
		case MarkDone:
			says = paint(p.Good, says)
		case MarkHeard, MarkDue:
		}
		fmt.Fprintf(b, "  %*s |%s %s\n", width, milliseconds(m.After), m.Mark, says)
	}
}

// milliseconds renders a time on the line, with its sign.
func milliseconds(d time.Duration) string {
	digits := 1
	if d > -time.Millisecond && d < time.Millisecond {
		digits = 2
	}
	s := strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', digits, 64)
	switch {
	case d > 0:
		return "+" + s
	case d == 0:
		return "0"
	}
	return s
}
