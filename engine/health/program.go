// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// How long to wait before the kernel's table is read again: after an operation
// that failed (doubling), and where there is no IPVS.
const (
	leastBackoff = time.Second
	mostBackoff  = time.Minute
	absentWait   = time.Minute
)

// kernel is what is believed of the kernel's table.
type kernel struct {
	// entries are our services in it. read says that the table was read and that
	// they are what it has, as far as we know; available that there is IPVS at all.
	entries         map[ServiceKey]*entry
	read, available bool
	// told says that it was said whether there is IPVS.
	told bool
	// batch numbers the Programs, applied the ones that are done; pending are the
	// ones between.
	batch, applied uint64
	pending        []pending
	// dirty are the services that the kernel is to be told of, because of why.
	dirty []*service
	why   event.Reason
	cause event.Ref
	// first is the server that why and cause are of, if any; others are more
	// servers, with causes of their own.
	first  *server
	others []other
	// gone are our services that are to go; leftover the ones whose removal failed.
	gone     []Service
	leftover map[ServiceKey]Service
	// doubts are destinations and services (with no address) for which an operation
	// failed: that they differ is nobody's doing.
	doubts map[doubt]struct{}
	// What somebody else has in the table, when it was last read.
	foreignServices, foreignDests uint32
	// readAt is when to read the table; backoff grows while operations fail.
	readAt  event.Instant
	backoff time.Duration
	failing bool
}

// pending is what is known of a Program until it is done.
type pending struct {
	batch   uint64
	why     event.Reason
	cause   event.Ref
	subject event.Subject
	others  []other
}

// other is a server that a Program is about for another cause than the first.
type other struct {
	server *server
	why    event.Reason
	cause  event.Ref
}

// mostOthers bounds how many causes of one Program are told: when a thousand
// servers fail at once, each of their stories need not end with the table.
const mostOthers = 32

type doubt struct {
	service ServiceKey
	dest    netip.AddrPort
}

// entry is one service of the kernel that is ours.
type entry struct {
	service *service
	kernel  Service
	// present says that the kernel has it; have is what it has, by the slots of
	// the servers, the sorry server last.
	present bool
	// edited says that the kernel has it with other properties.
	edited bool
	have   []slot
	// at finds the servers by their destinations, made on first use.
	at map[netip.AddrPort]int
	// extra are destinations that are to go.
	extra []Destination
}

// slot is what the kernel has for one server.
type slot struct {
	Destination
	present bool
}

// ipvsSubject is the subject of what is not about one virtual server.
var ipvsSubject = event.Subject{Kind: event.SubjectRouter, Name: "ipvs"}

// touch notes that the kernel is to be told of a server.
func (p *Pool) touch(v *server, why event.Reason, cause event.Ref) {
	if !v.dirty {
		v.dirty = true
		v.service.dirty = append(v.service.dirty, v)
	}
	switch k := &p.kernel; {
	case k.why == event.ReasonNone:
		k.first = v
	case v == k.first || cause == k.cause || len(k.others) == mostOthers:
	case !slices.ContainsFunc(k.others, func(o other) bool { return o.server == v }):
		k.others = append(k.others, other{v, why, cause})
	}
	p.queue(v.service, why, cause)
}

// touchAll notes that the kernel is to be told of all servers.
func (p *Pool) touchAll(s *service, why event.Reason, cause event.Ref) {
	s.all = true
	p.queue(s, why, cause)
}

func (p *Pool) queue(s *service, why event.Reason, cause event.Ref) {
	k := &p.kernel
	k.because(why, cause)
	if !s.queued {
		s.queued = true
		k.dirty = append(k.dirty, s)
	}
}

// because notes why the kernel is to be told; the first reason counts.
func (k *kernel) because(why event.Reason, cause event.Ref) {
	if k.why == event.ReasonNone {
		k.why, k.cause = why, cause
	}
}

// want is the destination of a server in one of the services of the kernel; ok
// is false if it is to have none. A server that is down has weight 0 or is not
// there; so is one that is up while the sorry server stands in.
func (e *entry) want(v *server) (d Destination, ok bool) {
	s := e.service
	if v.shadow {
		return Destination{}, false
	}
	serves := v.up && (v.sorry || !s.sorryOn())
	if !serves && !v.set.InhibitOnFailure && !(v.sorry && s.set.Sorry.Inhibit) {
		return Destination{}, false
	}
	d = Destination{Addr: e.addr(v), Method: plain(v.set.Method), Upper: v.set.Upper, Lower: v.set.Lower}
	if serves {
		d.Weight = v.weight
	}
	return d, true
}

// plain leaves out of a method what the kernel has no place for.
func plain(m event.Method) event.Method {
	switch {
	case m.Forward != event.ForwardTUN:
		return event.Method{Forward: m.Forward}
	case m.Tunnel == event.TunnelIPIP:
		return event.Method{Forward: m.Forward}
	case m.Tunnel == event.TunnelGRE:
		m.Port = 0
	}
	return m
}

// addr is the address of a server as the kernel has it: only NAT has a port of
// the server's own, the others have that of the service, which is 0 behind a
// firewall mark (compat).
func (e *entry) addr(v *server) netip.AddrPort {
	port := v.set.Addr.Port()
	if v.set.Method.Forward != event.ForwardNAT || port == 0 {
		port = e.kernel.Port
	}
	return netip.AddrPortFrom(v.set.Addr.Addr(), port)
}

// each calls do with the servers of a service in the order of its slots.
func (s *service) each(do func(*server)) {
	for _, v := range s.servers {
		do(v)
	}
	if s.sorry != nil {
		do(s.sorry)
	}
}

// program tells the kernel what has changed since it was last told.
func (p *Pool) program() {
	k := &p.kernel
	if !k.read || !k.available {
		return
	}
	if len(k.dirty) == 0 && len(k.gone) == 0 {
		k.why, k.cause, k.first, k.others = event.ReasonNone, event.Ref{}, nil, nil
		return
	}
	var d differ
	n := 0
	var subject event.Subject
	for _, s := range k.dirty {
		before := len(d.ops)
		s.differ(&d)
		if len(d.ops) > before {
			n++
			subject = s.subject
		}
	}
	for _, gone := range k.gone {
		d.ops = append(d.ops, Op{Kind: event.IPVSDelService, Service: gone})
		n = 2
	}
	if n != 1 {
		subject = ipvsSubject
	}
	p.send(d.ops, k.why, k.cause, subject)
	p.clean()
}

// clean forgets what the kernel was to be told.
func (p *Pool) clean() {
	k := &p.kernel
	for _, s := range k.dirty {
		s.queued, s.all = false, false
		for _, v := range s.dirty {
			v.dirty = false
		}
		s.dirty = s.dirty[:0]
	}
	clear(k.dirty)
	k.dirty, k.gone, k.why, k.cause, k.first, k.others = k.dirty[:0], k.gone[:0], event.ReasonNone, event.Ref{}, nil, nil
}

// send wants operations done.
func (p *Pool) send(ops []Op, why event.Reason, cause event.Ref, subject event.Subject) {
	if len(ops) == 0 {
		return
	}
	k := &p.kernel
	k.batch++
	k.pending = append(k.pending, pending{k.batch, why, cause, subject, k.others})
	for i := range ops {
		p.tally.Ops[ops[i].Kind]++
	}
	p.act(Action{Kind: Program, Batch: k.batch, Ops: ops, Reason: why, Cause: cause})
}

// differ collects what the kernel is to be told of a service, and believes it.
func (s *service) differ(d *differ) {
	for _, e := range s.entries {
		d.later = d.later[:0]
		all := s.all
		if !e.present {
			d.ops = append(d.ops, Op{Kind: event.IPVSAddService, Service: e.kernel})
			e.present, all = true, true
		} else if e.edited {
			d.ops = append(d.ops, Op{Kind: event.IPVSEditService, Service: e.kernel})
		}
		e.edited = false
		if all {
			s.each(func(v *server) { e.differ(d, v) })
		} else {
			for _, v := range s.dirty {
				e.differ(d, v)
			}
		}
		d.ops = append(d.ops, d.later...)
		for _, x := range e.extra {
			d.ops = append(d.ops, Op{Kind: event.IPVSDelDest, Service: e.kernel, Dest: x})
		}
		e.extra = nil
	}
}

func (e *entry) differ(d *differ, v *server) {
	have := &e.have[v.slot]
	want, wanted := e.want(v)
	if wanted && have.present && want.Addr != have.Addr {
		// A method or port that makes it another destination.
		e.extra = append(e.extra, have.Destination)
		have.present = false
	}
	op, ok := destOp(e.kernel, want, wanted, have.Destination, have.present)
	if !ok {
		return
	}
	have.Destination, have.present = want, wanted
	d.put(op)
}

// Wanted returns the table that the kernel is to have.
func (p *Pool) Wanted() Table {
	t := make(Table, 0, len(p.kernel.entries))
	for _, s := range p.services {
		for _, e := range s.entries {
			w := Entry{Service: e.kernel, Dests: make([]Destination, 0, len(s.servers)+1)}
			s.each(func(v *server) {
				if d, ok := e.want(v); ok {
					w.Dests = append(w.Dests, d)
				}
			})
			t = append(t, w)
		}
	}
	return t
}

// believe notes that the kernel has what is wanted.
func (p *Pool) believe() {
	for _, s := range p.services {
		for _, e := range s.entries {
			e.present, e.edited, e.extra = true, false, nil
			s.each(func(v *server) {
				have := &e.have[v.slot]
				have.Destination, have.present = e.want(v)
			})
		}
	}
}
