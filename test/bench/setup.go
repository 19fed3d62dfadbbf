// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// starting is how long a daemon may take to get to work.
const starting = 30 * time.Second

// crowd is many equal instances.
type crowd struct {
	links    int // how many interfaces
	each     int // instances on each
	version  int
	interval time.Duration
	priority int // 255 is master at once
	addrs    int // of each instance, 1 if zero
	delay    int // garp_master_delay in seconds
	names    int // number of the first instance
}

func (c crowd) with(priority int) crowd {
	c.priority = priority
	return c
}

func (c crowd) String() string {
	var b strings.Builder
	state := "BACKUP"
	if c.priority == 255 {
		state = "MASTER"
	}
	for link := range c.links {
		for n := range c.each {
			vrid := n + 1 + c.names
			fmt.Fprintf(&b, "vrrp_instance VI_%d_%d {\n    state %s\n    interface eth%d\n    version %d\n    virtual_router_id %d\n",
				link, vrid, state, link, c.version, vrid)
			fmt.Fprintf(&b, "    priority %d\n    advert_int %g\n    garp_master_delay %d\n    virtual_ipaddress {\n", c.priority, c.interval.Seconds(), c.delay)
			for a := range max(c.addrs, 1) {
				if a == 20 {
					b.WriteString("    }\n    virtual_ipaddress_excluded {\n")
				}
				fmt.Fprintf(&b, "        %v/16 dev eth%d\n", address(link, vrid, a), link)
			}
			b.WriteString("    }\n}\n")
		}
	}
	return b.String()
}

// address is virtual address a of an instance.
func address(link, vrid, a int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(link), byte(1 + a%250), byte(vrid + a/250)})
}

// column is where the figures of a program go.
func column(k lab.Kind) string {
	if k == lab.Keepalived {
		return colKeepalived
	}
	return colVigild
}

// turns is both programs, the other one first in every other round.
func turns(n int) []lab.Kind {
	if n%2 == 0 {
		return []lab.Kind{lab.Keepalived, lab.Vigild}
	}
	return []lab.Kind{lab.Vigild, lab.Keepalived}
}

// network makes a lab with some wires and one router on all of them.
func network(b *bench, links int) (wires []*lab.Wire, l *lab.Lab) {
	l = lab.New(b)
	for range links {
		wires = append(wires, l.Wire())
	}
	return wires, l
}
