// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/vrrp/wire"
)

// The trailer: scheme (1 byte), key (1), reserved (2), sequence (8), tag (16).
const (
	schemeSHA256 = 1
	seqAt        = 4
	tagAt        = 12
	tagLen       = wire.TrailerLen - tagAt
)

// Bond is what a signature holds besides the packet, so that a trailer fits no
// other virtual router and no other sender.
type Bond struct {
	Family, Version, VRID uint8
	Source                netip.Addr
}

// HMAC signs adverts and checks signed ones (compat: auth_hmac as keepalived
// 2.4.2 writes it, draft-cassen-vrrp-auth-hmac). It does not allocate once it
// has seen each of its keys and senders.
type HMAC struct {
	set     Settings
	macs    []hash.Hash // of set.Keys
	sent    sequence    // the last one
	senders marks
	bond    [20]byte
	clean   [wire.HeaderLen]byte // the head of a packet without checksum
	sum     [sha256.Size]byte
}

// zeros stand where the tag will be.
var zeros [tagLen]byte

// NewHMAC returns an HMAC. It remembers the sequences of 4 senders, and of
// peers more.
func NewHMAC(s *Settings, peers int) *HMAC {
	m := &HMAC{}
	m.Configure(s, peers)
	return m
}

// Configure changes the settings and keeps all sequences.
func (m *HMAC) Configure(s *Settings, peers int) {
	m.set = *s
	m.macs = m.macs[:0]
	for i := range s.Keys {
		m.macs = append(m.macs, hmac.New(sha256.New, s.Keys[i].Secret))
	}
	m.senders.most = sendersLeast + peers
}

// Sign writes the trailer into the last bytes of p, a packet with room for it.
// wall is the time in nanoseconds since the Unix epoch. Each call takes the next
// sequence: an advert is signed once, and all its copies share the trailer,
// which is returned and stays part of p.
func (m *HMAC) Sign(p []byte, b Bond, wall int64) (trailer []byte) {
	n := len(p) - wire.TrailerLen
	t := p[n:]
	clear(t)
	t[0], t[1] = schemeSHA256, m.set.Active
	m.sent = m.sent.next(clockSequence(wall), &m.set)
	binary.BigEndian.PutUint64(t[seqAt:], uint64(m.sent))
	if mac := m.mac(m.set.Active); mac != nil {
		copy(t[tagAt:], m.tag(mac, p[:n], t, b))
	}
	return t
}

// Check judges the trailer of a packet; nil means that it has none. wall is when
// the packet was received. The order is keepalived's: what costs little comes
// before the digest, and only a valid signature moves the mark of its sender.
func (m *HMAC) Check(p, trailer []byte, b Bond, wall int64) Verdict {
	if trailer == nil {
		if m.set.Mode == Enforce {
			return Verdict{flaw: flawMissing}
		}
		return Verdict{}
	}
	if reserved := binary.BigEndian.Uint16(trailer[2:]); trailer[0] != schemeSHA256 || reserved != 0 {
		return Verdict{flaw: flawTrailer, got: uint64(trailer[0])<<16 | uint64(reserved)}
	}
	seq := sequence(binary.BigEndian.Uint64(trailer[seqAt:]))
	now := clockSequence(wall)
	if behind := now.since(seq); !m.set.Monotonic && abs(behind) > m.set.window() {
		return Verdict{flawStale, uint64(m.set.window()), uint64(behind)}
	}
	mac := m.mac(trailer[1])
	if mac == nil {
		return Verdict{flaw: flawKey, got: uint64(trailer[1])}
	}
	if !hmac.Equal(trailer[tagAt:], m.tag(mac, p, trailer, b)) {
		return Verdict{flaw: flawSignature, got: uint64(trailer[1])}
	}
	if mark := m.senders.of(b.Source); !mark.raise(seq, now, &m.set) {
		return Verdict{flawOld, uint64(mark.last), uint64(seq)}
	}
	return Verdict{}
}

func (m *HMAC) mac(id uint8) hash.Hash {
	for i := range m.set.Keys {
		if m.set.Keys[i].ID == id {
			return m.macs[i]
		}
	}
	return nil
}

// tag signs: the bond, the packet with a checksum of zero (it is computed after
// the signature), the trailer up to its tag, and zeros in place of that.
func (m *HMAC) tag(mac hash.Hash, p, trailer []byte, b Bond) []byte {
	m.bond = [20]byte{b.Family, b.Version, b.VRID}
	if b.Source.Is4() {
		a := b.Source.As4()
		copy(m.bond[4:], a[:])
	} else {
		a := b.Source.As16()
		copy(m.bond[4:], a[:])
	}
	copy(m.clean[:], p)
	clear(m.clean[6:8])
	mac.Reset()
	mac.Write(m.bond[:])
	mac.Write(m.clean[:])
	mac.Write(p[wire.HeaderLen:])
	mac.Write(trailer[:tagAt])
	mac.Write(zeros[:])
	return mac.Sum(m.sum[:0])[:tagLen]
}

// window is in whole seconds.
func (s *Settings) window() int64 { return int64(s.Window / time.Second) }

func abs(n int64) int64 { return max(n, -n) }
