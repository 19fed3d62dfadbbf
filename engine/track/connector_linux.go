// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// The process connector of the kernel (linux/cn_proc.h): netlink messages, each
// with a header of 20 bytes in front of the event.
const (
	cnIdxProc, cnValProc = 1, 1
	cnListen             = 1
	cnHeader             = 20
	cnWhat               = cnHeader
	cnPID                = cnHeader + 16 // after what, cpu and the time stamp

	procFork = 0x00000001
	procExec = 0x00000002
	procComm = 0x00000200
	procExit = 0x80000000
)

// connector tells of processes that begin and end.
type connector struct {
	file    *os.File
	changes chan change
	done    chan struct{}
}

func openConnector() (*connector, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("process connector: %w", err)
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnIdxProc}), subscribe(fd)); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("process connector: %w", err)
	}
	c := &connector{file: os.NewFile(uintptr(fd), "process connector"), changes: make(chan change, 256), done: make(chan struct{})}
	go c.follow()
	return c, nil
}

func subscribe(fd int) error {
	b := make([]byte, unix.NLMSG_HDRLEN+cnHeader+4)
	h := binary.NativeEndian
	h.PutUint32(b[0:], uint32(len(b)))
	h.PutUint16(b[4:], unix.NLMSG_DONE)
	h.PutUint32(b[12:], uint32(os.Getpid()))
	m := b[unix.NLMSG_HDRLEN:]
	h.PutUint32(m[0:], cnIdxProc)
	h.PutUint32(m[4:], cnValProc)
	h.PutUint16(m[16:], 4)
	h.PutUint32(m[cnHeader:], cnListen)
	return unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func (c *connector) close() {
	close(c.done)
	c.file.Close()
}

func (c *connector) follow() {
	defer close(c.changes)
	buf := make([]byte, 16<<10)
	for {
		n, err := c.file.Read(buf)
		var out change
		switch {
		case errors.Is(err, unix.ENOBUFS): // some were missed
		case err != nil:
			return
		default:
			var ok bool
			if out, ok = parseChange(buf[:n]); !ok {
				continue
			}
		}
		select {
		case c.changes <- out:
		case <-c.done:
			return
		}
	}
}

// parseChange reads one message; threads are left out.
func parseChange(b []byte) (change, bool) {
	h := binary.NativeEndian
	if len(b) < unix.NLMSG_HDRLEN+cnPID+16 {
		return change{}, false
	}
	m := b[unix.NLMSG_HDRLEN:]
	if h.Uint32(m[0:]) != cnIdxProc || h.Uint32(m[4:]) != cnValProc {
		return change{}, false
	}
	pid, tgid := int(h.Uint32(m[cnPID:])), int(h.Uint32(m[cnPID+4:]))
	switch h.Uint32(m[cnWhat:]) {
	case procFork:
		// Its first two fields are the parent's.
		pid, tgid = int(h.Uint32(m[cnPID+8:])), int(h.Uint32(m[cnPID+12:]))
		return change{pid: pid}, pid == tgid
	case procExec, procComm:
		return change{pid: pid}, pid == tgid
	case procExit:
		return change{pid: pid, gone: true}, pid == tgid
	}
	return change{}, false
}
