// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"net/netip"
)

// ProtocolAH is the IP protocol number of the authentication header
// (RFC 2402), AHLen its length in bytes with a digest of 96 bits.
const (
	ProtocolAH = 51
	AHLen      = 24
)

// TrailerLen is the length in bytes of the trailer that signs an advert
// (compat: auth_hmac of keepalived 2.4.2, draft-cassen-vrrp-auth-hmac). It
// follows the packet, and only the total length tells that it is there.
const TrailerLen = 28

// PutChecksum writes the checksum of a packet that Append built and a trailer
// was added to. Over IPv4 it stays what it was; over IPv6 it covers the
// trailer too (compat: there the kernel computes it, over all that it sends).
func PutChecksum(p []byte, family uint8, src, dst netip.Addr) {
	if family == 6 {
		binary.BigEndian.PutUint16(p[6:], checksum(p, pseudo(p[0]>>4, family, len(p), src, dst, false)))
	}
}
