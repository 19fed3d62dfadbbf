// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"fmt"
	"slices"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/vrrp"
)

// Router is what the vrrp role asks of its loop: VRRP.
type Router interface {
	Run(ctx context.Context) error
	Configure(c *vrrp.Configure)
	Input(in vrrp.Input)
	Stop()
	Tallies(reply func([]event.Tally, *event.RouterTally))
	Snapshot(reply func([]event.Event))
}

// ServeOptions is what the vrrp role needs from outside.
type ServeOptions struct {
	// Open makes the loop: NewVRRP.
	Open func(VRRPOptions) (Router, error)
	// Load parses a generation.
	Load func(p *role.Prepared) (*vrrp.Settings, error)
	// Denied is what the kernel refused before the loop was opened.
	Denied []error
	// Locked says whether memory is locked.
	Locked bool
}

// server is the vrrp role: the frames of its parent on one side, its loop on
// the other.
type server struct {
	o     ServeOptions
	link  *ipc.Link
	loop  Router
	epoch uint64
	// ready are the generations that wait for their Commit.
	ready map[int]*vrrp.Settings
}

// ServeVRRP is the vrrp role behind its end of a link. It returns when the
// parent said goodbye, is gone, or ctx is done; each time everything was given
// up in order: priority 0 first, then the addresses.
func ServeVRRP(ctx context.Context, link *ipc.Link, o ServeOptions) error {
	defer link.Close()
	own := role.NewProducer(event.RoleVRRP, role.SystemClock())
	s := &server{o: o, link: link, epoch: own.Epoch(), ready: map[int]*vrrp.Settings{}}
	link.Send(ipc.Frame{Type: ipc.Hello, Protocol: ipc.Protocol, Role: event.RoleVRRP, Epoch: s.epoch})
	loop, err := o.Open(VRRPOptions{Epoch: s.epoch, Publish: link.Publish, Lost: link.Lost, Locked: o.Locked})
	if err != nil {
		return fmt.Errorf("open the vrrp loop: %w", err)
	}
	s.loop = loop
	s.denied()
	return role.Attend(ctx, link, event.RoleVRRP, loop, s.hear)
}

// denied says once each what the kernel refused; it goes on without.
func (s *server) denied() {
	if len(s.o.Denied) == 0 {
		return
	}
	own := role.NewProducer(event.RoleVRRP, role.SystemClock())
	for _, err := range s.o.Denied {
		e := event.Event{
			Kind: event.PrivilegeDenied, Subject: event.Subject{Kind: event.SubjectWorker, Name: event.RoleVRRP.String()},
			Reason: event.FailPermission, Detail: err.Error(),
		}
		own.Stamp(&e)
		s.link.Publish([]event.Event{e})
	}
}

// hear dispatches one frame of the parent.
func (s *server) hear(f *ipc.Frame) error {
	switch f.Type {
	case ipc.Hello:
	case ipc.Prepare:
		s.prepare(f)
	case ipc.Commit:
		s.commit(f)
	case ipc.Input:
		if in := input(f); in != nil {
			s.loop.Input(in)
		}
	case ipc.TallyPlease:
		id := f.ID
		s.loop.Tallies(func(ts []event.Tally, r *event.RouterTally) {
			s.link.Tally(s.epoch, ts, r)
			s.link.Send(ipc.Frame{Type: ipc.Result, ID: id, Name: role.ResultTally})
		})
	case ipc.SnapshotPlease:
		s.loop.Snapshot(func(es []event.Event) {
			s.link.Send(ipc.Frame{Type: ipc.Events, Snapshot: true, Final: true, Events: slices.Clone(es)})
		})
	case ipc.Bye:
		s.loop.Stop()
	case ipc.Ready, ipc.Events, ipc.Tallies, ipc.Rows, ipc.Exec, ipc.ExecDone, ipc.Command, ipc.Result, ipc.Ack:
		f.Drop()
		return fmt.Errorf("the parent sent a %s frame", f.Type)
	}
	return nil
}

func (s *server) prepare(f *ipc.Frame) {
	answer := ipc.Frame{Type: ipc.Ready, Gen: f.Gen}
	p, err := role.Unpack(f)
	if err == nil {
		var settings *vrrp.Settings
		if settings, err = s.o.Load(p); err == nil {
			s.ready[f.Gen] = settings
		}
	}
	if err != nil {
		answer.Error = err.Error()
	}
	s.link.Send(answer)
}

func (s *server) commit(f *ipc.Frame) {
	settings := s.ready[f.Gen]
	clear(s.ready) // what was not committed never will be
	if settings == nil {
		return
	}
	c := &vrrp.Configure{Settings: settings, Cause: f.Ref}
	for _, r := range f.Resume {
		c.Resume = append(c.Resume, vrrp.Resumed{Name: r.Name, State: r.State, Within: r.Within})
	}
	s.loop.Configure(c)
}

// input turns a verdict on a tracked object into the machine's words; nil for
// an object that instances cannot follow.
func input(f *ipc.Frame) vrrp.Input {
	r := f.Ran
	if r == nil {
		return nil
	}
	switch r.Object.Kind {
	case event.SubjectScript:
		return vrrp.ScriptResult{
			Name: r.Object.Name, OK: r.Status == 0 && r.Reason == event.ReasonNone, Status: r.Status,
			Reason: r.Reason, Took: r.Took, Cause: f.Ref,
		}
	case event.SubjectFile:
		return vrrp.FileValue{Name: r.Object.Name, Value: r.Value}
	case event.SubjectProcess:
		return vrrp.ProcessCount{Name: r.Object.Name, Count: int(r.Value)}
	case event.SubjectBFD:
		return vrrp.BFDState{Name: r.Object.Name, Up: r.Value != 0, Cause: f.Ref}
	case event.SubjectVirtualServer:
		return vrrp.ServiceState{Name: r.Object.Name, Up: r.Value != 0, Cause: f.Ref}
	case event.SubjectInstance:
		if f.Name != "" {
			return vrrp.Set{Name: r.Object.Name, What: f.Name, Value: r.Value, Cause: f.Ref}
		}
		return vrrp.Reannounce{Name: r.Object.Name}
	case event.SubjectNone, event.SubjectGroup, event.SubjectInterface, event.SubjectRealServer, event.SubjectWorker, event.SubjectConfig,
		event.SubjectChannel, event.SubjectRouter:
	}
	return nil
}
