// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"hash"

	"github.com/vigild/vigild/engine/vrrp/wire"
)

const (
	headLen = 20
	icvAt   = 12 // of the digest in the authentication header
	icvLen  = wire.AHLen - icvAt
	// units is the length of the header in words of 32 bits, minus 2 (RFC 2402
	// section 2.2).
	units = wire.AHLen/4 - 2
)

// AH makes and checks authentication headers (RFC 2402, HMAC-MD5-96 of RFC
// 2403) as keepalived does: the SPI is the source address, and one counter
// serves both ways, so that a backup which takes over goes on where the master
// stopped. It does not allocate.
type AH struct {
	// Sequence is the highest sequence number that was sent or heard.
	Sequence uint32

	mac  hash.Hash
	sum  [md5.Size]byte
	head [headLen + wire.AHLen]byte
}

// NewAH returns an AH whose key is the password, with zeros behind it.
func NewAH(password [8]byte) *AH {
	a := &AH{}
	a.Rekey(password)
	return a
}

// Rekey changes the password and keeps the sequence.
func (a *AH) Rekey(password [8]byte) { a.mac = hmac.New(md5.New, password[:]) }

// Next is the sequence number of the next advert; compat: all copies of an
// advert for several peers share it. The first one is 1.
func (a *AH) Next() uint32 {
	a.Sequence++
	return a.Sequence
}

// Follow goes on from one above the sequence heard last. compat: a master does
// so that hears a peer of lower priority.
func (a *AH) Follow() { a.Sequence++ }

// Seal writes the authentication header into a complete IPv4 packet that has
// room for it behind its header of 20 bytes. Source, destination, length,
// identification and TTL must be what they will be on the wire.
func (a *AH) Seal(packet []byte, seq uint32) {
	h := packet[headLen : headLen+wire.AHLen]
	clear(h)
	h[0], h[1] = wire.Protocol, units
	copy(h[4:8], packet[12:16])
	binary.BigEndian.PutUint32(h[8:], seq)
	copy(h[icvAt:], a.digest(packet[:headLen], h, packet[headLen+wire.AHLen:]))
}

// Check judges the authentication header h that stood between the IPv4 header
// head and payload. A good packet raises the sequence; a bad one changes
// nothing.
func (a *AH) Check(head, h, payload []byte) Verdict {
	if len(head) != headLen || len(h) != wire.AHLen || h[0] != wire.Protocol || h[1] != units {
		return Verdict{flaw: flawHeader}
	}
	if [4]byte(h[4:8]) != [4]byte(head[12:16]) {
		return Verdict{flaw: flawSPI}
	}
	if !hmac.Equal(h[icvAt:], a.digest(head, h, payload)) {
		return Verdict{flaw: flawDigest}
	}
	// RFC 2402 section 3.4.3. compat: no window, the number must grow.
	seq := binary.BigEndian.Uint32(h[8:])
	if seq <= a.Sequence {
		return Verdict{flawReplay, uint64(a.Sequence), uint64(seq)}
	}
	a.Sequence = seq
	return Verdict{}
}

// digest is the integrity check value. RFC 2402 section 3.3.3.1.1.1 zeroes what
// may change on the way: type of service, flags and fragment offset, checksum,
// TTL. compat: the TTL only of unicast packets.
func (a *AH) digest(head, h, payload []byte) []byte {
	copy(a.head[:], head)
	copy(a.head[headLen:], h[:icvAt])
	clear(a.head[headLen+icvAt:])
	a.head[1] = 0
	clear(a.head[6:8])
	clear(a.head[10:12])
	if a.head[16]>>4 != 0xe {
		a.head[8] = 0 // not multicast
	}
	a.mac.Reset()
	a.mac.Write(a.head[:])
	a.mac.Write(payload)
	return a.mac.Sum(a.sum[:0])[:icvLen]
}
