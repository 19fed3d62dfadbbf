// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Settings is everything that is watched.
type Settings struct {
	Scripts   []ScriptSettings
	Files     []FileSettings
	Processes []ProcessSettings
}

// ScriptSettings is the part of a vrrp_script that runs it.
type ScriptSettings struct {
	Name string
	// Argv is the program and its arguments. One argument alone that starts
	// with "<" asks whether the file after it can be opened (compat).
	Argv []string
	// Shell says that Argv holds one command line for /bin/sh -c: the program
	// named is no file that can be executed.
	Shell bool
	// UID, GID and Groups are who runs it.
	UID, GID uint32
	Groups   []uint32
	// Interval is the time between the starts of two runs, at least 1 ms.
	Interval time.Duration
	// Timeout is how long a run may take; 0 means Interval.
	Timeout time.Duration
}

// FileSettings is the part of a track_file that reads it.
type FileSettings struct {
	Name, Path string
	// Init asks to create the file with InitValue at the start of the daemon;
	// Overwrite to do so even if it exists.
	Init, Overwrite bool
	InitValue       int64
}

// ProcessSettings is the part of a vrrp_track_process that counts.
type ProcessSettings struct {
	Name string
	// Command is what must match: the name of the program, or with Full its
	// path as given when it was started (argv[0]).
	Command string
	Full    bool
	// Params must match as Match says.
	Params []string
	Match  ParamMatch
}

// ParamMatch is how the parameters of a process are compared.
type ParamMatch uint8

// The ways to compare parameters.
const (
	// ParamsIgnored looks at the command alone.
	ParamsIgnored ParamMatch = iota
	// ParamsExact wants the same parameters.
	ParamsExact
	// ParamsInitial wants the given ones first.
	ParamsInitial
	// ParamsPartial is ParamsInitial whose last one may be cut short.
	ParamsPartial
)

func (c *ScriptSettings) equal(o *ScriptSettings) bool {
	return c.Name == o.Name && slices.Equal(c.Argv, o.Argv) && c.Shell == o.Shell &&
		c.UID == o.UID && c.GID == o.GID && slices.Equal(c.Groups, o.Groups) &&
		c.Interval == o.Interval && c.Timeout == o.Timeout
}

// Report is one verdict or value.
type Report struct {
	// Subject is the object: its kind and configured name.
	Subject event.Subject
	// Run says that a program was run; the fields up to Skipped belong to it.
	Run bool
	// OK is exit status 0 in time.
	OK bool
	// Status is the exit status, or the signal's number when Reason is FailSignal.
	Status int
	Reason event.Reason
	// Took is the time from start to end.
	Took time.Duration
	// Skipped counts the starts since the last report that fell away because a
	// run was still going on.
	Skipped int
	// Value is a file's number or how many processes match.
	Value int64
	// Detail is for people.
	Detail string
}
