// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import "time"

// FileRow is one track_file. Weight and Reverse are its own; a TrackRow has
// those in force.
type FileRow struct {
	Subject Subject `json:"subject"`
	Index   int     `json:"index"`
	Path    string  `json:"path"`
	Weight  int     `json:"weight"`
	Reverse bool    `json:"reverse,omitempty"`
}

// ProcessRow is one vrrp_track_process. Weight and Reverse are its own; a
// TrackRow has those in force.
type ProcessRow struct {
	Subject Subject `json:"subject"`
	Index   int     `json:"index"`
	// Command is the name of the program, or its path when FullCommand is set;
	// Params are its parameters, in one line.
	Command     string `json:"command"`
	Params      string `json:"params,omitempty"`
	FullCommand bool   `json:"full_command,omitempty"`
	// Match is how parameters are compared: "" not at all, "exact", "partial"
	// or "initial".
	Match   string `json:"match,omitempty"`
	Weight  int    `json:"weight"`
	Reverse bool   `json:"reverse,omitempty"`
	// Quorum is how many must run; QuorumMax how many may, -1 for any number.
	Quorum         int           `json:"quorum"`
	QuorumMax      int           `json:"quorum_max"`
	ForkDelay      time.Duration `json:"fork_delay,omitempty"`
	TerminateDelay time.Duration `json:"terminate_delay,omitempty"`
}
