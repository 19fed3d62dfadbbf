// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/cmd/vigild/cmdline"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// The accounts that workers run as: the first that exists. Each role has
// another, so that whoever takes over one that talks to strangers cannot send a
// signal to the one that holds the addresses.
func accounts(r event.Role) []string {
	switch r {
	case event.RoleVRRP:
		return []string{"vigild-vrrp", "daemon", "nobody"}
	case event.RoleBFD:
		return []string{"vigild-bfd", "bin", "nobody"}
	case event.RoleCheck:
		return []string{"vigild-check", "sys", "nobody"}
	case event.RoleParent, event.RoleObserve:
	}
	return []string{"vigild", "nobody"}
}

func credential(r event.Role) *proc.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range accounts(r) {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil && uid != 0 {
			return &proc.Credential{UID: uint32(uid), GID: uint32(gid)}
		}
	}
	return nil
}

// Real-time priorities of the vrrp and bfd roles unless vrrp_rt_priority or
// bfd_rt_priority say otherwise (adverts come first), and the processor time in microseconds that one of its threads may take
// without a pause before the kernel ends it: a guard against our own mistakes.
const (
	rtPriority    = 50
	rtPriorityBFD = 49
	rtLimit       = 4_000_000
	// rtLeast is the least limit that is asked of the kernel.
	rtLeast = 1_000_000
)

// processes starts the workers as processes of this binary. They complain to
// the given file, or to nobody: whoever started a daemon that detaches itself
// waits for the end of its output.
func processes(o *cmdline.Options, complaints *os.File) *parent.Processes {
	return &parent.Processes{Command: func(r event.Role, g *parent.Generation) (*proc.Command, error) {
		c := g.Launch.(*config.Config)
		cmd := &proc.Command{
			Path: "/proc/self/exe", Args: []string{"vigild", "--role=" + r.String()}, Env: track.Environment(), Dir: "/",
			Stderr: complaints, Credential: credential(r), Confine: true,
		}
		name := "vigild"
		switch r {
		case event.RoleVRRP:
			cmd.Capabilities = vrrpCapabilities()
			if o.Shadow {
				// It could send a packet, and nothing else.
				cmd.Capabilities, cmd.Args = []uintptr{unix.CAP_NET_RAW}, append(cmd.Args, "--shadow")
				break
			}
			name = schedule(cmd, &c.Global.Processes.VRRP, rtPriority)
		case event.RoleBFD:
			cmd.Capabilities = bfdCapabilities()
			name = schedule(cmd, &c.Global.Processes.BFD, rtPriorityBFD)
		case event.RoleCheck:
			if err := prepareCheck(cmd, o, &c.Global); err != nil {
				return nil, err
			}
			name = cmp.Or(c.Global.Processes.Checker.Name, "vigild")
		case event.RoleParent, event.RoleObserve:
		}
		cmd.Env = append(cmd.Env, markName+"="+name)
		if r == event.RoleObserve {
			cmd.ParentDeath = syscall.SIGKILL
		}
		return cmd, nil
	}}
}

// schedule lets a role run as configured, with real time from its first
// instruction on: a worker that is started again has one interval for it. It
// returns the name of the process.
func schedule(cmd *proc.Command, p *config.Process, usual int) string {
	priority, limit := realTime(p, usual)
	cmd.Schedule = proc.Schedule{RealTime: priority, Nice: p.Nice, CPUs: p.CPUs}
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d,%d", markRealTime, priority, limit))
	if priority > 0 {
		cmd.Env = collectAtOnce(cmd.Env)
	}
	return cmp.Or(p.Name, "vigild")
}

// collectAtOnce has the runtime of a role collect its garbage in one go, while
// nothing else of it runs, and returns the environment that says so. A sweep in
// the background waits for other sweepers by asking again and again, which at
// real-time priority keeps the very thread it waits for from the processor until
// the time slice (100 ms) is over: engine/decisions/0008.
func collectAtOnce(env []string) []string {
	const debug, at = "GODEBUG=", "gcstoptheworld=2"
	for i, v := range env {
		if rest, found := strings.CutPrefix(v, debug); found {
			env[i] = debug + strings.TrimPrefix(rest+","+at, ",")
			return env
		}
	}
	return append(env, debug+at)
}

// realTime is the real-time priority of a role and its limit; a nice value
// alone says that no real time is wanted.
func realTime(p *config.Process, usual int) (priority int, limit uint64) {
	priority, limit = usual, rtLimit
	if p.RealTime > 0 {
		priority = p.RealTime
	} else if p.Nice != 0 {
		priority = 0
	}
	if p.RTTime > 0 && p.RealTime > 0 {
		// compat: without a priority the limit has no effect; with one, keepalived's
		// usual limit (10 ms) is less than the start of this program takes.
		limit = max(p.RTTime, rtLeast)
	}
	return priority, limit
}

// goroutines runs the workers in this process.
func goroutines(o *cmdline.Options) parent.Goroutines {
	g := make(parent.Goroutines)
	g[event.RoleVRRP], g[event.RoleObserve], g[event.RoleBFD] = vrrpGoroutine, serveObserve, bfdGoroutine
	if o.Shadow {
		g[event.RoleVRRP] = shadowRole
	}
	g[event.RoleCheck] = func(ctx context.Context, link *ipc.Link) error { return serveCheck(ctx, link, o, ownIPVS, nil) }
	return g
}
