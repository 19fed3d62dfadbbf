// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// Guard is the authentication of one virtual router, as far as it needs keys
// and memory. The zero Guard asks for nothing.
type Guard struct {
	// AH is nil without auth_type AH, HMAC without auth_hmac.
	AH   *AH
	HMAC *HMAC

	last Verdict
}

// Configure changes what is asked for; sequences survive. A nil password means
// no authentication header, nil Settings no signatures. peers is the number of
// configured peers.
func (g *Guard) Configure(password *[8]byte, s *Settings, peers int) {
	switch {
	case password == nil:
		g.AH = nil
	case g.AH == nil:
		g.AH = NewAH(*password)
	default:
		g.AH.Rekey(*password)
	}
	switch {
	case s == nil:
		g.HMAC = nil
	case g.HMAC == nil:
		g.HMAC = NewHMAC(s, peers)
	default:
		g.HMAC.Configure(s, peers)
	}
}

// Resume makes what follows look newer than whatever a predecessor of this
// process sent. It is the time in seconds, because at most one advert leaves
// in a second (version 2). wall is nanoseconds since the Unix epoch.
func (g *Guard) Resume(wall int64) {
	if g.AH != nil {
		g.AH.Sequence = max(g.AH.Sequence, uint32(wall/1e9))
	}
}

// Follow is AH.Follow, if there is AH.
func (g *Guard) Follow() {
	if g.AH != nil {
		g.AH.Follow()
	}
}

// Received is an advert as it came.
type Received struct {
	// Head is the IPv4 header and AH the authentication header, if there is one.
	Head, AH []byte
	// Payload is the VRRP packet with its trailer.
	Payload []byte
	Source  netip.Addr
	// Wall is when it was received, in nanoseconds since the Unix epoch.
	Wall int64
}

// Check adds to parsed, wire.Parse's verdict on an advert, what that cannot
// check. The order is keepalived's: length, TTL and version come first, then
// the signature, then the authentication header, then the rest.
func (g *Guard) Check(x Received, ad *wire.Advert, parsed wire.Reject) wire.Reject {
	if g.AH == nil && g.HMAC == nil {
		return parsed
	}
	switch why := parsed.Reason; {
	case why == event.RejectPacketLength, why == event.RejectTTL, why == event.RejectVersion:
		return parsed
	}
	if g.HMAC != nil {
		b := Bond{Family: ad.Family, Version: ad.Version, VRID: ad.VRID, Source: x.Source}
		packet := x.Payload[:len(x.Payload)-len(ad.Trailer)]
		if g.last = g.HMAC.Check(packet, ad.Trailer, b, x.Wall); g.last.Reason() != event.ReasonNone {
			return g.last.reject()
		}
	}
	switch why := parsed.Reason; {
	case g.AH == nil, why == event.RejectAuthInvalidType, why == event.RejectAuthTypeMismatch:
		return parsed
	}
	if g.last = g.AH.Check(x.Head, x.AH, x.Payload); g.last.Reason() != event.ReasonNone {
		return g.last.reject()
	}
	return parsed
}

// Text says about the advert that Check refused last what was expected and what
// came; ok is false if it was not for its authentication.
func (g *Guard) Text(why event.Reason) (want, got string, ok bool) {
	if g.last.Reason() == event.ReasonNone || g.last.Reason() != why {
		return "", "", false
	}
	want, got = g.last.Text()
	return want, got, true
}
