// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/netns/station"
)

// walkedInstances and walkedServers are what a manager walks. The time that
// keepalived takes grows with the square of the servers; what is promised is
// promised for 10,000.
const (
	walkedInstances = 250
	walkedServers   = 2_000
)

// snmpRound walks each program under a snmpd of its own: 250 instances, and real
// servers. Where the kernel has no IPVS keepalived checks nothing, so there
// vigild's servers are walked alone, on a dry run.
func snmpRound(b *bench, _ plan, n int) {
	instances, lines := map[string]float64{}, 0
	for _, kind := range turns(n) {
		b.sub(func() {
			instances[column(kind)], lines = walked(b, kind, crowd{links: 1, each: walkedInstances, version: 3, interval: time.Second, priority: 255}.String(), mib.Keepalived+".2")
		})
	}
	b.put(fmt.Sprintf("%d instances, %d lines", walkedInstances, lines), "ms", 1./3, false, instances)
	servers := map[string]float64{}
	for _, kind := range turns(n) {
		if kind == lab.Keepalived && !hasIPVS() {
			continue
		}
		b.sub(func() { servers[column(kind)], lines = walked(b, kind, manyServers(), mib.Keepalived+".3.4") })
	}
	target := 1. / 10
	if len(servers) == 1 {
		target = nothing
	}
	b.put(fmt.Sprintf("%d real servers, %d lines", walkedServers, lines), "ms", target, len(servers) == 1, servers)
}

// hasIPVS says whether this kernel does.
func hasIPVS() bool {
	_, err := os.Stat("/proc/net/ip_vs")
	return err == nil
}

// manyServers is ten virtual servers with a thousand real servers each.
func manyServers() string {
	var s strings.Builder
	for v := range 10 {
		fmt.Fprintf(&s, "virtual_server 10.0.0.100 %d {\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n", v+1)
		for i := range walkedServers / 10 {
			fmt.Fprintf(&s, "    real_server %v 80 {\n        weight 1\n    }\n", serverAddress(i+1))
		}
		s.WriteString("}\n")
	}
	return s.String()
}

// walked is the least time in milliseconds that one of three walks took, and how
// many lines it had.
func walked(b *bench, kind lab.Kind, conf, root string) (ms float64, lines int) {
	l := lab.New(b)
	r := l.Router("router", l.Wire())
	s := station.New(b, l, r)
	opts := []lab.Option{lab.Terse(), lab.Whole(), s.Flags()}
	if kind == lab.Vigild && !hasIPVS() {
		opts = append(opts, lab.Flags("--dataplane=dry-run"))
	}
	r.Start(kind, conf, opts...)
	// All rows are there when one more walk has no more of them.
	lab.Until(b, 20*starting, "everything is served", func() bool {
		was := lines
		lines = len(s.Walk(root))
		return lines > walkedInstances && lines == was
	})
	for range 3 {
		began := time.Now()
		if n := len(s.Walk(root)); n != lines {
			b.Fatalf("a walk of %s has %d lines, and then %d", root, lines, n)
		}
		if took := float64(time.Since(began).Microseconds()) / 1000; ms == 0 || took < ms {
			ms = took
		}
	}
	return ms, lines
}
