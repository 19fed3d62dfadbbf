// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"slices"

	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// The subtrees to register. compat: the branches .1 and .2 apart, as
// keepalived does; .3 belongs to the check role.
var (
	globalTree = agentx.MustParseOID(mib.Keepalived + ".1")
	vrrpTree   = agentx.MustParseOID(mib.Keepalived + ".2")
	vigilTree  = agentx.MustParseOID(mib.VigilRoot)
)

// scattered are the views whose variables lie between one another's.
var scattered = []view{globalView, mailView, emailView}

// tables are the other views in the order of their numbers; our own tree is
// before keepalived's.
var (
	vigilTables = inOrder([]view{systemView, storyView, heardView, rejectView, channelView})
	vrrpTables  = inOrder(append([]view{groupView, memberView, instanceView, addressView, scriptView, fileView, processView, bfdView, routeView, ruleView, hopView}, trackViews...))
)

func inOrder(views []view) []view {
	slices.SortFunc(views, func(a, b view) int { return a.served()[0].oid.Compare(b.served()[0].oid) })
	return views
}

// views returns all views in the order in which their variables are built.
func views() []view { return slices.Concat(vigilTables, scattered, vrrpTables) }

// Build renders a View as all variables that are served. It is pure: equal
// Views give equal Snapshots. The error is one of this package.
func Build(v *ledger.View) (*agentx.Snapshot, error) {
	var rows []agentx.VarBind
	var objects []agentx.OID
	if v == nil {
		v = &ledger.View{}
	}
	rows = make([]agentx.VarBind, 0, 64+72*len(v.Instances))
	for _, w := range vigilTables {
		rows = w.append(rows, v)
	}
	start := len(rows)
	for _, w := range scattered {
		rows = w.append(rows, v)
	}
	slices.SortFunc(rows[start:], func(a, b agentx.VarBind) int { return a.Name.Compare(b.Name) })
	for _, w := range vrrpTables {
		rows = w.append(rows, v)
	}
	for _, w := range views() {
		for _, o := range w.served() {
			objects = append(objects, o.oid)
		}
	}
	return agentx.NewSnapshot(rows, objects)
}
