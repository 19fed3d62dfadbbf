// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// session folds what track.changed says of a BFD session.
func (l *Ledger) session(o *Object, e *event.Event) {
	s := o.session()
	s.Last = *e
	if !e.Snapshot {
		i := slices.Index(event.BFDTransitions(), event.Transition{From: e.From, To: e.To, Reason: e.Reason})
		if i >= 0 {
			s.Transitions[i]++
		}
	}
	o.BFD = s
}

// session returns what only a BFD session has, for writing.
func (o *Object) session() *BFD {
	fresh := BFD{Row: event.BFDRow{Subject: o.Subject}}
	if o.BFD != nil {
		fresh = *o.BFD
	}
	if len(fresh.Transitions) == 0 {
		fresh.Transitions = make([]uint64, len(event.BFDTransitions()))
	}
	fresh.Transitions = slices.Clone(fresh.Transitions)
	return &fresh
}

// describeBFD takes over the row of a BFD session.
func (l *Ledger) describeBFD(d *description, row *event.BFDRow) {
	l.describeObject(d, row.Subject)
	i := d.objects.find(row.Subject.Kind.String() + "/" + row.Subject.Name)
	o := d.objects.edit(i)
	s := o.session()
	s.Row = *row
	o.BFD = s
}

// BFD folds the counters of a BFD session. They are absolute within an epoch
// and continue where an earlier one stopped.
func (l *Ledger) BFD(epoch uint64, t *event.BFDTally) {
	i := l.objects.find(t.Subject.Kind.String() + "/" + t.Subject.Name)
	if i < 0 && t.Subject.Kind != event.SubjectWorker {
		return // no row describes it (any more)
	}
	order := l.epochs.of(epoch, event.RoleBFD).order
	key := t.Subject.String()
	c := l.bfd[key]
	if c == nil {
		if len(l.bfd) >= SubjectMax {
			clear(l.bfd) // names of long ago
		}
		c = &carried[event.BFDTally]{}
		l.bfd[key] = c
	}
	switch {
	case t.At < c.at:
		return
	case c.order != 0 && (order != c.order || t.Sent < c.raw.Sent || t.Received < c.raw.Received):
		addBFD(&c.base, &c.raw)
	}
	c.order, c.at, c.raw = order, t.At, *t
	l.clock(t.At, 0)
	if t.Subject.Kind == event.SubjectWorker {
		all := *t
		addBFD(&all, &c.base)
		l.head.BFDStrays = all.Strays
		return
	}
	o := l.objects.edit(i)
	s := o.session()
	s.Tally = *t
	addBFD(&s.Tally, &c.base)
	o.BFD = s
}

// addBFD adds the counters of src to dst and leaves the present values of dst.
func addBFD(dst, src *event.BFDTally) {
	dst.Sent += src.Sent
	dst.SendErrors += src.SendErrors
	dst.Received += src.Received
	dst.Refused += src.Refused
	for i, n := range src.Strays {
		dst.Strays[i] += n
	}
}
