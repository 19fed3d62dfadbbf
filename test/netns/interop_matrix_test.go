// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestInteroperability is the matrix of all ways in which vigild can share a
// virtual router with keepalived and with vrrpd of FRR, in both roles: each may
// be the master that is killed, comes back, loses a link of a group, and is
// stopped. Every advert of both is captured and compared field by field. At the
// end there is one table with a line for each cell, those that cannot be included.
func TestInteroperability(t *testing.T) {
	t.Parallel()
	all := cells()
	for _, peer := range []rival{keepalived, frr} {
		for _, version := range []int{2, 3} {
			for n, c := range possible(all, peer, version) {
				c.vrid = n + 1
			}
		}
	}
	t.Run("cells", func(t *testing.T) {
		for _, peer := range []rival{keepalived, frr} {
			for _, version := range []int{2, 3} {
				for ours, role := range []string{"vigild is master of " + string(peer), string(peer) + " is master"} {
					t.Run(fmt.Sprintf("version %d, %s", version, role), func(t *testing.T) {
						t.Parallel()
						newMatch(t, possible(all, peer, version), ours).play()
					})
				}
			}
		}
		for i := range obstacles {
			t.Run("without: "+obstacles[i].reason, func(t *testing.T) {
				t.Parallel()
				obstacles[i].prove(t, all)
			})
		}
	})
	table(t, all)
}

// possible is the cells of a peer and a version that can be.
func possible(all []*cell, peer rival, version int) (out []*cell) {
	for _, c := range all {
		if c.peer == peer && c.version == version && c.obstacle() == nil {
			out = append(out, c)
		}
	}
	return out
}

// heading is the first lines of the table.
const heading = `| Interoperability. Times in milliseconds. "killed": how long after the protocol's bound the other one took over from a
| master that was killed; "stopped": the same after priority 0; "return": the longest silence while the better router took
| its addresses back; each by vigild, by the peer. "adverts": compared field by field, of vigild, of the peer. "differ":
| which of the differences below there are, and only there may be.
|
| peer       ver. IPv cast     auth VMAC group | killed          | stopped         | return          | adverts | differ
| -------------------------------------------- | --------------- | --------------- | --------------- | ------- | ------`

// table prints what was seen, and judges it.
func table(t *testing.T, all []*cell) {
	t.Helper()
	out := []string{heading}
	used := make([]int, len(licences))
	var done, not, adverts int
	for _, c := range all {
		if o := c.obstacle(); o != nil {
			not++
			out = append(out, fmt.Sprintf("| %v | cannot be: %s", c, o.reason))
			continue
		}
		if c.seen[0] == nil || c.seen[1] == nil {
			t.Errorf("%v was not played to its end", c)
			out = append(out, fmt.Sprintf("| %v | FAILED", c))
			continue
		}
		done++
		line, n := c.line(t, used)
		adverts += n
		out = append(out, line)
	}
	out = append(out, "|", "| The differences, why they are right, and in how many cells there are:")
	for i, l := range licences {
		out = append(out, fmt.Sprintf("| %2d %-10s %s: %s (%d cells)", i+1, l.peer, l.field, l.reason, used[i]))
	}
	out = append(out, fmt.Sprintf("| %d cells in both roles, %d that cannot be, %d in all; %d fields of %d adverts compared", done, not, len(all), len(fieldNames()), adverts))
	t.Logf("\n%s", strings.Join(out, "\n"))
}

// line is the line of a cell; used counts the differences.
func (c *cell) line(t *testing.T, used []int) (string, int) {
	t.Helper()
	// Who is master in the first of these is the one that dies.
	first, second := c.seen[0], c.seen[1]
	ours, theirs := traits{}, traits{}
	var count [2]int
	for _, s := range c.seen {
		ours.merge(s.fields[0])
		theirs.merge(s.fields[1])
		count[0] += s.count[0]
		count[1] += s.count[1]
	}
	var marks []string
	found := unlike(ours, theirs)
	for i, l := range licences {
		at := slices.IndexFunc(found, func(d difference) bool { return d.name == l.field })
		switch expected := l.peer == c.peer && l.of(c); {
		case expected && at >= 0:
			found = slices.Delete(found, at, at+1)
			marks = append(marks, fmt.Sprint(i+1))
			used[i]++
		case expected:
			t.Errorf("%v: %s does not differ, though it is said to: %s", c, l.field, l.reason)
		}
	}
	for _, d := range found {
		t.Errorf("%v: %v", c, d)
		marks = append(marks, "UNEXPECTED "+d.String())
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%+7.1f", float64(d.Microseconds())/1000) }
	down, skew := c.backup().down(), c.backup().skew()
	for _, s := range c.seen {
		c.judge(t, "killed", s.kill-down)
		c.judge(t, "stopped", s.zero-skew)
		if s.back > 2*c.interval()+time.Second {
			t.Errorf("%v: nobody spoke for %v while the better router took over", c, s.back)
		}
	}
	return fmt.Sprintf("| %v | %s %s | %s %s | %s %s | %3d %3d | %s", c, ms(second.kill-down), ms(first.kill-down),
		ms(second.zero-skew), ms(first.zero-skew), ms(first.back), ms(second.back), count[0], count[1], strings.Join(marks, " ")), count[0] + count[1]
}

// judge holds a takeover against its bound. TestTakeover does so strictly; here
// many virtual routers and strangers share two processors, and FRR counts in
// hundredths of a second.
func (c *cell) judge(t *testing.T, what string, after time.Duration) {
	t.Helper()
	if after < -20*time.Millisecond || after > 3*time.Second {
		t.Errorf("%v: %s: takeover %v after the bound", c, what, after)
	}
}

// prove asks the peer for the cells that cannot be, and it says so of each.
func (o *obstacle) prove(t *testing.T, all []*cell) {
	t.Helper()
	var some []*cell
	for _, c := range all {
		if c.obstacle() == o {
			c.vrid = len(some) + 1
			some = append(some, c)
		}
	}
	if len(some) == 0 {
		t.Fatal("there is no such cell")
	}
	l := lab.New(t)
	w, w2 := l.Wire(), l.Wire()
	a, b := l.Router("a", w, w2), l.Router("b", w, w2)
	if o.duel {
		refuse(t, a, b, some[0], o.says)
		return
	}
	for _, c := range some {
		var text string
		if c.peer == keepalived {
			conf := l.File("one.conf", file([]*cell{c}, a, b, high), 0o644)
			text, _ = a.Try("keepalived", "-t", "-l", "-n", "-f", conf)
		} else {
			conf := l.File("one.conf", c.frrWants(), 0o644)
			text, _ = a.Try("/usr/lib/frr/vrrpd", "-C", "-f", conf)
		}
		if !strings.Contains(text, o.says) {
			t.Errorf("%v: the peer does not say %q but:\n%s", c, o.says, text)
		}
	}
}

// frrWants is what one would have to write for FRR, its second line first.
func (c *cell) frrWants() string {
	text := fmt.Sprintf("interface eth0\n vrrp %d version %d\n", c.vrid, c.version)
	if c.unicast {
		text += fmt.Sprintf(" vrrp %d unicast 10.0.0.2\n", c.vrid)
	}
	if c.auth != "none" {
		text += fmt.Sprintf(" vrrp %d authentication %s\n", c.vrid, c.auth)
	}
	return text + fmt.Sprintf(" vrrp %d %s %v\n", c.vrid, pick(c.family == 6, "ipv6", "ip"), c.members()[0].addrs()[0])
}

// refuse runs the peer against itself: its backup does not understand its master.
func refuse(t *testing.T, a, b *lab.Router, c *cell, says string) {
	t.Helper()
	one := *c
	one.sync, one.vmac, one.unicast = false, false, false
	m := begin(a, lab.Keepalived, file([]*cell{&one}, a, b, high))
	m.Wait(one.members()[0].name(), lab.Master, starting)
	s := begin(b, lab.Keepalived, file([]*cell{&one}, b, a, low))
	lab.Until(t, starting, "keepalived does not understand its own like", func() bool {
		return strings.Contains(s.Said(), says) || strings.Contains(s.Said(), "died: Respawning")
	})
}
