// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Names of everything a run makes: vlab, its process id, when that process was
// started (process ids are used again), then the number of the lab.
var ours = regexp.MustCompile(`^vlab([0-9]+)-([0-9]+)-`)

// mine is how the names of this run begin.
var mine = sync.OnceValue(func() string {
	return fmt.Sprintf("vlab%d-%s-", os.Getpid(), born(os.Getpid()))
})

// born is the start time of a process in clock ticks since boot, empty if
// there is no such process.
func born(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name of the program, in parentheses, may hold anything.
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return f[19]
}

// left says whether a name was given by a run that is dead.
func left(name string) bool {
	m := ours.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	pid, err := strconv.Atoi(m[1])
	return err == nil && born(pid) != m[2]
}

// sweep removes what dead runs of ours left behind. In the machine of test/vm
// there are none, but the folders of runs that live outside.
func sweep() error {
	if os.Getenv(BinariesEnv) != "" {
		return nil
	}
	// Two runs that start at once must not both remove the same leftovers; the
	// folder itself is locked, so that the lock leaves no file.
	lock, err := os.Open(os.TempDir())
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	var errs []error
	spaces, err := os.ReadDir("/run/netns")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range spaces {
		if left(e.Name()) {
			errs = append(errs, remove(e.Name()))
		}
	}
	files, err := os.ReadDir(os.TempDir())
	if err != nil {
		return err
	}
	for _, e := range files {
		if left(e.Name()) {
			errs = append(errs, os.RemoveAll(filepath.Join(os.TempDir(), e.Name())))
		}
	}
	return errors.Join(errs...)
}

// remove kills what runs in a namespace and removes it.
func remove(name string) error {
	out, err := exec.Command("ip", "netns", "pids", name).Output()
	if err != nil {
		return fmt.Errorf("what runs in namespace %s: %w", name, err)
	}
	for f := range strings.FieldsSeq(string(out)) {
		if pid, err := strconv.Atoi(f); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return ip("", "netns del "+name)
}

// poll asks every few milliseconds until the answer is yes; it returns false
// when it was not within the limit.
func poll(limit time.Duration, ask func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-deadline.C:
			return ask()
		case <-tick.C:
		}
	}
	return true
}

// generous is the limit from which on it is not what is tested, but only ends a
// test that waits in vain; patience is what such a wait gets, because a machine
// that writes out what was built just now stands still for half a minute.
const (
	generous = 10 * time.Second
	patience = 90 * time.Second
)

// Until polls a condition; the test fails when it does not hold within the
// limit, or much later where the limit is generous. Both say in words what is
// waited for.
func Until(t T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	if limit >= generous {
		limit = max(limit, patience)
	}
	if !poll(limit, holds) {
		t.Fatalf("not within %v: %s", limit, what)
	}
}
