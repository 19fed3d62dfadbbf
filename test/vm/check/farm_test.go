// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// owned is a farm whose only director has the virtual addresses, and IPVS
// without a daemon.
func owned(t *testing.T, servers int) (*farm.Farm, *ipvs.Conn) {
	t.Helper()
	f := farm.New(t, 1, servers)
	f.Own(f.Directors[0])
	return f, f.IPVS(f.Directors[0])
}

func apply(t *testing.T, c *ipvs.Conn, ops ...ipvs.Op) {
	t.Helper()
	for _, err := range c.Apply(ops) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFarm sends a client's connections through NAT, DR and TUN, over IPv4 and
// IPv6, and counts them on the servers and in the table: the network of the tests
// is what it is said to be.
func TestFarm(t *testing.T) {
	t.Parallel()
	f, c := owned(t, 2)
	for _, s := range f.Servers {
		s.Direct()
		s.HTTP(80)
		s.HTTP(8080)
	}
	for _, tc := range []struct {
		name    string
		vip     netip.AddrPort
		how     func(i int) ipvs.Destination
		answers bool // packets that come back through the director
	}{
		{"NAT", netip.AddrPortFrom(farm.VIP, 80), func(i int) ipvs.Destination {
			return ipvs.Destination{Addr: f.Servers[i].Addr4(1), Port: 8080}
		}, true},
		{"NAT over IPv6", netip.AddrPortFrom(farm.VIP6, 80), func(i int) ipvs.Destination {
			return ipvs.Destination{Addr: f.Servers[i].Addr6(1), Port: 8080}
		}, true},
		{"DR", netip.AddrPortFrom(farm.VIP, 80), func(i int) ipvs.Destination {
			return ipvs.Destination{Addr: f.Servers[i].Addr4(0), Port: 80, Method: ipvs.Direct}
		}, false},
		{"DR over IPv6", netip.AddrPortFrom(farm.VIP6, 80), func(i int) ipvs.Destination {
			return ipvs.Destination{Addr: f.Servers[i].Addr6(0), Port: 80, Method: ipvs.Direct}
		}, false},
		{"TUN", netip.AddrPortFrom(farm.VIP, 80), func(i int) ipvs.Destination {
			return ipvs.Destination{Addr: f.Servers[i].Addr4(1), Port: 80, Method: ipvs.Tunnel}
		}, false},
		{"TUN over IPv6", netip.AddrPortFrom(farm.VIP6, 80), func(i int) ipvs.Destination {
			return ipvs.Destination{Addr: f.Servers[i].Addr6(1), Port: 80, Method: ipvs.Tunnel}
		}, false},
	} {
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		service := ipvs.Service{Key: ipvs.AddrKey(ipvs.TCP, tc.vip), Scheduler: "rr"}
		ops := []ipvs.Op{{Verb: ipvs.AddService, Service: service}}
		for i := range f.Servers {
			d := tc.how(i)
			d.Weight = 1
			ops = append(ops, ipvs.Op{Verb: ipvs.AddDestination, Service: service, Destination: d})
		}
		apply(t, c, ops...)
		said := map[string]int{}
		for range 4 {
			name, err := f.Get("http://" + tc.vip.String() + "/name")
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			said[name]++
		}
		if said["server0"] != 2 || said["server1"] != 2 {
			t.Errorf("%s: answers of %v", tc.name, said)
		}
		counted(t, f, c, tc.name, tc.answers)
	}
}

// counted compares the counters with what was sent, and with ipvsadm.
func counted(t *testing.T, f *farm.Farm, c *ipvs.Conn, name string, answers bool) {
	t.Helper()
	var e ipvs.Entry
	var sum ipvs.Stats
	// The kernel adds up what its processors have counted every two seconds.
	lab.Until(t, 10*time.Second, name+": 4 connections and their packets are counted", func() bool {
		table, err := c.Table()
		if err != nil {
			t.Fatal(err)
		}
		e, sum = table.Services[0], ipvs.Stats{}
		done := true
		for _, d := range e.Destinations {
			done = done && d.Stats.Conns == 2 && d.Stats.InPkts >= 8
			sum.Conns += d.Stats.Conns
			sum.InPkts += d.Stats.InPkts
			sum.InBytes += d.Stats.InBytes
			sum.OutPkts += d.Stats.OutPkts
		}
		return done && e.Stats.Conns == 4 && e.Stats.InPkts == sum.InPkts && e.Stats.InBytes == sum.InBytes && e.Stats.OutPkts == sum.OutPkts
	})
	if (sum.OutPkts > 0) != answers || sum.InBytes < 40*sum.InPkts {
		t.Errorf("%s: %+v", name, sum)
	}
	said := f.Directors[0].Run("ipvsadm", "-Ln", "--stats", "--exact")
	want := fmt.Sprintf("%d %d %d %d %d", e.Stats.Conns, e.Stats.InPkts, e.Stats.OutPkts, e.Stats.InBytes, e.Stats.OutBytes)
	if !strings.Contains(strings.Join(strings.Fields(said), " "), fmt.Sprintf("%s %s", netip.AddrPortFrom(e.Addr, e.Port), want)) {
		t.Errorf("%s: ipvsadm says\n%sand not %s", name, said, want)
	}
	// Each connection is remembered, on its destination.
	list := strings.Fields(f.Directors[0].Run("ipvsadm", "-Lcn"))
	for _, d := range e.Destinations {
		n := 0
		for _, word := range list {
			if word == d.At().String() {
				n++
			}
		}
		if n != 2 || d.Active+d.Inactive != 2 {
			t.Errorf("%s: %v has %d and %d connections, %d in %q", name, d.At(), d.Active, d.Inactive, n, list)
		}
	}
}
