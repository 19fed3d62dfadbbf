// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRoom has both parties come and go: they are never in together, those of
// one party are, and nobody who waits is overtaken for ever.
func TestRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom()
		start := time.Now()
		var mu sync.Mutex
		var order []string
		visit := func(name string, party int, at, stay time.Duration) {
			go func() {
				time.Sleep(at)
				r.enter(party)
				mu.Lock()
				order = append(order, name+" "+time.Since(start).String())
				mu.Unlock()
				time.Sleep(stay)
				r.leave(party)
			}()
		}
		visit("a", starters, 0, 10*time.Second)
		visit("b", starters, time.Second, 10*time.Second)         // with a
		visit("m", measurers, 2*time.Second, 5*time.Second)       // after both
		visit("c", starters, 3*time.Second, time.Second)          // waits behind m
		visit("n", measurers, 12*time.Second, time.Second)        // c waits: not with m
		visit("d", starters, 16500*time.Millisecond, time.Second) // n waits: not with c
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		want := []string{"a 0s", "b 1s", "m 11s", "c 16s", "n 17s", "d 18s"}
		if !slices.Equal(order, want) {
			t.Errorf("%v, want %v", order, want)
		}
	})
}
