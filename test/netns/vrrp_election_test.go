// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// fast is an instance of version 3 with a short interval.
var fast = instance{version: 3, interval: 100 * time.Millisecond}

// TestNoPreempt has a better router come back to a worse one, whose mastership
// it respects with nopreempt. TestTakeover is its twin without.
func TestNoPreempt(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, p pair) {
		i := fast
		i.extra = []string{"nopreempt"}
		d := newDuel(t, p, i)
		d.m.Kill()
		d.next(d.heard.Len(), "b takes over", d.lo.from(d.b))
		// A router whose sockets the kernel lets wait for longer than the
		// master-down interval does not hear b when it begins.
		again(t, "nopreempt is respected", func(int) (string, bool) {
			mark := d.next(d.heard.Len(), "b's beat", d.lo.from(d.b)).Index
			d.m = begin(d.a, p.master, d.hi.String())
			lab.Until(t, starting, "a has begun", func() bool { return len(d.m.Changes()) > 0 })
			// Five times the time in which it would have preempted.
			end := time.Now().Add(5 * d.hi.down())
			lab.Until(t, soon, "a while passes", func() bool { return time.Now().After(end) })
			spoke := d.heard.Adverts(func(a *lab.Advert) bool { return a.Src == d.hi.source(d.a) })
			state, respects := d.m.State("VI_1"), spoke[len(spoke)-1].Index < mark
			if !respects {
				d.m.Kill()
			}
			return fmt.Sprintf("a is %s, and was silent: %v", state, respects), respects && state == lab.Backup
		})
		// A dead master is replaced all the same.
		d.s.Kill()
		d.next(d.heard.Len(), "a takes over", d.hi.from(d.a))
	})
}

// TestPassword has a backup whose password is not the master's: it does not
// hear the master, so both are. Its twin has the same password and stays BACKUP.
func TestPassword(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, word string
		rejected   bool
	}{
		{"the same", "swordfis", false},
		{"longer than what is sent", "swordfish", false}, // eight bytes are (RFC 2338 section 5.3.6.2)
		{"another", "goldfish", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			eachPair(t, func(t *testing.T, p pair) { passwords(t, p, c.word, c.rejected) })
		})
	}
}

// passwords has the master say swordfis and the backup another word.
func passwords(t *testing.T, p pair, word string, rejected bool) {
	t.Helper()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	heard := w.Capture()
	i := instance{version: 2, interval: time.Second}
	hi, lo := i.with(200), i.with(100)
	hi.extra = []string{"authentication {", "auth_type PASS", "auth_pass swordfis", "}"}
	lo.extra = []string{"authentication {", "auth_type PASS", "auth_pass " + word, "}"}
	m := begin(a, p.master, hi.String())
	m.Wait("VI_1", lab.Master, starting)
	s := begin(b, p.backup, lo.String())
	s.Wait("VI_1", lab.Backup, starting)
	want := lab.Backup
	if rejected {
		want = lab.Master
		s.Wait("VI_1", lab.Master, soon)
	}
	if !rejected || p.master == lab.Vigild {
		// Longer than the time in which b would take over, and in spite of b's
		// own adverts. (keepalived 2.2.7 puts its next advert off at each advert
		// with a wrong password, and falls silent.)
		mark := heard.Len()
		for range 5 {
			mark = heard.Advert(mark, soon, "a's beat", hi.from(a)).Index + 1
		}
	}
	if got := s.State("VI_1"); got != want {
		t.Errorf("b is %q, want %q", got, want)
	}
	if got := m.State("VI_1"); got != lab.Master {
		t.Errorf("a is %q, want MASTER", got)
	}
	for _, d := range []*lab.Daemon{m, s} {
		if d.Kind != lab.Vigild {
			continue
		}
		if rejected {
			refuses(t, d, "auth_failure")
			continue
		}
		page, err := d.Metrics()
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := page.Sum("vigil_vrrp_receive_errors_total", `reason="auth_failure"`); !ok || n != 0 {
			t.Errorf("adverts that %s rejected for their password: %v (exported: %v)", d.Router.Host, n, ok)
		}
	}
}

// TestTrackScript has the master's priority fall below the backup's because a
// script fails, and rise again with it.
func TestTrackScript(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, p pair) {
		l := lab.New(t)
		w := l.Wire()
		a, b := l.Router("a", w), l.Router("b", w)
		heard := w.Capture()
		healthy := l.File("healthy", "", 0o644)
		script := fmt.Sprintf("vrrp_script healthy {\n    script \"/usr/bin/test -e %s\"\n    interval 1\n    weight -150\n    fall 2\n    rise 1\n}\n", healthy)
		hi := fast.with(200)
		hi.extra = []string{"track_script {", "healthy", "}"}
		lo, sick := fast.with(100), fast.with(50)
		m := begin(a, p.master, script+hi.String())
		m.Wait("VI_1", lab.Master, starting)
		s := begin(b, p.backup, lo.String())
		s.Wait("VI_1", lab.Backup, starting)
		heard.Advert(heard.Len(), soon, "a with its full priority", func(v *lab.Advert) bool { return v.Src == hi.source(a) && v.Priority == 200 })

		if err := os.Remove(healthy); err != nil {
			t.Fatal(err)
		}
		first := heard.Advert(heard.Len(), soon, "b takes over", lo.from(b))
		heard.Advert(0, soon, "a with the priority of its failed script", func(v *lab.Advert) bool { return v.Src == hi.source(a) && v.Priority == 50 })
		m.Wait("VI_1", lab.Backup, soon)
		s.Wait("VI_1", lab.Master, soon)
		owns(t, s, &lo)
		disowns(t, m, &sick)

		l.File("healthy", "", 0o644)
		heard.Advert(first.Index, soon, "a takes it back", func(v *lab.Advert) bool { return v.Src == hi.source(a) && v.Priority == 200 })
		m.Wait("VI_1", lab.Master, soon)
		s.Wait("VI_1", lab.Backup, soon)
		owns(t, m, &hi)
		disowns(t, s, &lo)
	})
}

// TestSyncGroup has two instances on two wires that only move together: the
// master of both loses one link.
func TestSyncGroup(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, p pair) {
		l := lab.New(t)
		in, out := l.Wire(), l.Wire()
		a, b := l.Router("a", in, out), l.Router("b", in, out)
		heard := out.Capture()
		conf := func(priority int) string {
			one, two := fast.with(priority), fast.with(priority)
			one.name, two.name = "IN", "OUT"
			two.dev, two.vrid = "eth1", 52
			group := "vrrp_sync_group G1 {\n    group {\n        IN\n        OUT\n    }\n}\n"
			return group + one.String() + strings.ReplaceAll(two.String(), "10.0.1.1/16", "10.1.1.1/16")
		}
		m := begin(a, p.master, conf(200))
		m.Wait("G1", lab.Master, starting)
		s := begin(b, p.backup, conf(100))
		s.Wait("OUT", lab.Backup, starting)
		s.Wait("IN", lab.Backup, soon)

		has := func(r *lab.Router, want bool) {
			t.Helper()
			for dev, ip := range map[string]string{"eth0": "10.0.1.1", "eth1": "10.1.1.1"} {
				lab.Until(t, soon, fmt.Sprintf("%s has %s: %v", r.Host, ip, want), func() bool {
					return r.Has(dev, netip.MustParseAddr(ip)) == want
				})
			}
		}
		has(a, true)
		mark := heard.Len()
		a.Cut(0)
		m.Wait("IN", lab.Fault, soon)
		m.Wait("OUT", lab.Fault, soon) // a sync group: the whole link is of no use
		m.Wait("G1", lab.Fault, soon)
		s.Wait("IN", lab.Master, soon)
		s.Wait("OUT", lab.Master, soon)
		s.Wait("G1", lab.Master, soon)
		has(b, true)
		has(a, false)
		// On the link that still works the master says good-bye.
		heard.Advert(mark, soon, "priority 0 on the wire that works", func(v *lab.Advert) bool { return v.Src == a.Addr4(1) && v.Priority == 0 })

		a.Mend(0)
		m.Wait("G1", lab.Master, soon)
		m.Wait("IN", lab.Master, soon)
		m.Wait("OUT", lab.Master, soon)
		s.Wait("IN", lab.Backup, soon)
		s.Wait("OUT", lab.Backup, soon)
		has(a, true)
		has(b, false)
	})
}

// TestThousandAddresses takes over 1,000 addresses: all of them are there and
// announced, and no advert waits for them. It runs alone: 5,000 frames in a few
// milliseconds keep the other labs' frames waiting in the kernel.
func TestThousandAddresses(t *testing.T) {
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	heard := w.Capture()
	i := fast
	i.addrs, i.extra = 1000, []string{"garp_master_delay 1"}
	hi, lo := i.with(200), i.with(100)
	m := begin(a, lab.Vigild, hi.String())
	m.Wait("VI_1", lab.Master, starting)
	owns(t, m, &hi)
	s := begin(b, lab.Vigild, lo.String())
	s.Wait("VI_1", lab.Backup, starting)
	again(t, "no advert waits for 1,000 addresses", func(attempt int) (string, bool) {
		if attempt > 1 {
			m = begin(a, lab.Vigild, hi.String())
			m.Wait("VI_1", lab.Master, starting)
			owns(t, m, &hi)
			s.Wait("VI_1", lab.Backup, soon)
			disowns(t, s, &lo)
		}
		(&duel{t: t, w: w, a: a, b: b, heard: heard, hi: hi, lo: lo, m: m, s: s}).attentive()
		m.Kill()
		return burdened(t, heard, b, &lo)
	})
}

// burdened follows a router that takes over the many addresses of an instance,
// and says whether all its adverts were in time.
func burdened(t *testing.T, heard *lab.Capture, b *lab.Router, lo *instance) (seen string, inTime bool) {
	t.Helper()
	first := heard.Advert(heard.Len(), soon, "b takes over", lo.from(b))
	want := map[netip.Addr]bool{}
	for n := range lo.addrs {
		want[lo.vip(n+1)] = true
	}
	lab.Until(t, soon, "all addresses are announced", func() bool {
		for _, f := range heard.Frames()[first.Index:] {
			delete(want, f.Announced())
		}
		return len(want) == 0
	})
	have := map[netip.Addr]bool{}
	for _, ip := range b.Addrs("eth0") {
		have[ip] = true
	}
	for n := range lo.addrs {
		if ip := lo.vip(n + 1); !have[ip] {
			t.Fatalf("b has not got %v, and %d of %d in all", ip, len(have), lo.addrs)
		}
	}
	// Until after the second burst, which is 1 s after the first.
	mark, longest := first.Index, time.Duration(0)
	for last := *first; last.At.Sub(first.At) < 2*time.Second; {
		f := heard.Advert(mark+1, soon, "b's beat", lo.from(b))
		longest = max(longest, f.At.Sub(last.At))
		last, mark = *f, f.Index
	}
	return fmt.Sprintf("at most %v between two adverts", longest), longest <= lo.interval+lo.interval/2
}
