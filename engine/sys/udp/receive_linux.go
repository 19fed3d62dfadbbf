// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package udp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Datagram is one received datagram. Payload is only valid until the next Read.
type Datagram struct {
	Source, Dest netip.Addr
	SourcePort   uint16
	IfIndex      int
	// TTL is the time to live or hop limit, -1 if the kernel did not say.
	TTL int
	// Wall is the kernel's receive time in nanoseconds since the Unix epoch, 0
	// if it did not say.
	Wall    int64
	Payload []byte
}

// Receiver is a socket that receives.
type Receiver struct {
	fd       int
	port     uint16
	data     [512]byte
	control  [256]byte
	datagram Datagram
}

// Receive listens on a port of every address of a family, 4 or 6.
func Receive(family uint8, port uint16) (*Receiver, error) {
	domain, options := unix.AF_INET, []option{
		{unix.IPPROTO_IP, unix.IP_RECVTTL, 1}, {unix.IPPROTO_IP, unix.IP_PKTINFO, 1},
	}
	var to unix.Sockaddr = &unix.SockaddrInet4{Port: int(port)}
	if family == 6 {
		domain, to = unix.AF_INET6, &unix.SockaddrInet6{Port: int(port)}
		options = []option{
			{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
			{unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
			{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
		}
	}
	fd, err := open(domain, append(options, option{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1}))
	if err != nil {
		return nil, fmt.Errorf("receive on UDP port %d of IPv%d: %w", port, family, err)
	}
	if err := unix.Bind(fd, to); err != nil {
		return nil, errors.Join(fmt.Errorf("receive on UDP port %d of IPv%d: %w", port, family, err), unix.Close(fd))
	}
	return &Receiver{fd: fd, port: port}, nil
}

type option struct{ level, name, value int }

// open makes a socket with options.
func open(domain int, options []option) (int, error) {
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return -1, fmt.Errorf("open socket: %w", err)
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return -1, errors.Join(fmt.Errorf("set socket option %d/%d: %w", o.level, o.name, err), unix.Close(fd))
		}
	}
	return fd, nil
}

// FD is the descriptor, to wait for.
func (r *Receiver) FD() int { return r.fd }

// Port is the port.
func (r *Receiver) Port() uint16 { return r.port }

// Close closes the socket.
func (r *Receiver) Close() error { return unix.Close(r.fd) }

// Read returns the next datagram, nil if there is none now. It is reused by the
// next Read. One that is longer than 512 bytes is cut.
func (r *Receiver) Read() (*Datagram, error) {
	for {
		n, oobn, _, from, err := unix.Recvmsg(r.fd, r.data[:], r.control[:], unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("receive on UDP port %d: %w", r.port, err)
		}
		d := &r.datagram
		*d = Datagram{TTL: -1, Payload: r.data[:n]}
		switch a := from.(type) {
		case *unix.SockaddrInet4:
			d.Source, d.SourcePort = netip.AddrFrom4(a.Addr), uint16(a.Port)
		case *unix.SockaddrInet6:
			d.Source, d.SourcePort = netip.AddrFrom16(a.Addr), uint16(a.Port)
		}
		d.controls(r.control[:oobn])
		return d, nil
	}
}

// controls reads what the kernel says beside the payload.
func (d *Datagram) controls(c []byte) {
	for len(c) >= unix.SizeofCmsghdr {
		h, v, rest, err := unix.ParseOneSocketControlMessage(c)
		if err != nil {
			return
		}
		c = rest
		e := binary.NativeEndian
		switch at := [2]int32{h.Level, h.Type}; {
		case at == [2]int32{unix.SOL_SOCKET, unix.SCM_TIMESTAMPNS} && len(v) >= 16:
			d.Wall = int64(e.Uint64(v))*1e9 + int64(e.Uint64(v[8:]))
		case (at == [2]int32{unix.IPPROTO_IP, unix.IP_TTL} || at == [2]int32{unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT}) && len(v) >= 4:
			d.TTL = int(int32(e.Uint32(v)))
		case at == [2]int32{unix.IPPROTO_IP, unix.IP_PKTINFO} && len(v) >= 12:
			d.IfIndex, d.Dest = int(e.Uint32(v)), netip.AddrFrom4([4]byte(v[8:12]))
		case at == [2]int32{unix.IPPROTO_IPV6, unix.IPV6_PKTINFO} && len(v) >= 20:
			d.Dest, d.IfIndex = netip.AddrFrom16([16]byte(v[:16])), int(e.Uint32(v[16:]))
		}
	}
}
