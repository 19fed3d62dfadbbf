// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// writer writes a random transcript.
type writer struct {
	*rand.Rand
	lines   []string
	routers []string
	// instances are the names, one for each VRID; six says that they are IPv6.
	instances []string
	six       bool
	version   int
	interval  time.Duration
	down      map[string]bool
	groups    bool
	scripts   bool
	// calm is the first line of the end, when all is well again.
	calm int
}

// write writes the transcript of a seed.
func write(seed uint64) *writer {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, 1)), down: map[string]bool{}, version: 2, interval: time.Second}
	w.describe()
	for range 4 + w.IntN(12) {
		w.trouble()
		w.say("run %v", w.upTo(4*w.interval))
	}
	w.recover()
	return w
}

func (w *writer) say(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

// chance is true in one of n cases.
func (w *writer) chance(n int) bool { return w.IntN(n) == 0 }

// upTo is a random time, in milliseconds.
func (w *writer) upTo(d time.Duration) time.Duration {
	return time.Duration(1+w.Int64N(max(1, d.Milliseconds()))) * time.Millisecond
}

// describe writes two to five routers with one to six instances in up to three
// groups, with random options, all of which agree about who is the highest.
func (w *writer) describe() {
	w.routers = []string{"a", "b", "c", "d", "e"}[:2+min(w.IntN(4), w.IntN(4))]
	w.scripts = w.chance(2)
	if w.chance(2) {
		w.version = 3
		w.interval = []time.Duration{time.Second, 100 * time.Millisecond}[w.IntN(2)]
	}
	words := append([]string{"routers"}, w.options()...)
	words = append(words, fmt.Sprintf("advert=%v version=%d", w.interval, w.version))
	if w.scripts {
		words = append(words, "track=script/chk"+[]string{"", "", "/-20"}[w.IntN(3)])
	}
	if w.chance(4) {
		w.say("address_removed restore")
	}
	w.six = w.version == 3 && w.chance(2)
	if !w.six && w.chance(5) {
		words = append(words, "unicast=yes")
	}
	n := 1
	if w.chance(2) {
		n = 2 + min(w.IntN(5), w.IntN(5))
	}
	w.say("%s", strings.Join(words, " "))
	for i := range n {
		name := fmt.Sprintf("V%d", i+1)
		w.instances = append(w.instances, name)
		w.say("instance %s vrid=%d if=eth%d vip=%s", name, i+1, i%2, w.addresses(i+1))
	}
	w.group()
	if w.scripts {
		w.say("script chk rise=2 fall=2")
	}
	w.say("run 1ms")
	for _, r := range w.routers {
		if w.scripts {
			w.say("script %s chk ok", r)
		}
		if w.chance(3) {
			w.say("netlink %s %v", r, w.upTo(400*time.Millisecond))
		}
	}
}

// options are those of each router.
func (w *writer) options() (words []string) {
	prios := w.Perm(200)
	equal := w.chance(4)
	for i, name := range w.routers {
		if equal {
			prios[i] = prios[0]
		}
		opts := fmt.Sprintf("%s:prio=%d", name, 30+prios[i])
		switch w.IntN(10) {
		case 0, 1:
			opts += ",nopreempt=yes"
		case 2, 3:
			opts += ",preempt_delay=2s"
		case 4:
			opts += ",state=MASTER"
		}
		if w.chance(6) {
			opts += ",lower_prio_no_advert=yes"
		}
		if w.chance(6) {
			opts += ",higher_prio_advert=yes"
		}
		words = append(words, opts)
	}
	return words
}

func (w *writer) addresses(n int) string {
	if w.six {
		return fmt.Sprintf("fe80::100:%d+2001:db8::%d", n, n)
	}
	return fmt.Sprintf("192.0.2.%d/24+192.0.2.%d/24", n, n+100)
}

// group puts instances into up to three groups.
func (w *writer) group() {
	if len(w.instances) < 2 || w.chance(3) {
		return
	}
	w.groups = true
	rest := w.instances
	for k := 1; k <= 3 && len(rest) > 0; k++ {
		n := 1 + w.IntN(len(rest))
		w.say("group G%d %s", k, strings.Join(rest[:n], " "))
		rest = rest[n:]
	}
}

// trouble writes one thing that happens.
func (w *writer) trouble() {
	r := w.routers[w.IntN(len(w.routers))]
	o := w.routers[w.IntN(len(w.routers))]
	if w.down[r] {
		w.revive(r)
		return
	}
	switch w.IntN(21) {
	case 0:
		w.say("cut %s>%s", r, o)
	case 1:
		w.say("cut %s", r)
	case 2:
		w.say("drop %s>%s %d", r, o, 1+w.IntN(4))
	case 3:
		w.say("dup %s>%s %d", r, o, 1+w.IntN(4))
	case 4:
		w.say("delay %s>%s %v", r, o, w.upTo(w.interval*9/10))
	case 5:
		w.say("jitter %s>%s %v", r, o, w.upTo(w.interval/2))
	case 6:
		w.say("loss %s>%s %d", r, o, 10+w.IntN(80))
	case 7:
		w.say("link %s eth%d down", r, min(w.IntN(2), len(w.instances)-1))
	case 8:
		w.say("link %s eth0 up", r)
	case 9, 10:
		w.say("freeze %s %v", r, w.upTo(8*w.interval))
	case 11:
		w.say("kill %s", r)
		w.down[r] = true
	case 12:
		w.say("kill %s", r)
		w.say("start %s resume", r)
		w.verdict(r)
	case 13:
		w.say("stop %s", r)
		w.say("kill %s", r)
		w.down[r] = true
	case 14:
		w.say("addr %s eth0 del %s", r, strings.Split(w.addresses(1), "+")[0])
	case 15:
		w.say("heal")
	case 16:
		w.say("reload %s", r)
	case 17:
		w.say("set %s:prio=%d", r, 30+w.IntN(200))
		w.say("reload %s", r)
	case 18:
		w.say("clock %s %v", r, w.upTo(time.Hour)-30*time.Minute)
	case 19:
		w.say("claim %s eth0 192.0.2.1", r)
	case 20:
		if w.scripts {
			w.say("script %s chk %s 2", r, []string{"ok", "fail"}[w.IntN(2)])
		}
	}
}

func (w *writer) revive(r string) {
	w.say("start %s", r)
	delete(w.down, r)
	w.verdict(r)
}

func (w *writer) verdict(r string) {
	if w.scripts {
		w.say("script %s chk ok 2", r)
	}
}

// recover writes what makes everything well again, and lets it settle: one
// stretch after which there is no second master, one after which there is one,
// and one in which nothing happens any more.
func (w *writer) recover() {
	w.say("run %v", 8*w.interval+time.Millisecond) // nobody stands still any more
	w.calm = len(w.lines)
	w.say("heal")
	for _, r := range w.routers {
		if w.down[r] {
			w.revive(r)
		}
		for i := range min(2, len(w.instances)) {
			w.say("link %s eth%d up", r, i)
		}
		w.verdict(r)
	}
	w.say("run %v", 2*w.interval+w.interval/2) // what was delayed, and one advert of everybody
	w.say("run %v", w.settling())
	w.say("run %v", 5*w.interval)
}

// down is the longest master-down interval of any priority, with a Skew_Time
// more for doubts about ourselves.
func (w *writer) longest() time.Duration {
	skew := w.interval
	if w.version == 2 {
		skew = time.Second
	}
	return 3*w.interval + 2*skew
}

// absence is how long there may be no master while a healthy router is up. The
// last adverts of a dead one may be on their way; and a member of a group
// whose others are not ready waits another time.
func (w *writer) absence() time.Duration {
	d := w.longest()
	if w.groups {
		d *= 2
	}
	return d + w.interval*3/2 + 10*time.Millisecond
}

// settling is how long it may take until everybody is where it belongs: a
// preempt_delay, and the elections of whoever preempts.
func (w *writer) settling() time.Duration { return 2*time.Second + 3*w.absence() }
