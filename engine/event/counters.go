// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import "time"

// CheckBounds are the upper bounds in seconds of the buckets of every
// histogram of health checking.
func CheckBounds() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// CheckBuckets counts the buckets, the one without bound included.
const CheckBuckets = 15

// Histogram is counts by CheckBounds and the sum of what was counted.
type Histogram struct {
	Buckets [CheckBuckets]uint64
	Sum     time.Duration
}

// IPVSStats is what the kernel counts of a service or destination since it was
// added, and its present rates per second.
type IPVSStats struct {
	Conns, InPackets, OutPackets, InBytes, OutBytes                uint64
	ConnRate, InPacketRate, OutPacketRate, InByteRate, OutByteRate uint64
}

// Add adds the counts and rates of o.
func (s *IPVSStats) Add(o *IPVSStats) {
	s.Conns += o.Conns
	s.InPackets += o.InPackets
	s.OutPackets += o.OutPackets
	s.InBytes += o.InBytes
	s.OutBytes += o.OutBytes
	s.ConnRate += o.ConnRate
	s.InPacketRate += o.InPacketRate
	s.OutPacketRate += o.OutPacketRate
	s.InByteRate += o.InByteRate
	s.OutByteRate += o.OutByteRate
}

// ServiceTally is what is counted of one virtual server.
type ServiceTally struct {
	// ID is that of its ServiceRow.
	ID uint32
	// State is UP while the quorum is met. Sorry says that the sorry server is
	// in use, Suspended that it is by ha_suspend, Braked that servers are held.
	State                    State
	Sorry, Suspended, Braked bool
	// Alive is the weight of the servers that are up.
	Alive              int64
	Up, Down, Disabled uint32
	// Gained and Lost count changes of the quorum, Held servers that the brake
	// held (each time).
	Gained, Lost, Held uint64
	Since              Instant
	Stats              IPVSStats
}

// ServerTally is what is counted of one real server or sorry server.
type ServerTally struct {
	// ID and Service are those of its ServerRow.
	ID, Service uint32
	// State is UP, DOWN or DISABLED; Weight is the one in force, 0 if it is not
	// in the pool.
	State  State
	Weight int32
	// Changes counts transitions between UP and DOWN; Since is the last one.
	Changes uint64
	Since   Instant
	// Active, Inactive and Persistent are the kernel's present connections.
	Active, Inactive, Persistent uint32
	Stats                        IPVSStats
	// Wanted is the weight that it has, or will have when it is UP.
	Wanted int32
}

// CheckTally is what is counted of one checker of one server.
type CheckTally struct {
	// ID is that of its CheckRow, Server that of its ServerRow.
	ID, Server uint32
	Checker    Checker
	// Up is the last verdict, Run whether there was one.
	Up, Run bool
	// Failing counts the failures in a row.
	Failing                     uint32
	Attempts, Failures, Retries uint64
	// LastRun is when the last attempt ended, LastTook how long it took.
	LastRun  Instant
	LastTook time.Duration
	// Expiry is when the first certificate of the chain expires, in seconds since
	// the Unix epoch; 0 if there is none.
	Expiry int64
}

// FailureTally counts the failures of one kind of check for one reason over all
// servers of a virtual server.
type FailureTally struct {
	Service uint32
	Checker Checker
	Reason  Reason
	Count   uint64
}

// PhaseTally is the histogram of one phase of one kind of check over all
// servers of a virtual server.
type PhaseTally struct {
	Service uint32
	Checker Checker
	Phase   Phase
	Histogram
}

// PoolTally is the counters of the check worker as a whole.
type PoolTally struct {
	// InFlight is how many checks go on now, Whole how long checks took, both by
	// Checker.
	InFlight [CheckerCount]uint32
	Whole    [CheckerCount]Histogram
	// Delay is how much later than its time a check was begun.
	Delay Histogram
	// Ops counts operations on the kernel's table, Errors the ones that failed,
	// Drift corrections of what somebody else changed, all by IPVSOp.
	Ops, Errors, Drift [IPVSOpCount]uint64
	// Shared counts checks that were spared because another had the same target;
	// Stray outcomes of checks that are no more; Held failures that the brake held.
	Shared, Stray, Held uint64
	// Kept counts check.outcome events by why they were kept: a change, a first
	// or other failure, a repeated failure, a slow success, a sample. Limited
	// counts those that the rate limit refused.
	Kept    [KeptCount]uint64
	Limited uint64
	// Judged counts all outcomes: those that are neither in Kept nor in Limited
	// were only counted.
	Judged uint64
	// Available says that the kernel has IPVS. Services and Dests are the entries
	// of its table, ours and others'.
	Available                 bool
	Services, Dests           uint32
	OwnServices, OwnDests     uint32
	SyncMaster, SyncBackup    bool
	Checks, Servers, Suspends uint32
}

// Kept is why a check.outcome was told and not only counted: a closed list.
type Kept uint8

// The whys.
const (
	KeptChange Kept = iota
	KeptFailure
	KeptRepeat
	KeptSlow
	KeptSample
	keptEnd
)

// KeptCount is the number of values of Kept.
const KeptCount = int(keptEnd)

var keptWords = []string{"change", "failure", "repeat", "slow", "sample"}

func (k Kept) String() string { return wordOf(keptWords, k) }

// Counters is one reading of all that the check worker counts: absolute values
// since it started, so that losing one loses nothing.
type Counters struct {
	// Generation counts the configurations of the worker: the IDs are those of
	// the rows of this generation.
	Generation uint32
	At         Instant
	Services   []ServiceTally
	Servers    []ServerTally
	Checks     []CheckTally
	Failures   []FailureTally
	Phases     []PhaseTally
	// Pool is meaningful if HasPool.
	Pool    PoolTally
	HasPool bool
}

// Reset empties the Counters and keeps their memory.
func (c *Counters) Reset() {
	c.Generation, c.At, c.HasPool = 0, 0, false
	c.Services, c.Servers, c.Checks = c.Services[:0], c.Servers[:0], c.Checks[:0]
	c.Failures, c.Phases = c.Failures[:0], c.Phases[:0]
}
