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
	Files      []*event.FileRow      `json:"files,omitempty"`
	Processes  []*event.ProcessRow   `json:"processes,omitempty"`
	Static     []*Address            `json:"static_addresses,omitempty"`
	// ServiceGroups are the virtual_server_groups, also those that nobody uses.
	ServiceGroups []*event.ServiceGroupRow `json:"virtual_server_groups,omitempty"`
	Workers       []*Worker                `json:"workers"`
	// Pool is the virtual and real servers, nil if none were heard of.
	Pool *Pool `json:"pool,omitempty"`
	// Channels are the notifiers that were heard of, by name.
	Channels []*Channel `json:"channels,omitempty"`
	// Rejected are the newest refused adverts that fit no instance, one entry
	// for each source and reason, newest last, at most RejectionMax.
	Rejected []Rejection `json:"rejected,omitempty"`
	// Denied are the privileges that the kernel refused, at most DeniedMax.
	Denied []event.Event `json:"denied,omitempty"`
	// Stall is the newest pause of our own that mattered.
	Stall event.Event `json:"stall,omitzero"`
	// Router is the vrrp worker's counters, carried over its restarts.
	Router event.RouterTally `json:"router"`
	Config Config            `json:"config"`
	// Gaps counts events known to be lost (link.gap).
	Gaps uint64 `json:"gaps"`
	// Discontinuities counts epochs after the first, per which counters were carried over.
	Discontinuities uint64 `json:"discontinuities"`
	// Unexpected counts transitions outside event.Transitions and events of
	// subjects for which there was no room.
	Unexpected uint64 `json:"unexpected"`
	// BFDStrays counts BFD packets that belong to no session, by event.BFDStrays.
	BFDStrays [event.BFDStrayCount]uint64 `json:"bfd_strays,omitzero"`
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
	// Last is the newest transition, with its evidence; Previous the one before.
	Last     event.Event `json:"last"`
	Previous event.Event `json:"previous,omitzero"`
	// Story holds the events that belong to Last (addresses, announcements,
	// programs, deliveries), oldest first, at most StoryMax; StoryMore counts
	// the ones that found no room.
	Story     []event.Event `json:"story,omitempty"`
	StoryMore int           `json:"story_more,omitempty"`
	// Transitions counts by event.Transitions index; Marks are the newest
	// transition of each.
	Transitions []uint64 `json:"transitions"`
	Marks       []Mark   `json:"marks"`
	// Tally is absolute since the ledger began, carried over worker restarts.
	Tally event.Tally `json:"tally"`
	// ConfirmedWall is the wall clock when the worker last said that this is so.
	ConfirmedWall int64 `json:"confirmed_wall"`
	// Base, Terms and Priority are the priority arithmetic in force.
	Base      uint8             `json:"base"`
	Priority  uint8             `json:"priority"`
	Terms     []event.Term      `json:"terms,omitempty"`
	Addresses []*Address        `json:"addresses"`
	Tracks    []*event.TrackRow `json:"tracks,omitempty"`
	// Conflict is the newest vrrp.conflict, and whether it goes on.
	Conflict    event.Event `json:"conflict,omitzero"`
	Conflicting bool        `json:"conflicting,omitempty"`
	// NearMiss is the newest vrrp.near_miss.
	NearMiss event.Event `json:"near_miss,omitzero"`
	// Suspicion is the newest vrrp.suspicion.
	Suspicion event.Event `json:"suspicion,omitzero"`
	// Rejected are the newest refused adverts, one entry for each source and
	// reason, newest last, at most RejectionMax.
	Rejected []Rejection `json:"rejected,omitempty"`
	// Failover is the last promotion: last advert of the old master to announced.
	Failover time.Duration `json:"failover,omitempty"`
}

// Bounds of what a View remembers.
const (
	StoryMax     = 64
	RejectionMax = 16
	DeniedMax    = 8
	ChannelMax   = 64
)

// Mark names the story of a transition and when it was.
type Mark struct {
	ID   event.ID `json:"id"`
	Wall int64    `json:"wall,omitempty"`
}

// Rejection is what one source sent that was refused for one reason.
type Rejection struct {
	// Runs counts the edges, each of which opens a run of equal adverts; the
	// adverts themselves are in Tally.Rejects.
	Runs      uint64 `json:"runs"`
	FirstWall int64  `json:"first_wall"`
	// Last is the newest edge: Reason, Evidence.Peer, Evidence.Want, Evidence.Got.
	Last event.Event `json:"last"`
}

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
	// Failures counts by ScriptFailures.
	Failures [4]uint64     `json:"failures"`
	LastTook time.Duration `json:"last_took"`
	LastExit int64         `json:"last_exit"`
	// Took is the histogram of the run times over ScriptBounds.
	Took ScriptHist `json:"took"`
}

// ScriptFailures are the reasons of Script.Failures.
func ScriptFailures() [4]event.Reason {
	return [4]event.Reason{event.FailExit, event.FailSignal, event.FailTimeout, event.FailSpawn}
}

// ScriptBounds are the upper bounds in seconds of the buckets of ScriptHist.
func ScriptBounds() []float64 { return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10} }

// ScriptHist is a histogram over ScriptBounds and one bucket without bound.
type ScriptHist struct {
	Counts [12]uint64    `json:"counts"`
	Sum    time.Duration `json:"sum"`
	Native Native        `json:"native,omitempty"`
}

// Object is a tracked interface, file, process or BFD session as it is now.
type Object struct {
	Subject     event.Subject `json:"subject"`
	State       event.State   `json:"state"`
	ChangedWall int64         `json:"changed_wall"`
	// Value is a file's value, the number of processes or the diagnostic of a BFD
	// session.
	Value int64 `json:"value"`
	// BFD is what only a BFD session has.
	BFD *BFD `json:"bfd,omitempty"`
}

// BFD is one bfd_instance as it is now.
type BFD struct {
	Row event.BFDRow `json:"row"`
	// Last is the newest change, with its evidence.
	Last event.Event `json:"last,omitzero"`
	// Transitions counts by event.BFDTransitions index.
	Transitions []uint64 `json:"transitions"`
	// Tally is absolute since the ledger began, carried over worker restarts.
	Tally event.BFDTally `json:"tally"`
}

// Worker is one role's process.
type Worker struct {
	Name     string      `json:"name"`
	Up       bool        `json:"up"`
	Restarts uint64      `json:"restarts"`
	Last     event.Event `json:"last"`
}

// Channel is one notifier: what it delivered and what it could not.
type Channel struct {
	// Name is the subject of its events: a kind ("smtp") or a kind and a name ("webhook:ops").
	Name string `json:"name"`
	Sent uint64 `json:"sent"`
	// Failures counts failed attempts by reason, in order of appearance.
	Failures []ReasonCount `json:"failures,omitempty"`
	// LastSent and LastFailed are the newest delivery and failed attempt.
	LastSent   event.Event `json:"last_sent,omitzero"`
	LastFailed event.Event `json:"last_failed,omitzero"`
	// Took is the time from the event to its delivery.
	Took PhaseHist `json:"took"`
}

// ReasonCount is a count of one reason.
type ReasonCount struct {
	Reason event.Reason `json:"reason"`
	Count  uint64       `json:"count"`
}

// Config is the story of configurations.
type Config struct {
	Loads     uint64        `json:"loads"`
	Failures  uint64        `json:"failures"`
	LastOK    bool          `json:"last_ok"`
	LastGood  int64         `json:"last_good_wall"`
	LastTook  time.Duration `json:"last_took"`
	LastError event.Event   `json:"last_error,omitzero"`
	// Took is the time that each load took.
	Took PhaseHist `json:"took"`
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

// PhaseHist is a histogram over PhaseBounds; LastID is the story of the newest
// observation and LastWall its time.
type PhaseHist struct {
	Counts   [15]uint64    `json:"counts"`
	Sum      time.Duration `json:"sum"`
	Last     time.Duration `json:"last"`
	LastID   event.ID      `json:"last_id"`
	LastWall int64         `json:"last_wall,omitempty"`
	Native   Native        `json:"native,omitempty"`
}

// Instance returns the instance of that name, nil if there is none.
func (v *View) Instance(name string) *Instance {
	for _, in := range v.Instances {
		if in.Row.Subject.Name == name {
			return in
		}
	}
	return nil
}

// Group returns the sync group of that name, nil if there is none.
func (v *View) Group(name string) *Group {
	for _, g := range v.Groups {
		if g.Row.Subject.Name == name {
			return g
		}
	}
	return nil
}

// Object returns what is known of a tracked object, nil if nobody follows it.
func (v *View) Object(s event.Subject) *Object {
	for _, o := range v.Objects {
		if o.Subject.Kind == s.Kind && o.Subject.Name == s.Name {
			return o
		}
	}
	return nil
}

// Script returns the script of that name, nil if there is none.
func (v *View) Script(name string) *Script {
	for _, s := range v.Scripts {
		if s.Row.Subject.Name == name {
			return s
		}
	}
	return nil
}

// Worker returns the worker of that name, nil if it was never heard of.
func (v *View) Worker(name string) *Worker {
	for _, w := range v.Workers {
		if w.Name == name {
			return w
		}
	}
	return nil
}

// Bounds of what a Pool remembers of each server and service.
const (
	// ServerMax is how many servers without a row are remembered.
	ServerMax = 65536
	// PoolStoryMax bounds the story of one server or service.
	PoolStoryMax = 16
)

// Pool is the virtual and real servers as they are now. It is immutable.
type Pool struct {
	// Services are in the order of the configuration.
	Services []*Service `json:"services"`
	// Counted is when the check role last counted, 0 before it ever did.
	Counted     event.Instant `json:"counted,omitempty"`
	CountedWall int64         `json:"counted_wall,omitempty"`
	// Tally is absolute since the ledger began, carried over worker restarts.
	Tally event.PoolTally `json:"tally"`
	// Applied is the newest change of the kernel's table, Refused the newest that
	// the kernel refused in part.
	Applied event.Event `json:"applied,omitzero"`
	Refused event.Event `json:"refused,omitzero"`
	// Outcomes are the newest check.outcome of each kind of checker, nil for none.
	Outcomes [event.CheckerCount]*event.Event `json:"-"`
}

// Service is one virtual_server as it is now.
type Service struct {
	Row event.ServiceRow `json:"row"`
	// State is Up while the quorum is met, else Down; Unknown before the first word.
	State     event.State `json:"state"`
	SinceWall int64       `json:"since_wall"`
	// Last is the newest service.quorum, Brake the newest service.brake; nil if
	// there was none.
	Last  *event.Event `json:"last,omitempty"`
	Brake *event.Event `json:"brake,omitempty"`
	// Outcome is the newest check.outcome of any of its servers.
	Outcome *event.Event `json:"-"`
	// Because are the events that led to Last, the nearest first: a server.state
	// and its check.outcome.
	Because []event.Event `json:"because,omitempty"`
	// Story is what Last led to, oldest first, at most PoolStoryMax.
	Story []event.Event `json:"story,omitempty"`
	// Tally is absolute since the ledger began; the kernel's counts are its own.
	Tally event.ServiceTally `json:"tally"`
	// Failures and Phases are by checker and reason, or phase.
	Failures []event.FailureTally `json:"failures,omitempty"`
	Phases   []event.PhaseTally   `json:"phases,omitempty"`
	// Servers are in the order of the configuration, the sorry server last.
	Servers []*Server `json:"servers"`
}

// Server is one real_server, or the sorry server, as it is now.
type Server struct {
	Row event.ServerRow `json:"row"`
	// State is Up, Down or Disabled; Unknown before the first word.
	State     event.State `json:"state"`
	SinceWall int64       `json:"since_wall"`
	// Last is the newest server.state, Outcome the newest check.outcome; nil if
	// there was none.
	Last    *event.Event `json:"last,omitempty"`
	Outcome *event.Event `json:"outcome,omitempty"`
	// Because is the check.outcome that led to Last, empty if it was another event.
	Because []event.Event `json:"because,omitempty"`
	// Story is what Last led to, oldest first, at most PoolStoryMax.
	Story []event.Event `json:"story,omitempty"`
	// Tally is absolute since the ledger began; the kernel's counts are its own.
	Tally event.ServerTally `json:"tally"`
	// Checks run parallel to Row.Checks, empty before the first counters.
	Checks []event.CheckTally `json:"checks,omitempty"`
}

// Service returns the virtual server of that key, or of keepalived's name for
// it; nil if there is none.
func (p *Pool) Service(name string) *Service {
	if p == nil {
		return nil
	}
	for _, s := range p.Services {
		if s.Row.Subject.Name == name || s.Row.CompatName() == name {
			return s
		}
	}
	return nil
}

// Server returns the server whose subject has that Sub; nil if there is none.
func (s *Service) Server(sub string) *Server {
	for _, v := range s.Servers {
		if v.Row.Subject.Sub == sub {
			return v
		}
	}
	return nil
}
