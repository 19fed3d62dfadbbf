// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/test/netns/lab"
)

// dryRun keeps vigild from the kernel's IPVS, which this kernel may not have.
var dryRun = lab.Flags("--dataplane=dry-run")

// measured is what is known of a program that checks servers.
type measured struct {
	cpu, rate float64 // microseconds of processor time per check, checks per second
	memory    float64 // kilobytes of all its processes
	role      float64 // of vigild's check role alone
}

// checksRound has HAProxy and vigild check the same servers, in turns: the
// servers count what comes. HAProxy answers a server with a reset in place of the
// last packet of the handshake, which is what half_open does; keepalived, and
// vigild like it, makes a whole connection and closes it.
func checksRound(b *bench, p plan, n int) {
	many, few := pool{services: 50, servers: 5000, delay: time.Second}, pool{services: 10, servers: 1000, delay: time.Second}
	who := []string{colHAProxy, colVigild, colHalf}
	if n%2 == 1 {
		slices.Reverse(who)
	}
	cpu, rate, memory, role := map[string]float64{}, map[string]float64{}, map[string]float64{}, map[string]float64{}
	for _, program := range who {
		var m, f measured
		many.half, few.half = program == colHalf, program == colHalf
		b.sub(func() { m = checking(b, p, program, many) })
		b.sub(func() { f = checking(b, p, program, few) })
		cpu[program], rate[program] = m.cpu, m.rate
		memory[program] = (m.memory - f.memory) / float64(many.servers-few.servers)
		role[program] = (m.role - f.role) / float64(many.servers-few.servers)
	}
	b.put("CPU per TCP check, 5,000 servers at 1/s", "us", 1.7, false, cpu)
	b.put("  checks that came", "1/s", nothing, false, rate)
	b.put("memory per server, all processes", "kB", nothing, true, memory)
	b.put("  of the process that checks", "kB", 2, true, role)
}

// checking lets one program check a pool for a while.
func checking(b *bench, p plan, program string, of pool) (m measured) {
	l := lab.New(b)
	r := l.Router("subject", l.Wire())
	s := serve(b, r)
	var pids func() []int
	var role func() int
	if program == colHAProxy {
		conf := l.File("haproxy.cfg", of.haproxy(), 0o644)
		h := r.Program("haproxy", "haproxy", "-db", "-f", conf)
		pids, role = func() []int { return []int{h.PID()} }, h.PID
	} else {
		d := r.Start(lab.Vigild, of.keepalived(), dryRun, lab.Terse())
		pids, role = d.PIDs, func() int { return rolePID(d, "check") }
	}
	s.steady(b, float64(of.servers)/of.delay.Seconds())
	cpu, seen, at := processorOf(pids()), s.accepted(b), time.Now()
	pass(p.window)
	cpu, seen = processorOf(pids())-cpu, s.accepted(b)-seen
	m.cpu, m.rate = cpu.Seconds()*1e6/seen, seen/time.Since(at).Seconds()
	for _, pid := range pids() {
		m.memory += float64(pssOf(b, pid))
	}
	m.role = float64(pssOf(b, role()))
	return m
}

// rolePID finds the process of a role of vigild, 0 if there is none.
func rolePID(d *lab.Daemon, role string) int {
	for _, pid := range d.PIDs() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(line, []byte("role="+role)) {
			return pid
		}
	}
	return 0
}

// pin binds all threads of a process, and those they start, to one processor.
func pin(b *bench, pid, cpu int) {
	var set unix.CPUSet
	set.Set(cpu)
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		b.Fatalf("bind process %d to a processor: %v", pid, err)
	}
	for _, t := range threads {
		tid, _ := strconv.Atoi(t.Name())
		if err := unix.SchedSetaffinity(tid, &set); err != nil {
			b.Fatalf("bind thread %d to a processor: %v", tid, err)
		}
	}
}

// crowdedRound has one vigild keep a virtual router at 0.1 s and check 10,000
// servers a second on one processor, of which all fail at once in the end.
func crowdedRound(b *bench, p plan, _ int) {
	c := crowd{links: 1, each: 1, version: 3, interval: 100 * time.Millisecond, priority: 255}
	of := pool{services: 100, servers: 10000, delay: time.Second}
	wires, l := network(b, 1)
	r := l.Router("subject", wires...)
	s := serve(b, r, "taskset", "-c", "0")
	d := r.Start(lab.Vigild, c.String(), dryRun, lab.Terse())
	steady(b, c, func() float64 { return packets(b, r, 1, "tx") })
	late := map[string]float64{}
	late[colAlone] = lateness(b, wires[0], c, func() { pass(p.listen) })

	d.Rewrite(c.String() + of.keepalived())
	lab.Until(b, starting, "a check role", func() bool { return rolePID(d, "check") != 0 })
	check := rolePID(d, "check")
	pin(b, check, 1)
	s.steady(b, float64(of.servers))
	cpu, seen, at := processorOf([]int{check}), s.accepted(b), time.Now()
	late[colChecks] = lateness(b, wires[0], c, func() { pass(p.listen) })
	took := time.Since(at)
	cpu, seen = processorOf([]int{check})-cpu, s.accepted(b)-seen
	b.put("checks a second, 10,000 servers, one processor", "1/s", nothing, true, map[string]float64{colVigild: seen / took.Seconds()})
	b.put("  of that processor", "%", 100, true, map[string]float64{colVigild: 100 * cpu.Seconds() / took.Seconds()})

	var out time.Duration
	late[colFailing] = lateness(b, wires[0], c, func() {
		began := time.Now()
		s.end(b)
		lab.Until(b, starting, "no server is in the table", func() bool { return !strings.Contains(d.Ctl("ipvs"), "-a ") })
		out = time.Since(began)
		pass(p.listen / 2)
	})
	b.put("all 10,000 refuse: the last is out of the table after", "s", nothing, true, map[string]float64{colVigild: out.Seconds()})
	b.put("worst advert off its interval of 0.1 s", "ms", nothing, false, late)
}

// lateness is by how much the worst gap between two adverts was off the interval
// while f ran, in milliseconds.
func lateness(b *bench, w *lab.Wire, c crowd, f func()) float64 {
	var e ear
	all := w.CaptureEach(e.hear)
	f()
	if all.Drops() > 0 {
		b.Fatalf("the capture lost frames")
	}
	all.Close()
	var worst time.Duration
	for _, g := range e.of[c.names+1].gaps {
		worst = max(worst, (g - c.interval).Abs())
	}
	return worst.Seconds() * 1000
}

// end ends the servers: from now on connections are refused.
func (s *servers) end(b *bench) {
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		b.Fatalf("end the servers: %v", err)
	}
}

// scrapePages is how many pages are fetched to know what one costs.
const scrapePages = 10

// scrapeManyRound fetches the metrics of 10,000 servers, of which nothing is
// heard meanwhile.
func scrapeManyRound(b *bench, _ plan, _ int) {
	of := pool{services: 100, servers: 10000, delay: 5 * time.Minute}
	l := lab.New(b)
	r := l.Router("subject", l.Wire())
	serve(b, r)
	d := r.Start(lab.Vigild, of.keepalived(), dryRun, lab.Terse())
	page := func() (m lab.Metrics) {
		m, err := d.Metrics()
		if err != nil {
			b.Fatalf("/metrics: %v", err)
		}
		return m
	}
	lab.Until(b, starting, "all servers are on the page", func() bool {
		m, err := d.Metrics()
		up, _ := m.Sum("vigil_real_server_up")
		return err == nil && int(up) == of.servers
	})
	// pages fetches some, or none, in the same time, and says what that cost.
	pages := func(n int) (cpu time.Duration) {
		cpu = processor(d)
		for i := range scrapePages {
			if i < n {
				page()
			}
			pass(1100 * time.Millisecond) // longer than counters of the data plane are good for
		}
		return processor(d) - cpu
	}
	pages(2)
	before, _ := page().Sum("go_memstats_alloc_bytes_total")
	cpu := pages(scrapePages) - pages(0)
	m := page()
	after, _ := m.Sum("go_memstats_alloc_bytes_total")
	size := 0
	for _, line := range m {
		size += len(line) + 1
	}
	of1 := func(v float64) map[string]float64 { return map[string]float64{colVigild: v} }
	b.put("CPU of one scrape, 10,000 servers, all processes", "ms", 100, true, of1(cpu.Seconds()*1000/scrapePages))
	b.put("  allocated by the observe role", "MB", 20, true, of1((after-before)/(scrapePages+1)/1e6))
	b.put("  size of the page", "MB", nothing, true, of1(float64(size)/1e6))
}

// told is a line of vigild's log.
type told struct {
	Time             time.Time
	Msg, Subject, To string
}

// toldSince reads the lines after so many bytes.
func toldSince(b *bench, d *lab.Daemon, from int) (lines []told) {
	said := d.Said()
	for line := range strings.SplitSeq(said[min(from, len(said)):], "\n") {
		var t told
		if json.Unmarshal([]byte(line), &t) == nil && t.Msg != "" {
			lines = append(lines, t)
		}
	}
	return lines
}

// reloadRound changes the weight of one of 37,205 servers: nothing else may
// happen to any. The time is from the signal to the change of the table.
func reloadRound(b *bench, _ plan, _ int) {
	of := pool{services: 2277, servers: 37205, delay: time.Minute}
	l := lab.New(b)
	r := l.Router("subject", l.Wire())
	serve(b, r)
	began := time.Now()
	d := r.Start(lab.Vigild, of.keepalived(), dryRun, lab.Terse(), lab.Env("VIGIL_LOG_LEVEL=debug"))
	var first time.Duration
	lab.Until(b, starting, "all servers are in the table", func() bool {
		for _, t := range toldSince(b, d, 0) {
			if t.Msg == "ipvs.applied" {
				first = t.Time.Sub(began)
			}
		}
		return first > 0
	})
	ours := func(v float64) map[string]float64 { return map[string]float64{colVigild: v} }
	b.put("from the start to the whole table", "s", nothing, true, ours(first.Seconds()))
	lab.Until(b, starting, "the metrics have all servers", func() bool {
		m, err := d.Metrics()
		up, _ := m.Sum("vigil_real_server_up")
		return err == nil && int(up) == of.servers
	})
	for i := range 3 {
		of.weight = 2 + i
		pass(3 * time.Second) // until it rests
		from, cpu, at := len(d.Said()), processor(d), time.Now()
		d.Rewrite(of.keepalived())
		signalled := time.Now()
		var loaded, applied time.Duration
		others := 0
		lab.Until(b, starting, "the change is in the table", func() bool {
			others = 0
			for _, t := range toldSince(b, d, from) {
				switch t.Msg {
				case "config.loaded":
					loaded = t.Time.Sub(signalled)
				case "ipvs.applied":
					applied = t.Time.Sub(signalled)
				case "server.state", "service.quorum", "check.outcome":
					others++
				}
			}
			return applied > 0 && loaded > 0
		})
		pass(3 * time.Second)
		b.Logf("bench: written in %v", signalled.Sub(at))
		b.put("from SIGHUP to the change of the table", "s", 0.24, true, ours(applied.Seconds()))
		b.put("  to the new configuration in force", "s", nothing, true, ours(loaded.Seconds()))
		b.put("  processor time of all processes", "s", nothing, true, ours((processor(d) - cpu).Seconds()))
		b.put("  things said of other servers", "", 0, true, ours(float64(others-1)))
	}
}
