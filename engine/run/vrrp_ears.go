// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// ears are the sockets that receive. What is listened to follows from what the
// machine wants; sockets are opened and closed by the hands, because that may
// wait for the kernel.
type ears struct {
	poller  *raw.Poller
	own     *ownEvents
	buffers raw.Buffers
	packet  raw.Packet
	// version is the machine's list of sockets that is in force or on its way.
	version uint64
	wanted  []vrrp.Watch
	open    map[raw.Listen]*raw.Receiver
	tokens  []*raw.Receiver // by token; nil for a free one
	// asked are the sockets that the hands are opening.
	asked map[raw.Listen]bool
	// failed are the ones that could not be opened, so that it is said once.
	failed  map[raw.Listen]bool
	dropped uint64 // of sockets that are closed
}

func newEars(p *raw.Poller, own *ownEvents) *ears {
	return &ears{poller: p, own: own, open: map[raw.Listen]*raw.Receiver{}, asked: map[raw.Listen]bool{}, failed: map[raw.Listen]bool{}}
}

// follow opens and closes sockets if the machine's wishes have changed.
func (e *ears) follow(v *VRRP) {
	version := v.machine.WatchVersion()
	if version == e.version {
		return
	}
	e.version = version
	e.wanted = v.machine.Watches(e.wanted[:0])
	want := make(map[raw.Listen]bool, len(e.wanted))
	for _, w := range e.wanted {
		l := raw.Listen{IfIndex: w.IfIndex, Family: w.Family, Addr: w.Group, AH: w.AH, VRID: w.VRID}
		if w.Local.IsValid() {
			l.Addr = w.Local
		}
		want[l] = true
		if e.open[l] != nil || e.asked[l] {
			continue
		}
		e.asked[l] = true
		v.hands.later(func() {
			r, err := raw.Receive(l)
			if !v.inbox.put(message{do: func() { e.opened(l, r, err) }}) && r != nil {
				r.Close() // nobody is left to use it
			}
		})
	}
	for l, r := range e.open {
		if !want[l] {
			e.drop(v, r)
		}
	}
}

// opened takes a new socket into use, unless it is no longer wanted.
func (e *ears) opened(l raw.Listen, r *raw.Receiver, err error) {
	delete(e.asked, l)
	if err == nil {
		err = e.add(r)
	}
	if err == nil {
		e.open[l] = r
		delete(e.failed, l)
		return
	}
	if r != nil {
		err = errors.Join(err, r.Close())
	}
	if !e.failed[l] {
		e.failed[l] = true
		e.own.denied(fmt.Sprintf("receive for %s on interface %d", l.Addr, l.IfIndex), err)
	}
	e.version = 0 // tried again with the next change
}

func (e *ears) add(r *raw.Receiver) error {
	token := -1
	for i, old := range e.tokens {
		if old == nil {
			token = i
			break
		}
	}
	if token < 0 {
		token = len(e.tokens)
		e.tokens = append(e.tokens, nil)
	}
	if err := e.poller.Add(r.FD(), int32(token)); err != nil {
		return err
	}
	e.tokens[token] = r
	return nil
}

// byToken returns the socket that the poller named, nil if it is gone.
func (e *ears) byToken(token int32) *raw.Receiver {
	if int(token) >= len(e.tokens) {
		return nil
	}
	return e.tokens[token]
}

// forget takes a socket out of use.
func (e *ears) forget(r *raw.Receiver) {
	for i, old := range e.tokens {
		if old == r {
			e.tokens[i] = nil
		}
	}
	delete(e.open, r.Listen)
	e.dropped += r.Dropped()
	if err := e.poller.Remove(r.FD()); err != nil {
		e.own.denied("stop receiving", err)
	}
}

func (e *ears) drop(v *VRRP, r *raw.Receiver) {
	e.forget(r)
	v.hands.later(func() {
		if err := r.Close(); err != nil {
			e.own.denied("close a socket", err)
		}
	})
}

// broken reports a socket that gave an error. An interface that goes down
// makes its socket say so once; the socket stays usable.
func (e *ears) broken(r *raw.Receiver, err error) {
	e.own.publish(event.Event{
		Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectRouter, Sub: r.Addr.String()},
		Reason: event.FailKernel, Detail: err.Error(),
	})
}

// lost counts the packets that the kernel dropped for want of buffer space.
func (e *ears) lost() uint64 {
	n := e.dropped
	for _, r := range e.open {
		n += r.Dropped()
	}
	return n
}

func (e *ears) close() error {
	var err error
	for _, r := range e.open {
		err = errors.Join(err, r.Close())
	}
	return err
}
