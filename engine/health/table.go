// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// ServiceKey is what the kernel knows a service by. It is comparable.
type ServiceKey struct {
	// Family is 4 or 6.
	Family uint8
	// Protocol, Addr and Port; or Mark alone.
	Protocol event.Protocol
	Addr     netip.Addr
	Port     uint16
	// Mark is the firewall mark; HasMark says that it is one (0 is valid).
	Mark    uint32
	HasMark bool
}

// The flags of Service.Flags; the numbers are the kernel's.
const (
	FlagOnePacket = 0x04
	FlagSched1    = 0x08
	FlagSched2    = 0x10
	FlagSched3    = 0x20
)

// Service is one service of the kernel. It is comparable.
type Service struct {
	ServiceKey
	Scheduler string
	// Flags has only the flags above: that it is persistent is said by Timeout, and
	// that it is hashed by nothing.
	Flags uint32
	// Timeout is that of persistence in whole seconds, 0 for none.
	Timeout time.Duration
	// Granularity is the prefix length of persistence: 32 or 128 without Timeout.
	Granularity uint8
	Engine      string
}

// Destination is one destination of a service. It is comparable; Addr is its key.
type Destination struct {
	Addr         netip.AddrPort
	Weight       int32
	Method       event.Method
	Upper, Lower uint32
}

// Entry is a service with its destinations.
type Entry struct {
	Service Service
	Dests   []Destination
}

// Table is what the kernel has, or is to have.
type Table []Entry

// Op is one operation on the kernel's table. Dest belongs to the operations on
// destinations. For an operation on a destination or a removal, only the
// ServiceKey of Service matters. It is comparable.
type Op struct {
	Kind    event.IPVSOp
	Service Service
	Dest    Destination
}

// Diff returns the operations that make of the kernel's services what is
// wanted, in an order in which a service never lacks a destination with weight
// that it has before or is to have after: first what gives weight, then what takes
// it. Services that are not wanted are left alone: they are somebody else's.
func Diff(wanted, kernel Table) []Op {
	has := make(map[ServiceKey]*Entry, len(kernel))
	for i := range kernel {
		has[kernel[i].Service.ServiceKey] = &kernel[i]
	}
	d := differ{}
	for i := range wanted {
		w := &wanted[i]
		d.service(w, has[w.Service.ServiceKey])
	}
	return d.ops
}

// differ collects operations and keeps its memory from service to service.
type differ struct {
	ops, later []Op
	had        map[netip.AddrPort]Destination
}

// service makes of one service of the kernel (nil if it has none) what is wanted.
func (d *differ) service(want, have *Entry) {
	if have == nil {
		have = &Entry{}
		d.ops = append(d.ops, Op{Kind: event.IPVSAddService, Service: want.Service})
	} else if have.Service != want.Service {
		d.ops = append(d.ops, Op{Kind: event.IPVSEditService, Service: want.Service})
	}
	if len(want.Dests) == 0 && len(have.Dests) == 0 {
		return
	}
	if d.had == nil {
		d.had = make(map[netip.AddrPort]Destination, len(have.Dests))
	}
	clear(d.had)
	for _, h := range have.Dests {
		d.had[h.Addr] = h
	}
	d.later = d.later[:0]
	for _, w := range want.Dests {
		h, found := d.had[w.Addr]
		if found {
			delete(d.had, w.Addr)
		}
		if op, ok := destOp(want.Service, w, true, h, found); ok {
			d.put(op)
		}
	}
	for _, h := range have.Dests {
		if _, extra := d.had[h.Addr]; extra {
			d.put(Op{Kind: event.IPVSDelDest, Service: want.Service, Dest: h})
		}
	}
	d.ops = append(d.ops, d.later...)
}

// put keeps an operation for later if it takes weight.
func (d *differ) put(op Op) {
	if op.gives() {
		d.ops = append(d.ops, op)
	} else {
		d.later = append(d.later, op)
	}
}

// gives says whether an operation on a destination gives it weight.
func (o *Op) gives() bool { return o.Kind != event.IPVSDelDest && o.Dest.Weight > 0 }

// destOp is the operation that makes of what a service has at one address what
// is wanted; ok is false if that is so already.
func destOp(s Service, want Destination, wanted bool, have Destination, has bool) (op Op, ok bool) {
	switch {
	case wanted && !has:
		return Op{Kind: event.IPVSAddDest, Service: s, Dest: want}, true
	case wanted && want != have:
		return Op{Kind: event.IPVSEditDest, Service: s, Dest: want}, true
	case !wanted && has:
		return Op{Kind: event.IPVSDelDest, Service: s, Dest: have}, true
	}
	return Op{}, false
}
