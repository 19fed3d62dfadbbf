// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bell is a second socket beside a Receiver. It hears the few adverts of the
// Receiver's that somebody must look at as they come, while all the others may
// wait for each other. It only rings: what it heard is read from the Receiver,
// in the order in which it came.
type Bell struct {
	fd     int
	listen Listen
	byte   byte
}

// NewBell opens a Bell that rings for adverts of priority 0 and for all those
// of the given virtual routers. Packets that came before it was there do not
// ring. It needs CAP_NET_RAW, and a Receiver that has joined the group.
func NewBell(l Listen, of *VRIDs) (*Bell, error) {
	fd, err := l.socket()
	if err != nil {
		return nil, err
	}
	b := &Bell{fd: fd, listen: l}
	if err = b.Tune(of); err == nil {
		// One packet is enough, and the kernel takes one however little room there is.
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
	}
	if err == nil {
		err = l.bind(fd)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for urgent adverts for %s on interface %d: %w", l.Addr, l.IfIndex, err), unix.Close(fd))
	}
	return b, nil
}

// Tune lets it ring for other virtual routers. It may wait for the kernel's
// memory, so a loop leaves it to another goroutine.
func (b *Bell) Tune(of *VRIDs) error { return filter(b.fd, urgent(b.listen.Family, b.listen.AH, of)) }

// FD is the descriptor, for Poller.AddBell.
func (b *Bell) FD() int { return b.fd }

// quietMost bounds how many packets Quiet takes out; more ring again.
const quietMost = 16

// Quiet makes it ring no more for what it has heard so far.
func (b *Bell) Quiet() {
	for range quietMost {
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(b.fd), uintptr(unsafe.Pointer(&b.byte)), 1, unix.MSG_DONTWAIT, 0, 0)
		if errno == unix.EAGAIN {
			return
		}
	}
}

// Close closes the socket.
func (b *Bell) Close() error { return unix.Close(b.fd) }
