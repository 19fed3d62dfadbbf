// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

var (
	runs  = flag.Int("runs", 300, "how many random runs to try the laws on")
	begin = flag.Uint64("begin", 1, "the first of them")
)

// gambler makes commands at random.
type gambler struct {
	*rand.Rand
	foreign int
}

func (g *gambler) one(list ...string) string { return list[g.IntN(len(list))] }

func (g *gambler) chance(percent int) bool { return g.IntN(100) < percent }

var services = []string{"tcp/10.0.0.1:80", "fwmark:5", "tcp/group:G"}

// service describes one virtual server, as long as its name stays with its kind.
func (g *gambler) service(key string) string {
	var b strings.Builder
	b.WriteString("service " + key)
	if key == "tcp/group:G" {
		b.WriteString(" entries=" + g.one("10.0.0.2:80", "10.0.0.2-10.0.0.4:80", "10.0.0.3:80+fwmark:7", "10.0.0.1:80+10.0.0.2:81"))
	}
	add := func(percent int, text string) {
		if g.chance(percent) {
			b.WriteString(" " + text)
		}
	}
	if g.chance(50) {
		quorum := 1 + g.IntN(5)
		fmt.Fprintf(&b, " quorum=%d hysteresis=%d", quorum, g.IntN(quorum))
	}
	add(50, "sorry=192.0.2."+g.one("9", "10")+":80")
	if strings.Contains(b.String(), "sorry=") {
		add(30, "sorry_inhibit")
	}
	add(20, "alpha")
	add(20, "omega")
	add(20, "ha_suspend")
	add(20, "method=DR")
	add(20, "brake="+g.one("20", "50/20s", "50", "34/5s"))
	add(20, "persistence=50s")
	add(10, "sched=rr")
	return b.String()
}

func (g *gambler) server() string {
	var b strings.Builder
	fmt.Fprintf(&b, "server r%d weight=%d", 1+g.IntN(5), g.IntN(4))
	add := func(percent int, text string) {
		if g.chance(percent) {
			b.WriteString(" " + text)
		}
	}
	b.WriteString(" check=" + g.one("tcp", "tcp", "tcp+http", "misc", "file:f*2", "file:g", "bfd:s", "tcp+file:f*-1"))
	fmt.Fprintf(&b, " retry=%d delay=%s wait=%s warmup=%s", g.IntN(3), g.one("2s", "5s", "300ms"), g.one("100ms", "1s"), g.one("0s", "3s"))
	add(30, "inhibit")
	add(10, "alpha")
	add(20, "dynamic")
	add(10, "log_all")
	add(20, "rise="+g.one("2", "3"))
	add(10, "method="+g.one("TUN", "NAT"))
	return b.String()
}

// act is something that happens.
func (g *gambler) act() []string {
	r := fmt.Sprintf("r%d", 1+g.IntN(5))
	switch g.IntN(22) {
	case 0, 1, 2:
		return []string{"fail " + r + g.one("", "/2") + " " + g.one("connect_refused", "read_timeout", "http_status 500", "local_resource")}
	case 3, 4, 5:
		return []string{"ok " + r + g.one("", "/2", " 0", " 7")}
	case 6:
		return []string{"slow " + r + " " + g.one("0s", "100ms", "3s")}
	case 7:
		return []string{"file " + g.one("f", "g") + " " + g.one("0", "1", "-3", "none", "-2147483648", "2147483647")}
	case 8:
		return []string{"bfd s " + g.one("up", "down")}
	case 9, 10:
		return []string{"addr " + g.one("add", "del") + " 10.0.0." + g.one("1", "2", "3")}
	case 11:
		return []string{"weight " + r + " " + g.one("0", "5", "clear")}
	case 12:
		return []string{"else " + g.one("del tcp/10.0.0.1:80 "+r, "del fwmark:5", "flush", "del tcp/10.0.0.2:80")}
	case 13:
		g.foreign++
		return []string{"else flush", "else add tcp/10.9.9.9:9", "else add tcp/10.9.9.9:9 r1 1"}
	case 14:
		return []string{"refuse " + g.one("add_dest", "edit_dest", "del_dest", "add_service", "del_service"), "run 1s", "allow"}
	case 15:
		return []string{"netlink " + g.one("0s", "50ms", "2s")}
	case 16:
		return []string{g.service(g.one(services...)), g.server(), "reload"}
	case 17:
		return []string{g.service(g.one(services...)), g.server(), g.server(), "remove " + r, "reload"}
	case 18:
		return []string{"remove " + g.one(services...), "reload"}
	case 19:
		return []string{"kill", "start " + g.one("resume", "")}
	case 20:
		return []string{"show snapshot"}
	}
	return []string{"master V " + g.one("MASTER", "BACKUP", "FAULT")}
}

// TestLaws holds random runs to the laws.
func TestLaws(t *testing.T) {
	for n := *begin; n < *begin+uint64(*runs); n++ {
		if lines, err := gamble(n); err != nil {
			t.Fatalf("run %d: %v\n%s", n, err, strings.Join(lines, "\n"))
		}
	}
}

// gamble plays one random run; it returns the commands that led to an error.
func gamble(n uint64) (lines []string, err error) {
	g := &gambler{Rand: rand.New(rand.NewPCG(n, 1))}
	p := newPlayer()
	p.world.log.off = true
	k := keeper{}
	play := func(text string) bool {
		if strings.HasPrefix(text, "else del") && err == nil {
			lines = append(lines, text)
			_ = p.command(strings.Fields(text)) // it may not be there
			return true
		}
		lines = append(lines, text)
		if err = p.command(strings.Fields(text)); err == nil {
			err = k.check(p.world)
		}
		return err == nil
	}
	if !play("global poll=3s " + g.one("", "share", "share sample=3", "sync=eth0/V", "sync=eth0")) {
		return lines, err
	}
	for _, s := range services[:1+g.IntN(3)] {
		play(g.service(s))
		for range 1 + g.IntN(4) {
			play(g.server())
		}
	}
	for range 30 {
		for _, text := range append(g.act(), "run "+g.one("0s", "700ms", "4s", "15s")) {
			if !play(text) {
				return lines, err
			}
		}
	}
	return lines, rest(p, &k, g, play)
}

// rest lets everything come to rest and checks what must be true then.
func rest(p *player, k *keeper, g *gambler, play func(string) bool) error {
	for _, text := range []string{"allow", "netlink 0s", "run 130s"} {
		if !play(text) {
			return p.world.err
		}
	}
	w := p.world
	var others []health.ServiceKey
	if g.foreign > 0 && w.kernel.find(foreignKey) != nil {
		others = append(others, foreignKey)
	}
	if err := settled(w, others); err != nil {
		return err
	}
	if err := fresh(w, &k.last); err != nil {
		return err
	}
	if err := quiet(p); err != nil {
		return err
	}
	if err := lawful(w.events); err != nil {
		return err
	}
	if !play("stop") {
		return w.err
	}
	for _, e := range w.kernel.table {
		if e.Service.Port != 9 && !w.lost {
			return fmt.Errorf("%s is left after the end", serviceText(&e.Service))
		}
	}
	return lawful(w.events)
}

var foreignKey = health.ServiceKey{Family: 4, Protocol: event.ProtocolTCP, Addr: netip.MustParseAddr("10.9.9.9"), Port: 9}

// quiet checks that a reload which changes nothing costs nothing.
func quiet(p *player) error {
	w := p.world
	var before, after event.Counters
	w.pool.Counters(w.now, &before)
	due, _ := w.pool.Deadline()
	n := len(w.events)
	if err := p.reload(nil); err != nil {
		return err
	}
	w.pool.Counters(w.now, &after)
	if len(w.events) != n {
		return fmt.Errorf("a reload that changes nothing says: %s", text(&w.events[n]))
	}
	if before.Pool.Ops != after.Pool.Ops {
		return fmt.Errorf("a reload that changes nothing programs the kernel")
	}
	if now, _ := w.pool.Deadline(); now != due {
		return fmt.Errorf("a reload that changes nothing moves a deadline by %v", now.Sub(due))
	}
	return nil
}

// TestDetection holds a failing server's time in the kernel to what is
// configured: the rest of the delay, then the retries.
func TestDetection(t *testing.T) {
	for retry := range 4 {
		p := newPlayer()
		p.world.log.off = true
		for _, text := range []string{
			"service tcp/10.0.0.1:80", "server r9", fmt.Sprintf("server r1 retry=%d delay=5s wait=700ms", retry),
			"run 7s", "fail r1 connect_refused",
		} {
			if err := p.command(strings.Fields(text)); err != nil {
				t.Fatal(err)
			}
		}
		w := p.world
		from := w.now
		gone := func() bool { return len(w.kernel.table[0].Dests) == 1 }
		for !gone() && w.now.Sub(from) < time.Minute {
			w.run(time.Millisecond)
		}
		// The next attempt is due at 11 s, four seconds from now.
		if got, want := w.now.Sub(from), 4*time.Second+time.Duration(retry)*700*time.Millisecond; got != want {
			t.Errorf("with %d retries it left after %v, want %v", retry, got, want)
		}
	}
}
