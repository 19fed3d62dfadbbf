// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/netns/station"
	"github.com/vigild/vigild/test/vm/farm"
)

// managed is a configuration with every kind of virtual server and of real
// server that the SNMP tree tells apart. The paths of its scripts lead over no
// symbolic link: keepalived's checker shows where such a path ends.
const managed = `
global_defs {
    enable_traps
    lvs_sync_daemon eth0 inst V id 7 maxlen 1400 port 8849 ttl 3 group 224.0.0.82
    lvs_timeouts tcp 900 tcpfin 60 udp 120
    lvs_flush
    lvs_flush_on_stop VS
    smtp_alert_checker on
}
vrrp_instance V {
    interface eth0
    virtual_router_id 9
    priority 250
    advert_int 0.3
    version 3
    virtual_ipaddress { 10.0.0.99 }
}
virtual_server_group G1 {
    10.0.0.101 80
    10.0.0.102-105 81
    fwmark 77
}
virtual_server_group G6 {
    2001:db8::101 80
    2001:db8::102-104 443
}
virtual_server_group unused {
    10.0.0.200 80
}
virtual_server 10.0.0.100 80 {
    delay_loop 1
    lvs_sched wrr
    lvs_method NAT
    protocol TCP
    persistence_timeout 300
    persistence_granularity 255.255.255.0
    virtualhost www.example
    snmp_name first
    quorum 2
    hysteresis 1
    omega
    quorum_up "/usr/bin/echo up 'a b'"
    quorum_down "/usr/bin/echo down"
    smtp_alert
    retry 3
    delay_before_retry 2
    warmup 0.5
    connect_timeout 4
    sorry_server 10.1.0.13 8080
    real_server 10.1.0.11 8080 {
        weight 3
        snmp_name rs1
        virtualhost rs.example
        notify_up "/usr/bin/echo rsup"
        notify_down "/usr/bin/echo rsdown x"
        uthreshold 100
        lthreshold 10
        delay_loop 1.5
        TCP_CHECK {
            connect_timeout 3
            retry 0
        }
    }
    real_server 10.1.0.12 8080 {
        weight 1
        inhibit_on_failure
        smtp_alert no
        retry 5
        alpha
        TCP_CHECK {
            connect_timeout 3
            retry 0
        }
        TCP_CHECK {
            connect_timeout 3
            retry 0
            connect_port 8081
        }
    }
}
virtual_server fwmark 5 {
    delay_loop 6
    lvs_sched sh
    lvs_method TUN type gue port 6635 csum
    sh-port
    sh-fallback
    inhibit_on_failure
    weight 7
    real_server 10.1.0.11 0 {
    }
    real_server 10.1.0.12 53 {
        lvs_method TUN type gre nocsum
    }
    real_server 10.1.0.13 53 {
        lvs_method TUN type ipip
    }
}
virtual_server group G1 {
    lvs_sched wlc
    lvs_method DR
    protocol TCP
    persistence_timeout 50
    persistence_granularity 255.255.0.0
    real_server 10.1.0.11 80 {
        weight 2
    }
}
virtual_server group G6 {
    lvs_sched mh
    lvs_method NAT
    mh-port
    mh-fallback
    protocol TCP
    persistence_timeout 20
    persistence_granularity 64
    real_server 2001:db8:1::b 8080 {
    }
}
virtual_server 2001:db8::100 53 {
    delay_loop 1
    lvs_sched lc
    ops
    lvs_method NAT
    protocol UDP
    sorry_server 2001:db8:1::d 8080
    sorry_server_inhibit
    real_server 2001:db8:1::b 53 {
        weight 2
        UDP_CHECK {
            retry 0
        }
    }
}
virtual_server 10.0.0.110 99 {
    lvs_sched fo
    lvs_method NAT
    protocol SCTP
    real_server 10.1.0.11 99 {
    }
}
virtual_server fwmark 6 ip_family inet6 {
    lvs_sched rr
    lvs_method NAT
    real_server 2001:db8:1::b 0 {
    }
}
`

// younger are the lines of a walk that keepalived 2.2.7 does not have yet, or in
// which it names itself, by the beginning of their numbers below its root.
var younger = []string{
	"1.1.0", "1.12.", "2.3.1.36.", "3.3.1.72.", "3.3.1.73.", "3.3.1.74.", "3.3.1.75.", "3.3.1.76.", "3.3.1.77.", "3.3.1.78.",
	"3.4.1.56.", "3.4.1.57.", "3.4.1.58.", "3.4.1.59.", "3.4.1.60.", "3.4.1.61.", "3.4.1.62.", "3.4.1.63.",
}

// walked is a walk without what is younger and without what the kernel counts at
// its own pace: the pings of the neighbours.
func walked(s *station.Station) (out []string) {
	for _, l := range s.Walk(mib.Keepalived) {
		l = strings.TrimPrefix(l, "."+mib.Keepalived+".")
		if !slices.ContainsFunc(younger, func(p string) bool { return strings.HasPrefix(l, p) }) {
			out = append(out, l)
		}
	}
	return out
}

// said are the notifications about servers and quorums that have arrived, as
// keepalived sends them.
func said(s *station.Station) (out []string) {
	for _, text := range s.Traps() {
		var kept []string
		for part := range strings.SplitSeq(text, "\t") {
			name, value, _ := strings.Cut(part, " = ")
			if strings.HasPrefix(name, "."+mib.Keepalived) || strings.HasPrefix(value, "OID: ."+mib.Keepalived+".3") {
				kept = append(kept, strings.ReplaceAll(part, "."+mib.Keepalived+".", ""))
			}
		}
		if len(kept) > 0 && strings.Contains(kept[0], "3.5.0.") {
			out = append(out, strings.TrimPrefix(strings.Join(kept, " "), ".1.3.6.1.6.3.1.1.4.1.0 = OID: "))
		}
	}
	return out
}

// TestSameWalkAndTraps takes both daemons through the same failures, each under a
// real snmpd: a manager sees the same tree at every stage, line by line, and is
// sent the same notifications in the same order.
func TestSameWalkAndTraps(t *testing.T) {
	t.Parallel()
	var walks, traps [2][][]string
	t.Run("twins", func(t *testing.T) {
		for _, kind := range kinds {
			t.Run(kind.String(), func(t *testing.T) {
				t.Parallel()
				walks[kind], traps[kind] = manage(t, kind)
			})
		}
	})
	if t.Failed() {
		return
	}
	for i, what := range []string{"start", "a server has gone", "the quorum is lost", "the quorum is gained", "all is well", "the end"} {
		want, got := walks[lab.Keepalived][i], walks[lab.Vigild][i]
		if !slices.Equal(want, got) {
			t.Errorf("%s: keepalived gives %d lines, vigild %d: %s", what, len(want), len(got), station.Diff(want, got))
		}
		if want, got = traps[lab.Keepalived][i], traps[lab.Vigild][i]; i == 0 {
			want, got = sorted(want), sorted(got) // when a first check is made is left to chance
		}
		if !slices.Equal(want, got) {
			t.Errorf("%s: keepalived has sent\n%s\nvigild\n%s", what, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
}

func manage(t *testing.T, kind lab.Kind) (walks, traps [][]string) {
	f := farm.New(t, 1, 3)
	for _, s := range f.Servers {
		s.Echo(8080)
		s.Echo(8081)
	}
	director := f.Directors[0]
	s := station.New(t, f.Lab, director)
	director.IP("addr add 10.0.0.110/32 dev eth0", "addr add 2001:db8::100/128 dev eth0 nodad")
	d := director.Start(kind, managed, lab.Whole(), s.Flags())
	d.Wait("V", lab.Master, 90*time.Second)
	// stage waits until a walk shows what it is to show and the notifications have come.
	had := 0
	stage := func(what string, sent int, shows ...string) {
		var w []string
		lab.Until(t, 90*time.Second, what, func() bool {
			w = walked(s)
			return len(said(s)) >= had+sent && !slices.ContainsFunc(shows, func(l string) bool { return !slices.Contains(w, l) })
		})
		walks, traps = append(walks, w), append(traps, said(s)[had:])
		had = len(said(s))
	}
	// alpha, and nobody hears UDP on port 53.
	stage("start", 10, "3.3.1.23.1 = INTEGER: 1", "3.4.1.6.1.3 = INTEGER: 1", "3.4.1.13.1.3 = Gauge32: 0",
		"3.3.1.23.5 = INTEGER: 2", "3.4.1.13.5.2 = Gauge32: 1", "2.3.1.4.1 = INTEGER: 2")
	f.Servers[1].Behave(farm.Refuses)
	stage("a server has gone", 1, "3.4.1.6.1.3 = INTEGER: 2", "3.4.1.13.1.3 = Gauge32: 2")
	f.Servers[0].Behave(farm.Refuses)
	stage("the quorum is lost", 2, "3.3.1.23.1 = INTEGER: 2", "3.4.1.13.1.2 = Gauge32: 1")
	f.Servers[0].Behave(farm.Fine)
	stage("the quorum is gained", 2, "3.3.1.23.1 = INTEGER: 1", "3.4.1.13.1.2 = Gauge32: 0")
	f.Servers[1].Behave(farm.Fine)
	stage("all is well", 1, "3.4.1.6.1.3 = INTEGER: 1", "3.4.1.13.1.3 = Gauge32: 0")
	d.Stop()
	lab.Until(t, 60*time.Second, "all ends are told", func() bool { return len(said(s)) >= had+7 })
	walks, traps = append(walks, nil), append(traps, said(s)[had:])
	return walks, traps
}
