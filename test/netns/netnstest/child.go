// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netnstest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/run"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/vrrp"
)

// childEnv names the settings of a child process that is to be a vrrp loop.
const childEnv = "VIGIL_NETNSTEST_LOOP"

// Child turns the process into a vrrp loop if it was started to be one, and
// does not return then. TestMain calls it first.
func Child() {
	path := os.Getenv(childEnv)
	if path == "" {
		return
	}
	if err := child(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child is a vrrp role without a parent: it says every event as a line of JSON.
func child(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var set vrrp.Settings
	if err := json.Unmarshal(text, &set); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(400)
	if err := proc.LockMemory(); err != nil {
		return err
	}
	lines := make(chan []byte, 4096)
	go func() {
		for l := range lines {
			os.Stdout.Write(l)
		}
	}()
	v, err := run.NewVRRP(run.VRRPOptions{Epoch: uint64(os.Getpid()), Locked: true, Publish: func(es []event.Event) {
		for i := range es {
			if line, err := json.Marshal(&es[i]); err == nil {
				lines <- append(line, '\n')
			}
		}
	}})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	v.Configure(&vrrp.Configure{Settings: &set})
	return v.Run(ctx)
}
