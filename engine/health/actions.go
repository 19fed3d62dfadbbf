// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import "github.com/vigild/vigild/engine/event"

// ActionKind is what is to be done.
type ActionKind uint8

// The kinds of action.
const (
	// Forget: the check Check is no more; end its probe if one goes on. No Outcome
	// need come; one that comes is counted and not judged.
	Forget ActionKind = iota
	// Program: do Ops in their order; one Applied with Batch comes back, in the
	// order of the batches. An operation that fails does not stop the others.
	Program
	// Sync: let the sync daemons be as Daemon says; one SyncDone comes back.
	Sync
	// ReadKernel: read the kernel's table when all Programs before are done; one
	// Kernel comes back.
	ReadKernel
	// SetTimeouts: set the timeouts of connections.
	SetTimeouts
)

// Action is one thing that the shell must do, in the order given.
type Action struct {
	Kind  ActionKind
	Check CheckID
	// Batch numbers the Programs from 1; Ops is the shell's to keep.
	Batch    uint64
	Ops      []Op
	Daemon   Daemon
	Timeouts Timeouts
	// Reason is why; Cause is the event that led here.
	Reason event.Reason
	Cause  event.Ref
}

// Daemon is which sync daemons are to run.
type Daemon struct {
	Settings       *SyncSettings
	Master, Backup bool
}

// Probe asks for one attempt of a check; Pool.Check says how. Exactly one
// Outcome with the same Check and Serial must come back.
type Probe struct {
	Check  CheckID
	Serial uint32
	// Attempt counts the attempts of a run of failures, from 1.
	Attempt uint32
}

// Output is what one Step wants done and says happened. The caller owns it and
// reuses it; Step appends. The Actions come first, then the Probes, and then the
// Events are published.
type Output struct {
	Actions []Action
	Probes  []Probe
	Events  []event.Event
}

// Reset empties the Output and keeps its memory, unless that is much more than
// is needed from day to day.
func (o *Output) Reset() {
	const most = 1024
	if cap(o.Events) > most {
		o.Events = nil
	}
	for i := range o.Actions {
		o.Actions[i] = Action{}
	}
	o.Actions, o.Probes, o.Events = o.Actions[:0], o.Probes[:0], o.Events[:0]
}
