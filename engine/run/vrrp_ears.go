// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"time"

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
	// watches are what the open sockets are for, as the machine names it.
	watches map[*raw.Receiver]vrrp.Watch
	tokens  []*raw.Receiver // by token; nil for a free one
	// asked are the sockets that the hands are opening.
	asked map[raw.Listen]bool
	// failed are the ones that could not be opened, so that it is said once.
	failed  map[raw.Listen]bool
	dropped uint64 // of sockets that are closed
	// changes counts changes of open.
	changes uint64
	bells   bells
}

func newEars(p *raw.Poller, own *ownEvents) *ears {
	return &ears{
		poller: p, own: own, open: map[raw.Listen]*raw.Receiver{}, watches: map[*raw.Receiver]vrrp.Watch{}, asked: map[raw.Listen]bool{}, failed: map[raw.Listen]bool{},
		bells: bells{open: map[raw.Listen]*raw.Bell{}},
	}
}

// follow opens and closes sockets if the machine's wishes have changed.
func (e *ears) follow(v *VRRP) {
	defer e.bells.follow(v)
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
			if !v.inbox.put(message{do: func() { e.opened(v, w, l, r, err) }}) && r != nil {
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
func (e *ears) opened(v *VRRP, w vrrp.Watch, l raw.Listen, r *raw.Receiver, err error) {
	delete(e.asked, l)
	if err == nil {
		err = e.add(r)
	}
	if err == nil {
		e.open[l] = r
		e.changes++
		delete(e.failed, l)
		e.watches[r] = w
		v.step(v.clock.Now(), vrrp.Ears{Watch: w, Open: true})
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
	e.changes++
	e.dropped += r.Dropped()
	if err := e.poller.Remove(r.FD()); err != nil {
		e.own.denied("stop receiving", err)
	}
}

func (e *ears) drop(v *VRRP, r *raw.Receiver) {
	e.forget(r)
	v.step(v.clock.Now(), vrrp.Ears{Watch: e.watches[r]})
	delete(e.watches, r)
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
	return errors.Join(err, e.bells.close())
}

// bells are the sockets that wake the loop while packets wait for each other.
// An advert that a BACKUP hears, or one that is in FAULT, asks for nothing: it
// only makes a deadline later, and before any deadline all sockets are read. One
// of priority 0 makes it earlier, and what a MASTER hears it must answer; for
// these there are bells. Without them, or while it is not sure yet that they
// ring for all masters, no packet waits longer than waitLeast.
type bells struct {
	open map[raw.Listen]*raw.Bell
	// ready says that all sockets have one and that it rings for all masters.
	ready bool
	// at is what they were made for, or are being made for while the hands are at it.
	at     bellsAt
	making bool
	next   event.Instant // when they may be changed again
}

// bellsAt is the versions of what the bells follow from: who is master, and the
// sockets that are open.
type bellsAt struct{ masters, sockets uint64 }

// bellsMost is how many sockets may have a bell: the kernel offers each packet to
// all sockets of the protocol, so many sockets cost more than wake-ups do. It is
// VMACs that are many.
const bellsMost = 16

// bellsPause is the least time between two changes of the bells.
const bellsPause = 250 * time.Millisecond

// follow lets the hands change what the bells ring for, once packets have come
// thick and if something has changed.
func (b *bells) follow(v *VRRP) {
	at := bellsAt{v.machine.StakeVersion(), v.ears.changes}
	if at == b.at || len(b.open) == 0 && v.pulse.rate() <= thickLeast {
		return
	}
	b.ready = false
	now := v.clock.Last()
	if b.making || now < b.next {
		return // packets come thick, so there is a next time soon
	}
	b.at, b.making, b.next = at, true, now.Add(bellsPause)
	wanted := map[raw.Listen]*raw.VRIDs{}
	if len(v.ears.open) <= bellsMost {
		wanted = masters(v.machine, v.ears.open)
	}
	have := make(map[raw.Listen]*raw.Bell, len(wanted))
	for l, bell := range b.open {
		if wanted[l] != nil {
			have[l] = bell
			continue
		}
		delete(b.open, l)
		if err := v.poller.RemoveBell(bell); err != nil {
			v.own.denied("stop listening for urgent adverts", err)
		}
		v.hands.later(func() { _ = bell.Close() })
	}
	v.hands.later(func() {
		fresh, err := makeBells(wanted, have)
		if !v.inbox.put(message{do: func() { b.made(v, fresh, err) }}) {
			for _, bell := range fresh {
				_ = bell.Close() // nobody is left to use it
			}
		}
	})
}

// masters says for each socket which virtual routers are master on its interface.
func masters(m *vrrp.Router, open map[raw.Listen]*raw.Receiver) map[raw.Listen]*raw.VRIDs {
	type place struct {
		ifindex int
		family  uint8
	}
	at := map[place]*raw.VRIDs{}
	wanted := make(map[raw.Listen]*raw.VRIDs, len(open))
	for l := range open {
		p := place{l.IfIndex, l.Family}
		if at[p] == nil {
			at[p] = &raw.VRIDs{}
		}
		wanted[l] = at[p]
	}
	for _, id := range m.Instances(nil) {
		v, ok := m.View(id)
		if !ok || v.State != event.Master {
			continue
		}
		if of := at[place{v.IfIndex, v.Settings.Family}]; of != nil {
			of.Add(v.Settings.VRID)
		}
	}
	return wanted
}

// makeBells tunes the bells that there are and makes the ones that are missing.
func makeBells(wanted map[raw.Listen]*raw.VRIDs, have map[raw.Listen]*raw.Bell) (fresh map[raw.Listen]*raw.Bell, err error) {
	fresh = map[raw.Listen]*raw.Bell{}
	for l, of := range wanted {
		if bell := have[l]; bell != nil {
			err = errors.Join(err, bell.Tune(of))
			continue
		}
		bell, e := raw.NewBell(l, of)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		fresh[l] = bell
	}
	return fresh, err
}

// made takes new bells into use. What came before they rang is read in this
// very round.
func (b *bells) made(v *VRRP, fresh map[raw.Listen]*raw.Bell, err error) {
	b.making = false
	for l, bell := range fresh {
		if e := v.poller.AddBell(bell); e != nil {
			err = errors.Join(err, e, bell.Close())
			continue
		}
		b.open[l] = bell
	}
	if err != nil {
		v.own.denied("listen for urgent adverts", err)
	}
	b.ready = err == nil && len(b.open) > 0
}

// quiet silences all that rang.
func (b *bells) quiet() {
	for _, bell := range b.open {
		bell.Quiet()
	}
}

func (b *bells) close() error {
	var err error
	for _, bell := range b.open {
		err = errors.Join(err, bell.Close())
	}
	return err
}
