// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// Plane is the data plane: whatever sends the connections of clients to the servers. One goroutine at a time uses it.
type Plane interface {
	// Available says whether anything is really programmed.
	Available() bool
	// Program makes changes in their order and goes on after one that fails.
	Program(ops []health.Op) []health.Failed
	// Read is what there is now; the error wraps ErrUnavailable where there is no data plane at all.
	Read() (health.Table, error)
	// Sync starts and ends the daemons that copy connections, and says which run.
	Sync(d health.Daemon) (master, backup bool, err error)
	SetTimeouts(t health.Timeouts) error
	// Usage hands over what was counted of each service (its destination is zero then) and destination.
	Usage(each func(health.ServiceKey, health.Destination, *Usage)) error
	Close() error
}

// Usage is what the data plane counts.
type Usage struct {
	event.IPVSStats
	Active, Inactive, Persistent uint32
}

// dry is a Plane that remembers what it would have programmed, and does nothing.
type dry struct {
	services map[health.ServiceKey]*dryEntry
	order    []health.ServiceKey
}

type dryEntry struct {
	service health.Service
	dests   []health.Destination
}

// NewDry returns a Plane for a machine without IPVS, or for one that is not to be changed.
func NewDry() Plane { return &dry{services: map[health.ServiceKey]*dryEntry{}} }

func (*dry) Available() bool { return false }

func (p *dry) Close() error { return nil }

func (p *dry) Program(ops []health.Op) (failed []health.Failed) {
	for i := range ops {
		if why := p.one(&ops[i]); why != "" {
			failed = append(failed, health.Failed{Op: ops[i], Detail: why})
		}
	}
	return failed
}

// one does one operation as the kernel would.
func (p *dry) one(o *health.Op) string {
	e := p.services[o.Service.ServiceKey]
	at := -1
	if e != nil {
		at = e.find(o.Dest.Addr)
	}
	switch o.Kind {
	case event.IPVSAddService:
		if e != nil {
			return "there is such a service"
		}
		p.services[o.Service.ServiceKey] = &dryEntry{service: o.Service}
		p.order = append(p.order, o.Service.ServiceKey)
		return ""
	case event.IPVSFlush:
		clear(p.services)
		p.order = nil
		return ""
	case event.IPVSNone, event.IPVSRead, event.IPVSSync, event.IPVSTimeouts:
		return ""
	case event.IPVSEditService, event.IPVSDelService, event.IPVSAddDest, event.IPVSEditDest, event.IPVSDelDest:
	}
	switch {
	case e == nil:
		return "no such service"
	case o.Kind == event.IPVSEditService:
		e.service = o.Service
	case o.Kind == event.IPVSDelService:
		delete(p.services, o.Service.ServiceKey)
	case o.Kind == event.IPVSAddDest && at >= 0:
		return "the service has such a destination"
	case o.Kind == event.IPVSAddDest:
		e.dests = append(e.dests, o.Dest)
	case at < 0:
		return "no such destination"
	case o.Kind == event.IPVSEditDest:
		e.dests[at] = o.Dest
	default:
		e.dests = append(e.dests[:at], e.dests[at+1:]...)
	}
	return ""
}

func (e *dryEntry) find(addr netip.AddrPort) int {
	for i := range e.dests {
		if e.dests[i].Addr == addr {
			return i
		}
	}
	return -1
}

func (p *dry) Read() (health.Table, error) {
	out := make(health.Table, 0, len(p.services))
	kept := p.order[:0]
	for _, k := range p.order {
		e := p.services[k]
		if e == nil {
			continue
		}
		kept = append(kept, k)
		out = append(out, health.Entry{Service: e.service, Dests: append([]health.Destination(nil), e.dests...)})
	}
	p.order = kept
	return out, nil
}

// Sync says that no daemon runs, for none does.
func (*dry) Sync(health.Daemon) (master, backup bool, err error) { return false, false, nil }

func (*dry) SetTimeouts(health.Timeouts) error { return nil }

func (*dry) Usage(func(health.ServiceKey, health.Destination, *Usage)) error { return nil }

// saved writes a table as ipvsadm -Sn does.
func saved(t health.Table) string {
	var b strings.Builder
	for i := range t {
		s := &t[i].Service
		name := "-f " + strconv.Itoa(int(s.Mark))
		if !s.HasMark {
			letter := map[event.Protocol]string{event.ProtocolTCP: "-t", event.ProtocolUDP: "-u", event.ProtocolSCTP: "--sctp-service"}[s.Protocol]
			name = letter + " " + netip.AddrPortFrom(s.Addr, s.Port).String()
		} else if s.Family == 6 {
			name += " -6"
		}
		fmt.Fprintf(&b, "-A %s -s %s", name, s.Scheduler)
		if s.Timeout > 0 {
			fmt.Fprintf(&b, " -p %d", int(s.Timeout.Seconds()))
		}
		if s.Flags&health.FlagOnePacket != 0 {
			b.WriteString(" -o")
		}
		b.WriteByte('\n')
		for k := range t[i].Dests {
			d := &t[i].Dests[k]
			letter := map[event.Forward]string{event.ForwardNAT: "-m", event.ForwardDR: "-g", event.ForwardTUN: "-i"}[d.Method.Forward]
			fmt.Fprintf(&b, "-a %s -r %s %s -w %d\n", name, d.Addr, letter, d.Weight)
		}
	}
	return b.String()
}
