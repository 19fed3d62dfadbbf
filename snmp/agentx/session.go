// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Sizes of the buffers of a session, in bytes. Answers to pipelined requests
// are written together, but not more than flushAt before the first is out.
const (
	readBuffer = 16 << 10
	flushAt    = 64 << 10
)

// goodbye is the longest that the last PDU of a session may take to write.
const goodbye = 500 * time.Millisecond

// session is one connection to the master. One goroutine owns it: it sleeps in
// Read with a deadline at the next thing to do, and wake pulls that deadline in.
type session struct {
	c     *Client
	ctx   context.Context
	conn  net.Conn
	awake atomic.Bool // set by wake, so that a deadline set meanwhile is not slept on

	id      uint32
	open    bool
	flags   Flags // byte order of what we send first
	in      []byte
	inStart int
	inEnd   int
	out     writer
	server  server
	sets    setter

	packetID  uint32
	pending   map[uint32]*call // our requests without an answer, by h.packetID
	backoff   Backoff
	refused   []Registration // to be registered again at retryAt
	retryAt   time.Time
	heard     time.Time
	pinging   bool
	notifying bool
	expireAt  time.Time
}

// call is one request of ours. done is called once, with the answer or with why
// there is none; an error it returns ends the session.
type call struct {
	context  string
	flags    Flags
	body     Body
	deadline time.Time
	done     func(sessionID uint32, res Response, err error) error
}

func newSession(ctx context.Context, c *Client, conn net.Conn) *session {
	s := &session{
		c: c, ctx: ctx, conn: conn, in: make([]byte, readBuffer), pending: make(map[uint32]*call),
		backoff: c.cfg.Backoff, heard: time.Now(),
		server: server{
			handler: c.cfg.Handler, limits: c.cfg.Limits,
			walks: walks{hold: c.cfg.WalkHold, maxAge: c.cfg.WalkMaxAge},
		},
		sets: setter{handler: c.cfg.Set, timeout: c.cfg.Timeout},
	}
	if !c.cfg.LittleEndian {
		s.flags = FlagNetworkByteOrder
	}
	return s
}

// wake makes the session look at the queues soon; any goroutine may call it.
func (s *session) wake() {
	s.awake.Store(true)
	s.conn.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // a dead connection wakes by itself
}

// stop interrupts whatever the session waits for; its context has ended.
func (s *session) stop() {
	s.wake()
	s.conn.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // as above
}

// run serves the session until it fails or the context ends; the error says why.
func (s *session) run() error {
	if err := s.start(); err != nil {
		return err
	}
	for {
		now := time.Now()
		if err := s.consume(now); err != nil {
			return err
		}
		next, err := s.work(now)
		if err != nil {
			return err
		}
		if err := s.flush(); err != nil {
			return err
		}
		if err := s.read(next); err != nil {
			return err
		}
	}
}

// read waits until next for bytes from the master.
func (s *session) read(next time.Time) error {
	if s.inStart == s.inEnd {
		s.inStart, s.inEnd = 0, 0
	}
	if err := s.conn.SetReadDeadline(next); err != nil {
		return fmt.Errorf("read from AgentX master: %w", err)
	}
	if s.awake.Swap(false) { // a wake before the deadline was set; a later one cuts Read short
		return s.ctx.Err()
	}
	n, err := s.conn.Read(s.in[s.inEnd:])
	s.inEnd += n
	if n > 0 {
		s.heard = time.Now()
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("read from AgentX master: %w", err)
	}
	return s.ctx.Err()
}

// flush writes what was appended to s.out.
func (s *session) flush() error {
	if len(s.out.b) == 0 {
		return nil
	}
	err := s.conn.SetWriteDeadline(time.Now().Add(s.c.cfg.Timeout))
	if s.ctx.Err() != nil { // stop may have been before the deadline was set
		return s.ctx.Err()
	}
	if err == nil {
		_, err = s.conn.Write(s.out.b)
	}
	if cap(s.out.b) > 4*flushAt {
		s.out.b = nil
	}
	s.out.b = s.out.b[:0]
	if errors.Is(err, os.ErrDeadlineExceeded) && s.ctx.Err() == nil {
		return fmt.Errorf("write to AgentX master: %w", ErrTimeout)
	}
	if err != nil {
		return fmt.Errorf("write to AgentX master: %w", err)
	}
	return nil
}

// consume handles every complete PDU that was read, and makes room for the rest
// of an incomplete one.
func (s *session) consume(now time.Time) error {
	for {
		b := s.in[s.inStart:s.inEnd]
		h, err := DecodeHeader(b, s.c.cfg.Limits)
		n := HeaderLen + h.PayloadLen
		if errors.Is(err, ErrShort) || err == nil && len(b) < n {
			s.room(n)
			return nil
		}
		if err == nil {
			err = s.handle(h, b[HeaderLen:n], now)
		}
		if err != nil {
			return err
		}
		s.inStart += n
		if len(s.out.b) >= flushAt {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
}

// room makes the input buffer hold n bytes from inStart on.
func (s *session) room(n int) {
	if s.inStart+n <= len(s.in) && s.inEnd < len(s.in) {
		return
	}
	to := s.in
	if n > len(s.in) {
		to = make([]byte, n)
	}
	s.inEnd = copy(to, s.in[s.inStart:s.inEnd])
	s.in, s.inStart = to, 0
}

// handle acts on one PDU of the master (RFC 2741 §7.2.2).
func (s *session) handle(h Header, payload []byte, now time.Time) error {
	count := &s.c.count
	count.requests[h.Type].Add(1)
	switch h.Type {
	case TypeResponse:
		return s.response(h, payload)
	case TypeClose:
		m, err := decodePayload(h, payload, s.c.cfg.Limits)
		if err != nil {
			return err
		}
		return fmt.Errorf("AgentX master closed the session: %s", m.Body.(Close).Reason)
	case TypeGet, TypeGetNext, TypeGetBulk, TypeTestSet, TypeCommitSet, TypeUndoSet, TypeCleanupSet:
	case TypeOpen, TypeRegister, TypeUnregister, TypeNotify, TypePing, TypeIndexAllocate, TypeIndexDeallocate,
		TypeAddAgentCaps, TypeRemoveAgentCaps:
		return fmt.Errorf("%w: %s from the master", ErrProtocol, h.Type)
	}
	if !s.open || h.SessionID != s.id {
		count.notOpen.Add(1)
		if h.Type != TypeCleanupSet {
			s.respond(h, Response{Error: NotOpen})
		}
		return nil
	}
	if h.Type == TypeGet || h.Type == TypeGetNext || h.Type == TypeGetBulk {
		err := s.server.serve(&s.out, h, payload, now)
		count.varBinds.Add(uint64(s.server.served))
		count.walksStarted.Add(s.server.walks.started)
		s.server.walks.started = 0
		return err
	}
	m, err := decodePayload(h, payload, s.c.cfg.Limits)
	if err != nil {
		return err
	}
	if res, answer := s.sets.handle(s.ctx, m, now); answer {
		if res.Error != NoError {
			count.setErrors.Add(1)
		}
		s.respond(h, res)
	}
	return nil
}

// respond appends a Response without variables to the request h.
func (s *session) respond(h Header, res Response) {
	start := beginResponse(&s.out, h)
	failResponse(&s.out, start, res.Error, int(res.Index))
	s.out.finish(start)
}

// response hands an answer of the master to the call that waits for it.
func (s *session) response(h Header, payload []byte) error {
	m, err := decodePayload(h, payload, s.c.cfg.Limits)
	if err != nil {
		return err
	}
	call := s.pending[m.PacketID]
	if call == nil || s.open && m.SessionID != s.id {
		s.c.count.stray.Add(1)
		return nil
	}
	delete(s.pending, m.PacketID)
	res := m.Body.(Response)
	if res.Error == NoError {
		return call.done(m.SessionID, res, nil)
	}
	refusal := &ResponseError{Request: call.body.pduType(), Status: res.Error, Index: int(res.Index)}
	if err := call.done(m.SessionID, res, refusal); err != nil {
		return err
	}
	if res.Error == NotOpen { // the master has forgotten the session
		return fmt.Errorf("%w: %w", ErrSessionLost, refusal)
	}
	return nil
}

// send appends a request of ours; k.done will be called.
func (s *session) send(now time.Time, k *call) error {
	s.packetID++
	m := Message{Flags: s.flags | k.flags, SessionID: s.id, PacketID: s.packetID, Context: k.context, Body: k.body}
	if m.Context != "" {
		m.Flags |= FlagNonDefaultContext
	}
	out, err := AppendMessage(s.out.b, m)
	if err != nil {
		return k.done(s.id, Response{}, err)
	}
	s.out.b = out
	k.deadline = now.Add(s.c.cfg.Timeout)
	s.pending[s.packetID] = k
	return nil
}

// close ends the session because of err: it tells the master, closes the
// connection, and gives every call its outcome.
func (s *session) close(err error) {
	count := &s.c.count
	reason := CloseOther
	switch {
	case s.ctx.Err() != nil:
		reason, err = CloseShutdown, ErrClosed
	case errors.Is(err, ErrMalformed):
		reason = CloseParseError
		count.malformed.Add(1)
	case errors.Is(err, ErrProtocol):
		reason = CloseProtocolError
		count.protocol.Add(1)
	case errors.Is(err, ErrTimeout):
		reason = CloseTimeouts
		count.timeouts.Add(1)
	}
	wasOpen := s.open
	s.detach()
	if wasOpen {
		m := Message{Flags: s.flags, SessionID: s.id, PacketID: s.packetID + 1, Body: Close{Reason: reason}}
		if b, encodeErr := AppendMessage(nil, m); encodeErr == nil && s.conn.SetWriteDeadline(time.Now().Add(goodbye)) == nil {
			s.conn.Write(b) //nolint:errcheck // a courtesy; the connection is closed next
		}
	}
	s.conn.Close() //nolint:errcheck // nothing is left to be lost
	s.fail(err)
	s.sets.close()
	if reason == CloseShutdown {
		return
	}
	if wasOpen {
		count.disconnects.Add(1)
		s.c.notice(Notice{Kind: NoticeDisconnected, Err: err})
	} else {
		count.dialErrors.Add(1)
		s.c.notice(Notice{Kind: NoticeUnreachable, Err: err})
	}
}
