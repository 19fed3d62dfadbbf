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
)

// Announcement is one address to be announced on an Ethernet interface.
type Announcement struct {
	IfIndex int
	// MAC is the hardware address that owns Addr.
	MAC  [6]byte
	Addr netip.Addr
	// Router sets the router flag of a neighbour advertisement.
	Router bool
}

// announceMost is how many frames go into one system call: few enough that
// they fit into a send buffer of the default size.
const announceMost = 128

// ARPLen and NALen are the lengths of the two announcements on Ethernet.
const (
	ARPLen = 42
	NALen  = 86
)

// AppendARP appends an Ethernet frame with a gratuitous ARP request (RFC 5227
// section 3, compat: keepalived announces by request): sender and target are
// the address.
func AppendARP(b []byte, a Announcement) []byte {
	ip := a.Addr.As4()
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	b = append(b, a.MAC[:]...)
	b = append(b, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1) // ARP; Ethernet, IPv4, lengths, request
	b = append(b, a.MAC[:]...)
	b = append(b, ip[:]...)
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // compat: keepalived fills the target's hardware address
	return append(b, ip[:]...)
}

var allNodes = [16]byte{0xff, 0x02, 15: 1}

// AppendNA appends an Ethernet frame with an unsolicited neighbour
// advertisement (RFC 4861 section 7.2.6) to all nodes, override set.
func AppendNA(b []byte, a Announcement) []byte {
	ip := a.Addr.As16()
	b = append(b, 0x33, 0x33, 0, 0, 0, 1)
	b = append(b, a.MAC[:]...)
	b = append(b, 0x86, 0xdd)
	const length = 32
	b = append(b, 0x60, 0, 0, 0, 0, length, unix.IPPROTO_ICMPV6, 255)
	b = append(b, ip[:]...)
	b = append(b, allNodes[:]...)
	start := len(b)
	flags := byte(0x20)
	if a.Router {
		flags |= 0x80
	}
	b = append(b, 136, 0, 0, 0, flags, 0, 0, 0)
	b = append(b, ip[:]...)
	b = append(b, 2, 1) // target link-layer address
	b = append(b, a.MAC[:]...)
	icmp := b[start:]
	binary.BigEndian.PutUint16(icmp[2:], checksum6(ip, allNodes, unix.IPPROTO_ICMPV6, icmp))
	return b
}

// checksum6 is the checksum of RFC 8200 section 8.1; the packet's own checksum
// field must be zero and its length even.
func checksum6(src, dst [16]byte, proto uint32, p []byte) uint16 {
	sum := proto + uint32(len(p))
	for _, part := range [...][]byte{src[:], dst[:], p} {
		for i := 0; i+1 < len(part); i += 2 {
			sum += uint32(part[i])<<8 | uint32(part[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// Announcer sends gratuitous ARPs and unsolicited neighbour advertisements. It
// belongs to one goroutine.
type Announcer struct {
	fd    int
	msgs  []mmsghdr
	iovs  []unix.Iovec
	names []unix.RawSockaddrLinklayer
	data  []byte
}

// NewAnnouncer opens an Announcer. It needs CAP_NET_RAW.
func NewAnnouncer() (*Announcer, error) {
	// Protocol 0 receives nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket for announcements: %w", err)
	}
	return &Announcer{
		fd: fd, msgs: make([]mmsghdr, announceMost), iovs: make([]unix.Iovec, announceMost),
		names: make([]unix.RawSockaddrLinklayer, announceMost), data: make([]byte, 0, announceMost*NALen),
	}, nil
}

// Send sends one frame for each announcement, in order. It returns how many
// of either kind were sent and the first error; an error with one does not
// keep the others back.
func (s *Announcer) Send(list []Announcement) (arps, nas int, err error) {
	for len(list) > 0 {
		n := min(len(list), announceMost)
		s.load(list[:n])
		for i := 0; i < n; {
			sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.msgs[i])), uintptr(n-i), 0, 0, 0)
			if errors.Is(errno, unix.EINTR) {
				continue
			}
			if errno != 0 {
				if err == nil {
					err = fmt.Errorf("announce %s on interface %d: %w", list[i].Addr, list[i].IfIndex, errno)
				}
				i++
				continue
			}
			for _, a := range list[i : i+int(sent)] {
				if a.Addr.Is4() {
					arps++
				} else {
					nas++
				}
			}
			i += int(sent)
		}
		list = list[n:]
	}
	return arps, nas, err
}

func (s *Announcer) load(list []Announcement) {
	s.data = s.data[:0]
	for i, a := range list {
		start, proto, to := len(s.data), uint16(unix.ETH_P_ARP), [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		if a.Addr.Is4() {
			s.data = AppendARP(s.data, a)
		} else {
			s.data = AppendNA(s.data, a)
			proto, to = unix.ETH_P_IPV6, [6]byte{0x33, 0x33, 0, 0, 0, 1}
		}
		s.iovs[i].Base = &s.data[start]
		s.iovs[i].SetLen(len(s.data) - start)
		s.names[i] = unix.RawSockaddrLinklayer{
			Family: unix.AF_PACKET, Protocol: swap16(proto),
			Ifindex: int32(a.IfIndex), Halen: 6,
		}
		copy(s.names[i].Addr[:], to[:])
		h := &s.msgs[i].hdr
		h.Iov, h.Name, h.Namelen = &s.iovs[i], (*byte)(unsafe.Pointer(&s.names[i])), unix.SizeofSockaddrLinklayer
		h.SetIovlen(1)
	}
}

// Close closes the socket.
func (s *Announcer) Close() error { return unix.Close(s.fd) }

// swap16 puts a number into network order on a little-endian machine and
// leaves it alone on a big-endian one.
func swap16(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
