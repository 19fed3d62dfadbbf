// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// takeovers are the cases in which two routers share a virtual MAC address.
var takeovers = map[string]vmacCase{
	"IPv4": {use: []string{"use_vmac"}, advert: vmac4, announce: vmac4},
	"IPv6": {family: 6, use: []string{"use_vmac"}, advert: vmac6, announce: vmac6},
}

// TestVMACTakeover lets two routers share a virtual MAC address: the backup
// hears the master although both have the same address, takes over when the
// master loses its power, and gives way when it comes back, which then finds
// the interface that it left behind. At the end both machines are clean.
func TestVMACTakeover(t *testing.T) {
	t.Parallel()
	for name, c := range takeovers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachPair(t, func(t *testing.T, p pair) {
				l := lab.New(t)
				w := l.Wire()
				a, b := l.Router("a", w), l.Router("b", w)
				w.IP("addr add 10.0.0.99/16 dev br0", "addr add 2001:db8::99/64 dev br0 nodad")
				linksA, addrsA, sysctlsA := machineState(a)
				linksB, addrsB, sysctlsB := machineState(b)
				heard := w.Capture()
				master := begin(a, p.master, c.conf(200))
				master.Wait("VI_1", lab.Master, starting)
				backup := begin(b, p.backup, c.conf(100))
				backup.Wait("VI_1", lab.Backup, starting)
				// Three times the master-down interval without a word from the backup.
				from := heard.Len()
				quiet := time.Now().Add(2200 * time.Millisecond)
				heard.Advert(from, soon, "adverts for a while", func(*lab.Advert) bool { return time.Now().After(quiet) })
				for _, f := range heard.Adverts(func(ad *lab.Advert) bool { return ad.Priority == 100 }) {
					t.Errorf("the backup spoke beside the master: %v", &f)
				}
				if _, err := w.Try("ping", "-c", "1", "-W", "1", c.vip().String()); err != nil {
					t.Errorf("the address does not answer: %v", err)
				}
				master.Kill()
				if p.master == lab.Vigild && !strings.Contains(a.Run("ip", "-o", "link", "show"), "vrrp.51@") {
					t.Error("the VMAC is gone with the program; then this test shows nothing")
				}
				// What a dead router leaves behind would still answer for the address.
				a.IP("link set dev eth0 down")
				backup.Wait("VI_1", lab.Master, soon)
				if _, err := w.Try("ping", "-c", "3", "-i", "0.2", "-W", "1", c.vip().String()); err != nil {
					t.Errorf("the address does not answer after the takeover: %v", err)
				}
				a.IP("link set dev eth0 up")
				// An interface that goes down loses its IPv6 addresses.
				a.IP("addr add "+a.Addr6(0).String()+"/64 dev eth0 nodad", "addr add "+a.LinkLocal().String()+"/64 dev eth0 nodad")
				master = begin(a, p.master, c.conf(200))
				master.Wait("VI_1", lab.Master, starting)
				backup.Wait("VI_1", lab.Backup, soon)
				if _, err := w.Try("ping", "-c", "3", "-i", "0.2", "-W", "1", c.vip().String()); err != nil {
					t.Errorf("the address does not answer after the return: %v", err)
				}
				master.Stop()
				backup.Wait("VI_1", lab.Master, soon)
				backup.Stop()
				if p.master == lab.Vigild {
					cleanMachine(t, p.master, a, linksA, addrsA, sysctlsA)
				}
				cleanMachine(t, p.backup, b, linksB, addrsB, sysctlsB)
				senders := map[string]bool{}
				for _, f := range heard.Adverts(func(*lab.Advert) bool { return true }) {
					senders[f.Src.String()] = true
				}
				if len(senders) != 1 || !senders[c.advert] {
					t.Errorf("adverts came from %v, want %s alone", senders, c.advert)
				}
			})
		})
	}
}

// TestVMACLife follows one vigild: its VMAC is brought back when somebody
// removes it, comes when the interface below does, moves with a reload, and
// what a killed predecessor left behind is removed if it is no longer wanted.
func TestVMACLife(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	r := l.Router("a", w)
	links, addrs, sysctls := machineState(r)
	r.IP("link set dev eth0 down", "link set dev eth0 name later")
	c := vmacCase{use: []string{"use_vmac"}, global: "dynamic_interfaces"}
	d := begin(r, lab.Vigild, c.conf(100))
	d.Wait("VI_1", lab.Fault, starting)
	r.IP("link set dev later name eth0", "link set dev eth0 up")
	d.Wait("VI_1", lab.Master, soon)
	has := func(dev string) bool {
		return strings.Contains(r.Run("ip", "-o", "link", "show"), " "+dev+"@eth0:")
	}
	owns := func(dev string) bool { return has(dev) && r.Has(dev, c.vip()) }
	lab.Until(t, soon, "the address on the VMAC", func() bool { return owns("vrrp.51") })

	before := len(d.Changes())
	r.IP("link del dev vrrp.51")
	// It may be back before anybody looks: what was told counts.
	lab.Until(t, soon, "FAULT is told, and MASTER after it", func() bool {
		told := d.Changes()[before:]
		fault := slices.IndexFunc(told, func(c lab.Change) bool { return c.State == lab.Fault })
		return fault >= 0 && slices.ContainsFunc(told[fault:], func(c lab.Change) bool { return c.State == lab.Master })
	})
	lab.Until(t, soon, "the VMAC again", func() bool { return owns("vrrp.51") })

	changes := len(d.Changes())
	moved := vmacCase{use: []string{"use_vmac other 02:11:22:33:44:55"}, global: "dynamic_interfaces"}
	off := vmacCase{global: "dynamic_interfaces"}
	d.Rewrite(moved.conf(100))
	lab.Until(t, soon, "the address on the other VMAC, and the first one gone", func() bool { return owns("other") && !has("vrrp.51") })
	d.Rewrite(off.conf(100))
	lab.Until(t, soon, "the address on the interface itself, and no VMAC", func() bool { return r.Has("eth0", c.vip()) && !has("other") })
	d.Rewrite(c.conf(100))
	lab.Until(t, soon, "the address on the VMAC as at first", func() bool { return owns("vrrp.51") && !r.Has("eth0", c.vip()) })
	if late := d.Changes()[changes:]; len(late) != 0 {
		t.Errorf("the reloads cost transitions: %v", late)
	}
	named := vmacCase{use: []string{"use_vmac other"}, global: "dynamic_interfaces"}
	d.Rewrite(named.conf(100)) // the same MAC address cannot be there twice
	lab.Until(t, soon, "the VMAC under another name", func() bool { return owns("other") && !has("vrrp.51") })

	d.Kill()
	if !owns("other") {
		t.Fatal("nothing is left behind, so there is nothing to test")
	}
	d = begin(r, lab.Vigild, off.conf(100))
	d.Wait("VI_1", lab.Master, starting)
	lab.Until(t, soon, "the left VMAC gone", func() bool { return !has("other") && r.Has("eth0", c.vip()) })
	if rules := r.Run("nft", "list", "ruleset"); strings.TrimSpace(rules) != "" {
		t.Errorf("rules of the predecessor are left:\n%s", rules)
	}
	_, _, now := machineState(r)
	if !slices.Equal(sysctls, now) {
		t.Errorf("settings of the predecessor are left:\n%s", strings.Join(besides(now, sysctls), "\n"))
	}
	d.Stop()
	r.IP("addr add "+r.Addr6(0).String()+"/64 dev eth0 nodad", "addr add "+r.LinkLocal().String()+"/64 dev eth0 nodad")
	cleanMachine(t, lab.Vigild, r, links, addrs, sysctls)
}

// TestExtraAnnouncements: garp_extra_if announces again and again what is on an
// interface that no advert leaves by, and nothing else.
func TestExtraAnnouncements(t *testing.T) {
	t.Parallel()
	for _, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			w := l.Wire()
			r := l.Router("a", w)
			heard := w.Capture()
			c := vmacCase{use: []string{"use_vmac", "use_vmac_addr", "garp_extra_if all 1", "virtual_ipaddress_excluded {", "2001:db8::1:99/64", "}"}}
			d := begin(r, kind, c.conf(100))
			d.Wait("VI_1", lab.Master, starting)
			first := heard.Advert(0, soon, "the first advert", func(*lab.Advert) bool { return true })
			end := first.At.Add(4500 * time.Millisecond)
			heard.Advert(first.Index, soon, "adverts for a while", func(*lab.Advert) bool { return time.Now().After(end) })
			rounds := map[string]int{}
			for _, f := range heard.Frames() {
				// The bursts of the transition and of garp_master_delay are over after 1.5 s.
				if a := f.Announced(); a.IsValid() && f.At.Sub(first.At) > 1500*time.Millisecond && f.At.Before(end) {
					rounds[a.String()+" "+f.Src.String()]++
				}
			}
			if n := rounds["2001:db8::1:99 "+vmac6]; n < 2 || n > 4 || len(rounds) != 1 {
				t.Errorf("%v announced %v in 3 s, want one address three times", kind, rounds)
			}
		})
	}
}
