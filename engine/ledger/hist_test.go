// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNativeBucketsHoldWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n Native
		total := uint64(0)
		for range rapid.IntRange(1, 20).Draw(t, "observations") {
			d := time.Duration(rapid.Int64Range(int64(nativeMin), int64(time.Hour)).Draw(t, "duration"))
			before := n
			n = n.add(d)
			total++
			i := math.Ceil(math.Log2(d.Seconds()) * 8)
			if upper, lower := math.Exp2(i/8), math.Exp2((i-1)/8); d.Seconds() > upper*(1+1e-9) || d.Seconds() < lower*(1-1e-9) {
				t.Fatalf("%v is outside of bucket %v", d, i)
			}
			sum := uint64(0)
			for k, b := range n {
				sum += b.Count
				if k > 0 && b.Index <= n[k-1].Index {
					t.Fatalf("buckets out of order: %v", n)
				}
			}
			if sum != total || len(before) > 0 && len(before) < len(n)-1 {
				t.Fatalf("%d observations make %d", total, sum)
			}
		}
	})
}

func TestNativeHistogramsAreBounded(t *testing.T) {
	var n Native
	for d := time.Duration(1); d < math.MaxInt64/11; d = d*11/10 + 1 {
		n = n.add(d).add(-d).add(0)
	}
	if len(n) > 400 {
		t.Errorf("%d buckets", len(n))
	}
	if one := Native(nil).add(time.Second); one[0].Index != 0 {
		t.Errorf("1 s is in bucket %d", one[0].Index)
	}
}
