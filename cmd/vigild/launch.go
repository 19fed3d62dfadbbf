// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// The accounts that workers run as: the first that exists. The vrrp role has
// another than the observe role, so that whoever takes over the one that talks
// to strangers cannot send a signal to the one that holds the addresses.
func accounts(r event.Role) []string {
	if r == event.RoleVRRP {
		return []string{"vigild-vrrp", "daemon", "nobody"}
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

// Real-time priority of the vrrp role unless vrrp_rt_priority says otherwise,
// and the processor time in microseconds that one of its threads may take
// without a pause before the kernel ends it: a guard against our own mistakes.
const (
	rtPriority = 50
	rtLimit    = 4_000_000
)

// processes starts the workers as processes of this binary. They complain to
// the given file, or to nobody: whoever started a daemon that detaches itself
// waits for the end of its output.
func processes(complaints *os.File) *parent.Processes {
	return &parent.Processes{Command: func(r event.Role, g *parent.Generation) (*proc.Command, error) {
		c := g.Launch.(*config.Config)
		cmd := &proc.Command{
			Path: "/proc/self/exe", Args: []string{"vigild", "--role=" + r.String()}, Env: track.Environment(), Dir: "/",
			Stderr: complaints, Credential: credential(r), Confine: true,
		}
		name := "vigild"
		if r == event.RoleVRRP {
			p := &c.Global.Processes.VRRP
			if p.Name != "" {
				name = p.Name
			}
			cmd.Capabilities = vrrpCapabilities()
			priority, limit := realTime(p)
			// From its first instruction on: a worker that is started again has one
			// advertisement interval for it.
			cmd.Schedule = proc.Schedule{RealTime: priority, Nice: p.Nice, CPUs: p.CPUs}
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d,%d", markRealTime, priority, limit))
		}
		cmd.Env = append(cmd.Env, markName+"="+name)
		if r == event.RoleObserve {
			cmd.ParentDeath = syscall.SIGKILL
		}
		return cmd, nil
	}}
}

// realTime is the real-time priority of a role and its limit; a nice value
// alone says that no real time is wanted.
func realTime(p *config.Process) (priority int, limit uint64) {
	priority, limit = rtPriority, rtLimit
	if p.RealTime > 0 {
		priority = p.RealTime
	} else if p.Nice != 0 {
		priority = 0
	}
	if p.RTTime > 0 {
		limit = p.RTTime
	}
	return priority, limit
}

// goroutines runs the workers in this process.
func goroutines() parent.Goroutines {
	g := make(parent.Goroutines)
	g[event.RoleVRRP], g[event.RoleObserve] = vrrpGoroutine, serveObserve
	return g
}
