// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// takeoverRound kills a master whose backup is the same program.
func takeoverRound(b *bench, _ plan, n int) {
	for _, addrs := range []int{1, 20} {
		late, announced := map[string]float64{}, map[string]float64{}
		for _, kind := range turns(n) {
			b.sub(func() {
				f := fail(b, kind, addrs)
				late[column(kind)], announced[column(kind)] = f.late.Seconds()*1e3, f.announced.Seconds()*1e3
			})
		}
		b.put("first advert after the protocol's bound, "+plural(addrs, "address"), "ms", nothing, false, late)
		b.put("first advert to last address announced, "+plural(addrs, "address"), "ms", nothing, false, announced)
	}
}

// thousandRound does the same with 1,000 addresses.
func thousandRound(b *bench, _ plan, n int) {
	announced, gap := map[string]float64{}, map[string]float64{}
	for _, kind := range turns(n) {
		b.sub(func() {
			f := fail(b, kind, 1000)
			announced[column(kind)] = f.announced.Seconds() * 1e3
			gap[column(kind)] = f.gap.Seconds() / f.interval.Seconds()
		})
	}
	b.put("first advert to last address announced", "ms", 1.0, false, announced)
	b.put("largest gap between adverts meanwhile", "x interval", nothing, true, gap)
}

// failover is what was seen of one.
type failover struct {
	late      time.Duration // first advert of the new master after the bound
	announced time.Duration // from that advert until the last address was announced
	gap       time.Duration // largest between the new master's adverts until 2 s later
	interval  time.Duration
}

// fail kills a master and watches the wire.
func fail(b *bench, kind lab.Kind, addrs int) failover {
	c := crowd{links: 1, each: 1, version: 3, interval: 100 * time.Millisecond, addrs: addrs}
	wires, l := network(b, 1)
	a, s := l.Router("a", wires...), l.Router("b", wires...)
	heard := wires[0].Capture()
	m := a.Start(kind, c.with(255).String(), lab.Terse())
	m.Wait("VI_0_1", lab.Master, starting)
	backup := s.Start(kind, c.with(100).String(), lab.Terse())
	backup.Wait("VI_0_1", lab.Backup, starting)
	// A backup that has heard nothing yet counts from its own start, and would
	// have taken over before the fifth.
	for range 5 {
		heard.Advert(heard.Len(), starting, "the master's beat", func(v *lab.Advert) bool { return v.Src == a.Addr4(0) })
	}
	m.Kill()
	of := func(r *lab.Router) func(*lab.Advert) bool {
		return func(v *lab.Advert) bool { return v.Src == r.Addr4(0) }
	}
	first := heard.Advert(0, starting, "the new master's first advert", of(s))
	dead := heard.Adverts(of(a))
	bound := 3*c.interval + 156*c.interval/256
	out := failover{late: first.At.Sub(dead[len(dead)-1].At) - bound, interval: c.interval}

	missing := map[netip.Addr]bool{}
	for n := range addrs {
		missing[address(0, 1, n)] = true
	}
	heard.Next(first.Index, time.Minute, "the announcement of all addresses", func(f *lab.Frame) bool {
		if missing[f.Announced()] {
			delete(missing, f.Announced())
			out.announced = f.At.Sub(first.At)
		}
		return len(missing) == 0
	})
	for n := range addrs {
		missing[address(0, 1, n)] = true
	}
	for _, ip := range s.Addrs("eth0") {
		delete(missing, ip)
	}
	if len(missing) > 0 {
		b.Fatalf("%v announced addresses it has not got: %d", kind, len(missing))
	}
	for last := first; last.At.Sub(first.At) < out.announced+500*time.Millisecond; {
		f := heard.Advert(last.Index+1, time.Minute, "the new master's beat", of(s))
		out.gap, last = max(out.gap, f.At.Sub(last.At)), f
	}
	return out
}
