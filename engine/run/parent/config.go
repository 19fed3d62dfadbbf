// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
)

// prepareTime is how long a worker may take to prepare a generation.
const prepareTime = 30 * time.Second

// patient is how long nobody wonders about that.
const patient = 5 * time.Second

// trial is a generation on its way into force: every worker has to say that
// it can, before anyone is told to.
type trial struct {
	gen      *Generation
	waiting  map[event.Role]bool
	started  event.Instant
	deadline time.Time
	// drafted says that the check role looks into it already.
	drafted bool
	// wondered says that it was told who is waited for, replaced that those were
	// ended and started anew.
	wondered, replaced bool
}

func (t *trial) missing() string {
	var names []string
	for r := range t.waiting {
		names = append(names, r.String())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// wonder tells, once, who has not answered yet and how far it has come.
func (p *Loop) wonder() {
	t := p.trying
	t.wondered = true
	p.tell("STATUS=waiting for " + t.missing())
	for role := range t.waiting {
		w := p.workers[role]
		detail := "it was started, and has not been heard of"
		if w.epoch != 0 {
			detail = "it has been heard of, and has not prepared the configuration yet"
		}
		p.publish(&event.Event{
			Kind: event.Stalled, Subject: w.subject(), Reason: event.FailTimeout, Took: p.o.Clock.Now().Sub(t.started), Detail: detail,
		})
	}
}

// expire ends the waiting for a trial. At the start there is no configuration to
// go back to, so those who do not answer are replaced, once. They are asked to
// say where they are (SIGABRT) before they are killed.
func (p *Loop) expire() {
	t := p.trying
	if p.gen != nil || t.gen == nil || t.replaced {
		p.reject("no answer from " + t.missing() + " in time")
		return
	}
	t.replaced, t.wondered, t.deadline = true, false, time.Now().Add(prepareTime)
	for role := range t.waiting {
		w := p.workers[role]
		if !w.alive() {
			continue
		}
		w.last, w.replacing = time.Now().Add(lastWords), true
		if err := w.run.Signal(syscall.SIGABRT); err != nil {
			p.kill(w)
		}
	}
}

// lastWords is how long a worker that does not answer may take to say where it is.
const lastWords = 2 * time.Second

type loadResult struct {
	gen     *Generation
	err     error
	started event.Instant
}

// reload reads the configuration anew, while everything goes on.
func (p *Loop) reload() {
	if p.stopping {
		return
	}
	if p.trying != nil {
		p.again = true
		return
	}
	p.asking, p.askingNext = p.askingNext, nil
	p.by, p.byNext = p.byNext, ""
	p.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", int64(p.o.Clock.Now())/1000))
	p.trying = &trial{started: p.o.Clock.Now(), deadline: time.Now().Add(prepareTime)}
	started := p.trying.started
	go func() {
		gen, err := p.o.Load()
		select {
		case p.loaded <- loadResult{gen, err, started}:
		case <-p.done:
		}
	}()
}

func (p *Loop) loadedOne(l loadResult) {
	if p.stopping || p.trying == nil || p.trying.gen != nil || p.trying.started != l.started {
		return // it came after its time
	}
	if l.err != nil {
		p.reject(l.err.Error())
		return
	}
	p.try(l.gen, l.started)
}

// try asks every worker to prepare a generation.
func (p *Loop) try(g *Generation, started event.Instant) {
	p.numbers++
	g.Number = p.numbers
	drafted := p.trying != nil && p.trying.drafted
	p.trying = &trial{gen: g, drafted: drafted, waiting: make(map[event.Role]bool), started: started, deadline: time.Now().Add(prepareTime)}
	if err := g.seal(); err != nil {
		p.reject(err.Error())
		return
	}
	for _, role := range g.Roles {
		w := p.workers[role]
		if w == nil {
			w = &worker{role: role}
			p.workers[role] = w
		}
		p.trying.waiting[role] = true
		if !w.alive() {
			w.again = time.Time{}
			p.launch(w, g)
		} else if err := p.send(w, g); err != nil {
			p.reject(err.Error())
		}
		if p.trying == nil || p.stopping {
			return
		}
	}
	p.settled()
}

// send asks one worker to prepare g.
func (p *Loop) send(w *worker, g *Generation) error {
	f, err := g.prepare(w.role)
	if err != nil {
		return err
	}
	w.run.Link.Send(f)
	return nil
}

// prepared takes a worker's answer to Prepare.
func (p *Loop) prepared(w *worker, f *ipc.Frame) {
	if p.stopping {
		return // nothing comes into force any more
	}
	if p.trying != nil && p.trying.gen != nil && f.Gen == p.trying.gen.Number {
		if f.Error != "" {
			p.reject(f.Error)
			return
		}
		delete(p.trying.waiting, w.role)
		if w.phase == preparing {
			w.phase = standing
		}
		p.settled()
		return
	}
	// A worker that was restarted and prepared what is already in force.
	if w.phase != preparing || p.gen == nil || f.Gen != p.gen.Number {
		return
	}
	if f.Error != "" {
		p.publish(&event.Event{
			Kind: event.ConfigRejected, Subject: p.subject(), Reason: event.FailInvalid, Count: int64(f.Gen),
			Detail: fmt.Sprintf("%s: %s", w.role, f.Error),
		})
		p.kill(w)
		return
	}
	w.phase = standing
	p.commit(w)
}

// settled puts the generation into force once everybody is ready.
func (p *Loop) settled() {
	t := p.trying
	if t == nil || t.gen == nil || len(t.waiting) > 0 {
		return
	}
	p.trying = nil
	old := p.gen
	p.gen = t.gen
	if p.gen.Rows != nil {
		p.gen.rows = p.gen.Rows(p.gen.Number)
	}
	p.ledger.Rows(p.gen.rows)
	p.unset()
	if p.gen.Apply != nil {
		p.gen.Apply()
	}
	p.cause = p.publish(&event.Event{
		Kind: event.ConfigLoaded, Subject: p.subject(), To: event.Up, Count: int64(p.gen.Number),
		Took: p.o.Clock.Now().Sub(t.started), Detail: p.told(p.gen.Name),
	})
	// The addresses first, then those who watch.
	for _, role := range p.gen.Roles {
		p.commit(p.workers[role])
	}
	p.outcome("")
	p.retire()
	p.follow()
	p.programs.use(p.gen.Programs)
	if old != nil {
		old.close()
	}
	p.ended()
}

// retire ends the workers that the generation in force does not need.
func (p *Loop) retire() {
	for role, w := range p.workers {
		if slices.Contains(p.gen.Roles, role) {
			continue
		}
		w.again = time.Time{}
		if w.alive() {
			w.asked = true
			if role == event.RoleCheck && w.phase == active {
				// Nothing to check is still a configuration: what goes is told of.
				w.run.Link.Send(ipc.Frame{Type: ipc.Commit, Ref: p.cause})
			}
			w.run.Link.Send(ipc.Frame{Type: ipc.Bye})
		}
	}
}

// reject gives a generation up: nothing changes.
func (p *Loop) reject(why string) {
	t := p.trying
	p.trying = nil
	p.noDraft(t)
	e := event.Event{
		Kind: event.ConfigRejected, Subject: p.subject(), Reason: event.FailInvalid,
		Took: p.o.Clock.Now().Sub(t.started), Detail: p.told(why),
	}
	if t.gen != nil {
		e.Count = int64(t.gen.Number)
		e.Subject.Name = t.gen.Name
		if t.gen.Drop != nil {
			t.gen.Drop()
		}
		t.gen.close()
	}
	p.publish(&e)
	p.outcome(why)
	if p.gen == nil {
		// The first one: there is nothing to go on with.
		p.fail(ExitConfig)
		return
	}
	// Those who were started with it take the one in force instead.
	for _, w := range p.workers {
		if w.alive() && w.phase < active && t.gen != nil {
			w.phase = preparing
			if err := p.send(w, p.gen); err != nil {
				p.kill(w)
			}
		}
	}
	p.ended()
}

// ended finishes a reload, and begins the next if one was asked for meanwhile.
func (p *Loop) ended() {
	p.tell("READY=1")
	p.ready, p.beat = true, time.Now()
	if p.again {
		p.again = false
		p.reload()
	}
}

// CommandReload asks for the configuration to be read anew; the answer comes
// when it is in force or refused.
const CommandReload = "reload"

// outcome answers those who asked for the reload that has ended.
func (p *Loop) outcome(problem string) {
	for _, id := range p.asking {
		p.answer(ipc.Frame{Type: ipc.Result, ID: id, Name: CommandReload, Error: problem})
	}
	p.asking = nil
}

func (p *Loop) subject() event.Subject {
	s := event.Subject{Kind: event.SubjectConfig}
	if p.gen != nil {
		s.Name = p.gen.Name
	}
	return s
}

// fail ends the parent with a status.
func (p *Loop) fail(status int) {
	p.stopping = true
	if p.status == 0 {
		p.status = status
	}
}
