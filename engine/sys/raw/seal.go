// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package raw

import (
	"encoding/binary"
	"net/netip"

	"github.com/vigild/vigild/engine/vrrp/wire"
)

// length is that of the VRRP packet with its trailer.
func length(r Route, a *wire.Advert) int {
	if r.Trailer {
		return a.Len() + wire.TrailerLen
	}
	return a.Len()
}

// Packet is the whole IP packet, to be sealed with an authentication header
// after Stamp. It must not change while the Frame is Waiting.
func (f *Frame) Packet() []byte { return f.data }

// Payload is the VRRP packet in it with its trailer.
func (f *Frame) Payload() []byte { return f.data[f.head:] }

// PutTrailer signs the packet with a trailer that was made for it or for
// another copy of the same advert.
func (f *Frame) PutTrailer(t []byte) {
	p := f.Payload()
	copy(p[len(p)-wire.TrailerLen:], t)
	if f.family == 6 {
		wire.PutChecksum(p, 6, netip.AddrFrom16([16]byte(f.data[8:24])), netip.AddrFrom16([16]byte(f.data[24:40])))
	}
}

// Stamp gives an IPv4 packet its next identification (RFC 791: unique for
// source, destination and protocol). It is never 0, which the kernel would
// replace. Queue does it, unless an authentication header covers it.
func (f *Frame) Stamp() {
	if f.id++; f.id == 0 {
		f.id = 1
	}
	binary.BigEndian.PutUint16(f.data[4:], f.id)
}

// Continue goes on with the identifications of an older Frame.
func (f *Frame) Continue(old *Frame) { f.id = old.id }

// Waiting says whether the Frame was queued and not flushed yet.
func (s *Sender) Waiting(f *Frame) bool { return f.queued == s.flushes }
