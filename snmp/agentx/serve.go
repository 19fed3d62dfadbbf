// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import "time"

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
	ok, known := true, true
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
	i := wk.snap.next(*r)
	if i < 0 {
		appendVarBind(w, r.start, Exception(EndOfMibView))
		return false
	}
	row := &wk.snap.rows[i]
	appendVarBind(w, row.Name.b, row.Value)
	wk.answered(row.Name)
	at := len(s.arena)
	s.arena = append(s.arena, row.Name.b...)
	r.start, r.include = s.arena[at:len(s.arena):len(s.arena)], false
	return true
}
