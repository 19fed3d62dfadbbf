// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvstest

import (
	"math"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/vigild/vigild/engine/sys/ipvs"
)

// Schedulers and engines are what a fresh Kernel has.
var (
	Schedulers = []string{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "none"}
	Engines    = []string{"sip"}
)

// Kernel is one IPVS. Its methods are those of ipvs.Conn, and those with which a
// test looks at it and disturbs it; they may be called from any goroutine.
type Kernel struct {
	// Set before use: what the kernel knows, which interfaces it has (nil: any),
	// and what fails before it is tried.
	Schedulers, Engines []string
	Interfaces          []string
	Fail                func(*ipvs.Op) error

	mu       sync.Mutex
	services []ipvs.Entry
	daemons  []ipvs.SyncDaemon
	timeouts ipvs.Timeouts
	log      []ipvs.Op
	down     error
}

// New makes an empty one.
func New() *Kernel {
	return &Kernel{Schedulers: Schedulers, Engines: Engines}
}

// Break has every call fail, with ipvs.ErrUnavailable for a module that was
// unloaded; nil mends it.
func (k *Kernel) Break(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = err
}

// Log is every change that was made, in order, without those that were refused.
func (k *Kernel) Log() []ipvs.Op {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.log)
}

// Count sets the counters and connections of a destination, and adds what it
// has more to those of its service. It says whether there is one.
func (k *Kernel) Count(key ipvs.Key, at netip.AddrPort, s ipvs.Server) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.find(key)
	if e == nil {
		return false
	}
	i := slices.IndexFunc(e.Destinations, func(d ipvs.Server) bool { return d.At() == at })
	if i < 0 {
		return false
	}
	d := &e.Destinations[i]
	e.Stats.Conns += s.Stats.Conns - d.Stats.Conns
	e.Stats.InPkts += s.Stats.InPkts - d.Stats.InPkts
	e.Stats.OutPkts += s.Stats.OutPkts - d.Stats.OutPkts
	e.Stats.InBytes += s.Stats.InBytes - d.Stats.InBytes
	e.Stats.OutBytes += s.Stats.OutBytes - d.Stats.OutBytes
	d.Stats, d.Active, d.Inactive, d.Persistent = s.Stats, s.Active, s.Inactive, s.Persistent
	return true
}

// Table is a copy of the table.
func (k *Kernel) Table() (ipvs.Table, error) {
	var t ipvs.Table
	err := k.Read(&t)
	return t, err
}

// Read copies the table.
func (k *Kernel) Read(t *ipvs.Table) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	*t = ipvs.Table{Wide: true}
	for _, e := range k.services {
		e.Destinations = slices.Clone(e.Destinations)
		t.Services = append(t.Services, e)
	}
	return k.down
}

// Apply makes changes as ipvs.Conn.Apply does.
func (k *Kernel) Apply(ops []ipvs.Op) []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for i := range ops {
		err := k.apply(&ops[i])
		if err == nil {
			k.log = append(k.log, ops[i])
			continue
		}
		if errs == nil {
			errs = make([]error, len(ops))
		}
		errs[i] = &ipvs.OpError{Op: ops[i], Err: err}
	}
	return errs
}

func (k *Kernel) apply(o *ipvs.Op) error {
	if k.down != nil {
		return k.down
	}
	if err := o.Check(); err != nil {
		return err
	}
	if k.Fail != nil {
		if err := k.Fail(o); err != nil {
			return err
		}
	}
	e := k.find(o.Service.Key)
	if o.Verb == ipvs.AddService {
		if e != nil {
			return syscall.EEXIST
		}
		if err := k.accepts(&o.Service); err != nil {
			return err
		}
		k.services = append(k.services, ipvs.Entry{Service: normal(o.Service)})
		return nil
	}
	if e == nil {
		return syscall.ESRCH
	}
	switch o.Verb {
	case ipvs.EditService:
		if err := k.accepts(&o.Service); err != nil {
			return err
		}
		e.Service = normal(o.Service)
	case ipvs.DeleteService:
		k.services = slices.DeleteFunc(k.services, func(s ipvs.Entry) bool { return s.Key == e.Key })
	case ipvs.Zero:
		zero(e)
	case ipvs.AddDestination, ipvs.EditDestination, ipvs.DeleteDestination:
		return k.destination(e, o)
	case ipvs.AddService:
	}
	return nil
}

// accepts is what the kernel wants of a service.
func (k *Kernel) accepts(s *ipvs.Service) error {
	if !slices.Contains(k.Schedulers, s.Scheduler) {
		return syscall.ENOENT
	}
	if s.Engine != "" && !slices.Contains(k.Engines, s.Engine) {
		return syscall.ENOENT
	}
	if s.Family == ipvs.IPv6 && s.Persistent() && s.Netmask > 128 {
		return syscall.EINVAL
	}
	return nil
}

// normal is a service as it is read back.
func normal(s ipvs.Service) ipvs.Service {
	if !s.Persistent() {
		s.Netmask = 0
	}
	if s.Mark != 0 {
		s.Protocol, s.Addr, s.Port = 0, netip.Addr{}, 0
	}
	if s.Netmask == math.MaxUint32 && s.Family == ipvs.IPv4 || s.Netmask == 128 && s.Family == ipvs.IPv6 {
		s.Netmask = 0
	}
	return s
}

func (k *Kernel) destination(e *ipvs.Entry, o *ipvs.Op) error {
	d := o.Destination
	i := slices.IndexFunc(e.Destinations, func(s ipvs.Server) bool { return s.At() == d.At() })
	if o.Verb == ipvs.DeleteDestination {
		if i < 0 {
			return syscall.ENOENT
		}
		e.Destinations = slices.Delete(e.Destinations, i, i+1)
		return nil
	}
	switch {
	case ipvs.FamilyOf(d.Addr) != e.Family && (d.Method != ipvs.Tunnel || len(k.daemons) > 0):
		return syscall.EINVAL
	case d.Weight > math.MaxInt32, d.Lower > d.Upper:
		return syscall.ERANGE
	case d.Method == ipvs.Tunnel && d.TunnelType == ipvs.GUE && d.TunnelPort == 0:
		return syscall.EINVAL
	case o.Verb == ipvs.AddDestination && i >= 0:
		return syscall.EEXIST
	case o.Verb == ipvs.EditDestination && i < 0:
		return syscall.ENOENT
	case o.Verb == ipvs.AddDestination && !unicast(d.Addr):
		return syscall.EINVAL
	}
	if d.Method != ipvs.Tunnel {
		d.TunnelType, d.TunnelPort, d.TunnelFlags = 0, 0, 0
	}
	if i < 0 {
		// The kernel puts a new one in front.
		e.Destinations = slices.Insert(e.Destinations, 0, ipvs.Server{Destination: d})
	} else {
		e.Destinations[i].Destination = d
	}
	return nil
}

// unicast is what the kernel finds of an address that has no route of its own.
func unicast(a netip.Addr) bool {
	return !a.IsMulticast() && !a.IsUnspecified() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255}) &&
		(a.Is6() || a.As4()[0] != 0)
}

func (k *Kernel) find(key ipvs.Key) *ipvs.Entry {
	if key.Mark != 0 {
		key = ipvs.MarkKey(key.Mark, key.Family)
	}
	for i := range k.services {
		if k.services[i].Key == key {
			return &k.services[i]
		}
	}
	return nil
}

func zero(e *ipvs.Entry) {
	e.Stats = ipvs.Stats{}
	for i := range e.Destinations {
		e.Destinations[i].Stats = ipvs.Stats{}
	}
}
