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

	"github.com/vigild/vigild/engine/vrrp/wire"
)

const (
	head4, head6 = 20, 40
	// trafficClass is CS6, network control, which is what adverts are.
	trafficClass = 0xc0
	// hopsAdvert is required of every multicast advert (RFC 9568 section 5.1.1.3).
	hopsAdvert = 255
	// sendRoom is the send buffer in bytes: a burst of some 1,000 adverts that
	// the device has not taken yet.
	sendRoom = 2 << 20
	// prioControl is TC_PRIO_CONTROL: the first band of a priority queue.
	prioControl = 7
)

// Route is where an advert goes.
type Route struct {
	// IfIndex is the interface it leaves by; 0 leaves that to the routing table.
	IfIndex int
	// Source and Dest are of the same family.
	Source, Dest netip.Addr
	// TTL is the time to live or hop limit; 0 means 255.
	TTL uint8
	// AH leaves room for an authentication header (IPv4), Trailer for a signature:
	// the Frame is then sealed each time before it is queued.
	AH, Trailer bool
}

// Frame is one advert, ready to be sent again and again: the IP packet, its
// destination and the interface, as the kernel wants them.
type Frame struct {
	hdr     unix.Msghdr
	iov     unix.Iovec
	name    unix.RawSockaddrInet6
	control [40]byte
	data    []byte
	family  uint8
	id      uint16
	head    int    // where the VRRP packet begins
	ah      bool   // an authentication header is in front of it
	queued  uint64 // the flush that will send it, or has
}

// NewFrame builds the packet that carries an advert. asV2 is wire.Append's.
func NewFrame(r Route, a *wire.Advert, asV2 bool) *Frame {
	f := &Frame{family: a.Family, head: head6, ah: r.AH && a.Family == 4}
	ttl := r.TTL
	if ttl == 0 {
		ttl = hopsAdvert
	}
	if a.Family == 6 {
		f.ipv6(r, a, ttl)
	} else {
		f.ipv4(r, a, ttl)
	}
	f.data = wire.Append(f.data, a, r.Source, r.Dest, asV2)
	f.data = f.data[:cap(f.data)]
	f.iov.Base = &f.data[0]
	f.iov.SetLen(len(f.data))
	f.hdr.Iov, f.hdr.Name = &f.iov, (*byte)(unsafe.Pointer(&f.name))
	f.hdr.SetIovlen(1)
	if r.IfIndex != 0 {
		f.hdr.Control = &f.control[0]
	}
	return f
}

// ipv4 writes the header. The kernel fills in length and checksum.
func (f *Frame) ipv4(r Route, a *wire.Advert, ttl uint8) {
	src, dst := r.Source.As4(), r.Dest.As4()
	protocol := byte(wire.Protocol)
	if f.head = head4; f.ah {
		f.head, protocol = head4+wire.AHLen, wire.ProtocolAH
	}
	f.data = make([]byte, f.head, f.head+length(r, a))
	f.data[0], f.data[1], f.data[8], f.data[9] = 0x45, trafficClass, ttl, protocol
	binary.BigEndian.PutUint16(f.data[2:], uint16(f.head+length(r, a)))
	copy(f.data[12:], src[:])
	copy(f.data[16:], dst[:])
	to := (*unix.RawSockaddrInet4)(unsafe.Pointer(&f.name))
	to.Family, to.Addr = unix.AF_INET, dst
	f.hdr.Namelen = unix.SizeofSockaddrInet4
	if r.IfIndex != 0 {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&f.control[0]))
		h.Level, h.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		h.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		binary.NativeEndian.PutUint32(f.control[unix.CmsgLen(0):], uint32(r.IfIndex))
		f.hdr.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	}
}

// ipv6 writes the header.
func (f *Frame) ipv6(r Route, a *wire.Advert, ttl uint8) {
	src, dst := r.Source.As16(), r.Dest.As16()
	f.data = make([]byte, head6, head6+length(r, a))
	binary.BigEndian.PutUint32(f.data, 6<<28|trafficClass<<20)
	binary.BigEndian.PutUint16(f.data[4:], uint16(length(r, a)))
	f.data[6], f.data[7] = wire.Protocol, ttl
	copy(f.data[8:], src[:])
	copy(f.data[24:], dst[:])
	f.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: dst}
	if r.Dest.IsLinkLocalUnicast() || r.Dest.IsLinkLocalMulticast() {
		f.name.Scope_id = uint32(r.IfIndex)
	}
	f.hdr.Namelen = unix.SizeofSockaddrInet6
	if r.IfIndex != 0 {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&f.control[0]))
		h.Level, h.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		h.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
		binary.NativeEndian.PutUint32(f.control[unix.CmsgLen(16):], uint32(r.IfIndex))
		f.hdr.SetControllen(unix.CmsgSpace(unix.SizeofInet6Pktinfo))
	}
}

// Sender sends Frames: all that were queued, in one system call per family. It
// belongs to one goroutine.
type Sender struct {
	fd     [2]int // IPv4, IPv6
	queue  [2][]mmsghdr
	owners [2][]int
	// flushes counts the calls of Flush, from 1.
	flushes uint64
}

// NewSender opens a Sender. It needs CAP_NET_RAW. A kernel without IPv6 is no
// error until an IPv6 advert is sent.
func NewSender() (*Sender, error) {
	s := &Sender{fd: [2]int{-1, -1}, flushes: 1}
	// Protocol IPPROTO_RAW: the packets come with their header, and nothing is
	// ever received.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("open socket to send VRRP: %w", err)
	}
	s.fd[0] = fd
	if fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW); err == nil {
		s.fd[1] = fd
	} else if !errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, errors.Join(fmt.Errorf("open socket to send VRRP over IPv6: %w", err), s.Close())
	}
	if err := s.set(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sender) set() error {
	for i, loop := range [2][2]int{{unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP}, {unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP}} {
		if s.fd[i] < 0 {
			continue
		}
		// Our own adverts must not come back to us.
		if err := unix.SetsockoptInt(s.fd[i], loop[0], loop[1], 0); err != nil {
			return fmt.Errorf("turn off multicast loop: %w", err)
		}
		if err := unix.SetsockoptInt(s.fd[i], unix.SOL_SOCKET, unix.SO_PRIORITY, prioControl); err != nil {
			return fmt.Errorf("set priority of adverts: %w", err)
		}
		if unix.SetsockoptInt(s.fd[i], unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendRoom) != nil {
			if err := unix.SetsockoptInt(s.fd[i], unix.SOL_SOCKET, unix.SO_SNDBUF, sendRoom); err != nil {
				return fmt.Errorf("set send buffer: %w", err)
			}
		}
	}
	return nil
}

// Queue adds a Frame to what the next Flush sends; owner comes back if it
// cannot be sent. The Frame must not change until then.
func (s *Sender) Queue(f *Frame, owner int) {
	i := 0
	if f.family == 6 {
		i = 1
	} else if !f.ah {
		f.Stamp()
	}
	f.queued = s.flushes
	s.queue[i] = append(s.queue[i], mmsghdr{hdr: f.hdr})
	s.owners[i] = append(s.owners[i], owner)
}

// Queued says how many Frames wait for Flush.
func (s *Sender) Queued() int { return len(s.queue[0]) + len(s.queue[1]) }

// Flush sends what was queued, in order, and calls failed for each Frame that
// the kernel refused. It never waits.
func (s *Sender) Flush(failed func(owner int, err error)) {
	s.flushes++
	for i := range s.queue {
		q, owners := s.queue[i], s.owners[i]
		for len(q) > 0 {
			n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd[i]), uintptr(unsafe.Pointer(&q[0])),
				uintptr(min(len(q), 1024)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
			switch {
			case errno == unix.EINTR:
				continue
			case errno != 0:
				failed(owners[0], errno)
				n = 1
			}
			q, owners = q[n:], owners[n:]
		}
		clear(s.queue[i]) // the Frames may go
		s.queue[i], s.owners[i] = s.queue[i][:0], s.owners[i][:0]
	}
}

// Close closes the sockets.
func (s *Sender) Close() error {
	var err error
	for _, fd := range s.fd {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
	}
	return err
}
