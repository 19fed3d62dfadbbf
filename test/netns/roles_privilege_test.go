// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/test/netns/lab"
)

// status is /proc/PID/status.
func status(t *testing.T, pid int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		k, v, _ := strings.Cut(line, ":")
		out[k] = strings.TrimSpace(v)
	}
	return out
}

func capabilities(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEachRoleHoldsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	a := l.Router("a", l.Wire())
	m := a.Start(lab.Vigild, solo(200, "0.2", "promote_secondaries"))
	m.Wait("VI_1", lab.Master, soon)
	lab.Until(t, soon, "the address", func() bool { return a.Has("eth0", virtual) })
	uids := map[string]string{}
	for role, may := range map[string]uint64{
		"vrrp":    1<<unix.CAP_NET_RAW | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_IPC_LOCK,
		"observe": 0,
	} {
		st := status(t, m.RolePID(role))
		for _, set := range []string{"CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"} {
			if got := capabilities(t, st[set]); got&^may != 0 {
				t.Errorf("%s: %s is %x, at most %x", role, set, got, may)
			}
		}
		if st["NoNewPrivs"] != "1" {
			t.Errorf("%s: NoNewPrivs is %s", role, st["NoNewPrivs"])
		}
		uid, _, _ := strings.Cut(st["Uid"], "\t")
		if uids[role] = uid; uid == "0" {
			t.Errorf("%s runs as root", role)
		}
		if groups := strings.TrimSpace(st["Groups"]); groups != "" {
			t.Errorf("%s: groups %s", role, groups)
		}
	}
	if uids["vrrp"] == uids["observe"] {
		t.Error("the role that talks to strangers could signal the one that holds the addresses")
	}
	vrrp := m.RolePID("vrrp")
	if capabilities(t, status(t, vrrp)["CapEff"])&(1<<unix.CAP_NET_ADMIN) == 0 {
		t.Error("the vrrp role may not change addresses")
	}
	attr, err := unix.SchedGetAttr(vrrp, 0)
	if err != nil || attr.Policy != unix.SCHED_RR || attr.Priority == 0 {
		t.Errorf("the vrrp role is scheduled as %+v, %v", attr, err)
	}
	if locked := status(t, vrrp)["VmLck"]; strings.HasPrefix(locked, "0 ") {
		t.Errorf("the vrrp role has %s locked", locked)
	}
	// A setting of the network that this role writes by itself.
	if got := a.Run("sysctl", "-n", "net.ipv4.conf.eth0.promote_secondaries"); strings.TrimSpace(got) != "1" {
		t.Errorf("promote_secondaries is %q", got)
	}
	if m.Stop() != 0 || a.Has("eth0", virtual) {
		t.Error("it could not give up what it had")
	}
}

// TestDetached starts vigild as an init script does: the command returns when
// the daemon runs, and with the reason when it cannot.
func TestDetached(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	a := l.Router("a", l.Wire())
	base := l.Dir() + "/detached"
	conf := l.File("detached.conf", solo(200, "0.2", ""), 0o644)
	argv := []string{lab.Binary(t, "vigild"), "-f", conf, "--control-socket", base + ".sock", "-p", base + ".pid", "-r", base + "-vrrp.pid", "-G"}
	a.Run(argv...)
	text, err := os.ReadFile(base + ".pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	if st := status(t, pid); st["PPid"] != "1" && st["PPid"] == strconv.Itoa(os.Getpid()) {
		t.Errorf("its parent is %s", st["PPid"])
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("its session is %d, %v", sid, err)
	}
	lab.Until(t, soon, "it is master", func() bool { return a.Has("eth0", virtual) })
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	lab.Until(t, soon, "it ended", func() bool { return syscall.Kill(pid, 0) != nil })
	if a.Has("eth0", virtual) {
		t.Error("the address is left")
	}
	argv[2] = l.File("bad.conf", "vrrp_instance VI_1 {\n interface eth0\n}\n", 0o644)
	if out, err := a.Try(argv...); err == nil || !strings.Contains(out, "bad.conf:1:1:") {
		t.Errorf("with a bad file it said %q, %v", out, err)
	}
	argv[2] = l.Dir() + "/nowhere.conf"
	out, err := a.Try(argv...)
	if err == nil || !strings.Contains(err.Error(), "exit status 6") {
		t.Errorf("without a file it said %q, %v", out, err)
	}
}

// TestSingleAndSplitTellTheSame runs the same life twice, once with all roles
// in one process.
func TestSingleAndSplitTellTheSame(t *testing.T) {
	t.Parallel()
	life := func(flags ...string) (out []string) {
		l := lab.New(t)
		a := l.Router("a", l.Wire())
		m := alone(t, l, a, solo(200, "0.2", ""), flags...)
		lab.Until(t, soon, "the announcements", func() bool {
			return strings.Contains(m.Said(), `"reason":"transition"`) || strings.Contains(m.Said(), "announce.sent") || a.Has("eth0", virtual)
		})
		lab.Until(t, soon, "the address", func() bool { return a.Has("eth0", virtual) })
		if err := syscall.Kill(m.PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		lab.Until(t, 10*time.Second, "the end", func() bool { _, ended := m.Ended(); return ended })
		for line := range strings.SplitSeq(m.Said(), "\n") {
			// How late the machine was is not what is compared.
			late := strings.Contains(line, `"msg":"vrrp.suspicion"`) || strings.Contains(line, `"msg":"stalled"`)
			if strings.Contains(line, `"origin":"vrrp"`) && !strings.Contains(line, "privilege.denied") && !late {
				out = append(out, essence(line))
			}
		}
		return out
	}
	split, single := life(), life("--single")
	if len(split) < 4 {
		t.Fatalf("too little was told: %q", split)
	}
	if a, b := strings.Join(split, "\n"), strings.Join(single, "\n"); a != b {
		t.Errorf("as processes:\n%s\nin one process:\n%s", a, b)
	}
}

// essence is what of a line does not depend on the time.
func essence(line string) string {
	var out []string
	for _, key := range []string{"msg", "subject", "from", "to", "reason"} {
		if _, rest, ok := strings.Cut(line, `"`+key+`":"`); ok {
			v, _, _ := strings.Cut(rest, `"`)
			out = append(out, v)
		}
	}
	return strings.Join(out, " ")
}
