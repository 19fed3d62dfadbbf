// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// A pair is who is master first and who is its backup. Each test of a protocol
// between two routers runs with all pairs that have at least one of ours.
type pair struct{ master, backup lab.Kind }

var pairs = []pair{
	{lab.Keepalived, lab.Vigild},
	{lab.Vigild, lab.Keepalived},
	{lab.Vigild, lab.Vigild},
}

func (p pair) String() string { return fmt.Sprintf("%v to %v", p.master, p.backup) }

// eachPair runs a test for each pair, all at the same time.
func eachPair(t *testing.T, f func(t *testing.T, p pair)) {
	t.Helper()
	for _, p := range pairs {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			f(t, p)
		})
	}
}

// Limits of the tests that wait: for a start (of both programs, on a busy
// machine) and for something the protocol does within a few intervals.
const (
	starting = 20 * time.Second
	soon     = 10 * time.Second
)

// late is how much later than the protocol's bound a router may take over. For
// our own it is the promise; keepalived is not under test here, but only shows
// that it counted on from our last advert.
func late(k lab.Kind) time.Duration {
	if k == lab.Vigild {
		return 5 * time.Millisecond
	}
	return 100 * time.Millisecond
}

// early is how much earlier a capture may see it: the receiver's clock starts
// when the packet arrives, and the wire's stamp is a little later.
const early = 500 * time.Microsecond

// instance is one vrrp_instance block.
type instance struct {
	name     string // VI_1 if empty
	dev      string // eth0 if empty
	version  int
	family   int // 4 if zero
	vrid     int // 51 if zero
	priority int
	interval time.Duration
	extra    []string // more lines
	// addrs is how many virtual addresses there are, 1 if zero.
	addrs int
}

func or[V comparable](v, other V) V {
	var zero V
	if v == zero {
		return other
	}
	return v
}

// vip is virtual address n (from 1).
func (i *instance) vip(n int) netip.Addr {
	if i.family == 6 {
		if n == 1 {
			return netip.MustParseAddr("fe80::51") // the first has to be link-local
		}
		return netip.MustParseAddr(fmt.Sprintf("2001:db8::51:%x", n))
	}
	return netip.AddrFrom4([4]byte{10, 0, byte(1 + n/250), byte(n % 250)})
}

// String is the block as text.
func (i instance) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "    "+format+"\n", args...) }
	fmt.Fprintf(&b, "vrrp_instance %s {\n", or(i.name, "VI_1"))
	line("state BACKUP")
	line("interface %s", or(i.dev, "eth0"))
	line("version %d", i.version)
	line("virtual_router_id %d", or(i.vrid, 51))
	line("priority %d", i.priority)
	line("advert_int %g", i.interval.Seconds())
	for _, l := range i.extra {
		line("%s", l)
	}
	length := 16
	if i.family == 6 {
		length = 64
		line("native_ipv6")
	}
	for n := range or(i.addrs, 1) {
		if n == 0 {
			line("virtual_ipaddress {")
		} else if n == 20 {
			line("}\n    virtual_ipaddress_excluded {")
		}
		line("    %s/%d dev %s", i.vip(n+1), length, or(i.dev, "eth0"))
	}
	line("}")
	b.WriteString("}\n")
	return b.String()
}

// with is the same instance with another priority.
func (i instance) with(priority int) instance {
	i.priority = priority
	return i
}

// skew and down are the timers of a backup (RFC 3768 section 6.1 for version 2,
// RFC 9568 section 6.1 for version 3).
func (i *instance) skew() time.Duration {
	if i.version == 2 {
		return time.Duration(256-i.priority) * time.Second / 256
	}
	return time.Duration(256-i.priority) * i.interval / 256
}

func (i *instance) down() time.Duration { return 3*i.interval + i.skew() }

// source is the address a router's adverts come from.
func (i *instance) source(r *lab.Router) netip.Addr {
	if i.family == 6 {
		return r.LinkLocal()
	}
	return r.Addr4(0)
}

// from says whether an advert is a router's.
func (i *instance) from(r *lab.Router) func(*lab.Advert) bool {
	src := i.source(r)
	return func(a *lab.Advert) bool { return a.Src == src && a.Priority > 0 }
}

// duel is a master and its backup on one wire.
type duel struct {
	t     *testing.T
	w     *lab.Wire
	a, b  *lab.Router
	heard *lab.Capture
	// hi is a's configuration and lo is b's.
	hi, lo instance
	// m runs on a and s on b.
	m, s *lab.Daemon
}

// begin starts a daemon. keepalived has a real-time priority, as vigild has
// without being asked: in these tests many labs share two processors, and a
// peer that is late is no peer.
func begin(r *lab.Router, kind lab.Kind, text string) *lab.Daemon {
	r.T().Helper()
	if kind == lab.Keepalived {
		return r.Start(kind, text, lab.RealTime(50))
	}
	return r.Start(kind, text)
}

// newDuel starts a master with priority 200 on a and a backup with 100 on b,
// and waits until they are.
func newDuel(t *testing.T, p pair, i instance) *duel {
	t.Helper()
	l := lab.New(t)
	d := &duel{t: t, w: l.Wire(), hi: i.with(200), lo: i.with(100)}
	d.a, d.b = l.Router("a", d.w), l.Router("b", d.w)
	d.heard = d.w.Capture()
	d.m = begin(d.a, p.master, d.hi.String())
	d.m.Wait("VI_1", lab.Master, starting)
	d.s = begin(d.b, p.backup, d.lo.String())
	d.s.Wait("VI_1", lab.Backup, starting)
	d.attentive()
	return d
}

// attentive waits until b hears a. A socket is opened beside the protocol and may
// wait for a kernel that others keep busy; until then, a's silence is what b
// sees, and after the master-down interval it rightly is master for a moment.
func (d *duel) attentive() {
	d.t.Helper()
	first := d.next(d.heard.Len(), "the master's beat", d.hi.from(d.a))
	if d.s.Kind == lab.Vigild {
		lab.Until(d.t, soon, "b hears a", func() bool {
			m, err := d.s.Metrics()
			n, ok := m.Sum("vigil_vrrp_adverts_received_total")
			return err == nil && ok && n > 0
		})
	} else {
		for n := first; n.At.Sub(first.At) < d.lo.down(); {
			n = d.next(n.Index+1, "the master's beat", d.hi.from(d.a))
		}
	}
	d.s.Wait("VI_1", lab.Backup, soon)
	d.next(d.heard.Len(), "the master's beat", d.hi.from(d.a))
}

// next waits for an advert, beginning with frame number from.
func (d *duel) next(from int, what string, wanted func(*lab.Advert) bool) *lab.Frame {
	d.t.Helper()
	return d.heard.Advert(from, soon, what, wanted)
}

// lastOf is the last advert before frame f that is wanted.
func (d *duel) lastOf(f *lab.Frame, wanted func(*lab.Advert) bool) *lab.Frame {
	d.t.Helper()
	return lastBefore(d.t, d.heard, f, wanted)
}

// lastBefore is the last advert before frame f that is wanted.
func lastBefore(t *testing.T, heard *lab.Capture, f *lab.Frame, wanted func(*lab.Advert) bool) *lab.Frame {
	t.Helper()
	all := heard.Frames()
	for i := f.Index - 1; i >= 0; i-- {
		if all[i].Advert != nil && wanted(all[i].Advert) {
			return &all[i]
		}
	}
	t.Fatalf("no such advert before %v", f)
	return nil
}

// prompt checks that a time that is measured is the protocol's: never before
// its bound, and not more than a little later. A machine that others use, too,
// may hold any process up once; so lateness has to be seen three times.
func prompt(t *testing.T, what string, bound time.Duration, by lab.Kind, measure func() time.Duration) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		got := measure()
		t.Logf("%s by %v: %v, which is %v after the bound", what, by, got, got-bound)
		if got < bound-early {
			t.Errorf("%s by %v after %v: that is %v before the protocol allows it (%v)", what, by, got, bound-got, bound)
		}
		if got <= bound+late(by) {
			return
		}
		if attempt == 3 {
			t.Errorf("%s by %v after %v: that is %v later than the protocol's bound (%v)", what, by, got, got-bound, bound)
			return
		}
	}
}

// again checks something that a machine that others use may spoil now and then:
// it has to hold once in three attempts, and what was seen is logged each time.
func again(t *testing.T, what string, try func(attempt int) (seen string, held bool)) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		seen, held := try(attempt)
		t.Logf("%s, attempt %d: %v: %s", what, attempt, held, seen)
		switch {
		case held:
			return
		case attempt == 3:
			t.Errorf("%s: not in three attempts", what)
			return
		}
	}
}
