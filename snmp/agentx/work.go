// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package agentx

import (
	"errors"
	"fmt"
	"time"
)

// start asks the master for a session (RFC 2741 §7.1.1).
func (s *session) start() error {
	cfg := &s.c.cfg
	k := &call{
		body: Open{Timeout: wholeSeconds(cfg.SessionTimeout), ID: cfg.ID, Descr: cfg.Descr},
		done: func(id uint32, _ Response, err error) error {
			if err != nil {
				return err
			}
			s.id, s.open = id, true
			s.c.count.connects.Add(1)
			s.c.count.connected.Store(true)
			s.c.notice(Notice{Kind: NoticeConnected})
			return s.claim()
		},
	}
	return s.send(time.Now(), k)
}

// claim attaches the session and asks the master again for everything that is
// wanted. From now on new wishes are sent as calls.
func (s *session) claim() error {
	now := time.Now()
	c := s.c
	c.mu.Lock()
	c.live = s
	calls := make([]*call, 0, len(c.caps)+len(c.indexes)+len(c.wanted))
	for _, a := range c.caps {
		calls = append(calls, &call{context: a.Context, body: AddAgentCaps{ID: a.ID, Descr: a.Descr}, done: ignoreRefusal})
	}
	for _, x := range c.indexes {
		calls = append(calls, &call{context: x.context, body: IndexAllocate{VarBinds: []VarBind{x.bind}}, done: ignoreRefusal})
	}
	for _, r := range c.wanted {
		calls = append(calls, s.registerCall(r, nil))
	}
	c.mu.Unlock()
	for _, k := range calls {
		if err := s.send(now, k); err != nil {
			return err
		}
	}
	return nil
}

// ignoreRefusal is for claims the session can do without.
func ignoreRefusal(uint32, Response, error) error { return nil }

// registerCall claims r; one that the master refuses, because another subagent
// holds it, is claimed again later. told, if not nil, gets the outcome.
func (s *session) registerCall(r Registration, told func(error)) *call {
	return &call{
		context: r.Context, flags: r.flags(), body: r.register(),
		done: func(_ uint32, _ Response, err error) error {
			var refusal *ResponseError
			switch {
			case err == nil:
				s.c.count.registered.Add(1)
				s.c.notice(Notice{Kind: NoticeRegistered, Registration: r})
			case errors.As(err, &refusal):
				s.c.count.refused.Add(1)
				s.c.notice(Notice{Kind: NoticeRefused, Registration: r, Err: err})
				s.refused = append(s.refused, r)
				if s.retryAt.IsZero() {
					s.retryAt = time.Now().Add(s.backoff.next(0))
				}
			}
			if told != nil {
				told(err)
			}
			return nil
		},
	}
}

// work does what is due and returns when something will be due next.
func (s *session) work(now time.Time) (time.Time, error) {
	next := now.Add(time.Hour)
	if s.open {
		if err := s.sendQueued(now); err != nil {
			return next, err
		}
		next = s.housekeep(now)
		if at, err := s.ping(now); err != nil {
			return next, err
		} else if at.Before(next) {
			next = at
		}
	}
	for _, k := range s.pending {
		if !k.deadline.After(now) {
			return next, fmt.Errorf("%s: %w", k.body.pduType(), ErrTimeout)
		}
		if k.deadline.Before(next) {
			next = k.deadline
		}
	}
	return next, nil
}

// sendQueued sends the calls of other goroutines, the registrations that are to
// be tried again, and the next notification.
func (s *session) sendQueued(now time.Time) error {
	s.c.mu.Lock()
	calls := s.c.calls
	s.c.calls = nil
	s.c.mu.Unlock()
	if !s.retryAt.IsZero() && !now.Before(s.retryAt) {
		for _, r := range s.refused {
			if s.c.wants(r) {
				calls = append(calls, s.registerCall(r, nil))
			}
		}
		s.refused, s.retryAt = nil, time.Time{}
	}
	for _, k := range calls {
		if err := s.send(now, k); err != nil {
			return err
		}
	}
	if s.notifying {
		return nil
	}
	s.c.queue.expire(now, s.c.cfg.NotifyMaxAge)
	if n := s.c.queue.head(); n != nil {
		return s.notify(now, n)
	}
	return nil
}

// notify sends the first notification of the queue; it leaves the queue when
// its outcome is known.
func (s *session) notify(now time.Time, n *queued) error {
	if n.tries > 0 {
		s.c.count.notifyRetried.Add(1)
	}
	n.tries++
	s.notifying = true
	return s.send(now, &call{context: n.context, body: Notify{VarBinds: n.binds}, done: func(_ uint32, _ Response, err error) error {
		s.notifying = false
		var refusal *ResponseError
		again := err != nil && !errors.Is(err, ErrClosed) && !errors.As(err, &refusal)
		if !again || n.tries >= s.c.cfg.NotifyTries {
			s.c.queue.pop(err)
		}
		return nil
	}})
}

// ping asks a silent master for a sign of life and returns when to look again.
func (s *session) ping(now time.Time) (time.Time, error) {
	every := s.c.cfg.PingInterval
	if every < 0 || s.pinging {
		return now.Add(time.Hour), nil
	}
	if at := s.heard.Add(every); at.After(now) {
		return at, nil
	}
	s.pinging = true
	s.c.count.pings.Add(1)
	err := s.send(now, &call{body: Ping{}, done: func(uint32, Response, error) error {
		s.pinging = false
		return nil
	}})
	return now.Add(time.Hour), err
}

// housekeep forgets walks and set transactions that are over, now and then, and
// returns when it or the registrations want attention next.
func (s *session) housekeep(now time.Time) time.Time {
	next := now.Add(time.Hour)
	if !s.retryAt.IsZero() && s.retryAt.Before(next) {
		next = s.retryAt
	}
	busy := len(s.server.walks.list) > 0 || len(s.sets.open) > 0
	if busy && s.expireAt.IsZero() {
		s.expireAt = now.Add(s.c.cfg.WalkHold)
	}
	if !s.expireAt.IsZero() && !now.Before(s.expireAt) {
		s.expireAt = time.Time{}
		s.server.walks.expire(now)
		s.sets.expire(now)
		if len(s.server.walks.list) > 0 || len(s.sets.open) > 0 {
			s.expireAt = now.Add(s.c.cfg.WalkHold)
		}
	}
	if !s.expireAt.IsZero() && s.expireAt.Before(next) {
		next = s.expireAt
	}
	return next
}

// detach makes the Client forget the session; calls that come later are refused.
func (s *session) detach() {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = nil
	s.open = false
	c.count.connected.Store(false)
	c.count.registered.Store(0)
}

// fail gives every call that waits, sent or not, its outcome. A time-out is told
// as such; any other cause is a lost session.
func (s *session) fail(err error) {
	if !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrClosed) {
		err = fmt.Errorf("%w: %w", ErrSessionLost, err)
	}
	s.c.mu.Lock()
	unsent := s.c.calls
	s.c.calls = nil
	s.c.mu.Unlock()
	for _, k := range s.pending {
		k.done(s.id, Response{}, err) //nolint:errcheck // the session has ended already
	}
	clear(s.pending)
	for _, k := range unsent {
		k.done(s.id, Response{}, err) //nolint:errcheck // as above
	}
}

// wholeSeconds rounds up to what a PDU's timeout field holds.
func wholeSeconds(d time.Duration) uint8 {
	return uint8(max(0, min(255, (d+time.Second-1)/time.Second)))
}
