// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWheel holds the wheel against a plain list: nobody expires early, or more than a step late, and next never
// promises a time after the first deadline has passed.
func TestWheel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var w wheel
		slots := make([]slot, 200)
		in := map[int32]bool{}
		now := time.Duration(r.Int64N(int64(time.Hour)))
		w.expire(slots, now, func(int32) { t.Fatal("somebody expired in an empty wheel") })
		for range 400 {
			switch i := int32(r.IntN(len(slots))); {
			case !in[i]:
				slots[i].deadline = now + time.Duration(r.Int64N(int64(20*time.Second)))
				if r.IntN(3) == 0 {
					slots[i].deadline = now + time.Duration(r.Int64N(int64(50*time.Millisecond)))
				}
				w.put(slots, i)
				in[i] = true
			case r.IntN(2) == 0:
				w.take(slots, i)
				delete(in, i)
			}
			checkNext(t, &w, slots, in, now)
			now += time.Duration(r.Int64N(int64(100 * time.Millisecond)))
			if r.IntN(20) == 0 {
				now += time.Duration(r.Int64N(int64(30 * time.Second)))
			}
			w.expire(slots, now, func(i int32) {
				if !in[i] || slots[i].deadline > now {
					t.Fatalf("%d expired at %s, its deadline is %s", i, now, slots[i].deadline)
				}
				w.take(slots, i)
				delete(in, i)
			})
			for i := range in {
				if slots[i].deadline+step <= now {
					t.Fatalf("at %s %d is in the wheel, its deadline was %s", now, i, slots[i].deadline)
				}
			}
		}
	}
}

func checkNext(t *testing.T, w *wheel, slots []slot, in map[int32]bool, now time.Duration) {
	t.Helper()
	at, ok := w.next()
	if ok != (len(in) > 0) {
		t.Fatalf("next says %t with %d in the wheel", ok, len(in))
	}
	for i := range in {
		if d := max(slots[i].deadline, now); at > d+2*step {
			t.Fatalf("next is %s, but %d is due at %s (now %s)", at, i, slots[i].deadline, now)
		}
	}
}
