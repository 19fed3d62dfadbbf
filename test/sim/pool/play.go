// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"os"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/test/sim/transcript"
)

// Result is what a transcript led to.
type Result struct {
	// Text is the transcript with what happened written anew.
	Text string
	// Events is the stream of all processes, in order, stamped with Wall.
	Events []event.Event
	// Counters and Rows are those at the end; empty if no process runs.
	Counters event.Counters
	Rows     []event.Row
	// Now is the time at the end, and Start that at the beginning.
	Start, Now event.Instant
}

// Run plays the transcript of a file.
func Run(path string) (*Result, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := Play(string(src))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Play plays a transcript. The lines that say what happened are not read.
func Play(src string) (*Result, error) {
	p := newPlayer()
	if err := transcript.Each(src, p.line); err != nil {
		return nil, err
	}
	p.flush()
	if p.world.life == 0 {
		return nil, fmt.Errorf("nothing happens")
	}
	return p.result(), nil
}

// player plays one transcript.
type player struct {
	plan  plan
	world *World
	page  transcript.Page
}

func newPlayer() *player { return &player{world: newWorld()} }

// line plays one line.
func (p *player) line(line string) error {
	words := p.page.Command(line, &p.world.log.lines)
	if len(words) == 0 {
		return nil
	}
	return p.command(words)
}

// flush writes what has happened since the last block.
func (p *player) flush() { p.page.Flush(&p.world.log.lines) }

// command plays one command.
func (p *player) command(words []string) error {
	if known, err := p.plan.describe(words); known || err != nil {
		return err
	}
	do, early := before[words[0]], true
	if do == nil {
		do, early = commands[words[0]], false
	}
	if do == nil {
		return fmt.Errorf("no command is called %q", words[0])
	}
	if !early && p.world.life == 0 {
		if err := p.start(nil); err != nil {
			return err
		}
	}
	args := make([]string, 4)
	copy(args, words[1:])
	if err := do(p, args); err != nil {
		return err
	}
	if p.world.life > 0 {
		p.world.run(0)
	}
	return p.world.err
}

// start begins a process with the settings as they are described now.
func (p *player) start(resume []health.Resume) error {
	set, err := p.plan.settings()
	if err != nil {
		return err
	}
	p.world.start(set, resume)
	p.world.run(0)
	return nil
}

// result collects what was said.
func (p *player) result() *Result {
	w := p.world
	r := &Result{Text: p.page.String(), Events: w.events, Start: epoch, Now: w.now}
	if w.pool != nil {
		w.pool.Counters(w.now, &r.Counters)
		for from, more := 0, true; more; {
			r.Rows, from, more = w.pool.Rows(from, 3, r.Rows)
		}
	}
	return r
}
