// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package auth

import "net/netip"

// sequence is a time and a counter: seconds since the Unix epoch (32 bits, they
// wrap), 1/65536 s (16), a counter (16). Differences are modular (RFC 1982), so
// the wrap is no event.
type sequence uint64

// clockSequence is the time in nanoseconds since the Unix epoch as a sequence.
func clockSequence(wall int64) sequence {
	const second = 1_000_000_000
	s, ns := wall/second, wall%second
	if ns < 0 {
		s, ns = s-1, ns+second
	}
	return sequence(uint32(s))<<32 | sequence(ns<<16/second)<<16
}

// after says whether q is later than r.
func (q sequence) after(r sequence) bool { return int64(q-r) > 0 }

// since is how many whole seconds of the clock lie between r and q.
func (q sequence) since(r sequence) int64 { return int64(int32(uint32(q>>32) - uint32(r>>32))) }

// next is the sequence to send after q when the clock shows now: the clock, or
// one more where that does not grow. If the clock was set back by more than
// receivers accept, the sequence follows it, unless growth is all they ask for.
func (q sequence) next(now sequence, s *Settings) sequence {
	if now.after(q) || !s.Monotonic && q.since(now) > s.window() {
		return now
	}
	return q + 1
}

// sendersLeast is how many senders are remembered at least.
const sendersLeast = 4

// mark is the highest sequence of one sender.
type mark struct {
	source netip.Addr
	valid  bool
	last   sequence
	used   uint64
}

// raise accepts a sequence that has grown. A mark outside the window orders only
// what the window refuses; it is given up, so that a sender whose clock was set
// right is heard again.
func (k *mark) raise(seq, now sequence, s *Settings) bool {
	if k.valid && !s.Monotonic && abs(now.since(k.last)) > s.window() {
		k.valid = false
	}
	if k.valid && !seq.after(k.last) {
		return false
	}
	k.valid, k.last = true, seq
	return true
}

// marks remembers senders, the ones heard last. Only who has a key gets in.
type marks struct {
	list []mark
	most int
	uses uint64
}

// of is the mark of a sender; it is valid until the next call.
func (m *marks) of(source netip.Addr) *mark {
	m.uses++
	oldest := 0
	for i := range m.list {
		if m.list[i].source == source {
			m.list[i].used = m.uses
			return &m.list[i]
		}
		if m.list[i].used < m.list[oldest].used {
			oldest = i
		}
	}
	if len(m.list) < m.most {
		m.list = append(m.list, mark{})
		oldest = len(m.list) - 1
	}
	m.list[oldest] = mark{source: source, used: m.uses}
	return &m.list[oldest]
}
