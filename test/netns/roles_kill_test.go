// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

func TestKilledVRRPRoleResumesUnnoticed(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b, c := l.Router("a", w), l.Router("b", w), l.Router("c", w)
	heard := w.Capture()
	m := a.Start(lab.Vigild, solo(200, "1", ""))
	m.Wait("VI_1", lab.Master, soon)
	s := b.Start(lab.Keepalived, solo(100, "1", ""))
	s.Wait("VI_1", lab.Backup, soon)
	beats(t, heard, a.Addr4(0), 2)
	ping := c.Program("ping", "ping", "-n", "-i", "0.02", virtual.String())
	lab.Until(t, soon, "pings are answered", func() bool { return strings.Contains(ping.Said(), "time=") })
	mark := heard.Len()
	for i := range 3 {
		killRole(t, m, "vrrp")
		lab.Until(t, soon, "it resumed", func() bool { return strings.Count(m.Said(), `"from":"INIT","to":"MASTER","reason":"resumed"`) == i+1 })
		beats(t, heard, a.Addr4(0), 2)
	}
	// The peer waits 3.6 s; what it saw must look like one late advert.
	if gap, n := longestGap(heard, mark, a.Addr4(0)); n < 6 || gap > 2500*time.Millisecond {
		t.Errorf("longest gap between %d adverts is %v", n, gap)
	}
	for _, change := range s.Changes() {
		if change.Name == "VI_1" && change.State != lab.Backup {
			t.Errorf("the peer became %s", change.State)
		}
	}
	for _, change := range m.Changes()[1:] {
		if change.Name == "VI_1" && change.State != lab.Master {
			t.Errorf("the router itself became %s", change.State)
		}
	}
	if len(heard.Adverts(func(v *lab.Advert) bool { return v.Src == b.Addr4(0) || v.Priority == 0 })) > 0 {
		t.Error("somebody else advertised, or somebody gave up")
	}
	if err := syscall.Kill(ping.PID(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	lab.Until(t, soon, "ping's summary", func() bool { return strings.Contains(ping.Said(), "packets transmitted") })
	// The last one may have been on its way when ping was told to end.
	answers := regexp.MustCompile(`icmp_seq=(\d+) `).FindAllStringSubmatch(ping.Said(), -1)
	for n, answer := range answers {
		if answer[1] != strconv.Itoa(n+1) {
			t.Fatalf("ping %d was not answered:\n%s", n+1, ping.Said())
		}
	}
	if sent := fmt.Sprintf("%d packets transmitted", len(answers)); !strings.Contains(ping.Said(), sent) &&
		!strings.Contains(ping.Said(), fmt.Sprintf("%d packets transmitted", len(answers)+1)) {
		t.Errorf("%d pings were answered:\n%s", len(answers), ping.Said())
	}
	// It is said, in the log and in the metrics.
	if n := strings.Count(m.Said(), `"msg":"worker.lost"`); n != 3 {
		t.Errorf("worker.lost was logged %d times", n)
	}
}

func TestKilledObserveRoleIsNoticedByNobodyAndForgetsNothing(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	heard := w.Capture()
	m := a.Start(lab.Vigild, solo(200, "0.2", ""))
	m.Wait("VI_1", lab.Master, soon)
	s := begin(b, lab.Keepalived, solo(100, "0.2", ""))
	s.Wait("VI_1", lab.Backup, soon)
	vrrp := m.RolePID("vrrp")
	again(t, "the beat goes on without an observe role", func(int) (seen string, held bool) {
		beats(t, heard, a.Addr4(0), 3)
		lab.Quiet(func() {
			mark := heard.Len()
			killRole(t, m, "observe")
			lab.Until(t, soon, "its successor answers", func() bool { _, err := try(m); return err == nil })
			beats(t, heard, a.Addr4(0), 3)
			gap, n := longestGap(heard, mark, a.Addr4(0))
			seen, held = fmt.Sprintf("longest gap between %d adverts %v", n, gap), gap <= 300*time.Millisecond
		})
		return seen, held
	})
	before := transitions(t, m)
	if before == 0 {
		t.Fatal("no transition is counted")
	}
	if err := syscall.Kill(m.RolePID("observe"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// A transition while it is away: somebody takes the address away.
	told := len(m.Changes())
	a.IP("address del 10.0.1.1/16 dev eth0")
	lab.Until(t, soon, "it was BACKUP and is MASTER again", func() bool {
		news := m.Changes()[told:]
		return slices.ContainsFunc(news, func(c lab.Change) bool { return c.State == lab.Backup }) && news[len(news)-1].State == lab.Master
	})
	lab.Until(t, soon, "its successor knows all transitions", func() bool {
		text, err := try(m)
		return err == nil && text >= before+2
	})
	if now := m.RolePID("vrrp"); now != vrrp {
		t.Error("the vrrp role was started again")
	}
	beats(t, heard, a.Addr4(0), 3)
	why := m.Ctl("why", "VI_1")
	if !strings.Contains(why, "MASTER") {
		t.Errorf("why says %q", why)
	}
}

func transitions(t *testing.T, d *lab.Daemon) float64 {
	t.Helper()
	n, err := try(d)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func try(d *lab.Daemon) (float64, error) {
	m, err := d.Metrics()
	if err != nil {
		return 0, err
	}
	n, _ := m.Sum("vigil_vrrp_transitions_total")
	return n, nil
}

// alone starts vigild without a process namespace of its own: there, the end
// of the first process is the kernel's order to end all others.
func alone(t *testing.T, l *lab.Lab, r *lab.Router, conf string, flags ...string) *lab.Program {
	t.Helper()
	base := l.Dir() + "/" + r.Host + "-alone"
	file := l.File(r.Host+"-alone.conf", conf, 0o644)
	yaml := l.File(r.Host+"-alone.yaml", "web:\n  listen: [\"127.0.0.1:10112\"]\nlog:\n  format: json\n", 0o644)
	argv := append([]string{
		lab.Binary(t, "vigild"), "-n", "-l", "-G", "-f", file, "--settings", yaml, "--control-socket", base + ".sock",
		"-p", base + ".pid", "-r", base + "-vrrp.pid",
	}, flags...)
	return r.Program(r.Host+"-alone", argv...)
}

func TestKilledParentLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	heard := w.Capture()
	m := alone(t, l, a, solo(200, "0.2", ""))
	lab.Until(t, soon, "a is master", func() bool { return a.Has("eth0", virtual) })
	s := b.Start(lab.Keepalived, solo(100, "0.2", ""))
	s.Wait("VI_1", lab.Backup, soon)
	beats(t, heard, a.Addr4(0), 2)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", m.PID(), m.PID()))
	if err != nil {
		t.Fatal(err)
	}
	pids := childrenOf(t, m.PID())
	if len(pids) != 2 {
		t.Fatalf("children of the parent: %v (%s)", pids, children)
	}
	mark := heard.Len()
	if err := syscall.Kill(m.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	heard.Advert(mark, soon, "priority 0", func(v *lab.Advert) bool { return v.Src == a.Addr4(0) && v.Priority == 0 })
	lab.Until(t, soon, "the address is gone", func() bool { return !a.Has("eth0", virtual) })
	lab.Until(t, soon, "the workers are gone", func() bool {
		for _, pid := range pids {
			if syscall.Kill(pid, 0) == nil {
				return false
			}
		}
		return true
	})
	s.Wait("VI_1", lab.Master, soon)
}

// childrenOf lists the processes whose parent is pid.
func childrenOf(t *testing.T, pid int) (out []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var child, parent int
		text, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		if _, err := fmt.Sscanf(string(text), "%d", &child); err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if _, err := fmt.Sscanf(rest, "%1s %d", new(string), &parent); err == nil && parent == pid {
			out = append(out, child)
		}
	}
	return out
}
