// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// moduleTime bounds the loading of one module.
const moduleTime = 10 * time.Second

// LoadModule has the kernel's own loader load a module and what it needs; one
// that is there already is no error. It needs CAP_SYS_MODULE.
func LoadModule(ctx context.Context, name string) error {
	// compat: keepalived asks the kernel for the path too, and /sbin/modprobe where
	// it does not say.
	path := "/sbin/modprobe"
	if b, err := os.ReadFile("/proc/sys/kernel/modprobe"); err == nil && len(b) > 1 {
		path = strings.TrimSpace(string(b))
	}
	exit := Run(ctx, &Command{
		Path: path, Args: []string{path, "-q", "--", name},
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, ParentDeath: syscall.SIGKILL,
	}, moduleTime)
	switch {
	case exit.OK():
		return nil
	case exit.Err != nil:
		return fmt.Errorf("load kernel module %s: %w", name, exit.Err)
	}
	return fmt.Errorf("load kernel module %s: %s ended with status %d", name, path, exit.Status)
}
