// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// carried is a set of absolute counters whose producer may start anew: base
// holds what earlier lives had counted.
type carried[T any] struct {
	order     int
	at        event.Instant
	base, raw T
}

// Tally folds the counters of an instance. Counters are absolute within an
// epoch; a new epoch, or a counter that fell because the instance was made
// anew, continues where the old one stopped.
func (l *Ledger) Tally(epoch uint64, t *event.Tally) {
	ep := l.epochs.of(epoch, event.RoleVRRP)
	l.epochSeen(ep)
	in := l.instance(t.Subject.Name)
	if in == nil {
		return
	}
	c := &in.carry
	switch {
	case t.At < c.at:
		return
	case c.order != 0 && (ep.order != c.order || fellTally(t, &c.raw)):
		addTally(&c.base, &c.raw)
	}
	c.order, c.at, c.raw = ep.order, t.At, *t
	l.clock(t.At, 0)
	v := l.edit(in)
	v.Tally = *t
	addTally(&v.Tally, &c.base)
	v.ConfirmedWall = l.wall(t.At)
	if t.Priority != 0 {
		v.Priority = t.Priority
	}
}

// Router folds the counters of a vrrp worker.
func (l *Ledger) Router(epoch uint64, t *event.RouterTally) {
	ep := l.epochs.of(epoch, event.RoleVRRP)
	l.epochSeen(ep)
	c := &l.router
	switch {
	case t.At < c.at:
		return
	case c.order != 0 && (ep.order != c.order || fellRouter(t, &c.raw)):
		addRouter(&c.base, &c.raw)
	}
	c.order, c.at, c.raw = ep.order, t.At, *t
	l.clock(t.At, 0)
	l.head.Router = *t
	addRouter(&l.head.Router, &c.base)
}

// addTally adds the counters of src to dst and leaves the present values of dst.
func addTally(dst, src *event.Tally) {
	for i, p := range scalars(dst) {
		*p += *scalars(src)[i]
	}
	for i := range dst.Rejects {
		dst.Rejects[i] += src.Rejects[i]
	}
	for i := range dst.Conflicts {
		dst.Conflicts[i] += src.Conflicts[i]
	}
	for i := range dst.InState {
		dst.InState[i] += src.InState[i]
	}
	for i := range dst.Gaps {
		dst.Gaps[i] += src.Gaps[i]
	}
	dst.GapSum += src.GapSum
}

// fellTally says whether a counter is lower than it was.
func fellTally(now, was *event.Tally) bool {
	for i, p := range scalars(now) {
		if *p < *scalars(was)[i] {
			return true
		}
	}
	var in, before time.Duration
	for i := range now.InState {
		in += now.InState[i]
		before += was.InState[i]
	}
	return in < before
}

// scalars lists the plain counters of a Tally.
func scalars(t *event.Tally) [17]*uint64 {
	return [17]*uint64{
		&t.Sent, &t.Received, &t.ZeroSent, &t.ZeroReceived, &t.SendErrors, &t.Missed, &t.NearMisses,
		&t.GratuitousARPs, &t.UnsolicitedNAs, &t.AnnounceErrors, &t.Promotions, &t.Demotions, &t.Suspicions, &t.Averted,
		&t.TwoMasters, &t.Claims, &t.Restored,
	}
}

// addRouter adds the counters of src to dst and keeps the worst lag of both.
func addRouter(dst, src *event.RouterTally) {
	for i, p := range routerScalars(dst) {
		*p += *routerScalars(src)[i]
	}
	for i := range dst.Lag {
		dst.Lag[i] += src.Lag[i]
	}
	dst.LagSum += src.LagSum
	dst.LagMax = max(dst.LagMax, src.LagMax)
}

// fellRouter says whether a counter is lower than it was.
func fellRouter(now, was *event.RouterTally) bool {
	for i, p := range routerScalars(now) {
		if *p < *routerScalars(was)[i] {
			return true
		}
	}
	return now.LagSum < was.LagSum
}

// routerScalars lists the plain counters of a RouterTally.
func routerScalars(t *event.RouterTally) [8]*uint64 {
	return [8]*uint64{&t.Checksum, &t.Version, &t.VRID, &t.Length, &t.Stalls, &t.ClockSteps, &t.Dropped, &t.EdgesLost}
}
