// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// NoNewPrivileges makes sure that no program this process executes can gain
// privileges. It holds for all threads and cannot be undone.
func NoNewPrivileges() error {
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("no new privileges: %w", errno)
	}
	return nil
}

// KeepCapabilities drops every capability of this process, in all threads,
// but the given ones (unix.CAP_NET_ADMIN and so on), and empties the ambient
// set. It cannot be undone.
func KeepCapabilities(keep ...int) error {
	var data [2]unix.CapUserData
	for _, c := range keep {
		if c < 0 || c > 63 {
			return fmt.Errorf("capability %d: %w", c, unix.EINVAL)
		}
		data[c/32].Effective |= 1 << (c % 32)
		data[c/32].Permitted |= 1 << (c % 32)
	}
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("clear ambient capabilities: %w", errno)
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&hdr)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return fmt.Errorf("keep capabilities %v: %w", keep, errno)
	}
	return nil
}

// Capabilities returns the effective capabilities of the calling thread, one
// bit each.
func Capabilities() (uint64, error) {
	var data [2]unix.CapUserData
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, fmt.Errorf("read capabilities: %w", err)
	}
	return uint64(data[0].Effective) | uint64(data[1].Effective)<<32, nil
}

// Monotonic returns CLOCK_MONOTONIC in nanoseconds. It is a system call; loops
// keep a faster clock.
func Monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("the monotonic clock cannot be read: " + err.Error()) // no Linux lacks it
	}
	return ts.Nano()
}
