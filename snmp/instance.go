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

type instanceColumn = column[*ledger.Instance]

// instances are the rows of all tables that are indexed by instance alone.
// compat: the index is the place in the configuration, from 1.
func instances(v *ledger.View) []row[*ledger.Instance] {
	return counted(nil, agentx.OID{}, v.Instances)
}

var instanceView = newTable(&mib.Compat, "vrrpInstanceTable", instances, []instanceColumn{
	{"vrrpInstanceName", func(in *ledger.Instance) agentx.Value { return agentx.Text(in.Row.Subject.Name) }},
	{"vrrpInstanceVirtualRouterId", func(in *ledger.Instance) agentx.Value { return gauge(int64(in.Row.Subject.VRID)) }},
	{"vrrpInstanceState", func(in *ledger.Instance) agentx.Value { return state(in.State) }},
	{"vrrpInstanceInitialState", func(in *ledger.Instance) agentx.Value { return state(in.Row.InitialState) }},
	{"vrrpInstanceWantedState", func(in *ledger.Instance) agentx.Value { return state(wanted(in)) }},
	{"vrrpInstanceBasePriority", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(in.Base)) }},
	{"vrrpInstanceEffectivePriority", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(in.Priority)) }},
	{"vrrpInstanceVipsStatus", func(in *ledger.Instance) agentx.Value { return yes(allSet(in)) }},
	{"vrrpInstancePrimaryInterface", func(in *ledger.Instance) agentx.Value { return agentx.Text(in.Row.Interface) }},
	{"vrrpInstanceTrackPrimaryIf", func(in *ledger.Instance) agentx.Value { return yes(tracksInterfaces(in)) }},
	{"vrrpInstanceAdvertisementsInt", func(in *ledger.Instance) agentx.Value { return advertInterval(in) }},
	{"vrrpInstancePreempt", func(in *ledger.Instance) agentx.Value { return yes(in.Row.Preempt) }},
	{"vrrpInstancePreemptDelay", func(in *ledger.Instance) agentx.Value { return seconds(in.Row.PreemptDelay) }},
	{"vrrpInstanceAuthType", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(in.Row.AuthType)) }},
	{"vrrpInstanceLvsSyncDaemon", func(in *ledger.Instance) agentx.Value { return yes(in.Row.LVSSyncDaemon != "") }},
	{"vrrpInstanceLvsSyncInterface", func(in *ledger.Instance) agentx.Value { return some(in.Row.LVSSyncDaemon) }},
	{"vrrpInstanceSyncGroup", func(in *ledger.Instance) agentx.Value { return some(in.Row.SyncGroup) }},
	{"vrrpInstanceGarpDelay", func(in *ledger.Instance) agentx.Value { return seconds(in.Row.GarpDelay) }},
	{"vrrpInstanceSmtpAlert", func(in *ledger.Instance) agentx.Value { return yes(in.Row.SMTPAlert) }},
	{"vrrpInstanceNotifyExec", func(in *ledger.Instance) agentx.Value { return yes(in.Row.NotifyExec) }},
	{"vrrpInstanceScriptMaster", func(in *ledger.Instance) agentx.Value { return some(in.Row.ScriptMaster) }},
	{"vrrpInstanceScriptBackup", func(in *ledger.Instance) agentx.Value { return some(in.Row.ScriptBackup) }},
	{"vrrpInstanceScriptFault", func(in *ledger.Instance) agentx.Value { return some(in.Row.ScriptFault) }},
	{"vrrpInstanceScriptStop", func(in *ledger.Instance) agentx.Value { return some(in.Row.ScriptStop) }},
	{"vrrpInstanceScript", func(in *ledger.Instance) agentx.Value { return some(in.Row.Script) }},
	{"vrrpInstanceAccept", func(in *ledger.Instance) agentx.Value { return accept(in) }},
	{"vrrpInstancePromoteSecondaries", func(in *ledger.Instance) agentx.Value { return yes(in.Row.PromoteSecondaries) }},
	{"vrrpInstanceUseLinkbeat", func(in *ledger.Instance) agentx.Value { return yes(in.Row.Linkbeat) }},
	{"vrrpInstanceVrrpVersion", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(in.Row.Version)) }},
	{"vrrpInstanceScriptMstrRxLowerPri", func(in *ledger.Instance) agentx.Value { return some(in.Row.ScriptRxLower) }},
	{"vrrpInstanceScriptDeleted", func(in *ledger.Instance) agentx.Value { return some(in.Row.ScriptDeleted) }},
	{"vrrpInstanceNotifyDeleted", func(in *ledger.Instance) agentx.Value { return yes(in.Row.NotifyDeleted) }},
	{"vrrpInstanceMulticastAddressType", func(in *ledger.Instance) agentx.Value {
		if len(in.Row.Peers) > 0 {
			return none() // compat: a unicast instance has no group
		}
		return inetType(in.Row.Multicast)
	}},
	{"vrrpInstanceMulticastAddress", func(in *ledger.Instance) agentx.Value {
		if len(in.Row.Peers) > 0 {
			return none()
		}
		return inet(in.Row.Multicast)
	}},
	{"vrrpInstanceV3ChecksumAsV2", func(in *ledger.Instance) agentx.Value { return yes(in.Row.V3ChecksumAsV2) }},
})

// wanted is the state that the instance is on its way to. compat: that is the
// state it is in, but for one that was configured MASTER and waits for its
// first master-down timer outside a sync group.
func wanted(in *ledger.Instance) event.State {
	waits := in.State == event.Init || in.State == event.Backup && in.Last.Reason == event.Startup
	if waits && in.Row.InitialState == event.Master && in.Row.SyncGroup == "" {
		return event.Master
	}
	return in.State
}

// allSet says whether the instance holds its addresses. compat: a master
// without addresses does.
func allSet(in *ledger.Instance) bool {
	for _, a := range in.Addresses {
		if !a.Owned {
			return false
		}
	}
	return in.State == event.Master
}

// tracksInterfaces says whether track_interface names another interface than
// the instance's own. compat: keepalived answers vrrpInstanceTrackPrimaryIf so,
// although the object's name asks for dont_track_primary.
func tracksInterfaces(in *ledger.Instance) bool {
	for _, t := range in.Tracks {
		if t.Object.Kind == event.SubjectInterface && t.Object.Name != in.Row.Interface {
			return true
		}
	}
	return false
}

// advertInterval is in seconds for version 2 and in hundredths of a second for
// version 3 (compat).
func advertInterval(in *ledger.Instance) agentx.Value {
	if in.Row.Version == 2 {
		return seconds(in.Row.AdvertInterval)
	}
	return gauge(int64(in.Row.AdvertInterval / (10 * time.Millisecond)))
}

// accept is true(1) or false(2) for version 3. compat: version 2 gives 0,
// although no_accept works there too.
func accept(in *ledger.Instance) agentx.Value {
	if in.Row.Version == 2 {
		return agentx.Int(0)
	}
	return yes(in.Row.Accept)
}

type groupColumn = column[*ledger.Group]

func groups(v *ledger.View) []row[*ledger.Group] { return counted(nil, agentx.OID{}, v.Groups) }

var groupView = newTable(&mib.Compat, "vrrpSyncGroupTable", groups, []groupColumn{
	{"vrrpSyncGroupName", func(g *ledger.Group) agentx.Value { return agentx.Text(g.Row.Subject.Name) }},
	{"vrrpSyncGroupState", func(g *ledger.Group) agentx.Value { return state(g.State) }},
	{"vrrpSyncGroupSmtpAlert", func(g *ledger.Group) agentx.Value { return yes(g.Row.SMTPAlert) }},
	{"vrrpSyncGroupNotifyExec", func(g *ledger.Group) agentx.Value { return yes(g.Row.NotifyExec) }},
	{"vrrpSyncGroupScriptMaster", func(g *ledger.Group) agentx.Value { return some(g.Row.ScriptMaster) }},
	{"vrrpSyncGroupScriptBackup", func(g *ledger.Group) agentx.Value { return some(g.Row.ScriptBackup) }},
	{"vrrpSyncGroupScriptFault", func(g *ledger.Group) agentx.Value { return some(g.Row.ScriptFault) }},
	{"vrrpSyncGroupScript", func(g *ledger.Group) agentx.Value { return some(g.Row.Script) }},
	{"vrrpSyncGroupTrackingWeight", func(g *ledger.Group) agentx.Value { return yes(g.Row.TrackingWeight) }},
	{"vrrpSyncGroupScriptStop", func(g *ledger.Group) agentx.Value { return some(g.Row.ScriptStop) }},
})

var memberView = newTable(&mib.Compat, "vrrpSyncGroupMemberTable", func(v *ledger.View) []row[string] {
	var out []row[string]
	for i, g := range v.Groups {
		out = counted(out, agentx.NewOID(uint32(i+1)), g.Row.Members)
	}
	return out
}, []column[string]{{"vrrpSyncGroupMemberName", agentx.Text}})

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
