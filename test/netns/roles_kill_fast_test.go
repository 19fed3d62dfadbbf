// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// wound is one kill of a vrrp process while it was master, and what came of it.
type wound struct {
	restart, gap time.Duration
}

// trial is a master whose vrrp process is killed again and again.
type trial struct {
	kind, peer    lab.Kind
	interval      time.Duration
	wounds        []wound
	peerLeft      int // states but BACKUP that the peer went through
	selfLeft      int // states but MASTER that the master told of afterwards
	strangers     int // adverts of the peer, and resignations
	sent, lost    int
	longestSilent time.Duration // of the pings
}

// unnoticed says that nobody but the log has noticed.
func (r *trial) unnoticed() bool {
	return r.peerLeft == 0 && r.selfLeft == 0 && r.strangers == 0 && r.lost == 0
}

func (r *trial) String() string {
	var restarts, gaps []string
	for _, w := range r.wounds {
		restarts = append(restarts, ms(w.restart))
		gaps = append(gaps, ms(w.gap))
	}
	return fmt.Sprintf("| %-10v | %-10v | %-6v | %-21s | %-24s | %-10s | %5d | %4d | %9s", r.kind, r.peer, r.interval,
		strings.Join(restarts, " "), strings.Join(gaps, " "), pick(r.peerLeft > 0, "left BACKUP", "BACKUP"), r.sent, r.lost, ms(r.longestSilent))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// TestKilledVRRPRoleAtShortIntervals kills the vrrp role of a master three times
// in a row while it sends an advert each 0.1 s: the peer stays BACKUP, though it
// waits for a third of a second only, and no ping to the address is lost. It runs
// alone, and what does not go unnoticed has to do so three times: any process may
// be held up once. keepalived is measured the same way, to compare.
func TestKilledVRRPRoleAtShortIntervals(t *testing.T) {
	table := []string{killHeading}
	for _, peer := range []lab.Kind{lab.Keepalived, lab.Vigild} {
		t.Run(fmt.Sprintf("beside %v", peer), func(t *testing.T) {
			table = append(table, unnoticedKills(t, peer, 100*time.Millisecond)...)
		})
	}
	t.Run("keepalived itself", func(t *testing.T) {
		table = append(table, noticedKill(t, 100*time.Millisecond))
	})
	t.Logf("\n%s", strings.Join(table, "\n"))
}

// TestKilledVRRPRoleAtOneSecond is the same for adverts each second.
func TestKilledVRRPRoleAtOneSecond(t *testing.T) {
	t.Parallel()
	rows := make([][]string, 3)
	t.Run("all", func(t *testing.T) {
		for i, peer := range []lab.Kind{lab.Keepalived, lab.Vigild} {
			t.Run(fmt.Sprintf("beside %v", peer), func(t *testing.T) {
				t.Parallel()
				rows[i] = unnoticedKills(t, peer, time.Second)
			})
		}
		t.Run("keepalived itself", func(t *testing.T) {
			t.Parallel()
			rows[2] = []string{noticedKill(t, time.Second)}
		})
	})
	t.Logf("\n%s\n%s", killHeading, strings.Join(slices.Concat(rows...), "\n"))
}

const killHeading = `| A vrrp process is killed while it is master. Times in milliseconds.
| killed     | peer       | every  | restarted after       | gaps between adverts     | peer       | pings | lost | unanswered`

// unnoticedKills has vigild killed beside a peer, and wants nobody to notice.
func unnoticedKills(t *testing.T, peer lab.Kind, interval time.Duration) (rows []string) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		r := killedMaster(t, lab.Vigild, peer, interval, 3)
		rows = append(rows, r.String())
		if r.unnoticed() {
			return rows
		}
		t.Logf("attempt %d did not go unnoticed: %+v", attempt, r)
		if attempt == 3 {
			t.Errorf("the death of a role was noticed three times")
			return rows
		}
	}
}

// noticedKill is the same for keepalived, and somebody has to notice: else the
// test could not see anything.
func noticedKill(t *testing.T, interval time.Duration) string {
	t.Helper()
	r := killedMaster(t, lab.Keepalived, lab.Vigild, interval, 1)
	if r.unnoticed() {
		t.Error("nobody noticed the death of keepalived's process, so this test shows nothing")
	}
	return r.String()
}

// killedMaster kills the vrrp process of a master some times, while a third
// host pings its address every 10 ms.
func killedMaster(t *testing.T, kind, peer lab.Kind, interval time.Duration, times int) *trial {
	t.Helper()
	l := lab.New(t)
	w := l.Wire()
	a, b, c := l.Router("a", w), l.Router("b", w), l.Router("c", w)
	heard := w.Capture()
	every := fmt.Sprintf("%g", interval.Seconds())
	m := begin(a, kind, solo(high, every, ""))
	m.Wait("VI_1", lab.Master, starting)
	s := begin(b, peer, solo(low, every, ""))
	s.Wait("VI_1", lab.Backup, starting)
	beats(t, heard, a.Addr4(0), 3)
	p := startPings(t, c, virtual)
	mark := heard.Len()
	told := len(m.Changes())
	r := &trial{kind: kind, peer: peer, interval: interval}
	for range times {
		r.wounds = append(r.wounds, stab(t, m, heard))
		beats(t, heard, a.Addr4(0), 3)
		s.Wait("VI_1", lab.Backup, soon)
	}
	r.sent, r.lost, r.longestSilent = p.end()
	for _, c := range s.Changes() {
		if c.Name == "VI_1" && c.State != lab.Backup {
			r.peerLeft++
		}
	}
	for _, c := range m.Changes()[told:] {
		if c.Name == "VI_1" && c.State != lab.Master {
			r.selfLeft++
		}
	}
	r.strangers = len(heard.Pick(func(f *lab.Frame) bool {
		return f.Index >= mark && f.Advert != nil && (f.Advert.Src != a.Addr4(0) || f.Advert.Priority == 0)
	}))
	m.Stop()
	s.Stop()
	return r
}

// stab kills the vrrp process of a daemon and waits for its next advert.
func stab(t *testing.T, m *lab.Daemon, heard *lab.Capture) (w wound) {
	t.Helper()
	pid := m.RolePID("vrrp")
	if m.Kind == lab.Keepalived {
		children := childrenOf(t, m.Main())
		if len(children) != 1 {
			t.Fatalf("children of keepalived: %v", children)
		}
		pid = children[0]
	}
	before := resumptions(t, m)
	from := m.Router.Addr4(0)
	mark := heard.Len()
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// The advert may have been on its way when the sender died.
	next := heard.Advert(mark, starting, "the successor's first advert", func(a *lab.Advert) bool { return a.Src == from })
	if next.At.Sub(killed) < time.Millisecond {
		next = heard.Advert(next.Index+1, starting, "the successor's first advert", func(a *lab.Advert) bool { return a.Src == from })
	}
	last := lastBefore(t, heard, next, func(a *lab.Advert) bool { return a.Src == from })
	w.gap = next.At.Sub(last.At)
	w.restart = next.At.Sub(killed)
	if m.Kind == lab.Vigild {
		var now []time.Time
		lab.Until(t, soon, "the log tells that it is master again", func() bool {
			now = resumptions(t, m)
			return len(now) > len(before)
		})
		w.restart = now[len(before)].Sub(killed)
	}
	return w
}

// resumptions is when the log says that the instance became master after a start.
func resumptions(t *testing.T, d *lab.Daemon) (out []time.Time) {
	t.Helper()
	for line := range strings.Lines(d.Said()) {
		if !strings.Contains(line, `"to":"MASTER"`) || !strings.Contains(line, `"msg":"vrrp.state"`) {
			continue
		}
		var e struct{ Time time.Time }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			continue // it is being written
		}
		out = append(out, e.Time)
	}
	return out
}
