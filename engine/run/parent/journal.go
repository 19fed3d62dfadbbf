// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import "github.com/vigild/vigild/engine/event"

// journalMax is how many events are kept for an observe role that is away.
const journalMax = 4096

// journal keeps the events that the observe role has not yet acknowledged, so
// that one which is restarted misses nothing.
type journal struct {
	events []event.Event
	lost   int64
}

func (j *journal) add(es []event.Event) {
	j.events = append(j.events, es...)
	if over := len(j.events) - journalMax; over > 0 {
		j.lost += int64(over)
		// Moved only now and then: the tail is copied once per journalMax events.
		j.events = append(make([]event.Event, 0, 2*journalMax), j.events[over:]...)
	}
}

// ack forgets everything up to and including the event named by r.
func (j *journal) ack(r event.Ref) {
	for i := range j.events {
		if j.events[i].Ref() == r {
			n := copy(j.events, j.events[i+1:])
			clear(j.events[n:])
			j.events = j.events[:n]
			j.lost = 0
			return
		}
	}
}

// replay returns what a new observe role has to be told, and how many events
// before that are gone for good.
func (j *journal) replay() (es []event.Event, lost int64) {
	lost, j.lost = j.lost, 0
	return j.events, lost
}
