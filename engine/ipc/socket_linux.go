// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// fdsMax is how many descriptors come along with one frame at most.
const fdsMax = 8

// sendBuffer lets a burst of some hundred frames pass without a wake-up of the
// writer for each.
const sendBuffer = 1 << 20

// SocketPair returns the two ends of a SOCK_SEQPACKET pair: one to be
// inherited by a worker, one to keep. Both are close-on-exec.
func SocketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "link"), os.NewFile(uintptr(fds[1]), "link"), nil
}

// Socket makes a link of one end of a SOCK_SEQPACKET pair and takes the file over.
func Socket(f *os.File) (*Link, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("link on %s: %w", f.Name(), err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok || u.LocalAddr().Network() != "unixpacket" {
		c.Close()
		return nil, fmt.Errorf("link on %s: not a SEQPACKET socket", f.Name())
	}
	// Refused only under a small net.core.wmem_max, and then it still works.
	_ = u.SetWriteBuffer(sendBuffer)
	return newLink(&socket{conn: u, buf: make([]byte, MaxFrame+1), oob: make([]byte, unix.CmsgSpace(4*fdsMax))}), nil
}

type socket struct {
	conn     *net.UnixConn
	buf, oob []byte
}

func (s *socket) write(f *Frame) (int, error) {
	defer closeAll(f.FDs)
	messages, lost, err := Encode(f)
	if err != nil {
		return lost, err
	}
	var rights []byte
	if len(f.FDs) > 0 {
		rights = unix.UnixRights(f.FDs...)
	}
	for _, m := range messages {
		if _, _, err := s.conn.WriteMsgUnix(m, rights, nil); err != nil {
			return lost, fmt.Errorf("send %s frame: %w", f.Type, err)
		}
		rights = nil
	}
	return lost, nil
}

func (s *socket) read() (Frame, error) {
	n, oobn, flags, _, err := s.conn.ReadMsgUnix(s.buf, s.oob)
	if errors.Is(err, unix.ECONNRESET) {
		// The peer died with frames of ours unread. What it sent before is still
		// there, and the kernel gives this error only once.
		n, oobn, flags, _, err = s.conn.ReadMsgUnix(s.buf, s.oob)
	}
	if err != nil {
		return Frame{}, err
	}
	fds, err := rightsOf(s.oob[:oobn])
	if err != nil {
		return Frame{}, err
	}
	if n == 0 {
		closeAll(fds)
		return Frame{}, io.EOF
	}
	if flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		closeAll(fds)
		return Frame{}, fmt.Errorf("receive frame: %w", ErrTooLarge)
	}
	f, err := Decode(s.buf[:n])
	if err != nil {
		closeAll(fds)
		return Frame{}, err
	}
	f.FDs = fds
	return f, nil
}

func (s *socket) close() error { return s.conn.Close() }

func rightsOf(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("receive descriptors: %w", err)
	}
	var fds []int
	for i := range msgs {
		got, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue
		}
		fds = append(fds, got...)
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// isReset recognises a peer that died with unread frames.
func isReset(err error) bool {
	return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}

// Dup returns a descriptor of the file for Frame.FDs, which is closed when the
// frame was sent; the file stays open.
func Dup(f *os.File) (int, error) {
	c, err := f.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("pass %s: %w", f.Name(), err)
	}
	fd, dupErr := -1, error(nil)
	err = c.Control(func(old uintptr) { fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) })
	if err = errors.Join(err, dupErr); err != nil {
		return -1, fmt.Errorf("pass %s: %w", f.Name(), err)
	}
	return fd, nil
}

// Drop closes the descriptors of a frame that nobody has a use for.
func (f *Frame) Drop() {
	closeAll(f.FDs)
	f.FDs = nil
}
