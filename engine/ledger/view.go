// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// View is one consistent picture. It is immutable: readers share it freely.
type View struct {
	// At and Wall are the time of the newest thing folded in.
	At   event.Instant `json:"at"`
	Wall int64         `json:"wall"`
	// Global is the row of global settings, zero before the first configuration.
	Global event.GlobalRow `json:"global"`
	// Instances and Groups are in the order of the configuration.
	Instances  []*Instance           `json:"instances"`
	Groups     []*Group              `json:"groups"`
	Scripts    []*Script             `json:"scripts,omitempty"`
	Objects    []*Object             `json:"objects,omitempty"`
	Interfaces []*event.InterfaceRow `json:"interfaces,omitempty"`
	Routes     []*event.RouteRow     `json:"routes,omitempty"`
	Static     []*Address            `json:"static_addresses,omitempty"`
	Workers    []*Worker             `json:"workers"`
	// Router is the vrrp worker's counters, carried over its restarts.
	Router event.RouterTally `json:"router"`
	Config Config            `json:"config"`
	// Gaps counts events known to be lost (link.gap).
	Gaps uint64 `json:"gaps"`
	// Discontinuities counts epochs after the first, per which counters were carried over.
	Discontinuities uint64 `json:"discontinuities"`
	// Phases are the durations of the parts of promotions, by PhaseNames.
	Phases [PhaseCount]PhaseHist `json:"phases"`
}

// Instance is one vrrp_instance as it is now.
type Instance struct {
	Row   event.InstanceRow `json:"row"`
	State event.State       `json:"state"`
	// Since and SinceWall are when the state was entered.
	Since     event.Instant `json:"since"`
	SinceWall int64         `json:"since_wall"`
	// Last is the newest transition, with its evidence.
	Last event.Event `json:"last"`
	// Story holds the events that belong to Last (addresses, announcements,
	// programs, deliveries), oldest first, at most StoryMax.
	Story []event.Event `json:"story,omitempty"`
	// Transitions counts by event.Transitions index.
	Transitions []uint64 `json:"transitions"`
	// Tally is absolute since the ledger began, carried over worker restarts.
	Tally event.Tally `json:"tally"`
	// Terms is the priority arithmetic in force.
	Priority  uint8             `json:"priority"`
	Terms     []event.Term      `json:"terms,omitempty"`
	Addresses []*Address        `json:"addresses"`
	Tracks    []*event.TrackRow `json:"tracks,omitempty"`
	// Conflict is the newest vrrp.conflict, and whether it goes on.
	Conflict    event.Event `json:"conflict,omitzero"`
	Conflicting bool        `json:"conflicting,omitempty"`
	// Failover is the last promotion: last advert of the old master to announced.
	Failover time.Duration `json:"failover,omitempty"`
}

// StoryMax bounds Instance.Story.
const StoryMax = 64

// Address is one address of an instance, or a static one.
type Address struct {
	Row   event.AddressRow `json:"row"`
	Owned bool             `json:"owned"`
	// Lost says that somebody else removed it while it should be there.
	Lost bool `json:"lost,omitempty"`
}

// Group is one vrrp_sync_group as it is now.
type Group struct {
	Row       event.GroupRow    `json:"row"`
	State     event.State       `json:"state"`
	SinceWall int64             `json:"since_wall"`
	Last      event.Event       `json:"last"`
	Tracks    []*event.TrackRow `json:"tracks,omitempty"`
}

// Script is one vrrp_script as it is now.
type Script struct {
	Row event.ScriptRow `json:"row"`
	// State is Up, Down or Unknown (before the first verdict).
	State       event.State `json:"state"`
	ChangedWall int64       `json:"changed_wall"`
	Runs        uint64      `json:"runs"`
	// Failures counts by FailExit, FailSignal, FailTimeout, FailSpawn.
	Failures [4]uint64     `json:"failures"`
	LastTook time.Duration `json:"last_took"`
	LastExit int64         `json:"last_exit"`
}

// Object is a tracked interface, file, process or BFD session as it is now.
type Object struct {
	Subject     event.Subject `json:"subject"`
	State       event.State   `json:"state"`
	ChangedWall int64         `json:"changed_wall"`
	// Value is a file's value or the number of processes.
	Value int64 `json:"value"`
}

// Worker is one role's process.
type Worker struct {
	Name     string      `json:"name"`
	Up       bool        `json:"up"`
	Restarts uint64      `json:"restarts"`
	Last     event.Event `json:"last"`
}

// Config is the story of configurations.
type Config struct {
	Loads     uint64        `json:"loads"`
	Failures  uint64        `json:"failures"`
	LastOK    bool          `json:"last_ok"`
	LastGood  int64         `json:"last_good_wall"`
	LastTook  time.Duration `json:"last_took"`
	LastError event.Event   `json:"last_error,omitzero"`
}

// PhaseCount is how many phases of a failover are timed.
const PhaseCount = 5

// PhaseNames are the phases: last advert to timer, netlink, announcements,
// notifications, and the whole.
func PhaseNames() [PhaseCount]string {
	return [PhaseCount]string{"detect", "address_add", "announce", "notify", "total"}
}

// PhaseBounds are the upper bounds of the buckets of PhaseHist in seconds.
func PhaseBounds() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// PhaseHist is a histogram over PhaseBounds; LastID is the story of the newest observation.
type PhaseHist struct {
	Counts [15]uint64    `json:"counts"`
	Sum    time.Duration `json:"sum"`
	Last   time.Duration `json:"last"`
	LastID event.ID      `json:"last_id"`
}
