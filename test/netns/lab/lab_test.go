// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// conf is one instance of version 3 with a short interval.
func conf(priority int) string {
	return fmt.Sprintf(`vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 7
    priority %d
    advert_int 0.1
    virtual_ipaddress {
        10.0.1.1/16 dev eth0
        10.0.1.2/16 dev eth0
    }
}
`, priority)
}

// TestTakeover is the use of the whole package, with keepalived on both sides:
// what it says of keepalived, tests may then say of vigild.
func TestTakeover(t *testing.T) {
	t.Parallel()
	l := New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	heard := w.Capture()
	m := a.Start(Keepalived, conf(200))
	m.Wait("VI_1", Master, 20*time.Second)
	s := b.Start(Keepalived, conf(100))
	s.Wait("VI_1", Backup, 20*time.Second)
	heard.Advert(0, 10*time.Second, "an advert of a", func(v *Advert) bool { return v.Src == a.Addr4(0) })
	if got := len(m.PIDs()); got != 2 {
		t.Errorf("keepalived has %d processes, want parent and vrrp", got)
	}
	var first *Frame
	for attempt := 1; ; attempt++ {
		mark := heard.Len()
		m.Kill()
		if len(m.PIDs()) != 0 {
			t.Errorf("processes outlived the kill: %v", m.PIDs())
		}
		s.Wait("VI_1", Master, 20*time.Second)
		first = heard.Advert(mark, 10*time.Second, "the first advert of b", func(v *Advert) bool { return v.Src == b.Addr4(0) })
		of := heard.Adverts(func(v *Advert) bool { return v.Src == a.Addr4(0) })
		gap, bound := first.At.Sub(of[len(of)-1].At), 300*time.Millisecond+156*100*time.Millisecond/256
		t.Logf("taken over %v after the last advert, the protocol says %v", gap, bound)
		if gap >= bound && gap <= bound+200*time.Millisecond {
			break
		}
		if attempt == 3 {
			t.Fatal("too early or too late three times") // a busy machine is late now and then
		}
		m = a.Start(Keepalived, conf(200))
		m.Wait("VI_1", Master, 20*time.Second)
		s.Wait("VI_1", Backup, 20*time.Second)
	}
	v := first.Advert
	if !v.ChecksumOK || v.Version != 3 || v.Type != 1 || v.VRID != 7 || v.Priority != 100 || v.TTL != 255 || v.Count != 2 ||
		len(v.Addrs) != 2 || v.Addrs[0].String() != "10.0.1.1" || v.Interval != 100*time.Millisecond || v.Surplus != 0 {
		t.Errorf("advert decoded as %+v", v)
	}
	for _, ip := range v.Addrs {
		heard.Next(first.Index, 10*time.Second, "announcement of "+ip.String(), func(f *Frame) bool { return f.Announced() == ip })
		if !b.Has("eth0", ip) {
			t.Errorf("b has not %v", ip)
		}
	}
	if d := heard.Drops(); d != 0 {
		t.Errorf("the capture dropped %d frames", d)
	}
	if status := s.Stop(); status != 0 {
		t.Errorf("keepalived ended with %d", status)
	}
	if s.State("VI_1") != Stop {
		t.Errorf("the last state is %q", s.State("VI_1"))
	}
}

// TestCut cuts one router's cable, then has the wire drop its frames.
func TestCut(t *testing.T) {
	t.Parallel()
	l := New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	reaches := func() bool {
		_, err := a.Try("ping", "-c1", "-W1", b.Addr4(0).String())
		return err == nil
	}
	if !reaches() {
		t.Fatal("a does not reach b")
	}
	b.Mute(0)
	if reaches() {
		t.Error("b answers while muted")
	}
	b.Unmute(0)
	Until(t, 20*time.Second, "b answers again", reaches)
	b.Cut(0)
	Until(t, 10*time.Second, "b has no carrier", func() bool {
		return strings.Contains(b.Run("ip", "link", "show", "eth0"), "NO-CARRIER")
	})
	b.Mend(0)
	Until(t, 20*time.Second, "b answers again", reaches)
}

// TestConsole: what a program of a lab writes to the console goes nowhere, and
// what others write goes where it went before.
func TestConsole(t *testing.T) {
	t.Parallel()
	device := func(out string, err error) string {
		if err != nil {
			return "none"
		}
		return strings.TrimSpace(out)
	}
	outside := func() string {
		out, err := exec.Command("stat", "-L", "-c", "%t:%T", "/dev/console").Output()
		return device(string(out), err)
	}
	before, l := outside(), New(t)
	inside := device(l.Router("a", l.Wire()).Try("stat", "-L", "-c", "%t:%T", "/dev/console"))
	if inside != "1:3" && inside != before {
		t.Errorf("the console of a lab is device %s, not the null device", inside)
	}
	if inside == before && before != "none" && before != "1:3" {
		t.Errorf("the console of a lab is that of the machine, device %s", before)
	}
	if after := outside(); after != before {
		t.Errorf("the console outside was device %s and is %s", before, after)
	}
}

// TestSweep leaves behind what a killed run leaves behind; the next run takes
// it away, and leaves alone what living runs have.
func TestSweep(t *testing.T) {
	t.Parallel()
	if err := ready(); err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("sleep", "100")
	if err := gone.Start(); err != nil {
		t.Fatal(err)
	}
	dead := fmt.Sprintf("vlab%d-%s-1-a", gone.Process.Pid, born(gone.Process.Pid))
	dir := filepath.Join(os.TempDir(), dead) //nolint:usetesting // the sweep looks there
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := ip("", "netns add "+dead); err != nil {
		t.Fatal(err)
	}
	in := exec.Command("ip", "netns", "exec", dead, "sleep", "100")
	if err := in.Start(); err != nil {
		t.Fatal(err)
	}
	there := func(path string) bool { _, err := os.Stat(path); return err == nil }
	if err := sweep(); err != nil || !there(dir) || !there("/run/netns/"+dead) {
		t.Fatalf("the sweep took what a living run has (%v)", err)
	}
	_ = gone.Process.Kill()
	_ = gone.Wait()
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	if there(dir) || there("/run/netns/"+dead) {
		t.Error("the sweep left what a dead run left")
	}
	if err := in.Wait(); err == nil {
		t.Error("what ran there ended by itself")
	}
}
