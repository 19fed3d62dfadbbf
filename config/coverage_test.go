// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"strings"
	"testing"
)

// inertKeywords are those in use that are understood and change nothing, each with the reason why that is enough.
var inertKeywords = map[string]string{
	"global_defs/vrrp_iptables":                       "nftables does what it asks for",
	"global_defs/vrrp_ipsets":                         "nftables has its own sets",
	"vrrp_instance/timer_expired_backup":              "a takeover is held while this router was late itself",
	"global_defs/nftables_ipvs":                       "each address of a group is a service",
	"global_defs/nftables_ipvs_priority":              "each address of a group is a service",
	"global_defs/nftables_ipvs_start_fwmark":          "each address of a group is a service",
	"global_defs/disable_local_igmp":                  "the reports of link-local groups do no harm",
	"global_defs/lvs_netlink_cmd_rcv_bufs":            "answers are read as they come",
	"global_defs/lvs_netlink_cmd_rcv_bufs_force":      "answers are read as they come",
	"global_defs/lvs_netlink_monitor_rcv_bufs":        "a lost message leads to a new look at everything",
	"global_defs/lvs_netlink_monitor_rcv_bufs_force":  "a lost message leads to a new look at everything",
	"global_defs/process_monitor_rcv_bufs":            "a lost message leads to a new look at everything",
	"global_defs/process_monitor_rcv_bufs_force":      "a lost message leads to a new look at everything",
	"global_defs/vrrp_netlink_cmd_rcv_bufs":           "answers are read as they come",
	"global_defs/vrrp_netlink_cmd_rcv_bufs_force":     "answers are read as they come",
	"global_defs/vrrp_netlink_monitor_rcv_bufs":       "a lost message leads to a new look at everything",
	"global_defs/vrrp_netlink_monitor_rcv_bufs_force": "a lost message leads to a new look at everything",
	"global_defs/vrrp_rx_bufs_multiplier":             "adverts are read as they come",
	"global_defs/vrrp_rx_bufs_policy":                 "adverts are read as they come",
	"vrrp_instance/kernel_rx_buf_size":                "adverts are read as they come",
	"global_defs/max_auto_priority":                   "lateness is told and bounded otherwise",
	"global_defs/min_auto_priority_delay":             "lateness is told and bounded otherwise",
	"global_defs/fifo_write_vrrp_states_on_reload":    "states can be asked for",
	"global_defs/snmp_vs_stats_update_interval":       "the check worker sets the pace",
	"global_defs/snmp_rs_stats_update_interval":       "the check worker sets the pace",
}

// TestEveryKeyword holds the table against the list of keepalived's keywords: each is there, acts or says why not, and
// what is obsolete says what to write now.
func TestEveryKeyword(t *testing.T) {
	list, err := os.ReadFile("testdata/keywords.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(list)) {
		w := strings.Fields(line)
		if w[0] == "#" {
			continue
		}
		block := strings.TrimPrefix(w[0], "-")
		for _, name := range w[2:] {
			seen++
			k := Find(block, name)
			if k == nil {
				t.Errorf("there is no %s in %q", name, block)
				continue
			}
			obsolete := k.Instead != "" || k.NoEffect != "" || k.Once != ""
			switch parent := Find("virtual_server/real_server/SMTP_CHECK", "host"); {
			case w[1] == "D" && !obsolete && block != parent.Path():
				t.Errorf("%s is obsolete and does not say what to write now", k.Path())
			case w[1] != "D" && k.NoEffect != "" && inertKeywords[k.Path()] == "":
				t.Errorf("%s has no effect: %s", k.Path(), k.NoEffect)
			}
		}
	}
	if seen < 500 {
		t.Errorf("%d keywords in the list", seen)
	}
}
