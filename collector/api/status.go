// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
)

// statusOf says what is true now.
func statusOf(v *ledger.View, now time.Time) *Status {
	out := &Status{
		Wall: now.UnixNano(), Version: v.Global.Version, RouterID: v.Global.RouterID, Generation: v.Global.Generation,
		Shadow:   v.Global.Shadow,
		Problems: []string{}, Instances: []InstanceStatus{}, Groups: []GroupStatus{}, Services: []ServiceStatus{}, Tracked: []TrackedStatus{},
		Channels: []ChannelStatus{}, Workers: []WorkerStatus{},
		Config: ConfigStatus{
			Loads: v.Config.Loads, Failures: v.Config.Failures, LastOK: v.Config.LastOK,
			LoadedWall: v.Config.LastGood, Warnings: v.Global.Warnings, LastError: v.Config.LastError.Detail,
		},
	}
	if v.Config.LastOK {
		out.Config.LastError = ""
	}
	for _, in := range v.Instances {
		out.Instances = append(out.Instances, instanceStatus(in))
	}
	for _, g := range v.Groups {
		out.Groups = append(out.Groups, GroupStatus{g.Row.Subject.Name, g.State, g.SinceWall, append([]string{}, g.Row.Members...)})
	}
	if v.Pool != nil {
		for _, s := range v.Pool.Services {
			out.Services = append(out.Services, serviceStatus(s, false))
		}
	}
	for _, s := range v.Scripts {
		out.Tracked = append(out.Tracked, TrackedStatus{Kind: event.SubjectScript, Name: s.Row.Subject.Name, State: s.State, ChangedWall: s.ChangedWall})
	}
	for _, o := range v.Objects {
		out.Tracked = append(out.Tracked, TrackedStatus{o.Subject.Kind, o.Subject.Name, o.State, o.ChangedWall, o.Value})
	}
	for _, c := range v.Channels {
		out.Channels = append(out.Channels, channelStatus(c))
	}
	for _, w := range v.Workers {
		out.Workers = append(out.Workers, WorkerStatus{w.Name, w.Up, w.Last.Wall, w.Restarts})
	}
	out.Problems = append(out.Problems, problems(v)...)
	return out
}

func instanceStatus(in *ledger.Instance) InstanceStatus {
	row, t := &in.Row, &in.Tally
	out := InstanceStatus{
		Name: row.Subject.Name, Interface: row.Interface, Family: row.Subject.Family, VRID: row.Subject.VRID, Version: row.Version,
		SyncGroup: row.SyncGroup, State: in.State, SinceWall: in.SinceWall, ConfirmedWall: in.ConfirmedWall, Reason: in.Last.Reason,
		Priority: in.Priority, BasePriority: row.Priority, Master: t.Master, MasterPriority: t.MasterPriority,
		Addresses: []AddressStatus{}, SplitBrain: in.Conflicting || t.SplitBrain,
		Sent: t.Sent, Received: t.Received, Missed: t.Missed, NearMisses: t.NearMisses, Failover: in.Failover,
	}
	if in.Last.Kind != event.KindNone {
		out.ID = in.Last.ID().String()
	}
	if len(in.Terms) > 0 {
		ev := event.Evidence{Base: in.Base, Effective: in.Priority, NTerm: uint8(min(len(in.Terms), event.TermMax))}
		copy(ev.Terms[:], in.Terms)
		out.Arithmetic = explain.Arithmetic(&ev)
	}
	for _, a := range in.Addresses {
		out.Addresses = append(out.Addresses, AddressStatus{a.Row.Prefix.String(), a.Owned, a.Lost})
	}
	for _, n := range in.Transitions {
		out.Transitions += n
	}
	for _, n := range t.Rejects {
		out.Refused += n
	}
	return out
}

func channelStatus(c *ledger.Channel) ChannelStatus {
	out := ChannelStatus{Name: c.Name, Sent: c.Sent}
	for _, f := range c.Failures {
		out.Failed += f.Count
	}
	if c.LastFailed.At > c.LastSent.At {
		out.LastError = explain.Sentence(&c.LastFailed)
	}
	return out
}

// problems say what needs a look, worst first.
func problems(v *ledger.View) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, w := range v.Workers {
		if !w.Up {
			add("%s; what is shown of it is what it said last", explain.Sentence(&w.Last))
		}
	}
	for _, in := range v.Instances {
		if in.Conflicting {
			add("split brain: %s", explain.Sentence(&in.Conflict))
		}
	}
	for _, in := range v.Instances {
		if in.State == event.Fault {
			add("%s is in FAULT: %s", in.Row.Subject.Name, strings.TrimSuffix(explain.Cause(&in.Last), "."))
		}
		out = append(out, addressProblems(in)...)
	}
	out = append(out, poolProblems(v.Pool)...)
	for i := range v.Denied {
		add("%s", explain.Sentence(&v.Denied[i]))
	}
	if v.Config.LastError.Kind != event.KindNone && !v.Config.LastOK {
		add("%s", explain.Sentence(&v.Config.LastError))
	}
	for _, c := range v.Channels {
		if s := channelStatus(c); s.LastError != "" {
			add("%s", s.LastError)
		}
	}
	return out
}

// addressProblems finds addresses that are not where the state says.
func addressProblems(in *ledger.Instance) []string {
	var lost, missing, left []string
	for _, a := range in.Addresses {
		name := a.Row.Prefix.String()
		switch {
		case a.Lost:
			lost = append(lost, name)
		case in.State == event.Master && !a.Owned:
			missing = append(missing, name)
		case in.State != event.Master && a.Owned:
			left = append(left, name)
		}
	}
	var out []string
	name := in.Row.Subject.Name
	if len(lost) > 0 {
		out = append(out, fmt.Sprintf("somebody else removed %s of %s", strings.Join(lost, ", "), name))
	}
	if len(missing) > 0 {
		out = append(out, fmt.Sprintf("%s is master without %s", name, strings.Join(missing, ", ")))
	}
	if len(left) > 0 {
		out = append(out, fmt.Sprintf("%s is %s and still has %s", name, in.State, strings.Join(left, ", ")))
	}
	return out
}

// caseOf is what is known about an instance, as explain wants it.
func caseOf(in *ledger.Instance, now time.Time) *explain.Case {
	c := &explain.Case{
		Name: in.Row.Subject.Name, State: in.State, SinceWall: in.SinceWall, Now: now.UnixNano(),
		Last: in.Last, Previous: in.Previous, Story: in.Story, More: in.StoryMore,
		Base: in.Base, Priority: in.Priority, Terms: in.Terms, Conflict: in.Conflict, Conflicting: in.Conflicting,
		Suspicion: in.Suspicion,
	}
	for _, r := range in.Rejected {
		c.Rejected = append(c.Rejected, explain.Rejected{Runs: r.Runs, FirstWall: r.FirstWall, Last: r.Last})
	}
	return c
}

// configOf gathers the rows of a picture.
func configOf(v *ledger.View) *Config {
	out := &Config{
		Global: v.Global, Instances: []event.InstanceRow{}, Addresses: []event.AddressRow{}, Groups: []event.GroupRow{},
		Scripts: []event.ScriptRow{}, Tracks: []*event.TrackRow{}, Interfaces: v.Interfaces, Routes: v.Routes,
	}
	for _, in := range v.Instances {
		out.Instances = append(out.Instances, in.Row)
		for _, a := range in.Addresses {
			out.Addresses = append(out.Addresses, a.Row)
		}
		out.Tracks = append(out.Tracks, in.Tracks...)
	}
	for _, a := range v.Static {
		out.Addresses = append(out.Addresses, a.Row)
	}
	for _, g := range v.Groups {
		out.Groups = append(out.Groups, g.Row)
		out.Tracks = append(out.Tracks, g.Tracks...)
	}
	for _, s := range v.Scripts {
		out.Scripts = append(out.Scripts, s.Row)
	}
	return out
}
