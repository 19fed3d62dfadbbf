// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// TestNamespaceOfIPVS gives the table another network namespace than the checks
// have: net_namespace_ipvs. The timeouts go there too, and a worker that was
// killed finds it again.
func TestNamespaceOfIPVS(t *testing.T) {
	for _, tc := range []struct {
		name  string
		kind  lab.Kind
		flags []string
	}{
		{"keepalived", lab.Keepalived, nil}, {"vigild", lab.Vigild, nil}, {"one process", lab.Vigild, []string{"--single"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := farm.New(t, 2, 2)
			d, other := f.Directors[0], f.Directors[1]
			for _, s := range f.Servers {
				echo(s)
			}
			there, here := f.Record(other), f.IPVS(d)
			text := "net_namespace_ipvs " + other.Name + "\nglobal_defs {\n    lvs_timeouts tcp 77\n}\n" +
				strings.ReplaceAll(two("", "", tcpCheck), "NOTE", "/bin/true")
			daemon := d.Start(tc.kind, text, lab.Whole(), lab.Flags(tc.flags...))
			there.Wait(limit, "the table of the other namespace", list(none+first+second)...)
			f.Servers[0].Behave(farm.Refuses)
			there.Wait(limit, "without the first server", list(none+second)...)
			if table, err := here.Table(); err != nil || len(table.Services) > 0 {
				t.Errorf("in its own namespace: %+v, %v", table, err)
			}
			if got, err := f.IPVS(other).Timeouts(); err != nil || got.TCP.Seconds() != 77 {
				t.Errorf("timeouts %+v, %v", got, err)
			}
			if tc.kind == lab.Vigild && tc.flags == nil {
				first := checkRole(daemon)
				if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				c := f.IPVS(other)
				apply(t, c, ipvs.Op{
					Verb: ipvs.DeleteDestination, Service: ipvs.Service{Key: ipvs.AddrKey(ipvs.TCP, netip.AddrPortFrom(farm.VIP, 80))},
					Destination: ipvs.Destination{Addr: f.Servers[1].Addr4(1), Port: 8080},
				})
				lab.Until(t, limit, "the next worker mends the table", func() bool {
					table, err := c.Table()
					next := checkRole(daemon)
					return err == nil && next != 0 && next != first && slices.Equal(farm.Save(table), sorted(list(none+second)))
				})
			}
			if status := daemon.Stop(); status != 0 {
				t.Errorf("it ended with %d", status)
			}
			there.Wait(limit, "an empty table")
		})
	}
}

// checkRole is the process of the check role, 0 if there is none.
func checkRole(d *lab.Daemon) int {
	for _, pid := range d.PIDs() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(line, []byte("role=check")) {
			return pid
		}
	}
	return 0
}
