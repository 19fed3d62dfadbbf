// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Status is the answer of /api/v1/status: what is true now, for people.
// Walls are nanoseconds since the Unix epoch, 0 if unknown.
type Status struct {
	Wall       int64  `json:"wall"`
	Version    string `json:"version,omitempty"`
	RouterID   string `json:"router_id,omitempty"`
	Generation int    `json:"generation"`
	// Shadow says that another daemon is observed (--shadow).
	Shadow bool `json:"shadow,omitempty"`
	// Problems say in plain words what needs a look, worst first.
	Problems  []string         `json:"problems"`
	Instances []InstanceStatus `json:"instances"`
	Groups    []GroupStatus    `json:"groups"`
	Services  []ServiceStatus  `json:"services"`
	Tracked   []TrackedStatus  `json:"tracked"`
	Channels  []ChannelStatus  `json:"channels"`
	Workers   []WorkerStatus   `json:"workers"`
	Config    ConfigStatus     `json:"config"`
}

// InstanceStatus is one VRRP instance.
type InstanceStatus struct {
	Name      string      `json:"name"`
	Interface string      `json:"interface"`
	Family    uint8       `json:"family"`
	VRID      uint8       `json:"vrid"`
	Version   uint8       `json:"version"`
	SyncGroup string      `json:"sync_group,omitempty"`
	State     event.State `json:"state"`
	SinceWall int64       `json:"since_wall"`
	// ConfirmedWall is when the VRRP worker last said so.
	ConfirmedWall int64        `json:"confirmed_wall"`
	Reason        event.Reason `json:"reason,omitempty"`
	// ID is the identity of the last transition in every exit.
	ID             string          `json:"id,omitempty"`
	Priority       uint8           `json:"priority"`
	BasePriority   uint8           `json:"base_priority"`
	Arithmetic     string          `json:"arithmetic,omitempty"`
	Master         string          `json:"master,omitempty"`
	MasterPriority uint8           `json:"master_priority,omitempty"`
	Addresses      []AddressStatus `json:"addresses"`
	SplitBrain     bool            `json:"split_brain"`
	Transitions    uint64          `json:"transitions"`
	Sent           uint64          `json:"adverts_sent"`
	Received       uint64          `json:"adverts_received"`
	Missed         uint64          `json:"adverts_missed"`
	NearMisses     uint64          `json:"near_misses"`
	Refused        uint64          `json:"adverts_refused"`
	// Failover is how long the last promotion took.
	Failover time.Duration `json:"failover,omitempty"`
}

// AddressStatus is one address of an instance.
type AddressStatus struct {
	Address string `json:"address"`
	Owned   bool   `json:"owned"`
	// Lost says that somebody else removed it.
	Lost bool `json:"lost,omitempty"`
}

// GroupStatus is one sync group.
type GroupStatus struct {
	Name      string      `json:"name"`
	State     event.State `json:"state"`
	SinceWall int64       `json:"since_wall"`
	Members   []string    `json:"members"`
}

// TrackedStatus is one thing that is followed.
type TrackedStatus struct {
	Kind        event.SubjectKind `json:"kind"`
	Name        string            `json:"name"`
	State       event.State       `json:"state"`
	ChangedWall int64             `json:"changed_wall"`
	Value       int64             `json:"value,omitempty"`
}

// ChannelStatus is one notifier.
type ChannelStatus struct {
	Name   string `json:"name"`
	Sent   uint64 `json:"sent"`
	Failed uint64 `json:"failed"`
	// LastError is the newest failed attempt in plain words, if it is newer
	// than the newest delivery.
	LastError string `json:"last_error,omitempty"`
}

// WorkerStatus is one process.
type WorkerStatus struct {
	Name      string `json:"name"`
	Up        bool   `json:"up"`
	SinceWall int64  `json:"since_wall"`
	Restarts  uint64 `json:"restarts"`
}

// ConfigStatus is the story of configurations.
type ConfigStatus struct {
	Loads    uint64 `json:"loads"`
	Failures uint64 `json:"failures"`
	LastOK   bool   `json:"last_ok"`
	// LoadedWall is when the configuration in force was loaded.
	LoadedWall int64  `json:"loaded_wall"`
	Warnings   int    `json:"warnings"`
	LastError  string `json:"last_error,omitempty"`
}

// Entry is one event of /api/v1/events.
type Entry struct {
	// N numbers the events that this process has seen, from 1: the value of
	// the query parameter after to go on behind it.
	N uint64 `json:"n"`
	// ID is the identity of the story that the event belongs to.
	ID string `json:"id,omitempty"`
	// Says is the event in plain words.
	Says  string       `json:"says"`
	Event *event.Event `json:"event,omitempty"`
	// Lost is set instead of Event where that many events are no longer kept.
	Lost uint64 `json:"lost,omitempty"`
}

// Events is the answer of /api/v1/events.
type Events struct {
	Events []Entry `json:"events"`
	// Next is the value of after that continues this answer.
	Next uint64 `json:"next"`
}

// Config is the answer of /api/v1/config: the rows that describe what is
// configured, as all exits show them.
type Config struct {
	Global     event.GlobalRow       `json:"global"`
	Instances  []event.InstanceRow   `json:"instances"`
	Addresses  []event.AddressRow    `json:"addresses"`
	Groups     []event.GroupRow      `json:"groups"`
	Scripts    []event.ScriptRow     `json:"scripts"`
	Tracks     []*event.TrackRow     `json:"tracks"`
	Interfaces []*event.InterfaceRow `json:"interfaces"`
	Routes     []*event.RouteRow     `json:"routes"`
}

// Problem is an answer other than 200: what is wrong, and what to do.
type Problem struct {
	Message string `json:"error"`
	Remedy  string `json:"remedy,omitempty"`
	// Status is the HTTP status, which the client fills in.
	Status int `json:"-"`
}

func (p *Problem) Error() string {
	if p.Remedy == "" {
		return p.Message
	}
	return p.Message + ": " + p.Remedy
}
