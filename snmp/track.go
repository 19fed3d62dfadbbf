// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// The tables of what instances and sync groups follow differ in their names.
var trackViews = []view{
	newTable(&mib.Compat, "vrrpTrackedInterfaceTable", followed(event.SubjectInterface, ofInstances), trackColumns("vrrpTrackedInterface")),
	newTable(&mib.Compat, "vrrpTrackedScriptTable", followed(event.SubjectScript, ofInstances), trackColumns("vrrpTrackedScript")),
	newTable(&mib.Compat, "vrrpTrackedFileTable", followed(event.SubjectFile, ofInstances), trackColumns("vrrpTrackedFile")),
	newTable(&mib.Compat, "vrrpSyncTrackedInterfaceTable", followed(event.SubjectInterface, ofGroups), trackColumns("vrrpSyncTrackedInterface")),
	newTable(&mib.Compat, "vrrpSyncTrackedScriptTable", followed(event.SubjectScript, ofGroups), trackColumns("vrrpSyncTrackedScript")),
	newTable(&mib.Compat, "vrrpSyncTrackedFileTable", followed(event.SubjectFile, ofGroups), trackColumns("vrrpSyncTrackedFile")),
	newTable(&mib.Compat, "vrrpTrackedBfdTable", followed(event.SubjectBFD, ofInstances), trackColumns("vrrpTrackedBfd")),
	newTable(&mib.Compat, "vrrpSyncTrackedBfdTable", followed(event.SubjectBFD, ofGroups), trackColumns("vrrpSyncTrackedBfd")),
	newTable(&mib.Compat, "vrrpTrackedProcessTable", followed(event.SubjectProcess, ofInstances), trackColumns("vrrpTrackedProcess")),
	newTable(&mib.Compat, "vrrpSyncTrackedProcessTable", followed(event.SubjectProcess, ofGroups), trackColumns("vrrpSyncTrackedProcess")),
}

func trackColumns(prefix string) []column[*event.TrackRow] {
	return []column[*event.TrackRow]{
		{prefix + "Name", func(t *event.TrackRow) agentx.Value { return agentx.Text(t.Object.Name) }},
		{prefix + "Weight", func(t *event.TrackRow) agentx.Value { return agentx.Int(int32(t.Weight)) }},
		{prefix + "WgtRev", func(t *event.TrackRow) agentx.Value { return yes(t.Reverse) }},
	}
}

// owner is an instance or group with what it follows.
type owner struct {
	tracks []*event.TrackRow
	// own is the interface that it follows without being told to.
	own string
}

func ofInstances(v *ledger.View) []owner {
	out := make([]owner, len(v.Instances))
	for i, in := range v.Instances {
		out[i] = owner{in.Tracks, in.Row.Interface}
	}
	return out
}

func ofGroups(v *ledger.View) []owner {
	out := make([]owner, len(v.Groups))
	for i, g := range v.Groups {
		out[i] = owner{tracks: g.Tracks}
	}
	return out
}

// ownWeight is a row with the weight of the object itself. compat: keepalived
// 2.2.7 shows that of a file or process even where the line has another one.
func ownWeight(v *ledger.View, t *event.TrackRow) *event.TrackRow {
	own := *t
	for _, f := range v.Files {
		if f.Subject.Kind == t.Object.Kind && f.Subject.Name == t.Object.Name {
			own.Weight, own.Reverse = f.Weight, f.Reverse
		}
	}
	for _, p := range v.Processes {
		if p.Subject.Kind == t.Object.Kind && p.Subject.Name == t.Object.Name {
			own.Weight, own.Reverse = p.Weight, p.Reverse
		}
	}
	return &own
}

// followed returns the rows of one kind of object, counted for each owner.
// compat: that holds for interfaces too, although the module says that they are
// indexed by their number; and an instance's own interface is left out.
func followed(kind event.SubjectKind, owners func(*ledger.View) []owner) func(*ledger.View) []row[*event.TrackRow] {
	return func(v *ledger.View) []row[*event.TrackRow] {
		var out []row[*event.TrackRow]
		for i, o := range owners(v) {
			var mine []*event.TrackRow
			for _, t := range o.tracks {
				if t.Object.Kind == kind && (kind != event.SubjectInterface || t.Object.Name != o.own) {
					mine = append(mine, ownWeight(v, t))
				}
			}
			out = counted(out, agentx.NewOID(uint32(i+1)), mine)
		}
		return out
	}
}
