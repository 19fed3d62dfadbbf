// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"encoding/hex"
	"fmt"
)

// ID is the identity of a story as every exit shows it: the trace id of
// OpenTelemetry, VIGIL_EVENT_ID of scripts, the id of a mail, webhook, trap and
// log line. It is computed from the root's Ref, so processes agree without
// talking.
type ID [16]byte

// SpanID is the identity of one span of a trace.
type SpanID [8]byte

// ID returns the identity of the story whose root is r; zero for the zero Ref.
func (r Ref) ID() ID {
	var id ID
	if r == (Ref{}) {
		return id
	}
	put64(id[:8], mix(r.Epoch^mix(r.Seq)))
	put64(id[8:], mix(mix(r.Epoch)+r.Seq))
	return id
}

// ID returns the identity of the story that the event belongs to.
func (e *Event) ID() ID { return e.Story().ID() }

// Span returns the span id of the part of a story named by label; label ""
// is the root span. n tells equal labels apart.
func (r Ref) Span(label string, n uint64) SpanID {
	h := uint64(14695981039346656037) // FNV-1a, then mixed
	for i := range len(label) {
		h = (h ^ uint64(label[i])) * 1099511628211
	}
	var id SpanID
	v := mix(mix(r.Epoch) ^ mix(r.Seq+1) ^ mix(h+n*0x9e3779b97f4a7c15))
	if v == 0 {
		v = 1
	}
	put64(id[:], v)
	return id
}

// Traceparent renders the W3C trace context header (version 00, sampled) for
// work done on behalf of span s of the story r.
func (r Ref) Traceparent(s SpanID) string {
	return "00-" + r.ID().String() + "-" + s.String() + "-01"
}

// String returns 32 lower-case hexadecimal digits.
func (i ID) String() string { return hexOf(i[:]) }

// String returns 16 lower-case hexadecimal digits.
func (s SpanID) String() string { return hexOf(s[:]) }

// MarshalText implements encoding.TextMarshaler.
func (i ID) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *ID) UnmarshalText(b []byte) error {
	if len(b) == 2*len(i) {
		if _, err := hex.Decode(i[:], b); err == nil {
			return nil
		}
	}
	return fmt.Errorf("id %.40q is not 32 hexadecimal digits", b)
}

const hexDigits = "0123456789abcdef"

func hexOf(b []byte) string {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(out)
}

// mix is the finaliser of SplitMix64: a bijection that spreads every bit.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb
	return x ^ (x >> 31)
}

func put64(b []byte, v uint64) {
	for i := range 8 {
		b[i] = byte(v >> (56 - 8*i))
	}
}

// DeliverySpan returns the span id of attempt n (from 1) of telling about the
// event named about, of this story, through channel subject s. Whoever makes
// the attempt and whoever makes the trace compute the same id.
func (r Ref) DeliverySpan(about Ref, s Subject, n int64) SpanID {
	label := s.Name
	if s.Sub != "" {
		label += ":" + s.Sub
	}
	if about == r {
		return r.Span(label, uint64(n))
	}
	return r.Span(label, mix(about.Epoch^mix(about.Seq))+uint64(n))
}
