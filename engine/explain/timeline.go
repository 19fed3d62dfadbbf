// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Moment is one line of a timeline.
type Moment struct {
	// After is the time since the transition, negative before it.
	After time.Duration `json:"after"`
	Mark  Mark          `json:"mark"`
	Says  string        `json:"says"`
}

// Mark is what a moment was, as one sign.
type Mark string

// The marks.
const (
	MarkHeard      Mark = "<" // an advert came
	MarkMissed     Mark = "." // an advert was due and did not come
	MarkRefused    Mark = "x" // an advert came and was refused
	MarkDue        Mark = "!" // the timer was due
	MarkTransition Mark = "*"
	MarkDone       Mark = "+" // a step was finished
	MarkFailed     Mark = "-" // a step did not succeed
)

// heardShown is how many of the newest adverts a timeline shows.
const heardShown = 4

// missedMax bounds the missed adverts that a timeline shows one by one.
const missedMax = 6

// timeline puts all that is known about the transition in order of time.
func (c *Case) timeline() []Moment {
	e := &c.Last
	ev := &e.Evidence
	var out []Moment
	for i := range int(min(ev.N, heardShown)) {
		h := &ev.Heard[i]
		out = append(out, Moment{h.At.Sub(e.At), MarkHeard, fmt.Sprintf("advert of %s, priority %d", who(h.Source, 0), h.Priority)})
	}
	out = append(out, missed(e)...)
	for i := range c.Rejected {
		if r := &c.Rejected[i].Last; r.At != 0 && r.At < e.At && e.At.Sub(r.At) <= 2*max(ev.MasterDown, time.Second) {
			out = append(out, Moment{r.At.Sub(e.At), MarkRefused, fmt.Sprintf("advert of %s refused: %s", who(r.Evidence.Peer, 0), r.Reason)})
		}
	}
	if ev.Deadline != 0 && ev.Deadline <= e.At {
		out = append(out, Moment{ev.Deadline.Sub(e.At), MarkDue, "the timer was due"})
	}
	out = append(out, Moment{0, MarkTransition, fmt.Sprintf("%s to %s (%s)", named(e.From.String(), "start"), e.To, named(e.Reason.String(), "no reason"))})
	for _, s := range c.done() {
		mark := MarkDone
		if !s.OK {
			mark = MarkFailed
		}
		out = append(out, Moment{s.After, mark, s.Says})
	}
	slices.SortStableFunc(out, func(a, b Moment) int { return cmp.Compare(a.After, b.After) })
	return out
}

// missed lists the adverts that were due between the last one heard and the
// transition, when silence was the cause.
func missed(e *event.Event) []Moment {
	ev := &e.Evidence
	h, ok := ev.LastHeard()
	every := ev.Interval
	if ok && h.Interval > 0 {
		every = h.Interval
	}
	if !ok || every <= 0 || e.Reason != event.MasterDownTimer {
		return nil
	}
	var out []Moment
	total := 0
	for at := h.At.Add(every); at < e.At; at = at.Add(every) {
		if total++; len(out) < missedMax {
			out = append(out, Moment{at.Sub(e.At), MarkMissed, "advert due, nothing came"})
		}
		if total > 1000 {
			break
		}
	}
	if total > len(out) {
		out[len(out)-1].Says = fmt.Sprintf("advert due, nothing came, nor at the %s after it", count(int64(total-len(out)), "time", "times"))
	}
	return out
}

// done lists the steps that followed the transition, in order of time: they
// come from several processes, and a story keeps them as they arrived.
func (c *Case) done() []Step {
	e := &c.Last
	var out []Step
	for i := range c.Story {
		s := &c.Story[i]
		if c.toldByProgram(s) {
			continue
		}
		out = append(out, Step{After: s.At.Sub(e.At), Says: c.stepSays(s), OK: !s.Failed()})
	}
	slices.SortStableFunc(out, func(a, b Step) int { return cmp.Compare(a.After, b.After) })
	if c.More > 0 && len(out) > 0 {
		out = append(out, Step{After: out[len(out)-1].After, Says: fmt.Sprintf("and %d more events that were not kept", c.More), OK: true})
	}
	return out
}

// toldByProgram says whether s only repeats the end of a notify program, which
// the story holds too.
func (c *Case) toldByProgram(s *event.Event) bool {
	if s.Kind != event.NotifySent && s.Kind != event.NotifyFailed {
		return false
	}
	for i := range c.Story {
		x := &c.Story[i]
		if x.Kind == event.ExecDone && x.Subject == s.Subject && x.Root == s.Root && x.Failed() == s.Failed() {
			return true
		}
	}
	return false
}

// stepSays is the sentence of a step without the name of the instance, which
// the reader knows.
func (c *Case) stepSays(s *event.Event) string {
	switch {
	case s.Kind == event.NotifySent || s.Kind == event.NotifyFailed:
		return delivery(s)
	case s.Subject.Kind != event.SubjectInstance || s.Subject.Name != c.Name:
		return Sentence(s)
	}
	switch s.Kind { //nolint:exhaustive // the others keep their sentence
	case event.AddressAdded, event.AddressRemoved:
		verb, before := "added", ""
		if s.Kind == event.AddressRemoved {
			verb = "removed"
		}
		what := count(s.Count, "address", "addresses")
		switch {
		case s.Subject.Sub != "" && s.Failed():
			what, verb = s.Subject.Sub, "not "+verb
		case s.Subject.Sub != "":
			what = s.Subject.Sub
		case s.Failed():
			before = "only "
		}
		return step(s, before+what+" "+verb)
	case event.AnnounceSent:
		return step(s, fmt.Sprintf("%s sent %s", count(s.Count, "announcement", "announcements"), moments[s.Reason]))
	default:
		return Sentence(s)
	}
}
