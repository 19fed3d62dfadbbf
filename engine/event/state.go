// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"fmt"
)

// State is a value of Event.From and Event.To. The words of VRRP are
// keepalived's (compat: RFC 9568 says Initialize, Backup, Active).
type State uint8

// The states.
const (
	StateNone State = iota
	Init
	Backup
	Master
	Fault
	Stop
	Deleted
	Up
	Down
	Unknown
	// Disabled is a real server whose checks rest (ha_suspend).
	Disabled
)

var stateWords = []string{"", "INIT", "BACKUP", "MASTER", "FAULT", "STOP", "DELETED", "UP", "DOWN", "UNKNOWN", "DISABLED"}

func (s State) String() string { return wordOf(stateWords, s) }

// MarshalText implements encoding.TextMarshaler.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *State) UnmarshalText(b []byte) (err error) {
	*s, err = word[State](stateWords, b, "state")
	return err
}

// VRRPStates are the states an instance or a sync group can be in, in the
// order in which exits show them.
func VRRPStates() []State { return []State{Init, Backup, Master, Fault} }

// Role is a part of vigild that runs as a process of its own.
type Role uint8

// The roles.
const (
	RoleParent Role = iota
	RoleVRRP
	RoleCheck
	RoleObserve
	RoleBFD
)

var roleWords = []string{"parent", "vrrp", "check", "observe", "bfd"}

func (r Role) String() string { return wordOf(roleWords, r) }

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(b []byte) (err error) {
	*r, err = word[Role](roleWords, b, "role")
	return err
}

// word finds s in a closed list; the index is the enum's value.
func word[T ~uint8](list []string, s []byte, what string) (T, error) {
	for i, w := range list {
		if w == string(s) {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%s %q is not one of %d known words", what, s, len(list))
}

func wordOf[T ~uint8](list []string, v T) string {
	if int(v) < len(list) {
		return list[v]
	}
	return "unknown"
}
