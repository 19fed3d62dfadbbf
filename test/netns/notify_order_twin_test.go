// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// A stage is one thing that happens to the router, and what it did about it.
type stage struct {
	name string
	// calls are the scripts that were run, in the order in which they were
	// started, each as it was called.
	calls []string
	// lines are those of the FIFO.
	lines []string
	// kernel is all addresses, routes and rules when it was quiet again.
	kernel []string
}

// biography is one run of the whole story.
type biography struct {
	t            *testing.T
	kind         lab.Kind
	a, b         *lab.Router
	w            *lab.Wire
	heard        *lab.Capture
	d, peer      *lab.Daemon
	record       string
	calls, lines int // how many belong to earlier stages
	stages       []stage
}

// subjects are the instances of the story and their interfaces. GONE and LEFT
// are taken out by a reload, with and without notify_deleted, and MOVED is
// changed by it.
var subjects = []struct {
	name string
	dev  int
}{{"IN", 0}, {"OUT", 1}, {"ALONE", 0}, {"MOVED", 0}, {"GONE", 0}, {"LEFT", 0}}

// TestSameNotifications runs keepalived and vigild with the same configuration
// through the same story, and compares the scripts they call, with which
// arguments and in which order they are started, the lines of the FIFO, and the
// addresses, routes and rules of the kernel after each stage.
//
// Two differences are allowed, since they are none of the programs: where the
// adverts of the peer move them, those decide which instances move before others,
// of a group too, and all that counts is the order of what belongs together; and
// an advert that the peer sent before it gave way may come so late that
// notify_master_rx_lower_pri tells of it. What else differs has to do so three
// times: keepalived is late on a busy machine, and then other things happen to it.
func TestSameNotifications(t *testing.T) {
	t.Parallel()
	for attempt := 1; ; attempt++ {
		var runs [2][]stage
		t.Run(fmt.Sprintf("run %d", attempt), func(t *testing.T) {
			for k, kind := range []lab.Kind{lab.Keepalived, lab.Vigild} {
				t.Run(kind.String(), func(t *testing.T) {
					t.Parallel()
					runs[k] = newBiography(t, kind).live()
				})
			}
		})
		if t.Failed() {
			return
		}
		rows := []string{"| The same story told by keepalived and vigild.     | scripts started | FIFO lines | addresses, routes, rules"}
		var wrong []string
		calls := 0
		for i, theirs := range runs[0] {
			ours := runs[1][i]
			wrong = append(wrong, theirs.unlike(ours)...)
			calls += len(theirs.calls)
			rows = append(rows, fmt.Sprintf("| %-49s | %6d %6d   | %4d %4d  | %d %d", theirs.name, len(theirs.calls), len(ours.calls),
				len(theirs.lines), len(ours.lines), len(theirs.kernel), len(ours.kernel)))
		}
		if len(wrong) == 0 && calls > 60 {
			t.Logf("\n%s", strings.Join(rows, "\n"))
			return
		}
		t.Logf("attempt %d, %d scripts:\n%s\n%s", attempt, calls, strings.Join(rows, "\n"), strings.Join(wrong, "\n"))
		if attempt == 3 {
			t.Fatal("they differ")
		}
	}
}

// chancy are the stages in which adverts of the peer decide who moves first.
var chancy = []string{"failover", "failback", "repair"}

// unlike says what is different in a stage.
func (s stage) unlike(ours stage) (out []string) {
	for _, x := range []struct {
		what         string
		theirs, ours []string
	}{{"scripts", s.calls, ours.calls}, {"FIFO", s.lines, ours.lines}, {"kernel", s.kernel, ours.kernel}} {
		if slices.Contains(chancy, s.name) && x.what != "kernel" {
			x.theirs, x.ours = together(x.theirs), together(x.ours)
			if slices.Equal(x.theirs, swapped(x.ours)) {
				continue
			}
		}
		if !slices.Equal(x.theirs, x.ours) {
			out = append(out, fmt.Sprintf("%s: %s of keepalived\n  %s\nof vigild\n  %s", s.name, x.what,
				strings.Join(x.theirs, "\n  "), strings.Join(x.ours, "\n  ")))
		}
	}
	return out
}

// together puts the lines together that are about the same instance or group.
func together(lines []string) []string {
	out := slices.Clone(lines)
	slices.SortStableFunc(out, func(x, y string) int { return strings.Compare(unit(x), unit(y)) })
	return out
}

// unit is what a line is about.
func unit(line string) string {
	for word := range strings.FieldsSeq(line) {
		switch word {
		case "IN", "OUT", "BOTH":
			return "BOTH"
		case "ALONE", "MOVED", "GONE", "LEFT":
			return word
		}
	}
	return line
}

// swapped is what would have been said if the other member of the group had been
// the first. Who is first is said by the lines, the names are all that changes.
func swapped(lines []string) []string {
	out := slices.Clone(lines)
	for i, l := range out {
		words := strings.Fields(l)
		for k, w := range words {
			switch w {
			case "IN":
				words[k] = "OUT"
			case "OUT":
				words[k] = "IN"
			}
		}
		out[i] = strings.Join(words, " ")
	}
	return out
}

// lateAdvert says whether a line tells of an advert of lower priority.
func lateAdvert(line string) bool {
	return strings.Contains(line, "notify_master_rx_lower_pri") || strings.Contains(line, "MASTER_RX_LOWER_PRI")
}

func newBiography(t *testing.T, kind lab.Kind) *biography {
	t.Helper()
	l := lab.New(t)
	b := &biography{t: t, kind: kind, w: l.Wire()}
	second := l.Wire()
	b.a, b.b = l.Router("a", b.w, second), l.Router("b", b.w, second)
	b.heard = b.w.Capture()
	b.record = filepath.Join(l.Dir(), "record")
	l.File("record", "", 0o666)
	// The number of the process tells the order in which they were started.
	l.File("tell", fmt.Sprintf("#!/bin/sh\necho \"$$ $*\" >>%s\n", b.record), 0o755)
	return b
}

// wording is what conf writes.
type wording struct {
	priority map[string]int
	without  []string // instances that are left out
	scripts  bool
}

// conf is the configuration of a router.
func (b *biography) conf(w wording) string {
	var out strings.Builder
	tell := filepath.Join(filepath.Dir(b.record), "tell")
	scripts := func(name string, words ...string) {
		for _, word := range words {
			if w.scripts {
				fmt.Fprintf(&out, "    %s \"%s %s %s\"\n", word, tell, name, word)
			}
		}
	}
	states := []string{"notify_master", "notify_backup", "notify_fault", "notify_stop", "notify"}
	out.WriteString("vrrp_sync_group BOTH {\n    group {\n        IN\n        OUT\n    }\n")
	scripts("BOTH", states...)
	out.WriteString("}\n")
	for i, s := range subjects {
		if slices.Contains(w.without, s.name) {
			continue
		}
		p := cmp.Or(w.priority[s.name], w.priority[""])
		fmt.Fprintf(&out, "vrrp_instance %s {\n    interface eth%d\n    version 3\n    virtual_router_id %d\n    priority %d\n    advert_int 0.3\n", s.name, s.dev, i+1, p)
		scripts(s.name, states...)
		scripts(s.name, "notify_master_rx_lower_pri")
		if s.name == "GONE" {
			scripts(s.name, "notify_deleted")
		}
		if s.name == "ALONE" {
			out.WriteString("    notify_priority_changes true\n    virtual_routes {\n        10.90.0.0/16 via 10.0.0.9 dev eth0\n    }\n" +
				"    virtual_rules {\n        from 10.91.0.0/16 table 91 priority 91\n    }\n")
		}
		fmt.Fprintf(&out, "    virtual_ipaddress {\n        10.%d.1.%d/16\n    }\n}\n", s.dev, i+1)
	}
	return out.String()
}

// live plays the whole story.
func (b *biography) live() []stage {
	b.t.Helper()
	mine := wording{priority: map[string]int{"": high}, scripts: true}
	names := []string{"BOTH"}
	for _, s := range subjects {
		names = append(names, s.name)
	}
	b.d = b.a.Start(b.kind, b.conf(mine), lab.Eager())
	b.wait(b.d, lab.Master, names...)
	b.enter("start")
	b.peer = begin(b.b, lab.Vigild, b.conf(wording{priority: map[string]int{"": low}}))
	b.wait(b.peer, lab.Backup, names...)
	b.enter("a backup comes")
	b.peer.Rewrite(b.conf(wording{priority: map[string]int{"": 250}}))
	b.wait(b.d, lab.Backup, names...)
	b.enter("failover")
	b.peer.Rewrite(b.conf(wording{priority: map[string]int{"": low}}))
	b.wait(b.d, lab.Master, names...)
	b.wait(b.peer, lab.Backup, names...)
	b.enter("failback")
	b.lower()
	b.enter(lowerStage)
	b.d.Rewrite(b.conf(mine))
	beats(b.t, b.heard, b.a.Addr4(0), 6*10)
	b.enter("reload without a change")
	changed := wording{priority: map[string]int{"": high, "MOVED": 210}, without: []string{"GONE", "LEFT"}, scripts: true}
	b.d.Rewrite(b.conf(changed))
	b.wait(b.peer, lab.Master, "GONE", "LEFT")
	b.enter("reload with changes")
	b.a.Cut(1)
	b.wait(b.d, lab.Fault, "BOTH", "IN", "OUT")
	b.wait(b.peer, lab.Master, "IN", "OUT")
	b.enter("fault")
	b.a.Mend(1)
	b.wait(b.d, lab.Master, "BOTH", "IN", "OUT")
	b.wait(b.peer, lab.Backup, "IN", "OUT")
	b.enter("repair")
	if status := b.d.Stop(); status != 0 {
		b.t.Errorf("%v ended with %d", b.kind, status)
	}
	b.enter("stop")
	return b.stages
}

func (b *biography) wait(d *lab.Daemon, state string, names ...string) {
	b.t.Helper()
	for _, name := range names {
		d.Wait(name, state, starting)
	}
}

// lower plays an advert of the peer to the router again: one that it sent while
// it was master with a lower priority.
func (b *biography) lower() {
	b.t.Helper()
	old := b.heard.Advert(0, soon, "an advert of the peer", func(a *lab.Advert) bool {
		return a.Src == b.b.Addr4(0) && a.Priority == low && a.VRID == 3
	})
	before := len(b.d.Changes())
	inject(b.t, b.w, old.Data)
	lab.Until(b.t, soon, "it is told of", func() bool { return len(b.d.Changes()) > before })
}

// enter waits until nothing more is told, and ends a stage.
func (b *biography) enter(name string) {
	b.t.Helper()
	var calls []string
	lines, quiet := 0, time.Now()
	lab.Until(b.t, soon, "nothing more is told", func() bool {
		now, told := b.called(), len(b.d.Changes())
		if len(now) != len(calls) || told != lines {
			quiet = time.Now()
		}
		calls, lines = now, told
		return time.Since(quiet) > 700*time.Millisecond
	})
	addrs := strings.Split(strings.TrimSpace(b.a.Run("ip", "-o", "addr", "show")), "\n")
	slices.Sort(addrs) // they are in the order in which they were added
	s := stage{name: name, kernel: append(tables(b.a), addrs...)}
	s.calls = byProcess(calls[b.calls:])
	b.calls = len(calls)
	for _, c := range b.d.Changes()[b.lines:] {
		s.lines = append(s.lines, fmt.Sprintf("%s %s %s %d", c.Kind, c.Name, c.State, c.Priority))
	}
	b.lines += len(s.lines)
	if name != lowerStage {
		s.calls = slices.DeleteFunc(s.calls, lateAdvert)
		s.lines = slices.DeleteFunc(s.lines, lateAdvert)
	}
	b.stages = append(b.stages, s)
}

// lowerStage is the stage in which an advert of lower priority comes for sure.
const lowerStage = "an advert of lower priority"

// called is what the scripts wrote so far.
func (b *biography) called() []string {
	b.t.Helper()
	text, err := os.ReadFile(b.record)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// byProcess sorts calls by the number of their process, and takes that away.
func byProcess(calls []string) []string {
	calls = slices.Clone(calls)
	slices.SortStableFunc(calls, func(x, y string) int { return cmp.Compare(process(x), process(y)) })
	for i, c := range calls {
		_, calls[i], _ = strings.Cut(c, " ")
	}
	return calls
}

func process(call string) int {
	first, _, _ := strings.Cut(call, " ")
	n, _ := strconv.Atoi(first)
	return n
}
