// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// Outcome is what one or two failures led to.
type Outcome struct {
	Failures  []Failure `json:"failures"`
	Addresses []Address `json:"addresses"`
	Findings  []Finding `json:"findings,omitempty"`
	// Transcript is what happened since the last failure, if it was asked for.
	Transcript []string `json:"transcript,omitempty"`
}

// Address is what became of one virtual address after the last failure.
type Address struct {
	Address  netip.Addr `json:"address"`
	Instance string     `json:"instance"`
	// Before and After are the routers that have it; Repaired those that have it
	// when all is well again.
	Before   []string `json:"before"`
	After    []string `json:"after"`
	Repaired []string `json:"repaired"`
	// Absent is for how long nobody had it, Twice for how long more than one did.
	Absent time.Duration `json:"absent_ns"`
	Twice  time.Duration `json:"twice_ns,omitempty"`
	// Moves counts how often it came to a router.
	Moves int `json:"moves,omitempty"`
}

// The rules of findings.
const (
	NoMaster    = "no_master"
	TwoMasters  = "two_masters"
	Flapping    = "flapping"
	NotMoved    = "address_not_moved"
	GroupSplit  = "group_split"
	NotRepaired = "not_repaired"
	Endless     = "endless"
)

// Finding is something that should not be.
type Finding struct {
	Rule    string `json:"rule"`
	Subject string `json:"subject"`
	Message string `json:"message"`
}

// run is one run of a cluster.
type run struct {
	c *Cluster
	w *World
	// dead are routers without power, ended those whose daemon has ended.
	dead, ended []bool
	bad         map[Failure]bool
	watch       []watch
	lines       []string
	keep        bool
}

// watch follows one address.
type watch struct {
	addr   netip.Addr
	owners []string
	since  event.Instant
	absent time.Duration
	twice  time.Duration
	moves  int
}

// flaps is how many times an address may come to a router after one failure:
// to another one and back, and once more for a frozen one that comes back.
const flaps = 4

// Play plays failures, one after the other, each looked at until all it leads
// to must have happened; then everything is repaired.
func (c *Cluster) Play(failures ...Failure) *Outcome {
	c.prepare()
	x := &run{c: c, w: c.world(), bad: map[Failure]bool{}, dead: make([]bool, len(c.Routers)), ended: make([]bool, len(c.Routers))}
	for _, a := range c.addresses {
		x.watch = append(x.watch, watch{addr: a, since: Epoch})
	}
	x.w.Moved = func(*Node) { x.look() }
	x.w.Heard = x.note
	for i := range c.Routers {
		x.start(i)
	}
	x.w.Run(c.horizon)
	out := &Outcome{Failures: failures}
	var before [][]string
	for i, f := range failures {
		x.align(f.Router)
		if i == len(failures)-1 {
			before, x.keep = x.reset(), c.Transcript
		}
		x.fail(f)
		x.w.Run(c.horizon)
	}
	if len(failures) == 0 {
		before = x.reset()
	}
	x.settle()
	out.Addresses = x.outcome(before)
	out.Findings = x.findings(out)
	x.keep = false
	x.repair(failures)
	x.w.Run(c.horizon)
	x.look()
	for i := range x.watch {
		out.Addresses[i].Repaired = x.watch[i].owners
	}
	out.Findings = append(out.Findings, x.unrepaired(out)...)
	out.Transcript = x.lines
	return out
}

// align lets time pass until a router has just said an advert: what goes wrong
// then takes longest to be noticed. One that is no master says none.
func (x *run) align(router string) {
	said := false
	x.w.Did = func(n *Node, a *vrrp.Action) { said = said || n.Name == router && a.Kind == vrrp.Send }
	const step = time.Millisecond
	limit := step
	for _, r := range x.c.Routers {
		for i := range r.Settings.Instances {
			if in := &r.Settings.Instances[i]; r.Name == router && x.w.Node(router).state(in.Name) == event.Master {
				limit = max(limit, in.AdvertInterval+step)
			}
		}
	}
	for end := x.w.Now.Add(limit); !said && x.w.Now < end; {
		x.w.Run(step)
	}
	x.w.Did = nil
}

// start starts the daemon of a router, and tells it how its objects are.
func (x *run) start(i int) {
	n, set := x.w.Nodes[i], x.c.Routers[i].Settings
	n.Start(set, false)
	for _, kind := range []event.SubjectKind{event.SubjectScript, event.SubjectProcess, event.SubjectBFD} {
		for _, name := range Followed(set, kind) {
			x.verdict(i, kind, name, !x.bad[Failure{ObjectFails, n.Name, name, kind}])
		}
	}
}

// look looks who has each address.
func (x *run) look() {
	for i := range x.watch {
		v := &x.watch[i]
		var owners []string
		for _, n := range x.w.Nodes {
			if n.Kernel.Shows(v.addr) {
				owners = append(owners, n.Name)
			}
		}
		if slices.Equal(owners, v.owners) {
			continue
		}
		v.spend(x.w.Now)
		for _, name := range owners {
			if !slices.Contains(v.owners, name) {
				v.moves++
			}
		}
		v.owners = owners
	}
}

// spend counts the time until now.
func (v *watch) spend(now event.Instant) {
	switch d := now.Sub(v.since); {
	case len(v.owners) == 0:
		v.absent += d
	case len(v.owners) > 1:
		v.twice += d
	}
	v.since = now
}

// reset begins to count anew, and returns who has each address.
func (x *run) reset() (out [][]string) {
	x.look()
	for i := range x.watch {
		v := &x.watch[i]
		out = append(out, v.owners)
		v.since, v.absent, v.twice, v.moves = x.w.Now, 0, 0, 0
	}
	return out
}

// settle counts up to now.
func (x *run) settle() {
	x.look()
	for i := range x.watch {
		x.watch[i].spend(x.w.Now)
	}
}

// note writes down what a router said.
func (x *run) note(n *Node, e *event.Event) {
	if !x.keep || e.Kind != event.VRRPState && e.Kind != event.GroupState && e.Kind != event.AddressAdded &&
		e.Kind != event.AddressRemoved && e.Kind != event.VRRPConflict && e.Kind != event.VRRPPriority {
		return
	}
	line := fmt.Sprintf("%8.3f %s %s %v", e.At.Sub(Epoch).Seconds(), n.Name, e.Subject.Name, e.Kind)
	if e.From != event.StateNone || e.To != event.StateNone {
		line += fmt.Sprintf(" %v->%v", e.From, e.To)
	}
	if e.Reason != event.ReasonNone {
		line += fmt.Sprintf(" %v", e.Reason)
	}
	if e.Kind == event.VRRPPriority {
		line += fmt.Sprintf(" %d", e.Priority)
	}
	x.lines = append(x.lines, line)
}

func (x *run) outcome(before [][]string) []Address {
	out := make([]Address, 0, len(x.watch))
	for i := range x.watch {
		v := &x.watch[i]
		out = append(out, Address{
			Address: v.addr, Instance: x.c.owner[v.addr], Before: before[i], After: v.owners, Absent: v.absent, Twice: v.twice, Moves: v.moves,
		})
	}
	return out
}
