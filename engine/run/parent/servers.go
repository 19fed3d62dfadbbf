// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/sys/proc"
)

// pool takes what the check role says of servers: it is kept for a check role
// that is restarted, and the vrrp role hears of each quorum.
func (p *Loop) pool(es []event.Event) {
	for i := range es {
		e := &es[i]
		switch {
		case e.To == event.Deleted:
			delete(p.servers, e.Subject)
			delete(p.weights, e.Subject)
			delete(p.last, e.Subject)
		case e.Kind == event.ServerState:
			p.server(e)
		case e.Kind == event.ServiceQuorum:
			f := ipc.Frame{Type: ipc.Input, Ref: e.Ref(), Ran: &ipc.Ran{Object: e.Subject}}
			if e.To == event.Up {
				f.Ran.Value = 1
			}
			p.last[e.Subject] = f
			p.servers[e.Subject] = ipc.Resumed{Name: e.Subject.Name, State: e.To, Since: e.At}
			p.give(event.RoleVRRP, f)
		}
	}
}

func (p *Loop) server(e *event.Event) {
	r := ipc.Resumed{Name: e.Subject.Name, Sub: e.Subject.Sub, State: e.To, Since: e.At}
	if was := p.servers[e.Subject]; was.State == e.To && (e.Snapshot || e.Reason == event.WeightChanged) {
		r.Since = was.Since
	}
	if e.Reason == event.WeightChanged {
		r.Weight, r.HasWeight = int32(e.Evidence.Check.WeightNow), true
	}
	p.servers[e.Subject] = r
}

// masters tells the check role which instances are MASTER: the sync daemon
// follows one.
func (p *Loop) masters(es []event.Event) {
	for i := range es {
		if e := &es[i]; e.Kind == event.VRRPState {
			p.give(event.RoleCheck, ipc.Frame{Type: ipc.Input, Ref: e.Ref(), Ran: &ipc.Ran{Object: e.Subject, Value: int64(e.To)}})
		}
	}
}

// resumeMost is how many servers a frame carries.
const resumeMost = 300

// brief tells a new check role, before it begins, what it cannot find out by
// itself: how the servers stood when its predecessor was lost, what files hold,
// which sessions are up, which instances are MASTER.
func (p *Loop) brief(w *worker, lost bool) {
	if lost {
		f := ipc.Frame{Type: ipc.Input}
		for _, r := range p.servers {
			f.Resume = append(f.Resume, r)
			if len(f.Resume) == resumeMost {
				w.run.Link.Send(f)
				f.Resume = nil
			}
		}
		if len(f.Resume) > 0 {
			w.run.Link.Send(f)
		}
	}
	for _, f := range p.weights {
		w.run.Link.Send(f)
	}
	for s, f := range p.last {
		if s.Kind == event.SubjectBFD || s.Kind == event.SubjectFile {
			w.run.Link.Send(f)
		}
	}
	for _, in := range p.ledger.View().Instances {
		w.run.Link.Send(ipc.Frame{Type: ipc.Input, Ran: &ipc.Ran{Object: in.Row.Subject, Value: int64(in.State)}})
	}
}

// counters passes the counters of the check role on, unread.
func (p *Loop) counters(f *ipc.Frame) {
	if w := p.workers[event.RoleObserve]; w != nil && w.phase == active {
		w.run.Link.Send(ipc.Frame{Type: ipc.Tallies, Role: event.RoleCheck, Epoch: f.Epoch, FDs: f.FDs})
		return
	}
	f.Drop()
}

// describe passes the description of the servers on, unread, and keeps it for
// an observe role that is started later.
func (p *Loop) describe(f *ipc.Frame) {
	p.forgetRows()
	if len(f.FDs) != 1 {
		f.Drop()
		return
	}
	p.serverRows, p.serverRowsID = os.NewFile(uintptr(f.FDs[0]), "rows of servers"), f.ID
	f.FDs = nil
	if w := p.workers[event.RoleObserve]; w != nil && w.phase == active {
		p.tellRows(w)
	}
}

func (p *Loop) tellRows(w *worker) {
	if p.serverRows == nil {
		return
	}
	fd, err := ipc.Dup(p.serverRows)
	if err != nil {
		p.publish(&event.Event{Kind: event.LinkGap, Subject: w.subject(), Reason: event.FailKernel, Detail: err.Error()})
		return
	}
	w.run.Link.Send(ipc.Frame{Type: ipc.Rows, Role: event.RoleCheck, Gen: p.gen.Number, ID: p.serverRowsID, FDs: []int{fd}})
}

func (p *Loop) forgetRows() {
	if p.serverRows != nil {
		p.serverRows.Close()
		p.serverRows = nil
	}
}

// CommandTable asks the check role for what its data plane has, or would have.
const CommandTable = "ipvs"

// table passes the question on; the answer comes back as its result.
func (p *Loop) table(f *ipc.Frame) {
	if w := p.workers[event.RoleCheck]; w != nil && w.phase == active {
		w.run.Link.Send(ipc.Frame{Type: ipc.Command, ID: f.ID, Name: f.Name})
		return
	}
	p.answer(ipc.Frame{Type: ipc.Result, ID: f.ID, Name: f.Name, Error: "there are no virtual servers, or the check role is away"})
}

// CommandWeight overrides the weight of a real server; its body is a Weigh.
const CommandWeight = "weight"

// Weigh is the weight that somebody asks for.
type Weigh struct {
	// Server is the real server.
	Server event.Subject `json:"server"`
	// Weight is 0 to 2147483647; 0 lets no new connection in. Clear takes the
	// override back.
	Weight int32 `json:"weight"`
	Clear  bool  `json:"clear,omitempty"`
	// By is who asks, for the event.
	By string `json:"by,omitempty"`
}

// weigh passes the weight on, and keeps it for a check role that is restarted.
func (p *Loop) weigh(f *ipc.Frame) {
	var o Weigh
	answer := ipc.Frame{Type: ipc.Result, ID: f.ID, Name: f.Name}
	err := json.Unmarshal(f.Body, &o)
	switch {
	case err != nil:
		answer.Error = err.Error()
	case o.Server.Kind != event.SubjectRealServer || o.Server.Sorry() || o.Weight < 0:
		answer.Error = "a weight from 0 on, of a real server, is asked for"
	default:
		in := ipc.Frame{Type: ipc.Input, Ran: &ipc.Ran{Object: o.Server, Value: int64(o.Weight)}}
		if o.Clear {
			in.Ran.Reason = event.Reload
			delete(p.weights, o.Server)
		} else if p.weights[o.Server] = in; len(p.weights) > weightsMost {
			delete(p.weights, o.Server)
			answer.Error = "too many weights are overridden"
			break
		}
		if o.By != "" {
			in.Ref = p.publish(&event.Event{Kind: event.SettingChanged, Subject: o.Server, Reason: event.Admin, Count: int64(o.Weight), Detail: "by " + o.By})
		}
		p.give(event.RoleCheck, in)
	}
	p.answer(answer)
}

// CommandSet changes a setting of an instance until the next reload.
const CommandSet = "set"

// Setting is the body of CommandSet.
type Setting struct {
	Instance string `json:"instance"`
	// What is one of event.SettingPriority and so on, Value what it is to be.
	What  string `json:"what"`
	Value int64  `json:"value"`
	// By is who asks, for the event.
	By string `json:"by"`
}

func (o *Setting) valid() bool {
	switch o.What {
	case event.SettingPriority:
		return o.Value > 0 && o.Value < 255
	case event.SettingPreempt, event.SettingAccept:
		return o.Value == 0 || o.Value == 1
	}
	return false
}

// set passes a setting on, and keeps it for a vrrp role that is restarted.
func (p *Loop) set(f *ipc.Frame) {
	var o Setting
	answer := ipc.Frame{Type: ipc.Result, ID: f.ID, Name: f.Name}
	err := json.Unmarshal(f.Body, &o)
	in := p.ledger.View().Instance(o.Instance)
	switch {
	case err != nil:
		answer.Error = err.Error()
	case in == nil || !o.valid():
		answer.Error = fmt.Sprintf("the setting %q of %q cannot be %d", o.What, o.Instance, o.Value)
	default:
		about := in.Row.Subject
		about.Sub = o.What
		input := ipc.Frame{Type: ipc.Input, Name: o.What, Ran: &ipc.Ran{Object: in.Row.Subject, Value: o.Value}}
		input.Ref = p.publish(&event.Event{Kind: event.SettingChanged, Subject: about, Reason: event.Admin, Count: o.Value, Detail: "by " + o.By})
		p.last[about] = input
		p.give(event.RoleVRRP, input)
	}
	p.answer(answer)
}

// unset forgets the settings that were changed: a reload ends them.
func (p *Loop) unset() {
	for s := range p.last {
		if s.Kind == event.SubjectInstance {
			delete(p.last, s)
		}
	}
}

// weightsMost bounds the weights that are kept.
const weightsMost = 1 << 17

// endPrograms waits for the programs that ran for a worker that has ended.
func (p *Loop) endPrograms() {
	t := time.NewTimer(2 * proc.Grace)
	defer t.Stop()
	for p.programs.running > 0 && p.step(t.C, nil) {
	}
}
