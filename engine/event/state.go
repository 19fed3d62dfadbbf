// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

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
