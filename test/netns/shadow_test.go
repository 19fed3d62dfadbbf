// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/test/netns/lab"
)

// observed is what the pair runs, and what the observer is given.
func observed(priority int) string {
	return fmt.Sprintf(`vrrp_script chk {
    script "/bin/true"
    interval 1
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority %d
    advert_int 1
    virtual_ipaddress {
        10.77.0.1/24
    }
    track_script {
        chk
    }
    notify "/bin/false never"
}
vrrp_instance VI_6 {
    interface eth0
    virtual_router_id 61
    priority %d
    advert_int 1
    virtual_ipaddress {
        2001:db8:77::1/64
    }
}
`, priority, priority)
}

// observer is a vigild --shadow, every system call of which that could change or
// send something is written down.
type observer struct {
	t     *testing.T
	prog  *lab.Program
	sock  string
	pid   string
	calls string
}

func observe(t *testing.T, l *lab.Lab, r *lab.Router, conf string) *observer {
	t.Helper()
	base := filepath.Join(l.Dir(), "shadow")
	o := &observer{t: t, sock: base + ".sock", pid: base + ".pid", calls: base + ".calls"}
	file := l.File("shadow.conf", conf, 0o644)
	yaml := l.File("shadow.yaml", "web:\n  listen: []\ncontrol:\n  socket: "+o.sock+"\n", 0o644)
	o.prog = r.Program("shadow", "strace", "-f", "-qq", "-yy", "-s", "64", "-o", o.calls, "-e", "trace=%network,write,openat,execve",
		lab.Binary(t, "vigild"), "--shadow", "-n", "-l", "-G", "-f", file, "--settings", yaml, "-p", o.pid)
	return o
}

// wait waits until both instances went into a state for a reason the nth time,
// and returns what the observer says then.
func (o *observer) wait(state event.State, why event.Reason, n int) api.Status {
	o.t.Helper()
	said := fmt.Sprintf(" to=%v reason=%v ", state, why)
	lab.Until(o.t, 15*time.Second, fmt.Sprintf("the observer sees %v for %v", state, why), func() bool {
		return strings.Count(o.prog.Said(), said) >= 2*n
	})
	return o.status()
}

func (o *observer) status() (s api.Status) {
	o.t.Helper()
	out, err := exec.Command(lab.Binary(o.t, "vigilctl"), "--socket", o.sock, "status", "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil || len(s.Instances) != 2 {
		o.t.Fatalf("status: %v: %s", err, out)
	}
	return s
}

// stop ends it by its pid file: the one above it is strace.
func (o *observer) stop() {
	o.t.Helper()
	text, err := os.ReadFile(o.pid)
	if err != nil {
		o.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGTERM)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	lab.Until(o.t, 15*time.Second, "end of the observer", func() bool { _, ended := o.prog.Ended(); return ended })
}

// In shadow mode a failover of two keepalived is seen with its reasons, and
// nothing is sent, changed or run.
func TestShadowSeesAndChangesNothing(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	one, two := a.Start(lab.Keepalived, observed(150)), b.Start(lab.Keepalived, observed(100))
	one.Wait("VI_1", lab.Master, 15*time.Second)
	one.Wait("VI_6", lab.Master, 15*time.Second)
	two.Wait("VI_1", lab.Backup, 15*time.Second)

	before := stateOf(b)
	o := observe(t, l, b, observed(100))
	v := o.wait(event.Backup, event.Observed, 1)
	if in := v.Instances[0]; !v.Shadow || in.State != event.Backup || in.Master != a.Addr4(0).String() || in.MasterPriority != 150 || in.Addresses[0].Owned {
		t.Errorf("beside a master: %+v", in)
	}
	if len(v.Tracked) != 1 || v.Tracked[0].State != event.Unknown {
		t.Errorf("the verdict of a script that is not run: %+v", v.Tracked)
	}
	if got := stateOf(b); got != before {
		t.Errorf("the host was\n%s\nand is\n%s", before, got)
	}

	one.Kill()
	two.Wait("VI_1", lab.Master, 15*time.Second)
	o.wait(event.Master, event.MasterDownTimer, 1)
	lab.Until(t, 10*time.Second, "the observer sees the address", func() bool {
		return strings.Contains(o.prog.Said(), "address.added")
	})
	v = o.status()
	if in := v.Instances[0]; in.State != event.Master || in.Priority != 100 || in.Master != b.Addr4(0).String() || !in.Addresses[0].Owned || in.Sent == 0 {
		t.Errorf("after the failover: %+v", in)
	}

	three := a.Start(lab.Keepalived, observed(150))
	three.Wait("VI_1", lab.Master, 20*time.Second)
	three.Wait("VI_6", lab.Master, 20*time.Second)
	v = o.wait(event.Backup, event.HigherPriority, 1)
	if in := v.Instances[0]; in.State != event.Backup || in.Master != a.Addr4(0).String() || in.Addresses[0].Owned || in.Transitions != 3 || in.SplitBrain {
		t.Errorf("after the way back: %+v", in)
	}
	if why, err := exec.Command(lab.Binary(t, "vigilctl"), "--socket", o.sock, "why", "VI_1").CombinedOutput(); err != nil || !strings.Contains(string(why), "higher priority") {
		t.Errorf("why: %v: %s", err, why)
	}
	o.stop()
	if got := stateOf(b); got != before {
		t.Errorf("the host was\n%s\nand is\n%s", before, got)
	}
	o.innocent()
}

// stateOf is all that a router daemon could have changed of a host.
func stateOf(r *lab.Router) string {
	var all []string
	for _, what := range []string{"ip -o addr show", "ip route show table all", "ip -6 route show table all", "ip rule show", "ip maddr show", "nft list ruleset"} {
		out := r.Run(strings.Fields(what)...)
		all = append(all, lifetimes.ReplaceAllString(out, ""))
	}
	return strings.Join(all, "")
}

// lifetimes change by themselves.
var lifetimes = regexp.MustCompile(`(valid_lft|preferred_lft|expires) \d+sec`)

// question is a message to netlink that only asks: RTM_GETLINK or RTM_GETADDR,
// which strace does not always have the name for.
var question = regexp.MustCompile(`nlmsg_type=(RTM_GET|0x12 |0x16 )`)

// innocent looks through the system calls of the observer.
func (o *observer) innocent() {
	o.t.Helper()
	text, err := os.ReadFile(o.calls)
	if err != nil {
		o.t.Fatal(err)
	}
	taps, asked, started := 0, 0, 0
	for line := range strings.Lines(string(text)) {
		_, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		call = strings.TrimSpace(call)
		bad := false
		switch name, rest, _ := strings.Cut(call, "("); name {
		case "sendto", "sendmsg", "sendmmsg", "write":
			netlink := strings.Contains(rest, "<NETLINK:")
			if netlink && question.MatchString(rest) {
				asked++
			}
			bad = netlink && !question.MatchString(rest)
			for _, kind := range []string{"<PACKET:", "<RAW:", "<RAWv6:", "<UDP", "<TCP"} {
				bad = bad || strings.Contains(rest, kind)
			}
		case "socket":
			if strings.HasPrefix(rest, "AF_PACKET") {
				taps++
			}
			bad = strings.Contains(rest, "SOCK_RAW") && !strings.HasPrefix(rest, "AF_NETLINK")
		case "setsockopt":
			bad = strings.Contains(rest, "MEMBERSHIP") || strings.Contains(rest, "JOIN")
		case "openat":
			bad = strings.Contains(rest, `"/proc/sys/`) && (strings.Contains(rest, "O_WRONLY") || strings.Contains(rest, "O_RDWR"))
		case "execve":
			started++
			bad = !strings.Contains(rest, "vigild") && !strings.Contains(rest, "/proc/self/exe")
		}
		if bad {
			o.t.Errorf("the observer did: %s", call)
		}
	}
	if taps == 0 || asked == 0 || started < 3 {
		o.t.Errorf("it listened %d times, asked %d times, started %d processes: was it watched?", taps, asked, started)
	}
}
