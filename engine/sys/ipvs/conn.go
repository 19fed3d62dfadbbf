// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const (
	// answerTime bounds the wait, in seconds, for an answer that the kernel gives
	// at once.
	answerTime = 10
	// batchMost is how many changes go into one system call: their errors must fit
	// into the receive buffer.
	batchMost = 128
	// receiveRoom is asked for as receive buffer, in bytes.
	receiveRoom = 1 << 20
	// datagramMost is more than the kernel puts into one datagram of a dump.
	datagramMost = 64 << 10
)

// transport is a netlink socket, or what a test puts in its place.
type transport interface {
	send(b []byte) error
	// receive reads one datagram into b.
	receive(b []byte) (int, error)
	close() error
}

// Conn is a connection to the IPVS of one network namespace. One goroutine at a
// time may use it.
type Conn struct {
	t      transport
	family uint16
	seq    uint32
	out    []byte
	in     []byte
}

// Open connects to the IPVS of the network namespace that the calling thread is
// in. The error is [ErrUnavailable] when the kernel has no IPVS.
func Open() (*Conn, error) {
	t, err := newSocket()
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	return connect(t)
}

// OpenIn is Open in the network namespace that a file descriptor stands for.
func OpenIn(netns int) (c *Conn, err error) {
	err = within(netns, func() error {
		c, err = Open()
		return err
	})
	if err != nil && c != nil {
		err = errors.Join(err, c.Close())
		c = nil
	}
	return c, err
}

// SocketIn opens a socket in a network namespace, for a process that may not
// enter it: [On] is Open with such a socket.
func SocketIn(netns int) (f *os.File, err error) {
	err = within(netns, func() error {
		s, err := newSocket()
		if err != nil {
			return fmt.Errorf("open a netlink socket: %w", err)
		}
		f = os.NewFile(uintptr(s), "ipvs")
		return nil
	})
	if err != nil && f != nil {
		err = errors.Join(err, f.Close())
		f = nil
	}
	return f, err
}

// On is Open in the network namespace that a socket was opened in. The socket
// stays the caller's: another Conn may be opened on it when this one is closed.
func On(f *os.File) (*Conn, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("copy a netlink socket: %w", err)
	}
	return connect(socket(fd))
}

// within does something on a thread that is in a network namespace. A thread that
// does not come back stays locked to its goroutine, which ends: nobody else finds
// himself in a foreign namespace.
func within(netns int, do func() error) error {
	done := make(chan error, 1)
	go func() {
		done <- visit(netns, do)
	}()
	return <-done
}

func visit(netns int, do func() error) error {
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer unix.Close(home)
	if err := unix.Setns(netns, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace: %w", err)
	}
	err = do()
	if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
	}
	runtime.UnlockOSThread()
	return err
}

// connect asks for the number of the family.
func connect(t transport) (*Conn, error) {
	c := &Conn{t: t, family: unix.GENL_ID_CTRL, in: make([]byte, datagramMost)}
	var id uint16
	err := c.ask(unix.CTRL_CMD_GETFAMILY, func(b []byte) []byte {
		return appendString(b, unix.CTRL_ATTR_FAMILY_NAME, familyName)
	}, func(m message) (err error) {
		id, err = parseFamily(m)
		return err
	})
	if errors.Is(err, unix.ENOENT) {
		err = ErrUnavailable
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	c.family = id
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.t.close() }

// Apply makes changes in their order and goes on after one that fails. It
// returns nil if all went well, else an [OpError] or nil for each change.
func (c *Conn) Apply(ops []Op) []error {
	var errs []error
	fail := func(i int, err error) {
		if errs == nil {
			errs = make([]error, len(ops))
		}
		errs[i] = &OpError{ops[i], err}
	}
	for from := 0; from < len(ops); from += batchMost {
		batch := ops[from:min(from+batchMost, len(ops))]
		c.batch(batch, func(i int, err error) { fail(from+i, err) })
	}
	return errs
}

// batch sends changes in one system call. Only the last is acknowledged when it
// succeeds; the kernel answers those that fail with their sequence numbers.
func (c *Conn) batch(ops []Op, fail func(int, error)) {
	c.out = c.out[:0]
	first := c.seq + 1
	sent := make([]int, 0, batchMost) // by sequence number
	last := 0
	for i := range ops {
		if err := ops[i].Check(); err != nil {
			fail(i, err)
			continue
		}
		c.seq++
		sent = append(sent, i)
		last = len(c.out)
		c.out = appendOp(c.out, c.family, 0, c.seq, &ops[i])
	}
	if len(sent) == 0 {
		return
	}
	host.PutUint16(c.out[last+6:], host.Uint16(c.out[last+6:])|unix.NLM_F_ACK)
	if err := c.t.send(c.out); err != nil {
		for _, i := range sent {
			fail(i, err)
		}
		return
	}
	// Until the answer to the last has come, those to others may.
	heard := 0
	err := c.answers(first, func(m message) (bool, error) {
		n := int(m.seq - first)
		if m.kind != unix.NLMSG_ERROR || n >= len(sent) {
			return false, nil
		}
		heard = n + 1
		if err := verdict(m); err != nil {
			fail(sent[n], err)
		}
		return heard == len(sent), nil
	})
	if err != nil {
		// The kernel answers in order; what has no answer may have been done.
		for _, i := range sent[heard:] {
			fail(i, fmt.Errorf("%w (%w)", ErrUnknown, err))
		}
	}
}

// do sends one command and waits for its acknowledgement.
func (c *Conn) do(command byte, body func([]byte) []byte) error {
	seq := c.request(command, unix.NLM_F_ACK, body)
	if err := c.t.send(c.out); err != nil {
		return err
	}
	return c.answers(seq, func(m message) (bool, error) {
		return m.kind == unix.NLMSG_ERROR, verdictOf(m)
	})
}

// ask sends one question and hands over its one answer.
func (c *Conn) ask(command byte, body func([]byte) []byte, each func(message) error) error {
	seq := c.request(command, 0, body)
	if err := c.t.send(c.out); err != nil {
		return err
	}
	return c.answers(seq, func(m message) (bool, error) {
		switch m.kind {
		case unix.NLMSG_ERROR:
			return true, verdict(m)
		case c.family:
			return true, each(m)
		}
		return false, nil
	})
}

// dump sends one question and hands over each part of its answer.
func (c *Conn) dump(command byte, body func([]byte) []byte, each func(message) error) error {
	seq := c.request(command, unix.NLM_F_DUMP, body)
	if err := c.t.send(c.out); err != nil {
		return err
	}
	return c.answers(seq, func(m message) (bool, error) {
		switch m.kind {
		case unix.NLMSG_ERROR:
			return true, verdict(m)
		case unix.NLMSG_DONE:
			return true, verdictOf(m)
		case c.family:
			return false, each(m)
		}
		return false, nil
	})
}

// request makes the one message in c.out and returns its sequence number.
func (c *Conn) request(command byte, flags uint16, body func([]byte) []byte) uint32 {
	c.seq++
	c.out = openMessage(c.out[:0], c.family, flags, c.seq, command, version)
	if body != nil {
		c.out = body(c.out)
	}
	closeMessage(c.out, 0)
	return c.seq
}

// answers hands over the messages whose sequence number is seq or later until
// one is the last. An error of each is kept, and what follows is still read: it
// would stand before the next answer.
func (c *Conn) answers(seq uint32, each func(message) (last bool, err error)) error {
	var kept error
	for {
		n, err := c.t.receive(c.in)
		if err != nil {
			return errors.Join(kept, err)
		}
		for rest := c.in[:n]; len(rest) > 0; {
			var m message
			if m, rest, err = next(rest); err != nil {
				return errors.Join(kept, err)
			}
			if int32(m.seq-seq) < 0 {
				continue // an answer that came too late for its question
			}
			last, err := each(m)
			if kept == nil {
				kept = err
			}
			if last {
				return kept
			}
		}
	}
}

// verdictOf is verdict of the messages that have one.
func verdictOf(m message) error {
	switch m.kind {
	case unix.NLMSG_ERROR:
		return verdict(m)
	case unix.NLMSG_DONE:
		if len(m.body) >= 4 {
			return verdict(m) // how the dump ended
		}
	}
	return nil
}
