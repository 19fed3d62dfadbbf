// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"math"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

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
