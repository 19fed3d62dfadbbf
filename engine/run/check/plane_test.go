// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/ipvs/ipvstest"
)

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// services are one of each sort.
func services() []health.Service {
	at := func(s string) health.ServiceKey {
		a := addr(s)
		family := uint8(4)
		if a.Addr().Is6() {
			family = 6
		}
		return health.ServiceKey{Family: family, Protocol: event.ProtocolTCP, Addr: a.Addr(), Port: a.Port()}
	}
	return []health.Service{
		{ServiceKey: at("10.0.0.1:80"), Scheduler: "wrr", Granularity: 32},
		{ServiceKey: at("10.0.0.2:80"), Scheduler: "sh", Flags: health.FlagSched1 | health.FlagSched2, Timeout: 300 * time.Second, Granularity: 24},
		{ServiceKey: at("[2001:db8::1]:80"), Scheduler: "mh", Timeout: 60 * time.Second, Granularity: 64},
		{ServiceKey: at("[2001:db8::2]:80"), Scheduler: "lc", Granularity: 128},
		{ServiceKey: health.ServiceKey{Family: 4, Mark: 5, HasMark: true}, Scheduler: "rr", Granularity: 32},
		{ServiceKey: health.ServiceKey{Family: 6, Mark: 5, HasMark: true}, Scheduler: "rr", Granularity: 128},
	}
}

func destinations(six bool) []health.Destination {
	a, b := addr("192.0.2.1:80"), addr("192.0.2.2:80")
	if six {
		a, b = addr("[2001:db8::a]:80"), addr("[2001:db8::b]:80")
	}
	return []health.Destination{
		{Addr: a, Weight: 3, Upper: 100, Lower: 50},
		{Addr: b, Method: event.Method{Forward: event.ForwardTUN, Tunnel: event.TunnelGUE, Sum: event.TunnelSumOn, Port: 6080}},
	}
}

// TestPlanes: what was programmed is read again, with the kernel and without; what makes no sense is refused.
func TestPlanes(t *testing.T) {
	for name, p := range map[string]Plane{
		"dry":    NewDry(),
		"kernel": NewKernel(func() (Conn, error) { return closing{ipvstest.New()}, nil }),
	} {
		t.Run(name, func(t *testing.T) {
			if p.Available() != (name == "kernel") {
				t.Error("it is not what it says")
			}
			var ops []health.Op
			want := map[health.ServiceKey]health.Entry{}
			for _, s := range services() {
				ops = append(ops, health.Op{Kind: event.IPVSAddService, Service: s})
				e := health.Entry{Service: s, Dests: destinations(s.Family == 6)}
				for _, d := range e.Dests {
					ops = append(ops, health.Op{Kind: event.IPVSAddDest, Service: s, Dest: d})
				}
				want[s.ServiceKey] = e
			}
			if failed := p.Program(ops); failed != nil {
				t.Fatalf("refused: %+v", failed)
			}
			same := func() {
				t.Helper()
				table, err := p.Read()
				if err != nil || len(table) != len(want) {
					t.Fatalf("%d services, %v; want %d", len(table), err, len(want))
				}
				for _, e := range table {
					// The kernel shows the newest first.
					slices.SortFunc(e.Dests, func(a, b health.Destination) int { return a.Addr.Compare(b.Addr) })
					if !reflect.DeepEqual(e, want[e.Service.ServiceKey]) {
						t.Errorf("got\n%+v, want\n%+v", e, want[e.Service.ServiceKey])
					}
				}
			}
			same()
			if table, err := p.Read(); err != nil || !strings.Contains(saved(table), "-A -t 10.0.0.2:80 -s sh -p 300\n") ||
				!strings.Contains(saved(table), "-a -f 5 -6 -r [2001:db8::b]:80 -i -w 0\n") {
				t.Errorf("shown as\n%s", saved(table))
			}
			one := services()[0]
			edited, d := one, destinations(false)
			edited.Scheduler, d[0].Weight = "rr", 0
			failed := p.Program([]health.Op{
				{Kind: event.IPVSAddService, Service: one},
				{Kind: event.IPVSEditService, Service: edited},
				{Kind: event.IPVSAddDest, Service: one, Dest: d[0]},
				{Kind: event.IPVSEditDest, Service: one, Dest: d[0]},
				{Kind: event.IPVSDelDest, Service: one, Dest: d[1]},
				{Kind: event.IPVSDelDest, Service: one, Dest: d[1]},
				{Kind: event.IPVSEditDest, Service: one, Dest: d[1]},
				{Kind: event.IPVSDelService, Service: services()[5]},
				{Kind: event.IPVSDelService, Service: services()[5]},
				{Kind: event.IPVSAddDest, Service: services()[5], Dest: d[1]},
			})
			want[one.ServiceKey] = health.Entry{Service: edited, Dests: d[:1]}
			delete(want, services()[5].ServiceKey)
			same()
			var refused []event.IPVSOp
			for _, f := range failed {
				if f.Detail == "" {
					t.Errorf("no reason for %+v", f.Op)
				}
				refused = append(refused, f.Op.Kind)
			}
			if !reflect.DeepEqual(refused, []event.IPVSOp{
				event.IPVSAddService, event.IPVSAddDest, event.IPVSDelDest, event.IPVSEditDest, event.IPVSDelService, event.IPVSAddDest,
			}) {
				t.Errorf("refused: %v", refused)
			}
			if failed := p.Program([]health.Op{{Kind: event.IPVSFlush}, {Kind: event.IPVSAddService, Service: one}}); failed != nil {
				t.Errorf("refused: %+v", failed)
			}
			clear(want)
			want[one.ServiceKey] = health.Entry{Service: one, Dests: []health.Destination{}}
			if table, err := p.Read(); err != nil || len(table) != 1 || len(table[0].Dests) != 0 {
				t.Errorf("after a flush: %+v, %v", table, err)
			}
			if err := p.SetTimeouts(health.Timeouts{UDP: time.Minute}); err != nil {
				t.Error(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// closing is a kernel with a connection that can be closed.
type closing struct{ *ipvstest.Kernel }

func (closing) Close() error { return nil }

// TestUsage: what the kernel counts comes with the names of the pool.
func TestUsage(t *testing.T) {
	k := ipvstest.New()
	p := NewKernel(func() (Conn, error) { return closing{k}, nil })
	s, d := services()[0], destinations(false)[0]
	if failed := p.Program([]health.Op{{Kind: event.IPVSAddService, Service: s}, {Kind: event.IPVSAddDest, Service: s, Dest: d}}); failed != nil {
		t.Fatal(failed)
	}
	if !k.Count(ipvs.AddrKey(ipvs.TCP, addr("10.0.0.1:80")), d.Addr, ipvs.Server{
		Active: 3, Inactive: 4, Persistent: 5, Stats: ipvs.Stats{Conns: 7, OutBytes: 9},
	}) {
		t.Fatal("nothing to count")
	}
	got := map[netip.AddrPort]Usage{}
	if err := p.Usage(func(key health.ServiceKey, dest health.Destination, u *Usage) {
		if key != s.ServiceKey {
			t.Errorf("key %+v", key)
		}
		got[dest.Addr] = *u
	}); err != nil {
		t.Fatal(err)
	}
	stats := event.IPVSStats{Conns: 7, OutBytes: 9}
	want := map[netip.AddrPort]Usage{{}: {IPVSStats: stats}, d.Addr: {IPVSStats: stats, Active: 3, Inactive: 4, Persistent: 5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestSyncDaemons: those that are wanted run, with the wanted settings, and a right one is left alone.
func TestSyncDaemons(t *testing.T) {
	k := ipvstest.New()
	p := NewKernel(func() (Conn, error) { return closing{k}, nil })
	set := &health.SyncSettings{Interface: "eth0", ID: 7}
	for _, c := range []health.Daemon{
		{Settings: set, Backup: true},
		{Settings: set, Master: true},
		{Settings: set, Master: true, Backup: true},
		{Settings: set, Master: true, Backup: true},
		{Settings: &health.SyncSettings{Interface: "eth1", ID: 8}, Backup: true},
		{},
	} {
		master, backup, err := p.Sync(c)
		if err != nil || master != c.Master || backup != c.Backup {
			t.Errorf("%+v: master %v, backup %v, %v", c, master, backup, err)
		}
		now, err := k.SyncDaemons()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range now {
			if d.Interface != c.Settings.Interface || d.ID != c.Settings.ID {
				t.Errorf("%+v runs, want %+v", d, c.Settings)
			}
		}
	}
}

// TestKernelGoesAndComesBack: without IPVS that is what is said, and one that is loaded later is found.
func TestKernelGoesAndComesBack(t *testing.T) {
	there := false
	k := ipvstest.New()
	p := NewKernel(func() (Conn, error) {
		if !there {
			return nil, ipvs.ErrUnavailable
		}
		return closing{k}, nil
	})
	op := []health.Op{{Kind: event.IPVSAddService, Service: services()[0]}}
	if _, err := p.Read(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	if failed := p.Program(op); len(failed) != 1 {
		t.Errorf("programmed without a kernel: %v", failed)
	}
	there = true
	if failed := p.Program(op); failed != nil {
		t.Errorf("refused: %v", failed)
	}
	k.Break(ipvs.ErrUnavailable)
	if _, err := p.Read(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	k.Break(nil)
	if table, err := p.Read(); err != nil || len(table) != 1 {
		t.Errorf("it does not come back: %v, %v", table, err)
	}
}
