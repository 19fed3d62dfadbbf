// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// keepEvery is how often at most a session leaves something for a successor, so
// that a neighbour that changes its timers all the time costs nothing.
const keepEvery = 100 * time.Millisecond

// keep leaves what a successor would have to know of a session, if that is
// something else than before.
func (t *Table) keep(s *session) {
	now := Resumed{
		Name: s.set.Name, Local: s.discr, Remote: s.peer.discr,
		Multiplier: s.peer.mult, MinTx: s.peer.minTx, MinRx: s.peer.minRx,
	}
	if s.state != Up || now == s.kept || s.keptAt != 0 && t.now < s.keptAt.Add(keepEvery) {
		return
	}
	s.kept, s.keptAt = now, t.now
	t.out.Kept = append(t.out.Kept, s.tally(t.now))
}

// resume goes on with a session where a predecessor left it: to the neighbour it
// is the same one, of which a few packets were lost. A Poll asks it to speak at
// once. Until it has said that it is up, too, nothing is promised: if it has
// noticed, the session begins anew with what patience is left.
func (t *Table) resume(s *session, r *Resumed) {
	if !r.whole() || t.byDiscr[r.Local] != nil {
		return
	}
	delete(t.byDiscr, s.discr)
	s.discr = r.Local
	t.byDiscr[s.discr] = s
	s.state, s.next = Up, t.now
	s.peer = neighbor{discr: r.Remote, state: Up, mult: r.Multiplier, minTx: r.MinTx, minRx: r.MinRx, heard: t.now}
	s.tx, s.rx = interval{s.set.MinTx, s.set.MinTx}, interval{s.set.MinRx, s.set.MinRx}
	s.polling = true
}

// resumed says that the neighbour goes on with a session as well.
func (t *Table) resumed(s *session) {
	s.heldUntil = 0
	t.emit(s, event.Event{
		Kind: event.TrackChanged, From: event.Up, To: event.Up, Reason: event.Resumed,
		Took: max(t.now.Sub(s.since), 0), Evidence: s.evidence(t.now),
	})
}
