// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Unlimited is the value of a Limit that does not limit.
const Unlimited = ^uint64(0)

// apply gives the calling thread the schedule and returns what undoes it. What
// the kernel refuses is appended to denied.
func (s Schedule) apply(denied *[]error) (restore func()) {
	var undo []func() error
	try := func(what string, do, back func() error) {
		if err := do(); err != nil {
			*denied = append(*denied, fmt.Errorf("%s: %w", what, err))
			return
		}
		undo = append(undo, back)
	}
	if len(s.CPUs) > 0 {
		var old, set unix.CPUSet
		for _, cpu := range s.CPUs {
			set.Set(cpu)
		}
		try(fmt.Sprintf("run on processors %v", s.CPUs),
			func() error { return errors.Join(unix.SchedGetaffinity(0, &old), unix.SchedSetaffinity(0, &set)) },
			func() error { return unix.SchedSetaffinity(0, &old) })
	}
	if s.Nice != 0 {
		raw, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid()) // the system call gives 20 - nice
		old := 20 - raw
		if err != nil {
			old = 0
		}
		try(fmt.Sprintf("nice value %d", s.Nice),
			func() error { return unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), s.Nice) },
			func() error { return unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), old) })
	}
	if s.RealTime > 0 {
		try(fmt.Sprintf("real-time priority %d", s.RealTime),
			func() error { return SetThreadRealTime(s.RealTime) },
			func() error { return SetThreadRealTime(0) })
	}
	return func() {
		for _, u := range slices.Backward(undo) {
			if err := u(); err != nil {
				// The thread would hand its schedule to every later child.
				panic(fmt.Sprintf("restore the scheduling of the starting thread: %v", err))
			}
		}
	}
}

// SetThreadRealTime gives the calling thread SCHED_RR at a priority of 1 to
// 99, or the normal policy for 0.
func SetThreadRealTime(priority int) error { return setRealTime(0, priority) }

func setRealTime(tid, priority int) error {
	attr, err := unix.SchedGetAttr(tid, 0)
	if err != nil {
		return fmt.Errorf("read scheduling: %w", err)
	}
	attr.Policy, attr.Priority = unix.SCHED_NORMAL, 0
	if priority > 0 {
		attr.Policy, attr.Priority = unix.SCHED_RR, uint32(priority)
	}
	if err := unix.SchedSetAttr(tid, attr, 0); err != nil {
		return fmt.Errorf("set scheduling: %w", err)
	}
	return nil
}

// SetRealTime gives SCHED_RR at a priority of 1 to 99 to every thread of this
// process and, because they inherit it, to every later one. All must have it:
// the runtime's threads hold locks for each other, and a thread without it
// would keep one with it waiting for as long as the machine is busy.
func SetRealTime(priority int) error {
	done := map[int]bool{}
	for more := true; more; {
		more = false
		names, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		for _, n := range names {
			tid, err := strconv.Atoi(n.Name())
			if err != nil || done[tid] {
				continue
			}
			// A thread that was made meanwhile by one not yet reached is found
			// in the next round.
			done[tid], more = true, true
			if err := setRealTime(tid, priority); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("real-time priority %d: %w", priority, err)
			}
		}
	}
	return nil
}

// RealTime returns the SCHED_RR or SCHED_FIFO priority of the calling thread,
// 0 if it has the normal policy.
func RealTime() int {
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || (attr.Policy != unix.SCHED_RR && attr.Policy != unix.SCHED_FIFO) {
		return 0
	}
	return int(attr.Priority)
}

// applyLimits sets the limits of a process that was just started. They are not
// set on this process around the fork, because a hard limit that was lowered
// cannot always be raised again. So they hold from a moment after the start: a
// role relies on them only after its first frame.
func applyLimits(pid int, want []Limit, denied *[]error) {
	for _, l := range want {
		if err := unix.Prlimit(pid, l.Resource, &unix.Rlimit{Cur: l.Soft, Max: l.Hard}, nil); err != nil {
			*denied = append(*denied, fmt.Errorf("resource limit %d to %d: %w", l.Resource, l.Soft, err))
		}
	}
}

// LockMemory keeps the pages of this process in memory once they are touched
// (MCL_ONFAULT: without it the runtime's reserved address space would be
// filled).
func LockMemory() error {
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("lock memory: %w", err)
	}
	return nil
}
