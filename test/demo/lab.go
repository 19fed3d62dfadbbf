// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The three hosts of the demonstration and their addresses (RFC 5737).
const (
	addrWatch = "192.0.2.1"
	addrA     = "192.0.2.11"
	addrB     = "192.0.2.12"
	vip       = "192.0.2.100"
)

// lab is three network namespaces on one bridge: the directors a and b, and
// watch, which holds the bridge and everything that watches.
type lab struct {
	prefix string
	dir    string
	procs  []*proc
}

// proc is a program that runs in one of the namespaces.
type proc struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
}

func newLab() (*lab, error) {
	dir, err := os.MkdirTemp("", "vigil-demo-")
	if err != nil {
		return nil, err
	}
	// The roles run under accounts of their own and must reach their files.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // no secret is kept there
		return nil, err
	}
	return &lab{prefix: "vigil-demo-" + strconv.Itoa(os.Getpid()), dir: dir}, nil
}

func (l *lab) ns(host string) string { return l.prefix + "-" + host }

// wire makes the namespaces and the cables between them.
func (l *lab) wire() error {
	lines := []string{}
	for _, h := range []string{"watch", "a", "b"} {
		lines = append(lines, "netns add "+l.ns(h), "-n "+l.ns(h)+" link set lo up")
	}
	w := "-n " + l.ns("watch") + " "
	lines = append(lines,
		w+"link add br0 type bridge", w+"addr add "+addrWatch+"/24 dev br0", w+"link set br0 up")
	for _, h := range []struct{ name, addr string }{{"a", addrA}, {"b", addrB}} {
		lines = append(lines,
			w+"link add to-"+h.name+" type veth peer name eth0 netns "+l.ns(h.name),
			w+"link set to-"+h.name+" master br0 up",
			"-n "+l.ns(h.name)+" addr add "+h.addr+"/24 dev eth0",
			"-n "+l.ns(h.name)+" link set eth0 up")
	}
	for _, line := range lines {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// start runs a program in a namespace; what it prints goes to a file of its name.
func (l *lab) start(host, name string, argv ...string) (*proc, error) {
	out, err := os.Create(l.dir + "/" + name + ".out")
	if err != nil {
		return nil, err
	}
	defer out.Close()
	args := append([]string{"netns", "exec", l.ns(host)}, argv...)
	cmd := exec.Command("ip", args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, l.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &proc{name: name, cmd: cmd, done: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.done) }()
	l.procs = append(l.procs, p)
	return p, nil
}

// run runs a program in a namespace to its end and returns what it printed.
func (l *lab) run(ctx context.Context, host string, argv ...string) (string, error) {
	args := append([]string{"netns", "exec", l.ns(host)}, argv...)
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", argv[0], err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// kill ends a program at once, with everything in its process group.
func (p *proc) kill(sig syscall.Signal) {
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
}

// wait waits for the end of a program, at most d.
func (p *proc) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.done:
		return true
	case <-t.C:
		return false
	}
}

// close ends every program and removes the namespaces and files. It says what
// it could not remove.
func (l *lab) close(keep bool) error {
	for _, v := range slices.Backward(l.procs) {
		v.kill(syscall.SIGTERM)
	}
	var errs []error
	for _, p := range l.procs {
		if !p.wait(3 * time.Second) {
			p.kill(syscall.SIGKILL)
			p.wait(time.Second)
		}
	}
	for _, h := range []string{"a", "b", "watch"} {
		l.sweep(h)
		if out, err := exec.Command("ip", "netns", "del", l.ns(h)).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("remove namespace %s: %s", l.ns(h), strings.TrimSpace(string(out))))
		}
	}
	if keep {
		fmt.Println("kept:", l.dir)
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}

// sweep ends what is still running in a namespace (children of a director that
// was killed with SIGKILL are in a process namespace of their own and are gone).
func (l *lab) sweep(host string) {
	out, err := exec.Command("ip", "netns", "pids", l.ns(host)).Output()
	if err != nil {
		return
	}
	for f := range strings.FieldsSeq(string(out)) {
		if pid, err := strconv.Atoi(f); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// until polls ask every 100 ms until it says yes, ctx ends or d has passed.
func until(ctx context.Context, d time.Duration, what string, ask func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if ask() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %v", what, d)
		}
	}
}
