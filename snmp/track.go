// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"math"
	"slices"

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
// 2.2.7 shows that of a file, process or BFD session even where the line has
// another one.
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
	if o := v.Object(t.Object); o != nil && o.BFD != nil {
		own.Weight, own.Reverse = o.BFD.Row.Weight, o.BFD.Row.Reverse
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

// fileRow is a tracked file with what was read in it.
type fileRow struct {
	*event.FileRow
	now ledger.Object
}

type fileColumn = column[fileRow]

var fileView = newTable(&mib.Compat, "vrrpFileTable", files, []fileColumn{
	{"vrrpFileName", func(f fileRow) agentx.Value { return agentx.Text(f.Subject.Name) }},
	{"vrrpFilePath", func(f fileRow) agentx.Value { return agentx.Text(f.Path) }},
	{"vrrpFileResult", func(f fileRow) agentx.Value { return integer(f.now.Value) }},
	{"vrrpFileWeight", func(f fileRow) agentx.Value { return agentx.Int(int32(f.Weight)) }},
	{"vrrpFileWgtRev", func(f fileRow) agentx.Value { return yes(f.Reverse) }},
})

func files(v *ledger.View) []row[fileRow] {
	list := make([]fileRow, len(v.Files))
	for i, f := range v.Files {
		list[i] = fileRow{f, known(v, f.Subject)}
	}
	return counted(nil, agentx.OID{}, list)
}

// processRow is a tracked process with how many there are.
type processRow struct {
	*event.ProcessRow
	now ledger.Object
}

type processColumn = column[processRow]

var processView = newTable(&mib.Compat, "vrrpProcessTable", processes, []processColumn{
	{"vrrpProcessName", func(p processRow) agentx.Value { return agentx.Text(p.Subject.Name) }},
	{"vrrpProcessPath", func(p processRow) agentx.Value { return agentx.Text(p.Command) }},
	{"vrrpProcessParams", func(p processRow) agentx.Value { return agentx.Text(p.Params) }},
	{"vrrpProcessParamMatch", func(p processRow) agentx.Value { return paramMatch(p.Match) }},
	{"vrrpProcessWeight", func(p processRow) agentx.Value { return agentx.Int(int32(p.Weight)) }},
	{"vrrpProcessWgtRev", func(p processRow) agentx.Value { return yes(p.Reverse) }},
	{"vrrpProcessQuorum", func(p processRow) agentx.Value { return gauge(int64(p.Quorum)) }},
	{"vrrpProcessQuorumMax", func(p processRow) agentx.Value { return agentx.Int(int32(p.QuorumMax)) }},
	{"vrrpProcessForkDelay", func(p processRow) agentx.Value { return micros(p.ForkDelay) }},
	{"vrrpProcessTerminateDelay", func(p processRow) agentx.Value { return micros(p.TerminateDelay) }},
	{"vrrpProcessFullCommand", func(p processRow) agentx.Value { return yes(p.FullCommand) }},
	{"vrrpProcessCurProc", func(p processRow) agentx.Value { return integer(p.now.Value) }},
	{"vrrpProcessResult", func(p processRow) agentx.Value { return yes(p.now.State == event.Up) }},
})

func processes(v *ledger.View) []row[processRow] {
	list := make([]processRow, len(v.Processes))
	for i, p := range v.Processes {
		list[i] = processRow{p, known(v, p.Subject)}
	}
	return counted(nil, agentx.OID{}, list)
}

var bfdView = newTable(&mib.Compat, "vrrpBfdTable", sessions, []column[*ledger.Object]{
	{"vrrpBfdName", func(o *ledger.Object) agentx.Value { return agentx.Text(o.Subject.Name) }},
	{"vrrpBfdResult", func(o *ledger.Object) agentx.Value {
		if o.State == event.Up {
			return agentx.Int(1)
		}
		return agentx.Int(0)
	}},
	{"vrrpBfdWeight", func(o *ledger.Object) agentx.Value { return agentx.Int(int32(o.BFD.Row.Weight)) }},
	{"vrrpBfdWgtRev", func(o *ledger.Object) agentx.Value { return yes(o.BFD.Row.Reverse) }},
})

// sessions are the BFD sessions. compat: all of them, also those that nobody follows.
func sessions(v *ledger.View) []row[*ledger.Object] {
	var list []*ledger.Object
	for _, o := range v.Objects {
		if o.BFD != nil {
			list = append(list, o)
		}
	}
	slices.SortStableFunc(list, func(a, b *ledger.Object) int { return a.BFD.Row.Index - b.BFD.Row.Index })
	return counted(nil, agentx.OID{}, list)
}

// known is what is known of a tracked object, nothing if nobody follows it.
func known(v *ledger.View, s event.Subject) ledger.Object {
	if o := v.Object(s); o != nil {
		return *o
	}
	return ledger.Object{}
}

// paramMatch is none(0), exact(1), initial(2) or partial(3). compat: keepalived
// 2.2.7 gives the last two so, although its module has them the other way round.
func paramMatch(word string) agentx.Value {
	switch word {
	case "exact":
		return agentx.Int(1)
	case "initial":
		return agentx.Int(2)
	case "partial":
		return agentx.Int(3)
	}
	return agentx.Int(0)
}

// integer is an Integer32; what does not fit is the nearest that does.
func integer(n int64) agentx.Value {
	return agentx.Int(int32(max(math.MinInt32, min(n, math.MaxInt32))))
}
