// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Schedule is how a process is scheduled. The zero value changes nothing.
type Schedule struct {
	// RealTime is the SCHED_RR priority, 1 to 99; 0 leaves the normal policy.
	RealTime int
	// Nice is the nice value, -20 to 19.
	Nice int
	// CPUs are the processors it may run on; empty means all.
	CPUs []int
}

// Limit is one resource limit; a limit of ^uint64(0) is none.
type Limit struct {
	// Resource is unix.RLIMIT_MEMLOCK and the like.
	Resource   int
	Soft, Hard uint64
}

// Credential is who a process is.
type Credential struct {
	UID, GID uint32
	// Groups are the supplementary groups; nil means none.
	Groups []uint32
}

// Command is a process to start.
type Command struct {
	// Path is the file to execute; Args its arguments, Args[0] included.
	Path string
	Args []string
	// Env is the whole environment; nil means empty.
	Env []string
	Dir string
	// Stdin, Stdout and Stderr are /dev/null where nil.
	Stdin, Stdout, Stderr *os.File
	// Files become descriptors 3, 4 and so on.
	Files []*os.File
	// Credential is nil for the caller's own.
	Credential *Credential
	// Capabilities are kept across a change of user, as ambient capabilities.
	Capabilities []uintptr
	// Confine takes everything but Capabilities away for good: neither a file
	// nor another user that the process becomes can give it more.
	Confine  bool
	Schedule Schedule
	Limits   []Limit
	// ParentDeath is sent to the process when this one ends; 0 means nothing is.
	ParentDeath syscall.Signal
	// OwnGroup puts it at the head of a process group of its own.
	OwnGroup bool
	// Started is called by Run once the process was started, or could not be.
	Started func()
}

// Exit is how a process ended.
type Exit struct {
	// Status is the exit status, 0 to 255; -1 if it did not exit by itself.
	Status int
	// Signal is the signal that ended it, else 0.
	Signal syscall.Signal
	// TimedOut says that a time limit was enforced.
	TimedOut bool
	// Took is the time from its start to its end.
	Took time.Duration
	// Err says why it could not be started or waited for.
	Err error
}

// OK says whether the process exited by itself with status 0.
func (e Exit) OK() bool { return e.Err == nil && e.Status == 0 && e.Signal == 0 && !e.TimedOut }

// Process is a process that was started. Its methods may be called by several
// goroutines.
type Process struct {
	PID int
	// Denied are the parts of Schedule and Limits that the kernel refused; the
	// process runs without them.
	Denied  []error
	cmd     *exec.Cmd
	group   bool
	started time.Time
	done    chan struct{}
	exit    Exit
}

// Start starts a process. It returns an error if the process could not be
// started; whatever of its scheduling and limits was refused is in
// Process.Denied.
func Start(c *Command) (*Process, error) {
	p := &Process{cmd: c.build(), group: c.OwnGroup, done: make(chan struct{})}
	var err error
	onSpawner(c, &p.Denied, func() {
		restore := c.Schedule.apply(&p.Denied)
		defer restore()
		p.started = time.Now()
		err = p.cmd.Start()
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	p.PID = p.cmd.Process.Pid
	applyLimits(p.PID, c.Limits, &p.Denied)
	go p.reap()
	return p, nil
}

func (c *Command) build() *exec.Cmd {
	cmd := &exec.Cmd{Path: c.Path, Args: c.Args, Env: c.Env, Dir: c.Dir, ExtraFiles: c.Files}
	if len(cmd.Args) == 0 {
		cmd.Args = []string{c.Path}
	}
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	// A nil *os.File in an interface is not a nil interface.
	if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if c.Stderr != nil {
		cmd.Stderr = c.Stderr
	}
	attr := &syscall.SysProcAttr{Setpgid: c.OwnGroup, Pdeathsig: c.ParentDeath, AmbientCaps: c.Capabilities}
	if c.Credential != nil {
		attr.Credential = &syscall.Credential{
			Uid: c.Credential.UID, Gid: c.Credential.GID, Groups: c.Credential.Groups,
			// An unprivileged caller may stay who it is, but not set groups.
			NoSetGroups: os.Geteuid() != 0,
		}
	}
	cmd.SysProcAttr = attr
	return cmd
}

func (p *Process) reap() {
	err := p.cmd.Wait()
	p.exit = Exit{Status: -1, Took: time.Since(p.started)}
	if st := p.cmd.ProcessState; st != nil {
		ws := st.Sys().(syscall.WaitStatus)
		if ws.Exited() {
			p.exit.Status = ws.ExitStatus()
		}
		if ws.Signaled() {
			p.exit.Signal = ws.Signal()
		}
	} else {
		p.exit.Err = fmt.Errorf("wait for pid %d: %w", p.PID, err)
	}
	close(p.done)
}

// Done is closed when the process has ended and was reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process; it may be called more than once.
func (p *Process) Wait() Exit {
	<-p.done
	return p.exit
}

// Signal sends a signal to the process, or to its whole group if it heads
// one. A process that has ended is not an error.
func (p *Process) Signal(sig syscall.Signal) error {
	var err error
	if p.group {
		err = unix.Kill(-p.PID, sig)
	} else {
		err = p.cmd.Process.Signal(sig)
	}
	if err == nil || errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return fmt.Errorf("signal %v to pid %d: %w", sig, p.PID, err)
}
