// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vigild/vigild/collector"
	"github.com/vigild/vigild/collector/log"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/machine"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// exits are those of the parent role: the log, notify scripts and FIFOs.
type exits struct {
	log     *log.Sink
	scripts *notify.Scripts
	fifos   *notify.FIFOs
	said    chan event.Event
	// ended is closed when nobody takes what is said any more.
	ended chan struct{}
	// account is who runs a script that names nobody.
	account atomic.Pointer[config.Account]
	machine config.Environment
}

// saidMax is how many events of the parent's own exits wait for the loop.
const saidMax = 1024

// newExits returns the exits even when the error says that some could not be
// opened.
func newExits(sink *log.Sink, c *config.Config) (*exits, error) {
	x := &exits{log: sink, said: make(chan event.Event, saidMax), ended: make(chan struct{}), machine: machine.Environment(false)}
	x.configureAccount(c)
	o := notify.Options{Run: x.run, Publish: x.publish, Environ: track.Environment(), Version: version}
	x.scripts = notify.NewScripts(&c.Notify, o)
	var err error
	x.fifos, err = notify.NewFIFOs(&c.Notify, o)
	return x, err
}

// publish hands an event of an exit to the loop. It comes from the goroutines
// that run programs, never from the loop itself.
func (x *exits) publish(e event.Event) {
	select {
	case x.said <- e:
	case <-x.ended:
	}
}

// tellers adapts exits that need no view.
type tellers func(es []event.Event)

func (t tellers) Events(_ *ledger.View, es []event.Event) { t(es) }

func (x *exits) readers() []role.Reader {
	return []role.Reader{tellers(x.log.Events), tellers(x.scripts.Events), tellers(x.fifos.Events)}
}

// configure goes over to another configuration.
func (x *exits) configure(c *config.Config) error {
	x.configureAccount(c)
	x.scripts.Configure(&c.Notify)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return x.fifos.Configure(ctx, &c.Notify)
}

// configureAccount finds script_user; without one, keepalived_script if that
// account exists, else root (compat).
func (x *exits) configureAccount(c *config.Config) {
	a := config.Account{}
	for _, name := range []string{c.Global.ScriptUser, config.DefaultScriptUser} {
		if name == "" {
			continue
		}
		if found, err := x.machine.Account(name, c.Global.ScriptGroup); err == nil {
			a = found
			break
		}
	}
	x.account.Store(&a)
}

// settle waits for the programs that the last events started.
func (x *exits) settle(ctx context.Context) {
	x.scripts.Close(ctx)
	x.fifos.Close(ctx)
}

// run runs a notify script as its account.
func (x *exits) run(ctx context.Context, c notify.Command, limit time.Duration) notify.Result {
	a := *x.account.Load()
	if c.User != "" {
		var err error
		if a, err = x.machine.Account(c.User, c.Group); err != nil {
			return notify.Result{Status: -1, Reason: event.FailPermission, Detail: err.Error()}
		}
	}
	cmd := &proc.Command{Path: c.Argv[0], Args: c.Argv, Env: c.Env, Dir: "/", ParentDeath: syscall.SIGTERM, Started: c.Started}
	if int(a.UID) != os.Geteuid() || int(a.GID) != os.Getegid() {
		cmd.Credential = &proc.Credential{UID: a.UID, GID: a.GID, Groups: a.Groups}
	}
	if state := x.machine.Script(c.Argv[0], a); state.Shell {
		cmd.Path, cmd.Args = track.Shell(c.Argv)
	}
	return result(proc.Run(ctx, cmd, limit))
}

// result words the end of a program.
func result(e proc.Exit) notify.Result {
	r := notify.Result{Status: e.Status, Took: e.Took}
	switch {
	case e.TimedOut:
		r.Reason, r.Detail = event.FailTimeout, "took too long"
	case errors.Is(e.Err, os.ErrPermission):
		r.Reason, r.Detail = event.FailPermission, e.Err.Error()
	case e.Err != nil:
		r.Reason, r.Detail = event.FailSpawn, e.Err.Error()
	case e.Signal != 0:
		r.Reason, r.Detail = event.FailSignal, fmt.Sprintf("ended by signal %d (%v)", int(e.Signal), e.Signal)
	case e.Status != 0:
		r.Reason = event.FailExit
	}
	return r
}

// exitCounters is what the parent's exits count. It travels to the observe
// role with the counters of the instances.
type exitCounters struct {
	Log      collector.LogStats       `json:"log"`
	Channels []collector.ChannelStats `json:"channels"`
}

func (x *exits) counters() json.RawMessage {
	s := x.log.Stats()
	c := exitCounters{Log: collector.LogStats{
		Debug: s.Lines[event.Debug], Info: s.Lines[event.Info], Warn: s.Lines[event.Warn], Error: s.Lines[event.Error],
	}}
	for _, o := range s.Outputs {
		c.Log.Dropped += o.Dropped
	}
	c.Channels = append(c.Channels, channel(x.scripts.Stats()))
	for _, f := range x.fifos.Stats() {
		c.Channels = append(c.Channels, channel(f))
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil // nothing in it can fail to be rendered
	}
	return text
}
