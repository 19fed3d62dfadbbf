// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

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
