// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvstest

import (
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
)

// Flush removes everything.
func (k *Kernel) Flush() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down == nil {
		k.services = nil
	}
	return k.down
}

// Zero sets all counters back.
func (k *Kernel) Zero() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down == nil {
		for i := range k.services {
			zero(&k.services[i])
		}
	}
	return k.down
}

// Timeouts are the kernel's own until they are set.
func (k *Kernel) Timeouts() (ipvs.Timeouts, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := ipvs.Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: 5 * time.Minute}
	merge(&t, k.timeouts)
	return t, k.down
}

// SetTimeouts sets those that are not zero.
func (k *Kernel) SetTimeouts(t ipvs.Timeouts) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down == nil {
		merge(&k.timeouts, t)
	}
	return k.down
}

func merge(into *ipvs.Timeouts, t ipvs.Timeouts) {
	for _, p := range []struct {
		into *time.Duration
		d    time.Duration
	}{{&into.TCP, t.TCP}, {&into.TCPFin, t.TCPFin}, {&into.UDP, t.UDP}} {
		if p.d > 0 {
			*p.into = p.d
		}
	}
}

// SyncDaemons lists the daemons that run.
func (k *Kernel) SyncDaemons() ([]ipvs.SyncDaemon, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.daemons), k.down
}

// StartSync starts a daemon, with the kernel's defaults for what is zero.
func (k *Kernel) StartSync(d ipvs.SyncDaemon) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	mixed := slices.ContainsFunc(k.services, func(e ipvs.Entry) bool {
		return slices.ContainsFunc(e.Destinations, func(s ipvs.Server) bool { return ipvs.FamilyOf(s.Addr) != e.Family })
	})
	switch {
	case k.down != nil:
		return k.down
	case mixed, d.Role != ipvs.SyncMaster && d.Role != ipvs.SyncBackup:
		return syscall.EINVAL
	case k.Interfaces != nil && !slices.Contains(k.Interfaces, d.Interface):
		return syscall.ENODEV
	case slices.ContainsFunc(k.daemons, func(o ipvs.SyncDaemon) bool { return o.Role == d.Role }):
		return syscall.EEXIST
	}
	if d.MaxLen == 0 {
		d.MaxLen = 1472 // what fits into an MTU of 1500
	}
	if !d.Group.IsValid() {
		d.Group = netip.AddrFrom4([4]byte{224, 0, 0, 81})
	}
	if d.Port == 0 {
		d.Port = 8848
	}
	if d.TTL == 0 {
		d.TTL = 1
	}
	k.daemons = append(k.daemons, d)
	return nil
}

// StopSync ends the daemon of a role, if there is one.
func (k *Kernel) StopSync(r ipvs.SyncRole) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down == nil {
		k.daemons = slices.DeleteFunc(k.daemons, func(d ipvs.SyncDaemon) bool { return d.Role == r })
	}
	return k.down
}

// Info is that of a kernel of our time.
func (k *Kernel) Info() (ipvs.Info, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return ipvs.Info{Version: "1.2.1", TableSize: 4096}, k.down
}

// Close does nothing: others may still look.
func (k *Kernel) Close() error { return nil }
