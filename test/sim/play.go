// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/event"
)

// Result is what a transcript led to.
type Result struct {
	// Text is the transcript with what happened written anew.
	Text string
	// Hosts are the routers, in the order of the transcript.
	Hosts []Host
	// Now is the time at the end, and Start that at the beginning.
	Start, Now event.Instant
}

// Host is what one router said.
type Host struct {
	Name string
	// Events is the stream of all its processes, in order, stamped with Wall.
	Events []event.Event
	// Tallies, Router and Rows are those at the end; empty if no process runs.
	Tallies []event.Tally
	Router  event.RouterTally
	Rows    []event.Row
}

// Host returns the router of a name.
func (r *Result) Host(name string) (*Host, bool) {
	for i := range r.Hosts {
		if r.Hosts[i].Name == name {
			return &r.Hosts[i], true
		}
	}
	return nil, false
}

// Run plays the transcript of a file and returns what one of its routers said
// (the first if host is empty).
func Run(path, host string) ([]event.Event, []event.Tally, []event.Row, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := Play(string(src))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	h := &r.Hosts[0]
	if host != "" {
		var ok bool
		if h, ok = r.Host(host); !ok {
			return nil, nil, nil, fmt.Errorf("%s has no router %s", path, host)
		}
	}
	return h.Events, h.Tallies, h.Rows, nil
}

// Play plays a transcript. The lines that say what happened are not read.
func Play(src string) (*Result, error) {
	p := newPlayer()
	for i, text := range strings.Split(strings.TrimRight(src, "\n"), "\n") {
		if isOutput(text) {
			continue
		}
		if err := p.line(text); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", i+1, text, err)
		}
	}
	p.flush()
	if p.world == nil {
		return nil, fmt.Errorf("nothing happens")
	}
	return p.result(), nil
}

// isOutput tells the lines that were written from those that are commands.
func isOutput(line string) bool { return line != "" && line[0] >= '0' && line[0] <= '9' }

// player plays one transcript.
type player struct {
	plan  plan
	world *World
	out   strings.Builder
	trace bool
	// ended says that the dashes of this block were written.
	ended bool
	// quiet drops all text, for runs by the thousand.
	quiet bool
}

func newPlayer() *player { return &player{plan: plan{common: options{}}} }

// line plays one line.
func (p *player) line(text string) error {
	if text == "----" {
		p.flush()
		return nil
	}
	p.flush()
	p.ended = false
	fmt.Fprintln(&p.out, text)
	command, _, _ := strings.Cut(text, "#")
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil
	}
	return p.command(words)
}

// flush writes what has happened since the last block.
func (p *player) flush() {
	if p.world == nil || len(p.world.log.lines) == 0 {
		return
	}
	if !p.ended {
		p.out.WriteString("----\n")
		p.ended = true
	}
	for _, l := range p.world.log.lines {
		fmt.Fprintln(&p.out, l)
	}
	p.world.log.lines = p.world.log.lines[:0]
}

// command plays one command.
func (p *player) command(words []string) error {
	if words[0] == "trace" {
		p.trace = true
		if p.world != nil {
			p.world.log.trace = len(words) < 2 || words[1] != "off"
		}
		return nil
	}
	if p.world == nil || words[0] == "group" || words[0] == "instance" {
		known, err := p.plan.setup(words)
		if known || err != nil {
			return err
		}
	}
	if words[0] == "host" {
		return p.early(words[1:])
	}
	if err := p.begin(); err != nil {
		return err
	}
	do := commands[words[0]]
	if do == nil {
		return fmt.Errorf("no command is called %q", words[0])
	}
	if err := do(p, words[1:]); err != nil {
		return err
	}
	p.world.flush()
	if p.world.stuck {
		return fmt.Errorf("an endless exchange at %v", p.world.now.Sub(epoch))
	}
	return nil
}

// early changes a host before its router is started: "host a eth0 none" takes
// its addresses, "host a eth0 down|gone" its link, "host a eth0 PREFIX" adds.
func (p *player) early(words []string) error {
	if p.world == nil {
		w, err := p.plan.build()
		if err != nil {
			return err
		}
		w.log.trace, w.log.off = p.trace, p.quiet
		p.world = w
	}
	n := p.world.node(words[0])
	if n == nil {
		return fmt.Errorf("no router is called %s", words[0])
	}
	l := n.kernel.links[words[1]]
	switch words[2] {
	case "none":
		l.addrs = nil
	case "down", "gone":
		return n.setLink(words[1], words[2])
	default:
		a, err := prefix(words[2])
		l.addrs = append(l.addrs, a)
		return err
	}
	return nil
}

// begin starts all routers that were never started.
func (p *player) begin() error {
	if p.world == nil {
		w, err := p.plan.build()
		if err != nil {
			return err
		}
		w.log.trace, w.log.off = p.trace, p.quiet
		p.world = w
	}
	for _, n := range p.world.nodes {
		if n.epoch == 0 {
			s, err := p.plan.settings(n.name)
			if err != nil {
				return err
			}
			n.start(s, false)
		}
	}
	return nil
}

// result collects what the routers said.
func (p *player) result() *Result {
	r := &Result{Text: p.out.String(), Start: epoch, Now: p.world.now}
	for _, n := range p.world.nodes {
		h := Host{Name: n.name, Events: slices.Concat(n.before, n.events)}
		if n.router != nil {
			h.Tallies = n.router.Tallies(p.world.now, nil)
			h.Router = n.router.RouterTally(p.world.now)
			h.Rows = n.router.Rows(nil)
		}
		r.Hosts = append(r.Hosts, h)
	}
	return r
}
