// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// log collects the lines of what happened.
type log struct {
	lines []string
	// trace shows probes, off shows nothing at all.
	trace, off bool
}

func (l *log) line(w *World, format string, args ...any) {
	if !l.off {
		l.lines = append(l.lines, fmt.Sprintf("%07.3f ", w.now.Sub(epoch).Seconds())+fmt.Sprintf(format, args...))
	}
}

func serviceText(s *health.Service) string {
	if s.HasMark {
		return fmt.Sprintf("fwmark:%d/%d", s.Mark, s.Family)
	}
	return fmt.Sprintf("%v/%v:%d", s.Protocol, s.Addr, s.Port)
}

func propertiesText(s *health.Service) string {
	out := " " + s.Scheduler
	if s.Flags != 0 {
		out += fmt.Sprintf(" flags=%#x", s.Flags)
	}
	if s.Timeout != 0 {
		out += fmt.Sprintf(" timeout=%v/%d", s.Timeout, s.Granularity)
	}
	return out
}

func destText(d *health.Destination) string {
	out := fmt.Sprintf("%v weight=%d", d.Addr, d.Weight)
	if d.Method.Forward != event.ForwardNAT {
		out += " " + d.Method.Forward.String()
	}
	if d.Upper != 0 || d.Lower != 0 {
		out += fmt.Sprintf(" limits=%d/%d", d.Lower, d.Upper)
	}
	return out
}

func opText(o *health.Op) string {
	out := o.Kind.String()
	if o.Service.Family != 0 {
		out += " " + serviceText(&o.Service)
	}
	switch o.Kind { //nolint:exhaustive // the others say no more
	case event.IPVSAddService, event.IPVSEditService:
		return out + propertiesText(&o.Service)
	case event.IPVSAddDest, event.IPVSEditDest:
		return out + " " + destText(&o.Dest)
	case event.IPVSDelDest:
		return out + " " + o.Dest.Addr.String()
	}
	return out
}

// ops shows the operations of a Program.
func (l *log) ops(w *World, a *health.Action) {
	for i := range a.Ops {
		l.line(w, "> %s", opText(&a.Ops[i]))
	}
}

// probe shows that an attempt begins.
func (l *log) probe(w *World, v *health.CheckView, b health.Probe) {
	if l.trace {
		l.line(w, "> probe %s %v attempt=%d", v.Subject.Sub, v.Check.Kind, b.Attempt)
	}
}

// event shows what happened.
func (l *log) event(w *World, e *event.Event) {
	if !l.off {
		l.line(w, "%s", text(e))
	}
}

// text is an event in one line: number, kind, subject, states, reason, and then
// only what is not empty.
func text(e *event.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %v %s", e.Seq, e.Kind, e.Subject.Name)
	if s := e.Subject.Sub; s != "" {
		b.WriteString(" " + s)
	}
	if e.From != event.StateNone || e.To != event.StateNone {
		fmt.Fprintf(&b, " %v->%v", e.From, e.To)
	}
	if e.Reason != event.ReasonNone {
		fmt.Fprintf(&b, " reason=%v", e.Reason)
	}
	if e.Count != 0 {
		fmt.Fprintf(&b, " count=%d", e.Count)
	}
	if e.Took != 0 {
		fmt.Fprintf(&b, " took=%v", e.Took)
	}
	reference(&b, "cause", e.Cause, event.Ref{})
	reference(&b, "root", e.Root, e.Cause)
	if e.Snapshot {
		fmt.Fprintf(&b, " snapshot at=%.3f", e.At.Sub(epoch).Seconds())
	}
	evidenceText(&b, e)
	if e.Detail != "" {
		fmt.Fprintf(&b, " detail=%q", e.Detail)
	}
	return b.String()
}

// reference shows which event another one names; implied is left out.
func reference(b *strings.Builder, what string, r, implied event.Ref) {
	switch {
	case r == event.Ref{} || r == implied:
	case r.Epoch == parent:
		fmt.Fprintf(b, " %s=parent#%d", what, r.Seq)
	default:
		fmt.Fprintf(b, " %s=#%d", what, r.Seq)
	}
}

// evidenceText shows the evidence, times relative to the event.
func evidenceText(b *strings.Builder, e *event.Event) {
	v := &e.Evidence.Check
	if v.Checker != event.CheckerNone {
		fmt.Fprintf(b, " %v/%d", v.Checker, v.Index)
	}
	if v.Failures > 0 {
		fmt.Fprintf(b, " failures=%d of %d", v.Failures, v.Retries+1)
	}
	if v.Since != 0 {
		fmt.Fprintf(b, " since=%+.3fs", v.Since.Sub(e.At).Seconds())
	}
	if v.Phase != event.PhaseNone {
		fmt.Fprintf(b, " phase=%v", v.Phase)
	}
	if v.Status != 0 {
		fmt.Fprintf(b, " status=%d", v.Status)
	}
	switch {
	case e.Kind == event.ServiceQuorum:
		fmt.Fprintf(b, " alive=%d->%d quorum=%d~%d", v.Weight, v.WeightNow, v.Quorum, v.Hysteresis)
	case e.Kind == event.ServerState:
		fmt.Fprintf(b, " weight=%d->%d alive=%d up=%d/%d", v.Weight, v.WeightNow, v.Alive, v.ServersUp, v.Servers)
	}
	if x := &e.Evidence; x.ObjectName != "" {
		fmt.Fprintf(b, " object=%s:%v", x.ObjectName, x.ObjectState)
	}
}

// showTable shows a table of the kernel.
func (w *World) showTable(t health.Table) {
	if len(t) == 0 {
		w.log.line(w, "= empty")
	}
	for i := range t {
		w.log.line(w, "= %s%s", serviceText(&t[i].Service), propertiesText(&t[i].Service))
		for k := range t[i].Dests {
			w.log.line(w, "=   %s", destText(&t[i].Dests[k]))
		}
	}
}

// showCounters shows the counters that are not zero.
func (w *World) showCounters() {
	var c event.Counters
	w.pool.Counters(w.now, &c)
	for _, t := range c.Services {
		w.log.line(w, "= service %d %v sorry=%v suspended=%v alive=%d up=%d down=%d disabled=%d gained=%d lost=%d held=%d",
			t.ID, t.State, t.Sorry, t.Suspended, t.Alive, t.Up, t.Down, t.Disabled, t.Gained, t.Lost, t.Held)
	}
	for _, t := range c.Servers {
		w.log.line(w, "= server %d %v weight=%d changes=%d", t.ID, t.State, t.Weight, t.Changes)
	}
	for _, t := range c.Checks {
		w.log.line(w, "= check %d %v up=%v run=%v failing=%d attempts=%d failures=%d retries=%d",
			t.ID, t.Checker, t.Up, t.Run, t.Failing, t.Attempts, t.Failures, t.Retries)
	}
	for _, t := range c.Failures {
		w.log.line(w, "= failures %d %v %v %d", t.Service, t.Checker, t.Reason, t.Count)
	}
	for _, t := range c.Phases {
		w.log.line(w, "= phase %d %v %v %v sum=%v", t.Service, t.Checker, t.Phase, t.Buckets, t.Sum)
	}
	t := &c.Pool
	var b strings.Builder
	for o := event.IPVSOp(1); int(o) < event.IPVSOpCount; o++ {
		if t.Ops[o]+t.Errors[o]+t.Drift[o] > 0 {
			fmt.Fprintf(&b, " %v=%d/%d/%d", o, t.Ops[o], t.Errors[o], t.Drift[o])
		}
	}
	w.log.line(w, "= pool available=%v shared=%d stray=%d held=%d limited=%d kept=%v services=%d/%d dests=%d/%d ops/errors/drift:%s",
		t.Available, t.Shared, t.Stray, t.Held, t.Limited, t.Kept, t.OwnServices, t.Services, t.OwnDests, t.Dests, b.String())
}

// showRows shows the description.
func (w *World) showRows() {
	var rows []event.Row
	for from, more := 0, true; more; {
		rows, from, more = w.pool.Rows(from, 2, rows)
	}
	for _, r := range rows {
		if s := r.Service; s != nil {
			w.log.line(w, "= service %d %s %s %s quorum=%d~%d %v", s.ID, s.Subject.Name, s.CompatName(), s.Scheduler, s.Quorum, s.Hysteresis, s.State)
		}
		if s := r.Server; s != nil {
			w.log.line(w, "= server %d of %d index=%d %s weight=%d/%d %v", s.ID, s.Service, s.Index, s.Subject.Sub, s.WeightNow, s.Weight, s.State)
			for _, c := range s.Checks {
				w.log.line(w, "=   check %d %v/%d delay=%v retry=%d up=%v run=%v", c.ID, c.Checker, c.Index, c.Delay, c.Retry, c.Up, c.Run)
			}
		}
	}
}
