// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/machine"
)

// ipvsTime bounds the machine of one round, in seconds.
const ipvsTime = "900"

// ipvsRound measures on the kernel of test/vm, which is emulated: figures are to
// be compared with each other and with nothing else.
func ipvsRound(b *bench, p plan, n int) {
	if machine.Inside() {
		if out, err := exec.Command("modprobe", "ip_vs").CombinedOutput(); err != nil {
			b.Fatalf("modprobe ip_vs: %v: %s", err, out)
		}
		checksInside(b, p, n)
		programInside(b, n)
		return
	}
	for _, r := range b.inside(p, n) {
		for i := range r.Ratios {
			figures := map[string]float64{}
			for program, values := range r.Values {
				figures[program] = values[i]
			}
			b.put(r.Name, r.Unit, r.Target, r.Absolute, figures)
		}
	}
}

// inside runs one round of this chapter in the machine and returns its figures.
func (b *bench) inside(p plan, n int) (rows []*row) {
	root, err := lab.Root()
	if err != nil {
		b.Fatalf("%v", err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatalf("%v", err)
	}
	programs, err := lab.Programs()
	if err != nil {
		b.Fatalf("%v", err)
	}
	share, err := os.MkdirTemp("", "vigild-bench-")
	if err != nil {
		b.Fatalf("%v", err)
	}
	defer os.RemoveAll(share)
	out := filepath.Join(share, "rows.json")
	cmd := exec.Command(filepath.Join(root, "test/vm/boot"), "-t", ipvsTime, "-m", "2048", "-s", share, "--",
		self, "-only", "ipvs", "-rounds", "1", "-turn", fmt.Sprint(n), "-window", p.window.String(), "-json", out)
	cmd.Env = append(os.Environ(), lab.BinariesEnv+"="+programs)
	said, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("in the machine: %v:\n%s", err, said)
	}
	text, err := os.ReadFile(out)
	if err == nil {
		err = json.Unmarshal(text, &rows)
	}
	if err != nil {
		b.Fatalf("figures of the machine: %v", err)
	}
	return rows
}

// checksInside has keepalived and vigild check the same servers, in turns; the
// servers count what comes.
func checksInside(b *bench, p plan, n int) {
	few, many := pool{services: 5, servers: 250, delay: time.Second}, pool{services: 40, servers: 2000, delay: 8 * time.Second}
	cpu, rate, memory := map[string]float64{}, map[string]float64{}, map[string]float64{}
	for _, kind := range turns(n) {
		var f, m measured
		b.sub(func() { f = checkingBeside(b, p, kind, few) })
		b.sub(func() { m = checkingBeside(b, p, kind, many) })
		cpu[column(kind)], rate[column(kind)] = f.cpu, f.rate
		memory[column(kind)] = (m.memory - f.memory) / float64(many.servers-few.servers)
	}
	b.put("CPU per TCP check, 250 servers at 1/s", "us", 1.2, false, cpu)
	b.put("  checks that came", "1/s", nothing, false, rate)
	b.put("memory per real server, all processes", "kB", nothing, false, memory)
}

// checkingBeside lets one program check a pool for a while, with the kernel's
// table as it programs it.
func checkingBeside(b *bench, p plan, kind lab.Kind, of pool) (m measured) {
	l := lab.New(b)
	r := l.Router("subject", l.Wire())
	s := serve(b, r)
	d := r.Start(kind, of.keepalived(), lab.Whole(), lab.Terse())
	whole(b, r, of)
	s.steady(b, float64(of.servers)/of.delay.Seconds())
	cpu, seen, at := processorOf(d.PIDs()), s.accepted(b), time.Now()
	pass(p.window)
	cpu, seen = processorOf(d.PIDs())-cpu, s.accepted(b)-seen
	m.cpu, m.rate = cpu.Seconds()*1e6/seen, seen/time.Since(at).Seconds()
	for _, pid := range d.PIDs() {
		m.memory += float64(pssOf(b, pid))
	}
	return m
}

// whole waits until the kernel's table holds all servers of a pool, and says when
// the first and the last came.
func whole(b *bench, r *lab.Router, of pool) (first, last time.Time) {
	ns, err := os.Open("/run/netns/" + r.Name)
	if err != nil {
		b.Fatalf("%v", err)
	}
	defer ns.Close()
	c, err := ipvs.OpenIn(int(ns.Fd()))
	if err != nil {
		b.Fatalf("%v", err)
	}
	defer c.Close()
	var t ipvs.Table
	lab.Until(b, 4*starting, fmt.Sprintf("%d servers in the table", of.servers), func() bool {
		if err := c.Read(&t); err != nil {
			b.Fatalf("%v", err)
		}
		n := 0
		for i := range t.Services {
			n += len(t.Services[i].Destinations)
		}
		if first.IsZero() && n > 0 {
			first = time.Now()
		}
		last = time.Now()
		return n == of.servers
	})
	return first, last
}

// programInside has keepalived and vigild program 10,000 servers that nobody
// checks.
func programInside(b *bench, n int) {
	of := pool{services: 100, servers: 10000, delay: time.Minute}
	text := unchecked(of.keepalived())
	all, filling := map[string]float64{}, map[string]float64{}
	for _, kind := range turns(n) {
		b.sub(func() {
			l := lab.New(b)
			r := l.Router("subject", l.Wire())
			began := time.Now()
			r.Start(kind, text, lab.Whole(), lab.Terse())
			first, last := whole(b, r, of)
			all[column(kind)], filling[column(kind)] = last.Sub(began).Seconds(), last.Sub(first).Seconds()
		})
	}
	b.put("10,000 servers in the table: since the start", "s", nothing, false, all)
	b.put("  since the first of them", "s", nothing, false, filling)
}

// unchecked is a configuration without its checks: such servers are always up.
func unchecked(conf string) string {
	var out strings.Builder
	inside := false
	for line := range strings.Lines(conf) {
		switch word := strings.TrimSpace(line); {
		case strings.HasPrefix(word, "TCP_CHECK"):
			inside = true
		case inside && word == "}":
			inside = false
		case !inside:
			out.WriteString(line)
		}
	}
	return out.String()
}
