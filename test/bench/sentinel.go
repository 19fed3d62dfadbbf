// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// stallFrom is the shortest stall that a sentinel tells of.
const stallFrom = 5 * time.Millisecond

// sentinelTick is how often a sentinel looks at the clock.
const sentinelTick = time.Millisecond

// A stall is a time in which a processor ran nothing at all: not even a thread
// of the highest real-time priority of the machine, bound to it, that wanted to.
// The machine below does that, or a kernel that has switched its interrupts off.
// No program can answer for it.
type stall struct {
	from, to time.Time
	cpu      int
}

// stalls are all that the sentinels saw, by time.
type stalls []stall

// beforeTransition is how long before it is told a transition may have its cause.
const beforeTransition = 100 * time.Millisecond

// excuses reports whether a transition at that time has a stall before it that
// lasted two advert intervals: the master-down interval is three and the skew,
// and the advert before the stall need not have been sent at its beginning.
func (s stalls) excuses(at time.Time, interval time.Duration) bool {
	one, found := s.around(at.Add(-beforeTransition-interval), at)
	return found && one.to.Sub(one.from) >= 2*interval
}

// of is how many stalls a processor had.
func (s stalls) of(cpu int) (n int) {
	for _, one := range s {
		if one.cpu == cpu {
			n++
		}
	}
	return n
}

// around returns the longest stall between from and to.
func (s stalls) around(from, to time.Time) (longest stall, found bool) {
	for _, one := range s {
		if one.to.After(from) && one.from.Before(to) && (!found || one.to.Sub(one.from) > longest.to.Sub(longest.from)) {
			longest, found = one, true
		}
	}
	return longest, found
}

// longest returns how long the longest was, by processor.
func (s stalls) longest() (out []time.Duration) {
	out = make([]time.Duration, runtime.NumCPU())
	for _, one := range s {
		out[one.cpu] = max(out[one.cpu], one.to.Sub(one.from))
	}
	return out
}

// watchStalls runs a sentinel on every processor, in processes of their own: a
// collection of garbage here must not look like a stall. The function that it
// returns ends them and tells what they saw.
func watchStalls(b *bench) func() stalls {
	var all []func() stalls
	for cpu := range runtime.NumCPU() {
		all = append(all, startSentinel(b, cpu))
	}
	return func() (out stalls) {
		for _, end := range all {
			out = append(out, end()...)
		}
		slices.SortFunc(out, func(a, b stall) int { return a.from.Compare(b.from) })
		return out
	}
}

func startSentinel(b *bench, cpu int) func() stalls {
	cmd := exec.Command("/proc/self/exe", "-sentinel", strconv.Itoa(cpu)) //nolint:gosec // ourselves
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	in, err2 := cmd.StdinPipe()
	if err := errors.Join(err, err2, cmd.Start()); err != nil {
		b.Fatalf("a sentinel: %v", err)
	}
	seen := make(chan stalls, 1)
	go func() {
		var found stalls
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var from, length int64
			if _, err := fmt.Sscan(lines.Text(), &from, &length); err == nil {
				found = append(found, stall{cpu: cpu, from: time.Unix(0, from), to: time.Unix(0, from+length)})
			}
		}
		seen <- found
	}()
	return func() stalls {
		_ = in.Close()
		found := <-seen
		if err := cmd.Wait(); err != nil {
			b.Fatalf("the sentinel of processor %d: %v", cpu, err)
		}
		return found
	}
}

// sentinel is the process on one processor. It writes a line for each stall, with
// when it began and how long it was in nanoseconds, until nobody holds its input
// open any more.
func sentinel(cpu int) error {
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 99}
	if err := errors.Join(unix.SchedSetaffinity(0, &set), unix.SchedSetAttr(0, attr, 0)); err != nil {
		return fmt.Errorf("run at the highest priority: %w", err)
	}
	owner := []unix.PollFd{{Fd: 0, Events: unix.POLLIN}}
	last := time.Now()
	for {
		tick := unix.NsecToTimespec(int64(sentinelTick)) // the kernel counts it down
		n, err := unix.Ppoll(owner, &tick, nil)
		now := time.Now()
		if late := now.Sub(last); late > stallFrom {
			fmt.Println(last.UnixNano(), int64(late))
		}
		last = now
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for a tick: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
}
