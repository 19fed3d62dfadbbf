// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package traffic_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// limit is how long anything may take in an emulated machine that others use too.
const limit = time.Minute

// connections is how many clients transfer all the time.
const connections = 24

// director is a director's configuration: the virtual addresses outside and
// inside, one service that echoes, and the daemon that copies its connections.
func director(priority int, method string) string {
	text := fmt.Sprintf(`
global_defs {
    lvs_sync_daemon eth1 VI_1 id 51
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 1
    priority %d
    virtual_ipaddress {
        %s/32 dev eth0
        %s/32 dev eth1
    }
}
virtual_server %[2]s 80 {
    delay_loop 1
    lvs_sched rr
    lvs_method %[4]s
    protocol TCP
`, priority, farm.VIP, farm.Gateway, method)
	for _, server := range []string{"10.1.0.11", "10.1.0.12"} {
		text += fmt.Sprintf("    real_server %s 80 {\n        weight 1\n        TCP_CHECK {\n            connect_timeout 5\n            retry 3\n        }\n    }\n", server)
	}
	return text + "}\n"
}

// TestDirectorDies has clients transfer all the time through two directors with
// the sync daemon. The active one is killed and cut off, then a machine that knows
// nothing joins and takes over in its turn: every connection goes on, on the same
// socket and the same server.
func TestDirectorDies(t *testing.T) {
	for _, tc := range []struct {
		name, method string
		kinds        [3]lab.Kind // who is killed, who takes over, who joins
	}{
		{"vigild", "NAT", [3]lab.Kind{lab.Vigild, lab.Vigild, lab.Vigild}},
		{"from keepalived", "DR", [3]lab.Kind{lab.Keepalived, lab.Vigild, lab.Keepalived}},
		{"to keepalived", "TUN", [3]lab.Kind{lab.Vigild, lab.Keepalived, lab.Vigild}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := farm.New(t, 3, 2)
			for _, s := range f.Servers {
				s.Direct()
				s.Echo(80)
			}
			service := netip.AddrPortFrom(farm.VIP, 80)
			master := f.Directors[0].Start(tc.kinds[0], director(200, tc.method), lab.Whole())
			master.Wait("VI_1", lab.Master, limit)
			backup := f.Directors[1].Start(tc.kinds[1], director(100, tc.method), lab.Whole())
			backup.Wait("VI_1", lab.Backup, limit)
			tables := []*ipvs.Conn{f.IPVS(f.Directors[0]), f.IPVS(f.Directors[1])}
			lab.Until(t, limit, "both directors have both servers", func() bool {
				return held(t, tables[0]) == 3 && held(t, tables[1]) == 3
			})
			flows := make([]*farm.Flow, connections)
			for i := range flows {
				flows[i] = f.Flow(service)
			}
			copied := func(who int) {
				t.Helper()
				lab.Until(t, limit, fmt.Sprintf("director %d knows all connections", who), func() bool {
					return f.Known(f.Directors[who], flows) == connections
				})
			}
			copied(1)
			silence(flows)

			master.Kill()
			f.Directors[0].Cut(0)
			f.Directors[0].Cut(1)
			backup.Wait("VI_1", lab.Master, limit)
			died := f.Advance(flows, 20, limit)
			t.Logf("\n| %-15s | %-3s | %v killed, %v takes over | %d of %d connections go on, silent for at most %v |",
				tc.name, tc.method, tc.kinds[0], tc.kinds[1], died, connections, silence(flows))

			next := f.Directors[2].Start(tc.kinds[2], director(50, tc.method), lab.Whole())
			next.Wait("VI_1", lab.Backup, limit)
			copied(2)
			silence(flows)
			next.Rewrite(director(250, tc.method))
			next.Wait("VI_1", lab.Master, limit)
			backup.Wait("VI_1", lab.Backup, limit)
			came := f.Advance(flows, 20, limit)
			t.Logf("\n| %-15s | %-3s | %v joins and takes over from %v | %d of %d connections go on, silent for at most %v |",
				tc.name, tc.method, tc.kinds[2], tc.kinds[1], came, connections, silence(flows))
			if died != connections || came != connections {
				t.Errorf("%d and %d of %d connections went on", died, came, connections)
			}
		})
	}
}

// held is how many lines a table has.
func held(t *testing.T, c *ipvs.Conn) int {
	t.Helper()
	table, err := c.Table()
	if err != nil {
		t.Fatal(err)
	}
	return len(farm.Save(table))
}

// silence is the longest that any flow was without an answer since the last call.
func silence(flows []*farm.Flow) (most time.Duration) {
	for _, l := range flows {
		most = max(most, l.Silence())
	}
	return most.Round(10 * time.Millisecond)
}
