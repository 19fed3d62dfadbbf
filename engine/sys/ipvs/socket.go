// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// socket is a generic netlink socket. The kernel does what is sent to it before
// the system call returns, so nothing here ever waits for long.
type socket int

func newSocket() (socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return -1, err
	}
	s := socket(fd)
	// Errors without the message they are about: many fit into the buffer.
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerTime}),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
	)
	if err != nil {
		return -1, errors.Join(err, s.close())
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveRoom) != nil {
		// Not ours to force; the usual room holds a batch of errors too.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveRoom)
	}
	return s, nil
}

func (s socket) send(b []byte) error {
	for {
		err := unix.Sendto(int(s), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (s socket) receive(b []byte) (int, error) {
	for {
		n, _, flags, from, err := unix.Recvmsg(int(s), b, nil, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, fmt.Errorf("no answer of the kernel within %d s", answerTime)
		case err != nil:
			return 0, err
		case flags&unix.MSG_TRUNC != 0:
			return 0, errMalformed
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue // not the kernel
		}
		return n, nil
	}
}

func (s socket) close() error { return unix.Close(int(s)) }
