// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// self is the program that runs, even when its file was replaced.
const self = "/proc/self/exe"

// Detach starts this program again in a session of its own, away from the
// terminal, and waits until it writes a byte to its descriptor 3 (0 is
// returned) or ends (its exit status is returned, 1 if a signal ended it). Its
// complaints until then go to our standard error stream.
func Detach(args, env []string) (status int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("detach: %w", err)
	}
	defer r.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		w.Close()
		return 0, fmt.Errorf("detach: %w", err)
	}
	defer null.Close()
	p, err := os.StartProcess(self, args, &os.ProcAttr{
		Env: env, Files: []*os.File{null, null, os.Stderr, w}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	w.Close()
	if err != nil {
		return 0, fmt.Errorf("detach: %w", err)
	}
	if b, err := io.ReadAll(io.LimitReader(r, 1)); err == nil && len(b) == 1 {
		return 0, nil
	}
	st, err := p.Wait()
	if err != nil {
		return 0, fmt.Errorf("detach: %w", err)
	}
	if st.ExitCode() < 0 {
		return 1, nil
	}
	return st.ExitCode(), nil
}

// ExecInNetns replaces this program by itself, started again inside the
// network namespace that f stands for: only a new program is inside with all
// of its threads. It returns only if that did not work.
func ExecInNetns(f *os.File, args, env []string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return unix.Exec(self, args, env)
}
