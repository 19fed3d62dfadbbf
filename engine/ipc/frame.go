// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipc

import (
	"encoding/json"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Type is what a frame says: a closed list.
type Type string

// The types of frame.
const (
	// Hello opens a link: Protocol, Role, Epoch.
	Hello Type = "hello"
	// Prepare asks a worker to parse generation Gen (its file comes along as a descriptor).
	// Generation 0 is a draft: what it likely will be, and without a file that it will not. It has no answer.
	Prepare Type = "prepare"
	// Ready answers Prepare; Error says why not.
	Ready Type = "ready"
	// Commit puts generation Gen into force.
	Commit Type = "commit"
	// Events carries edges in order.
	Events Type = "event"
	// Tallies carries counters.
	Tallies Type = "tally"
	// Rows carries the description; Final marks the last frame of it. Those of the
	// check worker, and its Tallies, are in a memory file that comes along.
	Rows Type = "row"
	// SnapshotPlease and TallyPlease ask for them.
	SnapshotPlease Type = "snapshot_please"
	TallyPlease    Type = "tally_please"
	// Exec asks the parent to run one of the programs that the generation in force
	// has, by Name; ExecDone is its outcome, under the same ID.
	Exec     Type = "exec"
	ExecDone Type = "exec_done"
	// Input carries the verdict on a tracked object, or the state of something
	// that another worker keeps, to a worker that follows it.
	Input Type = "input"
	// Command carries a request by name, Result its answer.
	Command Type = "command"
	Result  Type = "result"
	// Ack says that all events up to Ref have been handed to every exit.
	Ack Type = "ack"
	// Bye ends a link on purpose.
	Bye Type = "bye"
)

// Protocol is the version of this vocabulary.
const Protocol = 1

// MaxFrame is the largest frame in bytes.
const MaxFrame = 64 << 10

// Frame is one message.
type Frame struct {
	Type     Type               `json:"type"`
	Protocol int                `json:"protocol,omitempty"`
	Role     event.Role         `json:"role,omitempty"`
	Epoch    uint64             `json:"epoch,omitempty"`
	Gen      int                `json:"gen,omitempty"`
	Error    string             `json:"error,omitempty"`
	Events   []event.Event      `json:"events,omitempty"`
	Tallies  []event.Tally      `json:"tallies,omitempty"`
	Router   *event.RouterTally `json:"router,omitempty"`
	BFD      []event.BFDTally   `json:"bfd,omitempty"`
	Rows     []event.Row        `json:"rows,omitempty"`
	Final    bool               `json:"final,omitempty"`
	Snapshot bool               `json:"snapshot,omitempty"`
	Ref      event.Ref          `json:"ref,omitzero"`
	Resume   []Resumed          `json:"resume,omitempty"`
	Ran      *Ran               `json:"ran,omitempty"`
	Name     string             `json:"name,omitempty"`
	ID       uint64             `json:"id,omitempty"`
	Body     json.RawMessage    `json:"body,omitempty"`
	// FDs are descriptors that come along; the receiver owns them.
	FDs []int `json:"-"`
}

// Resumed is what a lost worker was doing with one instance, or how a real
// server stood.
type Resumed struct {
	Name   string      `json:"name"`
	Sub    string      `json:"sub,omitempty"`
	State  event.State `json:"state"`
	Within bool        `json:"within,omitempty"`
	// Weight is the one in force if HasWeight; Since is when the state began.
	Weight    int32         `json:"weight,omitempty"`
	HasWeight bool          `json:"has_weight,omitempty"`
	Since     event.Instant `json:"since,omitempty"`
}

// Ran is its outcome.
type Ran struct {
	Status int           `json:"status"`
	Signal int           `json:"signal,omitempty"`
	Reason event.Reason  `json:"reason,omitempty"`
	Took   time.Duration `json:"took"`
	Detail string        `json:"detail,omitempty"`
	// Script, File and Value: the verdict on a tracked object.
	Object event.Subject `json:"object,omitzero"`
	Value  int64         `json:"value,omitempty"`
}
