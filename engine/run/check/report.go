// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// What is asked of the loop at length is given piece by piece, so that checks go on meanwhile.
const (
	rowsPiece     = 500
	snapshotPiece = 200
)

// Snapshot gives the present state of all services and servers, in pieces; final marks the last.
func (l *Loop) Snapshot(give func(es []event.Event, final bool)) {
	l.inbox.put(func() {
		at, out := 0, health.Output{}
		l.chores = append(l.chores, func() bool {
			var more bool
			out.Reset()
			at, more = l.pool.Snapshot(l.clock.Now(), at, snapshotPiece, &out)
			for i := range out.Events {
				if e := &out.Events[i]; e.Wall == 0 {
					e.Wall = l.clock.Wall(e.At)
				}
			}
			give(out.Events, !more)
			return more
		})
	})
}

// Rows gives the description of all services and servers, in pieces that are the taker's to keep; final marks the last.
func (l *Loop) Rows(give func(rows []event.Row, final bool)) {
	l.inbox.put(func() {
		at := 0
		l.chores = append(l.chores, func() bool {
			rows, next, more := l.pool.Rows(at, rowsPiece, nil)
			at = next
			give(rows, !more)
			return more
		})
	})
}

// usageAge is for how long what the data plane counted is good enough.
const usageAge = time.Second

// counts is what was last read of the data plane's counters.
type counts struct {
	counters event.Counters
	usage    []usage
	read     event.Instant
	// asking are those who wait for the present reading.
	asking []func(*event.Counters)
}

// usage is what the data plane counted of one thing.
type usage struct {
	key  health.ServiceKey
	dest health.Destination
	Usage
}

// Counters gives all counters; they are valid until give returns.
func (l *Loop) Counters(give func(*event.Counters)) {
	l.inbox.put(func() {
		c := &l.counts
		if c.read != 0 && l.clock.Now().Sub(c.read) < usageAge {
			l.count(give)
			return
		}
		if c.asking = append(c.asking, give); len(c.asking) > 1 {
			return // it is being read
		}
		room := c.usage[:0]
		h := l.hands
		h.do(func() {
			// Without a data plane there is nothing to count; the pool tells of that.
			_ = h.plane.Usage(func(key health.ServiceKey, dest health.Destination, u *Usage) {
				room = append(room, usage{key, dest, *u})
			})
			h.inbox.put(func() {
				c.usage, c.read = room, l.clock.Now()
				asking := c.asking
				c.asking = nil
				for _, give := range asking {
					l.count(give)
				}
			})
		})
	})
}

// count adds what the data plane counted to what the pool did.
func (l *Loop) count(give func(*event.Counters)) {
	c := &l.counts.counters
	c.Reset()
	l.pool.Counters(l.clock.Now(), c)
	c.Pool.Available = c.Pool.Available && l.opts.Plane.Available()
	for i := range l.counts.usage {
		u := &l.counts.usage[i]
		service, server := l.pool.Locate(u.key, u.dest)
		switch {
		case server >= 0:
			s := &c.Servers[server]
			s.Stats.Add(&u.IPVSStats)
			s.Active += u.Active
			s.Inactive += u.Inactive
			s.Persistent += u.Persistent
		case service >= 0 && !u.dest.Addr.IsValid():
			c.Services[service].Stats.Add(&u.IPVSStats)
		}
	}
	give(c)
}

// Table gives what the data plane has.
func (l *Loop) Table(give func(health.Table, error)) {
	h := l.hands
	h.do(func() { give(h.plane.Read()) })
}
