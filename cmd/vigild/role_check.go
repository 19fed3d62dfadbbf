// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/cmd/vigild/cmdline"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/check"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/ipvs"
	"github.com/vigild/vigild/engine/sys/proc"
)

// dryRun is the value of --dataplane for a machine that is not to be changed.
const dryRun = "dry-run"

// checkCapabilities are all that the check role may: the kernel's table of virtual services, marks and interfaces of
// sockets, and echo requests.
func checkCapabilities() []uintptr { return []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW} }

// filesMost is how many descriptors the check role may have: one for each check under way.
const filesMost = 1 << 18

// filesOther is how many of them are not for checks.
const filesOther = 256

// descriptors is how many descriptors a process may have here; the runtime of the worker takes all that the limit allows.
func descriptors() uint64 {
	var have unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &have) != nil {
		return 1024 // the least that any machine has
	}
	return min(filesMost, have.Max)
}

// prepareCheck makes the command of the check role. It is never at real time unless the configuration says so, for it is
// not to be in the way of who keeps the addresses.
func prepareCheck(cmd *proc.Command, o *cmdline.Options, g *config.Global) error {
	p := &g.Processes.Checker
	cmd.Capabilities = checkCapabilities()
	cmd.Schedule = proc.Schedule{RealTime: p.RealTime, Nice: p.Nice, CPUs: p.CPUs}
	cmd.Args = append(cmd.Args, "--dataplane="+o.Dataplane)
	if o.KeepIPVS {
		cmd.Args = append(cmd.Args, "--dont-release-ipvs")
	}
	if p.NoSwap {
		cmd.Capabilities = append(cmd.Capabilities, unix.CAP_IPC_LOCK)
		cmd.Env = append(cmd.Env, markLocked+"=1")
	}
	if o.Dataplane == dryRun {
		return nil
	}
	loadIPVS()
	return handOverIPVS(cmd, g.NetNamespaceIPVS)
}

// markLocked says that memory is to be locked.
const markLocked = "_VIGIL_LOCKED"

// loadIPVS has the kernel load IPVS, if it is not there. Without it the check role tells.
func loadIPVS() {
	if _, err := os.Stat("/proc/net/ip_vs"); err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = proc.LoadModule(ctx, "ip_vs")
}

// checkProcess is the check role as a process of its own.
func checkProcess(ctx context.Context, link *ipc.Link, o *cmdline.Options) error {
	var denied []error
	if os.Getenv(markLocked) != "" {
		if err := proc.LockMemory(); err != nil {
			denied = append(denied, err)
		}
	}
	// The loop is one goroutine; what else there is to do is done beside it by few.
	runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), 2))
	return serveCheck(ctx, link, o, handedIPVS(), denied)
}

// serveCheck is the check role, as a process or under --single.
func serveCheck(ctx context.Context, link *ipc.Link, o *cmdline.Options, table func(namespace string) (check.Conn, error), denied []error) error {
	var namespace atomic.Value // a string, once there is a configuration
	return check.Serve(ctx, link, check.Options{
		Open: func(lo check.LoopOptions) (check.Worker, error) {
			lo.Plane, lo.KeepTable = check.NewKernel(func() (check.Conn, error) {
				name, _ := namespace.Load().(string)
				return table(name)
			}), o.KeepIPVS
			room := int(descriptors()) - filesOther
			lo.Connections, lo.Probes = max(room*3/4, 64), max(min(room/4, probesMost), 64)
			if o.Dataplane == dryRun {
				lo.Plane = check.NewDry()
			}
			return check.New(lo)
		},
		Load: func(p *role.Prepared) (*check.Loaded, error) {
			l, name, err := checkSettings(p)
			namespace.CompareAndSwap(nil, name) // it does not change, as keepalived's does not
			return l, err
		},
		Draft:   func(image []byte) any { return read(image) },
		Entropy: entropy, Denied: denied,
		// The text of a large configuration is a hundred times what is kept of it.
		Settled: debug.FreeOSMemory,
	})
}

// probesMost is how many probes that take a goroutine each may be under way.
const probesMost = 8192

func entropy() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails, says crypto/rand
	return binary.NativeEndian.Uint64(b[:])
}

// checkSettings is what the check role needs of a generation, and the network namespace of its IPVS.
func checkSettings(p *role.Prepared) (*check.Loaded, string, error) {
	c, s, err := reparse(p)
	if err != nil {
		return nil, "", err
	}
	if s.Observe != nil {
		s.Observe.Check.Apply(&c.Health, s.Observe.Sampling)
	}
	// A copy, for a pointer into the configuration would keep all of it, and with it the text it was read from.
	settings := c.Health
	return &check.Loaded{Settings: &settings, Describe: c.Describe}, c.Global.NetNamespaceIPVS, nil
}

const (
	// markIPVS says that the check role was handed a socket.
	markIPVS = "_VIGIL_IPVS"
	// handedFile is the descriptor that it has: the link is 3.
	handedFile = 4
)

// handOverIPVS gives the check role a socket of the network namespace that IPVS
// is to be programmed in (net_namespace_ipvs): to enter it, which asks for far
// more than a socket, is not among what the role may.
func handOverIPVS(cmd *proc.Command, namespace string) error {
	if namespace == "" {
		return nil
	}
	f, err := socketOfIPVS(namespace)
	if err != nil {
		return err
	}
	cmd.Files = append(cmd.Files, f)
	cmd.Env = append(cmd.Env, markIPVS+"=1")
	return nil
}

// handedIPVS is how the check role opens IPVS as a process.
func handedIPVS() func(string) (check.Conn, error) {
	if os.Getenv(markIPVS) == "" {
		return func(string) (check.Conn, error) { return check.OpenIPVS() }
	}
	open := check.IPVSOn(os.NewFile(handedFile, "ipvs"))
	return func(string) (check.Conn, error) { return open() }
}

// ownIPVS is how it does under --single.
func ownIPVS(namespace string) (check.Conn, error) {
	if namespace == "" {
		return check.OpenIPVS()
	}
	f, err := socketOfIPVS(namespace)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return check.IPVSOn(f)()
}

// socketOfIPVS opens a socket in a network namespace, known by its name or by an
// absolute path.
func socketOfIPVS(namespace string) (*os.File, error) {
	path := namespace
	switch {
	case filepath.IsAbs(namespace):
	case strings.Contains(namespace, "/") || namespace == "." || namespace == "..":
		return nil, fmt.Errorf("net_namespace_ipvs %q: not a name", namespace)
	default:
		path = filepath.Join(namespaceDir, namespace)
	}
	ns, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("net_namespace_ipvs: %w", err)
	}
	defer ns.Close()
	f, err := ipvs.SocketIn(int(ns.Fd()))
	if err != nil {
		return nil, fmt.Errorf("net_namespace_ipvs %s: %w", namespace, err)
	}
	return f, nil
}
