// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package log

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

const (
	// burst is how many lines of one kind pass within a window; the rest are
	// summed up at its end.
	burst  = 5
	window = 10 * time.Second
	// kindsMax bounds how many kinds of line are watched at once.
	kindsMax = 1024
)

// kind is what makes two lines the same in the eyes of a reader.
type kind struct {
	kind     event.Kind
	subject  event.Subject
	from, to event.State
	reason   event.Reason
}

// spell is a time in which lines of one kind are counted.
type spell struct {
	kind  kind
	until time.Time
	n     int
	// last is the newest line held back, held how many.
	last event.Event
	held int
}

// repeats holds lines back that say the same again and again.
type repeats struct {
	spells map[kind]*spell
	// order is by time, oldest first.
	order []*spell
}

// sum is lines held back: the newest, and how many more there were.
type sum struct {
	last event.Event
	more int
}

// weighty says whether each event of a kind is worth a line, however many.
func weighty(k event.Kind) bool {
	switch k { //nolint:exhaustive // all others may repeat
	case event.VRRPState, event.GroupState, event.ConfigLoaded, event.ConfigRejected, event.WorkerStarted, event.WorkerLost,
		event.LinkGap, event.ServerState, event.ServiceQuorum:
		return true
	}
	return false
}

// pass says whether a line may go out now. Lines of a spell that had to end
// early to make room come back as a sum.
func (r *repeats) pass(e *event.Event, now time.Time) (ok bool, early []sum) {
	if weighty(e.Kind) {
		return true, nil
	}
	k := kind{e.Kind, e.Subject, e.From, e.To, e.Reason}
	s := r.spells[k]
	if s == nil {
		if len(r.order) >= kindsMax {
			early = r.end(r.order[0])
		}
		s = &spell{kind: k, until: now.Add(window)}
		r.spells[k] = s
		r.order = append(r.order, s)
	}
	if s.n++; s.n <= burst {
		return true, early
	}
	s.last = *e
	s.held++
	return false, early
}

// over ends the spells whose time has come, all of them if all is set, and
// returns what they held back.
func (r *repeats) over(now time.Time, all bool) (out []sum) {
	for len(r.order) > 0 && (all || !r.order[0].until.After(now)) {
		out = append(out, r.end(r.order[0])...)
	}
	return out
}

// end ends the oldest spell.
func (r *repeats) end(s *spell) []sum {
	r.order = r.order[1:]
	delete(r.spells, s.kind)
	if s.held == 0 {
		return nil
	}
	return []sum{{s.last, s.held - 1}}
}
