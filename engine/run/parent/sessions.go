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
		p.give(event.RoleVRRP, f)
		p.give(event.RoleCheck, f)
	}
}

// forewarn tells a new vrrp role the state of every session and virtual server
// before it begins, for to its machine one that it has not heard of is down.
func (p *Loop) forewarn(w *worker) {
	for s, f := range p.last {
		if s.Kind == event.SubjectBFD || s.Kind == event.SubjectVirtualServer {
			w.run.Link.Send(f)
		}
	}
}

// give sends a frame to a role, if it is there.
func (p *Loop) give(to event.Role, f ipc.Frame) {
	if w := p.workers[to]; w != nil && w.phase == active {
		w.run.Link.Send(f)
	}
}

// sessionsUp puts into a frame the sessions that a lost bfd worker had up, with
// what it left about them: its successor goes on with them, and where it cannot,
// they count as up until it had the time to bring them up again.
func (p *Loop) sessionsUp(into *ipc.Frame) {
	v := p.ledger.View()
	for s, f := range p.last {
		if s.Kind != event.SubjectBFD || f.Ran.Value == 0 {
			continue
		}
		into.Resume = append(into.Resume, ipc.Resumed{Name: s.Name, State: event.Up})
		if o := v.Object(s); o != nil && o.BFD != nil {
			into.BFD = append(into.BFD, o.BFD.Tally)
		}
	}
}
