// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvstest_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/ipvs/ipvstest"
)

var (
	web  = ipvs.Service{Key: ipvs.AddrKey(ipvs.TCP, netip.MustParseAddrPort("10.0.0.1:80")), Scheduler: "rr"}
	one  = ipvs.Destination{Addr: netip.MustParseAddr("192.0.2.1"), Port: 80, Weight: 1}
	six  = ipvs.Destination{Addr: netip.MustParseAddr("2001:db8::1"), Port: 80, Method: ipvs.Tunnel}
	adds = []ipvs.Op{{Verb: ipvs.AddService, Service: web}, {Verb: ipvs.AddDestination, Service: web, Destination: one}}
)

// TestKernel: what is particular to the fake. That it refuses what the kernel
// refuses is shown on the kernel, by test/vm.
func TestKernel(t *testing.T) {
	k := ipvstest.New()
	if errs := k.Apply(adds); errs != nil {
		t.Fatal(errs)
	}
	if errs := k.Apply(adds); !errors.Is(errs[0], syscall.EEXIST) || !errors.Is(errs[1], syscall.EEXIST) {
		t.Errorf("again: %v", errs)
	}
	if n := len(k.Log()); n != 2 {
		t.Errorf("%d changes in the log", n)
	}
	counted := ipvs.Server{Active: 3, Stats: ipvs.Stats{Conns: 7, InBytes: 1 << 40}}
	if !k.Count(web.Key, one.At(), counted) || k.Count(web.Key, six.At(), counted) {
		t.Error("counted for the wrong ones")
	}
	table, err := k.Table()
	if err != nil || len(table.Services) != 1 || table.Services[0].Stats != counted.Stats || table.Services[0].Destinations[0].Active != 3 {
		t.Errorf("%+v, %v", table, err)
	}
	table.Services[0].Destinations[0].Weight = 9
	if again, _ := k.Table(); again.Services[0].Destinations[0].Weight != 1 {
		t.Error("the table can be changed from outside")
	}
	if err := k.Zero(); err != nil {
		t.Error(err)
	}
	if table, _ := k.Table(); table.Services[0].Destinations[0].Stats != (ipvs.Stats{}) {
		t.Error("not zeroed")
	}
	k.Fail = func(o *ipvs.Op) error {
		if o.Verb == ipvs.DeleteService {
			return syscall.ENOMEM
		}
		return nil
	}
	if errs := k.Apply([]ipvs.Op{{Verb: ipvs.DeleteService, Service: web}}); !errors.Is(errs[0], syscall.ENOMEM) {
		t.Errorf("what was to fail: %v", errs)
	}
	k.Break(ipvs.ErrUnavailable)
	if _, err := k.Table(); !errors.Is(err, ipvs.ErrUnavailable) {
		t.Errorf("a table of a kernel without IPVS: %v", err)
	}
	if errs := k.Apply(adds); !errors.Is(errs[1], ipvs.ErrUnavailable) || !errors.Is(k.Flush(), ipvs.ErrUnavailable) {
		t.Errorf("changes of a kernel without IPVS: %v", errs)
	}
	k.Break(nil)
	if err := k.Flush(); err != nil {
		t.Error(err)
	}
	if table, err := k.Table(); err != nil || len(table.Services) != 0 {
		t.Errorf("after the flush: %+v, %v", table, err)
	}
}

func TestSync(t *testing.T) {
	k := ipvstest.New()
	k.Interfaces = []string{"eth0"}
	start := func(r ipvs.SyncRole, dev string) error {
		return k.StartSync(ipvs.SyncDaemon{Role: r, Interface: dev, ID: 5})
	}
	for _, tc := range []struct{ got, want error }{
		{start(ipvs.SyncMaster, "eth1"), syscall.ENODEV},
		{start(0, "eth0"), syscall.EINVAL},
		{start(ipvs.SyncMaster, "eth0"), nil},
		{start(ipvs.SyncMaster, "eth0"), syscall.EEXIST},
		{start(ipvs.SyncBackup, "eth0"), nil},
		{k.StopSync(ipvs.SyncMaster), nil},
		{k.StopSync(ipvs.SyncMaster), nil},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("%v, want %v", tc.got, tc.want)
		}
	}
	ds, err := k.SyncDaemons()
	if err != nil || len(ds) != 1 || ds[0] != (ipvs.SyncDaemon{Role: ipvs.SyncBackup, Interface: "eth0", ID: 5, MaxLen: 1472, Group: netip.MustParseAddr("224.0.0.81"), Port: 8848, TTL: 1}) {
		t.Errorf("%+v, %v", ds, err)
	}
	// A service of one family and a destination of the other do not go with it.
	mixed := []ipvs.Op{adds[0], {Verb: ipvs.AddDestination, Service: web, Destination: six}}
	if errs := k.Apply(mixed); !errors.Is(errs[1], syscall.EINVAL) {
		t.Errorf("a mixed service: %v", errs)
	}
	if err := k.StopSync(ipvs.SyncBackup); err != nil {
		t.Error(err)
	}
	if errs := k.Apply(mixed[1:]); errs != nil {
		t.Errorf("a mixed service without sync daemons: %v", errs)
	}
	if err := start(ipvs.SyncBackup, "eth0"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a sync daemon with a mixed service: %v", err)
	}
}

func TestTimeouts(t *testing.T) {
	k := ipvstest.New()
	if err := k.SetTimeouts(ipvs.Timeouts{UDP: time.Minute}); err != nil {
		t.Error(err)
	}
	if got, err := k.Timeouts(); err != nil || got != (ipvs.Timeouts{TCP: 15 * time.Minute, TCPFin: 2 * time.Minute, UDP: time.Minute}) {
		t.Errorf("%+v, %v", got, err)
	}
	if i, err := k.Info(); err != nil || i.Version == "" || k.Close() != nil {
		t.Errorf("%+v, %v", i, err)
	}
}
