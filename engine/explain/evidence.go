// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// evidence lists the facts of the moment of the transition.
func (c *Case) evidence() []Fact {
	e := &c.Last
	ev := &e.Evidence
	var out []Fact
	add := func(about, says string) {
		if says != "" {
			out = append(out, Fact{about, says})
		}
	}
	for _, says := range heard(e) {
		add("advert heard", says)
	}
	if ev.N == 0 && (e.Reason == event.MasterDownTimer || e.Reason == event.PriorityZero) {
		add("advert heard", "none")
	}
	add("timers", timers(ev))
	add("this process", ownTime(e))
	add("priority then", Arithmetic(ev))
	switch {
	case removed(e.Reason) && ev.ObjectName != "":
		add("what changed", lostWord(e.Reason)+" "+ev.ObjectName+" (removed by somebody else)")
	case ev.ObjectName != "":
		add("what changed", with(object(ev.Object, ev.ObjectName), condition(ev.ObjectState)))
	}
	if ev.PeerPriority != 0 && ev.Peer.IsValid() && ev.N == 0 {
		add("other router", who(ev.Peer, ev.PeerPriority))
	}
	add("note", e.Detail)
	if c.Previous.Kind != event.KindNone && c.Previous.Wall != 0 {
		p := &c.Previous
		add("before that", fmt.Sprintf("%s to %s (%s) at %s", named(p.From.String(), "the start"), p.To, named(p.Reason.String(), "no reason"), Time(p.Wall)))
	}
	return out
}

// present adds the facts of this moment to those of the transition.
func (c *Case) present(out []Fact) []Fact {
	if c.Base != 0 {
		says := arithmetic(c.Base, c.Priority, c.Terms, 0)
		if !contains(out, "priority then", says) {
			out = append(out, Fact{"priority now", says})
		}
	}
	// One from before the state before is another story.
	if c.Conflict.Kind != event.KindNone && !c.Conflicting && c.Conflict.At >= c.Previous.At {
		ev := &c.Conflict.Evidence
		about := "another master"
		if c.Conflict.Reason == event.ConflictClaim {
			out = append(out, Fact{about, fmt.Sprintf("%s spoke for %s at %s; no longer", named(ev.Got, "another host"), ev.ObjectName, Time(c.Conflict.Wall))})
			return c.refusedFacts(out)
		}
		out = append(out, Fact{about, fmt.Sprintf("was heard at %s: %s; no longer", Time(c.Conflict.Wall), who(ev.Peer, ev.PeerPriority))})
	}
	return c.refusedFacts(c.averted(out))
}

// averted adds a takeover that was held since the last transition, and came to nothing.
func (c *Case) averted(out []Fact) []Fact {
	if e := &c.Suspicion; e.Kind != event.KindNone && e.At > c.Last.At && c.State == event.Backup {
		end := "an advert came in time"
		if c.Now <= e.Wall+int64(e.Took) {
			end = "that is not over"
		}
		out = append(out, Fact{"takeover held", fmt.Sprintf("for %s at %s, because %s; %s", Duration(e.Took), Time(e.Wall), ownFault(&e.Evidence), end)})
	}
	return out
}

// refusedFacts adds what is refused, by source and reason, with what was
// expected and what came.
func (c *Case) refusedFacts(out []Fact) []Fact {
	for i := range c.Rejected {
		out = append(out, Fact{"refused advert", refused(&c.Rejected[i])})
	}
	return out
}

func contains(facts []Fact, about, says string) bool {
	for _, f := range facts {
		if f.About == about && f.Says == says {
			return true
		}
	}
	return false
}

// heard says when adverts came and what they said, newest first. Equal ones in
// a row, as a healthy master sends them, are said in one line.
func heard(e *event.Event) []string {
	ev := &e.Evidence
	n := int(min(ev.N, event.HeardMax))
	var out []string
	for i := 0; i < n; {
		first, last := &ev.Heard[i], i
		for last+1 < n && alike(&ev.Heard[last], &ev.Heard[last+1]) {
			last++
		}
		s := fmt.Sprintf("%s before, from %s, priority %d", Duration(e.At.Sub(first.At)), who(first.Source, 0), first.Priority)
		if first.Interval > 0 {
			s += ", interval " + Duration(first.Interval)
		}
		if last > i {
			s += fmt.Sprintf("; %s like it since %s before", count(int64(last-i), "more", "more"), Duration(e.At.Sub(ev.Heard[last].At)))
		}
		out = append(out, s)
		i = last + 1
	}
	return out
}

// alike says whether the older of two adverts is what came just before the newer.
func alike(newer, older *event.Heard) bool {
	return newer.Source == older.Source && newer.Priority == older.Priority && newer.Interval == older.Interval &&
		newer.At.Sub(older.At) <= newer.Interval*3/2
}

// timers says which timers were in force.
func timers(ev *event.Evidence) string {
	var parts []string
	for _, t := range []struct {
		name string
		d    time.Duration
	}{{"advert interval", ev.Interval}, {"skew", ev.Skew}, {"master-down", ev.MasterDown}} {
		if t.d > 0 {
			parts = append(parts, t.name+" "+Duration(t.d))
		}
	}
	return strings.Join(parts, ", ")
}

// ownTime says how punctual this process was, and whether that matters.
func ownTime(e *event.Event) string {
	ev := &e.Evidence
	if ev.Lateness == 0 && ev.Stall == 0 && ev.Deadline == 0 {
		return ""
	}
	s := fmt.Sprintf("%s late, longest pause %s", Duration(ev.Lateness), Duration(ev.Stall))
	if ev.Held > 0 {
		s += ", so the takeover was held for " + Duration(ev.Held)
	}
	switch {
	case e.Reason != event.MasterDownTimer:
		return s
	case doubt(e) != "":
		return s + ": may be to blame"
	default:
		return s + ": not to blame"
	}
}

// Arithmetic renders the priority arithmetic of an evidence: base, each term,
// and the sum in force. It is empty when the evidence has none.
func Arithmetic(ev *event.Evidence) string {
	if ev.Base == 0 {
		return ""
	}
	return arithmetic(ev.Base, ev.Effective, ev.Terms[:min(int(ev.NTerm), event.TermMax)], ev.More)
}

func arithmetic(base, effective uint8, terms []event.Term, more uint8) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d base", base)
	sum := int(base)
	for _, t := range terms {
		sign, delta := "+", t.Delta
		if delta < 0 {
			sign, delta = "-", -delta
		}
		sum += int(t.Delta)
		fmt.Fprintf(&b, " %s %d (%s %s, %s)", sign, delta, t.Kind, t.Name, upDown(t))
	}
	if more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	fmt.Fprintf(&b, " = %d", effective)
	if more == 0 && sum != int(effective) {
		fmt.Fprintf(&b, " (%d, kept within 1 to 254)", sum)
	}
	return b.String()
}

// upDown says the verdict on a tracked object. Before the first one it is not
// up, and yet nothing is subtracted.
func upDown(t event.Term) string {
	switch {
	case t.Up:
		return "up"
	case t.Delta == 0:
		return "not up"
	}
	return "down"
}

// refused says what a source sent, and what is expected here.
func refused(r *Rejected) string {
	e := &r.Last
	s := fmt.Sprintf("from %s: %s%s", who(e.Evidence.Peer, 0), named(refusals[e.Reason], e.Reason.String()), wanted(&e.Evidence))
	if r.Runs > 1 {
		s += fmt.Sprintf("; %d times since %s", r.Runs, Time(r.FirstWall))
	} else {
		s += "; since " + Time(e.Wall)
	}
	return s
}
