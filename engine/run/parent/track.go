// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"fmt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/track"
)

// watching drives the trackers beside the parent's loop: ending a program may
// take seconds, and the loop must not wait for that.
type watching struct {
	// wanted holds the newest settings; closing it ends the trackers.
	wanted chan *track.Settings
	faults chan error
	ended  chan struct{}
}

func newWatching(p *Loop) *watching {
	w := &watching{wanted: make(chan *track.Settings, 1), faults: make(chan error, 1), ended: make(chan struct{})}
	set := p.o.Watch(func(r track.Report) {
		select {
		case p.reports <- r:
		case <-p.done:
		}
	})
	go func() {
		defer close(w.ended)
		for s := range w.wanted {
			if err := set.Configure(s); err != nil {
				select {
				case w.faults <- err:
				case <-p.done:
				}
			}
		}
		set.Close()
	}()
	return w
}

// follow goes over to what the generation in force wants watched, and forgets
// verdicts on what it does not.
func (p *Loop) follow() {
	t := &p.gen.Track
	select {
	case <-p.watch.wanted: // overtaken
	default:
	}
	p.watch.wanted <- t
	kept := map[event.Subject]ipc.Frame{}
	keep := func(kind event.SubjectKind, name string) {
		s := event.Subject{Kind: kind, Name: name}
		if f, ok := p.last[s]; ok {
			kept[s] = f
		}
	}
	for i := range t.Scripts {
		keep(event.SubjectScript, t.Scripts[i].Name)
	}
	for i := range t.Files {
		keep(event.SubjectFile, t.Files[i].Name)
	}
	for i := range t.Processes {
		keep(event.SubjectProcess, t.Processes[i].Name)
	}
	for _, name := range p.gen.Sessions {
		keep(event.SubjectBFD, name)
	}
	for _, name := range p.gen.Services {
		keep(event.SubjectVirtualServer, name)
	}
	p.last = kept
}

// report takes what a tracker found to the vrrp role.
func (p *Loop) report(r track.Report) {
	f := ipc.Frame{Type: ipc.Input, Ran: &ipc.Ran{
		Object: r.Subject, Status: r.Status, Reason: r.Reason, Took: r.Took, Detail: r.Detail, Value: r.Value,
	}}
	if r.Run {
		e := event.Event{
			Kind: event.ExecDone, Subject: r.Subject, Reason: r.Reason, Count: int64(r.Status), Took: r.Took, Detail: r.Detail,
		}
		if r.Skipped > 0 {
			e.Detail = fmt.Sprintf("%d runs skipped, the one before still went on; %s", r.Skipped, r.Detail)
		}
		f.Ref = p.publish(&e)
		if r.Reason == event.FailSignal {
			f.Ran.Signal = r.Status
		}
	}
	p.last[r.Subject] = f
	p.give(event.RoleVRRP, f)
	if r.Subject.Kind == event.SubjectFile {
		p.give(event.RoleCheck, f)
	}
}
