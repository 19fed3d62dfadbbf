// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/snmp/agentx"
)

// commandDial asks for a connection to the AgentX master, which only root may
// open. The address is the parent's to know: a request cannot name another.
const commandDial = "dial"

// commands are what the observe role may ask the parent for.
func (d *director) commands() map[string]func(context.Context, json.RawMessage) parent.Answer {
	return map[string]func(context.Context, json.RawMessage) parent.Answer{
		commandDial: func(ctx context.Context, _ json.RawMessage) parent.Answer {
			f, err := d.dial(ctx)
			if err != nil {
				return parent.Answer{Err: err}
			}
			return parent.Answer{Files: []*os.File{f}}
		},
	}
}

func (d *director) dial(ctx context.Context) (*os.File, error) {
	dial, err := agentx.Dialer(*d.agentx.Load())
	if err != nil {
		return nil, err
	}
	c, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s, ok := c.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("connection to %s: %w", c.RemoteAddr(), errors.ErrUnsupported)
	}
	return s.File()
}

// adopted makes a connection of a file that the parent passed.
func adopted(f *os.File) (net.Conn, error) {
	defer f.Close()
	return net.FileConn(f)
}

// dump writes a dump for a signal.
func (d *director) dump(sig os.Signal, v *ledger.View) {
	if err := writeDump(sig, v); err != nil {
		d.complain(err)
	}
}

// dumpDir is where dumps go: TMPDIR if that is the absolute path of a folder,
// else /tmp (compat).
func dumpDir() string {
	dir := os.Getenv("TMPDIR")
	if st, err := os.Stat(dir); filepath.IsAbs(dir) && err == nil && st.IsDir() {
		return dir
	}
	return "/tmp"
}

// writeDump writes the file that a signal asks for: the data, the statistics,
// or all of it as JSON.
func writeDump(sig os.Signal, v *ledger.View) error {
	switch sig {
	case syscall.SIGUSR1:
		return replaceFile(filepath.Join(dumpDir(), "keepalived.data"), []byte(dataText(v)))
	case syscall.SIGUSR2, statsClear:
		return replaceFile(filepath.Join(dumpDir(), "keepalived.stats"), []byte(statsText(v)))
	case jsonDump:
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return fmt.Errorf("dump: %w", err)
		}
		return replaceFile(filepath.Join(dumpDir(), "keepalived.json"), append(text, '\n'))
	}
	return nil
}

// replaceFile writes a file under another name and renames it, so that nobody
// reads half of it and nobody's link in a folder open to all is followed.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("dump %s: %w", path, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("dump %s: %w", path, err)
	}
	return nil
}

func dataText(v *ledger.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "------< Global definitions >------\n Router ID = %s\n Version = %s\n", v.Global.RouterID, v.Global.Version)
	b.WriteString("------< VRRP Topology >------\n")
	for _, in := range v.Instances {
		r := &in.Row
		fmt.Fprintf(&b, " VRRP Instance = %s\n   VRRP Version = %d\n   State = %s\n   Interface = %s\n", r.Subject.Name, r.Version, in.State, r.Interface)
		fmt.Fprintf(&b, "   Virtual Router ID = %d\n   Priority = %d\n   Effective priority = %d\n", r.Subject.VRID, r.Priority, in.Priority)
		fmt.Fprintf(&b, "   Advert interval = %v\n   Preempt = %t\n", r.AdvertInterval, r.Preempt)
		for _, a := range in.Addresses {
			fmt.Fprintf(&b, "     %s dev %s owned = %t\n", a.Row.Prefix, a.Row.Interface, a.Owned)
		}
	}
	for _, g := range v.Groups {
		fmt.Fprintf(&b, " VRRP Sync Group = %s, %s\n   members = %s\n", g.Row.Subject.Name, g.State, strings.Join(g.Row.Members, " "))
	}
	for _, s := range v.Scripts {
		fmt.Fprintf(&b, " VRRP Script = %s\n   Command = %s\n   Interval = %v\n   Status = %s\n", s.Row.Subject.Name, s.Row.Command, s.Row.Interval, s.State)
	}
	return b.String()
}

func statsText(v *ledger.View) string {
	var b strings.Builder
	for _, in := range v.Instances {
		t := &in.Tally
		fmt.Fprintf(&b, "VRRP Instance: %s\n", in.Row.Subject.Name)
		fmt.Fprintf(&b, "  Advertisements:\n    Received: %d\n    Sent: %d\n", t.Received, t.Sent)
		fmt.Fprintf(&b, "  Priority Zero:\n    Received: %d\n    Sent: %d\n", t.ZeroReceived, t.ZeroSent)
	}
	return b.String()
}
