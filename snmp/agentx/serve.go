// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"time"
)

// server answers GET, GETNEXT and GETBULK for one session (RFC 2741 §7.2.3). It
// decodes into buffers that it keeps and encodes straight from the Snapshot, so
// that serving a variable allocates nothing.
type server struct {
	handler Handler
	limits  Limits
	walks   walks
	ranges  []rawRange
	arena   []byte
	cursor  []rawRange // GETBULK: where each repeater stands
	served  int        // variables in the last response
}

// serve appends to w.b the Response to the request h with its payload. The
// error is ErrMalformed wrapped; then nothing was appended.
func (s *server) serve(w *writer, h Header, payload []byte, now time.Time) error {
	s.served = 0
	r := reader{b: payload, big: h.Flags&FlagNetworkByteOrder != 0, max: s.limits.MaxVarBinds}
	context := string(r.context(h))
	nonRepeaters, repetitions := 0, 0
	if h.Type == TypeGetBulk {
		q := r.quad()
		nonRepeaters, repetitions = int(r.u16(q[:2])), int(r.u16(q[2:]))
	}
	if err := s.readRanges(&r); err != nil {
		return err
	}
	start := beginResponse(w, h)
	var ok, known bool
	if h.Type == TypeGet {
		ok, known = s.get(w, context, start)
	} else {
		if h.Type == TypeGetNext {
			nonRepeaters = len(s.ranges)
		}
		ok, known = s.advance(w, h, context, start, nonRepeaters, repetitions, now)
	}
	if !known {
		failResponse(w, start, UnsupportedContext, 0)
	} else if !ok {
		failResponse(w, start, TooBig, 0)
		s.served = 0
	}
	w.finish(start)
	return nil
}

// readRanges fills s.ranges from the rest of r.
func (s *server) readRanges(r *reader) error {
	s.ranges, s.arena = s.ranges[:0], s.arena[:0]
	for r.err == nil && len(r.b) > 0 {
		if len(s.ranges) == r.max {
			r.fail("more than %d search ranges", r.max)
			break
		}
		var rr rawRange
		at := len(s.arena)
		s.arena, rr.include = r.appendOID(s.arena)
		rr.start = s.arena[at:len(s.arena):len(s.arena)]
		at = len(s.arena)
		s.arena, _ = r.appendOID(s.arena)
		rr.end = s.arena[at:len(s.arena):len(s.arena)]
		s.ranges = append(s.ranges, rr)
	}
	return r.err
}

// beginResponse appends the header and the fixed part of a Response to h, in
// the byte order of h, and returns where it starts.
func beginResponse(w *writer, h Header) int {
	w.big = h.Flags&FlagNetworkByteOrder != 0
	start := w.header(Header{
		Type: TypeResponse, Flags: h.Flags & FlagNetworkByteOrder,
		SessionID: h.SessionID, TransactionID: h.TransactionID, PacketID: h.PacketID,
	})
	w.u32(0) // res.sysUpTime is the master's to fill in
	w.u16(uint16(NoError))
	w.u16(0)
	return start
}

// failResponse replaces what the Response at start carries by an error.
func failResponse(w *writer, start int, status ErrorStatus, index int) {
	w.b = w.b[:start+HeaderLen+4]
	w.u16(uint16(status))
	w.u16(uint16(index))
}

// full reports whether the Response at start is at the size limit.
func (s *server) full(w *writer, start int) bool {
	return len(w.b)-start-HeaderLen > s.limits.MaxPayload
}

// get answers a GET. It reports whether the answer fits and whether the context
// is known.
func (s *server) get(w *writer, context string, start int) (ok, known bool) {
	snap := s.handler.Snapshot(context)
	if snap == nil {
		return false, false
	}
	for i := range s.ranges {
		appendVarBind(w, s.ranges[i].start, snap.get(s.ranges[i].start))
		s.served++
		if s.full(w, start) {
			return false, true
		}
	}
	return true, true
}

// advance answers a GETNEXT (all ranges are non-repeaters) or a GETBULK (RFC
// 2741 §7.2.3.2 and §7.2.3.3). It reports what get does.
func (s *server) advance(w *writer, h Header, context string, start, nonRepeaters, repetitions int, now time.Time) (ok, known bool) {
	wk := s.walks.find(context, h.TransactionID, s.ranges, now)
	if wk == nil {
		snap := s.handler.Snapshot(context)
		if snap == nil {
			return false, false
		}
		wk = s.walks.start(context, snap, now)
	}
	wk.take(h.TransactionID, now)
	nonRepeaters = min(nonRepeaters, len(s.ranges))
	for i := range s.ranges[:nonRepeaters] {
		s.step(w, wk, &s.ranges[i])
		if s.full(w, start) {
			return false, true
		}
	}
	s.repeat(w, wk, s.ranges[nonRepeaters:], start, repetitions)
	// No room for a single repetition is an error, or the manager asks for ever.
	return s.served > 0 || len(s.cursor) == 0 || repetitions == 0, true
}

// repeat answers the repeaters of a GETBULK row by row. It may stop early: when
// all have come to their end, or at the size limits (RFC 2741 §7.2.3.3 allows
// fewer repetitions than were asked for).
func (s *server) repeat(w *writer, wk *walk, repeaters []rawRange, start, repetitions int) {
	s.cursor = append(s.cursor[:0], repeaters...)
	for range repetitions {
		if len(s.cursor) == 0 || s.served+len(s.cursor) > s.limits.MaxVarBinds {
			return
		}
		before, served, more := len(w.b), s.served, false
		for i := range s.cursor {
			if s.step(w, wk, &s.cursor[i]) {
				more = true
			}
		}
		if s.full(w, start) {
			w.b, s.served = w.b[:before], served
			return
		}
		if !more {
			return
		}
	}
}

// step appends the next variable of r, moves r behind it, and reports whether
// there was one.
func (s *server) step(w *writer, wk *walk, r *rawRange) bool {
	s.served++
	at := len(s.arena)
	arena, v, ok := wk.snap.vars.next(s.arena, *r)
	if !ok {
		appendVarBind(w, r.start, Exception(EndOfMibView))
		return false
	}
	s.arena = arena
	name := arena[at:len(arena):len(arena)]
	appendVarBind(w, name, v)
	wk.answered(name)
	r.start, r.include = name, false
	return true
}

// AgentX does not say which requests belong to one walk, and several managers
// share the session. But a walk goes on where its last answer ended: so each
// answer to a GETNEXT is remembered with the Snapshot it came from, and a
// request that starts there, or has the same transaction, gets that Snapshot
// again. Any other request starts a walk, and sees what is true now. Where two
// walks stand at the same name, the one whose next request is due at this moment
// goes on; a wrong guess can only happen when their Snapshots differ.
const (
	maxWalks   = 32
	maxCursors = 64 // names remembered of one answer, the last ones count
)

// walk is one walk under way.
type walk struct {
	snap    *Snapshot
	context string
	txn     uint32
	cursors [][]byte // their memory is used again
	began   time.Time
	used    time.Time
	gap     time.Duration // between its last two transactions
}

// walks holds the walks of a session, at most maxWalks of them.
type walks struct {
	hold   time.Duration // a walk ends when not continued within
	maxAge time.Duration // a walk may not see older data than this
	list   []*walk

	started uint64 // walks begun, until someone has counted them
}

// find returns the walk that a request continues, or nil.
func (c *walks) find(context string, txn uint32, ranges []rawRange, now time.Time) *walk {
	var best *walk
	var bestOff time.Duration
	for _, w := range c.list {
		if w.context != context || c.over(w, now) {
			continue
		}
		if w.txn == txn {
			return w
		}
		if !w.continuedBy(ranges) {
			continue
		}
		if off := (now.Sub(w.used) - w.gap).Abs(); best == nil || off < bestOff {
			best, bestOff = w, off
		}
	}
	return best
}

func (w *walk) continuedBy(ranges []rawRange) bool {
	for _, c := range w.cursors {
		for i := range ranges {
			if string(c) == string(ranges[i].start) {
				return true
			}
			if i == 7 { // a request that goes on, goes on in its first columns
				break
			}
		}
	}
	return false
}

func (c *walks) over(w *walk, now time.Time) bool {
	return now.Sub(w.used) > c.hold || now.Sub(w.began) > c.maxAge
}

// start begins a walk in snap and returns it; the walk unused for longest makes
// room if need be.
func (c *walks) start(context string, snap *Snapshot, now time.Time) *walk {
	c.started++
	w := &walk{}
	if len(c.list) < maxWalks {
		c.list = append(c.list, w)
	} else {
		oldest := 0
		for i := range c.list {
			if c.list[i].used.Before(c.list[oldest].used) {
				oldest = i
			}
		}
		w = c.list[oldest]
	}
	*w = walk{snap: snap, context: context, began: now, used: now, cursors: w.cursors[:0]}
	return w
}

// expire forgets the walks that are over, so that their Snapshots can be freed,
// and returns when to look again, the zero time if never.
func (c *walks) expire(now time.Time) time.Time {
	var next time.Time
	kept := c.list[:0]
	for _, w := range c.list {
		if c.over(w, now) {
			continue
		}
		kept = append(kept, w)
		if at := w.used.Add(c.hold + time.Millisecond); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	clear(c.list[len(kept):])
	c.list = kept
	return next
}

// take makes the walk go on with the transaction txn.
func (w *walk) take(txn uint32, now time.Time) {
	if w.txn != txn {
		w.gap = now.Sub(w.used)
	}
	w.txn, w.used = txn, now
	w.cursors = w.cursors[:0]
}

// answered notes a name given to the walk.
func (w *walk) answered(name []byte) {
	n := len(w.cursors)
	if n == maxCursors {
		oldest := w.cursors[0]
		copy(w.cursors, w.cursors[1:])
		w.cursors[n-1] = append(oldest[:0], name...)
		return
	}
	if n == cap(w.cursors) {
		w.cursors = append(w.cursors, nil)
	}
	w.cursors = w.cursors[:n+1]
	w.cursors[n] = append(w.cursors[n][:0], name...)
}
