// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
)

// Poller is the one place a loop sleeps in: it wakes for packets, for a
// signal from another goroutine, and for a deadline, to the microsecond. All
// methods but Wake belong to one goroutine.
//
// The goroutine sleeps in the runtime's own network poller, by way of an epoll
// descriptor that holds a timer, an event descriptor and two more epoll
// descriptors, one with the sockets in it and one with the bells. A system call that blocks would wake the
// runtime's monitor thread each time, which costs several times what an advert
// does; sleeping as the runtime sleeps costs nothing of that kind. The runtime's
// timers are not used, because they are exact to a millisecond only.
type Poller struct {
	top   *os.File // epoll: timer, wake, sockets, bells
	conn  syscall.RawConn
	epoll int // top's descriptor
	// timer fires at armed.
	timer int
	armed event.Instant
	wake  int
	// sockets and bells are epoll descriptors.
	sockets, bells folded

	// fired and woken are what look saw.
	fired  bool
	woken  Woken
	events [64]unix.EpollEvent
	spec   unix.ItimerSpec
	count  uint64
	look   func(uintptr) bool
	err    error
}

// folded is an epoll descriptor inside of top. There it is reported once and
// then not until it is listened to again, so that packets which nobody wants
// yet wake nobody.
type folded struct {
	fd        int
	token     int32
	listening bool
}

// The tokens in top.
const (
	timerToken = iota
	wakeToken
	socketsToken
	bellsToken
)

// Hearing says which packets end a Wait.
type Hearing uint8

const (
	// Deaf is for none.
	Deaf Hearing = iota
	// Urgent is for those that ring a Bell.
	Urgent
	// All is for those of every socket.
	All
)

// Woken says what ended a Wait; nothing if it was the time.
type Woken struct {
	// Called is for Wake.
	Called bool
	// Heard says that there are packets, Rang that a Bell rang for one.
	Heard, Rang bool
}

// NewPoller opens a Poller.
func NewPoller() (p *Poller, err error) {
	p = &Poller{epoll: -1, timer: -1, wake: -1, sockets: folded{-1, socketsToken, false}, bells: folded{-1, bellsToken, false}}
	p.look = p.lookOnce
	open := func(what string, fd *int, f func() (int, error)) {
		if err == nil {
			if *fd, err = f(); err != nil {
				err = fmt.Errorf("create %s: %w", what, err)
			}
		}
	}
	open("epoll", &p.epoll, func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) })
	open("epoll", &p.sockets.fd, func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) })
	open("epoll", &p.bells.fd, func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) })
	open("timer", &p.timer, func() (int, error) {
		return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	})
	open("event descriptor", &p.wake, func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) })
	if err == nil {
		err = errors.Join(
			// The timer is never read: setting it anew makes it quiet.
			control(p.epoll, unix.EPOLL_CTL_ADD, p.timer, unix.EPOLLIN|unix.EPOLLET, timerToken),
			control(p.epoll, unix.EPOLL_CTL_ADD, p.wake, unix.EPOLLIN, wakeToken),
			control(p.epoll, unix.EPOLL_CTL_ADD, p.sockets.fd, unix.EPOLLIN|unix.EPOLLONESHOT, socketsToken),
			control(p.epoll, unix.EPOLL_CTL_ADD, p.bells.fd, unix.EPOLLIN|unix.EPOLLONESHOT, bellsToken),
			unix.SetNonblock(p.epoll, true), // which makes os take it for something that can be polled
		)
		p.sockets.listening, p.bells.listening = true, true
	}
	if err == nil {
		p.top = os.NewFile(uintptr(p.epoll), "loop")
		p.conn, err = p.top.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func control(epoll, op, fd int, events uint32, token int32) error {
	if err := unix.EpollCtl(epoll, op, fd, &unix.EpollEvent{Events: events, Fd: token}); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	return nil
}

// Add watches a socket under a token.
func (p *Poller) Add(fd int, token int32) error {
	return control(p.sockets.fd, unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN, token)
}

// Remove stops watching a socket.
func (p *Poller) Remove(fd int) error { return remove(p.sockets.fd, fd) }

// AddBell watches a Bell.
func (p *Poller) AddBell(b *Bell) error {
	return control(p.bells.fd, unix.EPOLL_CTL_ADD, b.fd, unix.EPOLLIN, 0)
}

// RemoveBell stops watching a Bell.
func (p *Poller) RemoveBell(b *Bell) error { return remove(p.bells.fd, b.fd) }

func remove(epoll, fd int) error {
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_DEL, fd, nil); err != nil {
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

// Wait sleeps until the instant until (0: without end), until Wake was called,
// or until there are packets of the kind that it is to listen for. What came
// while nobody listened ends the next Wait that does.
func (p *Poller) Wait(until event.Instant, to Hearing) (Woken, error) {
	var err error
	switch to {
	case Deaf:
	case Urgent:
		err = p.listen(&p.bells)
	case All:
		err = p.listen(&p.sockets)
	}
	if err == nil {
		err = p.arm(until)
	}
	if err != nil {
		return Woken{}, err
	}
	p.fired, p.woken, p.err = false, Woken{}, nil
	if err := p.conn.Read(p.look); err != nil {
		return Woken{}, fmt.Errorf("wait for packets: %w", err)
	}
	return p.woken, p.err
}

func (p *Poller) listen(f *folded) error {
	if f.listening {
		return nil
	}
	p.events[0] = unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: f.token}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.epoll), unix.EPOLL_CTL_MOD, uintptr(f.fd),
		uintptr(unsafe.Pointer(&p.events[0])), 0, 0)
	if errno != 0 {
		return fmt.Errorf("listen to the sockets: %w", errno)
	}
	f.listening = true
	return nil
}

// arm sets the timer. It is set again even to the same instant if it has
// fired, because that is what makes it quiet.
func (p *Poller) arm(until event.Instant) error {
	if until == p.armed && !p.fired {
		return nil
	}
	p.spec.Value = unix.NsecToTimespec(int64(until))
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(p.timer), unix.TFD_TIMER_ABSTIME,
		uintptr(unsafe.Pointer(&p.spec)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("set the timer: %w", errno)
	}
	p.armed, p.fired = until, false
	return nil
}

// lookOnce takes what is there in top and says whether there was anything.
func (p *Poller) lookOnce(uintptr) bool {
	n, errno := p.poll(p.epoll)
	if errno != 0 {
		p.err = fmt.Errorf("look for what woke the loop: %w", errno)
		return true
	}
	for i := range n {
		switch p.events[i].Fd {
		case timerToken:
			p.fired = true
		case wakeToken:
			p.woken.Called = true
			// An error means that it was read already.
			unix.RawSyscall(unix.SYS_READ, uintptr(p.wake), uintptr(unsafe.Pointer(&p.count)), 8)
		case socketsToken:
			p.woken.Heard, p.sockets.listening = true, false
		case bellsToken:
			p.woken.Rang, p.bells.listening = true, false
		}
	}
	return n > 0
}

// poll asks an epoll descriptor without waiting.
func (p *Poller) poll(fd int) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&p.events[0])),
			uintptr(len(p.events)), 0, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// Ready appends the tokens of the sockets that have packets now.
func (p *Poller) Ready(into []int32) ([]int32, error) {
	n, errno := p.poll(p.sockets.fd)
	if errno != 0 {
		return into, fmt.Errorf("look for packets: %w", errno)
	}
	for i := range n {
		into = append(into, p.events[i].Fd)
	}
	return into, nil
}

// Close closes the Poller's own descriptors.
func (p *Poller) Close() error {
	var err error
	if p.top != nil {
		err = p.top.Close()
	} else if p.epoll >= 0 {
		err = unix.Close(p.epoll)
	}
	for _, fd := range [...]int{p.sockets.fd, p.bells.fd, p.timer, p.wake} {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	return err
}
