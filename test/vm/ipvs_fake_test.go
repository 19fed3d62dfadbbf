// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vm_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/ipvs/ipvstest"
)

// change is a random change of a small table: many of them are refused, for
// every reason there is.
func change(r *rand.Rand) ipvs.Op {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	few := func(n int) bool { return r.IntN(n) == 0 }
	o := ipvs.Op{Verb: ipvs.Verb(r.IntN(int(ipvs.Zero) + 1))}
	keys := []ipvs.Key{
		tcp("10.0.0.1:80"), tcp("10.0.0.1:81"), udp("10.0.0.1:80"), tcp("[2001:db8::80]:80"),
		ipvs.MarkKey(1, ipvs.IPv4), ipvs.MarkKey(1, ipvs.IPv6),
	}
	o.Service = ipvs.Service{Key: keys[r.IntN(len(keys))], Scheduler: pick("rr", "wlc", "sh", "mh")}
	switch {
	case few(100): // slow: the kernel looks for a module
		o.Service.Scheduler = pick("", "none", "nosuch")
	case few(20):
		o.Service.Engine = pick("sip", "nosuch")
	case few(4):
		o.Service.Timeout = time.Duration(1+r.IntN(100)) * time.Second
		o.Service.Netmask = []uint32{0, 64, 128, 129, 0xffffff00, 0xffffffff}[r.IntN(6)]
	case few(5):
		o.Service.Flags = ipvs.SchedFlag1
	}
	hosts := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"}
	if few(20) {
		hosts = []string{"224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1", "::1", "ff02::1", "::", "240.0.0.1"}
	}
	o.Destination = ipvs.Destination{Addr: netip.MustParseAddr(pick(hosts...)), Port: uint16(80 + r.IntN(2)), Weight: uint32(r.IntN(3))}
	d := &o.Destination
	if o.Service.Family == ipvs.IPv6 != d.Addr.Is6() && !few(4) {
		d.Addr = netip.MustParseAddr("192.0.2.9")
		if o.Service.Family == ipvs.IPv6 {
			d.Addr = netip.MustParseAddr("2001:db8::9")
		}
	}
	if few(2) {
		d.Method = []ipvs.Method{ipvs.Direct, ipvs.Tunnel, ipvs.Tunnel}[r.IntN(3)]
		d.TunnelType, d.TunnelPort = ipvs.TunnelType(r.IntN(3)), uint16(r.IntN(2)*6080)
	}
	if few(4) {
		d.Upper, d.Lower = uint32(r.IntN(3)), uint32(r.IntN(3))
	}
	if few(20) {
		d.Weight = 1 << 31
	}
	return o
}

// errno is the number of an error, 0 for none.
func errno(err error) syscall.Errno {
	var no syscall.Errno
	if err != nil && !errors.As(err, &no) {
		return 9999
	}
	return no
}

// TestFake makes the same random changes of the kernel's table and of the one of
// package ipvstest, in batches of any length: both must refuse the same ones for
// the same reasons, which also shows that each error is put to its change, and
// hold the same in the end.
func TestFake(t *testing.T) {
	_, c := director(t)
	fake := ipvstest.New()
	r := rand.New(rand.NewPCG(1, 2))
	var refused, made int
	for round := range 60 {
		ops := make([]ipvs.Op, 1+r.IntN(200))
		for i := range ops {
			ops[i] = change(r)
		}
		real, pretended := c.Apply(ops), fake.Apply(ops)
		for i := range ops {
			var a, b error
			if real != nil {
				a = real[i]
			}
			if pretended != nil {
				b = pretended[i]
			}
			if errno(a) != errno(b) {
				t.Fatalf("round %d: %s %+v: the kernel says %v, the fake %v", round, ops[i].String(), ops[i], a, b)
			}
			if a == nil {
				made++
			} else {
				refused++
			}
		}
		if round%10 != 9 {
			continue
		}
		a, err := c.Table()
		if err != nil {
			t.Fatal(err)
		}
		b, err := fake.Table()
		if err != nil {
			t.Fatal(err)
		}
		if a, b := bare(a), bare(b); !slices.Equal(a, b) {
			t.Fatalf("round %d: the kernel has\n%s\nthe fake\n%s", round, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	}
	t.Logf("%d changes made, %d refused", made, refused)
}
