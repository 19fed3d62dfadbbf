// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"errors"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	const src = "# first\nrun 1s  # and wait\n----\n00.100 old\n\nstop\n"
	var p Page
	var happened []string
	var commands []string
	err := Each(src, func(line string) error {
		words := p.Command(line, &happened)
		if len(words) > 0 {
			commands = append(commands, strings.Join(words, " "))
			happened = append(happened, "01.000 "+words[0], "02.000 "+words[0])
		}
		return nil
	})
	p.Flush(&happened)
	const want = "# first\nrun 1s  # and wait\n----\n01.000 run\n02.000 run\n\nstop\n----\n01.000 stop\n02.000 stop\n"
	if err != nil || p.String() != want || strings.Join(commands, ";") != "run 1s;stop" {
		t.Errorf("%v, %q, %q", err, commands, p.String())
	}
	bad := errors.New("no")
	err = Each("a\n00.1 x\nb\n", func(line string) error {
		if line == "b" {
			return bad
		}
		return nil
	})
	if !errors.Is(err, bad) || err.Error() != "line 3: b: no" {
		t.Errorf("%v", err)
	}
}
