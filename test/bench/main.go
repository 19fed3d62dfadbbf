// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// plan is how much is measured.
type plan struct {
	rounds int
	window time.Duration // of processor time
	listen time.Duration // of gaps
	watch  time.Duration // for unwanted transitions
}

// promisedWatch is how long there is to be no unwanted transition.
const promisedWatch = 10 * time.Minute

// A chapter measures one thing, round by round.
type chapter struct {
	name  string
	what  string
	round func(b *bench, p plan, n int)
}

var chapters = []chapter{
	{"cpu", "processor time per advert", cpuRound},
	{"gaps", "worst gap between adverts, four busy loops on the machine", gapsRound},
	{"takeover", "from SIGKILL of the master to the announcement of its addresses", takeoverRound},
	{"thousand", "1,000 addresses on one instance", thousandRound},
	{"memory", "memory of all processes", memoryRound},
	{"unwanted", "transitions while nothing happens, four busy loops on the machine, /metrics fetched 100 times a second", unwantedRound},
	{"scrape", "/metrics fetched 100 times a second", scrapeRound},
	{"checks", "TCP checks of 5,000 servers beside HAProxy with one thread", checksRound},
	{"crowded", "10,000 checks a second beside a virtual router", crowdedRound},
	{"scrape10k", "one scrape of 10,000 real servers", scrapeManyRound},
	{"ipvs", "TCP checks and the table of the kernel beside keepalived, in the emulated machine of test/vm", ipvsRound},
	{"snmp", "walks by a manager, under a snmpd each", snmpRound},
	{"reload", "reload of 2,277 virtual and 37,205 real servers", reloadRound},
}

func main() { os.Exit(run()) }

func run() int {
	names := make([]string, len(chapters))
	for i, c := range chapters {
		names[i] = c.name
	}
	only := flag.String("only", "", "measure only these, comma separated: "+strings.Join(names, ", "))
	rounds := flag.Int("rounds", 2, "how often each thing is measured")
	quick := flag.Bool("quick", false, "one round with shorter windows: less than two minutes, less to be trusted")
	watch := flag.Duration("watch", 15*time.Second, "how long to look for unwanted transitions; what is promised is promised for 10m")
	out := flag.String("json", "", "write all figures to this file")
	watched := flag.Int("sentinel", -1, "only tell when this processor stands still: what the bench starts itself")
	serving := flag.Int("servers", 0, "only be the servers that are checked, on this port: what the bench starts itself")
	turn := flag.Int("turn", 0, "the number of the first round: which program goes first")
	window := flag.Duration("window", 0, "how long to look at processor time, if not as long as usual")
	flag.Parse()
	if *serving > 0 {
		fmt.Fprintln(os.Stderr, "bench: servers:", beServers(*serving))
		return 1
	}
	if *watched >= 0 {
		if err := sentinel(*watched); err != nil {
			fmt.Fprintln(os.Stderr, "bench: sentinel:", err)
			return 1
		}
		return 0
	}
	p := plan{rounds: *rounds, window: 6 * time.Second, listen: 10 * time.Second, watch: *watch}
	if *quick {
		p = plan{rounds: 1, window: 4 * time.Second, listen: 5 * time.Second, watch: min(*watch, 10*time.Second)}
	}
	p.window = cmp.Or(*window, p.window)
	wanted, err := pick(*only)
	if err != nil || p.rounds < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bench:", errors.Join(err, fmt.Errorf("see go run ./test/bench -h")))
		return 2
	}
	b := &bench{started: time.Now()}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		b.clean(0) // keeps its lock: nobody starts anything any more
		lab.Clean()
		os.Exit(130)
	}()
	defer lab.Clean()
	fmt.Printf("%s, %d processors, Linux %s, %s; keepalived %s\n", time.Now().Format(time.DateTime), runtime.NumCPU(), release(), runtime.Version(), version())
	failed := 0
	for _, c := range wanted {
		fmt.Printf("\n== %s (%s)\n", c.what, c.name)
		b.rows = nil
		for n := range p.rounds {
			if err := b.attempt(func() { c.round(b, p, *turn+n) }); err != nil {
				fmt.Fprintf(os.Stderr, "bench: %s: %v\n", c.name, err)
				failed++
			}
		}
		printRows(os.Stdout, b.rows)
		b.all = append(b.all, b.rows...)
	}
	if slices.ContainsFunc(wanted, func(c chapter) bool { return c.name == "unwanted" }) && p.watch < promisedWatch {
		fmt.Printf("\nTransitions are promised not to come for %v: go run ./test/bench -only unwanted -rounds 1 -watch %v\n", promisedWatch, promisedWatch)
	}
	fmt.Printf("\n%v in all\n", time.Since(b.started).Round(time.Second))
	if *out != "" {
		text, err := json.MarshalIndent(b.all, "", "  ")
		if err == nil {
			err = os.WriteFile(*out, append(text, '\n'), 0o644) //nolint:gosec // figures are no secret
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
	}
	return min(failed, 1)
}

func pick(only string) ([]chapter, error) {
	if only == "" {
		return chapters, nil
	}
	var out []chapter
next:
	for name := range strings.SplitSeq(only, ",") {
		for _, c := range chapters {
			if c.name == name {
				out = append(out, c)
				continue next
			}
		}
		return nil, fmt.Errorf("nothing is called %q", name)
	}
	return out, nil
}
