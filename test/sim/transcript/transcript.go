// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"fmt"
	"strings"
)

// dashes are between the commands of a block and what they led to.
const dashes = "----"

// Each calls do with each line of a transcript that is not what happened, in
// order. An error of do names its line.
func Each(src string, do func(line string) error) error {
	for i, line := range strings.Split(strings.TrimRight(src, "\n"), "\n") {
		if line != "" && line[0] >= '0' && line[0] <= '9' {
			continue // what happened begins with its time
		}
		if err := do(line); err != nil {
			return fmt.Errorf("line %d: %s: %w", i+1, line, err)
		}
	}
	return nil
}

// Page is a transcript that is written anew.
type Page struct {
	out strings.Builder
	// ended says that the dashes of this block were written.
	ended bool
}

// Command writes one line of a transcript, after what has happened before it,
// and returns the words of the command in it; none for a comment.
func (p *Page) Command(line string, happened *[]string) []string {
	p.Flush(happened)
	if line == dashes {
		return nil
	}
	p.ended = false
	fmt.Fprintln(&p.out, line)
	command, _, _ := strings.Cut(line, "#")
	return strings.Fields(command)
}

// Flush writes what has happened since the last time, and empties the list.
func (p *Page) Flush(happened *[]string) {
	if len(*happened) == 0 {
		return
	}
	if !p.ended {
		fmt.Fprintln(&p.out, dashes)
		p.ended = true
	}
	for _, l := range *happened {
		fmt.Fprintln(&p.out, l)
	}
	*happened = (*happened)[:0]
}

// String is what was written.
func (p *Page) String() string { return p.out.String() }
