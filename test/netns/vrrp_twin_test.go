// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// twins are configurations under which both programs must say the same on the
// wire, from the first advert to the resignation.
var twins = map[string]instance{
	"version 2": {version: 2, interval: time.Second, priority: 100, addrs: 3, extra: []string{"garp_master_delay 1"}},
	"version 2 with a password": {version: 2, interval: time.Second, priority: 77, extra: []string{
		"garp_master_delay 1", "authentication {", "auth_type PASS", "auth_pass secret77", "}",
	}},
	"version 2 with a short password": {version: 2, interval: time.Second, priority: 77, extra: []string{
		"garp_master_delay 1", "authentication {", "auth_type PASS", "auth_pass abc", "}",
	}},
	"version 2 as owner":  {version: 2, interval: time.Second, priority: 255, extra: []string{"garp_master_delay 1"}},
	"version 2, 2 s":      {version: 2, interval: 2 * time.Second, priority: 254, extra: []string{"garp_master_delay 1"}},
	"version 2, unicast":  {version: 2, interval: time.Second, priority: 100, extra: []string{"garp_master_delay 1", "unicast_peer {", "10.0.0.99", "}"}},
	"version 3":           {version: 3, interval: 100 * time.Millisecond, priority: 100, addrs: 3, extra: []string{"garp_master_delay 1"}},
	"version 3, 50 ms":    {version: 3, interval: 50 * time.Millisecond, priority: 1, extra: []string{"garp_master_delay 1"}},
	"version 3, unicast":  {version: 3, interval: 100 * time.Millisecond, priority: 100, extra: []string{"garp_master_delay 1", "unicast_peer {", "10.0.0.99", "10.0.0.98", "}"}},
	"version 3 over IPv6": {version: 3, family: 6, interval: 100 * time.Millisecond, priority: 100, addrs: 3, extra: []string{"garp_master_delay 1"}},
	"version 3 over IPv6, unicast": {version: 3, family: 6, interval: 100 * time.Millisecond, priority: 100, addrs: 2, extra: []string{
		"garp_master_delay 1", "unicast_src_ip 2001:db8::7", "unicast_peer {", "2001:db8::99", "}",
	}},
	"excluded addresses": {version: 3, interval: 100 * time.Millisecond, priority: 100, addrs: 25, extra: []string{"garp_master_delay 1"}},
	"three announcements": {version: 3, interval: 100 * time.Millisecond, priority: 100, addrs: 2, extra: []string{
		"garp_master_delay 1", "garp_master_repeat 3",
	}},
	"no announcement later": {version: 3, interval: 100 * time.Millisecond, priority: 100, addrs: 2, extra: []string{
		"garp_master_delay 0", "garp_master_repeat 2",
	}},
	"address lines": {version: 3, interval: 100 * time.Millisecond, priority: 100, extra: []string{
		"garp_master_delay 1", "virtual_ipaddress {", "10.0.2.1", "10.0.2.2/24 brd + dev eth0 label eth0:two", "10.0.2.3/16 scope link dev eth0",
		"10.0.2.4/32 broadcast 10.0.2.255 scope host dev eth0", "10.0.2.5/24 dev eth0 home", "}",
		"virtual_ipaddress_excluded {", "10.0.2.6/24 dev eth0 label eth0:six", "2001:db8::2:6/64 dev eth0", "2001:db8::2:7 dev eth0 preferred_lft 0", "}",
	}},
	"announcements refreshed": {version: 3, interval: 100 * time.Millisecond, priority: 100, addrs: 2, extra: []string{
		"garp_master_delay 1", "garp_master_refresh 1", "garp_master_refresh_repeat 2",
	}},
}

// career is what one program said on the wire while it was master once.
type career struct {
	adverts, zeros []lab.Frame
	// bursts are the announcements, grouped by the time that passes between.
	bursts []burst
	// addrs is what ip addr said of the router while it was master, sorted.
	addrs []string
}

// burst is announcements that follow one another closely.
type burst struct {
	after  time.Duration // since the first advert
	frames []lab.Frame
}

// TestTwins runs keepalived and vigild with the same file on two equal wires
// and compares all they say, byte for byte. Only the identification of an IPv4
// header (and so its checksum) and the flow label of an IPv6 header may differ:
// RFC 6864 and RFC 6437 leave them to the sender.
func TestTwins(t *testing.T) {
	t.Parallel()
	for name, i := range twins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// When something is said belongs to it, too, so it may take another look.
			again(t, "both say the same", func(int) (seen string, same bool) {
				var lives [2]career
				t.Run("run", func(t *testing.T) {
					for k, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
						t.Run(kind.String(), func(t *testing.T) {
							t.Parallel()
							lives[k] = live(t, kind, i)
						})
					}
				})
				if t.Failed() {
					t.FailNow()
				}
				seen = strings.Join(compare(lives[0], lives[1]), "\n")
				return seen, seen == ""
			})
		})
	}
}

// live runs one program alone on a wire until it has announced everything twice,
// and stops it.
func live(t *testing.T, kind lab.Kind, i instance) (out career) {
	t.Helper()
	l := lab.New(t)
	w := l.Wire()
	r := l.RouterNumber("twin", 7, w)
	for _, peer := range []byte{98, 99} { // the peers that unicast adverts go to
		w.IP(fmt.Sprintf("addr add 10.0.0.%d/16 dev br0", peer), fmt.Sprintf("addr add 2001:db8::%d/64 dev br0 nodad", peer))
	}
	heard := w.Capture()
	d := begin(r, kind, i.String())
	first := heard.Advert(0, starting, "the first advert", func(*lab.Advert) bool { return true })
	d.Wait("VI_1", lab.Master, soon)
	// The burst of the delay, the one of a refresh, and some adverts.
	want := first.At.Add(2500 * time.Millisecond)
	last := heard.Advert(first.Index, soon, "adverts for a while", func(*lab.Advert) bool { return time.Now().After(want) })
	for n := range or(i.addrs, 1) {
		if ip := i.vip(n + 1); !r.Has("eth0", ip) {
			t.Errorf("%v has not got %v", kind, ip)
		}
	}
	out.addrs = strings.Split(strings.TrimSpace(r.Run("ip", "-o", "addr", "show", "dev", "eth0")), "\n")
	slices.Sort(out.addrs)
	if status := d.Stop(); status != 0 {
		t.Errorf("%v ended with %d", kind, status)
	}
	heard.Advert(last.Index, soon, "the resignation", func(a *lab.Advert) bool { return a.Priority == 0 })
	var before time.Time
	for _, f := range heard.Frames() {
		switch {
		case f.Advert != nil && f.Advert.Priority == 0:
			out.zeros = append(out.zeros, f)
		case f.Advert != nil:
			out.adverts = append(out.adverts, f)
		case f.Announced().IsValid() && f.At.Before(last.At) && bytes.Equal(f.Src[:5], []byte{2, 0, 0, 0, 0}):
			if len(out.bursts) == 0 || f.At.Sub(before) > 300*time.Millisecond {
				out.bursts = append(out.bursts, burst{after: f.At.Sub(first.At)})
			}
			b := &out.bursts[len(out.bursts)-1]
			b.frames = append(b.frames, f)
			before = f.At
		}
	}
	if n := heard.Drops(); n != 0 {
		t.Errorf("the capture dropped %d frames", n)
	}
	return out
}

// compare says how two careers differ.
func compare(theirs, ours career) (out []string) {
	differ := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if got, want := kinds(ours.adverts), kinds(theirs.adverts); !slices.Equal(got, want) {
		differ("adverts of vigild:\n%s\nof keepalived:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// How many resignations: the same, since a lost one costs the peer seconds.
	if got, want := texts(ours.zeros), texts(theirs.zeros); !slices.Equal(got, want) {
		differ("resignations of vigild:\n%s\nof keepalived:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, f := range append(slices.Clone(ours.adverts), ours.zeros...) {
		if a := f.Advert; a.Surplus != 0 || a.Version == 2 && !a.ChecksumOK {
			differ("a bad advert: %+v", *a)
		}
	}
	if !slices.Equal(ours.addrs, theirs.addrs) {
		differ("addresses of vigild:\n%s\nof keepalived:\n%s", strings.Join(ours.addrs, "\n"), strings.Join(theirs.addrs, "\n"))
	}
	if len(ours.bursts) != len(theirs.bursts) {
		differ("vigild announced %d times: %v, keepalived %d times: %v", len(ours.bursts), shape(ours), len(theirs.bursts), shape(theirs))
		return out
	}
	for n := range ours.bursts {
		got, want := ours.bursts[n], theirs.bursts[n]
		// keepalived is late on a busy machine; that is no reason to be.
		if got.after > want.after+100*time.Millisecond || got.after < want.after-time.Second {
			differ("burst %d of vigild came %v after its first advert, that of keepalived %v", n+1, got.after, want.after)
		}
		if g, w := texts(got.frames), texts(want.frames); !slices.Equal(g, w) {
			differ("burst %d of vigild:\n%s\nof keepalived:\n%s", n+1, strings.Join(g, "\n"), strings.Join(w, "\n"))
		}
	}
	return out
}

// shape is when the bursts came and how long they are.
func shape(c career) (out []string) {
	for _, b := range c.bursts {
		out = append(out, fmt.Sprintf("%d at %v", len(b.frames), b.after.Round(time.Millisecond)))
	}
	return out
}

// texts is the bytes of the frames, without what differs from packet to packet.
func texts(frames []lab.Frame) (out []string) {
	for _, f := range frames {
		b := slices.Clone(f.Data)
		switch {
		case f.Advert != nil && f.Advert.Src.Is4():
			clear(b[14+4 : 14+6])   // identification
			clear(b[14+10 : 14+12]) // checksum of the IP header
		case f.Advert != nil:
			b[14+1] &= 0xf0 // flow label
			clear(b[14+2 : 14+4])
		}
		out = append(out, hex.EncodeToString(b))
	}
	return out
}

// kinds is the different texts of the frames, sorted.
func kinds(frames []lab.Frame) []string {
	out := texts(frames)
	slices.Sort(out)
	return slices.Compact(out)
}
