// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Kind is which program keeps the addresses alive.
type Kind int

// The two that understand keepalived.conf.
const (
	Keepalived Kind = iota
	Vigild
)

// String names the kind.
func (k Kind) String() string {
	if k == Keepalived {
		return "keepalived"
	}
	return "vigild"
}

// States as notify scripts and FIFOs spell them.
const (
	Master = "MASTER"
	Backup = "BACKUP"
	Fault  = "FAULT"
	Stop   = "STOP"
)

// Change is one line of the notify FIFO, with the time it was read.
type Change struct {
	At                time.Time
	Kind, Name, State string // Kind is INSTANCE or GROUP
	Priority          int
}

// Daemon is keepalived or vigild running on a router, in a process namespace
// of its own.
type Daemon struct {
	*Program
	Kind   Kind
	Router *Router
	// Conf is its keepalived.conf, Socket the control socket of vigild.
	Conf, Socket string

	mu      sync.Mutex
	changes []Change
	news    chan struct{} // closed and replaced at each change
}

// An Option changes how Start starts a daemon.
type Option func(*options)

type options struct {
	flags []string
	env   []string
	yaml  string
	head  string
	terse bool
	whole bool
	web   string
}

// Flags adds command line flags.
func Flags(flags ...string) Option {
	return func(o *options) { o.flags = append(o.flags, flags...) }
}

// Env adds NAME=value to the environment.
func Env(env ...string) Option {
	return func(o *options) { o.env = append(o.env, env...) }
}

// YAML adds top-level lines to the settings of vigild; keepalived has none. A
// settings file of the lab already has control, web and log.
func YAML(text string) Option {
	return func(o *options) { o.yaml += text }
}

// Web has vigild serve its pages on an address beside the loopback one, to other
// hosts of the lab.
func Web(listen string) Option {
	return func(o *options) { o.web = fmt.Sprintf(", %q", listen) }
}

// Terse leaves out the flag -D (log in detail), which costs keepalived a line
// for each announcement.
func Terse() Option {
	return func(o *options) { o.terse = true }
}

// Whole starts both halves of keepalived, VRRP and the checks of real servers,
// instead of VRRP alone. vigild has no need of it.
func Whole() Option {
	return func(o *options) { o.whole = true }
}

// RealTime starts the daemon at a real-time priority (1 to 99), so that it is
// not late on a busy machine.
func RealTime(priority int) Option {
	// The other limit is on the time without a pause: by default keepalived has
	// the kernel kill it after 10 ms, which a burst of announcements takes.
	return func(o *options) {
		o.head = fmt.Sprintf("    vrrp_rt_priority %d\n    vrrp_rlimit_rttime 2000000\n    bfd_rt_priority %[1]d\n    bfd_rlimit_rttime 2000000\n", priority)
	}
}

// Eager starts keepalived's vrrp process with the best nice value: not as good
// as RealTime, but keepalived survives a reload with it (it sets its limit of
// time without a pause back to 10 ms then). vigild is at a real-time priority
// without being asked.
func Eager() Option {
	return func(o *options) { o.head += "    vrrp_priority -20\n" }
}

// settings is the vigil.yaml of a daemon in a lab.
const settings = `web:
  listen: ["127.0.0.1:10112"%s]
control:
  socket: %s
log:
  format: json
%s`

// Start starts a daemon on the router with a keepalived.conf. A global_defs
// with the router's name and a notify FIFO is put in front of it; text may have
// another one.
func (r *Router) Start(kind Kind, text string, opts ...Option) *Daemon {
	r.t.Helper()
	var o options
	for _, f := range opts {
		f(&o)
	}
	r.starts++
	base := fmt.Sprintf("%s-%s-%d", r.Host, kind, r.starts)
	d := &Daemon{Kind: kind, Router: r, news: make(chan struct{})}
	fifo := filepath.Join(r.lab.dir, base+".fifo")
	d.listen(r.t, fifo)
	d.Conf = r.lab.File(base+".conf", head(r.Host, fifo, o.head)+text, 0o644)
	pid := filepath.Join(r.lab.dir, base)
	argv := []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}
	if len(o.env) > 0 {
		argv = append(append(argv, "env"), o.env...)
	}
	if kind == Vigild {
		d.Socket = pid + ".sock"
		yaml := r.lab.File(base+".yaml", fmt.Sprintf(settings, o.web, d.Socket, o.yaml), 0o644)
		argv = append(argv, Binary(r.t, "vigild"), "--settings", yaml)
	} else {
		argv = append(argv, "keepalived")
	}
	if !o.terse {
		argv = append(argv, "-D")
	}
	argv = append(argv, "-n", "-l", "-f", d.Conf, "-p", pid+".pid", "-r", pid+"-vrrp.pid", "-c", pid+"-checkers.pid", "-b", pid+"-bfd.pid")
	if kind == Keepalived && !o.whole {
		argv = append(argv, "-P") // vigild runs the half that there is something for
	}
	machine.enter(starters)
	d.Program = r.Program(base, append(argv, o.flags...)...)
	d.name = base
	go func() {
		defer machine.leave(starters)
		d.settle()
	}()
	return d
}

// settle returns when the daemon has said its first word or ended, or has had
// enough time for it. A vigild without instances says it in its log alone.
func (d *Daemon) settle() {
	_, news := d.last("")
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	enough := time.NewTimer(5 * time.Second)
	defer enough.Stop()
	if len(d.Changes()) > 0 {
		return
	}
	for {
		select {
		case <-look.C:
			if d.Kind == Vigild && strings.Contains(d.Said(), "config.loaded") {
				return
			}
		case <-news:
			return
		case <-d.done:
			return
		case <-enough.C:
			return
		}
	}
}

// head is the part of the configuration that the lab needs.
func head(host, fifo, more string) string {
	return fmt.Sprintf("global_defs {\n    router_id %s\n    vrrp_notify_fifo %s\n    script_user root\n%s}\n", host, fifo, more)
}

// Rewrite replaces the configuration (the lab's own part stays) and sends
// SIGHUP.
func (d *Daemon) Rewrite(text string) {
	d.t.Helper()
	old, err := os.ReadFile(d.Conf)
	if err != nil {
		d.t.Fatalf("lab: %v", err)
	}
	first, _, _ := strings.Cut(string(old), "}\n")
	if err := os.WriteFile(d.Conf, []byte(first+"}\n"+text), 0o644); err != nil {
		d.t.Fatalf("lab: %v", err)
	}
	d.Signal(syscall.SIGHUP)
}

// listen reads the notify FIFO until the end of the test.
func (d *Daemon) listen(t T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatalf("lab: make FIFO %s: %v", path, err)
	}
	// For reading and writing: so there is no end of file between writers.
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(f); s.Scan(); {
			d.record(s.Text())
		}
	}()
	t.Cleanup(func() { f.Close(); <-done })
}

// record takes one line: INSTANCE "VI_1" MASTER 100.
func (d *Daemon) record(line string) {
	at := time.Now()
	f := strings.Fields(strings.Trim(line, "\x00"))
	if len(f) < 3 {
		return
	}
	c := Change{At: at, Kind: f[0], Name: strings.Trim(f[1], "\""), State: f[2]}
	if len(f) > 3 {
		c.Priority, _ = strconv.Atoi(f[3])
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes = append(d.changes, c)
	close(d.news)
	d.news = make(chan struct{})
}

// Changes is what the notify FIFO said so far.
func (d *Daemon) Changes() []Change {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.changes)
}

// State is what the notify FIFO said last of an instance or group, empty if
// nothing.
func (d *Daemon) State(name string) string {
	c, _ := d.last(name)
	return c.State
}

// last returns the last line about a state, and what is closed at the next.
func (d *Daemon) last(name string) (Change, chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range slices.Backward(d.changes) {
		switch {
		case c.Name != name, strings.HasSuffix(c.State, "_PRIORITY"), strings.HasPrefix(c.State, "MASTER_RX"):
		default:
			return c, d.news
		}
	}
	return Change{}, d.news
}

// Wait waits until an instance or group is in a state, as the notify FIFO says,
// and returns that line.
func (d *Daemon) Wait(name, state string, limit time.Duration) Change {
	d.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		c, news := d.last(name)
		if c.State == state {
			return c
		}
		select {
		case <-news:
		case <-d.done:
			d.t.Fatalf("%s ended (%v) while %s was to become %s", d.name, d.cmd.ProcessState, name, state)
		case <-deadline.C:
			d.t.Fatalf("not within %v: %s of %s in %s; it is in %q", limit, name, d.name, state, c.State)
		}
	}
}

// Main is the process id of the daemon's first process, which is number 1 in
// its own process namespace; zero if it has ended.
func (d *Daemon) Main() int {
	d.t.Helper()
	var pid int
	poll(10*time.Second, func() bool {
		if _, ended := d.Ended(); ended {
			return true
		}
		for _, p := range d.PIDs() {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
			if err == nil && strings.Contains(string(status), fmt.Sprintf("\nNSpid:\t%d\t1\n", p)) && d.runs(p) {
				pid = p
				return true
			}
		}
		return false
	})
	return pid
}

// runs says whether a process has become the daemon yet.
func (d *Daemon) runs(pid int) bool {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && strings.HasPrefix(filepath.Base(exe), d.Kind.String())
}

// PIDs lists all processes of the daemon.
func (d *Daemon) PIDs() []int {
	want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid_for_children", d.PID()))
	if err != nil {
		return nil
	}
	if own, err := os.Readlink("/proc/self/ns/pid"); err != nil || own == want {
		return nil // unshare has not come so far
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if ns, err := os.Readlink("/proc/" + e.Name() + "/ns/pid"); err == nil && ns == want {
			out = append(out, pid)
		}
	}
	return out
}

// RolePID finds the process of a role of vigild; 0 if there is none.
func (d *Daemon) RolePID(role string) int {
	for _, pid := range d.PIDs() {
		args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(string(args), "--role="+role+"\x00") {
			return pid
		}
	}
	return 0
}

// Signal sends a signal to the daemon's first process.
func (d *Daemon) Signal(sig syscall.Signal) {
	d.t.Helper()
	pid := d.Main()
	if pid == 0 {
		d.t.Fatalf("signal %v: %s has ended (%v)", sig, d.name, d.cmd.ProcessState)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		d.t.Fatalf("signal %v to %s: %v", sig, d.name, err)
	}
}

// Kill ends all processes of the daemon at once, like a power cut, and returns
// when they are gone.
func (d *Daemon) Kill() {
	d.t.Helper()
	// A process that dies closes its files before its children are killed, and a
	// child may have the time to notice. So the first one is held, still with
	// its files open, until all the others are dead.
	d.Signal(syscall.SIGSTOP)
	first := d.Main()
	for _, pid := range d.PIDs() {
		if pid != first {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	d.Signal(syscall.SIGKILL)
	d.ended(20 * time.Second)
}

// Stop sends SIGTERM, waits for the end and returns the exit status.
func (d *Daemon) Stop() int {
	d.t.Helper()
	d.Signal(syscall.SIGTERM)
	d.ended(20 * time.Second)
	status, _ := d.Ended()
	return status
}

func (d *Daemon) ended(limit time.Duration) {
	d.t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	select {
	case <-d.done:
	case <-deadline.C:
		d.t.Fatalf("%s did not end within %v", d.name, limit)
	}
}

// Ctl runs vigilctl against the daemon and returns what it printed.
func (d *Daemon) Ctl(args ...string) string {
	d.t.Helper()
	out, err := exec.Command(Binary(d.t, "vigilctl"), append([]string{"--socket", d.Socket}, args...)...).Output()
	if err != nil {
		d.t.Fatalf("vigilctl %s against %s: %v: %s", strings.Join(args, " "), d.name, err, out)
	}
	return string(out)
}

// CtlJSON runs vigilctl with --json and decodes its answer.
func (d *Daemon) CtlJSON(into any, args ...string) {
	d.t.Helper()
	out := d.Ctl(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		d.t.Fatalf("vigilctl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// Metrics fetches the page of metrics.
func (d *Daemon) Metrics() (Metrics, error) {
	res, err := d.Router.HTTP().Get("http://127.0.0.1:10112/metrics")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("/metrics: %s: %s", res.Status, body)
	}
	return Metrics(strings.Split(string(body), "\n")), err
}

// Metrics is a page of metrics, line by line.
type Metrics []string

// Sum adds up the series of a metric that have all the labels, each written
// name="value"; ok is false when there is none.
func (m Metrics) Sum(name string, labels ...string) (sum float64, ok bool) {
next:
	for _, line := range m {
		rest, found := strings.CutPrefix(line, name)
		if !found || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		i := strings.LastIndexByte(rest, ' ')
		for _, l := range labels {
			if !strings.Contains(rest[:i], l) {
				continue next
			}
		}
		v, err := strconv.ParseFloat(rest[i+1:], 64)
		if err == nil {
			sum, ok = sum+v, true
		}
	}
	return sum, ok
}
