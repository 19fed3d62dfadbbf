// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"fmt"
	"slices"

	"github.com/vigild/vigild/engine/bfd"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/track"
)

// Sessions is what the bfd role asks of its loop: track.BFD.
type Sessions interface {
	Run(ctx context.Context) error
	Configure(c *bfd.Configure)
	Stop()
	Tallies(reply func([]event.BFDTally))
	Snapshot(reply func([]event.Event))
}

// BFDOptions is what the bfd role needs from outside.
type BFDOptions struct {
	// Open makes the loop: track.NewBFD.
	Open func(track.BFDOptions) (Sessions, error)
	// Load parses a generation.
	Load func(p *role.Prepared) ([]bfd.Settings, error)
	// Denied is what the kernel refused before the loop was opened.
	Denied []error
}

// bfdServer is the bfd role: the frames of its parent on one side, its loop on
// the other.
type bfdServer struct {
	o     BFDOptions
	link  *ipc.Link
	loop  Sessions
	epoch uint64
	own   *ownEvents
	// ready are the generations that wait for their Commit.
	ready map[int][]bfd.Settings
}

// ServeBFD is the bfd role behind its end of a link. It returns when the
// parent said goodbye, is gone, or ctx is done; each time every neighbour was
// told that its session ends.
func ServeBFD(ctx context.Context, link *ipc.Link, o BFDOptions) error {
	defer link.Close()
	s := &bfdServer{
		o: o, link: link, epoch: role.NewProducer(event.RoleBFD, role.SystemClock()).Epoch(), ready: map[int][]bfd.Settings{},
		own: &ownEvents{producer: role.NewProducer(event.RoleBFD, role.SystemClock()), deliver: link.Publish},
	}
	link.Send(ipc.Frame{Type: ipc.Hello, Protocol: ipc.Protocol, Role: event.RoleBFD, Epoch: s.epoch})
	for _, err := range o.Denied {
		s.denied("", err)
	}
	loop, err := o.Open(track.BFDOptions{Epoch: s.epoch, Publish: link.Publish, Remember: s.remember, Denied: s.denied})
	if err != nil {
		return fmt.Errorf("open the bfd loop: %w", err)
	}
	s.loop = loop
	return role.Attend(ctx, link, event.RoleBFD, loop, s.hear)
}

// remember gives the parent what it hands to a successor.
func (s *bfdServer) remember(ts []event.BFDTally) {
	s.link.Send(ipc.Frame{Type: ipc.Tallies, Epoch: s.epoch, BFD: slices.Clone(ts)})
}

// denied reports something that the kernel refused and that is done without.
func (s *bfdServer) denied(what string, err error) {
	s.own.publish(event.Event{
		Kind: event.PrivilegeDenied, Subject: event.Subject{Kind: event.SubjectWorker, Name: event.RoleBFD.String(), Sub: what},
		Reason: event.FailPermission, Detail: err.Error(),
	})
}

// hear dispatches one frame of the parent.
func (s *bfdServer) hear(f *ipc.Frame) error {
	switch f.Type {
	case ipc.Hello:
	case ipc.Prepare:
		s.prepare(f)
	case ipc.Commit:
		s.commit(f)
	case ipc.TallyPlease:
		id := f.ID
		s.loop.Tallies(func(ts []event.BFDTally) {
			s.link.Send(ipc.Frame{Type: ipc.Tallies, Epoch: s.epoch, BFD: ts})
			if id != 0 {
				s.link.Send(ipc.Frame{Type: ipc.Result, ID: id, Name: role.ResultTally})
			}
		})
	case ipc.SnapshotPlease:
		s.loop.Snapshot(func(es []event.Event) {
			s.link.Send(ipc.Frame{Type: ipc.Events, Snapshot: true, Final: true, Events: slices.Clone(es)})
		})
	case ipc.Bye:
		s.loop.Stop()
	case ipc.Ready, ipc.Events, ipc.Tallies, ipc.Rows, ipc.Exec, ipc.ExecDone, ipc.Input, ipc.Command, ipc.Result, ipc.Ack:
		f.Drop()
		return fmt.Errorf("the parent sent a %s frame", f.Type)
	}
	return nil
}

func (s *bfdServer) prepare(f *ipc.Frame) {
	answer := ipc.Frame{Type: ipc.Ready, Gen: f.Gen}
	p, err := role.Unpack(f)
	if err == nil {
		var sessions []bfd.Settings
		if sessions, err = s.o.Load(p); err == nil {
			s.ready[f.Gen] = sessions
		}
	}
	if err != nil {
		answer.Error = err.Error()
	}
	s.link.Send(answer)
}

func (s *bfdServer) commit(f *ipc.Frame) {
	sessions, ok := s.ready[f.Gen]
	clear(s.ready) // what was not committed never will be
	if !ok {
		return
	}
	c := &bfd.Configure{Sessions: sessions, Cause: f.Ref}
	for _, r := range f.Resume {
		c.Up = append(c.Up, resumed(r.Name, f.BFD))
	}
	s.loop.Configure(c)
}

// resumed is a session that was up, with what its last worker left about it.
func resumed(name string, left []event.BFDTally) bfd.Resumed {
	out := bfd.Resumed{Name: name}
	for i := range left {
		if y := &left[i]; y.Subject.Name == name {
			out.Local, out.Remote = y.Local, y.Remote
			out.Multiplier, out.MinTx, out.MinRx = y.RemoteMultiplier, y.RemoteMinTx, y.RemoteMinRx
		}
	}
	return out
}
