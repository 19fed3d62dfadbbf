// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

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
