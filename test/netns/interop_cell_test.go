// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// rival is a program of somebody else that vigild shares a virtual router with.
type rival string

const (
	keepalived rival = "keepalived"
	frr        rival = "FRR"
)

// cell is one combination of the matrix: how vigild and another program may
// share a virtual router.
type cell struct {
	peer    rival
	version int
	family  int
	unicast bool
	auth    string // none, PASS or AH
	// vmac and sync of keepalived are on both sides; FRR has a virtual MAC
	// address always and groups never, so these are those of vigild.
	vmac, sync bool
	// vrid is its number among the cells of its lab; the second instance of a
	// sync group, on the second wire, has a hundred more.
	vrid int
	// seen is what was seen with vigild as the first master, and as the backup.
	seen [2]*seen
}

// cells is the whole matrix, possible or not.
func cells() (out []*cell) {
	for _, peer := range []rival{keepalived, frr} {
		for _, version := range []int{2, 3} {
			for _, family := range []int{4, 6} {
				for _, auth := range []string{"none", "PASS", "AH"} {
					for n := range 8 {
						out = append(out, &cell{
							peer: peer, version: version, family: family, auth: auth,
							unicast: n&4 != 0, vmac: n&2 != 0, sync: n&1 != 0,
						})
					}
				}
			}
		}
	}
	return out
}

func pick(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

// String names the cell in a line of the table.
func (c *cell) String() string {
	return fmt.Sprintf("%-10s v%d IPv%d %-9s %-4s %-4s %-5s", c.peer, c.version, c.family, pick(c.unicast, "unicast", "multicast"),
		c.auth, pick(c.vmac, "VMAC", "-"), pick(c.sync, "group", "-"))
}

// interval is as short as the version allows and two loaded processors keep.
func (c *cell) interval() time.Duration {
	if c.version == 2 {
		return time.Second
	}
	return 200 * time.Millisecond
}

// backup is the instance of the backup, for its timers.
func (c *cell) backup() *instance {
	return &instance{version: c.version, interval: c.interval(), priority: low}
}

// Priorities of the two routers: the better one is the first master.
const (
	high = 200
	low  = 100
)

// secret is the password of the cells that have one; shorter than the eight
// bytes that are sent, so that the filling is seen.
const secret = "sesame"

// member is an instance of a cell: one, or two of a sync group on two wires.
type member struct {
	*cell
	wire, vrid int
}

func (c *cell) members() []member {
	out := []member{{c, 0, c.vrid}}
	if c.sync {
		out = append(out, member{c, 1, c.vrid + 100})
	}
	return out
}

func (m member) name() string { return fmt.Sprintf("C%d", m.vrid) }

// addrs are the addresses of the instance, in the order of the configuration.
func (m member) addrs() []netip.Addr {
	if m.family == 6 {
		return []netip.Addr{
			netip.MustParseAddr(fmt.Sprintf("fe80::5:%x", m.vrid)),
			netip.MustParseAddr(fmt.Sprintf("2001:db8:%x::5:%x", m.wire, m.vrid)),
		}
	}
	return []netip.Addr{
		netip.AddrFrom4([4]byte{10, byte(m.wire), 2, byte(m.vrid)}),
		netip.AddrFrom4([4]byte{10, byte(m.wire), 1, byte(m.vrid)}),
	}
}

// on is the address of a router that adverts of the instance come from or, in
// unicast, go to.
func (m member) on(r *lab.Router) netip.Addr {
	switch {
	case m.family == 4:
		return r.Addr4(m.wire)
	case m.unicast:
		return r.Addr6(m.wire)
	}
	return r.LinkLocal()
}

// block is the vrrp_instance block of the instance on a router beside another.
func (m member) block(self, other *lab.Router, priority int) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "    "+format+"\n", args...) }
	fmt.Fprintf(&b, "vrrp_instance %s {\n", m.name())
	line("state BACKUP")
	line("interface eth%d", m.wire)
	line("version %d", m.version)
	line("virtual_router_id %d", m.vrid)
	line("priority %d", priority)
	line("advert_int %g", m.interval().Seconds())
	line("garp_master_delay 1")
	if m.vmac {
		line("use_vmac")
	}
	if m.unicast {
		line("unicast_src_ip %v\n    unicast_peer {\n        %v\n    }", m.on(self), m.on(other))
	}
	if m.auth != "none" {
		line("authentication {\n        auth_type %s\n        auth_pass %s\n    }", m.auth, secret)
	}
	// compat: native_ipv6 would make it version 3.
	line("virtual_ipaddress {")
	for _, a := range m.addrs() {
		line("    %v/%d", a, pick6(m.family, 64, 16))
	}
	line("}")
	b.WriteString("}\n")
	return b.String()
}

func pick6(family, six, four int) int {
	if family == 6 {
		return six
	}
	return four
}

// file is the keepalived.conf of all cells of a lab.
func file(all []*cell, self, other *lab.Router, priority int) string {
	var groups, blocks strings.Builder
	for _, c := range all {
		var names []string
		for _, m := range c.members() {
			names = append(names, "        "+m.name()+"\n")
			blocks.WriteString(m.block(self, other, priority))
		}
		if c.sync {
			fmt.Fprintf(&groups, "vrrp_sync_group G%d {\n    group {\n%s    }\n}\n", c.vrid, strings.Join(names, ""))
		}
	}
	return groups.String() + blocks.String()
}

// An obstacle is why cells of the matrix cannot be, in the words of the peer
// when it is asked for them.
type obstacle struct {
	reason string
	says   string
	of     func(c *cell) bool
	duel   bool // it says so only when it meets its like
}

// obstacles are looked through in order; the first that applies counts.
var obstacles = []obstacle{
	{
		reason: "FRR speaks version 2 over IPv4 alone", says: "VRRPv2 does not support v6",
		of: func(c *cell) bool { return c.peer == frr && c.version == 2 && c.family == 6 },
	},
	{
		reason: "version 3 has no authentication (RFC 9568 section 9)", says: "VRRP version 3 does not support authentication. Ignoring.",
		of: func(c *cell) bool { return c.peer == keepalived && c.version == 3 && c.auth != "none" },
	},
	{
		reason: "AH is for IPv4 alone", says: "Cannot use AH authentication with IPv6. ignoring",
		of: func(c *cell) bool { return c.peer == keepalived && c.family == 6 && c.auth == "AH" },
	},
	{
		reason: "over IPv6 keepalived sends no password and compares what lies behind the packet", says: "received an invalid passwd!",
		of:   func(c *cell) bool { return c.peer == keepalived && c.family == 6 && c.auth == "PASS" },
		duel: true,
	},
	{
		reason: "FRR has no unicast", says: "No such command on config line 3:  vrrp",
		of: func(c *cell) bool { return c.peer == frr && c.unicast },
	},
	{
		reason: "FRR has no authentication", says: "No such command on config line 3:  vrrp",
		of: func(c *cell) bool { return c.peer == frr && c.auth != "none" },
	},
}

// obstacle is why the cell cannot be; nil if it can.
func (c *cell) obstacle() *obstacle {
	for i := range obstacles {
		if obstacles[i].of(c) {
			return &obstacles[i]
		}
	}
	return nil
}
