// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Expect is what a receiver requires of a packet.
type Expect struct {
	Family, Version uint8
	// AuthType and Auth are the authentication of version 2.
	AuthType uint8
	Auth     [AuthLen]byte
	// Interval is what a packet of version 2 must carry.
	Interval time.Duration
	// AnyTTL accepts any time to live (compat: unicast).
	AnyTTL bool
	// ChecksumAsV2 forgives a wrong checksum of version 3 over IPv4
	// (compat: v3_checksum_as_v2).
	ChecksumAsV2 bool
	// Pseudo, if valid, is a destination that the pseudo header may name instead
	// of the true one (compat: old_unicast_checksum).
	Pseudo netip.Addr
	// Trailer accepts a packet with a trailer as well as one without.
	Trailer bool
}

// Carrier is what the IP header said about a packet.
type Carrier struct {
	Src, Dst netip.Addr
	// TTL is the time to live or hop limit, -1 if unknown.
	TTL int
}

// Reject says why a packet is refused; the zero Reject accepts it. Want and Got
// are numbers whose meaning depends on Reason; Text puts them into words, and
// only then allocates.
type Reject struct {
	Reason    event.Reason
	Want, Got int
}

// VRID reads the virtual router id of a packet; ok is false if the packet is
// too short to be VRRP.
func VRID(p []byte) (id uint8, ok bool) {
	if len(p) < HeaderLen {
		return 0, false
	}
	return p[1], true
}

// List returns the addresses of a packet that is Sound.
func List(p []byte, family uint8) []byte {
	return p[HeaderLen : HeaderLen+int(p[3])*addrLen(family)]
}

// Sound says whether the packet, taken for what its own header says it is, is
// a VRRP packet: of a known version, of the right length, with a valid
// checksum. It serves the counting of packets that fit no virtual router.
func Sound(p []byte, family uint8, from Carrier) Reject {
	if len(p) < HeaderLen {
		return Reject{event.RejectPacketLength, HeaderLen, len(p)}
	}
	version := p[0] >> 4
	if version != 2 && version != 3 {
		return Reject{event.RejectVersion, 3, int(version)}
	}
	n := HeaderLen + int(p[3])*addrLen(family) + authLen(version, family)
	if len(p) == n+TrailerLen && family == 6 {
		n = len(p) // signed, see PutChecksum
	}
	if len(p) != n+TrailerLen && !lengthFits(len(p), n, family) {
		return Reject{event.RejectPacketLength, n, len(p)}
	}
	return verify(p[:n], version, family, from)
}

// Parse reads the packet p (what follows the IP header) into a and checks all
// that can be checked without state, in this order (compat: keepalived's):
// length, TTL, version, authentication, interval, type, checksum.
// On a Reject, a holds what could be read.
func Parse(p []byte, from Carrier, want *Expect, a *Advert) Reject {
	*a = Advert{Family: want.Family}
	if len(p) < HeaderLen {
		return Reject{event.RejectPacketLength, HeaderLen, len(p)}
	}
	a.Version, a.VRID, a.Priority = p[0]>>4, p[1], p[2]
	list := int(p[3]) * addrLen(want.Family)
	n := HeaderLen + list + authLen(want.Version, want.Family)
	// RFC 9568 section 7.1: the length must be that of the header and of as
	// many addresses as the header says. A packet of another version is
	// reported as that, whatever its length.
	signed := want.Trailer && len(p) == n+TrailerLen
	if a.Version == want.Version && !signed && !lengthFits(len(p), n, want.Family) {
		return Reject{event.RejectPacketLength, n, len(p)}
	}
	// RFC 9568 section 7.1: TTL or Hop Limit must be 255.
	if !want.AnyTTL && from.TTL != 255 {
		return Reject{event.RejectTTL, 255, from.TTL}
	}
	// RFC 9568 section 7.1: the version must be ours. compat: there is no mode
	// that speaks two versions (RFC 9568 section 8.3).
	if a.Version != want.Version {
		return Reject{event.RejectVersion, int(want.Version), int(a.Version)}
	}
	a.List = p[HeaderLen : HeaderLen+list]
	covered := p[:n]
	if signed {
		a.Trailer = p[n:]
		if want.Family == 6 {
			covered = p // compat: see PutChecksum
		}
	}
	if want.Version == 2 {
		if r := a.version2(p, n, want); r.Reason != event.ReasonNone {
			return r
		}
	} else {
		a.Interval = time.Duration(binary.BigEndian.Uint16(p[4:])&0x0fff) * 10 * time.Millisecond
	}
	// RFC 9568 section 5.2.2: an unknown type must be discarded.
	if t := p[0] & 15; t != TypeAdvertisement {
		return Reject{event.RejectPacketType, TypeAdvertisement, int(t)}
	}
	if want.ChecksumAsV2 && want.Version == 3 && want.Family == 4 {
		return Reject{} // compat: a router with this option forgives either checksum, and so any.
	}
	r := verify(covered, a.Version, a.Family, from)
	if r.Reason == event.RejectChecksum && want.Pseudo.IsValid() {
		from.Dst = want.Pseudo
		if verify(covered, a.Version, a.Family, from).Reason == event.ReasonNone {
			a.Pseudo = want.Pseudo
			return Reject{}
		}
	}
	return r
}

// version2 reads and checks what only version 2 has.
func (a *Advert) version2(p []byte, n int, want *Expect) Reject {
	a.AuthType = p[4]
	a.Interval = time.Duration(p[5]) * time.Second
	if authLen(2, a.Family) > 0 {
		copy(a.Auth[:], p[n-AuthLen:n])
	}
	// RFC 3768 section 7.1: the authentication type must be valid, and ours.
	if a.AuthType > AuthTypeAH {
		return Reject{event.RejectAuthInvalidType, int(want.AuthType), int(a.AuthType)}
	}
	if a.AuthType != want.AuthType {
		return Reject{event.RejectAuthTypeMismatch, int(want.AuthType), int(a.AuthType)}
	}
	// RFC 2338 section 5.3.6.1: the password must match. compat: over IPv6 the type travels, and no password.
	if a.AuthType == AuthTypePass && authLen(2, a.Family) > 0 && a.Auth != want.Auth {
		return Reject{Reason: event.RejectAuthFailure}
	}
	// RFC 3768 section 7.1: the interval must be ours, else discard.
	if a.Interval != want.Interval {
		return Reject{event.RejectAdvertInterval, int(want.Interval / time.Second), int(p[5])}
	}
	return Reject{}
}

// leastEthernet is the length of the shortest payload of an Ethernet frame,
// and what of it is left behind an IPv4 header.
const (
	leastEthernet = 46
	leastPayload4 = leastEthernet - 20
)

// lengthFits says whether a payload of got bytes can be a packet of want bytes.
// compat: a short IPv4 packet may come with the padding of its Ethernet frame;
// that fills up to a length that no number of addresses has, so a surplus of
// whole words is still an error.
func lengthFits(got, want int, family uint8) bool {
	return got == want || family == 4 && got > want && got <= leastPayload4 && got%4 == leastPayload4%4
}

// verify checks the checksum (RFC 9568 section 5.2.8).
func verify(p []byte, version, family uint8, from Carrier) Reject {
	want := checksum(p, pseudo(version, family, len(p), from.Src, from.Dst, false))
	got := binary.BigEndian.Uint16(p[6:])
	// 0x0000 and 0xffff are the same number in one's complement.
	if got == want || got == 0xffff && want == 0 || got == 0 && want == 0xffff {
		return Reject{}
	}
	return Reject{event.RejectChecksum, int(want), int(got)}
}

var authNames = [...]string{"none", "PASS", "AH"}

func authName(n int) string {
	if n >= 0 && n < len(authNames) {
		return authNames[n]
	}
	return fmt.Sprintf("type %d", n)
}

// Text says what was expected and what came, for people. It never shows a
// password. A Reason that is not Parse's gives the numbers.
func (r Reject) Text() (want, got string) {
	form := "%d"
	switch why := r.Reason; {
	case why == event.RejectPacketLength:
		form = "%d bytes"
	case why == event.RejectChecksum:
		form = "%#04x"
	case why == event.RejectAdvertInterval:
		form = "%ds"
	case why == event.RejectAuthInvalidType || why == event.RejectAuthTypeMismatch:
		return authName(r.Want), authName(r.Got)
	case why == event.RejectAuthFailure:
		return "our password", "another password"
	}
	return fmt.Sprintf(form, r.Want), fmt.Sprintf(form, r.Got)
}
