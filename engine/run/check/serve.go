// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
)

// Worker is the loop as this role drives it: Loop.
type Worker interface {
	Run(ctx context.Context) error
	Configure(c *health.Configure)
	Input(in health.Input)
	Ran(id uint64, r *ipc.Ran)
	Stop()
	Counters(give func(*event.Counters))
	Snapshot(give func(es []event.Event, final bool))
	Rows(give func(rows []event.Row, final bool))
	Table(give func(health.Table, error))
}

// Loaded is a generation that was parsed.
type Loaded struct {
	Settings *health.Settings
	// Describe fills in what only the configuration knows of rows.
	Describe func([]event.Row)
	// KeepTable is -I.
	KeepTable bool
}

// Options is what Serve needs from outside.
type Options struct {
	// Open makes the loop: New, with a Plane.
	Open func(LoopOptions) (Worker, error)
	// Load parses a generation. Draft, if there is one, does as much of that as it can before there is a generation; Load
	// is given what it made.
	Load  func(p *role.Prepared) (*Loaded, error)
	Draft func(image []byte) any
	// Entropy spreads the first checks.
	Entropy func() uint64
	// Denied is what the kernel refused before the loop was opened.
	Denied []error
	// Settled is called in a goroutine of its own when a generation is in force and what was needed for it is not any
	// more; nil for nothing.
	Settled func()
}

// server is the role.
type server struct {
	o     Options
	link  *ipc.Link
	loop  Worker
	own   *role.Producer
	epoch uint64
	// ready are the generations that wait for their Commit.
	ready map[int]*Loaded
	// draft is what was made of a text that may become a generation.
	draft  any
	sketch []byte // the text
	resume []health.Resume
	// described counts configurations, as the pool does.
	described uint64
}

// Serve is the check role: a loop behind its end of a link.
func Serve(ctx context.Context, link *ipc.Link, o Options) error {
	defer link.Close()
	s := &server{
		o: o, link: link, own: role.NewProducer(event.RoleCheck, role.SystemClock()),
		epoch: role.NewProducer(event.RoleCheck, role.SystemClock()).Epoch(), ready: map[int]*Loaded{},
	}
	link.Send(ipc.Frame{Type: ipc.Hello, Protocol: ipc.Protocol, Role: event.RoleCheck, Epoch: s.epoch})
	for _, err := range o.Denied {
		s.denied(err)
	}
	loop, err := o.Open(LoopOptions{
		Epoch: s.epoch, Publish: link.Publish, Trouble: s.denied,
		Exec:   func(id uint64, name string) { link.Send(ipc.Frame{Type: ipc.Exec, ID: id, Name: name}) },
		Forget: func(id uint64) { link.Send(ipc.Frame{Type: ipc.Exec, ID: id}) },
	})
	if err != nil {
		return fmt.Errorf("open the check loop: %w", err)
	}
	s.loop = loop
	return role.Attend(ctx, link, event.RoleCheck, loop, s.hear)
}

// denied says what the kernel refused. It is called by one goroutine at a time: before the loop runs, and by it.
func (s *server) denied(err error) {
	e := event.Event{
		Kind: event.PrivilegeDenied, Subject: event.Subject{Kind: event.SubjectWorker, Name: event.RoleCheck.String()},
		Reason: event.FailPermission, Detail: err.Error(),
	}
	s.own.Stamp(&e)
	s.link.Publish([]event.Event{e})
}

func (s *server) hear(f *ipc.Frame) error {
	switch f.Type {
	case ipc.Hello:
	case ipc.Prepare:
		if f.Gen == 0 {
			return s.takeDraft(f)
		}
		s.prepare(f)
	case ipc.Commit:
		s.commit(f)
	case ipc.Input:
		s.input(f)
	case ipc.ExecDone:
		if f.Ran != nil {
			s.loop.Ran(f.ID, f.Ran)
		}
	case ipc.TallyPlease:
		s.tallies(f.ID)
	case ipc.SnapshotPlease:
		s.loop.Snapshot(func(es []event.Event, final bool) {
			s.link.Send(ipc.Frame{Type: ipc.Events, Snapshot: true, Final: final, Events: append([]event.Event(nil), es...)})
		})
	case ipc.Command:
		return s.command(f)
	case ipc.Bye:
		s.loop.Stop()
	case ipc.Ready, ipc.Events, ipc.Tallies, ipc.Rows, ipc.Exec, ipc.Result, ipc.Ack:
		f.Drop()
		return fmt.Errorf("the parent sent a %s frame", f.Type)
	}
	return nil
}

func (s *server) prepare(f *ipc.Frame) {
	answer := ipc.Frame{Type: ipc.Ready, Gen: f.Gen}
	p, err := role.Unpack(f)
	if err == nil {
		var l *Loaded
		if s.draft != nil && bytes.Equal(p.Image, s.sketch) {
			p.Draft = s.draft
		}
		s.draft, s.sketch = nil, nil
		if l, err = s.o.Load(p); err == nil {
			s.ready[f.Gen] = l
		}
	}
	if err != nil {
		answer.Error = err.Error()
	}
	s.link.Send(answer)
}

// takeDraft looks into what will likely be the next generation. A draft that cannot be read is none.
func (s *server) takeDraft(f *ipc.Frame) (err error) {
	s.draft, s.sketch = nil, nil
	if len(f.FDs) == 0 || s.o.Draft == nil {
		f.Drop()
		return nil
	}
	if s.sketch, err = role.Contents(f); err == nil {
		s.draft = s.o.Draft(s.sketch)
	}
	return err
}

func (s *server) commit(f *ipc.Frame) {
	l := s.ready[f.Gen]
	clear(s.ready) // what was not committed never will be
	if f.Gen == 0 {
		// The generation in force has no servers, and this role ends next: what there is goes first, with a word of each.
		s.loop.Configure(&health.Configure{Settings: &health.Settings{}, Cause: f.Ref})
		return
	}
	if l == nil {
		return
	}
	s.loop.Configure(&health.Configure{Settings: l.Settings, Cause: f.Ref, Entropy: s.o.Entropy(), Resume: s.resume})
	s.resume = nil
	s.described++
	s.describe(f.Gen, l)
}

// describe makes the rows of a generation and sends them in one memory file: with many servers they are megabytes, and
// nobody between here and those who show them has a use for them.
func (s *server) describe(gen int, l *Loaded) {
	most := 1
	for i := range l.Settings.Services {
		most += 2 + len(l.Settings.Services[i].Servers)
	}
	describe := l.Describe
	id := s.described                                  // what the counters call this configuration
	pieces := make(chan []event.Row, 1+most/rowsPiece) // room for all, for the loop must not wait
	s.loop.Rows(func(rows []event.Row, final bool) {
		pieces <- rows
		if final {
			close(pieces)
		}
	})
	go func() {
		if text := s.render(pieces, describe); text != nil {
			s.sendFile(ipc.Frame{Type: ipc.Rows, Gen: gen, ID: id, Role: event.RoleCheck}, text)
		}
		if s.o.Settled != nil {
			s.o.Settled()
		}
	}()
}

// render writes rows as one JSON array; nil if the link ended before the last came.
func (s *server) render(pieces <-chan []event.Row, describe func([]event.Row)) []byte {
	text := []byte{'['}
	for {
		select {
		case <-s.link.Done():
			return nil
		case rows, more := <-pieces:
			if !more {
				return append(text, ']')
			}
			describe(rows)
			for i := range rows {
				b, err := json.Marshal(&rows[i])
				if err != nil {
					continue // a row is made of what can be written
				}
				if len(text) > 1 {
					text = append(text, ',')
				}
				text = append(text, b...)
			}
		}
	}
}

// sendFile sends a frame with a memory file.
func (s *server) sendFile(f ipc.Frame, contents []byte) {
	file, err := proc.Sealed(string(f.Type), contents)
	if err == nil {
		var fd int
		if fd, err = ipc.Dup(file); err == nil {
			f.FDs = []int{fd}
		}
		file.Close()
	}
	if err != nil {
		f.Error = err.Error()
	}
	s.link.Send(f)
}

// input takes what the parent knows and the pool follows.
func (s *server) input(f *ipc.Frame) {
	for _, r := range f.Resume {
		who := event.Subject{Kind: event.SubjectRealServer, Name: r.Name, Sub: r.Sub}
		if r.Sub == "" {
			who.Kind = event.SubjectVirtualServer
		}
		s.resume = append(s.resume, health.Resume{Server: who, State: r.State, Weight: r.Weight, HasWeight: r.HasWeight, Since: r.Since})
	}
	r := f.Ran
	if r == nil {
		return
	}
	switch r.Object.Kind {
	case event.SubjectFile:
		s.loop.Input(health.Value{Object: r.Object.Name, Value: r.Value, Known: r.Reason == event.ReasonNone, Cause: f.Ref})
	case event.SubjectBFD:
		s.loop.Input(health.Session{Object: r.Object.Name, Up: r.Value != 0, Cause: f.Ref})
	case event.SubjectInstance:
		s.loop.Input(health.Master{Instance: r.Object.Name, State: event.State(r.Value), Cause: f.Ref})
	case event.SubjectRealServer:
		s.loop.Input(health.SetWeight{Server: r.Object, Weight: int32(r.Value), Clear: r.Reason != event.ReasonNone, Cause: f.Ref})
	case event.SubjectNone, event.SubjectGroup, event.SubjectInterface, event.SubjectScript, event.SubjectProcess,
		event.SubjectVirtualServer, event.SubjectWorker, event.SubjectConfig,
		event.SubjectChannel, event.SubjectRouter:
	}
}

// tallies sends all counters in one memory file, and under an id that it has.
func (s *server) tallies(id uint64) {
	s.loop.Counters(func(c *event.Counters) {
		const whole = 1 << 30 // one message
		var contents []byte
		c.Append(nil, whole, func(b []byte) { contents = append(contents, b...) })
		s.sendFile(ipc.Frame{Type: ipc.Tallies, Role: event.RoleCheck, Epoch: s.epoch}, contents)
		if id != 0 {
			s.link.Send(ipc.Frame{Type: ipc.Result, ID: id, Name: role.ResultTally})
		}
	})
}

// CommandTable asks for what the data plane has, or would have.
const CommandTable = "ipvs"

// table is the answer to it.
type table struct {
	Services health.Table `json:"services"`
	// Text is the same in the words of ipvsadm -Sn.
	Text string `json:"text"`
}

func (s *server) command(f *ipc.Frame) error {
	f.Drop()
	if f.Name != CommandTable {
		return fmt.Errorf("the parent sent a command %q", f.Name)
	}
	id := f.ID
	s.loop.Table(func(t health.Table, err error) {
		answer := ipc.Frame{Type: ipc.Result, ID: id, Name: CommandTable}
		if err != nil {
			answer.Error = err.Error()
			s.link.Send(answer)
			return
		}
		text, err := json.Marshal(table{t, saved(t)})
		if err != nil {
			answer.Error = err.Error()
		}
		s.sendFile(answer, text)
	})
	return nil
}
