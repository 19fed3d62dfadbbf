// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"testing"
	"time"
)

// Orders of the spool are carried out one after the other; a bound holds whatever
// was removed before.
func TestSpoolBound(t *testing.T) {
	var failed int
	s, waiting, err := Open(t.TempDir(), 3000, func(err error) {
		if !errors.Is(err, ErrFull) {
			t.Error(err)
		}
	})
	if err != nil || len(waiting) != 0 {
		t.Fatal(waiting, err)
	}
	mail := func() Message {
		return Message{Version: 1, Lane: "x", To: []string{"a@example.org"}, Text: make([]byte, 300)}
	}
	var names []string
	for i := range 20 {
		name := s.Put(time.Unix(int64(i), 0), mail)
		s.Settle(t.Context())
		if s.Holds(name) {
			names = append(names, name)
		} else {
			failed++
		}
	}
	if failed == 0 || len(names) == 0 || s.Failures() != uint64(failed) || s.used > 3000 {
		t.Errorf("%d kept, %d refused, %d counted, %d bytes", len(names), failed, s.Failures(), s.used)
	}
	s.Remove(names[0])
	name := s.Put(time.Unix(30, 0), mail)
	s.Settle(t.Context())
	if !s.Holds(name) || s.Holds(names[0]) {
		t.Error("what was removed left no room")
	}
	s.Replace(name, func() Message { m := mail(); m.To = []string{"b@example.org"}; return m })
	s.Remove(name)
	s.Settle(t.Context())
	again, waiting, err := Open(s.dir, 0, func(error) {})
	if err != nil || len(waiting) != len(names)-1 || again.Holds(name) {
		t.Errorf("%d wait, not %d (%v)", len(waiting), len(names)-1, err)
	}
}
