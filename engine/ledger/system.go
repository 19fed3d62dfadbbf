// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// group folds group.state.
func (l *Ledger) group(e *event.Event, _ place) {
	i := l.groups.find(e.Subject.Name)
	if i < 0 {
		if e.To == event.Deleted || len(l.groups.items) >= SubjectMax {
			return
		}
		i = l.groups.add(e.Subject.Name, &Group{Row: event.GroupRow{Subject: e.Subject}, State: event.Init})
	}
	was := l.groups.at(i)
	if was.Last.Kind != event.KindNone && e.At < was.Last.At || e.Snapshot && was.State == e.To && was.Last.Kind != event.KindNone {
		return
	}
	g := l.groups.edit(i)
	g.State, g.SinceWall, g.Last = e.To, e.Wall, *e
}

// link folds interface.changed.
func (l *Ledger) link(e *event.Event) {
	if i := l.links.find(e.Subject.Name); i >= 0 {
		link := l.links.edit(i)
		link.Up = e.To == event.Up
		if e.Count > 0 {
			link.IfIndex = int(e.Count) // it may be another interface of the name
		}
	}
	l.object(e)
}

// track folds track.changed.
func (l *Ledger) track(e *event.Event) {
	if e.Subject.Kind != event.SubjectScript {
		l.object(e)
		return
	}
	i := l.script(e.Subject)
	if i < 0 {
		return
	}
	if was := l.scripts.at(i); e.Snapshot && was.State == e.To {
		return
	}
	s := l.scripts.edit(i)
	s.State, s.ChangedWall = e.To, e.Wall
}

// object folds the verdict on a tracked object that is no script.
func (l *Ledger) object(e *event.Event) {
	key := e.Subject.Kind.String() + "/" + e.Subject.Name
	i := l.objects.find(key)
	if i < 0 {
		// Only what some row says is followed; before the first description all.
		if l.described || len(l.objects.items) >= SubjectMax {
			return
		}
		i = l.objects.add(key, &Object{Subject: e.Subject, State: event.Unknown})
	}
	was := l.objects.at(i)
	if e.Snapshot && was.State == e.To && was.Value == e.Count {
		return
	}
	o := l.objects.edit(i)
	if o.State != e.To {
		o.State, o.ChangedWall = e.To, e.Wall
	}
	o.Value = e.Count
	if e.Subject.Kind == event.SubjectBFD {
		l.session(o, e)
	}
}

// script finds or makes a script, -1 if there is no room.
func (l *Ledger) script(s event.Subject) int {
	if i := l.scripts.find(s.Name); i >= 0 || l.described || len(l.scripts.items) >= SubjectMax {
		return i
	}
	return l.scripts.add(s.Name, &Script{Row: event.ScriptRow{Subject: s}, State: event.Unknown})
}

// ran folds exec.done of a tracked script; programs of notifiers are told by
// their channel.
func (l *Ledger) ran(e *event.Event) {
	if e.Subject.Kind != event.SubjectScript || e.Snapshot {
		return
	}
	i := l.script(e.Subject)
	if i < 0 {
		return
	}
	s := l.scripts.edit(i)
	s.Runs++
	s.LastTook, s.LastExit = e.Took, e.Count
	s.Took.observe(e.Took)
	for i, why := range ScriptFailures() {
		if e.Reason == why {
			s.Failures[i]++
		}
	}
}

// notified folds notify.sent and notify.failed.
func (l *Ledger) notified(e *event.Event) {
	if e.Snapshot {
		return
	}
	i := l.channels.find(e.Subject.Name)
	if i < 0 {
		if len(l.channels.items) >= ChannelMax {
			l.head.Unexpected++
			return
		}
		i = l.channels.add(e.Subject.Name, &Channel{Name: e.Subject.Name})
	}
	c := l.channels.edit(i)
	if e.Kind == event.NotifySent {
		c.Sent++
		c.LastSent = *e
		took := e.Took
		if in := l.storyOf(e); in != nil {
			took = max(e.At.Sub(in.live.value.Last.At), 0)
		}
		c.Took.observe(e, took)
		return
	}
	c.LastFailed = *e
	c.Failures = slices.Clone(c.Failures)
	for i := range c.Failures {
		if c.Failures[i].Reason == e.Reason {
			c.Failures[i].Count++
			return
		}
	}
	c.Failures = append(c.Failures, ReasonCount{e.Reason, 1})
}

// config folds config.loaded and config.rejected.
func (l *Ledger) config(e *event.Event) {
	c := &l.head.Config
	if e.Kind == event.ConfigRejected {
		c.LastOK, c.LastError = false, *e
		if !e.Snapshot {
			c.Failures++
		}
		return
	}
	c.LastOK, c.LastGood, c.LastTook = true, e.Wall, e.Took
	if !e.Snapshot {
		c.Loads++
		c.Took.observe(e, e.Took)
	}
}

// worker folds worker.started and worker.lost.
func (l *Ledger) worker(e *event.Event) {
	i := l.workers.find(e.Subject.Name)
	if i < 0 {
		if len(l.workers.items) >= ChannelMax {
			l.head.Unexpected++
			return
		}
		i = l.workers.add(e.Subject.Name, &Worker{Name: e.Subject.Name})
	}
	was := l.workers.at(i)
	up := e.Kind == event.WorkerStarted
	if e.Snapshot && was.Last.Kind != event.KindNone && was.Up == up {
		return
	}
	w := l.workers.edit(i)
	if up && !e.Snapshot && was.Last.Kind != event.KindNone {
		w.Restarts++
	}
	w.Up, w.Last = up, *e
}

// denied remembers a privilege that was refused, once for each wording.
func (l *Ledger) denied(e *event.Event) {
	out := make([]event.Event, 0, DeniedMax)
	for i := range l.head.Denied {
		if old := &l.head.Denied[i]; old.Subject != e.Subject || old.Detail != e.Detail {
			out = append(out, *old)
		}
	}
	if len(out) == DeniedMax {
		out = append(out[:0], out[1:]...)
	}
	l.head.Denied = append(out, *e)
}
