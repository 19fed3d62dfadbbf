// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/fw"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/sys/link/linktest"
	"github.com/vigild/vigild/engine/vrrp"
)

// linkKernel is Links in memory.
type linkKernel struct {
	*linktest.Network
	there    map[string]link.Virtual
	conf     map[link.Conf]string
	redirect []fw.VMAC
	// lacks is a kind of interface that it does not know.
	lacks string
	next  int
	did   []string
}

func (k *linkKernel) Virtuals() ([]link.Virtual, error) {
	return slices.Collect(maps.Values(k.there)), nil
}

func (k *linkKernel) Create(v link.Virtual) (int, error) {
	if v.Kind == k.lacks {
		return 0, fmt.Errorf("make %s: %w", v.Name, unix.EOPNOTSUPP)
	}
	k.next++
	v.Index = k.next
	k.there[v.Name] = v
	k.did = append(k.did, "create "+v.Name)
	for _, c := range []string{"arp_ignore", "accept_local", "rp_filter", "promote_secondaries"} {
		k.conf[conf4(v.Name, c)] = k.conf[conf4("default", c)]
	}
	k.conf[link.Conf{Family: 6, Interface: v.Name, Key: "disable_ipv6"}] = "0"
	return v.Index, nil
}

func (k *linkKernel) byIndex(i int, f func(*link.Virtual)) error {
	for name, v := range k.there {
		if v.Index == i {
			f(&v)
			k.there[name] = v
			return nil
		}
	}
	return unix.ENODEV
}

func (k *linkKernel) SetAlias(i int, s string) error {
	return k.byIndex(i, func(v *link.Virtual) { v.Alias = s })
}

func (k *linkKernel) SetUp(i int) error {
	return k.byIndex(i, func(v *link.Virtual) {
		v.Up = true
		k.did = append(k.did, "up "+v.Name)
	})
}

func (k *linkKernel) Remove(i int) error {
	name := ""
	err := k.byIndex(i, func(v *link.Virtual) { name = v.Name })
	delete(k.there, name)
	k.did = append(k.did, "remove "+name)
	return err
}

func (k *linkKernel) Get(c link.Conf) (string, error) {
	v, ok := k.conf[c]
	if !ok {
		return "", fmt.Errorf("read %s: %w", c, fs.ErrNotExist)
	}
	return v, nil
}

func (k *linkKernel) Set(c link.Conf, v string) error {
	if _, ok := k.conf[c]; !ok {
		return fs.ErrNotExist
	}
	k.conf[c] = v
	return nil
}

func (k *linkKernel) Configured() (names []string, err error) {
	for c := range k.conf {
		if !slices.Contains(names, c.Interface) {
			names = append(names, c.Interface)
		}
	}
	return names, nil
}

func (k *linkKernel) Redirect(list []fw.VMAC) error {
	k.redirect = slices.Clone(list)
	k.did = append(k.did, fmt.Sprintf("redirect %d", len(list)))
	return nil
}

func (k *linkKernel) Filter(fw.Options) error { return nil }

// newLinkKernel is a machine with lo, eth0 and eth1, 2 and 3.
func newLinkKernel() *linkKernel {
	k := &linkKernel{Network: &linktest.Network{}, there: map[string]link.Virtual{}, conf: map[link.Conf]string{}, next: 10}
	for _, name := range []string{"all", "default", "lo", "eth0", "eth1"} {
		for _, key := range []string{"arp_ignore", "arp_filter", "rp_filter", "accept_local", "promote_secondaries"} {
			k.conf[conf4(name, key)] = "0"
		}
	}
	return k
}

// newTestVMACs is what runs on that machine; said collects what it complains of.
func newTestVMACs(k *linkKernel) (m *vmacs, said *[]string) {
	said = &[]string{}
	own := &ownEvents{producer: role.NewProducer(event.RoleVRRP, role.SystemClock()), deliver: func(es []event.Event) {
		for i := range es {
			*said = append(*said, es[i].Subject.Sub+": "+es[i].Detail)
		}
	}}
	f := newFaces()
	for i, name := range []string{"eth0", "eth1"} {
		f.set(link.Change{Interface: &link.Interface{Index: i + 2, Name: name, Up: true, Ethernet: true, Group: 4}, Present: true})
	}
	return newVMACs(k, f, own, func(do func()) { do() }), said
}

// end is close without the wait.
func end(t *testing.T, m *vmacs) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { m.close() })
}

func vmacOf(name, base string) vrrp.VMAC {
	return vrrp.VMAC{Name: name, Base: base, MAC: [6]byte{0, 0, 0x5e, 0, 1, 51}, Group: -1, IPv4: true}
}

func TestVMACMade(t *testing.T) {
	k := newLinkKernel()
	k.conf[conf4("eth0", "arp_filter")] = "1" // as the administrator wants it
	m, said := newTestVMACs(k)
	before := maps.Clone(k.conf)
	m.configure(&vrrp.Settings{VMACs: []vrrp.VMAC{vmacOf("vrrp.51", "eth0")}})
	v := k.there["vrrp.51"]
	if v.Kind != link.Macvlan || v.Mode != link.MacvlanPrivate || v.Parent != 2 || v.Group != 4 || !v.Up || v.MAC != vmacOf("", "").MAC {
		t.Errorf("made %+v", v)
	}
	if want := []string{"create vrrp.51", "redirect 1", "up vrrp.51"}; !slices.Equal(k.did, want) {
		t.Errorf("did %v, want %v: it must say nothing before the filter knows it", k.did, want)
	}
	if k.redirect[0] != (fw.VMAC{IfIndex: v.Index, Base: 2, IPv4: true}) {
		t.Errorf("redirected %+v", k.redirect)
	}
	for c, want := range map[string]string{
		"ipv4/eth0/arp_ignore": "1", "ipv4/eth0/arp_filter": "1", "ipv4/vrrp.51/arp_ignore": "1", "ipv4/vrrp.51/accept_local": "1",
		"ipv4/vrrp.51/rp_filter": "0", "ipv4/vrrp.51/promote_secondaries": "1", "ipv6/vrrp.51/disable_ipv6": "1", "ipv4/eth1/arp_ignore": "0",
	} {
		key, _ := link.ParseConf(c)
		if k.conf[key] != want {
			t.Errorf("%s is %s, want %s", c, k.conf[key], want)
		}
	}
	if v.Alias != "vigild ipv4/eth0/arp_ignore=0" {
		t.Errorf("alias %q", v.Alias)
	}
	did := len(k.did)
	m.sync(false)
	if more := slices.DeleteFunc(k.did[did:], func(s string) bool { return strings.HasPrefix(s, "redirect") }); len(more) != 0 {
		t.Errorf("a second look did %v", more)
	}
	end(t, m)
	if len(k.there) != 0 || len(k.redirect) != 0 {
		t.Errorf("at the end there is %v", k.there)
	}
	for c, want := range before {
		if k.conf[c] != want {
			t.Errorf("%s is left at %s, was %s", c, k.conf[c], want)
		}
	}
	if len(*said) != 0 {
		t.Errorf("it complained: %v", *said)
	}
}

// TestVMACAfterCrash: whoever starts after a crash restores what was before
// the crash, removes what is not wanted any more, and leaves others' alone.
func TestVMACAfterCrash(t *testing.T) {
	k := newLinkKernel()
	k.conf[conf4("all", "rp_filter")], k.conf[conf4("eth1", "rp_filter")] = "1", "2"
	before := maps.Clone(k.conf)
	first, _ := newTestVMACs(k)
	first.configure(&vrrp.Settings{VMACs: []vrrp.VMAC{vmacOf("vrrp.51", "eth0"), vmacOf("vrrp.52", "eth1")}})
	for name, want := range map[string]string{"all": "0", "eth0": "1", "eth1": "2", "default": "1", "lo": "0", "vrrp.51": "0"} {
		if got := k.conf[conf4(name, "rp_filter")]; got != want {
			t.Errorf("rp_filter of %s is %s, want %s", name, got, want)
		}
	}
	k.there["theirs"] = link.Virtual{Index: 90, Name: "theirs", Parent: 2, Kind: link.Macvlan, Alias: "vigild/other arp_ignore=5"}
	kept := k.there["vrrp.51"].Index

	second, said := newTestVMACs(k)
	second.configure(&vrrp.Settings{VMACs: []vrrp.VMAC{vmacOf("vrrp.51", "eth0")}})
	if k.there["vrrp.51"].Index != kept {
		t.Error("the VMAC was made again instead of used")
	}
	if _, ok := k.there["vrrp.52"]; ok {
		t.Error("the VMAC that nobody wants is still there")
	}
	if k.conf[conf4("eth1", "arp_ignore")] != "0" || k.conf[conf4("eth0", "arp_ignore")] != "1" {
		t.Error("of the settings below, only those of eth1 are to be restored")
	}
	end(t, second)
	if _, ok := k.there["theirs"]; !ok || len(k.there) != 1 {
		t.Errorf("at the end there is %v", k.there)
	}
	for c, want := range before {
		if k.conf[c] != want {
			t.Errorf("%s is left at %s, was %s", c, k.conf[c], want)
		}
	}
	if len(*said) != 0 {
		t.Errorf("it complained: %v", *said)
	}
}

// TestVMACFound: one that is just as wanted is used, whoever made it; another
// interface of the name is left alone and said once.
func TestVMACFound(t *testing.T) {
	k := newLinkKernel()
	w := vmacOf("vrrp.51", "eth0")
	k.there["vrrp.51"] = link.Virtual{Index: 7, Name: "vrrp.51", Parent: 2, Kind: link.Macvlan, Mode: link.MacvlanPrivate, MAC: w.MAC}
	k.there["vrrp.52"] = link.Virtual{Index: 8, Name: "vrrp.52", Parent: 2, Kind: link.Macvlan, Mode: 4, MAC: w.MAC}
	m, said := newTestVMACs(k)
	other := w
	other.Name = "vrrp.52"
	m.configure(&vrrp.Settings{VMACs: []vrrp.VMAC{w, other}})
	m.sync(false)
	if v := k.there["vrrp.51"]; v.Index != 7 || !v.Up || !m.ours(v.Alias) {
		t.Errorf("the one found is %+v", v)
	}
	if v := k.there["vrrp.52"]; v.Mode != 4 || v.Up {
		t.Errorf("the other one is %+v", v)
	}
	if len(*said) != 1 || !strings.Contains((*said)[0], "vrrp.52") {
		t.Errorf("said %v", *said)
	}
	end(t, m)
	if len(k.there) != 1 {
		t.Errorf("at the end there is %v", k.there)
	}
}

// TestVMACLacking: a kernel without ipvlan is told of once, the rest is made.
func TestVMACLacking(t *testing.T) {
	k := newLinkKernel()
	k.lacks = link.IPvlan
	m, said := newTestVMACs(k)
	ip := vrrp.VMAC{Name: "vrrp.9", Base: "eth1", IPVLAN: true, Group: 7, IPv4: true, Source: netip.MustParsePrefix("192.0.2.9/24")}
	m.configure(&vrrp.Settings{VMACs: []vrrp.VMAC{ip, vmacOf("vrrp.51", "eth0")}})
	m.sync(false)
	if len(*said) != 1 || !strings.Contains((*said)[0], "not supported") || len(k.there) != 1 {
		t.Errorf("said %v, made %v", *said, k.there)
	}
	k.lacks = ""
	m.sync(false)
	v := k.there["vrrp.9"]
	if v.Kind != link.IPvlan || v.Mode != link.IPvlanL2 || v.Group != 7 || v.Parent != 3 {
		t.Errorf("made %+v", v)
	}
	if k.conf[conf4("eth1", "arp_ignore")] != "0" {
		t.Error("an ipvlan needs no other answers to ARP requests below")
	}
	if len(k.redirect) != 1 {
		t.Errorf("redirected %+v", k.redirect)
	}
	if same, _, _ := k.Add([]link.Address{{IfIndex: v.Index, Prefix: ip.Source}}); same != 1 {
		t.Error("the ipvlan has not got its own address")
	}
}

// TestVMACSource: the link-local address below is copied, and followed.
func TestVMACSource(t *testing.T) {
	k := newLinkKernel()
	m, said := newTestVMACs(k)
	m.hear(link.Change{Interface: &link.Interface{Index: 2, Name: "eth0"}, Present: true}) // of no interest yet
	w := vmacOf("vrrp.51", "eth0")
	w.IPv4, w.IPv6, w.LocalSource = false, true, true
	tell := func(addr string, present, tentative bool) {
		c := link.Change{Address: &link.Assigned{IfIndex: 2, Prefix: netip.MustParsePrefix(addr), Tentative: tentative}, Present: present}
		m.faces.setLocal(c)
		m.sync(false)
	}
	has := func(addr string) bool {
		same, _, _ := k.Delete([]link.Address{{IfIndex: k.there["vrrp.51"].Index, Prefix: netip.MustParsePrefix(addr)}})
		return same == 0
	}
	m.configure(&vrrp.Settings{VMACs: []vrrp.VMAC{w}})
	tell("fe80::1/64", true, true)
	if has("fe80::1/64") {
		t.Error("a tentative address was copied")
	}
	tell("fe80::1/64", true, false)
	tell("fe80::2/64", true, false)
	if has("fe80::2/64") {
		t.Error("a second address was copied")
	}
	tell("fe80::1/64", false, false)
	if has("fe80::1/64") || !has("fe80::2/64") {
		t.Error("the copy did not follow")
	}
	if k.conf[link.Conf{Family: 6, Interface: "vrrp.51", Key: "disable_ipv6"}] != "0" || k.conf[conf4("eth0", "arp_ignore")] != "0" {
		t.Error("the settings are those of IPv4")
	}
	if len(*said) != 0 {
		t.Errorf("it complained: %v", *said)
	}
}

// TestAliasOfOthers: what somebody wrote into an alias is not obeyed blindly.
func TestAliasOfOthers(t *testing.T) {
	c := newConfs(newLinkKernel())
	c.recall("vigild ipv4/eth0/arp_ignore=2 ipv4/eth0/forwarding=1 ipv4/../x=1 ipv6/eth0/arp_filter=0 ipv4/eth0/arp_filter=99 ipv4/eth1/rp_filter=x nonsense =")
	if len(c.saved) != 1 || c.saved[conf4("eth0", "arp_ignore")] != "2" {
		t.Errorf("learned %v", c.saved)
	}
	c.recall("vigild ipv4/eth0/arp_ignore=0")
	if c.saved[conf4("eth0", "arp_ignore")] != "2" {
		t.Error("what is known was replaced")
	}
	for i := range 100 {
		c.saved[conf4(fmt.Sprintf("eth%d", i), "rp_filter")] = "1"
	}
	if n := len(c.alias("vigild", "eth0")); n > aliasRoom {
		t.Errorf("an alias of %d bytes", n)
	}
}
