// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/netns/station"
)

// justified are the lines in which a walk of ours may differ from one of
// keepalived 2.2.7, by the beginning of their numbers below its root.
var justified = map[string]string{
	"1.1.0": "the version",
	"1.12.": "younger than 2.2.7", "2.3.1.36.": "younger than 2.2.7",
	"2.9.1.10.": "younger than 2.2.7", "2.9.1.11.": "younger than 2.2.7", "2.9.1.12.": "younger than 2.2.7",
}

// judged drops the lines that may differ.
func judged(lines []string) (out []string) {
next:
	for _, l := range lines {
		for prefix := range justified {
			if strings.HasPrefix(l, "."+mib.Keepalived+"."+prefix) {
				continue next
			}
		}
		out = append(out, l)
	}
	return out
}

// standard is a walk of the modules of the RFCs. What differs between two routers
// of any kind is left out: hardware addresses, and for how long an instance is up.
func standard(s *station.Station) (out []string) {
	for _, root := range []string{mib.RFC2787, mib.RFC6527} {
		for _, l := range s.Walk(root) {
			name, _, _ := strings.Cut(l, " = ")
			switch {
			case strings.HasPrefix(name, "."+mib.RFC2787+".1.3.1.2."), strings.HasPrefix(name, "."+mib.RFC2787+".1.3.1.13."),
				strings.HasPrefix(name, "."+mib.RFC6527+".1.1.1.1.5."), strings.HasPrefix(name, "."+mib.RFC6527+".1.1.1.1.12."):
				l = name
			}
			out = append(out, l)
		}
	}
	return out
}

// without2787Rows drops the rows of VRRP-MIB that one of two walks lacks:
// keepalived 2.2.7 loses rows when there is more than one instance.
func without2787Rows(lines, other []string) (out []string) {
	for _, l := range lines {
		name, _, _ := strings.Cut(l, " = ")
		lost := strings.HasPrefix(name, "."+mib.RFC2787+".1.3.") || strings.HasPrefix(name, "."+mib.RFC2787+".2.4.")
		if !lost || slices.ContainsFunc(other, func(o string) bool { return o == name || strings.HasPrefix(o, name+" = ") }) {
			out = append(out, l)
		}
	}
	return out
}

// corpus is configurations that are walked in both daemons, with the state in
// which each instance comes to rest. The routers have eth0 and eth1.
var corpus = map[string]struct {
	conf   string
	states map[string]string
}{
	"smallest": {
		conf: `
vrrp_instance V {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.1.1 }
}
`, states: map[string]string{"V": lab.Master},
	},
	"tracking": {
		conf: `
global_defs {
    notification_email { x@example.org }
    enable_traps
    smtp_alert off
    smtp_alert_checker on
    no_email_faults
}
static_ipaddress {
    10.0.1.200/24 dev eth0
    2001:db8:9::200/64 dev eth1
}
vrrp_script chk {
    script "/bin/true arg 1"
    interval 2
    weight -20
    rise 2
    fall 3
}
vrrp_script chk2 {
    script "/bin/false 'a b' c"
    interval 1
    timeout 3
    weight 10 reverse
    fall 2
}
vrrp_script unused {
    script "/bin/true"
}
vrrp_instance b1 {
    interface eth0
    virtual_router_id 1
    priority 10
    advert_int 30
    preempt_delay 12.5
    virtual_ipaddress {
        10.0.1.1/24
        10.9.9.1 peer 10.9.9.2
    }
    virtual_ipaddress_excluded {
        10.0.1.3/24 scope nowhere
        10.0.1.4/24 scope site
        10.0.1.5/24 scope 100
    }
    track_interface {
        eth1 weight -5 reverse
        lo
    }
    track_script {
        chk
        chk2 weight 3
    }
    notify_master_rx_lower_pri "/bin/echo low"
    notify_deleted "/bin/echo del 'x y'"
}
vrrp_instance m2 {
    interface eth0
    virtual_router_id 2
    state MASTER
    version 3
    advert_int 0.3
    virtual_ipaddress {
        10.0.1.11/24
        10.0.1.12/24 label eth0:x
    }
    virtual_ipaddress_excluded {
        10.0.1.13/24
        2001:db8:9::9 peer 2001:db8:9::10
    }
    track_script { chk weight 0 }
}
vrrp_instance m3 {
    interface eth1
    virtual_router_id 3
    priority 200
    advert_int 1
    virtual_ipaddress { 10.1.1.9/24 }
    notify "/bin/echo x"
    garp_master_delay 0
    nopreempt
    smtp_alert
}
vrrp_instance g1 {
    interface eth1
    virtual_router_id 4
    priority 200
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass secret
    }
    virtual_ipaddress { 10.1.1.10/24 }
}
vrrp_sync_group GG {
    group { g1 }
    track_interface { eth0 weight 3 }
    track_script { chk weight 5 }
    sync_group_tracking_weight
    notify_backup "/bin/echo a b"
    notify_fault "/bin/echo f"
    notify_stop "/bin/echo s"
}
vrrp_sync_group GE {
    group {
        m2
        m3
    }
    smtp_alert
}
`, states: map[string]string{"b1": lab.Backup, "m2": lab.Master, "m3": lab.Master, "g1": lab.Master},
	},
	"families": {
		conf: `
global_defs {
    smtp_server 2001:db8::25
    smtp_alert
    smtp_alert_vrrp off
    enable_traps
    dynamic_interfaces
    vrrp_version 3
}
vrrp_instance six {
    interface eth0
    state MASTER
    virtual_router_id 6
    priority 255
    advert_int 0.25
    virtual_ipaddress {
        fe80::6:6/64
        2001:db8::66/64
        2001:db8::67
    }
    dont_track_primary
    promote_secondaries
}
vrrp_instance uni {
    interface eth0
    virtual_router_id 7
    priority 50
    version 2
    advert_int 30
    unicast_peer {
        10.0.0.12
        10.0.0.13
    }
    virtual_ipaddress {
        10.0.1.110/24
        10.0.1.111/24 scope host
        10.0.1.112/24 brd -
        10.0.1.113/24 brd 10.0.1.255
    }
    notify_deleted
}
vrrp_instance down {
    interface eth9
    virtual_router_id 9
    virtual_ipaddress { 10.0.1.120 }
}
`, states: map[string]string{"six": lab.Master, "uni": lab.Backup, "down": lab.Fault},
	},
	"objects": {
		conf: `
vrrp_script s1 {
    script "true x"
    weight 10 reverse
}
track_file f1 {
    file "/run/no-such-file"
    weight 3 reverse
}
track_file f2 {
    file "/run/no-such-file-either"
    weight -3
}
track_file unused {
    file "/run/unused"
}
vrrp_track_process p1 {
    process no-such-program a b
    weight 4 reverse
    quorum 2
    quorum_max 4
    param_match initial
    fork_delay 1.5
    terminate_delay 2
}
vrrp_track_process p2 {
    process /nowhere/no-such-program
    weight 4
    full_command
}
vrrp_track_process p3 {
    process unused
}
vrrp_instance V {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.1.1 }
    track_script { s1 weight 3 }
    track_file { f1 weight 2 }
    track_process {
        p1 weight 5
        p2 weight 6 reverse
    }
    track_interface { eth1 weight 3 reverse }
}
vrrp_instance W {
    interface eth0
    virtual_router_id 2
    virtual_ipaddress { 10.0.1.2 }
    track_script { s1 weight 3 noreverse }
    track_file {
        f1 weight 2 noreverse
        f2 weight 1
    }
    track_process { p2 }
    track_interface { eth1 weight 9 }
}
vrrp_sync_group G {
    group { W }
    sync_group_tracking_weight
    track_file { f2 }
    track_process { p1 weight 1 }
}
`, states: map[string]string{"V": lab.Master, "W": lab.Master},
	},
	"routes": {
		conf: `
static_routes {
    10.50.0.0/16 via 10.0.0.200 dev eth0
}
static_rules {
    from 10.60.0.0/16 table 77 priority 300
}
vrrp_instance V {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.1.1 }
    virtual_routes {
        src 10.0.0.1 10.21.0.0/16 via 10.0.0.9 dev eth0 table 100 metric 7
        10.22.0.0/16 dev eth0 scope link no_track
        10.22.1.1 dev eth0 scope host protocol static no_track
        blackhole 10.23.0.0/16
        unreachable 10.24.0.0/16
        prohibit 10.28.0.0/16
        throw 10.29.0.0/16 table 100
        10.25.0.0/16 nexthop via 10.0.0.9 dev eth0 weight 3 nexthop via 10.1.0.9 dev eth1 onlink realms 3/4
        10.26.0.0/16 via 10.0.0.9 dev eth0 mtu lock 1400 advmss 1300 rtt 500ms rttvar 6 reordering 4 window 3000 cwnd lock 10 ssthresh 9 realms 4/5 rto_min 300ms initcwnd 11 initrwnd 12 features ecn quickack 1 congctl cubic hoplimit 33 tos 0x10 fastopen_no_cookie 1
        2001:db8:20::/48 via 2001:db8::9 dev eth0 pref high metric 55 expires 600
        2001:db8:63::/48 from 2001:db8:99::/64 dev eth0
    }
    virtual_rules {
        to 10.41.0.0/16 from 10.42.0.1 table 100 priority 201
        not from 10.43.0.0/16 iif eth0 oif eth1 tos 8 fwmark 5/0xff table 102 priority 202 suppress_prefixlength 10 realms 1/2
        from 10.44.0.0/16 goto 250 priority 203
        from 10.45.0.0/16 blackhole priority 204
        from 10.46.0.0/16 prohibit priority 205
        from 10.47.0.0/16 unreachable priority 206
        from 10.49.0.0/16 nop priority 210
        from 2001:db8:40::/48 suppress_ifgroup 3 table main priority 207
        from 10.48.0.0/16 uidrange 100-200 table 100 priority 209
        tunnel-id 77 from 10.52.0.0/16 table 100 priority 215
        from 10.53.0.0/16 table 5
    }
}
`, states: map[string]string{"V": lab.Master},
	},
	"vmac": {
		conf: `
global_defs {
    nftables
}
vrrp_instance V4 {
    interface eth0
    virtual_router_id 5
    use_vmac
    virtual_ipaddress {
        10.0.1.1/24
        10.0.1.2/24 dev eth0
    }
    track_interface { eth1 weight 2 }
}
vrrp_instance V6 {
    interface eth0
    virtual_router_id 6
    version 3
    use_vmac vm6
    vmac_xmit_base
    virtual_ipaddress {
        fe80::66
        2001:db8::66/64
    }
}
vrrp_instance low {
    interface eth1
    virtual_router_id 7
    use_vmac
    advert_int 30
    virtual_ipaddress { 10.1.1.7/24 }
    track_interface {
        eth0
        eth1
    }
}
`, states: map[string]string{"V4": lab.Master, "V6": lab.Master, "low": lab.Backup},
	},
	"bfd": {
		conf: `
bfd_instance b1 {
    neighbor_ip 10.0.0.77
    source_ip 10.0.0.1
    weight -5
}
bfd_instance b2 {
    neighbor_ip 10.0.0.78
    weight 4 reverse
}
bfd_instance unused {
    neighbor_ip 10.0.0.79
}
bfd_instance b3 {
    neighbor_ip 10.0.0.80
}
vrrp_instance V {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.1.1 }
    track_bfd {
        b1
        b2 weight 7
    }
}
vrrp_instance W {
    interface eth0
    virtual_router_id 2
    virtual_ipaddress { 10.0.1.2 }
    track_bfd { b3 weight 0 }
}
vrrp_instance X {
    interface eth0
    virtual_router_id 3
    virtual_ipaddress { 10.0.1.3 }
}
vrrp_sync_group G {
    group { X }
    sync_group_tracking_weight
    track_bfd {
        b1 weight 3
        b2 weight 3 noreverse
    }
}
`, states: map[string]string{"V": lab.Master, "W": lab.Fault, "X": lab.Master},
	},
}

// TestSameWalk walks keepalived and vigild with the same configuration, each
// under a real snmpd, and compares line by line.
func TestSameWalk(t *testing.T) {
	for name, c := range corpus {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var walks [2]func() []string
			var daemons [2]*lab.Daemon
			for _, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
				l := lab.New(t)
				r := l.RouterNumber("router", 1, l.Wire(), l.Wire())
				a := station.New(t, l, r)
				daemons[kind] = r.Start(kind, c.conf, a.Flags())
				walks[kind] = func() []string { return append(judged(a.Walk(mib.Keepalived)), standard(a)...) }
			}
			for _, d := range daemons {
				for in, state := range c.states {
					d.Wait(in, state, starting)
				}
			}
			// Scripts have their verdicts and addresses their places a moment later;
			// a master agent that is not up yet is tried again.
			var want, got []string
			same := func() bool {
				want, got = walks[lab.Keepalived](), walks[lab.Vigild]()
				got = without2787Rows(got, want)
				return len(want) > 40 && slices.Equal(want, got)
			}
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			// keepalived that lost its master agent on a busy machine needs a while.
			for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
				if same() {
					return
				}
			}
			t.Errorf("keepalived gives %d lines, vigild %d; %s", len(want), len(got), station.Diff(want, got))
		})
	}
}
