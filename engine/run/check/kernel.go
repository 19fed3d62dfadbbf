// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"math/bits"
	"net/netip"
	"os"
	"slices"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/sys/ipvs"
)

// ErrUnavailable is a machine that has no data plane.
var ErrUnavailable = ipvs.ErrUnavailable

// Conn is what this package needs of an ipvs.Conn.
type Conn interface {
	Read(t *ipvs.Table) error
	Apply(ops []ipvs.Op) []error
	Flush() error
	SetTimeouts(t ipvs.Timeouts) error
	StartSync(d ipvs.SyncDaemon) error
	StopSync(r ipvs.SyncRole) error
	SyncDaemons() ([]ipvs.SyncDaemon, error)
	Close() error
}

// kernel is the Plane of the kernel's IPVS. It is opened when it is needed, and again when it has gone.
type kernel struct {
	open  func() (Conn, error)
	conn  Conn
	table ipvs.Table // room that is used again
	ops   []ipvs.Op
}

// NewKernel returns the Plane that open opens. A kernel without IPVS is no error: it may be loaded later.
func NewKernel(open func() (Conn, error)) Plane { return &kernel{open: open} }

// OpenIPVS opens the IPVS of the network namespace of the calling thread.
func OpenIPVS() (Conn, error) { return ipvs.Open() }

// IPVSOn opens the IPVS of the network namespace that a socket was opened in (ipvs.SocketIn).
func IPVSOn(f *os.File) func() (Conn, error) {
	return func() (Conn, error) { return ipvs.On(f) }
}

func (*kernel) Available() bool { return true }

// with does something with a connection, and forgets one that has lost its kernel.
func (k *kernel) with(do func(Conn) error) (err error) {
	if k.conn == nil {
		if k.conn, err = k.open(); err != nil {
			k.conn = nil
			return err
		}
	}
	if err = do(k.conn); errors.Is(err, ipvs.ErrUnavailable) {
		err = errors.Join(err, k.conn.Close())
		k.conn = nil
	}
	return err
}

func (k *kernel) Close() error {
	if k.conn == nil {
		return nil
	}
	return k.conn.Close()
}

func (k *kernel) Program(ops []health.Op) (failed []health.Failed) {
	for len(ops) > 0 {
		// A flush has no place among the others.
		n := slices.IndexFunc(ops, func(o health.Op) bool { return o.Kind == event.IPVSFlush })
		if n == 0 {
			if err := k.with(Conn.Flush); err != nil {
				failed = append(failed, health.Failed{Op: ops[0], Detail: err.Error()})
			}
			ops = ops[1:]
			continue
		}
		if n < 0 {
			n = len(ops)
		}
		failed = append(failed, k.batch(ops[:n])...)
		ops = ops[n:]
	}
	return failed
}

func (k *kernel) batch(ops []health.Op) (failed []health.Failed) {
	k.ops = k.ops[:0]
	for i := range ops {
		k.ops = append(k.ops, toOp(&ops[i]))
	}
	var errs []error
	err := k.with(func(c Conn) error {
		errs = c.Apply(k.ops)
		return nil
	})
	for i := range ops {
		why := err
		if why == nil && errs != nil {
			why = errs[i]
		}
		if why != nil {
			failed = append(failed, health.Failed{Op: ops[i], Detail: why.Error()})
		}
	}
	return failed
}

func (k *kernel) Read() (health.Table, error) {
	if err := k.with(func(c Conn) error { return c.Read(&k.table) }); err != nil {
		return nil, err
	}
	out := make(health.Table, 0, len(k.table.Services))
	for i := range k.table.Services {
		e := &k.table.Services[i]
		entry := health.Entry{Service: fromService(&e.Service), Dests: make([]health.Destination, 0, len(e.Destinations))}
		for j := range e.Destinations {
			entry.Dests = append(entry.Dests, fromDestination(&e.Destinations[j].Destination))
		}
		out = append(out, entry)
	}
	return out, nil
}

func (k *kernel) Usage(each func(health.ServiceKey, health.Destination, *Usage)) error {
	if err := k.with(func(c Conn) error { return c.Read(&k.table) }); err != nil {
		return err
	}
	var u Usage
	for i := range k.table.Services {
		e := &k.table.Services[i]
		key := fromKey(&e.Key)
		u = Usage{IPVSStats: fromStats(&e.Stats)}
		each(key, health.Destination{}, &u)
		for j := range e.Destinations {
			d := &e.Destinations[j]
			u = Usage{IPVSStats: fromStats(&d.Stats), Active: d.Active, Inactive: d.Inactive, Persistent: d.Persistent}
			each(key, health.Destination{Addr: d.At()}, &u)
		}
	}
	return nil
}

// Sync lets the wanted daemons run with the wanted settings. One that runs with other settings is started anew.
func (k *kernel) Sync(d health.Daemon) (master, backup bool, err error) {
	err = k.with(func(c Conn) error {
		now, err := c.SyncDaemons()
		if err != nil {
			return err
		}
		for _, role := range []struct {
			role   ipvs.SyncRole
			wanted bool
		}{{ipvs.SyncMaster, d.Master}, {ipvs.SyncBackup, d.Backup}} {
			i := slices.IndexFunc(now, func(o ipvs.SyncDaemon) bool { return o.Role == role.role })
			want := toDaemon(d.Settings, role.role)
			if i >= 0 && role.wanted && alike(&now[i], &want) {
				continue
			}
			if i >= 0 {
				err = errors.Join(err, c.StopSync(role.role))
			}
			if role.wanted {
				err = errors.Join(err, c.StartSync(want))
			}
		}
		after, rerr := c.SyncDaemons()
		for i := range after {
			master = master || after[i].Role == ipvs.SyncMaster
			backup = backup || after[i].Role == ipvs.SyncBackup
		}
		return errors.Join(err, rerr)
	})
	return master, backup, err
}

// alike says whether a daemon that runs is the wanted one; what is left to the kernel may be anything.
func alike(has, want *ipvs.SyncDaemon) bool {
	return has.Interface == want.Interface && has.ID == want.ID &&
		(want.MaxLen == 0 || has.MaxLen == want.MaxLen) && (want.Port == 0 || has.Port == want.Port) &&
		(want.TTL == 0 || has.TTL == want.TTL) && (!want.Group.IsValid() || has.Group == want.Group)
}

func (k *kernel) SetTimeouts(t health.Timeouts) error {
	return k.with(func(c Conn) error { return c.SetTimeouts(ipvs.Timeouts{TCP: t.TCP, TCPFin: t.TCPFin, UDP: t.UDP}) })
}

// The same things in the words of the pool and of the kernel.

func toDaemon(s *health.SyncSettings, role ipvs.SyncRole) ipvs.SyncDaemon {
	if s == nil {
		return ipvs.SyncDaemon{Role: role}
	}
	return ipvs.SyncDaemon{Role: role, Interface: s.Interface, ID: s.ID, MaxLen: s.MaxLen, Group: s.Group, Port: s.Port, TTL: s.TTL}
}

func toOp(o *health.Op) ipvs.Op {
	out := ipvs.Op{Service: toService(&o.Service), Destination: toDestination(&o.Dest)}
	switch o.Kind {
	case event.IPVSAddService:
		out.Verb = ipvs.AddService
	case event.IPVSEditService:
		out.Verb = ipvs.EditService
	case event.IPVSDelService:
		out.Verb = ipvs.DeleteService
	case event.IPVSAddDest:
		out.Verb = ipvs.AddDestination
	case event.IPVSEditDest:
		out.Verb = ipvs.EditDestination
	case event.IPVSDelDest:
		out.Verb = ipvs.DeleteDestination
	case event.IPVSNone, event.IPVSFlush, event.IPVSRead, event.IPVSSync, event.IPVSTimeouts:
		panic("no change of one entry: " + o.Kind.String())
	}
	return out
}

func toService(s *health.Service) ipvs.Service {
	out := ipvs.Service{
		Key:       ipvs.Key{Family: ipvs.IPv4, Protocol: ipvs.Protocol(s.Protocol), Addr: s.Addr, Port: s.Port},
		Scheduler: s.Scheduler, Flags: ipvs.Flags(s.Flags), Timeout: s.Timeout, Engine: s.Engine,
	}
	if s.Family == 6 {
		out.Family = ipvs.IPv6
	}
	if s.HasMark {
		out.Key = ipvs.MarkKey(s.Mark, out.Family)
	}
	switch g := s.Granularity; {
	case s.Family == 6 && g > 0 && g < 128:
		out.Netmask = uint32(g)
	case s.Family != 6 && g > 0 && g < 32:
		out.Netmask = ^uint32(0) << (32 - g)
	}
	return out
}

func fromKey(k *ipvs.Key) health.ServiceKey {
	out := health.ServiceKey{Family: 4, Protocol: event.Protocol(k.Protocol), Addr: k.Addr, Port: k.Port, Mark: k.Mark, HasMark: k.Mark != 0}
	if k.Family == ipvs.IPv6 {
		out.Family = 6
	}
	if out.HasMark {
		out.Protocol, out.Addr, out.Port = event.ProtocolNone, netip.Addr{}, 0
	}
	return out
}

func fromService(s *ipvs.Service) health.Service {
	out := health.Service{
		ServiceKey: fromKey(&s.Key), Scheduler: s.Scheduler, Flags: uint32(s.Flags), Timeout: s.Timeout, Engine: s.Engine,
	}
	switch {
	case out.Family == 6 && s.Netmask == 0:
		out.Granularity = 128
	case out.Family == 6:
		out.Granularity = uint8(s.Netmask)
	case s.Netmask == 0:
		out.Granularity = 32
	default:
		out.Granularity = uint8(bits.LeadingZeros32(^s.Netmask))
	}
	return out
}

func toDestination(d *health.Destination) ipvs.Destination {
	out := ipvs.Destination{
		Addr: d.Addr.Addr(), Port: d.Addr.Port(), Weight: uint32(max(d.Weight, 0)), Upper: d.Upper, Lower: d.Lower,
	}
	switch d.Method.Forward {
	case event.ForwardNAT:
	case event.ForwardDR:
		out.Method = ipvs.Direct
	case event.ForwardTUN:
		out.Method, out.TunnelType, out.TunnelPort = ipvs.Tunnel, ipvs.TunnelType(d.Method.Tunnel), d.Method.Port
		out.TunnelFlags = ipvs.TunnelFlags(d.Method.Sum)
	}
	return out
}

func fromDestination(d *ipvs.Destination) health.Destination {
	out := health.Destination{Addr: d.At(), Weight: int32(d.Weight), Upper: d.Upper, Lower: d.Lower}
	switch d.Method {
	case ipvs.Direct:
		out.Method.Forward = event.ForwardDR
	case ipvs.Tunnel:
		out.Method = event.Method{Forward: event.ForwardTUN, Tunnel: event.Tunnel(d.TunnelType), Sum: event.TunnelSum(d.TunnelFlags), Port: d.TunnelPort}
	case ipvs.NAT, ipvs.Local, ipvs.Bypass:
	}
	return out
}

func fromStats(s *ipvs.Stats) event.IPVSStats {
	return event.IPVSStats{
		Conns: s.Conns, InPackets: s.InPkts, OutPackets: s.OutPkts, InBytes: s.InBytes, OutBytes: s.OutBytes,
		ConnRate: s.CPS, InPacketRate: s.InPPS, OutPacketRate: s.OutPPS, InByteRate: s.InBPS, OutByteRate: s.OutBPS,
	}
}
