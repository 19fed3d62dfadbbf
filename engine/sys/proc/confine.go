// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Confine gives up for good, in all threads, everything a process may do but
// the given capabilities: the bounding set is emptied, nothing it executes can
// gain anything, and the ambient set is cleared. Emptying the bounding set
// takes CAP_SETPCAP, which is given up too; what is refused is in the error
// and the rest is done.
func Confine(keep ...int) error {
	return errors.Join(dropBounding(), NoNewPrivileges(), KeepCapabilities(keep...))
}

// dropBounding empties the capability bounding set of all threads.
func dropBounding() error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		_, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0)
		switch errno {
		case 0:
		case unix.EINVAL:
			return nil // the kernel has fewer than we know
		default:
			return fmt.Errorf("empty the capability bounding set: %w", errno)
		}
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

// MemoryUnlimited says whether this process may lock any amount of memory
// without a privilege.
func MemoryUnlimited() bool {
	var l unix.Rlimit
	return unix.Prlimit(0, unix.RLIMIT_MEMLOCK, nil, &l) == nil && l.Cur == unix.RLIM_INFINITY
}
