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
		commandTrial: d.trial,
		commandPrint: d.print,
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

// dump writes the dumps for a signal.
func (d *director) dump(sig os.Signal, v *ledger.View) {
	if err := d.dumps.Write(sig, v); err != nil {
		d.complain(err)
	}
}
