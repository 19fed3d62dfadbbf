// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// solo is an instance of version 3 on eth0 with one address.
func solo(priority int, interval, more string) string {
	return fmt.Sprintf(`vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 7
    priority %d
    advert_int %s
    virtual_ipaddress {
        10.0.1.1/16
    }
    %s
}
`, priority, interval, more)
}

var virtual = netip.MustParseAddr("10.0.1.1")

// killRole ends a role with SIGKILL and waits for its successor.
func killRole(t *testing.T, d *lab.Daemon, role string) {
	t.Helper()
	old := d.RolePID(role)
	if old == 0 {
		t.Fatalf("no process of role %s", role)
	}
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	lab.Until(t, soon, "another process of role "+role, func() bool {
		now := d.RolePID(role)
		return now != 0 && now != old
	})
}

// gaps returns the longest time between two adverts of a source, from a frame on.
func longestGap(c *lab.Capture, from int, src netip.Addr) (longest time.Duration, adverts int) {
	var last time.Time
	for _, f := range c.Frames() {
		if f.Index < from || f.Advert == nil || f.Advert.Src != src {
			continue
		}
		if adverts++; !last.IsZero() {
			longest = max(longest, f.At.Sub(last))
		}
		last = f.At
	}
	return longest, adverts
}

// beats waits for a number of adverts.
func beats(t *testing.T, c *lab.Capture, src netip.Addr, n int) {
	t.Helper()
	from := c.Len()
	for range n {
		f := c.Advert(from, soon, "an advert of "+src.String(), func(a *lab.Advert) bool { return a.Src == src })
		from = f.Index + 1
	}
}

func TestTermGivesUpInOrder(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	heard := w.Capture()
	m := a.Start(lab.Vigild, solo(200, "0.2", ""))
	m.Wait("VI_1", lab.Master, soon)
	s := b.Start(lab.Keepalived, solo(100, "0.2", ""))
	s.Wait("VI_1", lab.Backup, soon)
	lab.Until(t, soon, "a has the address", func() bool { return a.Has("eth0", virtual) })
	watch := a.Program("monitor", "ip", "-ts", "monitor", "address")
	// It watches once it says something.
	lab.Until(t, soon, "the monitor sees a change", func() bool {
		a.IP("address add 10.0.9.9/32 dev eth0", "address del 10.0.9.9/32 dev eth0")
		return strings.Contains(watch.Said(), "10.0.9.9")
	})
	mark := heard.Len()
	if status := m.Stop(); status != 0 {
		t.Errorf("ended with status %d", status)
	}
	zero := heard.Advert(mark, soon, "priority 0", func(v *lab.Advert) bool { return v.Src == a.Addr4(0) && v.Priority == 0 })
	var removed time.Time
	lab.Until(t, soon, "the address is removed", func() bool {
		for line := range strings.SplitSeq(watch.Said(), "\n") {
			stamp, text, _ := strings.Cut(strings.TrimPrefix(line, "["), "] ")
			if strings.Contains(text, "Deleted") && strings.Contains(text, "10.0.1.1") {
				at, err := time.ParseInLocation("2006-01-02T15:04:05.000000", stamp, time.Local)
				if err != nil {
					t.Fatal(err)
				}
				removed = at
				return true
			}
		}
		return false
	})
	if !zero.At.Before(removed) {
		t.Errorf("the address was removed at %v, priority 0 was sent at %v", removed, zero.At)
	}
	if m.State("VI_1") != lab.Stop {
		t.Errorf("the last state told is %q", m.State("VI_1"))
	}
	if a.Has("eth0", virtual) {
		t.Error("the address is still there")
	}
	s.Wait("VI_1", lab.Master, soon)
}

func TestReloadKeepsTheBeat(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	heard := w.Capture()
	ours := solo(200, "0.1", "garp_master_delay 1")
	m := a.Start(lab.Vigild, ours)
	m.Wait("VI_1", lab.Master, soon)
	s := begin(b, lab.Keepalived, solo(100, "0.1", ""))
	s.Wait("VI_1", lab.Backup, soon)
	workers := []int{m.RolePID("vrrp"), m.RolePID("observe")}
	second := strings.NewReplacer("VI_1", "VI_2", "virtual_router_id 7", "virtual_router_id 8", "10.0.1.1", "10.0.1.2").
		Replace(ours)
	announced := func(from int) int {
		return len(heard.Pick(func(f *lab.Frame) bool { return f.Index > from && f.Announced() == virtual }))
	}
	lab.Until(t, soon, "both bursts of announcements are over", func() bool { return announced(0) >= 10 })
	again(t, "reloads keep the beat, and nobody notices", func(int) (seen string, held bool) {
		s.Wait("VI_1", lab.Backup, soon)
		beats(t, heard, a.Addr4(0), 3)
		lab.Quiet(func() {
			mark, changes := heard.Len(), len(s.Changes())
			for _, text := range []string{ours, ours + second, ours} {
				was := loads(t, m)
				m.Rewrite(text)
				lab.Until(t, soon, "the configuration is loaded", func() bool { return loads(t, m) > was })
				beats(t, heard, a.Addr4(0), 10)
			}
			gap, n := longestGap(heard, mark, a.Addr4(0))
			changed := s.Changes()[changes:]
			// The peer waits 300 ms at least.
			held = n >= 30 && gap <= 300*time.Millisecond && announced(mark) == 0 && len(changed) == 0
			seen = fmt.Sprintf("longest gap between %d adverts %v, %d announcements, changes of the peer %+v", n, gap, announced(mark), changed)
		})
		return seen, held
	})
	if now := []int{m.RolePID("vrrp"), m.RolePID("observe")}; !slices.Equal(now, workers) {
		t.Errorf("other processes: %v, before %v", now, workers)
	}
}

// loads is how many configurations came into force.
func loads(t *testing.T, d *lab.Daemon) int {
	t.Helper()
	return strings.Count(d.Said(), `"msg":"config.loaded"`)
}

func TestBadFileChangesNothing(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a := l.Router("a", w)
	heard := w.Capture()
	m := a.Start(lab.Vigild, solo(200, "0.1", ""))
	m.Wait("VI_1", lab.Master, soon)
	again(t, "a bad file keeps the beat", func(attempt int) (seen string, held bool) {
		beats(t, heard, a.Addr4(0), 3)
		lab.Quiet(func() {
			mark := heard.Len()
			rejected(t, m, attempt)
			beats(t, heard, a.Addr4(0), 5)
			gap, n := longestGap(heard, mark, a.Addr4(0))
			seen, held = fmt.Sprintf("longest gap between %d adverts %v", n, gap), gap <= 300*time.Millisecond
		})
		return seen, held
	})
	if !a.Has("eth0", virtual) || a.Has("eth0", netip.MustParseAddr("10.0.1.9")) || loads(t, m) != 1 {
		t.Error("something changed")
	}
	if m.State("VI_1") != lab.Master {
		t.Errorf("state %s", m.State("VI_1"))
	}
	// And the way back to a good file is open.
	m.Rewrite(solo(200, "0.1", ""))
	lab.Until(t, soon, "a good file is loaded", func() bool { return loads(t, m) == 2 })
}

// rejected gives a daemon a file that it refuses, for the n-th time, and waits
// until it has said so with the place.
func rejected(t *testing.T, m *lab.Daemon, n int) {
	t.Helper()
	// The head of the lab and this text make a file whose last block lacks its id.
	m.Rewrite(solo(200, "0.1", "") + "vrrp_instance VI_2 {\n    interface eth0\n    virtual_ipaddress { 10.0.1.9 }\n}\n")
	text, err := os.ReadFile(m.Conf)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(text), "vrrp_instance VI_2")
	place := fmt.Sprintf("%s:%d:1:", m.Conf, strings.Count(before, "\n")+1)
	lab.Until(t, soon, "the refusal with "+place, func() bool {
		times := 0
		for line := range strings.SplitSeq(m.Said(), "\n") {
			if strings.Contains(line, "config.rejected") && strings.Contains(line, place) && strings.Contains(line, "virtual_router_id") {
				times++
			}
		}
		return times >= n
	})
}

func TestSecondCopyIsRefused(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	a := l.Router("a", l.Wire())
	m := a.Start(lab.Vigild, solo(200, "0.2", ""))
	m.Wait("VI_1", lab.Master, soon)
	pid := strings.TrimSuffix(m.Socket, ".sock") + ".pid"
	if text, err := os.ReadFile(pid); err != nil || strings.TrimSpace(string(text)) == "" {
		t.Fatalf("pid file: %q, %v", text, err)
	}
	out, err := a.Try(lab.Binary(t, "vigild"), "-n", "-l", "-f", m.Conf, "-p", pid, "-r", pid+"x", "--control-socket", pid+".sock")
	if err == nil || !strings.Contains(out, "already running") {
		t.Errorf("a second copy said %q, %v", out, err)
	}
	if m.State("VI_1") != lab.Master || m.Stop() != 0 {
		t.Error("the first copy suffered")
	}
	if left, err := filepath.Glob(strings.TrimSuffix(pid, ".pid") + "*.pid"); err != nil || len(left) > 0 {
		t.Errorf("pid files left: %v, %v", left, err)
	}
	if _, err := os.Stat(m.Socket); err == nil {
		t.Error("the control socket is left")
	}
}
