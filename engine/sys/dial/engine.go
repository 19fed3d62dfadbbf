// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A wake-up costs as much as a connection. While more than thickCount results come in a thickSpan, nobody is to be woken
// for one of them: the owner looks every hold, and takes many at once.
const (
	thickCount = 50
	thickSpan  = 100 * time.Millisecond
	hold       = 2 * time.Millisecond
)

// Engine holds the connections under way. It belongs to one goroutine, which calls Start as often as it likes, then
// Collect: when Next says so (at once, after a Start), when Descriptor is readable while Listen is true, and whenever it
// is awake anyway.
type Engine struct {
	epoll   int
	limit   int
	slots   []slot
	free    []int32
	wheel   wheel
	results []Result
	given   []Result // what the last Collect gave
	room    address
	info    unix.TCPInfo
	events  [256]unix.EpollEvent
	born    time.Time
	expired func(i int32)
	now     time.Duration // of the last Collect

	// How many results came since when, and whether that is many.
	count int
	since time.Duration
	thick bool
	// fresh are the connections begun since the last look. Near servers have answered before the last of many is begun:
	// one look at once saves a sleep and a wake-up, and what has ended by then is never put under watch.
	fresh []int32
}

// slot is one connection.
type slot struct {
	id         uint64
	started    time.Duration
	deadline   time.Duration
	fd         int32 // -1 when the slot is free
	bucket     int32
	next, prev int32
}

// New opens an engine that never has more than limit connections under way.
func New(limit int) (*Engine, error) {
	if limit < 1 {
		return nil, fmt.Errorf("open a dialing engine for %d connections: at least one is needed", limit)
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	e := &Engine{epoll: fd, born: time.Now(), limit: limit}
	e.expired = func(i int32) {
		s := &e.slots[i]
		e.finish(i, Result{ID: s.id, Errno: syscall.ETIMEDOUT, Took: e.now - s.started})
	}
	return e, nil
}

// Close drops every connection and ends the engine; their results never come.
func (e *Engine) Close() error {
	for i := range e.slots {
		if e.slots[i].fd >= 0 {
			closeNow(int(e.slots[i].fd))
			e.slots[i].fd = -1
		}
	}
	if err := unix.Close(e.epoll); err != nil {
		return fmt.Errorf("close epoll: %w", err)
	}
	return nil
}

// InFlight gives the number of connections under way.
func (e *Engine) InFlight() int { return len(e.slots) - len(e.free) }

// Start begins a connection that may take as long as timeout. Its result, under the same id, is given by a later
// Collect, even when it failed at once; there is exactly one.
func (e *Engine) Start(id uint64, s *Spec, timeout time.Duration) {
	if len(e.free) == 0 && len(e.slots) >= e.limit {
		e.refuse(id, syscall.EMFILE)
		return
	}
	fd, errno := s.open()
	if errno != 0 {
		e.refuse(id, errno)
		return
	}
	started := time.Since(e.born)
	errno = e.room.call(unix.SYS_CONNECT, fd, s.To)
	switch errno {
	case 0, syscall.EINPROGRESS, syscall.EINTR:
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN:
		// What the far end or the way to it says may come at once on a short way.
		e.results = append(e.results, Result{ID: id, Errno: errno, Took: time.Since(e.born) - started})
		closeNow(fd)
		return
	default:
		closeNow(fd)
		e.refuse(id, errno)
		return
	}
	i := e.place()
	e.slots[i] = slot{id: id, started: started, deadline: started + timeout, fd: int32(fd)}
	e.wheel.put(e.slots, i)
	e.fresh = append(e.fresh, i)
}

// guard puts a connection under watch.
func (e *Engine) guard(i int32) {
	s := &e.slots[i]
	ev := unix.EpollEvent{Events: unix.EPOLLOUT, Fd: i}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(e.epoll), unix.EPOLL_CTL_ADD, uintptr(s.fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		e.finish(i, Result{ID: s.id, Errno: errno, Local: true})
	}
}

// place finds a free slot.
func (e *Engine) place() int32 {
	if n := len(e.free); n > 0 {
		i := e.free[n-1]
		e.free = e.free[:n-1]
		return i
	}
	e.slots = append(e.slots, slot{fd: -1})
	return int32(len(e.slots) - 1)
}

// refuse records a connection that never left.
func (e *Engine) refuse(id uint64, errno syscall.Errno) {
	e.results = append(e.results, Result{ID: id, Errno: errno, Local: true})
}

// Collect gives what has ended since the last call, in the order in which it was noticed. The slice is good until the
// next Collect.
func (e *Engine) Collect() []Result {
	e.now = time.Since(e.born)
	for _, i := range e.fresh {
		if !e.look(i) {
			e.guard(i)
		}
	}
	e.fresh = e.fresh[:0]
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.epoll), uintptr(unsafe.Pointer(&e.events[0])), uintptr(len(e.events)), 0, 0, 0)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			break
		}
		for k := range int(n) {
			e.look(e.events[k].Fd)
		}
		if int(n) < len(e.events) {
			break
		}
	}
	e.wheel.expire(e.slots, e.now, e.expired)
	e.given, e.results = e.results, e.given[:0]
	e.count += len(e.given)
	if span := e.now - e.since; span >= thickSpan {
		e.thick = e.count > thickCount && span < 2*thickSpan
		e.count, e.since = 0, e.now
	}
	return e.given
}

// look finishes a connection about which the kernel has something to say, and tells whether it had.
func (e *Engine) look(i int32) bool {
	s := &e.slots[i]
	size := uint32(unsafe.Sizeof(e.info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&e.info)), uintptr(unsafe.Pointer(&size)), 0)
	r := Result{ID: s.id, Errno: errno, Took: e.now - s.started}
	if errno == 0 {
		switch e.info.State {
		case tcpSynSent, tcpSynReceived:
			return false
		case tcpClosed:
			r.Errno = failure(int(s.fd))
		default:
			if rtt := time.Duration(e.info.Rtt) * time.Microsecond; rtt > 0 {
				r.Took = rtt
			}
		}
	}
	e.finish(i, r)
	return true
}

// States of the kernel's TCP (net/tcp_states.h).
const (
	tcpSynSent     = 2
	tcpSynReceived = 3
	tcpClosed      = 7
)

// failure asks why a connection is closed.
func failure(fd int) syscall.Errno {
	var v int32
	size := uint32(4)
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	switch {
	case errno != 0:
		return errno
	case v == 0:
		return syscall.ECONNRESET
	}
	return syscall.Errno(v)
}

// finish closes a connection, which also takes it out of the epoll set, and keeps its result.
func (e *Engine) finish(i int32, r Result) {
	e.wheel.take(e.slots, i)
	closeNow(int(e.slots[i].fd))
	e.slots[i].fd = -1
	e.free = append(e.free, i)
	e.results = append(e.results, r)
}

// Next gives how long it is until Collect is to be called, whether or not the descriptor says anything; ok is false
// while nothing is under way.
func (e *Engine) Next() (in time.Duration, ok bool) {
	if len(e.results) > 0 || len(e.fresh) > 0 {
		return 0, true
	}
	at, ok := e.wheel.next()
	if !ok {
		return 0, false
	}
	if e.thick {
		at = min(at, e.now+hold)
	}
	return max(0, at-time.Since(e.born)), true
}

// Descriptor gives an epoll descriptor that can be read from when a connection has ended.
func (e *Engine) Descriptor() int { return e.epoll }

// Listen tells whether the owner should be woken by the descriptor. While results come thick it should not: Next is soon
// enough.
func (e *Engine) Listen() bool { return !e.thick && e.InFlight() > 0 }
