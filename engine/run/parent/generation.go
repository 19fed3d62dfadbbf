// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// Generation is one configuration, ready to be put into force.
type Generation struct {
	// Number counts the generations that were tried, from 1; the parent sets it.
	Number int
	// Name is the file it was read from.
	Name string
	// Image is the consolidated text that every role parses for itself.
	Image []byte
	// Body is what the roles need beside it: the options of the command line.
	Body json.RawMessage
	// Rows describe it, under the number it was given.
	Rows func(number int) []event.Row
	// Track is what the parent watches for the vrrp role.
	Track track.Settings
	// Sessions are the BFD sessions that the bfd role runs, by name.
	Sessions []string
	// Services are the virtual servers that instances follow, by name; Programs
	// are what the check worker may ask to be run.
	Services []string
	Programs []track.ScriptSettings
	// Adverts are the advertisement intervals by instance: how soon a lost
	// worker must be back to resume.
	Adverts map[string]time.Duration
	// Roles are the workers it needs.
	Roles []event.Role
	// StopWait is how long the vrrp role may take to give everything up; 0 means
	// 5 s (compat: child_wait_time).
	StopWait time.Duration
	// Launch is for the Launcher.
	Launch any
	// Listeners are sockets for the observe role, by name; the parent owns them.
	Listeners map[string]*os.File
	// Apply puts the parent's own part into force, Drop gives it up when the
	// generation was refused; nil for none.
	Apply, Drop func()

	// Slim is Image without what the check worker alone needs, for the others; nil
	// if there is no such thing.
	Slim []byte

	image, slim *os.File
	rows        []event.Row
}

// seal puts the image into a memory file that nobody can change.
func (g *Generation) seal() error {
	f, err := proc.Sealed(fmt.Sprintf("generation-%d", g.Number), g.Image)
	if err != nil {
		return err
	}
	g.image = f
	if g.Slim != nil {
		g.slim, err = proc.Sealed(fmt.Sprintf("generation-%d-slim", g.Number), g.Slim)
	}
	return err
}

// imageFor is the text that a role parses.
func (g *Generation) imageFor(who event.Role) *os.File {
	if who != event.RoleCheck && g.slim != nil {
		return g.slim
	}
	return g.image
}

func (g *Generation) close() {
	for _, f := range []**os.File{&g.image, &g.slim} {
		if *f != nil {
			(*f).Close()
			*f = nil
		}
	}
}

// prepare makes the frame that asks a worker to prepare this generation.
func (g *Generation) prepare(who event.Role) (ipc.Frame, error) {
	f := ipc.Frame{Type: ipc.Prepare, Gen: g.Number}
	body := role.Preparation{Options: g.Body}
	fd, err := ipc.Dup(g.imageFor(who))
	if err != nil {
		return f, fmt.Errorf("generation %d: %w", g.Number, err)
	}
	f.FDs = append(f.FDs, fd)
	if who == event.RoleObserve {
		for name, l := range g.Listeners {
			fd, err := ipc.Dup(l)
			if err != nil {
				f.Drop()
				return f, fmt.Errorf("listener %s: %w", name, err)
			}
			f.FDs = append(f.FDs, fd)
			body.Listeners = append(body.Listeners, name)
		}
	}
	f.Body, err = json.Marshal(body)
	if err != nil {
		f.Drop()
		return f, fmt.Errorf("generation %d: %w", g.Number, err)
	}
	return f, nil
}

// Draft hands the check role a text that is about to become a generation, while
// the parent is still looking into it: with thousands of virtual servers to read
// it takes each of them longer than all the rest of a reload. The check role
// makes use of it if the generation that comes has the same text. Draft may be
// called from any goroutine, while a reload goes on.
func (p *Loop) Draft(image []byte) {
	f, err := proc.Sealed("draft", image)
	if err != nil {
		return // time is all that is lost
	}
	select {
	case p.drafts <- f:
	case <-p.done:
		f.Close()
	}
}

// draft passes a draft on: a Prepare of generation 0, which nobody answers.
func (p *Loop) draft(f *os.File) {
	defer f.Close()
	w := p.workers[event.RoleCheck]
	if p.trying == nil || p.trying.gen != nil || w == nil || w.phase != active {
		return
	}
	if fd, err := ipc.Dup(f); err == nil {
		p.trying.drafted = true
		w.run.Link.Send(ipc.Frame{Type: ipc.Prepare, FDs: []int{fd}})
	}
}

// noDraft tells the check role that nothing comes of the draft it has.
func (p *Loop) noDraft(t *trial) {
	if w := p.workers[event.RoleCheck]; t.drafted && w != nil && w.phase == active {
		w.run.Link.Send(ipc.Frame{Type: ipc.Prepare})
	}
}
