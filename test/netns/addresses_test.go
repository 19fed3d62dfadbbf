// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/test/netns/lab"
)

// twinAddresses are lines that both programs must turn into the same addresses.
var twinAddresses = []string{
	"10.0.0.51/16 label eth0:vip",
	"10.0.0.52/24 brd 10.0.0.255",
	"10.5.3.53/24 brd + scope site",
	"10.0.0.54/24 brd -",
	"10.0.0.55/32 scope link",
	"10.0.0.56/32 scope host label eth0:h",
	"10.0.0.57/32 scope nowhere",
	"10.5.8.58/24 scope 100 noprefixroute",
	"10.9.9.1/32 peer 10.9.9.2",
	"10.9.8.1/32 peer 10.9.8.2 dev eth1",
	"10.1.0.59/16 dev eth1 label eth1:other",
	"10.0.0.60", // without a length it is alone
}

// refusedAddress is what the kernel refuses, because others of its network have
// another scope: both programs must go on without it.
const refusedAddress = "10.0.0.61/24 scope site"

var twinAddresses6 = []string{
	"2001:db8::51/64",
	"2001:db8::52/64 preferred_lft 0",
	"2001:db8::53/64 preferred_lft forever home",
	"2001:db8::54/64 mngtmpaddr",
	"2001:db8::55/64 noprefixroute",
	"2001:db8::56/128 dev eth1 -nodad",
	"2001:db8::61/64 -nodad",
	"2001:db8:2::57/64 peer 2001:db8:2::58 preferred_lft forever",
	"2001:db8:1::57/64 peer 2001:db8:1::58",
	"2001:db8::59",
}

// TestTwinAddresses runs keepalived and vigild with the same virtual and static
// addresses: the kernel must have the same, but for the mark by which it tells
// ours from those of others; and nothing may be left.
func TestTwinAddresses(t *testing.T) {
	t.Parallel()
	var during [2][]string
	t.Run("run", func(t *testing.T) {
		for k, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
			t.Run(kind.String(), func(t *testing.T) {
				t.Parallel()
				during[k] = addressed(t, kind)
			})
		}
	})
	if t.Failed() {
		return
	}
	if len(during[0]) < len(twinAddresses)+len(twinAddresses6)+2 {
		t.Errorf("keepalived made only this:\n%s", strings.Join(during[0], "\n"))
	}
	differ(t, "while master", during[0], during[1])
}

// addressed runs one program with the addresses, and gives what the kernel had
// while it was master.
func addressed(t *testing.T, kind lab.Kind) (during []string) {
	t.Helper()
	l := lab.New(t)
	r := l.RouterNumber("twin", 7, l.Wire(), l.Wire())
	static := "static_ipaddress {\n    10.1.7.7/24 dev eth1 label eth1:s\n    2001:db8:7::7/64 dev eth1\n}\n"
	before := addresses(r)
	extra := slices.Concat([]string{"virtual_ipaddress_excluded {"}, twinAddresses, []string{refusedAddress}, twinAddresses6)
	i := instance{version: 3, interval: 100 * time.Millisecond, priority: 100, extra: append(extra, "}")}
	d := begin(r, kind, static+i.String())
	d.Wait("VI_1", lab.Master, starting)
	lab.Until(t, soon, "the last address of "+kind.String(), func() bool {
		return strings.Contains(r.Run("ip", "-o", "addr"), "2001:db8::59/")
	})
	// Our ip may be too old to show the mark.
	marked := 0
	r.Do(func() error {
		m, now, err := link.Watch()
		if err != nil {
			return err
		}
		for _, c := range now {
			if c.Address != nil && c.Address.Protocol == link.Protocol {
				marked++
			}
		}
		return m.Close()
	})
	if want := len(twinAddresses) + len(twinAddresses6) + 3; kind == lab.Vigild && marked != want {
		t.Errorf("%d addresses have our mark, want %d:\n%s", marked, want, r.Run("ip", "-o", "addr"))
	}
	during = addresses(r)
	if status := d.Stop(); status != 0 {
		t.Errorf("%v ended with %d", kind, status)
	}
	// keepalived 2.2.7 forgets the point-to-point address.
	if left := besides(addresses(r), before); kind == lab.Vigild && len(left) > 0 {
		t.Errorf("%v left behind:\n%s", kind, strings.Join(left, "\n"))
	}
	return during
}

// addresses is all addresses of a router, without their mark, in the order of
// the kernel for each interface and family.
func addresses(r *lab.Router) (out []string) {
	for line := range strings.Lines(r.Run("ip", "-o", "addr")) {
		line = number.ReplaceAllString(line, "")
		out = append(out, strings.Join(strings.Fields(strings.ReplaceAll(line, " proto 0x12", "")), " "))
	}
	return out
}

// TestDuplicateAddress lets the kernel find that another host has the address
// that adverts would come from: the instance is FAULT and says so, and takes its
// part when the address is its own.
func TestDuplicateAddress(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	r := l.RouterNumber("a", 7, w)
	w.IP("addr add fe80::7/64 dev br0 nodad")
	r.Run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1", "net.ipv6.conf.eth0.dad_transmits=1")
	r.IP("addr del fe80::7/64 dev eth0", "addr add fe80::7/64 dev eth0")
	lab.Until(t, soon, "the kernel finds the duplicate", func() bool { return strings.Contains(r.Run("ip", "addr", "show", "dev", "eth0"), "dadfailed") })
	i := instance{version: 3, family: 6, interval: 200 * time.Millisecond, priority: 100}
	d := begin(r, lab.Vigild, i.String())
	d.Wait("VI_1", lab.Fault, starting)
	if why := d.Ctl("why", "VI_1"); !strings.Contains(why, "address_duplicate") {
		t.Errorf("why says\n%s", why)
	}
	w.IP("addr del fe80::7/64 dev br0")
	r.IP("addr del fe80::7/64 dev eth0", "addr add fe80::7/64 dev eth0")
	d.Wait("VI_1", lab.Master, soon)
}
