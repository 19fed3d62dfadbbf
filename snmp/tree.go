// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"slices"

	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// branch is a subtree that is registered by itself, with its views.
type branch struct {
	root  agentx.OID
	descr string
	views []view
	// asked says whether the configuration asks for it; always is -x.
	asked func(v *ledger.View, always bool) bool
}

// branches are all of them. compat: keepalived's tree in its branches, each of
// which a keyword asks for, and the settings with any of them.
var branches = []branch{
	{agentx.MustParseOID(mib.Keepalived + ".1"), "vigild: settings, as keepalived shows them", globalViews, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPVRRP || v.Global.SNMPChecker
	}},
	{agentx.MustParseOID(mib.Keepalived + ".2"), "vigild: VRRP, as keepalived shows it", vrrpViews, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPVRRP
	}},
	{agentx.MustParseOID(mib.Keepalived + ".3"), "vigild: virtual and real servers, as keepalived shows them", checkViews, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPChecker
	}},
	{agentx.MustParseOID(mib.RFC2787), "vigild: VRRP-MIB (RFC 2787)", rfc2787Views, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPRFC2
	}},
	{agentx.MustParseOID(mib.RFC6527), "vigild: VRRPV3-MIB (RFC 6527)", rfc6527Views, func(v *ledger.View, always bool) bool {
		return always || v.Global.SNMPRFC3
	}},
	{vigilTree, "vigild: causes and evidence of transitions (VIGIL-MIB)", vigilViews, func(*ledger.View, bool) bool { return true }},
}

var vigilTree = agentx.MustParseOID(mib.VigilRoot)

var (
	globalViews  = []view{globalView, mailView, emailView}
	vrrpViews    = append([]view{groupView, memberView, instanceView, addressView, scriptView, fileView, processView, bfdView, routeView, ruleView, hopView}, trackViews...)
	checkViews   = []view{serviceGroupView, serviceMemberView, serviceView, serverView, syncView, timeoutView}
	rfc2787Views = []view{oldNodeView, oldRouterView, operView, oldAddressView, oldStatsView}
	rfc6527Views = []view{newRouterView, operationsView, newAddressView, newStatsView}
	vigilViews   = []view{systemView, storyView, heardView, rejectView, channelView}
)

// views returns all views.
func views() (out []view) {
	for _, b := range branches {
		out = slices.Concat(out, b.views)
	}
	return out
}

// Build binds all that is served to a View. It is pure: equal Views give equal
// Snapshots. The error is one of this package.
func Build(v *ledger.View) (*agentx.Snapshot, error) {
	if v == nil {
		v = &ledger.View{}
	}
	var tables []agentx.Table
	for _, w := range views() {
		tables = append(tables, w.render(v))
	}
	return agentx.NewTables(tables...)
}
