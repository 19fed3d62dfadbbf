// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"net/netip"
	"testing"
)

// TestClaimsAreWhatWeSend: what an Announcer sends is a claim to those who hear it.
func TestClaimsAreWhatWeSend(t *testing.T) {
	mac := [6]byte{2, 0, 0, 0, 0, 9}
	four := Announcement{MAC: mac, Addr: netip.MustParseAddr("192.0.2.1")}
	frame := AppendARP(nil, four)
	if c, ok := arpClaim(frame); !ok || c != (Claim{four.Addr, mac}) {
		t.Errorf("%+v, %v", c, ok)
	}
	six := Announcement{MAC: mac, Addr: netip.MustParseAddr("2001:db8::1"), Router: true}
	const headers = 14 + 40
	na := AppendNA(nil, six)[headers:]
	if c, ok := naClaim(na); !ok || c != (Claim{six.Addr, mac}) {
		t.Errorf("%+v, %v", c, ok)
	}
	for n := range len(frame) {
		if _, ok := arpClaim(frame[:n]); ok {
			t.Errorf("the first %d bytes of an ARP frame are a claim", n)
		}
	}
	for n := range len(na) {
		if _, ok := naClaim(na[:n]); ok {
			t.Errorf("the first %d bytes of a neighbour advertisement are a claim", n)
		}
	}
	for _, i := range []int{12, 14, 16, 18, 19} {
		bad := AppendARP(nil, four)
		if bad[i]++; bad[i] != 0 {
			if _, ok := arpClaim(bad); ok {
				t.Errorf("an ARP frame with another byte %d is a claim", i)
			}
		}
	}
	na[0]--
	if _, ok := naClaim(na); ok {
		t.Error("a neighbour solicitation is a claim")
	}
}

// FuzzClaims feeds anything.
func FuzzClaims(f *testing.F) {
	f.Add(AppendARP(nil, Announcement{Addr: netip.MustParseAddr("192.0.2.1")}))
	f.Add(AppendNA(nil, Announcement{Addr: netip.MustParseAddr("2001:db8::1")})[54:])
	f.Fuzz(func(t *testing.T, p []byte) {
		if c, ok := arpClaim(p); ok && !c.Addr.Is4() {
			t.Errorf("%+v", c)
		}
		if c, ok := naClaim(p); ok && !c.Addr.Is6() {
			t.Errorf("%+v", c)
		}
		hops(p)
	})
}
