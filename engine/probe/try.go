// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// limits bound an attempt in time.
type limits struct {
	// step is what a connection, and each read or write, may take (connect_timeout).
	step time.Duration
}

// whole is what all of an attempt may take, as a multiple of step. compat: keepalived bounds each read only, so that a
// server that says a byte now and then holds its check for ever.
const whole = 6

// try is one attempt under way: its connection, its phases and its outcome.
type try struct {
	limits
	ctx   context.Context
	to    *Target
	conn  net.Conn
	wire  *wire // below conn, if that is TLS
	out   health.Outcome
	began time.Time
	last  time.Time // end of the last phase
	until time.Time // end of the whole attempt
	stop  func() bool
}

func begin(ctx context.Context, l limits, to *Target) *try {
	now := time.Now()
	t := &try{limits: l, ctx: ctx, to: to, began: now, last: now, until: now.Add(whole * l.step)}
	if end, ok := ctx.Deadline(); ok && end.Before(t.until) {
		t.until = end
	}
	return t
}

// attempt runs one attempt: what it does fails it, or it passes.
func attempt(ctx context.Context, l limits, to *Target, do func(*try) bool) health.Outcome {
	t := begin(ctx, l, to)
	if do(t) {
		t.pass()
	}
	t.end()
	return t.out
}

// end closes the connection and says how long it all took.
func (t *try) end() {
	if t.stop != nil {
		t.stop()
	}
	if t.conn != nil {
		_ = t.conn.Close() // what it could say changes nothing
	}
	t.out.Total = time.Since(t.began)
}

func (t *try) pass() {
	t.out.Pass, t.out.Reason, t.out.Detail, t.out.Phase = true, event.ReasonNone, "", event.PhaseNone
}

// fail ends the attempt; it gives false, so that it can be returned.
func (t *try) fail(phase event.Phase, why event.Reason, detail string) bool {
	const most = 160
	if len(detail) > most {
		detail = detail[:most]
	}
	t.out.Pass, t.out.Phase, t.out.Reason, t.out.Detail = false, phase, why, detail
	return false
}

// failed ends the attempt with an error of reading or writing.
func (t *try) failed(phase event.Phase, err error) bool {
	return t.fail(phase, ioReason(err), plain(err))
}

// plain gives the words of an error without the addresses that the event has already.
func plain(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		err = op.Err
	}
	if sys, ok := errors.AsType[*os.SyscallError](err); ok {
		err = sys.Err
	}
	if isTimeout(err) {
		return "no answer in time"
	}
	return err.Error()
}

// done ends a timed phase, which may be a part of one that was timed before.
func (t *try) done(phase event.Phase) {
	now := time.Now()
	if i, ok := phase.TimedIndex(); ok {
		t.out.Phases[i] += now.Sub(t.last)
	}
	t.last = now
}

// deadline gives the time by which the next step must have ended.
func (t *try) deadline() time.Time {
	if d := time.Now().Add(t.step); d.Before(t.until) {
		return d
	}
	return t.until
}

// arm gives the next read or write its time.
func (t *try) arm() { _ = t.conn.SetDeadline(t.deadline()) } // a closed connection says so when it is used

// connect opens the connection: tcp or udp.
func (t *try) connect(network string) bool {
	ctx, cancel := context.WithDeadline(t.ctx, t.deadline())
	defer cancel()
	d := net.Dialer{KeepAlive: -1, LocalAddr: t.local(network), ControlContext: t.control}
	conn, err := d.DialContext(ctx, network, t.to.To.String())
	t.done(event.PhaseConnect)
	if err != nil {
		why := event.FailLocalResource
		var errno syscall.Errno
		switch {
		case isTimeout(err):
			why = event.FailConnectTimeout
		case errors.As(err, &errno):
			why = connectReason(errno, true)
		}
		return t.fail(event.PhaseConnect, why, plain(err))
	}
	t.conn = conn
	t.stop = context.AfterFunc(t.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return true
}

// local gives the source as package net wants it.
func (t *try) local(network string) net.Addr {
	from := t.to.From
	if !from.Addr().IsValid() && from.Port() == 0 {
		return nil
	}
	if network == "udp" {
		return net.UDPAddrFromAddrPort(from)
	}
	return net.TCPAddrFromAddrPort(from)
}

// control prepares the socket before it is bound.
func (t *try) control(_ context.Context, network, _ string, c syscall.RawConn) error {
	var err error
	cerr := c.Control(func(fd uintptr) {
		if t.to.Mark != 0 {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(t.to.Mark))
		}
		if err == nil && t.to.Interface != "" {
			err = unix.SetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE, t.to.Interface)
		}
		if err == nil && t.to.From.Port() != 0 {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			if err == nil && network[:3] == "tcp" {
				// A fixed port that went through a full close could not be used again for a minute.
				err = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			}
		}
	})
	return errors.Join(cerr, err)
}
