// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netnstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/sys/proc"
)

// TB is the part of testing.TB that a Lab needs; a benchmark has its own.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	Failed() bool
}

// Lab is a network of its own, taken down with the test.
type Lab struct {
	tb     TB
	prefix string
	dir    string
}

var labs atomic.Int32

// NewLab starts an empty Lab. Without root the test fails: it is not skipped.
func NewLab(tb TB) *Lab {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Fatalf("network namespaces need root")
	}
	dir, err := os.MkdirTemp("", "vigil-lab-")
	if err != nil {
		tb.Fatalf("make a folder: %v", err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return &Lab{tb: tb, prefix: fmt.Sprintf("vgl%d-%d-", os.Getpid(), labs.Add(1)), dir: dir}
}

// Namespace is one network namespace.
type Namespace struct {
	lab  *Lab
	Name string
}

// Namespace makes a namespace with its loopback up.
func (l *Lab) Namespace(name string) *Namespace {
	l.tb.Helper()
	n := &Namespace{lab: l, Name: l.prefix + name}
	l.Run("ip", "netns", "add", n.Name)
	l.tb.Cleanup(func() { l.Run("ip", "netns", "del", n.Name) })
	n.IP("link", "set", "lo", "up")
	return n
}

// Run runs a program to its end and returns what it said; a failure of the
// program is one of the test.
func (l *Lab) Run(argv ...string) string {
	l.tb.Helper()
	out, err := output(argv)
	if err != nil {
		l.tb.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

func output(argv []string) (string, error) {
	path, err := lookPath(argv[0])
	if err != nil {
		return "", err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	var out bytes.Buffer
	read := make(chan error, 1)
	go func() {
		_, err := out.ReadFrom(r)
		read <- err
	}()
	exit := proc.Run(context.Background(), &proc.Command{Path: path, Args: argv, Env: os.Environ(), Stdout: w, Stderr: w}, time.Minute)
	err = errors.Join(w.Close(), <-read, exit.Err)
	if err == nil && !exit.OK() {
		err = fmt.Errorf("exit status %d, signal %v", exit.Status, exit.Signal)
	}
	return out.String(), err
}

func lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err == nil && !st.IsDir() {
			return filepath.Join(dir, name), nil
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// Wire joins two namespaces by a pair of Ethernet interfaces, both up, without
// the IPv6 addresses that the kernel would give them.
func (l *Lab) Wire(a *Namespace, deva string, b *Namespace, devb string) {
	l.tb.Helper()
	l.Run("ip", "link", "add", deva, "netns", a.Name, "type", "veth", "peer", "name", devb, "netns", b.Name)
	a.up(deva)
	b.up(devb)
}

func (n *Namespace) up(dev string) {
	n.lab.tb.Helper()
	n.IP("link", "set", dev, "addrgenmode", "none")
	n.IP("link", "set", dev, "up")
}

// Bridge makes a bridge in this namespace and a port on it for each of the
// others; inside them the port is called dev.
func (n *Namespace) Bridge(bridge, dev string, others ...*Namespace) {
	n.lab.tb.Helper()
	n.IP("link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
	n.up(bridge)
	for i, o := range others {
		port := fmt.Sprintf("p%s%d", bridge, i)
		n.lab.Wire(n, port, o, dev)
		n.IP("link", "set", port, "master", bridge)
	}
}

// IP runs the ip command in the namespace.
func (n *Namespace) IP(args ...string) string {
	n.lab.tb.Helper()
	return n.lab.Run(append([]string{"ip", "-n", n.Name}, args...)...)
}

// Has says whether an interface has an address.
func (n *Namespace) Has(dev, addr string) bool {
	n.lab.tb.Helper()
	out, err := output([]string{"ip", "-n", n.Name, "-o", "addr", "show", "dev", dev})
	return err == nil && strings.Contains(out, " "+addr+"/")
}

// MAC returns the hardware address of an interface.
func (n *Namespace) MAC(dev string) (mac net.HardwareAddr) {
	n.lab.tb.Helper()
	n.Inside(func() error {
		l, err := net.InterfaceByName(dev)
		if err == nil {
			mac = l.HardwareAddr
		}
		return err
	})
	return mac
}

// Inside runs f on a thread that is in the namespace; sockets that f opens stay
// in it.
func (n *Namespace) Inside(f func() error) {
	n.lab.tb.Helper()
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, instead of being
		// used again in the wrong namespace.
		runtime.LockOSThread()
		ns, err := os.Open("/run/netns/" + n.Name)
		if err == nil {
			defer ns.Close()
			if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err == nil {
				err = f()
			}
		}
		done <- err
	}()
	if err := <-done; err != nil {
		n.lab.tb.Fatalf("inside %s: %v", n.Name, err)
	}
}

// Program is a program that runs in a namespace until it is stopped, at the
// latest at the end of the test.
type Program struct {
	*proc.Process
	tb   TB
	name string
	log  string
}

// Start starts a program in the namespace. What it says is shown if the test
// fails.
func (n *Namespace) Start(name string, env []string, argv ...string) *Program {
	n.lab.tb.Helper()
	return n.StartWith(proc.Schedule{}, name, env, argv...)
}

// StartWith starts a program with a given scheduling.
func (n *Namespace) StartWith(s proc.Schedule, name string, env []string, argv ...string) *Program {
	tb := n.lab.tb
	tb.Helper()
	log, err := os.CreateTemp(n.lab.dir, name+"-*.log")
	if err != nil {
		tb.Fatalf("make a log: %v", err)
	}
	defer log.Close()
	path, err := lookPath("ip")
	if err != nil {
		tb.Fatalf("%v", err)
	}
	p, err := proc.Start(&proc.Command{
		Path: path, Args: append([]string{"ip", "netns", "exec", n.Name}, argv...), Env: append(os.Environ(), env...),
		Stdout: log, Stderr: log, OwnGroup: true, ParentDeath: syscall.SIGKILL, Schedule: s,
	})
	if err != nil {
		tb.Fatalf("%v", err)
	}
	for _, err := range p.Denied {
		tb.Fatalf("start %s: %v", name, err)
	}
	prog := &Program{p, tb, name, log.Name()}
	tb.Cleanup(func() {
		prog.Kill()
		if tb.Failed() {
			tb.Logf("%s said:\n%s", name, prog.Said())
		}
	})
	return prog
}

// Kill ends the program's whole process group with SIGKILL and waits.
func (p *Program) Kill() {
	p.tb.Helper()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		p.tb.Fatalf("kill %s: %v", p.name, err)
	}
	p.Wait()
}

// Said returns what the program has said so far.
func (p *Program) Said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Until polls a condition until it holds; the test fails when it does not
// within limit.
func Until(tb TB, limit time.Duration, what string, holds func() bool) {
	tb.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			tb.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}

// File writes a file that lives as long as the Lab and returns its path.
func (l *Lab) File(name, text string) string {
	l.tb.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.tb.Fatalf("%v", err)
	}
	return path
}
