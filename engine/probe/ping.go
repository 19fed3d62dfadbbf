// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// pingCheck sends an echo request through one of the kernel's ping sockets, which need no privilege but a group within
// net.ipv4.ping_group_range; a raw socket serves where that is not so.
var pingCheck = Kind{
	Checker: event.CheckerPing,
	Reasons: readReasons,
	parse: func(p *parser, c *Check) {
		p.connection(c)
		c.Prober = pinger{limits{c.Timeout}}
	},
}

// pingSize is how much follows the header of an echo request (compat).
const pingSize = 128

type pinger struct{ limits }

func (x pinger) Probe(ctx context.Context, to *Target) health.Outcome {
	return attempt(ctx, x.limits, to, func(t *try) bool {
		e := &echo{try: t, six: to.To.Addr().Is6() && !to.To.Addr().Is4In6()}
		return e.open() && e.exchange()
	})
}

// echoes numbers the requests of this process.
var echoes atomic.Uint32

// echo is one ping.
type echo struct {
	*try
	six  bool
	raw  bool
	file *os.File
	id   uint16
}

// open makes a socket that is connected to the target, so that errors about it are heard.
func (e *echo) open() bool {
	fd, err := e.socket(unix.SOCK_DGRAM)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		e.raw = true
		fd, err = e.socket(unix.SOCK_RAW)
	}
	if err == nil {
		if err = e.prepare(fd); err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	if err != nil {
		why := event.FailLocalResource
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			why = connectReason(errno, true)
		}
		return e.fail(event.PhaseEcho, why, err.Error())
	}
	e.file = os.NewFile(uintptr(fd), "ping")
	return true
}

func (e *echo) socket(kind int) (int, error) {
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if e.six {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, fmt.Errorf("open an ICMP socket: %w", err)
	}
	return fd, nil
}

// prepare marks, binds and connects.
func (e *echo) prepare(fd int) error {
	if e.to.Mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(e.to.Mark)); err != nil {
			return fmt.Errorf("mark: %w", err)
		}
	}
	if e.to.Interface != "" {
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, e.to.Interface); err != nil {
			return fmt.Errorf("bind to %s: %w", e.to.Interface, err)
		}
	}
	if from := e.to.From.Addr(); from.IsValid() {
		if err := unix.Bind(fd, sockaddr(from)); err != nil {
			return fmt.Errorf("bind to %s: %w", from, err)
		}
	}
	if err := unix.Connect(fd, sockaddr(e.to.To.Addr())); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// sockaddr is an address as the kernel takes it; a link-local one finds its interface by the socket's.
func sockaddr(a netip.Addr) unix.Sockaddr {
	if a = a.Unmap(); a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Addr: a.As16()}
}

// exchange sends the request and waits for its reply; other datagrams are passed over.
func (e *echo) exchange() bool {
	stop := context.AfterFunc(e.ctx, func() { _ = e.file.Close() })
	defer func() {
		stop()
		_ = e.file.Close() // what it could say changes nothing
	}()
	if err := e.file.SetDeadline(e.deadline()); err != nil {
		return e.failed(event.PhaseEcho, err)
	}
	n := echoes.Add(1)
	e.id = uint16(n>>16) ^ uint16(os.Getpid())
	request := e.request(uint16(n))
	if _, err := e.file.Write(request); err != nil {
		return e.failed(event.PhaseEcho, err)
	}
	var buf [pingSize + 8 + 60 + 64]byte
	for {
		n, err := e.file.Read(buf[:])
		if err != nil {
			e.done(event.PhaseProcessing)
			return e.failed(event.PhaseEcho, err)
		}
		if e.answers(request, buf[:n]) {
			e.done(event.PhaseProcessing)
			return true
		}
	}
}

// request builds the message. A ping socket fills in id and checksum, the kernel the checksum of ICMPv6.
func (e *echo) request(seq uint16) []byte {
	m := append(make([]byte, 8, 8+pingSize), filler(pingSize)...)
	m[0] = 8
	if e.six {
		m[0] = 128
	}
	binary.BigEndian.PutUint16(m[4:], e.id)
	binary.BigEndian.PutUint16(m[6:], seq)
	if e.raw && !e.six {
		binary.BigEndian.PutUint16(m[2:], checksum(m))
	}
	return m
}

// answers tells whether a message is the reply to the request. A raw IPv4 socket gives the IP header too.
func (e *echo) answers(request, m []byte) bool {
	if e.raw && !e.six {
		if len(m) < 20 || int(m[0]&15)*4 > len(m) {
			return false
		}
		m = m[int(m[0]&15)*4:]
	}
	want := byte(0)
	if e.six {
		want = 129
	}
	return len(m) >= 8 && m[0] == want && m[6] == request[6] && m[7] == request[7] &&
		(!e.raw || m[4] == request[4] && m[5] == request[5])
}

// checksum is that of RFC 1071.
func checksum(m []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(m); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(m[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
