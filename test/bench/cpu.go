// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// crowds is what the processor time is measured with.
var crowds = []struct {
	name string
	crowd
}{
	{"250 instances, version 3, 0.1 s", crowd{links: 1, each: 250, version: 3, interval: 100 * time.Millisecond}},
	{"1,000 instances on 4 links, version 2, 1 s", crowd{links: 4, each: 250, version: 2, interval: time.Second}},
	{"50 instances, version 3, 0.01 s", crowd{links: 1, each: 50, version: 3, interval: 10 * time.Millisecond}},
}

// cpuRound measures each program as a sender whom nobody hears, and as one of
// many backups of the same keepalived.
func cpuRound(b *bench, p plan, n int) {
	for _, c := range crowds {
		sent, received := map[string]float64{}, map[string]float64{}
		for _, kind := range turns(n) {
			b.sub(func() { sent[column(kind)] = sending(b, p, kind, c.crowd) })
			b.sub(func() { received[column(kind)] = receiving(b, p, kind, c.crowd) })
		}
		b.put("sent: "+c.name, "us", 0.5, false, sent)
		b.put("received: "+c.name, "us", 0.9, false, received)
	}
}

// sending is the processor time per advert sent, in microseconds. The wire's
// end of the cable is no bridge port, so the kernel's work for a receiver is
// as small as can be.
func sending(b *bench, p plan, kind lab.Kind, c crowd) float64 {
	wires, l := network(b, c.links)
	r := l.Router("subject", wires...)
	for link := range c.links {
		r.Mute(link)
	}
	d := r.Start(kind, c.with(255).String(), lab.Terse())
	steady(b, c, func() float64 { return packets(b, r, c.links, "tx") })
	return perAdvert(b, d, p.window, func() float64 { return packets(b, r, c.links, "tx") })
}

// receiving is the processor time per advert received. The sender is of real
// time, because a backup that has to take over has other work than to receive.
func receiving(b *bench, p plan, kind lab.Kind, c crowd) float64 {
	wires, l := network(b, c.links)
	from, r := l.Router("sender", wires...), l.Router("subject", wires...)
	from.Start(lab.Keepalived, c.with(255).String(), lab.Terse(), lab.RealTime(50))
	steady(b, c, func() float64 { return packets(b, r, c.links, "rx") })
	d := r.Start(kind, c.with(100).String(), lab.Terse())
	lab.Until(b, starting, "all are backups", func() bool {
		backups := 0
		for _, ch := range d.Changes() {
			if ch.Kind == "INSTANCE" && ch.State == lab.Backup {
				backups++
			}
		}
		return backups >= c.links*c.each
	})
	steady(b, c, func() float64 { return packets(b, r, c.links, "rx") })
	return perAdvert(b, d, p.window, func() float64 { return packets(b, r, c.links, "rx") })
}

// perAdvert is the processor time of all processes over a window divided by
// what was counted meanwhile, in microseconds.
func perAdvert(b *bench, d *lab.Daemon, window time.Duration, count func() float64) float64 {
	cpu, n, changes := processor(d), count(), len(d.Changes())
	pass(window)
	cpu, n = processor(d)-cpu, count()-n
	if k := len(d.Changes()) - changes; k > 0 {
		b.Logf("bench: %v made %s while it was measured", d.Kind, plural(k, "transition"))
	}
	return float64(cpu.Nanoseconds()) / 1000 / n
}

// steady waits until adverts pass at the rate that the crowd has.
func steady(b *bench, c crowd, count func() float64) {
	want := float64(c.links*c.each) / c.interval.Seconds()
	// A whole number of intervals: adverts of equal instances come in bunches.
	span := max(500*time.Millisecond, c.interval)
	before, at := count(), time.Now()
	lab.Until(b, starting, fmt.Sprintf("%.0f adverts a second", want), func() bool {
		if time.Since(at) < span {
			return false
		}
		now, then := count(), at
		rate := (now - before) / time.Since(then).Seconds()
		before, at = now, time.Now()
		return rate > 0.9*want && rate < 1.1*want
	})
}

// packets is how many packets have left ("tx") or reached ("rx") a router.
func packets(b *bench, r *lab.Router, links int, which string) (sum float64) {
	r.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		for line := range strings.SplitSeq(string(text), "\n") {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
			f := strings.Fields(rest)
			if !strings.HasPrefix(name, "eth") || len(f) < 16 {
				continue
			}
			n, err := strconv.ParseFloat(f[map[string]int{"rx": 1, "tx": 9}[which]], 64)
			if err != nil {
				return err
			}
			sum += n
		}
		return err
	})
	if sum == 0 && links == 0 {
		b.Fatalf("no link to count on")
	}
	return sum
}

// processor is the processor time that all threads of a daemon have had.
func processor(d *lab.Daemon) time.Duration { return processorOf(d.PIDs()) }

// processorOf is that of all threads of some processes.
func processorOf(pids []int) (sum time.Duration) {
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, path := range threads {
			text, err := os.ReadFile(path)
			if err != nil {
				continue // it has just ended
			}
			if f := strings.Fields(string(text)); len(f) > 0 {
				ns, _ := strconv.ParseInt(f[0], 10, 64)
				sum += time.Duration(ns)
			}
		}
	}
	return sum
}
