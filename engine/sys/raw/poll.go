// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// holdMost is the longest sleep that keeps the runtime's processor. Giving it
// up and taking it back costs the runtime's monitor thread some 25 microseconds
// of wake-ups, so short sleeps keep it; long ones do not, because the monitor
// would interrupt them every 10 ms.
const holdMost = 5 * time.Millisecond

// Poller is the one place a loop sleeps in: it wakes for packets, for a
// signal from another goroutine, and for a deadline, to the nanosecond. All
// methods but Wake belong to one goroutine.
type Poller struct {
	epoll, wake int
	events      [64]unix.EpollEvent
	// pwait2 is false on kernels before 5.11.
	pwait2 bool
	// timeout and self are the system calls' arguments, here so that they need
	// not be allocated for every call.
	timeout unix.Timespec
	self    [1]unix.PollFd
}

// wakeToken is the token of the wake-up; those of sockets are not negative.
const wakeToken = -1

// NewPoller opens a Poller.
func NewPoller() (*Poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create eventfd: %w", err), unix.Close(epoll))
	}
	p := &Poller{epoll: epoll, wake: wake, pwait2: true}
	if err := p.Add(wake, wakeToken); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Add watches a descriptor for input under a token.
func (p *Poller) Add(fd int, token int32) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: token}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	return nil
}

// Remove stops watching a descriptor.
func (p *Poller) Remove(fd int) error {
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
		return fmt.Errorf("stop watching descriptor %d: %w", fd, err)
	}
	return nil
}

// Wake ends the present or the next Wait. Any goroutine may call it; it never
// blocks.
func (p *Poller) Wake() error {
	one := uint64(1)
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(p.wake), uintptr(unsafe.Pointer(&one)), 8)
		switch errno {
		case 0, unix.EAGAIN: // full means that it is awake already
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("wake the loop: %w", errno)
		}
	}
}

// Wait sleeps for at most d (0: only looks; negative: for ever) and appends
// the tokens of the sockets that have input. woken says that Wake was called.
// An interrupted sleep returns early.
func (p *Poller) Wait(d time.Duration, ready []int32) (tokens []int32, woken bool, err error) {
	n, errno := p.sleep(d)
	switch errno {
	case 0:
	case unix.EINTR:
		return ready, false, nil
	default:
		return ready, false, fmt.Errorf("wait for packets: %w", errno)
	}
	for i := range n {
		token := p.events[i].Fd
		if token != wakeToken {
			ready = append(ready, token)
			continue
		}
		woken = true
		var buf uint64
		unix.RawSyscall(unix.SYS_READ, uintptr(p.wake), uintptr(unsafe.Pointer(&buf)), 8) // an error means that it was read already
	}
	return ready, woken, nil
}

func (p *Poller) sleep(d time.Duration) (int, unix.Errno) {
	var ts *unix.Timespec
	if d >= 0 {
		p.timeout = unix.NsecToTimespec(int64(d))
		ts = &p.timeout
	}
	events, room := uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events))
	if p.pwait2 {
		n, errno := call(d, unix.SYS_EPOLL_PWAIT2, uintptr(p.epoll), events, room, uintptr(unsafe.Pointer(ts)))
		if errno != unix.ENOSYS {
			return n, errno
		}
		p.pwait2 = false
	}
	// An epoll descriptor can itself be polled, with a timeout in nanoseconds.
	p.self[0] = unix.PollFd{Fd: int32(p.epoll), Events: unix.POLLIN}
	if n, errno := call(d, unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p.self[0])), 1, uintptr(unsafe.Pointer(ts)), 0); n <= 0 {
		return 0, errno
	}
	return call(0, unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), events, room, 0)
}

// call makes a system call that may sleep for d, and keeps the runtime's
// processor if that is short.
//
//go:uintptrescapes
func call(d time.Duration, nr, a, b, c, e uintptr) (int, unix.Errno) {
	var n uintptr
	var errno unix.Errno
	if d >= 0 && d <= holdMost {
		n, _, errno = unix.RawSyscall6(nr, a, b, c, e, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(nr, a, b, c, e, 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Pause sleeps for d without looking at the sockets; a signal ends it early.
func (p *Poller) Pause(d time.Duration) {
	p.timeout = unix.NsecToTimespec(int64(d))
	call(d, unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&p.timeout)), 0) // an early end only costs a look
}

// Close closes the Poller's own descriptors.
func (p *Poller) Close() error {
	return errors.Join(unix.Close(p.wake), unix.Close(p.epoll))
}
