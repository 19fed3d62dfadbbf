// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Protocol is the IP protocol number of VRRP (RFC 9568 section 5.1.1.4).
const Protocol = 112

// TypeAdvertisement is the only packet type (RFC 9568 section 5.2.2).
const TypeAdvertisement = 1

// HeaderLen is the length of the fixed part of a packet in bytes, AuthLen that
// of the authentication data at the end of version 2.
const (
	HeaderLen = 8
	AuthLen   = 8
)

// MaxLen is the length in bytes of the longest packet: 255 IPv6 addresses.
const MaxLen = HeaderLen + 255*16

// The authentication types of version 2 (RFC 2338 section 5.3.6; RFC 3768 only
// keeps AuthTypeNone, compat: keepalived still offers all three).
const (
	AuthTypeNone = 0
	AuthTypePass = 1
	AuthTypeAH   = 2
)

// Advert is one VRRP advertisement.
type Advert struct {
	// Version is 2 or 3, Family 4 or 6.
	Version, Family uint8
	VRID            uint8
	// Priority is 0 (the master gives up) to 255 (the address owner).
	Priority uint8
	// AuthType and Auth belong to version 2.
	AuthType uint8
	Auth     [AuthLen]byte
	// Interval is whole seconds up to 255 s (version 2) or centiseconds up to
	// 40.95 s (version 3); what does not fit is cut off.
	Interval time.Duration
	// List is the advertised addresses as on the wire, 4 or 16 bytes each, at
	// most 255. After Parse it refers to the packet.
	List []byte
	// Pseudo is the destination that the pseudo header names, if it is not that
	// of the IP header (compat: old_unicast_checksum).
	Pseudo netip.Addr
	// Trailer is the TrailerLen bytes behind the packet, nil if there are none.
	// Parse finds it; Append leaves it to others.
	Trailer []byte
}

// addrLen is the length of one address on the wire.
func addrLen(family uint8) int {
	if family == 6 {
		return 16
	}
	return 4
}

// authLen is the length of the authentication data. compat: version 2 over
// IPv6, which no RFC describes, has none.
func authLen(version, family uint8) int {
	if version == 2 && family == 4 {
		return AuthLen
	}
	return 0
}

// Count is how many addresses the advert has.
func (a *Advert) Count() int { return len(a.List) / addrLen(a.Family) }

// Addr returns address i, 0 to Count-1.
func (a *Advert) Addr(i int) netip.Addr {
	n := addrLen(a.Family)
	addr, _ := netip.AddrFromSlice(a.List[i*n : i*n+n])
	return addr
}

// Len is the length of the packet in bytes.
func (a *Advert) Len() int { return HeaderLen + len(a.List) + authLen(a.Version, a.Family) }

// AppendAddr appends one address to a List of the given family. An address of
// the other family is left out.
func AppendAddr(list []byte, family uint8, addr netip.Addr) []byte {
	addr = addr.Unmap()
	switch {
	case family == 4 && addr.Is4():
		b := addr.As4()
		return append(list, b[:]...)
	case family == 6 && addr.Is6():
		b := addr.As16()
		return append(list, b[:]...)
	}
	return list
}

// Append appends the packet (RFC 3768 section 5.1, RFC 9568 section 5.1) with
// its checksum; src and dst are those of the IP header that will carry it.
// asV2 leaves the pseudo header out of the checksum of version 3 over IPv4
// (compat: v3_checksum_as_v2). It does not allocate if b has room for Len more.
func Append(b []byte, a *Advert, src, dst netip.Addr, asV2 bool) []byte {
	start := len(b)
	b = append(b, a.Version<<4|TypeAdvertisement, a.VRID, a.Priority, uint8(a.Count()))
	if a.Version == 2 {
		b = append(b, a.AuthType, uint8(a.Interval/time.Second))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(a.Interval/(10*time.Millisecond))&0x0fff)
	}
	b = append(b, 0, 0)
	b = append(b, a.List...)
	if authLen(a.Version, a.Family) > 0 {
		b = append(b, a.Auth[:]...)
	}
	p := b[start:]
	if a.Pseudo.IsValid() {
		dst = a.Pseudo
	}
	binary.BigEndian.PutUint16(p[6:], checksum(p, pseudo(a.Version, a.Family, len(p), src, dst, asV2)))
	return b
}

// pseudo is the unfolded sum of the pseudo header.
func pseudo(version, family uint8, n int, src, dst netip.Addr, asV2 bool) uint64 {
	if family == 4 && (version == 2 || asV2) {
		return 0 // RFC 3768 section 5.3.8: the VRRP message alone.
	}
	// RFC 9568 section 5.2.8: the pseudo header of RFC 8200 section 8.1, for
	// IPv4 with the fields of the same meaning.
	return sumAddr(src) + sumAddr(dst) + uint64(n) + Protocol
}

func sumAddr(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return sum(b[:])
	}
	b := a.As16()
	return sum(b[:])
}

// sum adds up 16-bit words without folding; an odd last byte is the high one.
func sum(b []byte) uint64 {
	var s uint64
	for len(b) >= 4 {
		v := binary.BigEndian.Uint32(b)
		s += uint64(v>>16) + uint64(v&0xffff)
		b = b[4:]
	}
	for len(b) >= 2 {
		s += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

// checksum is the one's complement of the one's complement sum of p, its own
// field taken as zero, and more.
func checksum(p []byte, more uint64) uint16 {
	s := sum(p) + more - uint64(binary.BigEndian.Uint16(p[6:]))
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}
