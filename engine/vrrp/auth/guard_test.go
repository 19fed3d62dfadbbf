// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// TestGuardOrder: a packet with several faults is refused for the one that
// keepalived would find first.
func TestGuardOrder(t *testing.T) {
	var both Guard
	both.Configure(&password, settings(), 0)
	v := vectors[2]
	unsigned := Received{Payload: bytesOf(t, v.packet), Source: v.bond.Source, Wall: v.wall}
	signed := unsigned
	signed.Payload = bytesOf(t, v.packet+v.trailer)
	spoilt := signed
	spoilt.Payload = bytesOf(t, v.packet+v.trailer)
	spoilt.Payload[2]++
	for _, c := range []struct {
		name   string
		x      Received
		parsed event.Reason
		want   event.Reason
	}{
		{"length before signature", spoilt, event.RejectPacketLength, event.RejectPacketLength},
		{"TTL before signature", spoilt, event.RejectTTL, event.RejectTTL},
		{"version before signature", spoilt, event.RejectVersion, event.RejectVersion},
		{"signature before the type of authentication", spoilt, event.RejectAuthTypeMismatch, event.RejectAuthExtInvalidHMAC},
		{"signature before checksum", spoilt, event.RejectChecksum, event.RejectAuthExtInvalidHMAC},
		{"type of authentication before AH", signed, event.RejectAuthTypeMismatch, event.RejectAuthTypeMismatch},
		{"AH before interval", signed, event.RejectAdvertInterval, event.RejectAuthFailure},
		{"no signature", unsigned, event.ReasonNone, event.RejectAuthExtMissing},
	} {
		g := both
		g.HMAC = NewHMAC(settings(), 0)
		ad := wire.Advert{Version: 2, Family: 4, VRID: 1}
		if n := len(unsigned.Payload); len(c.x.Payload) > n {
			ad.Trailer = c.x.Payload[n:]
		}
		got := g.Check(c.x, &ad, wire.Reject{Reason: c.parsed})
		if got.Reason != c.want {
			t.Errorf("%s: %v, want %v", c.name, got.Reason, c.want)
		}
		if _, _, ok := g.Text(got.Reason); ok != (c.want != c.parsed) {
			t.Errorf("%s: text is there: %v", c.name, ok)
		}
	}
	var none Guard
	if got := none.Check(spoilt, &wire.Advert{}, wire.Reject{}); got.Reason != event.ReasonNone {
		t.Errorf("no authentication refuses: %v", got.Reason)
	}
}

func TestGuardKeepsSequences(t *testing.T) {
	var g Guard
	g.Configure(&password, settings(), 0)
	g.AH.Sequence, g.HMAC.sent = 7, 9
	g.Configure(&[8]byte{'n', 'e', 'w'}, settings(monotonic), 0)
	if g.AH.Sequence != 7 || g.HMAC.sent != 9 || !g.HMAC.set.Monotonic {
		t.Errorf("%d %d", g.AH.Sequence, g.HMAC.sent)
	}
	g.Resume(t0)
	if g.AH.Sequence != 1_700_000_000 {
		t.Errorf("resumed at %d", g.AH.Sequence)
	}
	g.Resume(5)
	if g.AH.Sequence != 1_700_000_000 {
		t.Errorf("a clock that was set back makes it %d", g.AH.Sequence)
	}
	g.Configure(nil, nil, 0)
	g.Resume(t0)
	if g.AH != nil || g.HMAC != nil {
		t.Error("nothing is asked for, but checked")
	}
}
