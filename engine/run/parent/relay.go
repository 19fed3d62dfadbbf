// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
)

// relay spreads a worker's events. The observe role's own go to everybody but
// itself: it has told its readers already.
func (p *Loop) relay(w *worker, f *ipc.Frame) {
	switch w.role {
	case event.RoleVRRP:
		p.holes(w, f)
		p.masters(f.Events)
	case event.RoleBFD:
		p.holes(w, f)
		p.verdicts(f.Events)
	case event.RoleCheck:
		p.holes(w, f)
		p.pool(f.Events)
	case event.RoleParent, event.RoleObserve:
	}
	if w.role != event.RoleObserve {
		p.spread(f.Events)
		return
	}
	for i := range f.Events {
		p.ledger.Apply(&f.Events[i])
	}
	v := p.ledger.View()
	for _, r := range p.o.Readers {
		r.Events(v, f.Events)
	}
}

// holes looks for numbers that are missing, and asks for a snapshot if so.
func (p *Loop) holes(w *worker, f *ipc.Frame) {
	missing, torn := int64(0), false
	for i := range f.Events {
		e := &f.Events[i]
		if e.Seq == 0 {
			continue
		}
		want := p.seen[e.Epoch] + 1
		p.seen[e.Epoch] = e.Seq
		first := e.Seq
		if e.Kind == event.LinkGap && e.Count > 0 {
			torn = true
			first = e.Seq - uint64(e.Count) + 1
		}
		if first > want {
			missing += int64(first - want)
		}
	}
	if missing > 0 {
		p.publish(&event.Event{
			Kind: event.LinkGap, Subject: w.subject(), Reason: event.FailOverflow, Count: missing,
			Detail: "numbers were missing from the stream of events",
		})
	}
	if missing > 0 || torn {
		w.run.Link.Send(ipc.Frame{Type: ipc.SnapshotPlease})
	}
}

// tallies folds counters and passes them on.
func (p *Loop) tallies(f *ipc.Frame) {
	for i := range f.Tallies {
		p.ledger.Tally(f.Epoch, &f.Tallies[i])
	}
	if f.Router != nil {
		p.ledger.Router(f.Epoch, f.Router)
	}
	for i := range f.BFD {
		p.ledger.BFD(f.Epoch, &f.BFD[i])
	}
	if w := p.workers[event.RoleObserve]; w != nil && w.phase == active {
		if len(f.BFD) > 0 {
			w.run.Link.Send(ipc.Frame{Type: ipc.Tallies, Epoch: f.Epoch, BFD: f.BFD})
			return
		}
		w.run.Link.Tally(f.Epoch, f.Tallies, f.Router)
	}
}

// please passes a request of the observe role on to those who count. The
// answer goes back when all of them have answered.
func (p *Loop) please(from *worker, f *ipc.Frame) {
	if from.role != event.RoleObserve {
		return // nobody else asks
	}
	asked := 0
	for _, role := range []event.Role{event.RoleBFD, event.RoleVRRP, event.RoleCheck} {
		if w := p.workers[role]; w != nil && w.phase == active {
			w.run.Link.Send(ipc.Frame{Type: f.Type, ID: f.ID})
			asked++
		}
	}
	switch {
	case f.ID == 0 || f.Type != ipc.TallyPlease:
	case asked == 0:
		from.run.Link.Send(ipc.Frame{Type: ipc.Result, ID: f.ID, Name: role.ResultTally, Error: "nobody who counts is there"})
	default:
		if len(p.shares) >= sharesMost {
			clear(p.shares) // a worker that was asked is gone
		}
		p.shares[f.ID] = asked
	}
}

// sharesMost bounds the requests that were never answered.
const sharesMost = 256

// result is the answer to something that was asked of a worker.
func (p *Loop) result(_ *worker, f *ipc.Frame) {
	if sig, ok := p.dumps[f.ID]; ok {
		delete(p.dumps, f.ID)
		p.o.Dump(sig, p.ledger.View())
		return
	}
	if p.shares[f.ID] > 1 {
		p.shares[f.ID]--
		return
	}
	delete(p.shares, f.ID)
	if w := p.workers[event.RoleObserve]; w != nil && w.phase == active && f.ID&ownID == 0 {
		if p.o.Exits != nil {
			f.Body = p.o.Exits()
		}
		w.run.Link.Send(*f)
		return
	}
	f.Drop()
}

// command runs a request of the observe role; only the names in
// Options.Commands exist.
func (p *Loop) command(f *ipc.Frame) {
	switch f.Name {
	case CommandReload:
		p.askedBy(f)
		p.askingNext = append(p.askingNext, f.ID)
		p.reload()
	case CommandWeight:
		p.weigh(f)
	case CommandSet:
		p.set(f)
	case CommandGarp:
		p.garp(f)
	case CommandTable:
		p.table(f)
	case CommandRunning:
		p.running(f)
	default:
		p.option(f)
	}
}

// option runs a command of Options.Commands, if there is one of that name.
func (p *Loop) option(f *ipc.Frame) {
	run := p.o.Commands[f.Name]
	id, name, body := f.ID, f.Name, f.Body
	if run == nil {
		p.answer(ipc.Frame{Type: ipc.Result, ID: id, Name: name, Error: fmt.Sprintf("no command %q", name)})
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), prepareTime)
		defer cancel()
		a := run(ctx, body)
		out := ipc.Frame{Type: ipc.Result, ID: id, Name: name, Body: a.Body}
		if a.Err != nil {
			out.Error = a.Err.Error()
		}
		for _, file := range a.Files {
			if fd, err := ipc.Dup(file); err == nil {
				out.FDs = append(out.FDs, fd)
			} else {
				out.Error = err.Error()
			}
			file.Close()
		}
		select {
		case p.answers <- out:
		case <-p.done:
			out.Drop()
		}
	}()
}

// CommandGarp has an instance announce its addresses once more; the body is its name.
const CommandGarp = "garp"

func (p *Loop) garp(f *ipc.Frame) {
	out := ipc.Frame{Type: ipc.Result, ID: f.ID, Name: f.Name}
	var name string
	if err := json.Unmarshal(f.Body, &name); err != nil {
		out.Error = fmt.Sprintf("name of an instance: %v", err)
	}
	p.give(event.RoleVRRP, ipc.Frame{Type: ipc.Input, Ran: &ipc.Ran{Object: event.Subject{Kind: event.SubjectInstance, Name: name}}})
	p.answer(out)
}

func (p *Loop) answer(f ipc.Frame) {
	if w := p.workers[event.RoleObserve]; w != nil && w.phase == active {
		w.run.Link.Send(f)
		return
	}
	f.Drop()
}

// retell gives a new vrrp role the newest verdict on everything it follows.
func (p *Loop) retell(w *worker) {
	for _, in := range p.last {
		w.run.Link.Send(in)
	}
}

// replay tells a new observe role the events that no predecessor acknowledged.
func (p *Loop) replay(w *worker) {
	es, lost := p.journal.replay()
	if lost > 0 {
		gap := event.Event{Kind: event.LinkGap, Subject: w.subject(), Reason: event.FailOverflow, Count: lost}
		p.publish(&gap) // it goes behind the others in the journal
		es, _ = p.journal.replay()
	}
	w.run.Link.Publish(es)
}
