// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package link

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var virtuals = map[string]Virtual{
	"macvlan": {
		Name: "vrrp.51", Parent: 7, Kind: Macvlan, MAC: [6]byte{0, 0, 0x5e, 0, 1, 0x33}, Mode: MacvlanPrivate, Group: 5,
	},
	"ipvlan, bridge":  {Name: "vrrp.52", Parent: 7, Kind: IPvlan, Mode: IPvlanL2},
	"ipvlan, private": {Name: "vrrp.52", Parent: 7, Kind: IPvlan, Mode: IPvlanL2, Flags: 1},
	"ipvlan, vepa":    {Name: "vrrp.52", Parent: 300, Kind: IPvlan, Mode: IPvlanL2, Flags: 2, Group: 1},
}

// TestVirtualMessages has the netlink library read the messages that make
// interfaces.
func TestVirtualMessages(t *testing.T) {
	for name, v := range virtuals {
		t.Run(name, func(t *testing.T) {
			b := v.create(3)
			got, err := netlink.LinkDeserialize(&unix.NlMsghdr{}, b[unix.SizeofNlMsghdr:])
			if err != nil {
				t.Fatal(err)
			}
			a := got.Attrs()
			if a.Name != v.Name || a.ParentIndex != v.Parent || a.Group != v.Group || got.Type() != v.Kind {
				t.Errorf("%s %q on %d in group %d", got.Type(), a.Name, a.ParentIndex, a.Group)
			}
			switch l := got.(type) {
			case *netlink.Macvlan:
				if l.Mode != netlink.MACVLAN_MODE_PRIVATE || a.HardwareAddr.String() != "00:00:5e:00:01:33" {
					t.Errorf("mode %v, address %v", l.Mode, a.HardwareAddr)
				}
			case *netlink.IPVlan:
				if l.Mode != netlink.IPVLAN_MODE_L2 || uint16(l.Flag) != v.Flags || len(a.HardwareAddr) != 0 {
					t.Errorf("mode %v, flags %v, address %v", l.Mode, l.Flag, a.HardwareAddr)
				}
			default:
				t.Errorf("a %T", got)
			}
			back, ok := parseVirtual(b[unix.SizeofNlMsghdr:])
			if !ok || !v.Same(&back) || back.Name != v.Name || back.Group != v.Group {
				t.Errorf("read as %+v, %v", back, ok)
			}
			other := back
			other.Parent++
			mode := back
			mode.Mode++
			if v.Same(&other) || v.Same(&mode) {
				t.Error("another parent or mode is the same")
			}
		})
	}
}

// TestVirtualOthers: what is no macvlan or ipvlan, or cut short, is none.
func TestVirtualOthers(t *testing.T) {
	v := virtuals["macvlan"]
	v.Kind = "vlan"
	b := v.create(1)[unix.SizeofNlMsghdr:]
	if _, ok := parseVirtual(b); ok {
		t.Error("a vlan is a macvlan")
	}
	for n := range len(b) {
		parseVirtual(b[:n]) // must not panic
	}
}

func TestConf(t *testing.T) {
	for _, c := range []Conf{{4, "eth0", "arp_ignore"}, {6, "vrrp.51", "disable_ipv6"}, {4, "all", "rp_filter"}} {
		if got, ok := ParseConf(c.String()); !ok || got != c {
			t.Errorf("%v read as %v, %v", c, got, ok)
		}
	}
	for _, s := range []string{"", "ipv4", "ipv4/eth0", "ipv4/eth0/", "ipv5/eth0/x", "ipv4/../x", "ipv4/a/b/x", "ipv4//x"} {
		if c, ok := ParseConf(s); ok {
			t.Errorf("%q read as %+v", s, c)
		}
	}
	if p := (Conf{4, "vrrp.51", "arp_ignore"}).path(); p != "/proc/sys/net/ipv4/conf/vrrp.51/arp_ignore" {
		t.Error(p)
	}
	if _, err := (Conf{4, "no-such-interface", "arp_ignore"}).Get(); err == nil {
		t.Error("a setting of no interface could be read")
	}
}

// TestAddressMark: what is added carries our mark, and the mark is read.
func TestAddressMark(t *testing.T) {
	b := appendAddress(nil, unix.RTM_NEWADDR, 0, 1, Address{IfIndex: 2, Prefix: netip.MustParsePrefix("192.0.2.1/24"), PreferredLft: Forever})
	a, ok := parseAssigned(b[unix.SizeofNlMsghdr:])
	if !ok || a.Protocol != Protocol || a.Prefix.String() != "192.0.2.1/24" {
		t.Errorf("read as %+v, %v", a, ok)
	}
}

// TestRenamed: an interface that is renamed is one that vanished and one that
// appeared, with all its addresses.
func TestRenamed(t *testing.T) {
	m := &Monitor{links: map[int]Interface{}, addrs: map[addressKey]Assigned{}}
	m.setLink(nil, Interface{Index: 2, Name: "eth0", Up: true})
	for _, p := range []string{"192.0.2.1/24", "fe80::1/64"} {
		m.setAddr(nil, Assigned{IfIndex: 2, Prefix: netip.MustParsePrefix(p)})
	}
	m.setAddr(nil, Assigned{IfIndex: 3, Prefix: netip.MustParsePrefix("198.51.100.1/24")})
	out := m.setLink(nil, Interface{Index: 2, Name: "lan", Up: true})
	if len(out) != 4 || out[0].Interface.Name != "eth0" || out[0].Present || out[1].Interface.Name != "lan" || !out[1].Present {
		t.Fatalf("told %+v", out)
	}
	if a, b := out[2].Address, out[3].Address; a.Prefix.String() != "192.0.2.1/24" || b.Prefix.String() != "fe80::1/64" || !out[3].Present {
		t.Errorf("told of %v and %v", a, b)
	}
	if more := m.setLink(nil, Interface{Index: 2, Name: "lan", MTU: 9000, Up: true}); len(more) != 1 {
		t.Errorf("another MTU told as %+v", more)
	}
}
