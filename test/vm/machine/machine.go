// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// Environment variables: the share is set by test/vm/boot, inside only.
const (
	share  = "VM_SHARE"
	memory = "VM_MEMORY" // of the guest, in megabytes
)

// Main runs the tests of a package in the machine and returns their status.
func Main(m *testing.M) int {
	if Inside() {
		return lab.Main(m)
	}
	flag.Parse()
	status, err := boot()
	if err != nil {
		fmt.Fprintln(os.Stderr, "machine:", err)
		return 1
	}
	return status
}

// Inside says whether this process runs in the machine.
func Inside() bool { return Share() != "" }

// Share is a folder that inside and outside have in common, empty outside.
func Share() string { return os.Getenv(share) }

// boot runs this very command inside, bounded a little above the time limit of
// the tests: they then end themselves and say where they were.
func boot() (status int, err error) {
	root, err := lab.Root()
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	programs, err := lab.Programs()
	if err != nil {
		return 0, err
	}
	defer lab.Clean()
	limit := time.Hour
	if f := flag.Lookup("test.timeout"); f != nil {
		if d, err := time.ParseDuration(f.Value.String()); err == nil && d > 0 {
			limit = d + 30*time.Second
		}
	}
	argv := []string{"-t", strconv.Itoa(int(limit.Seconds()))}
	if mb := os.Getenv(memory); mb != "" {
		argv = append(argv, "-m", mb)
	}
	// One emulated processor does not take as much at once as package lab is used
	// to; a -parallel of the caller comes later and counts.
	argv = append(argv, "--", self, "-test.parallel=4")
	for _, a := range os.Args[1:] {
		// Without its log, go test does not keep the result, which is right: it
		// depends on a kernel that it knows nothing of.
		if !strings.HasPrefix(a, "-test.testlogfile=") {
			argv = append(argv, a)
		}
	}
	cmd := exec.Command(filepath.Join(root, "test/vm/boot"), argv...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), lab.BinariesEnv+"="+programs)
	// The signal is sent when the thread that started the program ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err = cmd.Run(); err == nil {
		return 0, nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == 1 || exit.ExitCode() == 2) {
		return exit.ExitCode(), nil // failed, or died; it has said so itself
	}
	return 0, fmt.Errorf("test/vm/boot: %w", err)
}
