// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Namespace is one network namespace.
type Namespace struct {
	// Host is its name in the lab, Name that which ip netns knows.
	Host, Name string
	t          T
	lab        *Lab
}

// T is the test that the namespace belongs to.
func (n *Namespace) T() T { return n.t }

// IP runs lines of the ip command in the namespace.
func (n *Namespace) IP(lines ...string) {
	n.t.Helper()
	if err := ip(n.Name, lines...); err != nil {
		n.t.Fatalf("lab: in %s: %v", n.Host, err)
	}
}

// Do runs f on a thread that is in the namespace; sockets that f opens stay in
// it. The test fails if f does.
func (n *Namespace) Do(f func() error) {
	n.t.Helper()
	if err := n.try(f); err != nil {
		n.t.Fatalf("lab: in %s: %v", n.Host, err)
	}
}

// try is Do that returns the error.
func (n *Namespace) try(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		ns, err := os.Open("/run/netns/" + n.Name)
		if err != nil {
			done <- err
			return
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter namespace: %w", err)
			return
		}
		err = f()
		// The thread is only given back when it is at home again: threads that
		// end take children with them that were to die with their parent.
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			done <- errors.Join(err, back)
			return
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}

// Dial opens a connection from inside the namespace.
func (n *Namespace) Dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	// One address and no names: net.Dialer would use other threads.
	err = n.try(func() error {
		var d net.Dialer
		d.FallbackDelay = -1
		conn, err = d.DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// HTTP is a client whose connections start inside the namespace.
func (n *Namespace) HTTP() *http.Client {
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: n.Dial, DisableKeepAlives: true}}
}

// mute runs the rest of its arguments with nobody behind /dev/console. Where no
// syslog runs, keepalived and FRR write each message there, too, and a serial
// line takes milliseconds for one: with interrupts off, and on a virtual machine
// for as long as its host likes. ip netns exec has given us mounts of our own.
const mute = `mount --bind /dev/null /dev/console 2>/dev/null; exec "$@"`

// inside is the command line that runs another one in the namespace.
func (n *Namespace) inside(argv []string) []string {
	return append([]string{"ip", "netns", "exec", n.Name, "sh", "-c", mute, "sh"}, argv...)
}

// Run runs a program to its end in the namespace and returns what it printed;
// the test fails if the program does.
func (n *Namespace) Run(argv ...string) string {
	n.t.Helper()
	out, err := n.Try(argv...)
	if err != nil {
		n.t.Fatalf("lab: in %s: %v", n.Host, err)
	}
	return out
}

// Try runs a program to its end in the namespace and returns what it printed
// and how it failed. It is ended after half a minute.
func (n *Namespace) Try(argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	inside := n.inside(argv)
	cmd := exec.CommandContext(ctx, inside[0], inside[1:]...)
	cmd.Dir = n.lab.dir
	cmd.WaitDelay = 5 * time.Second // a daemon that keeps the pipe open does not keep us
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), err
}

// Addrs lists the addresses of an interface.
func (n *Namespace) Addrs(dev string) (out []netip.Addr) {
	n.t.Helper()
	n.Do(func() error {
		l, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		list, err := l.Addrs()
		for _, a := range list {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, p.Addr())
			}
		}
		return err
	})
	return out
}

// Has says whether an interface has an address.
func (n *Namespace) Has(dev string, addr netip.Addr) bool {
	n.t.Helper()
	return slices.Contains(n.Addrs(dev), addr)
}

// Program is a program that runs in a namespace until it ends or the test does.
type Program struct {
	name string
	t    T
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// Program starts a program in the namespace. The end of what it prints is
// logged if the test fails.
func (n *Namespace) Program(name string, argv ...string) *Program {
	n.t.Helper()
	p := &Program{name: name, t: n.t, done: make(chan struct{}), log: n.lab.dir + "/" + name + ".log"}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		n.t.Fatalf("lab: %v", err)
	}
	defer out.Close()
	inside := n.inside(argv)
	p.cmd = exec.Command(inside[0], inside[1:]...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = out, out, n.lab.dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		n.t.Fatalf("lab: start %s: %v", name, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	n.t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		if n.t.Failed() {
			n.t.Logf("%s in %s said at last:\n%s", name, n.Host, tail(p.Said(), 40))
		}
	})
	return p
}

// Said is what the program has printed so far.
func (p *Program) Said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// PID is the process id of the program.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Ended says whether the program has ended, and with which status.
func (p *Program) Ended() (status int, ended bool) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), true
	default:
		return 0, false
	}
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
