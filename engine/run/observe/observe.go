// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/run/role"
)

// Options is what the observe role's loop needs from outside.
type Options struct {
	Clock role.Clock
	// Prepare builds the readers of a generation without disturbing those in
	// force. Apply puts them in their place and returns them.
	Prepare func(p *role.Prepared) (apply func() []role.Reader, err error)
	// Said is where the Readers' own events (notify.sent) come from.
	Said <-chan event.Event
	// Exits is told what the parent's exits count; nil for nobody.
	Exits func(json.RawMessage)
	// Settle waits, at most until ctx is done, for what the Readers still do.
	Settle func(ctx context.Context)
}

// Role is the observe role: it folds what the others tell into a ledger
// and brings it to the readers.
type Role struct {
	o       Options
	link    *ipc.Link
	out     *role.Producer
	ledger  *ledger.Ledger
	view    atomic.Pointer[ledger.View]
	readers []role.Reader
	// ready is the generation that waits for its Commit.
	ready map[int]func() []role.Reader
	// acked and newest bound the events that no reader has finished with.
	acked, newest event.Ref
	asks          chan *ask
	calls         chan *call
	waiting       map[uint64]*ask
	calling       map[uint64]*call
	nextID        uint64
	last          time.Time
	mu            sync.Mutex
	shared        *ask
	// described are rows whose last frame has not come yet.
	described []event.Row
	// counted is room for the counters of the check role.
	counted event.Counters
}

// ask is a request for fresh counters; done is closed when they have come.
type ask struct{ done chan struct{} }

// call is a request to the parent.
type call struct {
	name string
	body json.RawMessage
	out  chan ipc.Frame
}

// Bounds of Refresh.
const (
	refreshEvery = 200 * time.Millisecond
	refreshWait  = 100 * time.Millisecond
	// restEvery is how often counters are fetched when nobody asks, so that
	// little of them is lost with a worker. Scrapes and walks ask by themselves;
	// with a thousand instances every question moves a megabyte.
	restEvery = time.Minute
	// holdLook is how often readers that hold events are asked again.
	holdLook = 100 * time.Millisecond
	// settleTime is what readers get at the end for what they still do.
	settleTime = 2 * time.Second
)

// New returns the role behind its end of a link.
func New(link *ipc.Link, o Options) *Role {
	ob := &Role{
		o: o, link: link, out: role.NewProducer(event.RoleObserve, o.Clock), ledger: ledger.New(),
		ready: map[int]func() []role.Reader{}, asks: make(chan *ask), calls: make(chan *call),
		waiting: map[uint64]*ask{}, calling: map[uint64]*call{},
	}
	ob.view.Store(ob.ledger.View())
	return ob
}

// View returns the newest picture.
func (ob *Role) View() *ledger.View { return ob.view.Load() }

// Refresh asks the vrrp role for its counters and returns the picture with
// them. It asks at most five times a second, waits at most 100 ms, and falls
// back to the newest picture there is.
func (ob *Role) Refresh(ctx context.Context) *ledger.View {
	ob.mu.Lock()
	a := ob.shared
	lead := a == nil && time.Since(ob.last) >= refreshEvery
	if lead {
		a = &ask{done: make(chan struct{})}
		ob.shared, ob.last = a, time.Now()
	}
	ob.mu.Unlock()
	if a == nil {
		return ob.View()
	}
	t := time.NewTimer(refreshWait)
	defer t.Stop()
	if lead {
		defer func() {
			ob.mu.Lock()
			ob.shared = nil
			ob.mu.Unlock()
		}()
		select {
		case ob.asks <- a:
		case <-t.C:
			return ob.View()
		case <-ctx.Done():
			return ob.View()
		case <-ob.link.Done():
			return ob.View()
		}
	}
	select {
	case <-a.done:
	case <-t.C:
	case <-ctx.Done():
	case <-ob.link.Done():
	}
	return ob.View()
}

// ErrAway is a request that met the end of the link.
var ErrAway = errors.New("the parent is away")

// Call asks the parent to do something by name: it has privileges that this
// role has not. The caller owns the files of the answer.
func (ob *Role) Call(ctx context.Context, name string, body any) (json.RawMessage, []*os.File, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, nil, fmt.Errorf("request %s: %w", name, err)
	}
	c := &call{name: name, body: text, out: make(chan ipc.Frame, 1)}
	select {
	case ob.calls <- c:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("request %s: %w", name, ctx.Err())
	case <-ob.link.Done():
		return nil, nil, fmt.Errorf("request %s: %w", name, ErrAway)
	}
	select {
	case f := <-c.out:
		var files []*os.File
		for _, fd := range f.FDs {
			files = append(files, os.NewFile(uintptr(fd), name))
		}
		if f.Error != "" {
			for _, file := range files {
				file.Close()
			}
			return nil, nil, fmt.Errorf("request %s: %s", name, f.Error)
		}
		return f.Body, files, nil
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("request %s: %w", name, ctx.Err())
	case <-ob.link.Done():
		return nil, nil, fmt.Errorf("request %s: %w", name, ErrAway)
	}
}

// Run serves until the parent says goodbye or is gone.
func (ob *Role) Run(ctx context.Context) error {
	ob.link.Send(ipc.Frame{Type: ipc.Hello, Protocol: ipc.Protocol, Role: event.RoleObserve, Epoch: ob.out.Epoch()})
	rest := time.NewTicker(restEvery)
	defer rest.Stop()
	hold := time.NewTicker(holdLook)
	hold.Stop()
	defer hold.Stop()
	for {
		held := ob.acked != ob.newest
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f, ok := <-ob.link.Frames():
			if !ok {
				return ob.link.Err()
			}
			if f.Type == ipc.Bye {
				return ob.goodbye()
			}
			if err := ob.hear(&f); err != nil {
				return err
			}
		case e := <-ob.o.Said:
			ob.say(&e)
		case a := <-ob.asks:
			ob.ask(a)
		case c := <-ob.calls:
			ob.nextID++
			ob.calling[ob.nextID] = c
			ob.link.Send(ipc.Frame{Type: ipc.Command, ID: ob.nextID, Name: c.name, Body: c.body})
		case <-rest.C:
			ob.link.Send(ipc.Frame{Type: ipc.TallyPlease})
		case <-hold.C:
		}
		ob.ack()
		if now := ob.acked != ob.newest; now && !held {
			hold.Reset(holdLook)
		} else if held && !now {
			hold.Stop()
		}
	}
}

// hear dispatches one frame of the parent.
func (ob *Role) hear(f *ipc.Frame) error {
	switch f.Type {
	case ipc.Prepare:
		ob.prepare(f)
	case ipc.Commit:
		ob.commit(f)
	case ipc.Events:
		ob.events(f.Events)
	case ipc.Tallies:
		if f.Role == event.RoleCheck {
			return ob.counters(f)
		}
		for i := range f.Tallies {
			ob.ledger.Tally(f.Epoch, &f.Tallies[i])
		}
		if f.Router != nil {
			ob.ledger.Router(f.Epoch, f.Router)
		}
		for i := range f.BFD {
			ob.ledger.BFD(f.Epoch, &f.BFD[i])
		}
		ob.view.Store(ob.ledger.View())
	case ipc.Rows:
		if f.Role == event.RoleCheck {
			return ob.servers(f)
		}
		ob.rows(f)
	case ipc.Result:
		ob.result(f)
	case ipc.Command:
		return ob.remember(f)
	case ipc.Hello, ipc.Bye:
	case ipc.Ready, ipc.SnapshotPlease, ipc.TallyPlease, ipc.Exec, ipc.ExecDone, ipc.Input, ipc.Ack:
		f.Drop()
		return fmt.Errorf("the parent sent a %s frame", f.Type)
	}
	return nil
}

// events folds edges and tells the readers.
func (ob *Role) events(es []event.Event) {
	if len(es) == 0 {
		return
	}
	torn := false
	for i := range es {
		ob.ledger.Apply(&es[i])
		torn = torn || es[i].Kind == event.LinkGap
	}
	ob.tell(es)
	ob.newest = es[len(es)-1].Ref()
	if torn {
		ob.link.Send(ipc.Frame{Type: ipc.SnapshotPlease})
	}
}

func (ob *Role) tell(es []event.Event) {
	v := ob.ledger.View()
	ob.view.Store(v)
	for _, r := range ob.readers {
		r.Events(v, es)
	}
}

// say takes an event of a reader: it goes to all readers here and to the parent.
func (ob *Role) say(e *event.Event) {
	ob.out.Stamp(e)
	es := []event.Event{*e}
	ob.ledger.Apply(e)
	ob.link.Publish(es)
	ob.tell(es)
}

// ack tells the parent what it need not keep any more.
func (ob *Role) ack() {
	if ob.acked == ob.newest {
		return
	}
	for _, r := range ob.readers {
		if h, ok := r.(role.Holder); ok && h.Holding() {
			return
		}
	}
	ob.acked = ob.newest
	ob.link.Send(ipc.Frame{Type: ipc.Ack, Ref: ob.acked})
}

func (ob *Role) prepare(f *ipc.Frame) {
	answer := ipc.Frame{Type: ipc.Ready, Gen: f.Gen}
	p, err := role.Unpack(f)
	if err == nil {
		var apply func() []role.Reader
		if apply, err = ob.o.Prepare(p); err == nil {
			ob.ready[f.Gen] = apply
		}
	}
	if err != nil {
		answer.Error = err.Error()
	}
	ob.link.Send(answer)
}

func (ob *Role) commit(f *ipc.Frame) {
	apply := ob.ready[f.Gen]
	clear(ob.ready) // what was not committed never will be
	if apply != nil {
		ob.readers = apply()
	}
}
