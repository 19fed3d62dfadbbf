// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Family is an address family, as the kernel numbers them.
type Family uint16

// The two families.
const (
	IPv4 Family = 2  // AF_INET
	IPv6 Family = 10 // AF_INET6
)

// FamilyOf is the family of an address; an IPv4 address mapped into IPv6 is
// IPv6.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// Protocol is an IP protocol number.
type Protocol uint16

// The protocols that IPVS knows.
const (
	TCP  Protocol = 6
	UDP  Protocol = 17
	SCTP Protocol = 132
)

// String is the name of the protocol in lower case.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	}
	return "protocol " + strconv.Itoa(int(p))
}

// Key tells a service from all others. Either Mark is set, or Protocol, Addr
// and Port are.
type Key struct {
	// Family is set in every key; that of Addr, if there is one.
	Family   Family
	Protocol Protocol
	Addr     netip.Addr
	// Port 0 is every port, which the kernel takes for persistent services only.
	Port uint16
	// Mark is the firewall mark of a service that is known by it.
	Mark uint32
}

// AddrKey is the key of a service with an address.
func AddrKey(p Protocol, at netip.AddrPort) Key {
	return Key{Family: FamilyOf(at.Addr()), Protocol: p, Addr: at.Addr(), Port: at.Port()}
}

// MarkKey is the key of a service that is known by a firewall mark.
func MarkKey(mark uint32, f Family) Key { return Key{Family: f, Mark: mark} }

// String is, for example, tcp/10.0.0.1:80, udp/[2001:db8::1]:53, fwmark:5 or
// fwmark:5/inet6.
func (k Key) String() string {
	if k.Mark == 0 {
		return k.Protocol.String() + "/" + netip.AddrPortFrom(k.Addr, k.Port).String()
	}
	s := "fwmark:" + strconv.FormatUint(uint64(k.Mark), 10)
	if k.Family == IPv6 {
		s += "/inet6"
	}
	return s
}

// Flags change how a service schedules connections.
type Flags uint32

// The flags. What a scheduler flag means depends on the scheduler; kernels
// print them as flag-1 to flag-3 for a scheduler that has no names for them.
const (
	persistent Flags = 1 << 0 // is whether Timeout is set
	OnePacket  Flags = 1 << 2 // each datagram is a connection; UDP only
	SchedFlag1 Flags = 1 << 3
	SchedFlag2 Flags = 1 << 4
	SchedFlag3 Flags = 1 << 5

	SHFallback = SchedFlag1 // another server if the hashed one is down
	SHPort     = SchedFlag2 // hash the source port too
	MHFallback = SchedFlag1
	MHPort     = SchedFlag2

	// settable are the flags that are ours to set; the kernel keeps others there.
	settable = persistent | OnePacket | SchedFlag1 | SchedFlag2 | SchedFlag3
)

// Service is one virtual service.
type Service struct {
	Key
	// Scheduler is rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf, mh or
	// twos, or another one that the kernel has.
	Scheduler string
	Flags     Flags
	// Timeout is that of persistence, in whole seconds; zero is no persistence.
	Timeout time.Duration
	// Netmask groups clients of a persistent service: for IPv4 the mask as a
	// number, for IPv6 the length of the prefix. Zero is each client by itself.
	Netmask uint32
	// Engine is the persistence engine, empty or sip.
	Engine string
}

// Persistent says whether the service is.
func (s *Service) Persistent() bool { return s.Timeout > 0 }

// Method is how packets are forwarded to a destination.
type Method uint8

// The methods. A destination whose address is the director's own is handed to
// its sockets with any of them.
const (
	NAT    Method = iota // rewritten: masquerading
	Local                // an address of the director's own, in tables of old
	Tunnel               // wrapped: TUN
	Direct               // with another link-layer address: DR
	Bypass               // to the original destination, for a transparent cache
)

// String is the method in keepalived's words: NAT, TUN, DR, and LOCAL, BYPASS.
func (m Method) String() string {
	switch m {
	case NAT:
		return "NAT"
	case Local:
		return "LOCAL"
	case Tunnel:
		return "TUN"
	case Direct:
		return "DR"
	case Bypass:
		return "BYPASS"
	}
	return "method " + strconv.Itoa(int(m))
}

// TunnelType is how a packet is wrapped for a destination with method Tunnel.
type TunnelType uint8

// The types of tunnels.
const (
	IPIP TunnelType = iota
	GUE             // generic UDP encapsulation, to TunnelPort
	GRE
)

// String is the type in keepalived's words.
func (t TunnelType) String() string {
	switch t {
	case IPIP:
		return "ipip"
	case GUE:
		return "gue"
	case GRE:
		return "gre"
	}
	return "tunnel type " + strconv.Itoa(int(t))
}

// TunnelFlags say what protects the packets of a tunnel.
type TunnelFlags uint16

// The flags, for GUE and, but for the last, GRE. None is no checksum.
const (
	Checksum       TunnelFlags = 1 << 0
	RemoteChecksum TunnelFlags = 1 << 1
)

// Destination is one real server of a service. Addr and Port tell it from the
// others.
type Destination struct {
	// Addr is of the family of the service, unless Method is Tunnel.
	Addr netip.Addr
	Port uint16
	// Method is how packets reach it.
	Method Method
	// Weight is from 0 (no new connections) to 2147483647.
	Weight uint32
	// Upper is the number of connections at which it gets no more, zero for never;
	// Lower that at which it gets them again, zero for three quarters of Upper.
	Upper, Lower uint32
	TunnelType   TunnelType
	TunnelPort   uint16
	TunnelFlags  TunnelFlags
}

// At is the address and port of the destination, its key within the service.
func (d *Destination) At() netip.AddrPort { return netip.AddrPortFrom(d.Addr, d.Port) }

// String is the address and port.
func (d *Destination) String() string { return d.At().String() }

// Stats are the counters of a service or destination since it was added or
// zeroed, and the kernel's running estimate of their rates per second.
type Stats struct {
	Conns, InPkts, OutPkts, InBytes, OutBytes uint64
	CPS, InPPS, OutPPS, InBPS, OutBPS         uint64
}

// Timeouts are how long a connection is remembered without packets, in whole
// seconds. When they are set, zero leaves one as it is.
type Timeouts struct{ TCP, TCPFin, UDP time.Duration }

// Table is everything that the kernel's table holds.
type Table struct {
	Services []Entry
	// Wide says that the counters are the 64-bit ones; of kernels before 4.1 the
	// numbers of connections and packets are modulo 2^32.
	Wide bool
}

// Entry is one service of the table.
type Entry struct {
	Service
	Stats        Stats
	Destinations []Server
}

// Server is one destination of the table.
type Server struct {
	Destination
	// Active, Inactive and Persistent are its connections now.
	Active, Inactive, Persistent uint32
	Stats                        Stats
}

// Info is what the kernel says of its IPVS.
type Info struct {
	// Version is that of IPVS, such as 1.2.1.
	Version string
	// TableSize is how many hash buckets the table of connections has.
	TableSize uint32
}

// parameter checks what a message has only so much room for.
func parameter(what, s string, most int) error {
	if len(s) > most || strings.IndexByte(s, 0) >= 0 {
		return fmt.Errorf("%s %q: at most %d bytes", what, s, most)
	}
	return nil
}
