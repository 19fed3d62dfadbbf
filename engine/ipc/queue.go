// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipc

import (
	"sync"

	"github.com/vigild/vigild/engine/event"
)

const (
	// EdgesMax is how many edges wait for a slow reader before they are counted
	// as lost.
	EdgesMax = 4096
	// controlMax is how many other frames wait: a peer that lets so many pile up
	// is not reading at all.
	controlMax = 4096
	// frameEdges is how many edges share a frame.
	frameEdges = 64
)

// queue is what waits to be written. All its methods return at once.
type queue struct {
	mu      sync.Mutex
	frames  []Frame
	edges   int
	control int
	closed  bool
	// gaps are the edges that found no room, by epoch.
	gaps map[uint64]*gap
	// tallies are the newest counters of each subject, waiting for their
	// place in frames.
	tallies map[event.Subject]event.Tally
	order   []event.Subject
	router  *event.RouterTally
	epoch   uint64
	marked  bool
	wake    chan struct{}
	lost    uint64
}

type gap struct {
	last  uint64
	count int64
	at    event.Instant
	wall  int64
	from  event.Role
}

func newQueue() *queue {
	return &queue{gaps: map[uint64]*gap{}, tallies: map[event.Subject]event.Tally{}, wake: make(chan struct{}, 1)}
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// send appends a frame that is not an edge; false if the peer does not read.
func (q *queue) send(f Frame) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return true
	}
	if q.control >= controlMax {
		return false
	}
	q.control++
	q.frames = append(q.frames, f)
	q.signal()
	return true
}

// publish appends edges, or counts them as a gap.
func (q *queue) publish(es []event.Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(es) == 0 {
		return
	}
	q.mend()
	room := EdgesMax - q.edges
	if len(q.gaps) > 0 {
		room = 0
	}
	n := min(room, len(es))
	if n > 0 {
		q.append(es[:n])
	}
	for i := n; i < len(es); i++ {
		q.drop(&es[i])
	}
	q.signal()
}

// append copies edges behind what waits; neighbours share a frame.
func (q *queue) append(es []event.Event) {
	q.edges += len(es)
	for len(es) > 0 {
		var last *Frame
		if n := len(q.frames); n > 0 {
			last = &q.frames[n-1]
		}
		if last == nil || last.Type != Events || last.Snapshot || len(last.Events) >= frameEdges {
			q.frames = append(q.frames, Frame{Type: Events})
			last = &q.frames[len(q.frames)-1]
		}
		n := min(len(es), frameEdges-len(last.Events))
		last.Events = append(last.Events, es[:n]...)
		es = es[n:]
	}
}

func (q *queue) drop(e *event.Event) {
	g := q.gaps[e.Epoch]
	if g == nil {
		g = &gap{}
		q.gaps[e.Epoch] = g
	}
	g.last, g.at, g.wall, g.from = e.Seq, e.At, e.Wall, e.Origin
	g.count++
	q.lost++
}

// mend says what was lost, once there is room again: half the ring, so that a
// reader which is a little too slow gets few gaps and not one per edge.
func (q *queue) mend() {
	if len(q.gaps) == 0 || q.edges > EdgesMax/2 {
		return
	}
	for epoch, g := range q.gaps {
		q.append([]event.Event{{
			Epoch: epoch, Seq: g.last, At: g.at, Wall: g.wall, Origin: g.from,
			Kind: event.LinkGap, Subject: event.Subject{Kind: event.SubjectWorker, Name: g.from.String()},
			Reason: event.FailOverflow, Count: g.count,
		}})
		delete(q.gaps, epoch)
	}
}

// tally keeps the newest counters and their place among the frames.
func (q *queue) tally(epoch uint64, ts []event.Tally, router *event.RouterTally) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	if epoch != q.epoch {
		clear(q.tallies)
		q.order, q.router, q.epoch = q.order[:0], nil, epoch
	}
	for i := range ts {
		if _, ok := q.tallies[ts[i].Subject]; !ok {
			q.order = append(q.order, ts[i].Subject)
		}
		q.tallies[ts[i].Subject] = ts[i]
	}
	if router != nil {
		r := *router
		q.router = &r
	}
	if !q.marked {
		q.marked = true
		q.frames = append(q.frames, Frame{Type: Tallies})
	}
	q.signal()
}

// take hands over everything that waits; false when the queue is closed and
// empty.
func (q *queue) take() ([]Frame, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.frames) == 0 {
		q.edges = 0
		q.mend()
	}
	if len(q.frames) == 0 {
		return nil, !q.closed
	}
	out := q.frames
	q.frames = nil
	q.edges, q.control = 0, 0
	for i := range out {
		// Not those that are in a file of their own.
		if f := &out[i]; f.Type == Tallies && f.Tallies == nil && f.Router == nil && f.BFD == nil && f.FDs == nil {
			q.fill(&out[i])
		}
	}
	return out, true
}

func (q *queue) fill(f *Frame) {
	f.Epoch, f.Router = q.epoch, q.router
	f.Tallies = make([]event.Tally, 0, len(q.order))
	for _, s := range q.order {
		f.Tallies = append(f.Tallies, q.tallies[s])
	}
	clear(q.tallies)
	q.order, q.router, q.marked = q.order[:0], nil, false
}

// close lets nothing more in.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}
