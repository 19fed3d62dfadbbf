// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"strings"
	"testing"

	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/netns/station"
)

// TestManagersMoveTheMaster: a manager that may write makes the backup the
// master, and a reload takes that back; one that may not is told so.
func TestManagersMoveTheMaster(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	const conf = `
vrrp_instance V {
    interface eth0
    virtual_router_id 5
    version 3
    advert_int 0.5
    priority PRIORITY
    virtual_ipaddress { 10.0.1.1 }
}
`
	priority := "." + mib.Compat.OID("vrrpInstanceBasePriority") + ".1"
	var stations [2]*station.Station
	var daemons [2]*lab.Daemon
	for i, name := range []string{"a", "b"} {
		stations[i] = station.New(t, l, l.Router(name, w))
		opts := []lab.Option{stations[i].Flags()}
		if name == "b" {
			opts = append(opts, lab.YAML("snmp:\n  writes: true\n"))
		}
		daemons[i] = stations[i].Start(lab.Vigild, strings.Replace(conf, "PRIORITY", []string{"150", "100"}[i], 1), opts...)
	}
	daemons[0].Wait("V", lab.Master, starting)
	daemons[1].Wait("V", lab.Backup, starting)
	shows := func(s *station.Station, value string) {
		t.Helper()
		lab.Until(t, starting, "the base priority is "+value, func() bool {
			return s.Ask("snmpget", "public", priority)[0] == priority+" = INTEGER: "+value
		})
	}
	shows(stations[0], "150")
	shows(stations[1], "100")
	if got := strings.Join(stations[0].Ask("snmpset", "private", priority, "i", "50"), "\n"); !strings.Contains(got, "notWritable") {
		t.Errorf("where writes are not enabled SET is answered %s", got)
	}
	if got := stations[1].Ask("snmpset", "private", priority, "i", "200"); got[0] != priority+" = INTEGER: 200" {
		t.Fatalf("SET is answered %q", got)
	}
	daemons[1].Wait("V", lab.Master, starting)
	daemons[0].Wait("V", lab.Backup, starting)
	shows(stations[1], "200")
	if !strings.Contains(daemons[1].Said(), `"msg":"setting.changed"`) || !strings.Contains(daemons[1].Said(), "by snmp") {
		t.Error("the log does not say who has set what")
	}
	daemons[1].Rewrite(strings.Replace(conf, "PRIORITY", "100", 1))
	daemons[0].Wait("V", lab.Master, starting)
	shows(stations[1], "100")
}
