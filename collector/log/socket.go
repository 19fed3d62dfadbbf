// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// sendMax is how long a log daemon may take to accept a line.
	sendMax = 200 * time.Millisecond
	// redial is the least time between two attempts to reach one that is away.
	redial = time.Second
	// datagramMax is the longest datagram that is sent.
	datagramMax = 32 << 10
)

var errAway = errors.New("the log daemon is away")

// socket sends datagrams to a log daemon and comes back to one that was
// restarted.
type socket struct {
	path   string
	stream bool
	conn   net.Conn
	// rest is until when the daemon is left alone.
	rest time.Time
}

// send sends one message, over a new connection if the old one is dead. A
// daemon that is away or does not read is left alone for a while, so that its
// lines cost no time.
func (s *socket) send(b []byte) error {
	if time.Now().Before(s.rest) {
		return errAway
	}
	if s.conn != nil {
		err := s.put(b)
		if err == nil {
			return nil
		}
		if isTimeout(err) {
			s.rest = time.Now().Add(redial)
			return err
		}
		s.close()
	}
	err := s.dial()
	if err == nil {
		err = s.put(b)
	}
	if err != nil {
		s.rest = time.Now().Add(redial)
	}
	return err
}

func (s *socket) dial() (err error) {
	d := net.Dialer{Timeout: sendMax}
	s.stream = false
	if s.conn, err = d.Dial("unixgram", s.path); err == nil {
		return nil
	}
	s.stream = true // some daemons listen for streams
	if s.conn, err = d.Dial("unix", s.path); err == nil {
		return nil
	}
	s.conn = nil
	return fmt.Errorf("log daemon: %w", err)
}

func (s *socket) put(b []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(sendMax)); err != nil {
		return fmt.Errorf("log daemon: %w", err)
	}
	if s.stream {
		b = append(b, 0)
	}
	if _, err := s.conn.Write(b); err != nil {
		return fmt.Errorf("log daemon: %w", err)
	}
	return nil
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

func (s *socket) close() {
	if s.conn != nil {
		_ = s.conn.Close() // nothing is kept in it
		s.conn = nil
	}
}
