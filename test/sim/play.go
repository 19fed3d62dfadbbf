// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"os"
	"slices"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/test/sim/transcript"
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
	if err := transcript.Each(src, p.line); err != nil {
		return nil, err
	}
	p.flush()
	if p.world == nil {
		return nil, fmt.Errorf("nothing happens")
	}
	return p.result(), nil
}

// player plays one transcript.
type player struct {
	plan  plan
	world *simulate.World
	page  transcript.Page
	trace bool
	// quiet drops all text, for runs by the thousand.
	quiet bool
	log   log
	// heard is told of every event, if somebody wants to know at once.
	heard func(*simulate.Node, *event.Event)
}

func newPlayer() *player { return &player{plan: plan{common: options{}}} }

// line plays one line.
func (p *player) line(line string) error {
	words := p.page.Command(line, &p.log.lines)
	if len(words) == 0 {
		return nil
	}
	return p.command(words)
}

// flush writes what has happened since the last block.
func (p *player) flush() { p.page.Flush(&p.log.lines) }

// command plays one command.
func (p *player) command(words []string) error {
	if words[0] == "trace" {
		p.trace = true
		if p.world != nil {
			p.log.trace = len(words) < 2 || words[1] != "off"
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
	p.world.Flush()
	if p.world.Stuck {
		return fmt.Errorf("an endless exchange at %v", p.world.Now.Sub(simulate.Epoch))
	}
	return nil
}

// early changes a host before its router is started: "host a eth0 none" takes
// its addresses, "host a eth0 down|gone" its link, "host a eth0 PREFIX" adds.
func (p *player) early(words []string) error {
	if err := p.build(); err != nil {
		return err
	}
	n := p.world.Node(words[0])
	if n == nil {
		return fmt.Errorf("no router is called %s", words[0])
	}
	l := n.Kernel.Links[words[1]]
	switch words[2] {
	case "none":
		l.Addrs = nil
	case "down", "gone":
		return n.SetLink(words[1], words[2])
	default:
		a, err := prefix(words[2])
		l.Addrs = append(l.Addrs, a)
		return err
	}
	return nil
}

// build makes the world, once.
func (p *player) build() error {
	if p.world != nil {
		return nil
	}
	w, err := p.plan.build()
	if err != nil {
		return err
	}
	p.log.trace, p.log.off = p.trace, p.quiet
	w.Heard = func(n *simulate.Node, e *event.Event) {
		p.log.event(w, n, e)
		if p.heard != nil {
			p.heard(n, e)
		}
	}
	w.Did = func(n *simulate.Node, a *vrrp.Action) { p.log.action(w, n, a) }
	p.world = w
	return nil
}

// begin starts all routers that were never started.
func (p *player) begin() error {
	if err := p.build(); err != nil {
		return err
	}
	for _, n := range p.world.Nodes {
		if n.Epoch == 0 {
			s, err := p.plan.settings(n.Name)
			if err != nil {
				return err
			}
			n.Start(s, false)
		}
	}
	return nil
}

// result collects what the routers said.
func (p *player) result() *Result {
	r := &Result{Text: p.page.String(), Start: simulate.Epoch, Now: p.world.Now}
	for _, n := range p.world.Nodes {
		h := Host{Name: n.Name, Events: slices.Concat(n.Before, n.Events)}
		if n.Router != nil {
			h.Tallies = n.Router.Tallies(p.world.Now, nil)
			h.Router = n.Router.RouterTally(p.world.Now)
			h.Rows = n.Router.Rows(nil)
		}
		r.Hosts = append(r.Hosts, h)
	}
	return r
}
