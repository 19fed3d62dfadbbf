// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"math"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Native is a sparse exponential histogram of durations: bucket i holds the
// ones above 2^((i-1)/8) and up to 2^(i/8) seconds (schema 3 of Prometheus'
// native histograms), in order of i. It is immutable.
type Native []NativeBucket

// NativeSchema is the resolution of Native: 2^NativeSchema buckets for each
// doubling.
const NativeSchema = 3

// NativeBucket is one bucket that is not empty.
type NativeBucket struct {
	Index int    `json:"i"`
	Count uint64 `json:"n"`
}

// nativeMin is what counts as zero, which has no logarithm.
const nativeMin = time.Microsecond

// add returns n with one more observation. Durations of less than nativeMin go
// to its bucket, so there are at most about 400 buckets.
func (n Native) add(d time.Duration) Native {
	i := int(math.Ceil(math.Log2(max(d, nativeMin).Seconds()) * (1 << NativeSchema)))
	at, found := slices.BinarySearchFunc(n, i, func(b NativeBucket, i int) int { return b.Index - i })
	if !found {
		return slices.Insert(slices.Clone(n), at, NativeBucket{i, 1})
	}
	out := slices.Clone(n)
	out[at].Count++
	return out
}

// observe adds one duration, measured at the end of e.
func (h *PhaseHist) observe(e *event.Event, d time.Duration) {
	h.Counts[bucket(PhaseBounds(), d)]++
	h.Sum += d
	h.Native = h.Native.add(d)
	h.Last, h.LastID, h.LastWall = d, e.ID(), e.Wall
}

// observe adds one run time.
func (h *ScriptHist) observe(d time.Duration) {
	h.Counts[bucket(ScriptBounds(), d)]++
	h.Sum += d
	h.Native = h.Native.add(d)
}

// bucket finds the bucket of d among upper bounds in seconds.
func bucket(bounds []float64, d time.Duration) int {
	for i, b := range bounds {
		if d.Seconds() <= b {
			return i
		}
	}
	return len(bounds)
}
