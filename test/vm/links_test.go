// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vm_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

const (
	bootTime = time.Minute // of a daemon, on an emulated machine
	inTime   = 20 * time.Second
)

var kinds = []lab.Kind{lab.Keepalived, lab.Vigild}

// onIPVLAN is an instance on an ipvlan.
func onIPVLAN(priority int, words, vip string) string {
	return fmt.Sprintf(`vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.5
    priority %d
    use_ipvlan %s
    virtual_ipaddress {
        %s
    }
}
`, priority, words, vip)
}

// varying is what a line has from run to run, and how the kernel is kept from
// giving an interface of IPv4 an address of IPv6, which both programs do otherwise.
var varying = regexp.MustCompile(`^\d+: |alias vigild[^\\]*\\?|promiscuity \d+|allmulti \d+|link/ether \S+|qlen \d+|link-netns\S* \S+|addrgenmode \S+|num[tr]xqueues .*`)

// made is what ip says of the interfaces of a kind, and of all addresses. The
// link-local address that the kernel gives an ipvlan has a random part.
func made(r *lab.Router, kind string) (out []string) {
	for _, argv := range [][]string{{"ip", "-d", "-o", "link", "show", "type", kind}, {"ip", "-o", "addr"}} {
		for line := range strings.Lines(r.Run(argv...)) {
			line = strings.ReplaceAll(varying.ReplaceAllString(line, ""), "proto 0x12", "")
			out = append(out, own.ReplaceAllString(strings.Join(strings.Fields(line), " "), "${1}fe80::own"))
		}
	}
	return out
}

var own = regexp.MustCompile(`^((vrrp\.51|ip0) inet6 )fe80:\S+`)

// TestIPVLANTwins runs keepalived and vigild on an ipvlan: the same interface,
// the same addresses, adverts from its own address and from the MAC address
// below, a virtual address that answers, and nothing left behind. compat: the
// virtual addresses are on the interface below.
func TestIPVLANTwins(t *testing.T) {
	for name, c := range map[string]struct{ words, vip, from string }{
		"bridge":            {"10.0.0.77/16", "10.0.1.1/16", "10.0.0.77"},
		"named and private": {"ip0 10.0.0.77/16 private", "10.0.1.1/16", "10.0.0.77"},
		"vepa, all":         {"10.0.0.77/16 vepa\n    use_vmac_addr", "10.0.1.1/16", "10.0.0.77"},
		"IPv6":              {"", "fe80::51/64\n        2001:db8::1:1/64", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var lives [2][]string
			for k, kind := range kinds {
				l := lab.New(t)
				w := l.Wire()
				r := l.RouterNumber("twin", 7, w)
				r.Run("sysctl", "-qw", "net.ipv6.conf.default.addr_gen_mode=0")
				w.IP("addr add 10.0.0.99/16 dev br0", "addr add 2001:db8::99/64 dev br0 nodad")
				before := made(r, "ipvlan")
				heard := w.Capture()
				d := r.Start(kind, onIPVLAN(200, c.words, c.vip))
				d.Wait("VI_1", lab.Master, bootTime)
				ad := heard.Advert(0, inTime, "an advert", func(*lab.Advert) bool { return true })
				from := ad.Advert.Src.String()
				if c.from == "" && from != r.LinkLocal().String() {
					from = "" // one of its own
				}
				if from != c.from || ad.Src.String() != "02:00:00:00:00:07" {
					t.Errorf("%v sends from %s, %v", kind, ad.Advert.Src, ad.Src)
				}
				vip, _, _ := strings.Cut(c.vip[strings.LastIndexByte(c.vip, ' ')+1:], "/")
				lab.Until(t, inTime, "the address answers", func() bool {
					_, err := w.Try("ping", "-c", "1", "-W", "1", vip)
					return err == nil
				})
				lives[k] = made(r, "ipvlan")
				if status := d.Stop(); status != 0 {
					t.Errorf("%v ended with %d", kind, status)
				}
				if after := made(r, "ipvlan"); !slices.Equal(before, after) {
					t.Errorf("%v left behind\n%s\nbefore was\n%s", kind, strings.Join(after, "\n"), strings.Join(before, "\n"))
				}
			}
			if len(lives[0]) < 3 || !slices.Equal(lives[0], lives[1]) {
				t.Errorf("keepalived makes\n%s\nvigild\n%s", strings.Join(lives[0], "\n"), strings.Join(lives[1], "\n"))
			}
		})
	}
}

// TestIPVLANTakeover lets each program take over from the other, both on an ipvlan.
func TestIPVLANTakeover(t *testing.T) {
	for k, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			l := lab.New(t)
			w := l.Wire()
			a, b := l.Router("a", w), l.Router("b", w)
			w.IP("addr add 10.0.0.99/16 dev br0")
			master := a.Start(kinds[1-k], onIPVLAN(200, "10.0.0.77/16", "10.0.1.1/16"))
			master.Wait("VI_1", lab.Master, bootTime)
			backup := b.Start(kind, onIPVLAN(100, "10.0.0.78/16", "10.0.1.1/16"))
			backup.Wait("VI_1", lab.Backup, bootTime)
			master.Stop()
			backup.Wait("VI_1", lab.Master, inTime)
			lab.Until(t, inTime, "the address answers", func() bool {
				_, err := w.Try("ping", "-c", "1", "-W", "1", "10.0.1.1")
				return err == nil
			})
			master = a.Start(kinds[1-k], onIPVLAN(200, "10.0.0.77/16", "10.0.1.1/16"))
			master.Wait("VI_1", lab.Master, bootTime)
			backup.Wait("VI_1", lab.Backup, inTime)
			backup.Stop()
			master.Stop()
		})
	}
}

// TestVRFTwins runs keepalived and vigild with routes of a VRF: they are the
// same, and one that somebody else removes is missed.
func TestVRFTwins(t *testing.T) {
	conf := `vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.5
    priority 200
    virtual_ipaddress {
        10.0.1.1/16
    }
    virtual_routes {
        10.50.0.0/16 via 10.0.0.9 dev eth0 vrf blue
        10.51.0.0/16 dev eth0 vrf blue metric 5
        2001:db8:50::/48 via 2001:db8::9 dev eth0 vrf blue
        blackhole 10.52.0.0/16 vrf blue no_track
    }
}
`
	var tables [2]string
	for k, kind := range kinds {
		l := lab.New(t)
		w := l.Wire()
		r := l.RouterNumber("twin", 7, w)
		r.IP("link add blue type vrf table 1001", "link set blue up")
		d := r.Start(kind, conf)
		d.Wait("VI_1", lab.Master, bootTime)
		table := func() string {
			return r.Run("ip", "route", "show", "table", "1001") + r.Run("ip", "-6", "route", "show", "table", "1001", "proto", "keepalived")
		}
		whole := func() bool {
			return strings.Count(table(), "proto keepalived") >= 3 && strings.Contains(table(), "2001:db8:50::/48")
		}
		lab.Until(t, inTime, "the routes", whole)
		tables[k] = table()
		before := len(d.Changes())
		r.IP("route del 10.50.0.0/16 table 1001")
		lab.Until(t, inTime, "BACKUP and MASTER again", func() bool { return len(d.Changes()) == before+2 && whole() })
		if now := table(); now != tables[k] {
			t.Errorf("%v has then\n%s", kind, now)
		}
		if status := d.Stop(); status != 0 {
			t.Errorf("%v ended with %d", kind, status)
		}
		if left := r.Run("ip", "route", "show", "table", "1001"); left != "" {
			t.Errorf("%v left\n%s", kind, left)
		}
	}
	if tables[0] != tables[1] {
		t.Errorf("keepalived makes\n%s\nvigild\n%s", tables[0], tables[1])
	}
}
