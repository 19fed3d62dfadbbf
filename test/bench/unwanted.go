// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// calm are the instances that nothing happens to, by what they are called here.
var calm = []struct {
	name string
	crowd
}{
	{"1 s", crowd{links: 1, each: 10, version: 3, interval: time.Second}},
	{"0.1 s", crowd{links: 1, each: 10, version: 3, interval: 100 * time.Millisecond, names: 10}},
	{"0.01 s", crowd{links: 1, each: 10, version: 3, interval: 10 * time.Millisecond, names: 20}},
}

// unwantedRound has a master and a backup of each program beside each other on
// the same machine, with four processes that never wait and somebody who fetches
// the metrics of each of ours 100 times a second. Nothing fails, so every
// transition is one too many.
func unwantedRound(b *bench, p plan, _ int) {
	runs := []struct {
		column, head string
		kind         lab.Kind
	}{{colKeepalived, "", lab.Keepalived}, {colRealTime, realTime, lab.Keepalived}, {colVigild, "", lab.Vigild}}
	counts, adverts := make([][]func() int, len(runs)), make([]func() float64, len(runs))
	stop, served := make(chan struct{}), make(chan int, 2)
	for i, r := range runs {
		wires, l := network(b, 1)
		var master, backup strings.Builder
		master.WriteString(r.head)
		backup.WriteString(r.head)
		for _, c := range calm {
			master.WriteString(c.with(255).String())
			backup.WriteString(c.with(100).String())
		}
		first, second := l.Router("a", wires...), l.Router("b", wires...)
		m := first.Start(r.kind, master.String(), lab.Terse())
		m.Wait("VI_0_30", lab.Master, starting)
		s := second.Start(r.kind, backup.String(), lab.Terse())
		s.Wait("VI_0_30", lab.Backup, starting)
		for _, c := range calm {
			counts[i] = append(counts[i], func() int { return transitions(b, m, c.crowd) + transitions(b, s, c.crowd) })
		}
		adverts[i] = func() float64 { return packets(b, first, 1, "tx") }
		if r.kind == lab.Vigild {
			go scrape(first, stop, served)
			go scrape(second, stop, served)
		}
		if i == 0 {
			for k := range 4 {
				wires[0].Program(fmt.Sprintf("busy%d", k), "sh", "-c", "while :; do :; done")
			}
		}
	}
	pass(2 * time.Second) // what is left of the start
	before, sent := make([][]int, len(runs)), make([]float64, len(runs))
	for i := range runs {
		sent[i] = adverts[i]()
		for _, count := range counts[i] {
			before[i] = append(before[i], count())
		}
	}
	b.Logf("bench: nothing happens for %v", p.watch)
	pass(p.watch)
	rate := map[string]float64{}
	for k, c := range calm {
		figures := map[string]float64{}
		for i, r := range runs {
			figures[r.column] = float64(counts[i][k]() - before[i][k])
			rate[r.column] = (adverts[i]() - sent[i]) / p.watch.Seconds()
		}
		b.put(fmt.Sprintf("%d instances, %s, %v", c.each, c.name, p.watch), "transitions", 0, true, figures)
	}
	b.put("sent by the masters", "1/s", nothing, false, rate)
	close(stop)
	b.put("pages served by both of ours", "1/s", nothing, false, map[string]float64{
		colVigild: float64(<-served+<-served) / p.watch.Seconds(),
	})
}

// transitions is how many a daemon has told of the instances of a crowd.
func transitions(b *bench, d *lab.Daemon, c crowd) (n int) {
	for _, change := range d.Changes() {
		if change.Kind != "INSTANCE" {
			continue
		}
		vrid, err := strconv.Atoi(change.Name[strings.LastIndexByte(change.Name, '_')+1:])
		if err != nil {
			b.Fatalf("an instance called %q", change.Name)
		}
		if vrid > c.names && vrid <= c.names+c.each {
			n++
		}
	}
	return n
}
