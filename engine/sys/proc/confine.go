// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// spawner is a thread that starts processes. It lives as long as this process
// does, because a parent-death signal is tied to the thread that forked; its
// scheduling is changed around each fork, because a child inherits the
// scheduling of that thread.
//
// What a confined process may never have is taken from the thread that starts
// it: a process of many threads that did so itself would have to wait for each
// of them, which on a loaded machine took seconds.
type spawner struct {
	work chan func()
	// denied is what the kernel refused to take away.
	denied []error
}

// spawners are by what their thread has left: one for everything, and one for
// each set of capabilities that confined processes keep.
var spawners = struct {
	sync.Mutex
	by map[string]*spawner
}{by: map[string]*spawner{}}

func onSpawner(c *Command, denied *[]error, f func()) {
	key := ""
	if c.Confine {
		key = fmt.Sprint("confined to ", c.Capabilities)
	}
	spawners.Lock()
	s := spawners.by[key]
	if s == nil {
		s = &spawner{work: make(chan func())}
		spawners.by[key] = s
		ready := make(chan struct{})
		go s.run(c.Confine, c.Capabilities, ready)
		<-ready
	}
	spawners.Unlock()
	*denied = append(*denied, s.denied...)
	done := make(chan struct{})
	s.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

func (s *spawner) run(confined bool, keep []uintptr, ready chan<- struct{}) {
	runtime.LockOSThread() // never unlocked
	if confined {
		for _, err := range []error{dropBounding(keep), noNewPrivileges()} {
			if err != nil {
				s.denied = append(s.denied, err)
			}
		}
	}
	close(ready)
	for f := range s.work {
		f()
	}
}

// dropBounding takes all capabilities but some out of the bounding set of the
// calling thread. It takes CAP_SETPCAP.
func dropBounding(keep []uintptr) error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if slices.Contains(keep, c) {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // the kernel has fewer than we know
		}
		if err != nil {
			return fmt.Errorf("drop capability %d from the bounding set: %w", c, err)
		}
	}
	return nil
}

// noNewPrivileges holds for the calling thread and what it starts.
func noNewPrivileges() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	return nil
}

// SetName sets the name that ps and pgrep show, of which the kernel keeps 15 bytes.
func SetName(name string) error {
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		return fmt.Errorf("process name: %w", err)
	}
	return nil
}

// LimitRealTime lets each real-time thread of this process take at most so
// much processor time, in microseconds, without a pause; at half of it the
// kernel warns with SIGXCPU, at all of it it ends the process.
func LimitRealTime(limit uint64) error {
	l := unix.Rlimit{Cur: limit / 2, Max: limit}
	if err := unix.Prlimit(0, unix.RLIMIT_RTTIME, &l, nil); err != nil {
		return fmt.Errorf("limit real time to %d microseconds: %w", limit, err)
	}
	return nil
}

// UnlimitCore lifts the limit on core dumps of this process and those it
// starts.
func UnlimitCore() error {
	l := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(0, unix.RLIMIT_CORE, &l, nil); err != nil {
		return fmt.Errorf("lift the limit on core dumps: %w", err)
	}
	return nil
}
