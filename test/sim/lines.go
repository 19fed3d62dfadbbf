// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/vrrp"
)

// line is a route or rule of a host.
type line struct {
	rule   bool
	family uint8
	text   string
}

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

// addLine adds a route or rule to a host and tells the router, as the kernel does.
func (n *Node) addLine(l line) bool {
	if slices.Contains(n.kernel.lines, l) {
		return false
	}
	if dev := l.dev(); dev != "" && (n.kernel.links[dev] == nil || !n.kernel.links[dev].up) {
		return false
	}
	n.kernel.lines = append(n.kernel.lines, l)
	n.tell(vrrp.Entry{Rule: l.rule, Family: l.family, Text: l.text, Present: true})
	return true
}

// removeLine removes one; what the router removes itself it is not told of.
func (n *Node) removeLine(l line, ours bool) {
	if !slices.Contains(n.kernel.lines, l) {
		return
	}
	n.kernel.lines = slices.DeleteFunc(n.kernel.lines, func(x line) bool { return x == l })
	if !ours {
		n.tell(vrrp.Entry{Rule: l.rule, Family: l.family, Text: l.text})
	}
}

func (l *line) dev() string {
	_, dev, _ := strings.Cut(l.text, " dev ")
	return dev
}

// forget removes in silence the routes of an interface that is down.
func (k *kernel) forget(dev string) {
	k.lines = slices.DeleteFunc(k.lines, func(l line) bool { return l.dev() == dev })
}

// lines does an action to the routes and rules that belong to it.
func (n *Node) lines(a *vrrp.Action, s *vrrp.InstanceSettings, all *vrrp.Settings, d *vrrp.Done) {
	routes, rules := a.OnlyRoutes, a.OnlyRules
	switch {
	case a.Part:
	case s != nil:
		routes, rules = s.Routes, s.Rules
	case all != nil:
		routes, rules = all.StaticRoutes, all.StaticRules
	}
	var list []line
	for _, r := range routes {
		list = append(list, line{false, r.Family, strings.Join(r.Words, " ")})
	}
	for _, r := range rules {
		list = append(list, line{true, r.Family, strings.Join(r.Words, " ")})
	}
	for _, l := range list {
		if a.Kind == vrrp.Disown {
			n.removeLine(l, true)
		} else if !n.addLine(l) && !slices.Contains(n.kernel.lines, l) {
			d.Failed++
			d.Detail = "add route " + l.text + ": network is down"
		}
	}
}

// line adds or removes a route or rule of a host as somebody else does.
func lineCommand(rule bool) func(p *player, w []string) error {
	return func(p *player, w []string) error {
		n, err := p.on(w, 3)
		if err != nil {
			return err
		}
		l := line{rule, familyOf(w[2]), strings.Join(words(rule, w[2]), " ")}
		switch w[1] {
		case "add":
			n.addLine(l)
		case "del":
			n.removeLine(l, false)
		default:
			return fmt.Errorf("a line is added or deleted, not %q", w[1])
		}
		return nil
	}
}
