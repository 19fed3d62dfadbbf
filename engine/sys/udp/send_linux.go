// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package udp

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Way says how a Sender sends.
type Way struct {
	// Local is the source address, zero for what the kernel takes each time.
	// It need not exist yet.
	Local netip.Addr
	// Remote is where to; a link-local address names its interface by IfIndex.
	Remote  netip.Addr
	Port    uint16
	IfIndex int
	TTL     uint8
	// From is tried first as source port, then the next ones up to the last port.
	From uint16
}

// Sender is a socket that sends to one address.
type Sender struct {
	fd   int
	to   unix.Sockaddr
	what string
}

// class is the traffic class of network control (RFC 4594: CS6).
const class = 0xc0

// FirstPort and LastPort are where source ports are taken from.
const (
	FirstPort = 49152
	LastPort  = 65535
)

// Send opens a Sender.
func Send(w Way) (*Sender, error) {
	s := &Sender{what: netip.AddrPortFrom(w.Remote, w.Port).String()}
	domain, options := unix.AF_INET, []option{
		{unix.IPPROTO_IP, unix.IP_TTL, int(w.TTL)}, {unix.IPPROTO_IP, unix.IP_TOS, class}, {unix.IPPROTO_IP, unix.IP_FREEBIND, 1},
	}
	s.to = &unix.SockaddrInet4{Port: int(w.Port), Addr: as4(w.Remote)}
	if w.Remote.Is6() {
		domain, options = unix.AF_INET6, []option{
			{unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, int(w.TTL)},
			{unix.IPPROTO_IPV6, unix.IPV6_TCLASS, class},
			{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
			{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1},
		}
		s.to = &unix.SockaddrInet6{Port: int(w.Port), Addr: w.Remote.As16(), ZoneId: uint32(w.IfIndex)}
	}
	var err error
	if s.fd, err = open(domain, options); err != nil {
		return nil, fmt.Errorf("send to %s: %w", s.what, err)
	}
	if err := s.bind(w); err != nil {
		return nil, errors.Join(fmt.Errorf("send to %s from %s: %w", s.what, w.Local, err), unix.Close(s.fd))
	}
	return s, nil
}

// as4 is an IPv4 address as it is in a socket address; zero for any other.
func as4(a netip.Addr) (b [4]byte) {
	if a.Is4() {
		b = a.As4()
	}
	return b
}

// bind finds a source port that is free.
func (s *Sender) bind(w Way) error {
	const ports = LastPort - FirstPort + 1
	var err error
	for k := range ports {
		port := FirstPort + (max(int(w.From), FirstPort)-FirstPort+k)%ports
		var from unix.Sockaddr = &unix.SockaddrInet4{Port: port, Addr: as4(w.Local)}
		if w.Remote.Is6() {
			six := &unix.SockaddrInet6{Port: port, ZoneId: uint32(w.IfIndex)}
			if w.Local.Is6() {
				six.Addr = w.Local.As16()
			}
			from = six
		}
		if err = unix.Bind(s.fd, from); !errors.Is(err, unix.EADDRINUSE) {
			return err
		}
	}
	return err
}

// Send sends one datagram. It does not wait: what finds no room is an error.
func (s *Sender) Send(payload []byte) error {
	for {
		err := unix.Sendto(s.fd, payload, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, s.to)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send to %s: %w", s.what, err)
		}
	}
}

// Close closes the socket.
func (s *Sender) Close() error { return unix.Close(s.fd) }
