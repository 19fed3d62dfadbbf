// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Spec says where a connection goes and where it comes from. It is a value: equal specs make equal connections.
type Spec struct {
	// To is the address and port to connect to, IPv4 or IPv6.
	To netip.AddrPort
	// From is the source: no address leaves both to the kernel, port 0 the port.
	From netip.AddrPort
	// Interface is the device the socket is bound to, or "".
	Interface string
	// Mark is the firewall mark of its packets, 0 for none.
	Mark uint32
	// HalfOpen answers the server's SYN-ACK with a reset instead of an acknowledgement, so that the server's program
	// never hears of it.
	HalfOpen bool
}

// Result says how one connection ended. Every Start has exactly one.
type Result struct {
	// ID is the number that was given to Start.
	ID uint64
	// Errno is 0 when the server accepted, ETIMEDOUT when nothing came in time, else what the kernel said.
	Errno syscall.Errno
	// Local tells that no packet left: the socket could not be made, bound or sent from.
	Local bool
	// Took is the time from the first packet to the answer. For a connection that succeeded it is the kernel's own
	// measurement, whenever it was collected.
	Took time.Duration
}

// open makes the socket of a spec, bound and marked, and gives the errno of the first step that fails.
func (s *Spec) open() (fd int, errno syscall.Errno) {
	family := unix.AF_INET
	if s.To.Addr().Is6() && !s.To.Addr().Is4In6() {
		family = unix.AF_INET6
	}
	r, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return -1, errno
	}
	fd = int(r)
	if errno = s.prepare(fd); errno != 0 {
		closeNow(fd)
		return -1, errno
	}
	return fd, 0
}

// prepare sets what has to stand before the first packet.
func (s *Spec) prepare(fd int) syscall.Errno {
	if s.Mark != 0 {
		if e := setInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int32(s.Mark)); e != 0 {
			return e
		}
	}
	if s.Interface != "" {
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, s.Interface); err != nil {
			return number(err)
		}
	}
	if s.HalfOpen {
		// The acknowledgement is put off until there is something to say, and the reset is that.
		if e := setInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0); e != 0 {
			return e
		}
	}
	if s.HalfOpen || s.From.Port() != 0 {
		// A fixed port that went through a full close could not be used again for a minute.
		if e := setLinger(fd); e != 0 {
			return e
		}
	}
	if !s.From.Addr().IsValid() && s.From.Port() == 0 {
		return 0
	}
	return s.bind(fd)
}

// bind gives the socket its source.
func (s *Spec) bind(fd int) syscall.Errno {
	option, level := unix.IP_BIND_ADDRESS_NO_PORT, unix.IPPROTO_IP
	if s.From.Port() != 0 {
		option, level = unix.SO_REUSEADDR, unix.SOL_SOCKET
	}
	if e := setInt(fd, level, option, 1); e != 0 {
		return e
	}
	from := s.From
	if !from.Addr().IsValid() {
		any := netip.IPv4Unspecified()
		if s.To.Addr().Is6() && !s.To.Addr().Is4In6() {
			any = netip.IPv6Unspecified()
		}
		from = netip.AddrPortFrom(any, from.Port())
	}
	var a address
	return a.call(unix.SYS_BIND, fd, from)
}

// address is room for a socket address of either family.
type address struct {
	four unix.RawSockaddrInet4
	six  unix.RawSockaddrInet6
}

// call does bind or connect with an address.
func (a *address) call(trap uintptr, fd int, to netip.AddrPort) syscall.Errno {
	p, size := unsafe.Pointer(&a.four), unsafe.Sizeof(a.four)
	port := &a.four.Port
	if ip := to.Addr().Unmap(); ip.Is4() {
		a.four = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: ip.As4()}
	} else {
		// A link-local address finds its interface by Spec.Interface.
		a.six = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: ip.As16()}
		p, size, port = unsafe.Pointer(&a.six), unsafe.Sizeof(a.six), &a.six.Port
	}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(port))[:], to.Port())
	_, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(p), size)
	return errno
}

func setInt(fd, level, option int, v int32) syscall.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(unsafe.Pointer(&v)), 4, 0)
	return errno
}

// setLinger makes close send a reset.
func setLinger(fd int) syscall.Errno {
	l := unix.Linger{Onoff: 1}
	_, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER, uintptr(unsafe.Pointer(&l)), unsafe.Sizeof(l), 0)
	return errno
}

func closeNow(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// number gives the error number of a failed call.
func number(err error) syscall.Errno {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return syscall.EIO
}
