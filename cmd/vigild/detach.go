// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/engine/sys/proc"
)

// The marks that tell a process which steps of its start lie behind it.
const (
	markDetached  = "_VIGIL_DETACHED"
	markNamespace = "_VIGIL_NETNS"
)

// detach starts this program again in a session of its own and waits until it
// says that it runs, or ends. It returns the exit status for the caller.
func detach(complaints io.Writer) int {
	status, err := proc.Detach(os.Args, append(os.Environ(), markDetached+"=3"))
	if err != nil {
		fmt.Fprintln(complaints, err)
		return parent.ExitFatal
	}
	return status
}

// detached returns what tells the waiting caller that the daemon runs; nil
// for a process that stays in the foreground.
func detached() func() {
	if os.Getenv(markDetached) == "" {
		return nil
	}
	os.Unsetenv(markDetached)
	syscall.CloseOnExec(3)
	w := os.NewFile(3, "detached")
	told := false
	return func() {
		if told {
			return
		}
		told = true
		// A caller that has gone away needs no answer.
		_, _ = w.Write([]byte{1})
		w.Close()
		if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
			_ = unix.Dup2(int(null.Fd()), 2)
			null.Close()
		}
	}
}

// namespaceDir is where ip(8) keeps the names of network namespaces.
const namespaceDir = "/run/netns"

// enterNamespace makes this program start again inside a network namespace,
// because only a new program is inside with all of its threads. It returns
// only if that did not work, or when it is inside already.
func enterNamespace(name string) error {
	if name == "" || os.Getenv(markNamespace) == name {
		return nil
	}
	if strings.Contains(name, "/") || name == "." || name == ".." {
		return fmt.Errorf("network namespace %q: not a name", name)
	}
	f, err := os.Open(filepath.Join(namespaceDir, name))
	if err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	defer f.Close()
	if err := proc.ExecInNetns(f, os.Args, append(os.Environ(), markNamespace+"="+name)); err != nil {
		return fmt.Errorf("start again in network namespace %s: %w", name, err)
	}
	return nil
}
