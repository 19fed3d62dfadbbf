// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
)

// verdicts takes what the bfd role says of its sessions to the vrrp role, and
// keeps it for one that is restarted.
func (p *Loop) verdicts(es []event.Event) {
	for i := range es {
		e := &es[i]
		if e.Kind != event.TrackChanged || e.Subject.Kind != event.SubjectBFD {
			continue
		}
		if e.To == event.Deleted {
			delete(p.last, e.Subject)
			continue
		}
		f := ipc.Frame{Type: ipc.Input, Ref: e.Ref(), Ran: &ipc.Ran{Object: e.Subject}}
		if e.To == event.Up {
			f.Ran.Value = 1
		}
		p.last[e.Subject] = f
		if w := p.workers[event.RoleVRRP]; w != nil && w.phase == active {
			w.run.Link.Send(f)
		}
	}
}

// forewarn tells a new vrrp role the state of every session before it begins,
// for to its machine a session that it has not heard of is down.
func (p *Loop) forewarn(w *worker) {
	for s, f := range p.last {
		if s.Kind == event.SubjectBFD {
			w.run.Link.Send(f)
		}
	}
}

// sessionsUp are the sessions that a lost bfd worker had up. They count as up
// until its successor had the time to bring them up again.
func (p *Loop) sessionsUp() []ipc.Resumed {
	var out []ipc.Resumed
	for s, f := range p.last {
		if s.Kind == event.SubjectBFD && f.Ran.Value != 0 {
			out = append(out, ipc.Resumed{Name: s.Name, State: event.Up})
		}
	}
	return out
}

// pleaseBFD asks the bfd role for counters or a snapshot; under an id it answers
// when it has sent them. It returns false if the role is away.
func (p *Loop) pleaseBFD(what ipc.Type, id uint64) bool {
	w := p.workers[event.RoleBFD]
	if w == nil || w.phase != active {
		return false
	}
	w.run.Link.Send(ipc.Frame{Type: what, ID: id})
	return true
}
