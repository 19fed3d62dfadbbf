// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
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
// transition is one too many; but one that follows on a processor that stood
// still for long enough is the machine's, and is counted apart.
func unwantedRound(b *bench, p plan, _ int) {
	runs := []struct {
		column, head string
		kind         lab.Kind
	}{{colKeepalived, "", lab.Keepalived}, {colRealTime, realTime, lab.Keepalived}, {colVigild, "", lab.Vigild}}
	changes, adverts := make([][]func() []lab.Change, len(runs)), make([]func() float64, len(runs))
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
			changes[i] = append(changes[i], func() []lab.Change { return append(changed(b, m, c.crowd), changed(b, s, c.crowd)...) })
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
	began, sent := time.Now(), make([]float64, len(runs))
	for i := range runs {
		sent[i] = adverts[i]()
	}
	b.Logf("bench: nothing happens for %v", p.watch)
	sentinels := watchStalls(b)
	pass(p.watch)
	stood := sentinels()
	for i, longest := range stood.longest() {
		b.Logf("bench: processor %d stood still for %v at the longest, %d times for more than %v", i, longest.Round(time.Millisecond), stood.of(i), stallFrom)
	}
	rate := map[string]float64{}
	for k, c := range calm {
		all, blamed := map[string]float64{}, map[string]float64{}
		for i, r := range runs {
			seen := slices.DeleteFunc(changes[i][k](), func(c lab.Change) bool { return c.At.Before(began) })
			ours := slices.DeleteFunc(slices.Clone(seen), func(one lab.Change) bool { return stood.excuses(one.At, c.interval) })
			all[r.column], blamed[r.column] = float64(len(seen)), float64(len(ours))
			if r.kind == lab.Vigild {
				account(b, c.name, seen, stood)
			}
		}
		of := fmt.Sprintf("%d instances, %s, %v", c.each, c.name, p.watch)
		b.put(of+", all", "transitions", nothing, false, all)
		b.put(of+", while the processors ran", "transitions", 0, true, blamed)
	}
	for i, r := range runs {
		rate[r.column] = (adverts[i]() - sent[i]) / p.watch.Seconds()
	}
	b.put("sent by the masters", "1/s", nothing, false, rate)
	close(stop)
	b.put("pages served by both of ours", "1/s", nothing, false, map[string]float64{
		colVigild: float64(<-served+<-served) / p.watch.Seconds(),
	})
}

// changed are the transitions that a daemon has told of the instances of a crowd.
func changed(b *bench, d *lab.Daemon, c crowd) (out []lab.Change) {
	for _, change := range d.Changes() {
		if change.Kind != "INSTANCE" {
			continue
		}
		vrid, err := strconv.Atoi(change.Name[strings.LastIndexByte(change.Name, '_')+1:])
		if err != nil {
			b.Fatalf("an instance called %q", change.Name)
		}
		if vrid > c.names && vrid <= c.names+c.each {
			out = append(out, change)
		}
	}
	return out
}

// account tells the moments at which there were transitions, and what the
// processors did then.
func account(b *bench, what string, seen []lab.Change, stood stalls) {
	slices.SortFunc(seen, func(x, y lab.Change) int { return x.At.Compare(y.At) })
	for len(seen) > 0 {
		first := seen[0].At
		n := slices.IndexFunc(seen, func(c lab.Change) bool { return c.At.Sub(first) > time.Second })
		if n < 0 {
			n = len(seen)
		}
		where := "no processor stood still"
		if s, found := stood.around(first.Add(-beforeTransition), first); found {
			where = fmt.Sprintf("processor %d stood still for %v until %v before", s.cpu, s.to.Sub(s.from).Round(time.Millisecond), first.Sub(s.to).Round(time.Millisecond))
		}
		b.Logf("bench: %s: %d transitions of vigild at %s, first %s to %s; %s", what, n, first.Format("15:04:05.000"), seen[0].Name, seen[0].State, where)
		seen = seen[n:]
	}
}
