// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// flavours are the versions and families with the interval each allows.
var flavours = map[string]instance{
	"version 2":           {version: 2, interval: time.Second},
	"version 3":           {version: 3, interval: 200 * time.Millisecond},
	"version 3 over IPv6": {version: 3, family: 6, interval: 200 * time.Millisecond, addrs: 2},
}

// TestTakeover kills the master as a power cut does, brings it back, and then
// stops it in order: each change of mastership comes when the protocol says. It
// is one of the first tests, before those that use the machine without end.
func TestTakeover(t *testing.T) {
	for name, i := range flavours {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachPair(t, func(t *testing.T, p pair) { takeover(t, newDuel(t, p, i), p) })
		})
	}
}

func takeover(t *testing.T, d *duel, p pair) {
	t.Helper()
	prompt(t, "takeover after SIGKILL", d.lo.down(), p.backup, func() time.Duration {
		d.comeBack(p)
		var first *lab.Frame
		lab.Quiet(func() {
			d.m.Kill()
			first = d.next(d.heard.Len(), "b takes over", d.lo.from(d.b))
		})
		owns(t, d.s, &d.lo)
		return first.At.Sub(d.lastOf(first, d.hi.from(d.a)).At)
	})
	prompt(t, "takeover after priority 0", d.lo.skew(), p.backup, func() time.Duration {
		d.comeBack(p)
		var zero, first *lab.Frame
		lab.Quiet(func() {
			mark := d.heard.Len()
			if status := d.m.Stop(); status != 0 {
				t.Errorf("%v ended with status %d", p.master, status)
			}
			zero = d.next(mark, "a resigns with priority 0", func(a *lab.Advert) bool { return a.Src == d.hi.source(d.a) && a.Priority == 0 })
			first = d.next(zero.Index, "b takes over", d.lo.from(d.b))
		})
		owns(t, d.s, &d.lo)
		disowns(t, d.m, &d.hi)
		if got := d.m.State("VI_1"); got != lab.Stop {
			t.Errorf("the last that %v told its FIFO is %q, want STOP", p.master, got)
		}
		return first.At.Sub(zero.At)
	})
}

// comeBack has a be master again, if it was killed or stopped. Addresses that a
// killed one left on the interface have to go first: it starts as BACKUP.
func (d *duel) comeBack(p pair) {
	d.t.Helper()
	if _, ended := d.m.Ended(); !ended {
		return
	}
	again(d.t, "mastership is given back without a pause", func(attempt int) (string, bool) {
		if attempt > 1 {
			mark := d.heard.Len()
			d.m.Stop()
			d.next(mark, "b takes over", d.lo.from(d.b))
		}
		d.m = begin(d.a, p.master, d.hi.String())
		back := d.next(d.heard.Len(), "a takes it back", d.hi.from(d.a))
		d.s.Wait("VI_1", lab.Backup, soon)
		d.m.Wait("VI_1", lab.Master, soon)
		owns(d.t, d.m, &d.hi)
		disowns(d.t, d.s, &d.lo)
		gap := back.At.Sub(d.lastOf(back, d.lo.from(d.b)).At)
		return fmt.Sprintf("no advert for %v", gap), gap <= d.lo.interval+100*time.Millisecond
	})
	d.next(d.heard.Len(), "a's beat", d.hi.from(d.a))
}

// owns waits until a router has the addresses of an instance.
func owns(t *testing.T, d *lab.Daemon, i *instance) {
	t.Helper()
	for n := range or(i.addrs, 1) {
		ip := i.vip(n + 1)
		lab.Until(t, soon, d.Router.Host+" has "+ip.String(), func() bool { return d.Router.Has(or(i.dev, "eth0"), ip) })
	}
}

// disowns waits until a router has none of the addresses of an instance.
func disowns(t *testing.T, d *lab.Daemon, i *instance) {
	t.Helper()
	for n := range or(i.addrs, 1) {
		ip := i.vip(n + 1)
		lab.Until(t, soon, d.Router.Host+" has not "+ip.String(), func() bool { return !d.Router.Has(or(i.dev, "eth0"), ip) })
	}
}
