// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// limits is what became of the timeouts of connections (lvs_timeouts).
type limits struct {
	cause   event.Ref
	refused bool
	backoff time.Duration
	retryAt event.Instant
}

// setTimeouts asks for the timeouts of the settings.
func (p *Pool) setTimeouts(cause event.Ref) {
	l := &p.limits
	l.cause, l.retryAt = cause, 0
	p.tally.Ops[event.IPVSTimeouts]++
	p.act(Action{Kind: SetTimeouts, Timeouts: p.settings.Timeouts, Cause: cause})
}

// timeoutsDone notes whether the timeouts were set. What was refused is told once
// and asked for again; a kernel that has no IPVS yet is asked as often as for its
// table.
func (p *Pool) timeoutsDone(in *TimeoutsDone) {
	l := &p.limits
	e := event.Event{
		Kind: event.IPVSApplied, Subject: ipvsSubject, Cause: l.cause, Root: l.cause,
		At: in.End, Took: in.End.Sub(in.Start),
	}
	if in.Reason == event.ReasonNone {
		if l.refused {
			e.Reason, e.Count, e.Detail = event.Recovered, 1, "timeouts of connections"
			p.emit(e)
		}
		l.refused, l.backoff = false, 0
		return
	}
	p.tally.Errors[event.IPVSTimeouts]++
	if !l.refused {
		e.Reason, e.Detail = event.FailKernel, "timeouts of connections: "+in.Detail
		p.emit(e)
	}
	l.refused = true
	l.backoff = min(max(2*l.backoff, leastBackoff), mostBackoff)
	if !p.stopping && p.settings != nil && p.settings.Timeouts != (Timeouts{}) {
		l.retryAt = p.now.Add(l.backoff)
	}
}
