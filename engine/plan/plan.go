// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/vrrp"
)

// Settings is one configuration, as the machines take it.
type Settings struct {
	VRRP   *vrrp.Settings
	Health *health.Settings
}

// State is how a daemon stands. The zero State is that of a healthy router
// that is master of everything.
type State struct {
	// Known says that a daemon was asked; without, Backup says that another
	// router is master of everything.
	Known, Backup bool
	Instances     []Instance
	// Objects are the tracked ones, with their verdicts; what is not named is well.
	Objects []Object
	// Down are the interfaces that do not run.
	Down []string
	// Present are the addresses of the host, which ha_suspend asks for; nil if they
	// are not known.
	Present []netip.Addr
	// Servers are virtual and real servers.
	Servers []Server
}

// Instance is how one vrrp_instance stands.
type Instance struct {
	Name  string
	State event.State
	// Source is the address that it sends from, Master that of the master it
	// obeys, with its priority and interval; zero for what is not known.
	Source, Master netip.Addr
	MasterPriority uint8
	MasterInterval time.Duration
}

// Object is how one tracked object stands; Value is what a file holds, or how
// many processes there are.
type Object struct {
	Kind  event.SubjectKind
	Name  string
	State event.State
	Value int64
}

// Server is how one virtual or real server stands; Weight is the one in the
// pool if HasWeight, Active and Inactive are its connections.
type Server struct {
	Subject          event.Subject
	State            event.State
	Weight           int32
	HasWeight        bool
	Active, Inactive uint32
}

// Plan is what a reload would do.
type Plan struct {
	// Impact is the gravest thing in it.
	Impact Impact `json:"impact"`
	// Assumed says what was not known, and what was taken for it.
	Assumed []string `json:"assumed,omitempty"`
	// Instances, Groups, Services and Servers are what comes, goes and changes.
	Instances []Change `json:"instances,omitempty"`
	Groups    []Change `json:"groups,omitempty"`
	Services  []Change `json:"services,omitempty"`
	Servers   []Change `json:"servers,omitempty"`
	Checks    []Change `json:"checks,omitempty"`
	// Global is what changes of the settings that belong to no instance.
	Global []string `json:"global,omitempty"`
	// Transitions come with the reload; Later are those that follow from it, if
	// the other routers stay as they are.
	Transitions []Transition `json:"transitions,omitempty"`
	Later       []Transition `json:"later,omitempty"`
	// Dangers are what would be wrong afterwards: two masters, adverts refused.
	Dangers []string `json:"dangers,omitempty"`
	// Priorities are changes of the effective priority.
	Priorities []Priority `json:"priorities,omitempty"`
	// Moves are addresses, routes and rules that come or go.
	Moves []Move `json:"moves,omitempty"`
	// Adverts counts those that are sent at once, Zeros those of priority 0.
	Adverts int `json:"adverts,omitempty"`
	Zeros   int `json:"zero_adverts,omitempty"`
	// GratuitousARPs and UnsolicitedNAs count the frames that are sent at once.
	GratuitousARPs int `json:"gratuitous_arps,omitempty"`
	UnsolicitedNAs int `json:"unsolicited_nas,omitempty"`
	// Operations are those on the kernel's IPVS table, in their order.
	Operations []Operation `json:"operations,omitempty"`
	// Connections are those that servers have which go or lose their weight.
	Connections Connections `json:"connections"`
}

// The words of Change.What.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Change is something of the configuration that comes, goes or changes.
type Change struct {
	Name string `json:"name"`
	What string `json:"what"`
	// Settings are the names of those that change.
	Settings []string `json:"settings,omitempty"`
}

// Transition is one of an instance, a sync group, a virtual or a real server.
type Transition struct {
	Subject event.Subject `json:"subject"`
	From    event.State   `json:"from"`
	To      event.State   `json:"to"`
	Reason  event.Reason  `json:"reason"`
	// After is how long after the reload it comes, 0 for with it.
	After time.Duration `json:"after,omitempty"`
}

// Priority is a change of the effective priority.
type Priority struct {
	Instance string `json:"instance"`
	From     uint8  `json:"from"`
	To       uint8  `json:"to"`
}

// Move is an address, route or rule that comes or goes. Instance is empty for
// a static one.
type Move struct {
	Instance string `json:"instance,omitempty"`
	// Kind is address, route or rule.
	Kind string `json:"kind"`
	Text string `json:"text"`
	// Add is false for one that goes.
	Add bool `json:"add"`
}

// Operation is one on the kernel's IPVS table.
type Operation struct {
	Kind    event.IPVSOp `json:"kind"`
	Service string       `json:"service"`
	Server  string       `json:"server,omitempty"`
	Weight  int32        `json:"weight,omitempty"`
}

// Connections are those of the kernel, by its own counts.
type Connections struct {
	Active   uint64 `json:"active"`
	Inactive uint64 `json:"inactive"`
}

// Make says what a reload from old to next would do to a daemon that stands so.
func Make(old, next Settings, state *State) *Plan {
	p := &Plan{}
	if old.VRRP == nil {
		old.VRRP = &vrrp.Settings{}
	}
	if next.VRRP == nil {
		next.VRRP = &vrrp.Settings{}
	}
	if old.Health == nil {
		old.Health = &health.Settings{}
	}
	if next.Health == nil {
		next.Health = &health.Settings{}
	}
	r := rehearsal{p: p, state: state, old: old.VRRP, next: next.VRRP}
	r.play()
	w := pool{p: p, state: state}
	w.play(old.Health, next.Health)
	p.Impact = impactOf(p)
	return p
}
