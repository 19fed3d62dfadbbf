// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"encoding/hex"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// body is a message as a dump has it.
func body(attributes []byte) message {
	return message{kind: testFamily, body: generic(1, attributes)}
}

// TestBytes holds a message to linux/ip_vs.h, byte by byte, on a little-endian
// machine.
func TestBytes(t *testing.T) {
	o := Op{
		Verb:        AddDestination,
		Service:     web,
		Destination: Destination{Addr: netip.MustParseAddr("192.0.2.1"), Port: 8080, Method: Direct, Weight: 7, Upper: 9, Lower: 3},
	}
	want := "8c00000020000100" + "0700000000000000" + "05010000" + // length, family, request; sequence; command
		"30000180" + "0600010002000000" + "0600020006000000" + "140003000a000001000000000000000000000000" + "0600040000500000" +
		"48000280" + "06000b0002000000" + "14000100c0000201000000000000000000000000" + "060002001f900000" +
		"0800030003000000" + "0800040007000000" + "0800050009000000" + "0800060003000000"
	got := hex.EncodeToString(appendOp(nil, testFamily, 0, 7, &o))
	if got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}

// TestServices reads back every service that can be said.
func TestServices(t *testing.T) {
	v6 := AddrKey(UDP, netip.MustParseAddrPort("[2001:db8::1]:53"))
	for _, s := range []Service{
		web,
		{Key: v6, Scheduler: "wrr", Flags: OnePacket},
		{Key: v6, Scheduler: "wrr", Timeout: 50 * time.Second, Netmask: 64, Engine: "sip"},
		{Key: web.Key, Scheduler: "mh", Flags: MHFallback | MHPort, Timeout: time.Second, Netmask: 0xffff0000},
		{Key: MarkKey(5, IPv4), Scheduler: "a-new-scheduler"},
		{Key: MarkKey(1<<31, IPv6), Scheduler: "sh", Timeout: time.Hour},
	} {
		e, wide, err := parseService(body(appendService(nil, &s, true)))
		if err != nil || wide || e.Service != s {
			t.Errorf("%+v was read as %+v, %v", s, e.Service, err)
		}
	}
	// One form for what means the same.
	for s, want := range map[Service]Service{
		{Key: web.Key, Netmask: 0xff000000}:                                    {Key: web.Key},
		{Key: web.Key, Timeout: time.Second, Netmask: 0xffffffff}:              {Key: web.Key, Timeout: time.Second},
		{Key: v6, Timeout: time.Millisecond, Netmask: 128}:                     {Key: v6, Timeout: time.Second},
		{Key: web.Key, Flags: 1<<31 | SchedFlag3 | persistent | 2, Engine: ""}: {Key: web.Key, Flags: SchedFlag3},
	} {
		if e, _, err := parseService(body(appendService(nil, &s, true))); err != nil || e.Service != want {
			t.Errorf("%+v was read as %+v, %v; want %+v", s, e.Service, err, want)
		}
	}
}

func TestDestinations(t *testing.T) {
	for _, d := range []Destination{
		real(1),
		{Addr: netip.MustParseAddr("2001:db8::1"), Port: 65535, Method: Direct, Weight: 1<<31 - 1, Upper: 1 << 31, Lower: 1},
		{Addr: netip.MustParseAddr("192.0.2.1"), Method: Tunnel},
		{Addr: netip.MustParseAddr("192.0.2.1"), Method: Tunnel, TunnelType: GUE, TunnelPort: 6080, TunnelFlags: RemoteChecksum},
		{Addr: netip.MustParseAddr("192.0.2.1"), Method: Tunnel, TunnelType: GRE, TunnelFlags: Checksum},
	} {
		s, err := parseDestination(body(appendDestination(nil, &d, true)), IPv4)
		if err != nil || s.Destination != d {
			t.Errorf("%+v was read as %+v, %v", d, s.Destination, err)
		}
	}
	// An old kernel does not say the family: it is that of the service.
	var b []byte
	b = appendAddr(openNest(b, attrDest), destAddr, netip.MustParseAddr("2001:db8::1"))
	b = appendU32(appendU32(appendU32(b, destActive, 3), destInactive, 4), destPersistent, 5)
	s, err := parseDestination(body(closeNest(b, 0)), IPv6)
	if err != nil || s.Addr != netip.MustParseAddr("2001:db8::1") || s.Active != 3 || s.Inactive != 4 || s.Persistent != 5 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestCounters: the 64-bit ones count, wherever they stand.
func TestCounters(t *testing.T) {
	all := func(kind uint16, width int, v uint64) []byte {
		b := openNest(nil, kind)
		for i := uint16(statsConns); i <= statsOutBPS; i++ {
			if width == 4 {
				b = appendU32(b, i, uint32(v)+uint32(i))
			} else {
				b = host.AppendUint64(attrHeader(b, i, 8), v+uint64(i))
			}
		}
		return closeNest(b, 0)
	}
	want := func(v uint64) Stats {
		return Stats{v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8, v + 9, v + 10}
	}
	service := func(parts ...[]byte) message {
		b := appendU16(openNest(nil, attrService), svcFamily, uint16(IPv4))
		b = appendU32(b, svcMark, 1)
		for _, p := range parts {
			b = append(b, p...)
		}
		return body(closeNest(b, 0))
	}
	narrow, broad := all(svcStats, 4, 100), all(svcStats64, 8, 1<<40)
	for _, tc := range []struct {
		m    message
		want Stats
		wide bool
	}{
		{service(narrow), want(100), false},
		{service(narrow, broad), want(1 << 40), true},
		{service(broad, narrow), want(1 << 40), true},
	} {
		if e, wide, err := parseService(tc.m); err != nil || e.Stats != tc.want || wide != tc.wide {
			t.Errorf("%+v, %v, %v; want %+v", e.Stats, wide, err, tc.want)
		}
	}
}

// FuzzDecode gives every reader anything at all: each ends, none takes a value
// from outside the message, and a service or destination that is read can be
// said again and read the same.
func FuzzDecode(f *testing.F) {
	service := Service{Key: AddrKey(UDP, netip.MustParseAddrPort("[2001:db8::1]:53")), Scheduler: "wrr", Timeout: 50 * time.Second, Netmask: 64, Engine: "sip"}
	daemon := SyncDaemon{SyncMaster, "eth0", 51, 1400, netip.MustParseAddr("ff02::99"), 8849, 3}
	d := Destination{Addr: netip.MustParseAddr("192.0.2.1"), Method: Tunnel, TunnelType: GUE, TunnelPort: 6080}
	for _, seed := range [][]byte{
		nil,
		{4, 0, 1, 0},
		{3, 0, 1, 0},
		{0xff, 0xff, 1, 0},
		appendService(nil, &web, true), appendService(nil, &service, true), appendService(nil, &web, false)[:20],
		appendDestination(nil, &d, true), appendDestination(nil, &d, true)[:9], appendDaemon(nil, &daemon, true),
		appendU32(nil, attrTimeoutTCP, 900),
	} {
		f.Add(generic(1, seed))
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := message{kind: testFamily, body: b}
		if e, _, err := parseService(m); err == nil {
			o := Op{Verb: AddService, Service: e.Service}
			if again, _, err := parseService(body(appendService(nil, &e.Service, true))); o.Check() == nil && (err != nil || again.Service != e.Service) {
				t.Errorf("%+v was said again as %+v, %v", e.Service, again.Service, err)
			}
		}
		if s, err := parseDestination(m, IPv4); err == nil {
			if again, err := parseDestination(body(appendDestination(nil, &s.Destination, true)), IPv4); err != nil || again.Destination != s.Destination {
				t.Errorf("%+v was said again as %+v, %v", s.Destination, again.Destination, err)
			}
		}
		if d, err := parseDaemon(m); err == nil && len(d.Interface) <= nameMost {
			if again, err := parseDaemon(body(appendDaemon(nil, &d, true))); err != nil || !reflect.DeepEqual(again, d) {
				t.Errorf("%+v was said again as %+v, %v", d, again, err)
			}
		}
		_, _ = parseTimeouts(m)
		_, _ = parseInfo(m)
		_, _ = parseFamily(m)
		_ = verdict(m)
		for rest, n := b, 0; len(rest) > 0; n++ {
			var err error
			if _, rest, err = next(rest); err != nil {
				return
			}
			if n > len(b) {
				t.Fatal("the messages of a datagram have no end")
			}
		}
	})
}

// FuzzConn gives a connection datagrams that no kernel sends: it comes back, and
// says an error or an empty table.
func FuzzConn(f *testing.F) {
	c, s := connected(func([]byte) [][]byte { return nil })
	_ = c.Apply(many(2))
	f.Add(refuse(s.sent[0], 1, 0))
	f.Add(answer(s.sent[0], 0, 3, 0, make([]byte, 4)))
	f.Add([]byte{16, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, call := range []func(c *Conn){
			func(c *Conn) { c.Apply(many(2)) },
			func(c *Conn) { _, _ = c.Table() },
			func(c *Conn) { _, _ = c.SyncDaemons() },
			func(c *Conn) { _, _ = c.Timeouts() },
		} {
			c, _ := connected(func([]byte) [][]byte { return [][]byte{b} })
			call(c)
		}
	})
}

// TestEncodeAllocates nothing once there is room.
func TestEncodeAllocates(t *testing.T) {
	ops := many(100)
	room := make([]byte, 0, 64<<10)
	n := testing.AllocsPerRun(100, func() {
		b := room
		for i := range ops {
			b = appendOp(b, testFamily, 0, uint32(i), &ops[i])
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for %d changes", n, len(ops))
	}
}

func BenchmarkAppendOp(b *testing.B) {
	ops := many(2)
	room := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		_ = appendOp(room, testFamily, 0, 1, &ops[1])
	}
}

func BenchmarkParseDestination(b *testing.B) {
	d := real(1)
	m := body(appendDestination(nil, &d, true))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseDestination(m, IPv4); err != nil {
			b.Fatal(err)
		}
	}
}
