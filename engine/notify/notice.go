// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"sync"

	"github.com/vigild/vigild/engine/event"
)

// matter is what a notice is about.
type matter uint8

const (
	// aboutState: an instance or group entered a state.
	aboutState matter = iota
	// aboutPriority: the effective priority of an instance changed.
	aboutPriority
	// aboutLower: a master heard another router of lower priority.
	aboutLower
	// aboutCheck: one of a real server's checks changed its verdict; mail alone
	// tells of that.
	aboutCheck
	// aboutTest: somebody wants to see whether a channel delivers.
	aboutTest
)

// notice is one thing to tell, in the words of keepalived.
type notice struct {
	ev      event.Event
	matter  matter
	subject event.Subject
	// scope is INSTANCE, GROUP, VS, RS or TEST, word the state as scripts and FIFOs see it.
	scope, word string
	// state is what was entered, as it is told.
	state event.State
	// priority is the effective priority, 0 for a group (compat).
	priority uint8
	to       SubjectSettings

	// The rest is of virtual and real servers: their names in keepalived's
	// messages (server is empty for a virtual server), and the one script there is.
	title, server string
	keyword       string
	only          Script
	// checked says that mail has told of it already, with the check that decided.
	checked bool
}

// book turns events into notices: it knows the settings of each subject and
// what was told of it last.
type book struct {
	mu sync.Mutex
	// now are the settings in force. gone are those of subjects that the last
	// configuration removed: their end is still to be told.
	now, gone map[event.Subject]SubjectSettings
	told      map[event.Subject]event.State
	// services are the virtual servers in force, parted those before.
	services, parted           pool
	initNotifies, checkerMails bool
	// checks has it tell of single checks of real servers as well.
	checks bool
	// plain tells states as they are, without keepalived's way with DELETED.
	plain bool
}

func newBook(s *Settings) *book {
	b := &book{told: map[event.Subject]event.State{}}
	b.configure(s)
	return b
}

// configure puts other settings into force.
func (b *book) configure(s *Settings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.now
	b.parted, b.services = b.services, newPool(s.Services)
	b.initNotifies, b.checkerMails = s.InitNotifies, s.CheckerMails
	b.now, b.gone = map[event.Subject]SubjectSettings{}, map[event.Subject]SubjectSettings{}
	for _, i := range s.Instances {
		b.now[subjectKey(event.SubjectInstance, i.Name)] = i
	}
	for _, g := range s.Groups {
		b.now[subjectKey(event.SubjectGroup, g.Name)] = g
	}
	for k, old := range was {
		if _, still := b.now[k]; !still {
			b.gone[k] = old
		}
	}
}

// subjectKey leaves out family and VRID: settings are found by name.
func subjectKey(kind event.SubjectKind, name string) event.Subject {
	return event.Subject{Kind: kind, Name: name}
}

// read returns what an event gives to tell; ok is false for nothing.
func (b *book) read(e *event.Event) (n notice, ok bool) {
	if e.Snapshot {
		return n, false
	}
	key := subjectKey(e.Subject.Kind, e.Subject.Name)
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Subject.Kind == event.SubjectVirtualServer || e.Subject.Kind == event.SubjectRealServer {
		return b.readPool(e)
	}
	to, known := b.now[key]
	if !known {
		to, known = b.gone[key]
	}
	if !known {
		to.Name = e.Subject.Name
	}
	n = notice{ev: *e, subject: key, scope: "INSTANCE", priority: e.Priority, to: to}
	if key.Kind == event.SubjectGroup {
		n.scope, n.priority = "GROUP", 0
	}
	switch {
	case e.Kind == event.VRRPState || e.Kind == event.GroupState:
		n.matter = aboutState
		n.state = b.report(e, &to)
		n.word = n.state.String()
		return n, b.news(key, e, n.state)
	case e.Kind == event.VRRPPriority && to.PriorityChanges:
		n.matter = aboutPriority
		n.word = "BACKUP_PRIORITY"
		if b.told[key] == event.Master {
			n.word = "MASTER_PRIORITY"
		}
		return n, true
	case e.Kind == event.VRRPConflict && e.Reason == event.ConflictLower && e.To != event.Down:
		n.matter, n.word = aboutLower, "MASTER_RX_LOWER_PRI"
		return n, true
	}
	return n, false
}

// report is the state as it is told. compat: a removed instance is in FAULT
// unless notify_deleted is set.
func (b *book) report(e *event.Event, to *SubjectSettings) event.State {
	if e.To == event.Deleted && !to.ReportDeleted && !b.plain {
		return event.Fault
	}
	return e.To
}

// news says whether a state is worth telling, and remembers it. A state that
// was told before is not; nor is one that a restarted worker takes up again,
// which is no transition.
func (b *book) news(key event.Subject, e *event.Event, state event.State) bool {
	was, before := b.told[key]
	switch e.To {
	case event.Deleted:
		delete(b.told, key)
		delete(b.gone, key)
	case event.StateNone, event.Init, event.Up, event.Down, event.Disabled, event.Unknown:
		return false
	case event.Backup, event.Master, event.Fault, event.Stop:
		b.told[key] = state
	}
	return e.Reason != event.Resumed && (!before || was != state)
}
