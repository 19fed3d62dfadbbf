// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// The places of PhaseNames.
const (
	phaseDetect = iota
	phaseAddress
	phaseAnnounce
	phaseNotify
	phaseTotal
)

// promotion is a transition to MASTER whose phases are being timed.
type promotion struct {
	ref event.Ref
	// start is the last advert of the old master, or the transition itself.
	start, at event.Instant
	whole     bool // the end was seen
}

// promoted begins the phases of a promotion.
func (l *Ledger) promoted(e *event.Event) promotion {
	p := promotion{ref: e.Ref(), start: e.At, at: e.At}
	h, ok := e.Evidence.LastHeard()
	if ok && (e.Reason == event.MasterDownTimer || e.Reason == event.PriorityZero) && h.At != 0 && h.At <= e.At {
		p.start = h.At
		l.head.Phases[phaseDetect].observe(e, e.At.Sub(h.At))
	}
	return p
}

// phase times a step of the promotion under way, if e is one.
func (l *Ledger) phase(in *instance, e *event.Event, phase int, took time.Duration) {
	p := &in.promo
	if p.ref == (event.Ref{}) || e.Root != p.ref && e.Cause != p.ref {
		return
	}
	l.head.Phases[phase].observe(e, took)
	if phase == phaseAnnounce && !p.whole && !e.Failed() {
		p.whole = true
		whole := max(e.At.Sub(p.start), 0)
		l.head.Phases[phaseTotal].observe(e, whole)
		l.edit(in).Failover = whole
	}
}

// tell adds e to the story of the transition that it belongs to.
func (l *Ledger) tell(e *event.Event) {
	if e.Root == (event.Ref{}) && e.Cause == (event.Ref{}) {
		return
	}
	in := l.storyOf(e)
	if in == nil {
		return
	}
	last := &in.live.value.Last
	if last.Ref() == e.Ref() || e.Kind == event.AnnounceSent && e.Reason != event.AnnounceTransition && e.Reason != event.AnnounceRepeat {
		// What goes on as long as the state lasts would push the story out.
		return
	}
	v := l.edit(in)
	if len(v.Story) >= StoryMax {
		v.StoryMore++
		return
	}
	// Appending in place is safe: earlier Views see a shorter slice.
	v.Story = append(v.Story, *e)
	l.adopt(in, e)
	if e.Kind == event.NotifySent {
		l.phase(in, e, phaseNotify, max(e.At.Sub(in.promo.at), 0))
	}
}

// adopt makes what a sync group led to a part of the story of the instance
// that moved the group.
func (l *Ledger) adopt(in *instance, e *event.Event) {
	if e.Kind == event.GroupState {
		l.stories[e.Ref()] = in
		in.adopted = append(in.adopted, e.Ref())
	}
}

// storyOf finds the instance whose last transition led to e. Members of a sync
// group share one root: there the subject decides, then the direct cause.
func (l *Ledger) storyOf(e *event.Event) *instance {
	if e.Subject.Kind == event.SubjectInstance {
		in, ok := l.instances[e.Subject.Name]
		if !ok {
			return nil
		}
		last := &in.live.value.Last
		if last.Kind == event.KindNone || e.Root != last.Ref() && e.Root != last.Story() && e.Cause != last.Ref() {
			return nil
		}
		return in
	}
	if in, ok := l.stories[e.Cause]; ok && e.Cause != (event.Ref{}) {
		return in
	}
	return l.stories[e.Root]
}
