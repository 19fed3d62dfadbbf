// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

var systemView = newScalars(&mib.Vigil, "vigilSystem", []globalColumn{
	{"vigilConfigGeneration", func(v *ledger.View) agentx.Value { return gauge(int64(v.Global.Generation)) }},
	{"vigilConfigGood", func(v *ledger.View) agentx.Value { return yes(v.Config.LastOK) }},
	{"vigilConfigTime", func(v *ledger.View) agentx.Value { return dateAndTime(v.Config.LastGood) }},
	{"vigilRealTime", func(v *ledger.View) agentx.Value { return yes(v.Router.RealTime) }},
	{"vigilMemoryLocked", func(v *ledger.View) agentx.Value { return yes(v.Router.Locked) }},
	{"vigilStalls", func(v *ledger.View) agentx.Value { return agentx.Count64(v.Router.Stalls) }},
	{"vigilWorstLateness", func(v *ledger.View) agentx.Value { return micros(v.Router.LagMax) }},
	{"vigilClockSteps", func(v *ledger.View) agentx.Value { return agentx.Count64(v.Router.ClockSteps) }},
	{"vigilPacketsDropped", func(v *ledger.View) agentx.Value { return agentx.Count64(v.Router.Dropped) }},
	{"vigilEventsLost", func(v *ledger.View) agentx.Value { return agentx.Count64(v.Gaps) }},
	{"vigilDiscontinuities", func(v *ledger.View) agentx.Value { return agentx.Count64(v.Discontinuities) }},
	{"vigilRejected", func(v *ledger.View) agentx.Value {
		r := &v.Router
		return agentx.Count64(r.Checksum + r.Version + r.VRID + r.Length)
	}},
})

var storyView = newTable(&mib.Vigil, "vigilInstanceTable", instances, storyColumns)

var storyColumns = []instanceColumn{
	{"vigilInstanceName", func(in *ledger.Instance) agentx.Value { return agentx.Text(in.Row.Subject.Name) }},
	{"vigilInstanceEventId", func(in *ledger.Instance) agentx.Value { return eventID(&in.Last) }},
	{"vigilInstanceFrom", ofLast(func(e *event.Event) agentx.Value { return state(e.From) })},
	{"vigilInstanceTo", ofLast(func(e *event.Event) agentx.Value { return state(e.To) })},
	{"vigilInstanceReason", ofLast(func(e *event.Event) agentx.Value { return agentx.Text(e.Reason.String()) })},
	{"vigilInstanceTime", ofLast(func(e *event.Event) agentx.Value { return dateAndTime(e.Wall) })},
	{"vigilInstanceText", ofLast(func(e *event.Event) agentx.Value { return displayString(explain.Sentence(e)) })},
	{"vigilInstanceTransitions", func(in *ledger.Instance) agentx.Value { return agentx.Count64(sum(in.Transitions)) }},
	{"vigilInstanceFailover", func(in *ledger.Instance) agentx.Value { return someMicros(in.Failover) }},
	{"vigilInstanceLateness", ofLast(func(e *event.Event) agentx.Value { return micros(e.Evidence.Lateness) })},
	{"vigilInstanceStall", ofLast(func(e *event.Event) agentx.Value { return micros(e.Evidence.Stall) })},
	{"vigilInstanceMargin", func(in *ledger.Instance) agentx.Value { return micros(in.Tally.Margin) }},
	{"vigilInstanceMasterDown", func(in *ledger.Instance) agentx.Value { return micros(in.Tally.MasterDown) }},
	{"vigilInstanceMasterAddressType", func(in *ledger.Instance) agentx.Value { return inetType(master(in)) }},
	{"vigilInstanceMasterAddress", func(in *ledger.Instance) agentx.Value { return inet(master(in)) }},
	{"vigilInstanceMasterPriority", func(in *ledger.Instance) agentx.Value { return gauge(int64(in.Tally.MasterPriority)) }},
	{"vigilInstanceMissed", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Missed) }},
	{"vigilInstanceNearMisses", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.NearMisses) }},
	{"vigilInstanceNearMissTime", func(in *ledger.Instance) agentx.Value { return dateAndTime(in.NearMiss.Wall) }},
	{"vigilInstanceNearMissMargin", func(in *ledger.Instance) agentx.Value {
		if in.NearMiss.Kind == event.KindNone {
			return none()
		}
		return micros(in.NearMiss.Evidence.Margin)
	}},
	{"vigilInstanceConflict", func(in *ledger.Instance) agentx.Value { return yes(in.Conflicting) }},
	{"vigilInstanceConflictsLower", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Conflicts[0]) }},
	{"vigilInstanceConflictsEqual", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Conflicts[1]) }},
	{"vigilInstanceConflictsHigher", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Conflicts[2]) }},
	{"vigilInstanceConflictEventId", func(in *ledger.Instance) agentx.Value { return eventID(&in.Conflict) }},
	{"vigilInstanceConflictTime", func(in *ledger.Instance) agentx.Value { return dateAndTime(in.Conflict.Wall) }},
	{"vigilInstanceConflictPeerType", func(in *ledger.Instance) agentx.Value { return inetType(in.Conflict.Evidence.Peer) }},
	{"vigilInstanceConflictPeer", func(in *ledger.Instance) agentx.Value { return inet(in.Conflict.Evidence.Peer) }},
	{"vigilInstanceConflictPriority", func(in *ledger.Instance) agentx.Value {
		if in.Conflict.Kind == event.KindNone {
			return none()
		}
		return gauge(int64(in.Conflict.Evidence.PeerPriority))
	}},
	{"vigilInstanceSent", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Sent) }},
	{"vigilInstanceReceived", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Received) }},
	{"vigilInstanceZeroSent", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.ZeroSent) }},
	{"vigilInstanceZeroReceived", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.ZeroReceived) }},
	{"vigilInstanceSendErrors", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.SendErrors) }},
	{"vigilInstanceRejected", func(in *ledger.Instance) agentx.Value { return agentx.Count64(sum(in.Tally.Rejects[:])) }},
	{"vigilInstancePromotions", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Promotions) }},
	{"vigilInstanceDemotions", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Demotions) }},
	{"vigilInstanceSuspicions", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Suspicions) }},
	{"vigilInstanceAverted", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Averted) }},
	{"vigilInstanceTwoMasters", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.TwoMasters) }},
	{"vigilInstanceClaims", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Claims) }},
	{"vigilInstanceRestored", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Restored) }},
	{"vigilInstanceLead", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(in.Tally.Lead)) }},
	{"vigilInstanceConflictReason", func(in *ledger.Instance) agentx.Value {
		if in.Conflict.Kind == event.KindNone {
			return none()
		}
		return agentx.Text(in.Conflict.Reason.String())
	}},
	{"vigilInstanceGratuitousArps", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.GratuitousARPs) }},
	{"vigilInstanceUnsolicitedNas", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.UnsolicitedNAs) }},
	{"vigilInstanceAnnounceErrors", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.AnnounceErrors) }},
}

// ofLast renders the last transition, if there was one.
func ofLast(render func(*event.Event) agentx.Value) func(*ledger.Instance) agentx.Value {
	return func(in *ledger.Instance) agentx.Value {
		if in.Last.Kind == event.KindNone {
			return none()
		}
		return render(&in.Last)
	}
}

// master is the master that is heard, not valid if none is.
func master(in *ledger.Instance) netip.Addr {
	a, err := netip.ParseAddr(in.Tally.Master)
	if err != nil {
		return netip.Addr{}
	}
	return a.WithZone("")
}

func sum(counts []uint64) uint64 {
	var n uint64
	for _, c := range counts {
		n += c
	}
	return n
}

func someMicros(d time.Duration) agentx.Value {
	if d == 0 {
		return none()
	}
	return micros(d)
}

// heardRow is one advert that was heard before the transition at.
type heardRow struct {
	event.Heard
	at event.Instant
}

var heardView = newTable(&mib.Vigil, "vigilHeardTable", func(v *ledger.View) []row[heardRow] {
	var out []row[heardRow]
	for i, in := range v.Instances {
		var list []heardRow
		for _, h := range in.Last.Evidence.Heard[:min(in.Last.Evidence.N, event.HeardMax)] {
			list = append(list, heardRow{h, in.Last.At})
		}
		out = counted(out, agentx.NewOID(uint32(i+1)), list)
	}
	return out
}, []column[heardRow]{
	{"vigilHeardBefore", func(h heardRow) agentx.Value { return micros(h.at.Sub(h.At)) }},
	{"vigilHeardSourceType", func(h heardRow) agentx.Value { return inetType(h.Source) }},
	{"vigilHeardSource", func(h heardRow) agentx.Value { return inet(h.Source) }},
	{"vigilHeardPriority", func(h heardRow) agentx.Value { return gauge(int64(h.Priority)) }},
	{"vigilHeardInterval", func(h heardRow) agentx.Value { return micros(h.Interval) }},
})

var rejectView = newTable(&mib.Vigil, "vigilRejectTable", func(v *ledger.View) []row[ledger.Rejection] {
	var out []row[ledger.Rejection]
	for i, in := range v.Instances {
		out = counted(out, agentx.NewOID(uint32(i+1)), in.Rejected)
	}
	return out
}, []column[ledger.Rejection]{
	{"vigilRejectReason", func(r ledger.Rejection) agentx.Value { return agentx.Text(r.Last.Reason.String()) }},
	{"vigilRejectSourceType", func(r ledger.Rejection) agentx.Value { return inetType(r.Last.Evidence.Peer) }},
	{"vigilRejectSource", func(r ledger.Rejection) agentx.Value { return inet(r.Last.Evidence.Peer) }},
	{"vigilRejectRuns", func(r ledger.Rejection) agentx.Value { return agentx.Count64(r.Runs) }},
	{"vigilRejectTime", func(r ledger.Rejection) agentx.Value { return dateAndTime(r.Last.Wall) }},
	{"vigilRejectWant", func(r ledger.Rejection) agentx.Value { return displayString(r.Last.Evidence.Want) }},
	{"vigilRejectGot", func(r ledger.Rejection) agentx.Value { return displayString(r.Last.Evidence.Got) }},
})

var channelView = newTable(&mib.Vigil, "vigilChannelTable",
	func(v *ledger.View) []row[*ledger.Channel] { return counted(nil, agentx.OID{}, v.Channels) },
	[]column[*ledger.Channel]{
		{"vigilChannelName", func(c *ledger.Channel) agentx.Value { return agentx.Text(c.Name) }},
		{"vigilChannelSent", func(c *ledger.Channel) agentx.Value { return agentx.Count64(c.Sent) }},
		{"vigilChannelFailed", func(c *ledger.Channel) agentx.Value {
			var n uint64
			for _, f := range c.Failures {
				n += f.Count
			}
			return agentx.Count64(n)
		}},
		{"vigilChannelSentTime", func(c *ledger.Channel) agentx.Value { return dateAndTime(c.LastSent.Wall) }},
		{"vigilChannelFailedTime", func(c *ledger.Channel) agentx.Value { return dateAndTime(c.LastFailed.Wall) }},
		{"vigilChannelFailedReason", func(c *ledger.Channel) agentx.Value { return some(c.LastFailed.Reason.String()) }},
	})
