// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import "errors"

// Set watches everything of one Settings.
type Set struct {
	scripts   *Scripts
	files     *Files
	processes *Processes
}

// New returns a Set that watches nothing yet. Reports come from several
// goroutines; report may block, and a Close waits for it.
func New(report func(Report)) *Set {
	return &Set{NewScripts(report), NewFiles(report), NewProcesses(report)}
}

// Configure goes over to new settings: what stays the same goes on undisturbed.
// What cannot be watched is in the error, the rest is watched.
func (s *Set) Configure(c *Settings) error {
	s.scripts.Configure(c.Scripts)
	return errors.Join(s.files.Configure(c.Files), s.processes.Configure(c.Processes))
}

// Close ends all watching and every program that still runs.
func (s *Set) Close() {
	s.scripts.Close()
	s.files.Close()
	s.processes.Close()
}
