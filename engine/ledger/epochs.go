// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// Bounds of what is remembered of producers. A window covers the ring that a
// producer can replay (4,096 edges) twice over.
const (
	epochMax   = 32
	windowBits = 8192
)

// epoch is one life of one producer.
type epoch struct {
	id    uint64
	role  event.Role
	known bool
	// order counts lives in the order in which they were first heard of.
	order int
	// newest is the highest sequence number seen; window has a bit for each
	// number of the last windowBits that was.
	newest uint64
	window [windowBits / 64]uint64
}

// place orders the events of one subject: the host's monotonic clock decides,
// whoever the producer was, and at equal times of one life the sequence number.
type place struct {
	at    event.Instant
	order int
	seq   uint64
}

func (p place) before(q place) bool {
	return p.at < q.at || p.at == q.at && p.order == q.order && p.seq < q.seq
}

// epochs are the lives that are remembered, at most epochMax.
type epochs struct {
	list []*epoch
	next int
	vrrp int
}

// of returns the record of an epoch, made at first sight; the oldest one makes
// room.
func (s *epochs) of(id uint64, role event.Role) *epoch {
	for _, v := range slices.Backward(s.list) {
		if v.id == id && v.role == role {
			return v
		}
	}
	s.next++
	ep := &epoch{id: id, role: role, order: s.next}
	if len(s.list) >= epochMax {
		copy(s.list, s.list[1:])
		s.list = s.list[:len(s.list)-1]
	}
	s.list = append(s.list, ep)
	return ep
}

// first says whether seq is seen for the first time, and remembers it. What
// is older than the window counts as seen.
func (e *epoch) first(seq uint64) bool {
	if seq > e.newest {
		if seq-e.newest >= windowBits {
			clear(e.window[:])
		} else {
			for n := e.newest + 1; n < seq; n++ {
				e.window[n/64%uint64(len(e.window))] &^= 1 << (n % 64)
			}
		}
		e.newest = seq
		e.window[seq/64%uint64(len(e.window))] |= 1 << (seq % 64)
		return true
	}
	if e.newest-seq >= windowBits {
		return false
	}
	word, bit := &e.window[seq/64%uint64(len(e.window))], uint64(1)<<(seq%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}
