// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"container/heap"

	"github.com/vigild/vigild/engine/event"
)

// Agenda is what will happen, in order of time; of what happens at the same
// time, what was added first comes first. The zero Agenda is empty.
type Agenda struct {
	list schedule
	turn uint64
}

// Add puts something on the agenda.
func (a *Agenda) Add(at event.Instant, do func()) {
	a.turn++
	heap.Push(&a.list, item{at, a.turn, do})
}

// Next is the time of the first thing; ok is false if there is none.
func (a *Agenda) Next() (at event.Instant, ok bool) {
	if len(a.list) == 0 {
		return 0, false
	}
	return a.list[0].at, true
}

// Do takes the first thing off the agenda and does it. There must be one.
func (a *Agenda) Do() { heap.Pop(&a.list).(item).do() }

type item struct {
	at   event.Instant
	turn uint64
	do   func()
}

type schedule []item

func (s schedule) Len() int { return len(s) }

func (s schedule) Less(i, j int) bool {
	return s[i].at < s[j].at || s[i].at == s[j].at && s[i].turn < s[j].turn
}

func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

func (s *schedule) Push(x any) { *s = append(*s, x.(item)) }

func (s *schedule) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	(*s)[last] = item{}
	*s = (*s)[:last]
	return x
}
