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
