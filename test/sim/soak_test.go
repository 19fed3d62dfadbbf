// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"errors"
	"flag"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
)

var (
	runs  = flag.Uint64("runs", 100_000, "how many random runs are played")
	first = flag.Uint64("first", 0, "the seed of the first of them")
)

// TestLaws plays random runs. The seeds are fixed; a run that breaks a law
// prints itself, without the lines that it does not need, as a transcript to be
// kept. Under the race detector a fiftieth of them is played: the machine and
// the simulation know no goroutines.
func TestLaws(t *testing.T) {
	// Runs are short and leave much behind: a heap of some 100 MB halves the time.
	defer debug.SetGCPercent(debug.SetGCPercent(1500))
	n := *runs
	if raced {
		n /= 50
	}
	var next atomic.Uint64
	var once sync.Once
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for !t.Failed() {
				k := next.Add(1) - 1
				if k >= n {
					return
				}
				w := write(*first + k)
				if err := w.play(w.lines, w.calm); err != nil {
					once.Do(func() {
						all := w.lines
						lines, err := w.shrink(err)
						t.Logf("the whole run:\n%s", strings.Join(all, "\n"))
						t.Errorf("run %d breaks a law: %v\n\n# \n%s\n", *first+k, err, strings.Join(lines, "\n"))
					})
				}
			}
		})
	}
	all.Wait()
}

// shrink leaves out lines as long as the run still breaks a law.
func (w *writer) shrink(err error) ([]string, error) {
	lines, calm := slices.Clone(w.lines), w.calm
	start := slices.IndexFunc(lines, func(s string) bool { return strings.HasPrefix(s, "run ") })
	for again, budget := true, 2000; again && budget > 0; {
		again = false
		for i := len(lines) - 1; i > start; i-- {
			fewer := slices.Delete(slices.Clone(lines), i, i+1)
			at := calm
			if i < calm {
				at--
			}
			budget--
			if i >= calm || budget < 0 || strings.HasPrefix(lines[i], "script") {
				continue // the end makes all well again, and scripts must say something first
			}
			if e := w.play(fewer, at); e != nil && lawOf(e) == lawOf(err) {
				lines, calm, err, again = fewer, at, e, true
			}
		}
	}
	return lines, err
}

// law is the name of what a run breaks.
type law struct {
	name string
	error
}

func (l law) Error() string { return l.name + ": " + l.error.Error() }

func (l law) Unwrap() error { return l.error }

// lawOf is the name of the law that an error is about.
func lawOf(err error) string {
	if l, ok := errors.AsType[law](err); ok {
		return l.name
	}
	return "runs can be played"
}

// named gives an error the name of its law.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return law{name, err}
}

// play plays the lines and checks the laws, after each line and at each event.
func (w *writer) play(lines []string, calm int) error {
	p := newPlayer()
	p.quiet = true
	k := keeper{last: map[*vrrp.Router]map[string]event.Tally{}}
	absent := newAbsence(w, p)
	cut := newTail(w, len(lines))
	runs := 0
	for i, line := range lines {
		if strings.HasPrefix(line, "stop ") || strings.HasPrefix(line, "kill ") {
			absent.command(line)
		}
		err := p.line(line)
		if err != nil {
			return fmt.Errorf("line %d, %s: %w", i+1, line, err)
		}
		if p.world == nil {
			continue
		}
		absent.command(line)
		p.heard = absent.heard
		if i >= calm && strings.HasPrefix(line, "run ") {
			runs++
			if i := slices.IndexFunc(p.world.Nodes, func(n *simulate.Node) bool { return n.Router == nil }); i >= 0 {
				return fmt.Errorf("router %s was left out", p.world.Nodes[i].Name)
			}
		}
		err = firstError(named("never without a master", absent.check()), named("counters never fall, groups are of one mind", k.check(p)),
			named("an address is owned exactly while master", owned(p)), named("one master when all is well", settledAfter(p, runs, line)))
		if err != nil {
			return fmt.Errorf("after line %d, %s: %w", i+1, line, err)
		}
		cut.line(p, i)
	}
	for _, h := range p.result().Hosts {
		if err := lawful(&h); err != nil {
			return named("events are in order", fmt.Errorf("router %s: %w", h.Name, err))
		}
	}
	return firstError(named("one master when all is well", settled(p)), named("snapshot and tail make all", cut.check(p)))
}

// settledAfter checks what must be so after the n-th run of the end: no second
// master after the first, one master after the second.
func settledAfter(p *player, n int, line string) error {
	switch {
	case n == 1 && strings.HasPrefix(line, "run "):
		masters := map[string]int{}
		for _, node := range p.world.Nodes {
			for _, id := range node.Router.Instances(nil) {
				v, _ := node.Router.View(id)
				if v.State == event.Master {
					masters[v.Settings.Name]++
				}
				if masters[v.Settings.Name] > 1 {
					return fmt.Errorf("%s has two masters on a network that is well", v.Settings.Name)
				}
			}
		}
	case n == 2 && strings.HasPrefix(line, "run "):
		return settled(p)
	}
	return nil
}

// owned checks that whoever runs has the addresses exactly while it is master,
// as soon as the kernel has done what it was told.
func owned(p *player) error {
	for _, n := range p.world.Nodes {
		if n.Router == nil || n.Frozen != 0 || n.Router.Stopped() {
			continue
		}
		for _, id := range n.Router.Instances(nil) {
			v, _ := n.Router.View(id)
			if n.Busy(id) >= p.world.Now || v.State == event.Init || n.Kernel.Links[v.Settings.Interface] == nil {
				continue
			}
			for _, a := range v.Settings.Addresses {
				if has := n.Kernel.Has(a.Prefix.Addr()); has != (v.State == event.Master) && !restoring(p.world, n, id) {
					return fmt.Errorf("%s: %s is %v, and has %v: %v", n.Name, v.Settings.Name, v.State, a.Prefix, has)
				}
			}
		}
	}
	return nil
}

// restoring says that a removal may wait to be made good: the policy to restore
// does so once a second.
func restoring(w *simulate.World, n *simulate.Node, id int) bool {
	if n.Router.Settings().AddressRemoved != vrrp.Restore {
		return false
	}
	for i := len(n.Events) - 1; i >= 0; i-- {
		e := &n.Events[i]
		if e.Snapshot {
			continue
		}
		if w.Now.Sub(e.At) > 1100*time.Millisecond {
			return false
		}
		if v, _ := n.Router.View(id); e.Kind == event.AddressLost && e.Subject.Name == v.Subject.Name {
			return true
		}
	}
	return false
}

// absence watches how long there is no master although a router could be one.
type absence struct {
	w *writer
	p *player
	// since is when the last master of an instance was lost, able since when a
	// router has all that it needs; 0 while that is not so.
	since  map[string]event.Instant
	able   map[string]event.Instant
	broken map[string]map[string]bool
	err    error
}

func newAbsence(w *writer, p *player) *absence {
	a := &absence{w: w, p: p, since: map[string]event.Instant{}, able: map[string]event.Instant{}, broken: map[string]map[string]bool{}}
	for _, r := range w.routers {
		a.broken[r] = map[string]bool{}
		a.able[r] = simulate.Epoch
		if w.scripts {
			a.broken[r]["script"] = true
		}
	}
	for _, in := range w.instances {
		a.since[in] = simulate.Epoch
	}
	return a
}

// command follows what a line does to a router.
func (a *absence) command(line string) {
	words := strings.Fields(line)
	if len(words) < 2 || a.broken[words[1]] == nil || a.p.world == nil {
		return
	}
	r, now := words[1], a.p.world.Now
	bad := a.broken[r]
	was := len(bad)
	switch words[0] {
	case "kill", "stop":
		bad["process"] = true
	case "start":
		delete(bad, "process")
		if a.w.scripts {
			bad["script"] = true
		}
	case "link":
		if bad[words[2]] = true; words[3] == "up" {
			delete(bad, words[2])
		}
	case "script":
		if bad["script"] = true; words[3] == "ok" {
			delete(bad, "script")
		}
	case "freeze":
		d, _ := time.ParseDuration(words[2])
		a.able[r] = max(a.able[r], now.Add(d))
		a.p.world.After(d, a.look) // a master that runs again says nothing of it
	}
	if was > 0 && len(bad) == 0 {
		a.able[r] = max(a.able[r], now)
	}
	a.look()
}

// masters is whether an instance has a master whose process runs.
func (a *absence) masters(name string) bool {
	for _, n := range a.p.world.Nodes {
		if n.Router == nil || n.Frozen != 0 {
			continue
		}
		for _, id := range n.Router.Instances(nil) {
			if v, _ := n.Router.View(id); v.Settings.Name == name && v.State == event.Master {
				return true
			}
		}
	}
	return false
}

// look notes who has a master now; it is called whenever that may have changed.
func (a *absence) look() {
	now := a.p.world.Now
	for _, name := range a.w.instances {
		if a.err == nil {
			a.err = a.tooLong(name)
		}
		switch has := a.masters(name); {
		case has:
			a.since[name] = 0
		case a.since[name] == 0:
			a.since[name] = now
		}
	}
}

func (a *absence) heard(_ *simulate.Node, e *event.Event) {
	if e.Kind == event.VRRPState {
		a.look()
	}
}

// tooLong says whether an instance has had no master for too long by now.
func (a *absence) tooLong(name string) error {
	from := a.since[name]
	if from == 0 {
		return nil
	}
	for r, able := range a.able {
		if len(a.broken[r]) > 0 {
			continue
		}
		if d := a.p.world.Now.Sub(max(from, able)); d > a.w.absence() {
			return fmt.Errorf("%s had no master for %v, although %s was well; the bound is %v", name, d, r, a.w.absence())
		}
	}
	return nil
}

func (a *absence) check() error {
	a.look()
	return a.err
}

// tail takes a snapshot of one router somewhere in the run, and at the end
// compares what a reader knows who saw only that and what came after it.
type tail struct {
	node, at int
	from     int
	epoch    uint64
	done     bool
}

func newTail(w *writer, lines int) *tail {
	return &tail{node: w.IntN(len(w.routers)), at: lines/3 + w.IntN(lines/2)}
}

func (x *tail) line(p *player, i int) {
	n := p.world.Nodes[x.node]
	if i < x.at || x.done || n.Router == nil || n.Frozen != 0 || n.Router.Stopped() {
		return
	}
	x.done, x.from, x.epoch = true, len(n.Before)+len(n.Events), n.Epoch
	var out vrrp.Output
	n.Router.Snapshot(p.world.Now, &out)
	for i := range out.Events {
		e := &out.Events[i]
		e.Wall = n.Wall(e.At)
		n.Events = append(n.Events, *e)
	}
}

// check folds all, and the tail, and compares what is true now.
func (x *tail) check(p *player) error {
	n := p.world.Nodes[x.node]
	if !x.done {
		return nil
	}
	events := slices.Concat(n.Before, n.Events)
	all, part := ledger.New(), ledger.New()
	rows := n.Router.Rows(nil)
	all.Rows(rows)
	part.Rows(rows)
	for i := range events {
		all.Apply(&events[i])
		if i >= x.from {
			part.Apply(&events[i])
		}
	}
	a, b := all.View(), part.View()
	for i := range a.Instances {
		if one, two := present(a.Instances[i]), present(b.Instances[i]); !reflect.DeepEqual(one, two) {
			return fmt.Errorf("router %s: a reader of all knows\n%+v\nand one of the snapshot and the rest\n%+v", n.Name, one, two)
		}
	}
	for i := range a.Groups {
		if a.Groups[i].State != b.Groups[i].State {
			return fmt.Errorf("router %s: group %s is %v to a reader of all, %v to one of the snapshot", n.Name, a.Groups[i].Row.Subject.Name, a.Groups[i].State, b.Groups[i].State)
		}
	}
	return nil
}

// now is what is true of an instance at present.
type now struct {
	state          event.State
	since          event.Instant
	last           event.Ref
	reason         event.Reason
	base, priority uint8
	terms          []event.Term
	conflicting    bool
	owned          []bool
}

func present(in *ledger.Instance) now {
	out := now{in.State, in.Since, in.Last.Story(), in.Last.Reason, in.Base, in.Priority, in.Terms, in.Conflicting, nil}
	if out.reason == event.Resumed {
		out.since = 0 // a reader of all knows how long the predecessor was in it
	}
	if len(out.terms) == 0 {
		out.terms = nil
	}
	for _, a := range in.Addresses {
		out.owned = append(out.owned, a.Owned)
	}
	return out
}
