// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/vigild/vigild/engine/event"
)

// Reasons that whatever opens a connection, and whatever reads from one, may have.
var (
	connectReasons = []event.Reason{
		event.FailConnectRefused, event.FailConnectTimeout, event.FailConnectUnreachable, event.FailConnectionClosed, event.FailLocalResource,
	}
	readReasons = append(slices.Clip(connectReasons), event.FailReadTimeout, event.FailProtocol, event.FailReplyTooLong)
)

// connectReason says why there is no connection. local means that no packet left.
func connectReason(errno syscall.Errno, local bool) event.Reason {
	switch errno {
	case syscall.ECONNREFUSED:
		return event.FailConnectRefused
	case syscall.ETIMEDOUT:
		return event.FailConnectTimeout
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN:
		return event.FailConnectUnreachable
	case syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED:
		return event.FailConnectionClosed
	}
	if local {
		return event.FailLocalResource
	}
	// What an ICMP message says beyond that (protocol unreachable, administratively prohibited) means the same.
	return event.FailConnectUnreachable
}

// isTimeout tells whether time ran out.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT)
}

// ioReason says why reading or writing did not go on.
func ioReason(err error) event.Reason {
	var errno syscall.Errno
	switch {
	case isTimeout(err):
		return event.FailReadTimeout
	case errors.Is(err, errTooLong):
		return event.FailReplyTooLong
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled), errors.Is(err, os.ErrClosed), errors.Is(err, net.ErrClosed):
		return event.FailConnectionClosed
	case errors.As(err, &errno):
		return connectReason(errno, true)
	}
	return event.FailProtocol
}

// errTooLong: the server said more than is read.
var errTooLong = errors.New("the reply is longer than what is read of it")
