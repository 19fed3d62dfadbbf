// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"encoding/json"
	"fmt"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
)

// remind gives a new observe role the memory of its predecessor, which is the
// parent's too: counters and stories go on.
func (p *Loop) remind(w *worker) {
	f, err := p.memory()
	if err != nil {
		p.publish(&event.Event{Kind: event.LinkGap, Subject: w.subject(), Reason: event.FailKernel, Detail: err.Error()})
		return
	}
	w.run.Link.Send(f)
}

// memory puts what the parent's ledger knows into a memory file.
func (p *Loop) memory() (ipc.Frame, error) {
	text, err := json.Marshal(p.ledger.Save())
	if err != nil {
		return ipc.Frame{}, fmt.Errorf("render the memory: %w", err)
	}
	file, err := proc.Sealed(role.CommandMemory, text)
	if err != nil {
		return ipc.Frame{}, err
	}
	defer file.Close()
	fd, err := ipc.Dup(file)
	if err != nil {
		return ipc.Frame{}, err
	}
	return ipc.Frame{Type: ipc.Command, Name: role.CommandMemory, FDs: []int{fd}}, nil
}
