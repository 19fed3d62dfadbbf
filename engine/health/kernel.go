// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"net/netip"

	"github.com/vigild/vigild/engine/event"
)

// readKernel wants to know what the kernel has.
func (p *Pool) readKernel(why event.Reason) {
	p.kernel.readAt = 0
	p.act(Action{Kind: ReadKernel, Reason: why})
}

// kernelRead compares what the kernel has with what it is to have, and mends it.
func (p *Pool) kernelRead(in *Kernel) {
	k := &p.kernel
	if p.stopping || p.settings == nil {
		return
	}
	if in.Reason != event.ReasonNone {
		p.tally.Errors[event.IPVSRead]++
		if !k.failing {
			p.emit(event.Event{Kind: event.IPVSApplied, Subject: ipvsSubject, Reason: event.FailKernel, Detail: "read: " + in.Detail})
		}
		p.doubtful()
		return
	}
	if k.told && k.available != in.Available {
		k.told = false
	}
	k.available, p.tally.Available = in.Available, in.Available
	if !in.Available {
		p.unavailable(in.Detail)
		return
	}
	if in.After != k.batch {
		k.readAt = p.now.Add(leastBackoff) // it is older than what was asked for
		return
	}
	ops := Diff(p.Wanted(), in.Table)
	ops = p.leftovers(in.Table, ops)
	subject, drift := p.mend(ops, !k.read)
	why, cause := event.Recovered, event.Ref{}
	switch {
	case !k.read:
		why, cause = event.Startup, p.config
	case drift:
		why = event.Drift
	}
	k.read, k.told = true, true
	clear(k.doubts)
	p.believe()
	p.clean()
	p.send(ops, why, cause, subject)
	p.count(in.Table)
	k.readAt = 0
	if poll := p.settings.Poll; poll > 0 {
		k.readAt = p.now.Add(poll)
	}
	p.follow(false, event.Ref{})
}

// unavailable notes that the kernel has no IPVS: all is known but nothing told.
func (p *Pool) unavailable(detail string) {
	k := &p.kernel
	k.read = false
	k.readAt = p.now.Add(absentWait)
	k.foreignServices, k.foreignDests = 0, 0
	if !k.told {
		k.told = true
		if detail == "" {
			detail = "the kernel has no IPVS: nothing is programmed, and checks go on"
		}
		p.emit(event.Event{Kind: event.IPVSApplied, Subject: ipvsSubject, Reason: event.FailKernel, Detail: detail})
	}
}

// leftovers adds the removal of services of ours that should have gone.
func (p *Pool) leftovers(has Table, ops []Op) []Op {
	k := &p.kernel
	for _, s := range k.gone {
		k.leave(s)
	}
	if len(k.leftover) == 0 {
		return ops
	}
	for i := range has {
		if s, ok := k.leftover[has[i].Service.ServiceKey]; ok && k.entries[s.ServiceKey] == nil {
			ops = append(ops, Op{Kind: event.IPVSDelService, Service: s})
		}
	}
	clear(k.leftover)
	return ops
}

// leave notes a service of ours that should have gone.
func (k *kernel) leave(s Service) {
	if k.leftover == nil {
		k.leftover = map[ServiceKey]Service{}
	}
	k.leftover[s.ServiceKey] = s
}

// mend counts what somebody else changed, and returns the virtual server that
// it is about, and whether there was any such thing.
func (p *Pool) mend(ops []Op, first bool) (subject event.Subject, drift bool) {
	var one *service
	several := false
	for i := range ops {
		o := &ops[i]
		if e := p.kernel.entries[o.Service.ServiceKey]; e != nil {
			several = several || one != nil && one != e.service
			one = e.service
		}
		_, doubted := p.kernel.doubts[doubt{o.Service.ServiceKey, o.Dest.Addr}]
		_, whole := p.kernel.doubts[doubt{o.Service.ServiceKey, netip.AddrPort{}}]
		if !first && !doubted && !whole && o.Kind != event.IPVSDelService {
			p.tally.Drift[o.Kind]++
			drift = true
		}
	}
	if one == nil || several {
		return ipvsSubject, drift
	}
	return one.subject, drift
}

// count notes how much of the kernel's table is not ours.
func (p *Pool) count(t Table) {
	k := &p.kernel
	k.foreignServices, k.foreignDests = 0, 0
	for i := range t {
		if k.entries[t[i].Service.ServiceKey] == nil {
			k.foreignServices++
			k.foreignDests += uint32(len(t[i].Dests))
		}
	}
}

// applied notes the end of a Program.
func (p *Pool) applied(in *Applied) {
	k := &p.kernel
	var b pending
	for len(k.pending) > 0 && k.pending[0].batch <= in.Batch {
		b = k.pending[0]
		k.pending = k.pending[1:]
	}
	if b.batch != in.Batch || in.Batch <= k.applied {
		return
	}
	k.applied = in.Batch
	e := event.Event{
		Kind: event.IPVSApplied, Subject: b.subject, Reason: b.why, Cause: b.cause, Root: b.cause,
		Count: int64(in.Count), At: in.End, Took: in.End.Sub(in.Start),
	}
	if len(in.Failed) > 0 {
		f := &in.Failed[0]
		e.Reason = event.FailKernel
		e.Detail = fmt.Sprintf("%s: %s", f.Op.text(), f.Detail)
		if more := len(in.Failed) - 1; more > 0 {
			e.Detail += fmt.Sprintf(" (and %d more)", more)
		}
		p.refused(in.Failed)
	} else if len(k.doubts) == 0 && len(k.leftover) == 0 {
		k.backoff, k.failing = 0, false
	}
	p.also(&b, &e, in)
	p.emit(e)
}

// also tells those of a Program's causes that are not its first, each in the story
// of its server: how many of the operations were for it, and whether one of them
// failed.
func (p *Pool) also(b *pending, first *event.Event, in *Applied) {
	for i := range b.others {
		o := &b.others[i]
		e := event.Event{
			Kind: event.IPVSApplied, Subject: o.server.service.subject, Reason: o.why, Cause: o.cause, Root: o.cause,
			Count: int64(len(o.server.service.entries)), At: in.End, Took: first.Took,
		}
		for k := range in.Failed {
			if f := &in.Failed[k]; o.server.has(f.Op.Service.ServiceKey, f.Op.Dest.Addr) {
				e.Reason, e.Detail = event.FailKernel, fmt.Sprintf("%s: %s", f.Op.text(), f.Detail)
				e.Count--
			}
		}
		p.emit(e)
	}
}

// has says whether a destination is this server.
func (v *server) has(service ServiceKey, dest netip.AddrPort) bool {
	for _, e := range v.service.entries {
		if e.kernel.ServiceKey == service && e.addr(v) == dest {
			return true
		}
	}
	return false
}

// refused notes the operations that failed: they are mended by what the next
// reading of the table shows.
func (p *Pool) refused(list []Failed) {
	k := &p.kernel
	if k.doubts == nil {
		k.doubts = map[doubt]struct{}{}
	}
	for i := range list {
		o := &list[i].Op
		p.tally.Errors[o.Kind]++
		switch o.Kind {
		case event.IPVSAddDest, event.IPVSEditDest, event.IPVSDelDest:
			k.doubts[doubt{o.Service.ServiceKey, o.Dest.Addr}] = struct{}{}
		case event.IPVSDelService:
			k.leave(o.Service)
		case event.IPVSAddService, event.IPVSEditService:
			k.doubts[doubt{o.Service.ServiceKey, netip.AddrPort{}}] = struct{}{}
		case event.IPVSNone, event.IPVSFlush, event.IPVSRead, event.IPVSSync, event.IPVSTimeouts:
		}
	}
	if !p.stopping {
		p.doubtful()
	}
}

// doubtful has the table read again, later each time.
func (p *Pool) doubtful() {
	k := &p.kernel
	k.failing = true
	k.backoff = min(max(2*k.backoff, leastBackoff), mostBackoff)
	k.readAt = p.now.Add(k.backoff)
}

// text says what an operation is, for people.
func (o *Op) text() string {
	s := &o.Service
	out := o.Kind.String() + " "
	if s.HasMark {
		out += fmt.Sprintf("fwmark:%d", s.Mark)
	} else {
		out += s.Protocol.String() + "/" + netip.AddrPortFrom(s.Addr, s.Port).String()
	}
	if o.Dest.Addr.IsValid() {
		out += " " + o.Dest.Addr.String()
	}
	return out
}
