// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/run/role"
)

// rows collects the description, which may come in several frames.
func (ob *Role) rows(f *ipc.Frame) {
	ob.described = append(ob.described, f.Rows...)
	if !f.Final {
		return
	}
	ob.ledger.Rows(ob.described)
	ob.described = nil
	ob.view.Store(ob.ledger.View())
}

// servers takes the description of the servers.
func (ob *Role) servers(f *ipc.Frame) error {
	text, err := role.Contents(f)
	if err != nil {
		return err
	}
	var rows []event.Row
	if err := json.Unmarshal(text, &rows); err != nil {
		return fmt.Errorf("description of the servers: %w", err)
	}
	ob.ledger.ServerRows(uint32(f.ID), rows)
	ob.view.Store(ob.ledger.View())
	if len(rows) > rowsMany {
		// What they were read from is several times what is kept of them.
		time.AfterFunc(time.Second, debug.FreeOSMemory)
	}
	return nil
}

// rowsMany is from how many rows on memory is given back.
const rowsMany = 1000

// counters takes the counters of the check role.
func (ob *Role) counters(f *ipc.Frame) error {
	message, err := role.Contents(f)
	if err != nil {
		return err
	}
	ob.counted.Reset()
	if err := ob.counted.Add(message); err != nil {
		return fmt.Errorf("counters of the check role: %w", err)
	}
	ob.ledger.Counters(f.Epoch, &ob.counted)
	ob.view.Store(ob.ledger.View())
	return nil
}

// waitingMax bounds the requests for counters that were never answered.
const waitingMax = 64

// ask passes a request for counters on.
func (ob *Role) ask(a *ask) {
	if len(ob.waiting) >= waitingMax {
		// Nobody waits so long: the worker that was asked is gone.
		clear(ob.waiting)
	}
	ob.nextID++
	ob.waiting[ob.nextID] = a
	ob.link.Send(ipc.Frame{Type: ipc.TallyPlease, ID: ob.nextID})
}

// result brings an answer to whoever waits for it.
func (ob *Role) result(f *ipc.Frame) {
	if f.Name == role.ResultTally && ob.o.Exits != nil && len(f.Body) > 0 {
		ob.o.Exits(f.Body)
	}
	if a := ob.waiting[f.ID]; a != nil {
		delete(ob.waiting, f.ID)
		close(a.done)
		return
	}
	if c := ob.calling[f.ID]; c != nil {
		delete(ob.calling, f.ID)
		c.out <- *f // it has room for one, and one comes
		return
	}
	f.Drop()
}

// remember takes over what a predecessor knew.
func (ob *Role) remember(f *ipc.Frame) error {
	if f.Name != role.CommandMemory {
		f.Drop()
		return fmt.Errorf("the parent sent a command %q", f.Name)
	}
	text, err := role.Contents(f)
	if err != nil {
		return err
	}
	m := &ledger.Memory{}
	if err := json.Unmarshal(text, m); err != nil {
		return fmt.Errorf("memory of a predecessor: %w", err)
	}
	l, err := ledger.Restore(m)
	if err != nil {
		return err
	}
	ob.ledger = l
	ob.view.Store(l.View())
	return nil
}

// goodbye gives the readers time for what they still do, and tells the parent
// what came of it.
func (ob *Role) goodbye() error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		if ob.o.Settle != nil {
			ob.o.Settle(ctx)
		}
	}()
	for open := true; open; {
		select {
		case e := <-ob.o.Said:
			ob.say(&e)
		case <-settled:
			open = false
		}
	}
	for len(ob.o.Said) > 0 {
		e := <-ob.o.Said
		ob.say(&e)
	}
	ob.ack()
	ob.link.Send(ipc.Frame{Type: ipc.Bye})
	ob.link.Close()
	return nil
}
