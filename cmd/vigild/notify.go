// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/vigild/vigild/cmd/vigild/files"
	"github.com/vigild/vigild/collector"
	"github.com/vigild/vigild/collector/api"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/notify/bus"
	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/engine/sys/dbus"
)

// commandPrint has the parent write the files that signals of its own ask for.
const commandPrint = "print"

// onBus is how the D-Bus is used; an empty Name means not at all.
type onBus struct {
	Address string    `json:"address,omitempty"`
	Name    string    `json:"name,omitempty"`
	Paths   bus.Paths `json:"paths,omitzero"`
}

// busOf reads what keepalived.conf says of the D-Bus. The system bus is where the
// environment of the parent says.
func busOf(g *config.Global) onBus {
	if !g.DBus {
		return onBus{}
	}
	return onBus{
		Address: cmp.Or(os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"), dbus.SystemBus), Name: g.DBusName,
		Paths: bus.Paths{Namespace: g.NetNamespace, Instance: g.Instance, NoInterface: g.DBusNoInterface},
	}
}

// busRole is the service on the D-Bus, if there is one.
type busRole struct {
	set     onBus
	service *bus.Service
}

// useBus goes over to other settings of the D-Bus.
func (w *watcher) useBus(set onBus) {
	was := w.bus.Load()
	if was != nil && set == was.set {
		return
	}
	if was != nil && was.service != nil {
		w.servers.Go(func() { closeBus(was.service) })
	}
	now := &busRole{set: set}
	if set.Name != "" {
		now.service = bus.New(bus.Options{
			Paths: set.Paths, Address: set.Address, Name: set.Name, View: w.role.View, Act: w.busAct, Publish: w.publish,
		})
	}
	w.bus.Store(now)
}

// closeBus ends a service that a reload took away.
func closeBus(s *bus.Service) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // its name is to be free for the next one
	s.Close(ctx)
}

// Events implements the reader.
func (b *busRole) Events(v *ledger.View, es []event.Event) {
	if b.service != nil {
		b.service.Events(v, es)
	}
}

func (b *busRole) close(ctx context.Context) {
	if b != nil && b.service != nil {
		b.service.Close(ctx)
	}
}

// counts is what the service counts, if there is one.
func (b *busRole) counts() []collector.ChannelStats {
	if b == nil || b.service == nil {
		return nil
	}
	s := b.service.Stats()
	return []collector.ChannelStats{{Channel: "dbus", Queued: s.Queued, Overflowed: s.Overflowed, GaveUp: s.Failed, Waiting: s.Waiting}}
}

// busAct does what a method on the D-Bus asks for.
func (w *watcher) busAct(ctx context.Context, act bus.Act, instance string) error {
	var err error
	switch act {
	case bus.PrintData, bus.PrintStats, bus.PrintStatsClear:
		_, _, err = w.role.Call(ctx, commandPrint, act)
	case bus.ReloadConfig:
		_, _, err = w.role.Call(ctx, parent.CommandReload, parent.Asked{By: "the D-Bus"})
	case bus.SendGarp:
		_, _, err = w.role.Call(ctx, parent.CommandGarp, instance)
	}
	return err
}

// print sends this process the signal that asks for the file.
func (d *director) print(_ context.Context, body json.RawMessage) parent.Answer {
	signals := map[bus.Act]syscall.Signal{bus.PrintData: syscall.SIGUSR1, bus.PrintStats: syscall.SIGUSR2, bus.PrintStatsClear: files.StatsClear}
	var act bus.Act
	if err := json.Unmarshal(body, &act); err != nil {
		return parent.Answer{Err: fmt.Errorf("what to print: %w", err)}
	}
	sig, known := signals[act]
	if !known {
		return parent.Answer{Err: fmt.Errorf("nothing is printed for %q", act)}
	}
	return parent.Answer{Err: syscall.Kill(os.Getpid(), sig)}
}

// commandTrial has the parent test one of its own channels.
const commandTrial = "notify_test"

// trial tests channels: those of this role, or one of the parent's by name.
func (w *watcher) trial(ctx context.Context, channel string) ([]api.Trial, error) {
	kind, name, _ := strings.Cut(channel, ":")
	var all []notify.Trial
	if kind == "smtp" || kind == "" && w.mailer.Enabled() {
		all = append(all, w.mailer.Test(ctx))
	}
	if kind == "webhook" || kind == "" {
		all = append(all, w.hooks.Test(ctx, name)...)
	}
	if kind == "fifo" {
		body, _, err := w.role.Call(ctx, commandTrial, name)
		if err != nil {
			return nil, err
		}
		var one notify.Trial
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, fmt.Errorf("answer of the parent: %w", err)
		}
		all = append(all, one)
	}
	switch {
	case len(all) > 0:
	case kind == "script":
		return nil, fmt.Errorf("a script is not tested by running it: it acts")
	case channel == "":
		return nil, fmt.Errorf("there is neither mail nor a webhook")
	default:
		return nil, fmt.Errorf("there is no channel %q", channel)
	}
	out := make([]api.Trial, len(all))
	for i, t := range all {
		out[i] = api.Trial(t)
	}
	return out, nil
}

// trial tests a FIFO for the observe role.
func (d *director) trial(ctx context.Context, body json.RawMessage) parent.Answer {
	var keyword string
	if err := json.Unmarshal(body, &keyword); err != nil {
		return parent.Answer{Err: fmt.Errorf("name of a FIFO: %w", err)}
	}
	t, found := d.exits.fifos.Test(ctx, keyword)
	if !found {
		return parent.Answer{Err: fmt.Errorf("there is no %q", keyword)}
	}
	text, err := json.Marshal(t)
	return parent.Answer{Body: text, Err: err}
}
