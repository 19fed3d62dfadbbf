// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/vrrp"
)

// around puts a line into a block of a configuration that is good without it.
func around(block, line string) string {
	at := func(name string) string {
		if name == block {
			return line + "\n"
		}
		return ""
	}
	return "global_defs {\n script_user nobody\n" + at("global_defs") + "}\n" + at("") +
		"track_file F {\n file /run/f\n" + at("track_file") + "}\nvrrp_instance V {\n interface eth0\n virtual_router_id 1\n track_file {\n  F\n }\n" +
		at("vrrp_instance") + " virtual_ipaddress {\n  192.0.2.1\n" + at("virtual_ipaddress") + " }\n}\n"
}

// load reads a text as a machine with the interfaces of testEnvironment would.
func load(text string, e Environment) (*Config, []syntax.Problem) {
	tree, found := syntax.Parse("t", []byte(text), syntax.Options{})
	c, more := Build(tree, e)
	return c, append(found, more...)
}

// TestExitOfLines holds single lines against the exit codes that keepalived 2.2.7 ends its test with, and which decide
// whether a daemon starts at all.
func TestExitOfLines(t *testing.T) {
	for _, c := range []struct {
		block, line string
		test, run   int
	}{
		{"", "", 0, 0},
		// A missing value is the end of some keywords and passed over at others.
		{"", "instance", 5, 0},
		{"", "net_namespace", 5, 0},
		{"", "vrrp_sync_group {\n}", 5, 0},
		{"", "vrrp_script {\n}", 2, 2},
		{"", "child_wait_time", 2, 2},
		{"global_defs", "vrrp_rt_priority", 5, 0},
		{"global_defs", "startup_script", 5, 0},
		{"global_defs", "router_id", 5, 0},
		{"global_defs", "vrrp_version", 2, 2},
		{"global_defs", "lvs_sync_daemon", 5, 0},
		{"global_defs", "lvs_sync_daemon eth0", 0, 0},
		{"global_defs", "notify_fifo_script /bin/true", 0, 0},
		{"track_file", "weight", 5, 0},
		{"vrrp_instance", "garp_extra_if", 5, 0},
		{"vrrp_instance", "kernel_rx_buf_size", 5, 0},
		{"vrrp_instance", "debug", 2, 2},
		{"vrrp_instance", "notify_master", 2, 2},
		// A word whose quote has no end is none.
		{"vrrp_instance", "advert_int \"1", 2, 2},
		{"vrrp_instance", "\"advert_int 1", 5, 0},
		// What looks odd is understood.
		{"vrrp_instance", "advert_int +1", 0, 0},
		{"virtual_ipaddress", "192.0.2.9/", 0, 0},
		{"vrrp_instance", "unicast_peer {\n 192.0.2.3/24\n}", 0, 0},
		{"", "interface_up_down_delays {\n eth0\n}", 0, 0},
		{"global_defs", "vrrp_rlimit_rttime 1", 0, 0},
		// What cannot be meant is told.
		{"vrrp_instance", "debug 5", 5, 0},
		{"vrrp_instance", "old_unicast_checksum always\nunicast_peer {\n 192.0.2.3\n}", 5, 0},
		{"vrrp_instance", "unicast_peer {\n 192.0.2.3 min_ttl 5 max_ttl 4\n}", 5, 0},
		{"vrrp_instance", "check_unicast_src", 5, 0},
		{"vrrp_instance", "old_unicast_checksum", 5, 0},
		{"vrrp_instance", "unicast_src_ip 192.0.2.2", 5, 0},
		{"vrrp_instance", "unicast_ttl 64", 5, 0},
		{"vrrp_instance", "unicast_ttl 64\nunicast_peer {\n 192.0.2.3\n}", 0, 0},
		{"vrrp_instance", "vmac_xmit_base", 5, 0},
		{"vrrp_instance", "use_vmac\nvmac_xmit_base", 0, 0},
		{"vrrp_instance", "use_vmac 2001:db8::7", 5, 0},
		{"vrrp_instance", "use_vmac\nuse_vmac", 5, 0},
		{"vrrp_instance", "use_ipvlan 2001:db8::7", 5, 0},
		{"vrrp_instance", "vrf eth1", 5, 0},
		{"global_defs", "lvs_timeouts tcp 2678401", 5, 0},
	} {
		_, found := load(around(c.block, c.line), testEnvironment(true))
		if test, run := TestExit(found), RunExit(found); test != c.test || run != c.run {
			t.Errorf("%q in %q ends with %d in a test and %d in a run, want %d and %d\n%s", c.line, c.block, test, run, c.test, c.run, problemLines(found))
		}
	}
}

// TestFirstCounts: of some keywords the first one counts, and the second is told.
func TestFirstCounts(t *testing.T) {
	c, found := load("instance a\ninstance b\nnet_namespace x\nnet_namespace y\nglobal_defs {\n lvs_sync_daemon eth0 V\n lvs_sync_daemon eth1 V\n"+
		" nftables one\n nftables two\n}\n", testEnvironment(false))
	g := c.Global
	if g.Instance != "a" || g.NetNamespace != "x" || g.LVSSyncDaemon.Interface != "eth0" || g.Firewall.Table != "one" {
		t.Errorf("instance %q, namespace %q, daemon on %q, table %q", g.Instance, g.NetNamespace, g.LVSSyncDaemon.Interface, g.Firewall.Table)
	}
	if n := strings.Count(problemLines(found), RuleDuplicateKeyword); n != 4 {
		t.Errorf("%d are told:\n%s", n, problemLines(found))
	}
}

// TestDelayAfterBoot: the later of the two delays counts, and a machine that was booted long ago does not wait.
func TestDelayAfterBoot(t *testing.T) {
	for _, c := range []struct{ startup, boot, up, want time.Duration }{
		{0, 60 * second, 20 * second, 40 * second},
		{50 * second, 60 * second, 20 * second, 50 * second},
		{0, 60 * second, 70 * second, 0},
		{5 * second, 0, second, 5 * second},
	} {
		e := testEnvironment(false)
		e.Uptime = func() time.Duration { return c.up }
		text := "global_defs {\n vrrp_startup_delay " + formatSeconds(max(c.startup, time.Millisecond)) + "\n vrrp_delay_after_boot " + formatSeconds(c.boot) + "\n}\n"
		if c.startup == 0 {
			text = "global_defs {\n vrrp_delay_after_boot " + formatSeconds(c.boot) + "\n}\n"
		}
		if conf, _ := load(text, e); conf.VRRP.StartupDelay != c.want {
			t.Errorf("%+v: the delay is %v", c, conf.VRRP.StartupDelay)
		}
	}
}

// TestTrackGroup: the instances of a track_group follow the interfaces of what names it, each once and not their own.
func TestTrackGroup(t *testing.T) {
	c, found := load("static_ipaddress {\n 192.0.2.9/24 dev eth1 track_group T\n 192.0.2.10/24 dev eth0 track_group T\n}\n"+
		"static_routes {\n 10.0.0.0/8 dev eth2 track_group T\n 10.1.0.0/16 via 192.0.2.1 dev eth1 track_group T\n}\n"+
		"static_rules {\n iif eth3 table 5 preference 5 track_group T\n from 10.0.0.0/8 table 5 preference 6 track_group T\n}\n"+
		"vrrp_instance A {\n interface eth0\n virtual_router_id 1\n track_interface {\n  eth2 weight 5\n }\n virtual_ipaddress {\n  192.0.2.1\n }\n}\n"+
		"vrrp_instance B {\n interface eth0\n virtual_router_id 2\n virtual_ipaddress {\n  192.0.2.2\n }\n}\n"+
		"track_group T {\n group {\n  A\n }\n}\n", testEnvironment(true))
	var got []string
	for _, in := range c.VRRP.Instances {
		for _, track := range in.Tracks {
			got = append(got, in.Name+" "+track.Name+" "+strconv.Itoa(track.Weight))
		}
	}
	if want := "A eth2 5, A eth1 0, A eth3 0"; strings.Join(got, ", ") != want {
		t.Errorf("followed are %s, want %s\n%s", strings.Join(got, ", "), want, problemLines(found))
	}
	if lines := problemLines(found); !strings.Contains(lines, RuleMissingInterface+": t:11:2") {
		t.Errorf("a rule without an interface is not told:\n%s", lines)
	}
}

// TestGarpGroup: interfaces share a gap, and each is in one group.
func TestGarpGroup(t *testing.T) {
	c, found := load("garp_group {\n garp_interval 0.5\n gna_interval 1\n interfaces {\n  eth0 eth1\n }\n}\n"+
		"garp_group {\n garp_interval 2\n interface eth1\n interface eth2\n}\ngarp_group {\n interface eth3\n}\ngarp_group {\n gna_interval 2\n}\n", testEnvironment(true))
	want := []vrrp.AnnounceGroup{
		{Interfaces: []string{"eth0", "eth1"}, Garp: 500 * time.Millisecond, Gna: second},
		{Interfaces: []string{"eth2"}, Garp: 2 * second},
	}
	if !reflect.DeepEqual(c.VRRP.AnnounceGroups, want) {
		t.Errorf("groups %+v", c.VRRP.AnnounceGroups)
	}
	lines := problemLines(found)
	for _, rule := range []string{RuleDuplicateName + ": t:10:", RuleMissingValue + ": t:13:", RuleMissingInterface + ": t:16:"} {
		if !strings.Contains(lines, rule) {
			t.Errorf("nothing is told of %s\n%s", rule, lines)
		}
	}
}
