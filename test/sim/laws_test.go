// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

var legal = event.Transitions()

// lawful checks what must be true of the stream of any router: numbers without
// gaps, causes that came before, transitions of the closed list that begin
// where the last one ended.
func lawful(h *Host) error {
	type key struct {
		epoch uint64
		kind  event.Kind
		name  string
	}
	state := map[key]event.State{}
	seq := map[uint64]uint64{}
	for i := range h.Events {
		e := &h.Events[i]
		if e.Seq != seq[e.Epoch]+1 {
			return fmt.Errorf("event %d of epoch %d follows %d", e.Seq, e.Epoch, seq[e.Epoch])
		}
		seq[e.Epoch] = e.Seq
		for _, r := range []event.Ref{e.Cause, e.Root} {
			if r.Epoch == e.Epoch && (r.Seq == 0 || r.Seq >= e.Seq) {
				return fmt.Errorf("event %d is caused by %d", e.Seq, r.Seq)
			}
		}
		if e.Snapshot || e.Kind != event.VRRPState && e.Kind != event.GroupState {
			continue
		}
		k := key{e.Epoch, e.Kind, e.Subject.Name}
		was, seen := state[k]
		if !seen || was == event.Deleted {
			was = event.Init
		}
		if e.From != was {
			return fmt.Errorf("event %d goes from %v, it was %v", e.Seq, e.From, was)
		}
		state[k] = e.To
		if e.Kind == event.VRRPState && !slices.Contains(legal, event.Transition{From: e.From, To: e.To, Reason: e.Reason}) {
			return fmt.Errorf("event %d: %v->%v because of %v is not in the list", e.Seq, e.From, e.To, e.Reason)
		}
	}
	return nil
}

// writer writes a random transcript.
type writer struct {
	*rand.Rand
	lines   []string
	routers []string
	down    map[string]bool
	group   bool
	scripts bool
}

func (w *writer) say(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

// chance is true in one of n cases.
func (w *writer) chance(n int) bool { return w.IntN(n) == 0 }

// describe writes two to four routers, of one or two instances, with random
// options, all of which agree about who is the highest.
func (w *writer) describe() {
	w.routers = []string{"a", "b", "c", "d"}[:2+w.IntN(3)]
	w.scripts = w.chance(2)
	words := []string{"routers"}
	prios := w.Perm(200)
	equal := w.chance(4)
	for i, name := range w.routers {
		if equal {
			prios[i] = prios[0]
		}
		opts := fmt.Sprintf("%s:prio=%d", name, 30+prios[i])
		if w.chance(5) {
			opts += ",nopreempt=yes"
		} else if w.chance(5) {
			opts += ",preempt_delay=2s"
		}
		if w.chance(6) {
			opts += ",lower_prio_no_advert=yes"
		}
		if w.chance(6) {
			opts += ",higher_prio_advert=yes"
		}
		words = append(words, opts)
	}
	words = append(words, "advert=1s")
	if w.scripts {
		words = append(words, "track=script/chk")
	}
	if w.chance(2) {
		words = append(words, "version=3")
	}
	six := w.chance(4)
	vip := func(n int) string {
		if six {
			return fmt.Sprintf("fe80::100:%d+2001:db8::%d", n, n)
		}
		return fmt.Sprintf("192.0.2.%d/24+192.0.2.%d/24", n, n+100)
	}
	if w.chance(2) {
		w.say("%s vip=%s", strings.Join(words, " "), vip(1))
	} else {
		w.group = w.chance(2)
		w.say("%s", strings.Join(words, " "))
		w.say("instance V1 vrid=1 vip=%s", vip(1))
		w.say("instance V2 vrid=2 if=eth1 vip=%s", vip(2))
		if w.group {
			w.say("group G V1 V2")
		}
	}
	if w.scripts {
		w.say("script chk rise=2 fall=2")
	}
	w.say("run 10ms")
	for _, r := range w.routers {
		if w.scripts {
			w.say("script %s chk ok", r)
		}
		if w.chance(3) {
			w.say("netlink %s %dms", r, w.IntN(400))
		}
	}
}

// trouble writes one thing that happens.
func (w *writer) trouble() {
	r := w.routers[w.IntN(len(w.routers))]
	o := w.routers[w.IntN(len(w.routers))]
	if w.down[r] {
		w.say("start %s", r)
		delete(w.down, r)
		if w.scripts {
			w.say("script %s chk ok", r)
		}
		return
	}
	switch w.IntN(14) {
	case 0:
		w.say("cut %s>%s", r, o)
	case 1:
		w.say("cut %s", r)
	case 2:
		w.say("drop %s>%s %d", r, o, 1+w.IntN(4))
	case 3:
		w.say("dup %s>%s %d", r, o, 1+w.IntN(4))
	case 4:
		w.say("delay %s>%s %dms", r, o, w.IntN(900))
	case 5:
		w.say("link %s eth0 down", r)
	case 6:
		w.say("link %s eth0 up", r)
	case 7:
		w.say("freeze %s %dms", r, 100+w.IntN(8000))
		w.say("run 8100ms")
	case 8:
		w.say("kill %s", r)
		w.down[r] = true
	case 9:
		w.say("kill %s", r)
		w.say("start %s resume", r)
		if w.scripts {
			w.say("script %s chk ok", r)
		}
	case 10:
		w.say("addr %s eth0 del 192.0.2.1/24", r)
	case 11:
		w.say("heal")
	case 12:
		w.say("reload %s", r)
	case 13:
		if w.scripts {
			w.say("script %s chk %s 2", r, []string{"ok", "fail"}[w.IntN(2)])
		}
	}
}

// recover writes what makes everything well again.
func (w *writer) recover() {
	w.say("heal")
	for _, r := range w.routers {
		if w.down[r] {
			w.say("start %s", r)
		}
		w.say("link %s eth0 up", r)
		if w.scripts {
			w.say("script %s chk ok 2", r)
		}
	}
	w.down = map[string]bool{}
	// Two elections, a preempt_delay and the wait of a group fit into this.
	w.say("run 25s")
}

// play plays random lines and checks the laws after each.
func (w *writer) play(check func(p *player) error) error {
	p := newPlayer()
	p.quiet = true
	for i, line := range w.lines {
		err := p.line(line)
		if err == nil && p.world != nil {
			err = check(p)
		}
		if err != nil {
			return fmt.Errorf("after line %d, %s: %w", i+1, line, err)
		}
	}
	for _, h := range p.result().Hosts {
		if err := lawful(&h); err != nil {
			return fmt.Errorf("router %s: %w", h.Name, err)
		}
	}
	return settled(p)
}

// settled checks that on a healthy network every virtual router has exactly
// one master, and that the addresses are where it is and nowhere else.
func settled(p *player) error {
	masters := map[string]int{}
	for _, n := range p.world.nodes {
		for _, id := range n.router.Instances(nil) {
			v, _ := n.router.View(id)
			if v.State == event.Master {
				masters[v.Settings.Name]++
			}
			for _, a := range v.Settings.Addresses {
				if has := n.kernel.has(a.Prefix.Addr()); has != (v.State == event.Master) {
					return fmt.Errorf("%s: %s is %v, and has %v: %v", n.name, v.Settings.Name, v.State, a.Prefix, has)
				}
			}
		}
	}
	first := p.world.nodes[0].router
	for _, id := range first.Instances(nil) {
		v, _ := first.View(id)
		if n := masters[v.Settings.Name]; n != 1 {
			return fmt.Errorf("%s has %d masters", v.Settings.Name, n)
		}
	}
	return nil
}

// keeper checks that counters never fall, that the times in the states add up
// to the time that has passed, and that the members of a group are of one mind.
type keeper struct {
	last map[*vrrp.Router]map[string]event.Tally
}

func (k *keeper) check(p *player) error {
	for _, n := range p.world.nodes {
		if n.router == nil || n.frozen != 0 {
			continue
		}
		for _, t := range n.router.Tallies(p.world.now, nil) {
			was := k.last[n.router]
			if was == nil {
				was = map[string]event.Tally{}
				k.last[n.router] = was
			}
			if err := grows(was[t.Subject.Name], t); err != nil {
				return fmt.Errorf("%s %s: %w", n.name, t.Subject.Name, err)
			}
			was[t.Subject.Name] = t
		}
		if err := n.oneMind(); err != nil {
			return err
		}
	}
	return nil
}

// oneMind checks that the members of a group are in one state.
func (n *Node) oneMind() error {
	s := n.router.Settings()
	if s == nil || len(s.Groups) == 0 {
		return nil
	}
	var states []event.State
	for _, id := range n.router.Instances(nil) {
		v, _ := n.router.View(id)
		states = append(states, v.State)
	}
	if slices.Min(states) != slices.Max(states) && !slices.Contains(states, event.Init) {
		return fmt.Errorf("%s: the members of the group are in states %v", n.name, states)
	}
	return nil
}

func grows(a, b event.Tally) error {
	counters := func(t event.Tally) []uint64 {
		out := []uint64{
			t.Sent, t.Received, t.ZeroSent, t.ZeroReceived, t.SendErrors, t.Missed, t.NearMisses,
			t.GratuitousARPs, t.UnsolicitedNAs, t.AnnounceErrors, t.Promotions, t.Demotions, t.Suspicions, t.Averted,
			t.TwoMasters, t.Claims, t.Restored,
		}
		out = append(out, t.Rejects[:]...)
		out = append(out, t.Conflicts[:]...)
		out = append(out, t.Gaps[:]...)
		for _, d := range t.InState {
			out = append(out, uint64(d))
		}
		return out
	}
	x, y := counters(a), counters(b)
	for i := range x {
		if y[i] < x[i] {
			return fmt.Errorf("counter %d fell from %d to %d", i, x[i], y[i])
		}
	}
	spent := func(t event.Tally) (d time.Duration) {
		for _, x := range t.InState {
			d += x
		}
		return d
	}
	if a.At != 0 && spent(b)-spent(a) != b.At.Sub(a.At) {
		return fmt.Errorf("%v passed, and %v in states", b.At.Sub(a.At), spent(b)-spent(a))
	}
	return nil
}

// TestLaws plays random runs. The seeds are fixed; a run that breaks a law
// prints itself, as a transcript to be kept.
func TestLaws(t *testing.T) {
	for seed := range uint64(2000) {
		w := &writer{Rand: rand.New(rand.NewPCG(seed, 1)), down: map[string]bool{}}
		w.describe()
		for range 4 + w.IntN(10) {
			w.trouble()
			w.say("run %dms", 50+w.IntN(4000))
		}
		w.recover()
		k := keeper{map[*vrrp.Router]map[string]event.Tally{}}
		if err := w.play(k.check); err != nil {
			t.Fatalf("run %d breaks a law: %v\n\n%s\n", seed, err, strings.Join(w.lines, "\n"))
		}
	}
}
