// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// beats are the gaps between the adverts of one virtual router.
type beats struct {
	last time.Time
	gaps []time.Duration
}

// ear collects the gaps of all virtual routers on a wire.
type ear struct{ of [256]beats }

// hear takes one frame; it is called from one goroutine, and read after the
// capture has been closed or while nothing is sent.
func (e *ear) hear(f *lab.Frame) bool {
	if f.Advert == nil || f.Advert.Priority == 0 {
		return false
	}
	b := &e.of[f.Advert.VRID]
	if !b.last.IsZero() {
		b.gaps = append(b.gaps, f.At.Sub(b.last))
	}
	b.last = f.At
	return false
}

// realTime starts keepalived at a real-time priority. Without the second line it
// may have the kernel kill it.
const realTime = "global_defs {\n    vrrp_rt_priority 50\n    vrrp_rlimit_rttime 2000000\n}\n"

// gapsRound has each program send at two intervals while four processes that
// never wait compete for the processors.
func gapsRound(b *bench, p plan, n int) {
	slow := crowd{links: 1, each: 1, version: 3, interval: 100 * time.Millisecond, priority: 255}
	quick := crowd{links: 1, each: 1, version: 3, interval: 10 * time.Millisecond, priority: 255, names: 1}
	runs := []struct {
		column, head string
		kind         lab.Kind
	}{{colKeepalived, "", lab.Keepalived}, {colRealTime, realTime, lab.Keepalived}, {colVigild, "", lab.Vigild}}
	if n%2 == 1 {
		slices.Reverse(runs)
	}
	worst := map[int]map[string]float64{0: {}, 1: {}}
	for _, r := range runs {
		b.sub(func() {
			wires, l := network(b, 1)
			l.Router("subject", wires...).Start(r.kind, r.head+slow.String()+quick.String(), lab.Terse())
			heard := wires[0].Capture()
			for _, c := range []crowd{slow, quick} {
				heard.Advert(0, starting, "adverts", func(a *lab.Advert) bool { return a.Interval == c.interval })
			}
			for i := range 4 {
				wires[0].Program(fmt.Sprintf("busy%d", i), "sh", "-c", "while :; do :; done")
			}
			var e ear
			all := wires[0].CaptureEach(e.hear)
			pass(p.listen)
			if all.Drops() > 0 {
				b.Fatalf("the capture lost frames")
			}
			all.Close()
			for i, c := range []crowd{slow, quick} {
				worst[i][r.column] = slices.Max(e.of[i+1].gaps).Seconds() / c.interval.Seconds()
			}
		})
	}
	b.put("interval 0.1 s", "x interval", 1.05, true, worst[0])
	b.put("interval 0.01 s", "x interval", 1.5, true, worst[1])
}

// scrapeRound compares the gaps of vigild's adverts with and without somebody
// who fetches its page of metrics 100 times a second.
func scrapeRound(b *bench, p plan, n int) {
	c := crowd{links: 1, each: 20, version: 3, interval: 100 * time.Millisecond, priority: 255}
	wires, l := network(b, 1)
	r := l.Router("subject", wires...)
	r.Start(lab.Vigild, c.String(), lab.Terse())
	steady(b, c, func() float64 { return packets(b, r, 1, "tx") })
	order := []string{colAlone, colScraped}
	if n%2 == 1 {
		slices.Reverse(order)
	}
	off := map[string][]float64{}
	for _, column := range order {
		var e ear
		stop, served := make(chan struct{}), make(chan int, 1)
		if column == colScraped {
			go scrape(r, stop, served)
		}
		all := wires[0].CaptureEach(e.hear)
		pass(p.listen / 2)
		all.Close()
		if column == colScraped {
			close(stop)
			b.put("pages served", "1/s", nothing, false, map[string]float64{column: float64(<-served) / (p.listen / 2).Seconds()})
		}
		for _, v := range e.of {
			for _, g := range v.gaps {
				off[column] = append(off[column], (g-c.interval).Abs().Seconds()*1e6)
			}
		}
		slices.Sort(off[column])
	}
	for _, q := range []struct {
		name string
		at   float64
	}{{"median", 0.5}, {"99 %", 0.99}, {"worst", 1}} {
		figures := map[string]float64{}
		for column, v := range off {
			figures[column] = v[min(int(q.at*float64(len(v))), len(v)-1)]
		}
		b.put("gap off the interval, "+q.name, "us", nothing, false, figures)
	}
}

// scrape fetches the page of metrics every 10 ms until stop, and says how often.
func scrape(r *lab.Router, stop <-chan struct{}, served chan<- int) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DialContext: r.Dial}}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for {
		select {
		case <-stop:
			served <- n
			return
		case <-tick.C:
		}
		res, err := client.Get("http://127.0.0.1:10112/metrics")
		if err != nil {
			continue
		}
		if _, err := io.Copy(io.Discard, res.Body); err == nil {
			n++
		}
		res.Body.Close()
	}
}
