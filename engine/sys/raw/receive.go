// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// Listen says what a Receiver receives. It is comparable: virtual routers with
// the same Listen share one Receiver.
type Listen struct {
	// IfIndex is the interface; 0 means any (unicast without an interface).
	IfIndex int
	// Family is 4 or 6.
	Family uint8
	// Addr is the multicast group, or the local address for unicast.
	Addr netip.Addr
	// VRID, unless 0, is the only virtual router of interest.
	VRID uint8
	// AH receives adverts behind an authentication header, and only those.
	AH bool
}

// Packet is one received packet. Payload is only valid until the next Read.
type Packet struct {
	IfIndex      int
	Family       uint8
	Source, Dest netip.Addr
	// TTL is the time to live or hop limit, -1 if unknown.
	TTL int
	// At and Wall are the kernel's receive time on the two clocks.
	At   event.Instant
	Wall int64
	// Head is the IPv4 header, AH the authentication header behind it, if any.
	Head, AH []byte
	Payload  []byte
}

const (
	batch4, size4 = 64, 60 + wire.MaxLen/4 + 64
	batch6, size6 = 64, wire.MaxLen + wire.TrailerLen + 16
	controlSize   = 160
	// roomWanted is the receive buffer in bytes: some 1,000 adverts that come
	// at once, each of which the kernel counts with its own overhead.
	roomWanted = 2 << 20
)

// mmsghdr is what recvmmsg and sendmmsg work on.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

// batch is the memory that one recvmmsg fills.
type batch struct {
	msgs    []mmsghdr
	iovs    []unix.Iovec
	names   []unix.RawSockaddrInet6
	control []byte
	data    []byte
	size    int
}

// newBatch makes room for n packets. IPv4 needs no names: a raw socket delivers
// the IP header with the source address in it.
func newBatch(n, size int, names bool) *batch {
	b := &batch{
		msgs: make([]mmsghdr, n), iovs: make([]unix.Iovec, n),
		control: make([]byte, n*controlSize), data: make([]byte, n*size), size: size,
	}
	if names {
		b.names = make([]unix.RawSockaddrInet6, n)
	}
	for i := range b.msgs {
		b.iovs[i].Base = &b.data[i*size]
		b.iovs[i].SetLen(size)
		h := &b.msgs[i].hdr
		h.Iov, h.Control = &b.iovs[i], &b.control[i*controlSize]
		h.SetIovlen(1)
		if names {
			h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		}
	}
	b.rearm(n)
	return b
}

// rearm undoes what the kernel wrote into the first n headers.
func (b *batch) rearm(n int) {
	for i := range n {
		h := &b.msgs[i].hdr
		if b.names != nil {
			h.Namelen = unix.SizeofSockaddrInet6
		}
		h.SetControllen(controlSize)
	}
}

// Buffers is the memory that the Receivers of one loop share.
type Buffers struct{ v4, v6 *batch }

func (b *Buffers) of(family uint8) *batch {
	if family == 6 {
		if b.v6 == nil {
			b.v6 = newBatch(batch6, size6, true)
		}
		return b.v6
	}
	if b.v4 == nil {
		b.v4 = newBatch(batch4, size4, false)
	}
	return b.v4
}

// Receiver is one socket that receives VRRP packets. Read belongs to one
// goroutine.
type Receiver struct {
	Listen
	fd      int
	seen    event.Instant
	dropped uint32
	total   uint64
}

// Receive opens a Receiver. It needs CAP_NET_RAW and may wait for the kernel's
// network configuration lock, so a loop leaves it to another goroutine.
func Receive(l Listen) (*Receiver, error) {
	fd, err := l.socket()
	if err != nil {
		return nil, err
	}
	r := &Receiver{Listen: l, fd: fd}
	if err := r.set(); err != nil {
		return nil, errors.Join(fmt.Errorf("receive VRRP for %s on interface %d: %w", l.Addr, l.IfIndex, err), unix.Close(fd))
	}
	return r, nil
}

// socket opens a raw socket that hears what comes in by the interface. Binding
// to that comes first, so that nothing of another one is ever queued.
func (l Listen) socket() (fd int, err error) {
	domain := unix.AF_INET
	if l.Family == 6 {
		domain = unix.AF_INET6
	}
	protocol := wire.Protocol
	if l.AH {
		protocol = wire.ProtocolAH
	}
	fd, err = unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, fmt.Errorf("open socket for VRRP on interface %d: %w", l.IfIndex, err)
	}
	if l.IfIndex == 0 {
		return fd, nil
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, l.IfIndex); err != nil {
		return -1, errors.Join(fmt.Errorf("bind a socket to interface %d: %w", l.IfIndex, err), unix.Close(fd))
	}
	return fd, nil
}

// set sets the options of the socket.
func (r *Receiver) set() error {
	type option struct {
		level, name, value int
	}
	options := []option{
		{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		{unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1},
	}
	if r.Family == 6 {
		options = append(options, option{unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
			option{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1}, option{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0})
	} else {
		options = append(options, option{unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0})
		if r.IfIndex == 0 {
			options = append(options, option{unix.IPPROTO_IP, unix.IP_PKTINFO, 1})
		}
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(r.fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("set socket option %d/%d: %w", o.level, o.name, err)
		}
	}
	if unix.SetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, roomWanted) != nil {
		// Without CAP_NET_ADMIN the system's limit applies; that is no error.
		if err := unix.SetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, roomWanted); err != nil {
			return fmt.Errorf("set receive buffer: %w", err)
		}
	}
	if r.VRID != 0 {
		if err := filter(r.fd, onlyVRID(r.Family, r.VRID, r.AH)); err != nil {
			return err
		}
	}
	if err := r.bind(r.fd); err != nil {
		return err
	}
	return r.join()
}

// bind lets a socket hear nothing but what is sent to the address.
func (l Listen) bind(fd int) error {
	var to unix.Sockaddr
	if l.Family == 6 {
		to = &unix.SockaddrInet6{Addr: l.Addr.As16(), ZoneId: uint32(l.IfIndex)}
	} else {
		to = &unix.SockaddrInet4{Addr: l.Addr.As4()}
	}
	if err := unix.Bind(fd, to); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

func (r *Receiver) join() error {
	if !r.Addr.IsMulticast() {
		return nil
	}
	var err error
	if r.Family == 6 {
		err = unix.SetsockoptIPv6Mreq(r.fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP,
			&unix.IPv6Mreq{Multiaddr: r.Addr.As16(), Interface: uint32(r.IfIndex)})
	} else {
		err = unix.SetsockoptIPMreqn(r.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: r.Addr.As4(), Ifindex: int32(r.IfIndex)})
	}
	if err != nil {
		return fmt.Errorf("join %s: %w", r.Addr, err)
	}
	return nil
}

// FD is the descriptor, for Poller.Add.
func (r *Receiver) FD() int { return r.fd }

// Dropped counts the packets that the kernel dropped for want of buffer space
// since the socket was opened.
func (r *Receiver) Dropped() uint64 { return r.total }

// Close closes the socket.
func (r *Receiver) Close() error { return unix.Close(r.fd) }

// Read takes up to one batch of packets from the socket and calls each with
// them, in order. more says that there may be another batch. A packet that is
// no VRRP packet at all (too short for its own IP header) is left out. The
// Packet is reused between calls.
func (r *Receiver) Read(c *Clock, bufs *Buffers, p *Packet, each func(*Packet)) (more bool, err error) {
	b := bufs.of(r.Family)
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(r.fd), uintptr(unsafe.Pointer(&b.msgs[0])),
		uintptr(len(b.msgs)), unix.MSG_DONTWAIT, 0, 0)
	now := c.Now()
	switch errno {
	case 0:
	case unix.EAGAIN:
		r.seen = now
		return false, nil
	case unix.EINTR:
		return true, nil
	default:
		// ENETDOWN and the like are conditions of the interface, reported once.
		return false, fmt.Errorf("receive on interface %d: %w", r.IfIndex, errno)
	}
	for i := range int(n) {
		if r.decode(b, i, c, p) {
			each(p)
		}
	}
	b.rearm(int(n))
	if int(n) == len(b.msgs) {
		return true, nil
	}
	r.seen = now
	return false, nil
}

// decode fills p from message i.
func (r *Receiver) decode(b *batch, i int, c *Clock, p *Packet) bool {
	data := b.data[i*b.size : i*b.size+min(int(b.msgs[i].len), b.size)]
	*p = Packet{IfIndex: r.IfIndex, Family: r.Family, TTL: -1, Dest: r.Addr}
	h := &b.msgs[i].hdr
	r.controls(b.control[i*controlSize:i*controlSize+int(h.Controllen)], p)
	if p.Wall == 0 {
		p.At, p.Wall = c.now, c.Wall(c.now)
	} else {
		p.At = c.Received(p.Wall, r.seen)
	}
	if r.Family == 6 {
		p.Source = netip.AddrFrom16(b.names[i].Addr)
		p.Payload = data
		return true
	}
	return p.ipv4(data)
}

// ipv4 reads the IP header that a raw socket delivers.
func (p *Packet) ipv4(data []byte) bool {
	if len(data) < 20 {
		return false
	}
	head := int(data[0]&15) * 4
	if head < 20 || len(data) < head {
		return false
	}
	p.TTL = int(data[8])
	p.Source = netip.AddrFrom4([4]byte(data[12:16]))
	p.Dest = netip.AddrFrom4([4]byte(data[16:20]))
	p.Head, p.Payload = data[:head], data[head:]
	if data[9] == wire.ProtocolAH {
		return p.unwrap()
	}
	return data[9] == wire.Protocol
}

// unwrap takes the authentication header off. What it protects may be anything,
// and only VRRP is ours.
func (p *Packet) unwrap() bool {
	if len(p.Payload) < wire.AHLen || p.Payload[0] != wire.Protocol {
		return false
	}
	p.AH, p.Payload = p.Payload[:wire.AHLen], p.Payload[wire.AHLen:]
	return true
}

// controls reads the control messages without allocating.
func (r *Receiver) controls(c []byte, p *Packet) {
	const head = unix.SizeofCmsghdr
	for len(c) >= head {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&c[0]))
		n := int(h.Len)
		if n < head || n > len(c) {
			return
		}
		r.control(h.Level, h.Type, c[head:n], p)
		c = c[min(unix.CmsgSpace(n-head), len(c)):]
	}
}

func (r *Receiver) control(level, kind int32, v []byte, p *Packet) {
	e := binary.NativeEndian
	switch {
	case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPNS && len(v) >= 16:
		p.Wall = int64(e.Uint64(v))*1e9 + int64(e.Uint64(v[8:]))
	case level == unix.SOL_SOCKET && kind == unix.SO_RXQ_OVFL && len(v) >= 4:
		n := e.Uint32(v)
		r.total += uint64(n - r.dropped) // the kernel's counter wraps at 32 bits
		r.dropped = n
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT && len(v) >= 4:
		p.TTL = int(int32(e.Uint32(v)))
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(v) >= 20:
		p.Dest = netip.AddrFrom16([16]byte(v[:16]))
		p.IfIndex = int(e.Uint32(v[16:]))
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(v) >= 12:
		p.IfIndex = int(e.Uint32(v))
	}
}
