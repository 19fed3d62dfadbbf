// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/cmd/vigild/cmdline"
	"github.com/vigild/vigild/engine/bfd"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run"
	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/run/shadow"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// work is a worker's process: the link to the parent is on descriptor 3.
func work(o *cmdline.Options, complaints io.Writer) int {
	name := o.Role
	var r event.Role
	if err := r.UnmarshalText([]byte(name)); err != nil {
		fmt.Fprintln(complaints, err)
		return parent.ExitFatal
	}
	link, err := role.Inherited()
	if err != nil {
		fmt.Fprintf(complaints, "role %s is started by vigild itself: %v\n", name, err)
		return parent.ExitFatal
	}
	// The parent says when to stop; what a terminal sends to the whole group
	// is not for us.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if r != event.RoleObserve {
		// compat: this one may be ended by itself, and is then started again.
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGTERM)
		defer stop()
	} else {
		signal.Ignore(syscall.SIGTERM)
	}
	if given := os.Getenv(markName); given != "" {
		// A name is not worth a complaint.
		_ = proc.SetName(given)
	}
	switch r {
	case event.RoleVRRP:
		if o.Shadow {
			err = shadowRole(ctx, link)
			break
		}
		err = vrrpProcess(ctx, link)
	case event.RoleObserve:
		err = serveObserve(ctx, link)
	case event.RoleBFD:
		err = bfdProcess(ctx, link)
	case event.RoleCheck:
		err = checkProcess(ctx, link, o)
	case event.RoleParent:
		err = fmt.Errorf("role %s is no worker", name)
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
		return 0
	}
	fmt.Fprintf(complaints, "role %s: %v\n", name, err)
	if errors.Is(err, os.ErrPermission) {
		return parent.ExitPermission
	}
	return exitCrash
}

// exitCrash is the status of a worker that is worth another try (compat: a
// program error).
const exitCrash = 70

// markName carries the process name that is configured for a role.
const markName = "_VIGIL_NAME"

// vrrpProcess is the vrrp role as a process of its own.
func vrrpProcess(ctx context.Context, link *ipc.Link) error {
	denied, locked := punctual()
	return run.ServeVRRP(ctx, link, run.ServeOptions{
		Open: openVRRP, Load: vrrpSettings, Denied: denied, Locked: locked,
	})
}

// punctual makes this process one that keeps its deadlines. What the kernel
// refused of it is in denied.
func punctual() (denied []error, locked bool) {
	try := func(err error) bool {
		if err != nil {
			denied = append(denied, err)
		}
		return err == nil
	}
	rt, rtTime := realTimeFromEnviron()
	if rt > 0 && rtTime > 0 && proc.RealTime() > 0 {
		try(proc.LimitRealTime(rtTime))
	}
	locked = try(proc.LockMemory())
	// The loop is one goroutine; the others only keep it from waiting. Little
	// garbage is made, so the collector may come seldom.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), 4))
	debug.SetGCPercent(400)
	return denied, locked
}

// vrrpCapabilities are all that the vrrp role may: raw sockets; addresses,
// routes, sysctls and filters of the network; and memory that stays locked.
func vrrpCapabilities() []uintptr {
	return []uintptr{unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_IPC_LOCK}
}

// markRealTime carries the real-time priority of the vrrp role and, after a
// comma, the processor time in microseconds that it may take without a pause.
const markRealTime = "_VIGIL_REALTIME"

func realTimeFromEnviron() (priority int, limit uint64) {
	p, l, _ := strings.Cut(os.Getenv(markRealTime), ",")
	priority, err := strconv.Atoi(p)
	if err != nil {
		return 0, 0
	}
	limit, err = strconv.ParseUint(l, 10, 64)
	if err != nil {
		return priority, 0
	}
	return priority, limit
}

// vrrpGoroutine is the vrrp role under --single.
func vrrpGoroutine(ctx context.Context, link *ipc.Link) error {
	return run.ServeVRRP(ctx, link, run.ServeOptions{Open: openVRRP, Load: vrrpSettings})
}

func openVRRP(o run.VRRPOptions) (run.Router, error) { return run.NewVRRP(o) }

// shadowRole is the vrrp role of --shadow: it looks on.
func shadowRole(ctx context.Context, link *ipc.Link) error {
	return run.ServeVRRP(ctx, link, run.ServeOptions{
		Open: func(o run.VRRPOptions) (run.Router, error) { return shadow.New(o) }, Load: vrrpSettings,
	})
}

// bfdProcess is the bfd role as a process of its own.
func bfdProcess(ctx context.Context, link *ipc.Link) error {
	denied, _ := punctual()
	return run.ServeBFD(ctx, link, run.BFDOptions{Open: openBFD, Load: bfdSettings, Denied: denied})
}

// bfdCapabilities are all that the bfd role may: memory that stays locked. Its
// sockets are plain UDP.
func bfdCapabilities() []uintptr { return []uintptr{unix.CAP_IPC_LOCK} }

// bfdGoroutine is the bfd role under --single.
func bfdGoroutine(ctx context.Context, link *ipc.Link) error {
	return run.ServeBFD(ctx, link, run.BFDOptions{Open: openBFD, Load: bfdSettings})
}

func openBFD(o track.BFDOptions) (run.Sessions, error) { return track.NewBFD(o) }

// bfdSettings is what the bfd role needs of a generation.
func bfdSettings(p *role.Prepared) ([]bfd.Settings, error) {
	c, _, err := reparse(p)
	if err != nil {
		return nil, err
	}
	return c.Sessions, nil
}
