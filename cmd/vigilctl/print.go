// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
)

// palette colours texts; all of it is nil when there are to be no colours.
type palette struct{ explain.Paint }

// paintFor returns colours if f is a terminal that can show them and nobody
// asked for none (https://no-color.org).
func paintFor(f *os.File, env func(string) string) palette {
	if env("NO_COLOR") != "" || env("TERM") == "dumb" {
		return palette{}
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return palette{}
	}
	return colours()
}

// colours are the standard ones, which terminals fit to their background.
func colours() palette {
	code := func(n string) func(string) string {
		return func(s string) string { return "\x1b[" + n + "m" + s + "\x1b[0m" }
	}
	return palette{explain.Paint{Strong: code("1"), Good: code("32"), Bad: code("31"), Faint: code("2")}}
}

// state colours the state of an instance or object.
func (p palette) state(s event.State) func(string) string {
	switch s { //nolint:exhaustive // the others are neither good nor bad
	case event.Master, event.Up:
		return p.Good
	case event.Fault, event.Down, event.Deleted:
		return p.Bad
	}
	return nil
}

// printJSON prints a document in lines, for people as well.
func (a *app) printJSON(v any) error {
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write the answer as JSON: %w", err)
	}
	_, err = fmt.Fprintf(a.out, "%s\n", out)
	return err
}

// cell is one field of a table.
type cell struct {
	text  string
	paint func(string) string
}

// plain makes cells without colour.
func plain(texts ...string) []cell {
	out := make([]cell, len(texts))
	for i, t := range texts {
		out[i] = cell{text: t}
	}
	return out
}

// table prints rows under a heading, in columns that are as wide as they must
// be. It prints nothing without rows.
func table(w io.Writer, p palette, heading []string, rows [][]cell) {
	if len(rows) == 0 {
		return
	}
	head := plain(heading...)
	for i := range head {
		head[i].paint = p.Strong
	}
	rows = append([][]cell{head}, rows...)
	widths := make([]int, len(heading))
	for _, row := range rows {
		for i := range row {
			row[i].text = clean(row[i].text)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
	}
	fmt.Fprintln(w)
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			text := c.text
			if c.paint != nil && text != "" {
				text = c.paint(text)
			}
			line.WriteString(text)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// clean takes from a text what could command a terminal: names come from
// configuration files, details from programs and from the network.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
