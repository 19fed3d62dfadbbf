// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const allSeals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// Sealed returns a memory file with the given contents that nobody can change
// any more. The name is only seen in /proc.
func Sealed(name string, contents []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("create memory file %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(contents); err != nil {
		return nil, errors.Join(fmt.Errorf("fill memory file %s: %w", name, err), f.Close())
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, allSeals); err != nil {
		return nil, errors.Join(fmt.Errorf("seal memory file %s: %w", name, err), f.Close())
	}
	return f, nil
}

// ReadSealed returns the contents of a memory file made by Sealed. It refuses
// one that could still change or that is larger than max bytes. The file's
// offset does not matter and is not moved.
func ReadSealed(f *os.File, max int64) ([]byte, error) {
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil {
		return nil, fmt.Errorf("read seals of %s: %w", f.Name(), err)
	}
	if seals&allSeals != allSeals {
		return nil, fmt.Errorf("memory file %s is not sealed", f.Name())
	}
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("size of %s: %w", f.Name(), err)
	}
	if st.Size() > max {
		return nil, fmt.Errorf("memory file %s has %d bytes, more than %d", f.Name(), st.Size(), max)
	}
	out := make([]byte, st.Size())
	if _, err := f.ReadAt(out, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return out, nil
}

// SeqPacketPair returns the two ends of a SOCK_SEQPACKET pair, closed on exec.
func SeqPacketPair(name string) (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socket pair %s: %w", name, err)
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}

// MaxFiles is how many files one message may carry.
const MaxFiles = 8

// SendFiles sends one message with files attached over a unix socket.
func SendFiles(fd int, message []byte, files ...*os.File) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("send %d files in one message: at most %d", len(files), MaxFiles)
	}
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	for {
		err := unix.Sendmsg(fd, message, oob, nil, unix.MSG_NOSIGNAL)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// ReceiveFiles receives one message into buf and the files attached to it,
// closed on exec. It returns io.EOF when the other end is gone, and an error
// for a message that did not fit.
func ReceiveFiles(fd int, buf []byte) (n int, files []*os.File, err error) {
	oob := make([]byte, unix.CmsgSpace(4*MaxFiles))
	var oobn, flags int
	for {
		n, oobn, flags, _, err = unix.Recvmsg(fd, buf, oob, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return 0, nil, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return n, nil, fmt.Errorf("parse control message: %w", err)
	}
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue // not a file
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	switch {
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
		return n, nil, errors.Join(fmt.Errorf("message of more than %d bytes or %d files", len(buf), MaxFiles), err)
	case n == 0 && len(files) == 0:
		return 0, nil, io.EOF
	}
	return n, files, nil
}
