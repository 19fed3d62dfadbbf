// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// memoryRound measures the proportional memory of all processes at work.
func memoryRound(b *bench, _ plan, n int) {
	for _, each := range []int{1, 250} {
		c := crowd{links: 1, each: each, version: 3, interval: 100 * time.Millisecond, priority: 255}
		figures := map[string]float64{}
		for _, kind := range turns(n) {
			b.sub(func() {
				wires, l := network(b, 1)
				r := l.Router("subject", wires...)
				d := r.Start(kind, c.String(), lab.Terse())
				steady(b, c, func() float64 { return packets(b, r, 1, "tx") })
				figures[column(kind)] = float64(pss(b, d)) / 1024
			})
		}
		b.put(plural(each, "instance"), "MB", nothing, false, figures)
	}
}

// plural counts things.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "s") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// pss is the memory of all processes of a daemon in kilobytes; what several
// share is shared out among them.
func pss(b *bench, d *lab.Daemon) (sum int) {
	for _, pid := range d.PIDs() {
		sum += pssOf(b, pid)
	}
	return sum
}

// pssOf is that of one process.
func pssOf(b *bench, pid int) (sum int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatalf("%v", err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		var kb int
		if _, err := fmt.Sscanf(line, "Pss: %d kB", &kb); err == nil {
			sum += kb
		}
	}
	return sum
}
