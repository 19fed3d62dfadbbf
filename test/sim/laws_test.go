// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/simulate"
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

// settled checks that on a healthy network every virtual router has exactly
// one master, and that the addresses are where it is and nowhere else.
func settled(p *player) error {
	masters := map[string]int{}
	for _, n := range p.world.Nodes {
		for _, id := range n.Router.Instances(nil) {
			v, _ := n.Router.View(id)
			if v.State == event.Master {
				masters[v.Settings.Name]++
			}
			for _, a := range v.Settings.Addresses {
				if has := n.Kernel.Has(a.Prefix.Addr()); has != (v.State == event.Master) {
					return fmt.Errorf("%s: %s is %v, and has %v: %v", n.Name, v.Settings.Name, v.State, a.Prefix, has)
				}
			}
		}
	}
	first := p.world.Nodes[0].Router
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
	for _, n := range p.world.Nodes {
		if n.Router == nil || n.Frozen != 0 {
			continue
		}
		for _, t := range n.Router.Tallies(p.world.Now, nil) {
			was := k.last[n.Router]
			if was == nil {
				was = map[string]event.Tally{}
				k.last[n.Router] = was
			}
			if err := grows(was[t.Subject.Name], t); err != nil {
				return fmt.Errorf("%s %s: %w", n.Name, t.Subject.Name, err)
			}
			was[t.Subject.Name] = t
		}
		if err := oneMind(n); err != nil {
			return err
		}
	}
	return nil
}

// oneMind checks that the members of a group are in one state.
func oneMind(n *simulate.Node) error {
	s := n.Router.Settings()
	if s == nil || len(s.Groups) == 0 {
		return nil
	}
	state := map[string]event.State{}
	for _, id := range n.Router.Instances(nil) {
		v, _ := n.Router.View(id)
		state[v.Settings.Name] = v.State
	}
	for _, g := range s.Groups {
		for _, m := range g.Members {
			if a, b := state[g.Members[0]], state[m]; a != b && a != event.Init && b != event.Init {
				return fmt.Errorf("%s: of group %s, %s is %v and %s is %v", n.Name, g.Name, g.Members[0], a, m, b)
			}
		}
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
