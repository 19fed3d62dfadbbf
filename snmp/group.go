// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

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
