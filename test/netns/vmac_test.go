// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// A vmacCase is a configuration under which both programs must make the same
// interfaces, and say the same from the same MAC addresses.
type vmacCase struct {
	family uint8
	global string
	// use is put into the instance besides its addresses; more are further blocks.
	use, more []string
	// before is what to do on the router before the start.
	before func(r *lab.Router)
	// mac is where adverts and announcements of VIP 1 must come from.
	advert, announce string
	// closed says that nothing answers at VIP 1 but neighbour discovery.
	closed bool
}

const (
	vmac4 = "00:00:5e:00:01:33"
	vmac6 = "00:00:5e:00:02:33"
	plain = "02:00:00:00:00:07"
)

var vmacCases = map[string]vmacCase{
	"off":        {advert: plain, announce: plain},
	"IPv4":       {use: []string{"use_vmac"}, advert: vmac4, announce: vmac4},
	"IPv6":       {family: 6, use: []string{"use_vmac"}, advert: vmac6, announce: vmac6},
	"IPv4 below": {use: []string{"use_vmac", "vmac_xmit_base"}, advert: plain, announce: vmac4},
	"IPv6 below": {family: 6, use: []string{"use_vmac", "vmac_xmit_base"}, advert: plain, announce: vmac6},
	"unicast":    {use: []string{"use_vmac", "unicast_peer {", "10.0.0.99", "}"}, advert: plain, announce: vmac4},
	"named":      {use: []string{"use_vmac vm0 02:11:22:33:44"}, advert: "02:11:22:33:44:33", announce: "02:11:22:33:44:33"},
	"prefix": {
		global: "vmac_prefix vm", family: 6, use: []string{"use_vmac"}, advert: vmac6, announce: vmac6,
		before: func(r *lab.Router) {
			r.IP("link add vm.51 address 02:0a:00:00:00:01 type veth peer name other address 02:0a:00:00:00:02")
		},
	},
	"addresses elsewhere": {use: []string{
		"use_vmac", "use_vmac_addr", "virtual_ipaddress_excluded {", "10.1.1.1/16 dev eth1", "2001:db8::1:99/64", "}",
	}, advert: vmac4, announce: vmac4},
	"another family below": {use: []string{
		"use_vmac", "virtual_ipaddress_excluded {", "10.1.1.1/16 dev eth1", "2001:db8::1:99/64", "10.0.1.9/16 dev eth0", "}",
	}, advert: vmac4, announce: vmac4},
	"no_accept":      {use: []string{"use_vmac", "no_accept"}, advert: vmac4, announce: vmac4, closed: true},
	"no_accept IPv6": {family: 6, use: []string{"use_vmac", "no_accept"}, advert: vmac6, announce: vmac6, closed: true},
	"strict":         {global: "vrrp_strict", advert: plain, announce: plain, closed: true},
	"strict, accept": {global: "vrrp_strict", use: []string{"accept"}, advert: plain, announce: plain},
	"no_accept off":  {use: []string{"no_accept"}, advert: plain, announce: plain, closed: true},
	"reverse path filter": {use: []string{"use_vmac"}, advert: vmac4, announce: vmac4, before: func(r *lab.Router) {
		r.Run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.default.rp_filter=1", "net.ipv4.conf.eth0.rp_filter=1", "net.ipv4.conf.eth1.rp_filter=2")
	}},
}

// conf is the configuration of a case.
func (c *vmacCase) conf(priority int) string {
	vips := "10.0.1.1/16"
	if c.family == 6 {
		vips = "fe80::1:1\n        2001:db8::1:1/64"
	}
	global := ""
	if c.global != "" {
		global = "global_defs {\n    " + c.global + "\n}\n"
	}
	return fmt.Sprintf(`%svrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.2
    garp_master_delay 1
    priority %d
    %s
    virtual_ipaddress {
        %s
    }
}
%s`, global, priority, strings.Join(c.use, "\n    "), vips, strings.Join(c.more, "\n"))
}

// vip is the first address of a case.
func (c *vmacCase) vip() netip.Addr {
	if c.family == 6 {
		return netip.MustParseAddr("2001:db8::1:1")
	}
	return netip.MustParseAddr("10.0.1.1")
}

// machineState is what ip and sysctl say of a router, without what differs from run to run.
func machineState(r *lab.Router) (links, addrs, sysctls []string) {
	for x := range strings.SplitSeq(strings.TrimSpace(r.Run("ip", "-d", "-o", "link", "show")), "\n") {
		if number.MatchString(x) { // else ip says that it cannot name the other namespace
			links = append(links, normal(x))
		}
	}
	for x := range strings.SplitSeq(strings.TrimSpace(r.Run("ip", "-o", "addr", "show")), "\n") {
		addrs = append(addrs, strings.ReplaceAll(number.ReplaceAllString(x, ""), " proto 0x12", ""))
	}
	out, _ := r.Try("sh", "-c", `cd /proc/sys/net; grep -H . ipv4/conf/*/arp_ignore ipv4/conf/*/arp_filter ipv4/conf/*/rp_filter \
		ipv4/conf/*/accept_local ipv4/conf/*/promote_secondaries ipv6/conf/*/disable_ipv6 ipv6/conf/*/addr_gen_mode`)
	sysctls = strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(addrs)
	slices.Sort(links)
	return links, addrs, sysctls
}

var (
	number  = regexp.MustCompile(`^\d+: `)
	details = regexp.MustCompile(`(promiscuity \d+|allmulti \d+|numtxqueues .*|bcqueuelen \d+|usedbcqueuelen \d+|alias vigild[^\\]*\\?|link-netns \S+|qlen \d+|link-netnsid \d+)`)
)

func normal(s string) string {
	return strings.Join(strings.Fields(details.ReplaceAllString(number.ReplaceAllString(s, ""), "")), " ")
}

// vmacLife is what one program did with a case.
type vmacLife struct {
	links, addrs, sysctls []string
	// adverts and announced are the MAC addresses that they came from.
	adverts, announced []string
}

// TestVMACTwins runs keepalived and vigild with the same file and compares the
// interfaces, addresses and settings of the machine, and who speaks on the wire.
func TestVMACTwins(t *testing.T) {
	t.Parallel()
	for name, c := range vmacCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lives [2]vmacLife
			t.Run("run", func(t *testing.T) {
				for k, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
					t.Run(kind.String(), func(t *testing.T) {
						t.Parallel()
						lives[k] = liveVMAC(t, kind, &c)
					})
				}
			})
			if t.Failed() {
				return
			}
			same := func(ours []string) []string {
				// Different on purpose: an IPv6 VMAC of keepalived answers ARP requests
				// for IPv4 addresses, with the wrong MAC address.
				for i, x := range ours {
					if name, ok := strings.CutSuffix(x, "/arp_ignore:1"); ok && slices.Contains(lives[0].sysctls, name+"/arp_ignore:0") && c.silent(name) {
						ours[i] = name + "/arp_ignore:0"
					}
				}
				return ours
			}
			for _, x := range []struct {
				what         string
				theirs, ours []string
			}{
				{"interfaces", lives[0].links, lives[1].links},
				{"addresses", lives[0].addrs, lives[1].addrs},
				{"settings", lives[0].sysctls, same(lives[1].sysctls)},
				{"senders of announcements", lives[0].announced, lives[1].announced},
			} {
				if !slices.Equal(x.theirs, x.ours) {
					t.Errorf("%s of vigild that keepalived has not:\n  %s\nand the other way:\n  %s", x.what,
						strings.Join(besides(x.ours, x.theirs), "\n  "), strings.Join(besides(x.theirs, x.ours), "\n  "))
				}
			}
		})
	}
}

// silent says whether the IPv4 settings of a name are those of an IPv6 VMAC.
func (c *vmacCase) silent(conf string) bool {
	return c.family == 6 && strings.HasSuffix(conf, ".51") || strings.HasSuffix(conf, "/vrrp6.51")
}

// besides is what of a is not in b.
func besides(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func liveVMAC(t *testing.T, kind lab.Kind, c *vmacCase) (out vmacLife) {
	t.Helper()
	l := lab.New(t)
	w, side := l.Wire(), l.Wire()
	r := l.RouterNumber("twin", 7, w, side)
	w.IP("addr add 10.0.0.99/16 dev br0", "addr add 2001:db8::99/64 dev br0 nodad")
	if c.before != nil {
		c.before(r)
	}
	links, addrs, sysctls := machineState(r)
	reports := w.Program("reports", "tcpdump", "-l", "-n", "-e", "-i", "br0", "igmp or (ip6 and ip6[40] == 58 and ip6[48] == 143) or (ip6 and ip6[6] == 0)")
	lab.Until(t, soon, "tcpdump listens", func() bool { return strings.Contains(reports.Said(), "listening on") })
	heard := w.Capture()
	d := begin(r, kind, c.conf(100))
	first := heard.Advert(0, starting, "the first advert", func(*lab.Advert) bool { return true })
	d.Wait("VI_1", lab.Master, soon)
	want := first.At.Add(1500 * time.Millisecond)
	heard.Advert(first.Index, soon, "adverts for a while", func(*lab.Advert) bool { return time.Now().After(want) })
	out.links, out.addrs, out.sysctls = machineState(r)
	probe(t, kind, w, heard, c)
	if status := d.Stop(); status != 0 {
		t.Errorf("%v ended with %d", kind, status)
	}
	for _, f := range heard.Frames() {
		if f.Advert != nil && !slices.Contains(out.adverts, f.Src.String()) {
			out.adverts = append(out.adverts, f.Src.String())
		}
		if a := f.Announced(); a.IsValid() {
			if s := fmt.Sprintf("%v from %v", a, f.Src); !slices.Contains(out.announced, s) && !bytes.Equal(f.Src, net.HardwareAddr{2, 0, 0, 0, 0, 0}) {
				out.announced = append(out.announced, s)
			}
		}
	}
	slices.Sort(out.announced)
	if !slices.Equal(out.adverts, []string{c.advert}) {
		t.Errorf("%v sent adverts from %v, want %s", kind, out.adverts, c.advert)
	}
	if s := fmt.Sprintf("%v from %s", c.vip(), c.announce); !slices.Contains(out.announced, s) {
		t.Errorf("%v announced %v, want %s", kind, out.announced, s)
	}
	for line := range strings.Lines(reports.Said()) {
		if strings.Contains(line, "00:00:5e:00:0") && strings.Contains(line, " > ") && kind == lab.Vigild && !strings.Contains(line, "> 33:33:00:00:00:12") {
			t.Errorf("a report left with the virtual MAC address: %s", line)
		}
	}
	cleanMachine(t, kind, r, links, addrs, sysctls)
	return out
}

// probe asks at the VIP from the wire: neighbour discovery must always be
// answered, a ping only if packets are accepted.
func probe(t *testing.T, kind lab.Kind, w *lab.Wire, heard *lab.Capture, c *vmacCase) {
	t.Helper()
	w.IP("neigh flush all")
	from := heard.Len()
	_, err := w.Try("ping", "-c", "1", "-W", "1", c.vip().String())
	if c.closed != (err != nil) {
		t.Errorf("ping of %v: %v, want it closed: %v", c.vip(), err, c.closed)
	}
	answer := heard.Next(from, soon, "an answer about "+c.vip().String(), func(f *lab.Frame) bool {
		return f.ARP != nil && f.ARP.Op == 2 && f.ARP.Sender == c.vip() || f.ND != nil && f.ND.Target == c.vip() && f.ND.Advertisement && f.ND.Solicited
	})
	if answer.Src.String() != c.announce && (kind == lab.Vigild || answer.Src.String() != vmac6) {
		t.Errorf("%v was answered for by %v, want %s", c.vip(), answer.Src, c.announce)
	}
}

// cleanMachine compares a machine with what it was before. compat: keepalived leaves
// arp_ignore and arp_filter behind; we restore them.
func cleanMachine(t *testing.T, kind lab.Kind, r *lab.Router, links, addrs, sysctls []string) {
	t.Helper()
	nowLinks, nowAddrs, nowSysctls := machineState(r)
	if !slices.Equal(links, nowLinks) || !slices.Equal(addrs, nowAddrs) {
		t.Errorf("%v left behind:\n%s\n%s", kind, strings.Join(besides(nowLinks, links), "\n"), strings.Join(besides(nowAddrs, addrs), "\n"))
	}
	if kind == lab.Vigild && !slices.Equal(sysctls, nowSysctls) {
		t.Errorf("%v left settings behind:\n%s", kind, strings.Join(besides(nowSysctls, sysctls), "\n"))
	}
	if rules := r.Run("nft", "list", "ruleset"); strings.TrimSpace(rules) != "" {
		t.Errorf("%v left rules behind:\n%s", kind, rules)
	}
}
