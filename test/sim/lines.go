// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"strings"

	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
)

// words turns DESTINATION%INTERFACE, or the source of a rule, into the words of
// a line.
func words(rule bool, text string) []string {
	if rule {
		return []string{"from", text, "table", "100"}
	}
	to, dev, ok := strings.Cut(text, "%")
	if !ok {
		return []string{"blackhole", to}
	}
	return []string{to, "dev", dev}
}

func familyOf(text string) uint8 {
	if strings.Contains(text, ":") {
		return 6
	}
	return 4
}

// routes and rules read texts joined with +, each with ! (no_track) if wanted.
func routes(v string) (out []vrrp.Route) {
	for text := range strings.SplitSeq(v, "+") {
		text, untracked := strings.CutSuffix(text, "!")
		r := vrrp.Route{Words: words(false, text), Family: familyOf(text), NoTrack: untracked}
		if _, dev, ok := strings.Cut(text, "%"); ok {
			r.Interfaces = []string{dev}
		}
		out = append(out, r)
	}
	return out
}

func rules(v string) (out []vrrp.Rule) {
	for text := range strings.SplitSeq(v, "+") {
		text, untracked := strings.CutSuffix(text, "!")
		out = append(out, vrrp.Rule{Words: words(true, text), Family: familyOf(text), NoTrack: untracked})
	}
	return out
}

// line adds or removes a route or rule of a host as somebody else does.
func lineCommand(rule bool) func(p *player, w []string) error {
	return func(p *player, w []string) error {
		n, err := p.on(w, 3)
		if err != nil {
			return err
		}
		l := simulate.Line{Rule: rule, Family: familyOf(w[2]), Text: strings.Join(words(rule, w[2]), " ")}
		switch w[1] {
		case "add":
			n.AddLine(l)
		case "del":
			n.RemoveLine(l, false)
		default:
			return fmt.Errorf("a line is added or deleted, not %q", w[1])
		}
		return nil
	}
}
