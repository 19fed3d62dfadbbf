// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/vm/farm"
)

// listen has all servers listen for the same.
func listen(ports ...func(*farm.Server)) func(*testing.T, *farm.Farm) {
	return func(_ *testing.T, f *farm.Farm) {
		for _, s := range f.Servers {
			for _, p := range ports {
				p(s)
			}
		}
	}
}

func echo(s *farm.Server) { s.Echo(8080) }

// tables of services with the two servers of most plans.
const (
	none   = "-A -t 10.0.0.100:80 -s rr\n"
	first  = "-a -t 10.0.0.100:80 -r 10.1.0.11:8080 -m -w 3\n"
	second = "-a -t 10.0.0.100:80 -r 10.1.0.12:8080 -m -w 1\n"
	sorry  = "-a -t 10.0.0.100:80 -r 10.1.0.13:8080 -m -w 1\n"

	inhibited = "-a -t 10.0.0.100:80 -r 10.1.0.13:8080 -m -w 0\n"

	upRS, downRS = "RS [10.1.0.%d]:tcp:8080 [10.0.0.100]:tcp:80 UP\n", "RS [10.1.0.%d]:tcp:8080 [10.0.0.100]:tcp:80 DOWN\n"
	miscUp       = "=> MISC CHECK succeeded on service <="

	upVS, downVS = "VS [10.0.0.100]:tcp:80 UP\n", "VS [10.0.0.100]:tcp:80 DOWN\n"
)

// two is a virtual server with the two servers, with more words for it and for
// the servers; CHECK is what checks them.
func two(service, server, check string) string {
	text := `
virtual_server 10.0.0.100 80 {
    delay_loop 1
    lvs_sched rr
    lvs_method NAT
    protocol TCP
    quorum_up "NOTE quorum up"
    quorum_down "NOTE quorum down"
    ` + service
	for i, weight := range []int{3, 1} {
		text += fmt.Sprintf(`
    real_server 10.1.0.%d 8080 {
        weight %d
        notify_up "NOTE %d up"
        notify_down "NOTE %d down"
        %s
        %s
    }`, 11+i, weight, 11+i, 11+i, server, check)
	}
	return text + "\n}\n"
}

const tcpCheck = "TCP_CHECK { connect_timeout 8\n retry 0 }"

// start is the first stage of most plans: both servers are in.
func start() stage {
	return stage{what: "start", table: none + first + second, calls: "quorum up", words: upVS}
}

// but leaves out of what is compared the mails that say something.
func (s stage) but(what string) stage {
	s.unlike = what
	return s
}

// breaks are a server leaving and coming back in each manner.
func breaks(manners ...farm.Manner) []stage {
	out := []stage{start()}
	for _, m := range manners {
		out = append(out,
			stage{what: fmt.Sprintf("manner %d", m), do: behave(0, m), table: none + second, calls: "11 down", words: fmt.Sprintf(downRS, 11)},
			stage{what: fmt.Sprintf("the end of manner %d", m), do: behave(0, farm.Fine), table: none + first + second, calls: "11 up", words: fmt.Sprintf(upRS, 11)})
	}
	return append(out, stage{what: "SIGTERM", do: stop})
}

// worded lets each daemon say in its own words why a check failed: keepalived
// calls a refused connection a failure to read, and garbage a reply that did not
// come; vigild says what came.
func worded(stages []stage) []stage {
	for i := range stages {
		stages[i].worded = true
	}
	return stages
}

var plans = map[string]plan{
	"TCP_CHECK": {
		servers: 2, listen: listen(echo), conf: two("", "", tcpCheck),
		stages: []stage{
			start(),
			{what: "the first refuses", do: behave(0, farm.Refuses), table: none + second, calls: "11 down", words: fmt.Sprintf(downRS, 11)},
			{what: "the second is deaf", do: behave(1, farm.Deaf), table: none, calls: "12 down\nquorum down", words: fmt.Sprintf(downRS, 12) + downVS},
			{what: "the first is back", do: behave(0, farm.Fine), table: none + first, calls: "11 up\nquorum up", words: fmt.Sprintf(upRS, 11) + upVS},
			{what: "the second is back", do: behave(1, farm.Fine), table: none + first + second, calls: "12 up", words: fmt.Sprintf(upRS, 12)},
			{what: "SIGTERM", do: stop},
		},
	},
	"HTTP_GET": {
		servers: 2, listen: listen(func(s *farm.Server) { s.HTTP(8080) }),
		conf: two("", "", `HTTP_GET {
            url {
                path /name
                status_code 200
            }
            url {
                path /
                digest 2670f929ce8c93af815ba0ae8fd591ff
            }
            connect_timeout 8
            retry 0
        }`),
		stages: breaks(farm.Refuses, farm.Wrong, farm.Other, farm.Hangs, farm.Resets, farm.Closes, farm.Garbage, farm.Late),
	},
	"SSL_GET": {
		servers: 2,
		listen: func(t *testing.T, f *farm.Farm) {
			// A certificate that has expired, for another name, is as good.
			f.Servers[0].HTTPS(8080, farm.Certificate(t, "elsewhere.example", time.Now().Add(-24*time.Hour)))
			f.Servers[1].HTTPS(8080, farm.Certificate(t, "www.example", time.Now().Add(24*time.Hour)))
		},
		conf:   two("", "", "SSL_GET { url {\n path /\n status_code 200\n }\n connect_timeout 8\n retry 0 }"),
		stages: breaks(farm.Refuses, farm.Wrong, farm.Hangs, farm.Garbage),
	},
	"SMTP_CHECK": {
		servers: 2, listen: listen(func(s *farm.Server) { s.SMTP(8080) }),
		conf:   two("", "", "SMTP_CHECK { connect_timeout 8\n retry 0\n helo_name director.example }"),
		stages: worded(breaks(farm.Refuses, farm.Wrong, farm.Hangs, farm.Garbage, farm.Closes)),
	},
	"sorry_server": {
		servers: 3, listen: listen(echo), conf: two("quorum 2\n hysteresis 1\n sorry_server 10.1.0.13 8080", "", tcpCheck),
		stages: []stage{
			start(),
			{what: "the second refuses", do: behave(1, farm.Refuses), table: none + first, calls: "12 down", words: fmt.Sprintf(downRS, 12)},
			{what: "the first refuses", do: behave(0, farm.Refuses), table: none + sorry, calls: "11 down\nquorum down", words: fmt.Sprintf(downRS, 11) + downVS},
			{what: "the second is back, without quorum", do: behave(1, farm.Fine), table: none + sorry, calls: "12 up", words: fmt.Sprintf(upRS, 12)},
			{what: "the first is back", do: behave(0, farm.Fine), table: none + first + second, calls: "11 up\nquorum up", words: fmt.Sprintf(upRS, 11) + upVS},
			{what: "SIGTERM", do: stop},
		},
	},
	"sorry_server_inhibit": {
		servers: 3, listen: listen(echo), conf: two("sorry_server 10.1.0.13 8080\n sorry_server_inhibit", "", tcpCheck),
		stages: []stage{
			{what: "start", table: none + first + second + inhibited, calls: "quorum up", words: upVS},
			{what: "the second refuses", do: behave(1, farm.Refuses), table: none + first + inhibited, calls: "12 down", words: fmt.Sprintf(downRS, 12)},
			{what: "the first refuses", do: behave(0, farm.Refuses), table: none + sorry, calls: "11 down\nquorum down", words: fmt.Sprintf(downRS, 11) + downVS},
			{what: "the first is back", do: behave(0, farm.Fine), table: none + first + inhibited, calls: "11 up\nquorum up", words: fmt.Sprintf(upRS, 11) + upVS},
			{what: "SIGTERM", do: stop},
		},
	},
	"inhibit_on_failure": {
		servers: 2, listen: listen(echo), conf: two("", "inhibit_on_failure", tcpCheck),
		stages: []stage{
			start(),
			{
				what: "the first refuses", do: behave(0, farm.Refuses),
				table: none + strings.ReplaceAll(first, "-w 3", "-w 0") + second, calls: "11 down", words: fmt.Sprintf(downRS, 11),
			},
			{what: "the first is back", do: behave(0, farm.Fine), table: none + first + second, calls: "11 up", words: fmt.Sprintf(upRS, 11)},
			{what: "SIGTERM", do: stop},
		},
	},
	"alpha, omega": {
		servers: 2, listen: listen(echo), conf: two("alpha\n omega", "", tcpCheck),
		stages: []stage{
			{
				what: "start", table: none + first + second, calls: "11 up\n12 up\nquorum up", any: true,
				words: fmt.Sprintf(upRS, 11) + upVS + fmt.Sprintf(upRS, 12),
			},
			{
				what: "SIGTERM", do: stop, calls: "11 down\n12 down\nquorum down",
				words: fmt.Sprintf(downRS, 11) + fmt.Sprintf(downRS, 12) + downVS,
			},
		},
	},
	"misc_dynamic": {
		servers: 2, listen: listen(echo),
		conf: two("", "", `MISC_CHECK { misc_path "/bin/sh DIR/status"`+"\n misc_timeout 30\n misc_dynamic }"),
		stages: []stage{
			// compat: keepalived mails that a check succeeded when its program first ends, or
			// first asks for a weight, though the server was up all the time.
			start().but(miscUp),
			{what: "weight 10", do: status(12), table: none + reweigh(10), calls: "", words: "", unlike: miscUp},
			{what: "weight 0", do: status(2), table: none + reweigh(0), calls: "quorum down", words: downVS, unlike: miscUp, any: true},
			{what: "the configured weights", do: status(0), table: none + first + second, calls: "quorum up", words: upVS, unlike: miscUp, any: true},
			{what: "failed", unlike: miscUp, do: status(1), table: none, any: true, calls: "11 down\n12 down\nquorum down", words: fmt.Sprintf(downRS, 11) + fmt.Sprintf(downRS, 12) + downVS},
			{what: "SIGTERM", do: stop},
		},
	},
	"FILE_CHECK": {
		servers: 2, listen: listen(echo),
		conf: "track_file weights {\n file DIR/weights\n init_file 0\n}\n" + two("", "", "FILE_CHECK { track_file weights\n weight 2 }"),
		stages: []stage{
			start(),
			{what: "5 twice", do: write("weights", "5\n"), table: none + strings.ReplaceAll(strings.ReplaceAll(first+second, "-w 3", "-w 13"), "-w 1\n", "-w 11\n")},
			{what: "-1 twice", do: write("weights", "-1\n"), table: none + strings.ReplaceAll(strings.ReplaceAll(first+second, "-w 1\n", "-w 0\n"), "-w 3", "-w 1")},
			{what: "back to 0", do: write("weights", "0\n"), table: none + first + second},
			{what: "SIGTERM", do: stop},
		},
	},
	"reload": {
		servers: 3, listen: listen(echo), conf: two("", "", tcpCheck),
		stages: []stage{
			start(),
			{what: "the first refuses", do: behave(0, farm.Refuses), table: none + second, calls: "11 down", words: fmt.Sprintf(downRS, 11)},
			{
				what: "another weight and one more server", do: reload(two("", "", tcpCheck), "weight 1\n", "weight 7\n", "\n}\n", "\nreal_server 10.1.0.13 8080 {\n weight 1\n}\n}\n"),
				table: none + strings.ReplaceAll(second, "-w 1", "-w 7") + sorry,
			},
			{what: "the first is back", do: behave(0, farm.Fine), table: none + first + strings.ReplaceAll(second, "-w 1", "-w 7") + sorry, calls: "11 up", words: fmt.Sprintf(upRS, 11)},
			{what: "another scheduler, as before otherwise", do: reload(two("", "", tcpCheck), "lvs_sched rr", "lvs_sched wrr"), table: strings.ReplaceAll(none, "rr", "wrr") + first + second, words: fmt.Sprintf(downRS, 13)},
			{
				what: "another service instead", do: reload(two("", "", tcpCheck), "10.0.0.100 80", "10.0.0.100 81"), any: true,
				table: strings.ReplaceAll(none+first+second, "10.0.0.100:80", "10.0.0.100:81"),
				calls: "11 down\n12 down\nquorum down\nquorum up",
				words: fmt.Sprintf(downRS, 11) + fmt.Sprintf(downRS, 12) + downVS + strings.ReplaceAll(upVS, ":80", ":81"),
			},
			{
				what: "no service at all", do: reload(""), any: true, table: "",
				calls: "11 down\n12 down\nquorum down",
				words: strings.ReplaceAll(fmt.Sprintf(downRS, 11)+fmt.Sprintf(downRS, 12)+downVS, ":80 ", ":81 "),
			},
			{what: "the first again", do: reload(two("", "", tcpCheck)), table: none + first + second, calls: "quorum up", words: upVS},
			{what: "SIGTERM", do: stop},
		},
	},
	"ha_suspend": {
		servers: 2, listen: listen(echo), conf: two("ha_suspend", "", tcpCheck),
		stages: []stage{
			start(),
			{what: "the address goes", do: func(r *run) { r.Disown(r.Directors[0]) }, table: none + first + second},
			{what: "the address is back", do: func(r *run) { r.Own(r.Directors[0]) }, table: none + first + second},
			{what: "the first refuses", do: behave(0, farm.Refuses), table: none + second, calls: "11 down", words: fmt.Sprintf(downRS, 11)},
			{what: "SIGTERM", do: stop},
		},
	},
	"marks, groups, persistence, tunnels": {
		servers: 2, listen: listen(echo), conf: many,
		stages: granular([]stage{
			{
				what: "start", any: true,
				table: `
				-A -f 5 -s wlc -p 300 -M 255.255.255.0
				-a -f 5 -r 10.1.0.11:0 -g -w 1
				-a -f 5 -r 10.1.0.12:0 -i -w 2 --tun-type gue --tun-port 6080 --tun-nocsum
				-A -t 10.0.0.101:443 -s sh -p 50 -b sh-fallback,sh-port
				-A -t 10.0.0.102:443 -s sh -p 50 -b sh-fallback,sh-port
				-A -f 6 -s sh -p 50 -b sh-fallback,sh-port
				-a -t 10.0.0.101:443 -r 10.1.0.11:443 -i -w 1 --tun-type ipip
				-a -t 10.0.0.102:443 -r 10.1.0.11:443 -i -w 1 --tun-type ipip
				-a -f 6 -r 10.1.0.11:0 -i -w 1 --tun-type ipip
				-A -u [2001:db8::100]:53 -s rr -o
				-a -u [2001:db8::100]:53 -r [2001:db8:1::b]:53 -m -w 1
				-A --sctp-service 10.0.0.100:3868 -s mh -b mh-port
				-a --sctp-service 10.0.0.100:3868 -r 10.1.0.12:3868 -m -w 1`,
				words: "VS FWM 5 UP\nVS [GROUP]:0 UP\nVS [2001:db8::100]:udp:53 UP\nVS [10.0.0.100]:sctp:3868 UP\n",
			},
			{
				what: "the first refuses", do: behave(0, farm.Refuses), any: true,
				table: `
				-A -f 5 -s wlc -p 300 -M 255.255.255.0
				-a -f 5 -r 10.1.0.12:0 -i -w 2 --tun-type gue --tun-port 6080 --tun-nocsum
				-A -t 10.0.0.101:443 -s sh -p 50 -b sh-fallback,sh-port
				-A -t 10.0.0.102:443 -s sh -p 50 -b sh-fallback,sh-port
				-A -f 6 -s sh -p 50 -b sh-fallback,sh-port
				-A -u [2001:db8::100]:53 -s rr -o
				-A --sctp-service 10.0.0.100:3868 -s mh -b mh-port
				-a --sctp-service 10.0.0.100:3868 -r 10.1.0.12:3868 -m -w 1`,
				words: `RS [10.1.0.11]:none:0 FWM 5 DOWN
				RS [10.1.0.11]:tcp:443 [GROUP]:0 DOWN
				VS [GROUP]:0 DOWN
				RS [2001:db8:1::b]:udp:53 [2001:db8::100]:udp:53 DOWN
				VS [2001:db8::100]:udp:53 DOWN`,
			},
			{what: "SIGTERM", do: stop},
		}),
	},
	"UDP_CHECK": {
		servers: 2, listen: listen(func(s *farm.Server) { s.UDP(53) }),
		conf:   udp("UDP_CHECK { connect_timeout 8\n retry 0\n payload aabbcc\n require_reply }"),
		stages: datagrams(farm.Refuses, farm.Hangs),
	},
	"DNS_CHECK": {
		servers: 2, listen: listen(func(s *farm.Server) { s.DNS(53) }),
		conf:   udp("DNS_CHECK { connect_timeout 8\n retry 0\n type A\n name www.example. }"),
		stages: datagrams(farm.Refuses, farm.Wrong, farm.Hangs, farm.Other, farm.Garbage),
	},
}

// granular says what vigild does with persistence_granularity of a group, which
// keepalived reads and forgets.
func granular(stages []stage) []stage {
	for i := range stages {
		stages[i].ours = strings.ReplaceAll(stages[i].table, "-p 50 ", "-p 50 -M 255.255.255.0 ")
	}
	return stages
}

// udp is a service over UDP.
func udp(check string) string {
	return `
virtual_server 10.0.0.100 53 {
    delay_loop 1
    lvs_sched rr
    lvs_method DR
    protocol UDP
    real_server 10.1.0.11 53 {
        weight 1
        ` + check + `
    }
    real_server 10.1.0.12 53 {
        weight 1
        ` + check + `
    }
}
`
}

// datagrams is breaks for such a service.
func datagrams(manners ...farm.Manner) []stage {
	const (
		service = "-A -u 10.0.0.100:53 -s rr\n"
		first   = "-a -u 10.0.0.100:53 -r 10.1.0.11:53 -g -w 1\n"
		second  = "-a -u 10.0.0.100:53 -r 10.1.0.12:53 -g -w 1\n"
		said    = "RS [10.1.0.11]:udp:53 [10.0.0.100]:udp:53 "
	)
	out := []stage{{what: "start", table: service + first + second, words: "VS [10.0.0.100]:udp:53 UP"}}
	for _, m := range manners {
		out = append(out,
			stage{what: fmt.Sprintf("manner %d", m), do: behave(0, m), table: service + second, words: said + "DOWN"},
			stage{what: fmt.Sprintf("the end of manner %d", m), do: behave(0, farm.Fine), table: service + first + second, words: said + "UP"})
	}
	return append(out, stage{what: "SIGTERM", do: stop})
}

// many has what the other plans have not: services known by marks and in groups,
// persistence, flags of schedulers, tunnels, IPv6, UDP and SCTP.
const many = `
virtual_server_group GROUP {
    10.0.0.101-102 443
    fwmark 6
}
virtual_server fwmark 5 {
    delay_loop 1
    lvs_sched wlc
    lvs_method DR
    persistence_timeout 300
    persistence_granularity 255.255.255.0
    protocol TCP
    real_server 10.1.0.11 0 {
        weight 1
        TCP_CHECK {
            connect_port 8080
            connect_timeout 8
            retry 0
        }
    }
    real_server 10.1.0.12 0 {
        weight 2
        lvs_method TUN type gue port 6080
        TCP_CHECK {
            connect_port 8080
            connect_timeout 8
        }
    }
}
virtual_server group GROUP {
    delay_loop 1
    lvs_sched sh
    sh-port
    sh-fallback
    lvs_method TUN
    persistence_timeout 50
    persistence_granularity 255.255.255.0
    protocol TCP
    real_server 10.1.0.11 443 {
        weight 1
        TCP_CHECK {
            connect_port 8080
            connect_timeout 8
            retry 0
        }
    }
}
virtual_server 2001:db8::100 53 {
    delay_loop 1
    lvs_sched rr
    ops
    lvs_method NAT
    protocol UDP
    real_server 2001:db8:1::b 53 {
        weight 1
        TCP_CHECK {
            connect_port 8080
            connect_timeout 8
            retry 0
        }
    }
}
virtual_server 10.0.0.100 3868 {
    delay_loop 1
    lvs_sched mh
    mh-port
    lvs_method NAT
    protocol SCTP
    real_server 10.1.0.12 3868 {
        weight 1
        PING_CHECK {
            connect_timeout 8
        }
    }
}
`

// write replaces a file of the farm.
func write(name, text string) func(*run) {
	return func(r *run) { r.File(name, text, 0o644) }
}

// reload gives the daemon another configuration: a text in which each first of
// two words is replaced by the second.
func reload(text string, words ...string) func(*run) {
	return func(r *run) { r.reload(strings.NewReplacer(words...).Replace(text)) }
}

// status has the script of the plan end with a status. No run of it finds half a
// file.
func status(n int) func(*run) {
	return func(r *run) {
		path := r.File("status.new", fmt.Sprintf("exit %d\n", n), 0o755)
		if err := os.Rename(path, r.Dir()+"/status"); err != nil {
			r.Fatal(err)
		}
	}
}

func reweigh(n int) string {
	return strings.NewReplacer("-w 3", fmt.Sprintf("-w %d", n), "-w 1", fmt.Sprintf("-w %d", n)).Replace(first + second)
}
