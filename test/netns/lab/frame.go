// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Numbers of protocols that have no name in x/sys.
const (
	protocolVRRP  = 112
	protocolAH    = 51
	lenAH         = 24
	lenTrailer    = 28
	icmpSolicit   = 135
	icmpAdvertise = 136
)

// Frame is one frame on a wire. At most one of Advert, ARP and ND is set.
type Frame struct {
	// At is when the kernel of the wire received it (wall clock), Index its
	// number in the capture.
	At       time.Time
	Index    int
	Src, Dst net.HardwareAddr
	Data     []byte // all of it, from the Ethernet header on
	Advert   *Advert
	ARP      *ARP
	ND       *ND
}

// Advert is a VRRP advertisement with the IP header it came in. It is decoded
// here, not by the code under test.
type Advert struct {
	Src, Dst                      netip.Addr
	TTL, TOS                      uint8
	ID                            uint16 // of the IPv4 header
	DontFragment                  bool
	Version, Type, VRID, Priority uint8
	Count, AuthType               uint8
	Interval                      time.Duration
	Checksum                      uint16
	ChecksumOK                    bool
	Addrs                         []netip.Addr
	Auth                          []byte // authentication data of version 2
	AH                            *AH    // the header in front, nil if none
	Trailer                       []byte // the 28 bytes of auth_hmac behind, nil if none
	Surplus                       int    // bytes that belong to none of these
}

// AH is an IP authentication header (RFC 2402).
type AH struct {
	NextHeader, Length uint8
	Reserved           uint16
	SPI                netip.Addr // as the address it is for VRRP
	Sequence           uint32
	ICV                []byte
}

// ARP is an ARP packet for IPv4 over Ethernet.
type ARP struct {
	Op                   uint16
	SenderMAC, TargetMAC net.HardwareAddr
	Sender, Target       netip.Addr
}

// ND is a neighbour solicitation or advertisement.
type ND struct {
	Src, Dst, Target            netip.Addr
	HopLimit                    uint8
	Advertisement               bool
	Router, Solicited, Override bool
	LinkLayer                   net.HardwareAddr // option, nil if absent
}

// Announced is the address that the frame announces to all (gratuitous ARP,
// unsolicited neighbour advertisement), invalid if none.
func (f *Frame) Announced() netip.Addr {
	switch {
	case f.ARP != nil && f.ARP.Sender == f.ARP.Target:
		return f.ARP.Sender
	case f.ND != nil && f.ND.Advertisement && !f.ND.Solicited:
		return f.ND.Target
	}
	return netip.Addr{}
}

// String is one line for people.
func (f *Frame) String() string {
	at := f.At.Format("15:04:05.000000")
	switch {
	case f.Advert != nil:
		a := f.Advert
		return fmt.Sprintf("%s %v advert v%d vrid %d priority %d interval %v %v", at, a.Src, a.Version, a.VRID, a.Priority, a.Interval, a.Addrs)
	case f.ARP != nil:
		return fmt.Sprintf("%s %v ARP op %d sender %v target %v", at, f.Src, f.ARP.Op, f.ARP.Sender, f.ARP.Target)
	case f.ND != nil:
		return fmt.Sprintf("%s %v ND advertisement=%v target %v", at, f.ND.Src, f.ND.Advertisement, f.ND.Target)
	}
	return fmt.Sprintf("%s %v %d bytes", at, f.Src, len(f.Data))
}

// decode takes a frame apart; what it cannot read it leaves out.
func decode(at time.Time, data []byte) Frame {
	data = append([]byte(nil), data...)
	f := Frame{At: at, Data: data}
	if len(data) < 14 {
		return f
	}
	f.Dst, f.Src = data[0:6:6], data[6:12:12]
	p := data[14:]
	switch kind := binary.BigEndian.Uint16(data[12:]); {
	case kind == unix.ETH_P_ARP && len(p) >= 28:
		f.ARP = &ARP{
			Op: binary.BigEndian.Uint16(p[6:]), SenderMAC: p[8:14:14], TargetMAC: p[18:24:24],
			Sender: addr(p[14:18]), Target: addr(p[24:28]),
		}
	case kind == unix.ETH_P_IP && len(p) >= 20:
		head, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
		var ah *AH
		if p[9] == protocolAH && head == 20 && len(p) >= head+lenAH && p[head] == protocolVRRP {
			h := p[head : head+lenAH]
			ah = &AH{
				NextHeader: h[0], Length: h[1], Reserved: binary.BigEndian.Uint16(h[2:]), SPI: addr(h[4:8]),
				Sequence: binary.BigEndian.Uint32(h[8:]), ICV: h[12:],
			}
			head += lenAH
		}
		if (p[9] == protocolVRRP || ah != nil) && head >= 20 && total >= head && total <= len(p) {
			f.Advert = &Advert{
				Src: addr(p[12:16]), Dst: addr(p[16:20]), TTL: p[8], TOS: p[1],
				ID: binary.BigEndian.Uint16(p[4:]), DontFragment: p[6]&0x40 != 0, AH: ah,
			}
			f.Advert.decode(p[head:total], 4)
		}
	case kind == unix.ETH_P_IPV6 && len(p) >= 40:
		body := p[40:]
		body = body[:min(len(body), int(binary.BigEndian.Uint16(p[4:])))]
		src, dst := addr(p[8:24]), addr(p[24:40])
		switch {
		case p[6] == protocolVRRP:
			f.Advert = &Advert{Src: src, Dst: dst, TTL: p[7], TOS: p[0]<<4 | p[1]>>4}
			f.Advert.decode(body, 16)
		case p[6] == unix.IPPROTO_ICMPV6 && len(body) >= 24 && (body[0] == icmpSolicit || body[0] == icmpAdvertise):
			f.ND = nd(body, src, dst, p[7])
		}
	}
	return f
}

func addr(b []byte) netip.Addr { a, _ := netip.AddrFromSlice(b); return a }

func nd(p []byte, src, dst netip.Addr, limit uint8) *ND {
	out := &ND{
		Src: src, Dst: dst, HopLimit: limit, Target: addr(p[8:24]), Advertisement: p[0] == icmpAdvertise,
		Router: p[4]&0x80 != 0, Solicited: p[4]&0x40 != 0, Override: p[4]&0x20 != 0,
	}
	if o := p[24:]; len(o) >= 8 && o[1] == 1 {
		out.LinkLayer = o[2:8:8]
	}
	return out
}

// decode reads the VRRP packet (RFC 3768 and RFC 9568 sections 5.1).
func (a *Advert) decode(p []byte, size int) {
	if len(p) < 8 {
		a.Surplus = len(p)
		return
	}
	a.Version, a.Type, a.VRID, a.Priority, a.Count = p[0]>>4, p[0]&15, p[1], p[2], p[3]
	a.Checksum = binary.BigEndian.Uint16(p[6:])
	rest := p[8:]
	for i := 0; i < int(a.Count) && len(rest) >= size; i++ {
		a.Addrs, rest = append(a.Addrs, addr(rest[:size])), rest[size:]
	}
	if len(rest) >= lenTrailer {
		n := len(rest) - lenTrailer
		a.Trailer, rest = rest[n:], rest[:n]
		if size == 4 {
			p = p[:len(p)-lenTrailer] // over IPv6 the checksum covers it
		}
	}
	sum := sum16(p)
	if a.Version == 2 {
		a.AuthType, a.Interval = p[4], time.Duration(p[5])*time.Second
		n := min(len(rest), 8)
		a.Auth, rest = rest[:n:n], rest[n:]
	} else {
		a.Interval = time.Duration(binary.BigEndian.Uint16(p[4:])&0xfff) * 10 * time.Millisecond
	}
	if a.Version == 3 || size == 16 {
		sum += sum16(a.Src.AsSlice()) + sum16(a.Dst.AsSlice()) + protocolVRRP + uint32(len(p))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	a.ChecksumOK, a.Surplus = sum == 0xffff, len(rest)
}

func sum16(p []byte) (sum uint32) {
	for ; len(p) >= 2; p = p[2:] {
		sum += uint32(binary.BigEndian.Uint16(p))
	}
	if len(p) == 1 {
		sum += uint32(p[0]) << 8
	}
	return sum
}
