// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// node is one of the two routers of a lab of the matrix.
type node interface {
	begin()
	kill() // as a power cut
	stop() // as an operator does
	// await waits until the instances are MASTER or BACKUP by its own account.
	await(state string, members []member)
}

// speaker is vigild or keepalived as a node.
type speaker struct {
	r    *lab.Router
	kind lab.Kind
	conf string
	d    *lab.Daemon
}

func (s *speaker) begin() { s.d = begin(s.r, s.kind, s.conf) }
func (s *speaker) kill()  { s.d.Kill() }

func (s *speaker) stop() {
	if status := s.d.Stop(); status != 0 {
		s.r.T().Errorf("%v ended with status %d", s.kind, status)
	}
}

func (s *speaker) await(state string, members []member) {
	for _, m := range members {
		s.d.Wait(m.name(), state, starting)
	}
}

// match is the cells of one peer and version in one role, all at once: many
// virtual routers between two programs, on two wires.
type match struct {
	t     *testing.T
	all   []*cell
	ours  int // the router that vigild is on: 0 begins as master, 1 as backup
	wires [2]*lab.Wire
	heard [2]*lab.Capture
	r     [2]*lab.Router
	n     [2]node
}

// seen is what was seen of a cell in one role.
type seen struct {
	// kill and zero are how long after the last advert, and after priority 0,
	// the backup spoke first; back is the longest silence while the better
	// router took its addresses back.
	kill, zero, back time.Duration
	// fields and count are of the adverts of both sides, of vigild first.
	fields [2]traits
	count  [2]int
}

func newMatch(t *testing.T, all []*cell, ours int) *match {
	t.Helper()
	l := lab.New(t)
	m := &match{t: t, all: all, ours: ours, wires: [2]*lab.Wire{l.Wire(), l.Wire()}}
	for i := range m.r {
		m.r[i] = l.Router([]string{"a", "b"}[i], m.wires[:]...)
	}
	for k, w := range m.wires {
		for i, r := range m.r {
			// Who answers an ARP request after a link was gone is none of this test's business.
			other := m.r[1-i]
			mac := fmt.Sprintf("02:00:00:00:%02x:%02x", k, other.Number)
			for _, a := range []netip.Addr{other.Addr4(k), other.Addr6(k)} {
				r.IP(fmt.Sprintf("neigh replace %v lladdr %s nud permanent dev eth%d", a, mac, k))
			}
		}
		m.heard[k] = w.Capture()
	}
	for i, priority := range []int{high, low} {
		kind := lab.Keepalived
		switch {
		case i == ours:
			kind = lab.Vigild
		case all[0].peer == frr:
			m.n[i] = newVRRPD(t, l, m.r[i], all, priority)
			continue
		}
		m.n[i] = &speaker{r: m.r[i], kind: kind, conf: file(all, m.r[i], m.r[1-i], priority)}
	}
	return m
}

// members are the instances of the cells that are wanted.
func (m *match) members(wanted func(c *cell) bool) (out []member) {
	for _, c := range m.all {
		if wanted(c) {
			out = append(out, c.members()...)
		}
	}
	return out
}

func every(*cell) bool    { return true }
func synced(c *cell) bool { return c.sync }
func single(c *cell) bool { return !c.sync }

// Marks of what play does, as numbers of frames on the first wire.
const (
	paired = iota
	killed
	returned
	cut
	mended
	stopped
	marked
)

// play has mastership of all cells go from a to b, back, to b for the groups
// alone, back, and to b again, and notes what was seen of each cell.
func (m *match) play() {
	m.t.Helper()
	var marks [marked]int
	mark := func(n int) { marks[n] = m.heard[0].Len() }
	a, b, all := m.n[0], m.n[1], m.members(every)
	a.begin()
	a.await(lab.Master, all)
	b.begin()
	b.await(lab.Backup, all)
	mark(paired)
	m.spoken(all, high, marks[paired], 2)

	mark(killed)
	a.kill()
	m.plug(m.r[0].Mute) // what a dead program leaves behind answers no longer
	b.await(lab.Master, all)
	m.spoken(all, low, marks[killed], 2)
	m.owned(1, all, true)

	m.plug(m.r[0].Unmute)
	mark(returned)
	a.begin()
	a.await(lab.Master, all)
	b.await(lab.Backup, all)
	m.spoken(all, high, marks[returned], 2)
	m.owned(0, all, true)
	m.owned(1, all, false)

	mark(cut)
	if groups := m.members(synced); m.cuts() {
		m.r[0].Cut(1)
		b.await(lab.Master, groups)
		m.spoken(groups, low, marks[cut], 1)
		b.await(lab.Backup, m.members(single))
	}
	mark(mended)
	if m.cuts() {
		m.r[0].Mend(1)
		a.await(lab.Master, all)
		b.await(lab.Backup, all)
		m.spoken(all, high, marks[mended], 2)
	}

	mark(stopped)
	a.stop()
	b.await(lab.Master, all)
	m.spoken(all, low, marks[stopped], 2)
	m.owned(0, all, false)
	m.owned(1, all, true)
	b.stop()
	m.owned(1, all, false)
	m.judge(marks)
}

// cuts says whether a link is cut: who begins as master needs sync groups.
func (m *match) cuts() bool { return m.all[0].peer != frr || m.ours == 0 }

func (m *match) plug(f func(int)) { f(0); f(1) }

// spoken waits until each of the instances was heard with a priority, some
// times, since frame number from of the first wire. (On the second wire the
// beginning is as good, but for the wait for the states before.)
func (m *match) spoken(members []member, priority uint8, from, times int) {
	m.t.Helper()
	need := map[int]int{}
	for _, x := range members {
		if x.wire == 0 {
			need[x.vrid] = times
		}
	}
	m.heard[0].Advert(from, starting, fmt.Sprintf("adverts of %d instances with priority %d", len(need), priority), func(a *lab.Advert) bool {
		if v := int(a.VRID); a.Priority == priority && need[v] > 0 {
			if need[v]--; need[v] == 0 {
				delete(need, v)
			}
		}
		return len(need) == 0
	})
}

// owned waits until a router has all addresses of the instances, or none. FRR
// leaves them on interfaces that are down, so nothing is asked of it.
func (m *match) owned(n int, members []member, want bool) {
	m.t.Helper()
	if _, theirs := m.n[n].(*vrrpd); theirs {
		return
	}
	lab.Until(m.t, soon, fmt.Sprintf("%s has the addresses: %v", m.r[n].Host, want), func() bool {
		text := m.r[n].Run("ip", "-o", "addr", "show")
		for _, x := range members {
			for _, a := range x.addrs() {
				if strings.Contains(text, " "+a.String()+"/") != want {
					return false
				}
			}
		}
		return true
	})
}

// judge reads what was heard.
func (m *match) judge(marks [marked]int) {
	m.t.Helper()
	for _, c := range m.all {
		s := &seen{}
		s.kill = m.until(c, marks[killed], high)
		s.zero = m.until(c, marks[stopped], 0)
		s.back = m.silence(c, marks[returned])
		if c.sync && m.cuts() && !m.gaveUp(c, marks[cut], marks[mended]) {
			m.t.Errorf("%v: the master did not resign on the wire that works", c)
		}
		m.describe(c, s)
		c.seen[m.ours] = s
	}
	for i, h := range m.heard {
		if n := h.Drops(); n != 0 {
			m.t.Errorf("the capture of wire %d dropped %d frames", i, n)
		}
	}
}

// until is the time from a's last advert with a priority to b's first after frame
// number from.
func (m *match) until(c *cell, from int, priority uint8) time.Duration {
	m.t.Helper()
	frames := m.heard[0].Adverts(func(a *lab.Advert) bool { return int(a.VRID) == c.vrid })
	for i, f := range frames {
		if f.Index < from || f.Advert.Priority != low {
			continue
		}
		for j := i - 1; j >= 0; j-- {
			if frames[j].Advert.Priority == priority {
				return f.At.Sub(frames[j].At)
			}
		}
	}
	m.t.Errorf("%v: no takeover after priority %d was heard", c, priority)
	return 0
}

// silence is the time between b's last advert and a's first after a came back.
func (m *match) silence(c *cell, from int) time.Duration {
	m.t.Helper()
	var last time.Time
	for _, f := range m.heard[0].Adverts(func(a *lab.Advert) bool { return int(a.VRID) == c.vrid }) {
		switch {
		case f.Advert.Priority == low:
			last = f.At
		case f.Index >= from && f.Advert.Priority == high:
			return f.At.Sub(last)
		}
	}
	m.t.Errorf("%v: nothing heard of the return", c)
	return 0
}

// gaveUp says whether the master of a group resigned on the wire that still
// worked when it lost the other.
func (m *match) gaveUp(c *cell, from, to int) bool {
	return len(m.heard[0].Pick(func(f *lab.Frame) bool {
		return f.Index >= from && f.Index < to && f.Advert != nil && int(f.Advert.VRID) == c.vrid && f.Advert.Priority == 0
	})) > 0
}

// sender is the router that an advert of an instance came from: 0 or 1.
func (m *match) sender(x member) func(a *lab.Advert) int {
	by := map[netip.Addr]int{}
	for _, f := range m.heard[x.wire].Adverts(func(a *lab.Advert) bool { return int(a.VRID) == x.vrid && a.Priority > 0 }) {
		n := 0
		if f.Advert.Priority == low {
			n = 1
		}
		if was, known := by[f.Advert.Src]; known && was != n {
			m.t.Errorf("%v: both routers send from %v", x.cell, f.Advert.Src)
		}
		by[f.Advert.Src] = n
	}
	return func(a *lab.Advert) int { return by[a.Src] }
}

// advert is a frame, and which reign of any of the two routers it is of.
type advert struct {
	lab.Frame
	reign int
}

// describe collects the fields of all adverts of a cell, by side: 0 is vigild.
func (m *match) describe(c *cell, s *seen) {
	s.fields = [2]traits{{}, {}}
	for _, x := range c.members() {
		sender := m.sender(x)
		var by [2][]advert
		reign, last := 0, -1
		for _, f := range m.heard[x.wire].Adverts(func(a *lab.Advert) bool { return int(a.VRID) == x.vrid }) {
			n := sender(f.Advert)
			// A bridge may show a frame to a stranger twice.
			if k := len(by[n]); k > 0 && bytes.Equal(by[n][k-1].Data, f.Data) && f.At.Sub(by[n][k-1].At) < x.interval()/4 {
				continue
			}
			if n != last || f.Advert.Priority == 0 {
				reign++
			}
			last = n
			by[n] = append(by[n], advert{f, reign})
		}
		for n, frames := range by {
			side := 1
			if n == m.ours {
				side = 0
			}
			s.count[side] += len(frames)
			s.fields[side].add(x, m.r[n], m.r[1-n], frames)
		}
	}
}
