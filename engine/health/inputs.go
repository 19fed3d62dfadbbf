// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package health

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Input is one thing that can happen to a Pool: a closed set.
//
//sumtype:decl
type Input interface{ input() }

// CheckID names a check. IDs are dense, so that shells keep arrays; that of a
// removed check may be given to a new one.
type CheckID uint32

// Tick says that time has come to the Pool's Deadline (or that it may have).
type Tick struct{}

// Configure puts settings into force, at the start and at each reload. What
// did not change goes on undisturbed.
type Configure struct {
	Settings *Settings
	// Cause is the config.loaded event.
	Cause event.Ref
	// Entropy spreads the checks in time.
	Entropy uint64
	// Resume says how it stood when the last worker was lost; only the first
	// Configure looks at it.
	Resume []Resume
}

// Resume is the last known state of one server, or of one virtual server.
type Resume struct {
	// Server is its subject.
	Server event.Subject
	// State is UP or DOWN; DISABLED is DOWN if the Weight was 0, else UP.
	State event.State
	// Weight is the weight in the pool (CheckEvidence.WeightNow) if HasWeight.
	Weight    int32
	HasWeight bool
	Since     event.Instant
}

// Outcome ends one Probe: exactly one comes for each, unless a Forget came
// between. It is passed by pointer and may be reused after Step; a passing one
// that changes nothing allocates nothing.
type Outcome struct {
	Check CheckID
	// Serial is that of the Probe.
	Serial uint32
	Pass   bool
	// Weight is the weight of the server, if HasWeight and the check is Dynamic.
	// A pass without it resets the weight to the configured one.
	HasWeight bool
	Weight    int32
	// Reason is one of event.CheckFailures unless Pass.
	Reason event.Reason
	// Phase is the one that failed.
	Phase event.Phase
	// Status is the HTTP status, exit status, response code.
	Status int32
	// Phases is how long each timed phase took, 0 for one that was not run; Total
	// is how long it all took. It ended at the time of the Step, or at At if that
	// is not 0.
	Phases [event.PhaseCount]time.Duration
	Total  time.Duration
	At     event.Instant
	// Expiry is when the first certificate of the chain expires, in seconds since
	// the Unix epoch; 0 if there is none.
	Expiry int64
	// Target is where it went, if that is not the Target of the settings.
	Target netip.AddrPort
	Detail string
	// Cause is the exec.done of a script.
	Cause event.Ref
}

// Outcomes is several of them in order: what they change is programmed in one
// batch. A few hundred are enough for one Step: each failure may be two events of
// more than a kilobyte. It is passed by pointer.
type Outcomes struct{ List []Outcome }

// Value is what a tracked file says. Known is false for a file without a
// valid value: its checks are then as they would be for 0 (compat).
type Value struct {
	Object string
	Value  int64
	Known  bool
	Cause  event.Ref
}

// Session is the state of a BFD session.
type Session struct {
	Object string
	Up     bool
	Cause  event.Ref
}

// Kernel is the kernel's whole table as it was read, in answer to ReadKernel or
// at any time. It is passed by pointer.
type Kernel struct {
	// Available is false if the kernel has no IPVS: nothing is programmed then,
	// and asked again every minute.
	Available bool
	Table     Table
	// After is the Batch of the last Program that was done before the table was
	// read, 0 for none: a table that is older than what was asked for is not judged.
	After uint64
	// Reason is why the table could not be read, none if it was.
	Reason event.Reason
	Detail string
}

// Applied ends one Program: exactly one comes for each, in their order. It is
// passed by pointer.
type Applied struct {
	Batch uint64
	// Count is how many operations succeeded.
	Count      int
	Start, End event.Instant
	Failed     []Failed
}

// Failed is an operation that the kernel refused.
type Failed struct {
	Op Op
	// Detail is the kernel's error.
	Detail string
}

// Addresses is every address that is on this host, after any change of them
// and before the first Configure (ha_suspend). It is passed by pointer.
type Addresses struct {
	Present []netip.Addr
	Cause   event.Ref
}

// Master is the state of a vrrp_instance (lvs_sync_daemon). Any but MASTER
// means the backup daemon.
type Master struct {
	Instance string
	State    event.State
	Cause    event.Ref
}

// SyncDone ends one Sync. It is passed by pointer.
type SyncDone struct {
	// Master and Backup say which daemons run now.
	Master, Backup bool
	// Reason is none, or FailKernel.
	Reason     event.Reason
	Detail     string
	Start, End event.Instant
}

// TimeoutsDone ends one SetTimeouts. It is passed by pointer.
type TimeoutsDone struct {
	// Reason is none, or FailKernel.
	Reason     event.Reason
	Detail     string
	Start, End event.Instant
}

// SetWeight overrides the weight of a server for as long as it is configured, or
// until Clear: what SNMP and people ask for. 0 drains. One that comes before the
// first Configure is in force from the start, so that who was drained before a
// restart gets nobody in between.
type SetWeight struct {
	Server event.Subject
	Weight int32
	Clear  bool
	Cause  event.Ref
}

// Stop ends everything: services go, and what has omega goes DOWN first.
type Stop struct{}

func (Tick) input()          {}
func (*Configure) input()    {}
func (*Outcome) input()      {}
func (*Outcomes) input()     {}
func (Value) input()         {}
func (Session) input()       {}
func (*Kernel) input()       {}
func (*Applied) input()      {}
func (*Addresses) input()    {}
func (Master) input()        {}
func (*SyncDone) input()     {}
func (*TimeoutsDone) input() {}
func (SetWeight) input()     {}
func (Stop) input()          {}

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
	// SetTimeouts: set the timeouts of connections; one TimeoutsDone comes back.
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
