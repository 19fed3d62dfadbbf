// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

type scriptColumn = column[*ledger.Script]

var scriptView = newTable(&mib.Compat, "vrrpScriptTable", scripts, []scriptColumn{
	{"vrrpScriptName", func(s *ledger.Script) agentx.Value { return agentx.Text(s.Row.Subject.Name) }},
	{"vrrpScriptCommand", func(s *ledger.Script) agentx.Value { return agentx.Text(s.Row.Command) }},
	{"vrrpScriptInterval", func(s *ledger.Script) agentx.Value { return agentx.Int(int32(s.Row.Interval / time.Second)) }},
	{"vrrpScriptWeight", func(s *ledger.Script) agentx.Value { return agentx.Int(int32(s.Row.Weight)) }},
	{"vrrpScriptResult", func(s *ledger.Script) agentx.Value { return verdict(s.State) }},
	{"vrrpScriptRise", func(s *ledger.Script) agentx.Value { return gauge(int64(s.Row.Rise)) }},
	{"vrrpScriptFall", func(s *ledger.Script) agentx.Value { return gauge(int64(s.Row.Fall)) }},
	{"vrrpScriptWgtRev", func(s *ledger.Script) agentx.Value { return yes(s.Row.Reverse) }},
	{"vrrpScriptPath", func(s *ledger.Script) agentx.Value { return some(s.Row.Path) }},
	{"vrrpScriptIntervalUsec", func(s *ledger.Script) agentx.Value { return micros(s.Row.Interval) }},
	{"vrrpScriptTimeoutUsec", func(s *ledger.Script) agentx.Value { return micros(s.Row.Timeout) }},
})

// scripts are the scripts that somebody follows. compat: the others are
// forgotten when the configuration is read, so they do not count.
func scripts(v *ledger.View) []row[*ledger.Script] {
	used := map[string]bool{}
	note := func(tracks []*event.TrackRow) {
		for _, t := range tracks {
			if t.Object.Kind == event.SubjectScript {
				used[t.Object.Name] = true
			}
		}
	}
	for _, in := range v.Instances {
		note(in.Tracks)
	}
	for _, g := range v.Groups {
		note(g.Tracks)
	}
	var list []*ledger.Script
	for _, s := range v.Scripts {
		if used[s.Row.Subject.Name] {
			list = append(list, s)
		}
	}
	return counted(nil, agentx.OID{}, list)
}

// verdict is init(1), bad(2) or good(3).
func verdict(s event.State) agentx.Value {
	switch s {
	case event.Up:
		return agentx.Int(3)
	case event.Down, event.Fault:
		return agentx.Int(2)
	case event.StateNone, event.Init, event.Backup, event.Master, event.Stop, event.Deleted, event.Unknown, event.Disabled:
	}
	return agentx.Int(1)
}
