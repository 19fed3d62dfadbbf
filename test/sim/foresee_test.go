// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
	rehearsed "github.com/vigild/vigild/engine/plan"
	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
)

// TestForesight holds plans to what reloads then do: random networks settle,
// one router gets a random other configuration, and the plan of it, made from
// nothing but what exits show of that router, has to say every transition,
// advert, announcement and address.
func TestForesight(t *testing.T) {
	n := min(*runs, 2000)
	if raced {
		n /= 50
	}
	seen := map[string]int{}
	for seed := range n {
		if err := foresee(*first+seed, seen); err != nil {
			t.Fatalf("run %d: %v", *first+seed, err)
		}
	}
	for _, what := range []string{"MASTER->DELETED", "BACKUP->DELETED", "INIT->BACKUP", "BACKUP->MASTER later", "add", "remove", "frames"} {
		if seen[what] == 0 && !raced {
			t.Errorf("no run was about %s: %v", what, seen)
		}
	}
}

// foresee plays one network until it is settled, and then a reload.
func foresee(seed uint64, seen map[string]int) error {
	w := write(seed)
	p := newPlayer()
	p.quiet = true
	for _, line := range append(slices.Clone(w.lines), "netlink a 0s", "run 1ms") {
		if err := p.line(line); err != nil {
			return err
		}
	}
	n := p.world.Node("a")
	old := n.Router.Settings()
	changes := w.changes()
	for _, line := range changes {
		if err := p.line(line); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	next, err := p.plan.settings("a")
	if err != nil {
		return err
	}
	state := stateOf(p.world, n)
	foreseen := rehearsed.Make(rehearsed.Settings{VRRP: old}, rehearsed.Settings{VRRP: next}, state)

	before, said := addressesOf(n), len(n.Events)
	adverts := [2]int{}
	p.world.Did = func(x *simulate.Node, a *vrrp.Action) {
		if x == n && a.Kind == vrrp.Send {
			adverts[min(int(a.Priority), 1)]++
		}
	}
	if err := p.line("reload a"); err != nil {
		return err
	}
	got := &outcome{adverts: adverts}
	got.take(n.Events[said:])
	got.moved(before, addressesOf(n))
	p.world.Did = nil
	if want := expected(foreseen); want != got.text(false) {
		return fmt.Errorf("%s\n%s\nit did\n%s\nforeseen was\n%s", strings.Join(w.lines, "\n"), strings.Join(changes, "\n"), got.text(false), want)
	}
	for line := range strings.SplitSeq(got.text(true), "\n") {
		seen[line]++
	}
	return follows(p, w, n, foreseen, state, seen)
}

// follows compares what a reload leads to, where all is known: one other
// router, and it is the master.
func follows(p *player, w *writer, n *simulate.Node, foreseen *rehearsed.Plan, state *rehearsed.State, seen map[string]int) error {
	known := len(p.world.Nodes) == 2 && !slices.ContainsFunc(state.Instances, func(in rehearsed.Instance) bool { return in.State != event.Backup })
	if !known {
		return nil
	}
	said := len(n.Events)
	if err := p.line(fmt.Sprintf("run %v", w.settling())); err != nil {
		return err
	}
	last := map[string]event.State{}
	for i := range n.Events[said:] {
		if e := &n.Events[said:][i]; e.Kind == event.VRRPState {
			last[e.Subject.Name] = e.To
		}
	}
	for _, t := range foreseen.Later {
		if t.Subject.Kind == event.SubjectInstance {
			if last[t.Subject.Name] == event.StateNone {
				return fmt.Errorf("%s\nforeseen was %v, nothing came", strings.Join(w.lines, "\n"), t)
			}
			seen[fmt.Sprintf("%v->%v later", t.From, t.To)]++
		}
	}
	return nil
}

// changes writes a random other configuration.
func (w *writer) changes() (lines []string) {
	r := rand.New(rand.NewPCG(w.Uint64(), 2))
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for range 1 + r.IntN(3) {
		name := w.instances[r.IntN(len(w.instances))]
		gone := slices.Contains(lines, "set -"+name)
		switch r.IntN(7) {
		case 0:
			if len(w.instances) > 1 && !w.groups {
				say("set -%s", name)
			}
		case 1:
			if !slices.ContainsFunc(lines, func(s string) bool { return strings.HasPrefix(s, "instance N") }) {
				say("instance N vrid=%d vip=%s", 40, w.addresses(40))
			}
		case 2:
			if !gone {
				say("set %s vip=%s", name, w.addresses(60))
			}
		case 3:
			say("set a:prio=%d", 30+r.IntN(200))
		case 4:
			say("set garp_repeat=%d", r.IntN(4))
		case 5:
			say("set a:nopreempt=%s", []string{"yes", "no"}[r.IntN(2)])
		case 6:
			if !gone {
				say("set %s vrid=%d", name, 70+r.IntN(5))
			}
		}
	}
	return lines
}

// stateOf is what exits show of a router.
func stateOf(w *simulate.World, n *simulate.Node) *rehearsed.State {
	s := &rehearsed.State{Known: true}
	tallies := n.Router.Tallies(w.Now, nil)
	for i, id := range n.Router.Instances(nil) {
		v, _ := n.Router.View(id)
		in := rehearsed.Instance{
			Name: v.Settings.Name, State: v.State, Source: v.Source,
			MasterPriority: tallies[i].MasterPriority, MasterInterval: tallies[i].MasterInterval,
		}
		if a, err := netip.ParseAddr(tallies[i].Master); err == nil {
			in.Master = a
		}
		s.Instances = append(s.Instances, in)
	}
	var out vrrp.Output
	n.Router.Snapshot(w.Now, &out)
	for i := range out.Events {
		if e := &out.Events[i]; e.Kind == event.TrackChanged {
			s.Objects = append(s.Objects, rehearsed.Object{Kind: e.Subject.Kind, Name: e.Subject.Name, State: e.To, Value: e.Count})
		}
	}
	return s
}

// addressesOf are the addresses that a host has.
func addressesOf(n *simulate.Node) map[string]bool {
	out := map[string]bool{}
	for _, l := range n.Kernel.Links {
		for _, a := range l.Addrs {
			out[a.String()] = true
		}
	}
	return out
}

// outcome is what a reload did, or was foreseen to do.
type outcome struct {
	transitions, added, removed []string
	adverts                     [2]int
	frames                      int
}

func (o *outcome) take(list []event.Event) {
	for i := range list {
		switch e := &list[i]; e.Kind { //nolint:exhaustive // what is compared
		case event.VRRPState, event.GroupState:
			if e.From != e.To {
				o.transitions = append(o.transitions, fmt.Sprintf("%s %v->%v", e.Subject.Name, e.From, e.To))
			}
		case event.AnnounceSent:
			o.frames += int(e.Count)
		}
	}
}

func (o *outcome) moved(before, after map[string]bool) {
	for a := range after {
		if !before[a] {
			o.added = append(o.added, a)
		}
	}
	for a := range before {
		if !after[a] {
			o.removed = append(o.removed, a)
		}
	}
}

// text is the outcome in lines; with kinds only what sorts of things happened.
func (o *outcome) text(kinds bool) string {
	slices.Sort(o.transitions)
	slices.Sort(o.added)
	slices.Sort(o.removed)
	if !kinds {
		return fmt.Sprintf("%v\nadd %v\nremove %v\nadverts %v\nframes %d", o.transitions, o.added, o.removed, o.adverts, o.frames)
	}
	var out []string
	for _, t := range o.transitions {
		out = append(out, t[strings.Index(t, " ")+1:])
	}
	if len(o.added) > 0 {
		out = append(out, "add")
	}
	if len(o.removed) > 0 {
		out = append(out, "remove")
	}
	if o.frames > 0 {
		out = append(out, "frames")
	}
	return strings.Join(out, "\n")
}

// expected is what a plan says, in the same words.
func expected(p *rehearsed.Plan) string {
	o := &outcome{adverts: [2]int{p.Zeros, p.Adverts}, frames: p.GratuitousARPs + p.UnsolicitedNAs}
	for _, t := range p.Transitions {
		o.transitions = append(o.transitions, fmt.Sprintf("%s %v->%v", t.Subject.Name, t.From, t.To))
	}
	net := map[string]int{}
	for _, m := range p.Moves {
		text, _, _ := strings.Cut(m.Text, " ")
		if m.Add {
			net[text]++
		} else {
			net[text]--
		}
	}
	for a, n := range net {
		if n > 0 {
			o.added = append(o.added, a)
		} else if n < 0 {
			o.removed = append(o.removed, a)
		}
	}
	return o.text(false)
}
