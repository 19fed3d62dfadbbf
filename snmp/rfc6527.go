// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// newInstances are the instances of VRRPV3-MIB. compat: those of version 2 too,
// all with an address at least.
func newInstances(v *ledger.View) []row[*ledger.Instance] {
	return virtual(v, func(*ledger.Instance) bool { return true }, func(in *ledger.Instance, ifIndex int) agentx.OID {
		family := uint32(1)
		if in.Row.Subject.Family == 6 {
			family = 2
		}
		return agentx.NewOID(uint32(ifIndex), uint32(in.Row.Subject.VRID), family)
	})
}

var newRouterView = newScalars(&mib.VRRPv3, "vrrpv3Statistics", []globalColumn{
	{"vrrpv3RouterChecksumErrors", func(v *ledger.View) agentx.Value { return agentx.Count64(v.Router.Checksum) }},
	{"vrrpv3RouterVersionErrors", func(v *ledger.View) agentx.Value { return agentx.Count64(v.Router.Version) }},
	{"vrrpv3RouterVrIdErrors", func(v *ledger.View) agentx.Value { return agentx.Count64(v.Router.VRID) }},
	// Counters are carried over the restarts of a worker.
	{"vrrpv3GlobalStatisticsDiscontinuityTime", func(*ledger.View) agentx.Value { return agentx.Ticks(0) }},
})

var operationsView = newTable(&mib.VRRPv3, "vrrpv3OperationsTable", newInstances, []instanceColumn{
	{"vrrpv3OperationsMasterIpAddr", func(in *ledger.Instance) agentx.Value { return inet(masterOf(in)) }},
	{"vrrpv3OperationsPrimaryIpAddr", func(in *ledger.Instance) agentx.Value { return inet(primary(in)) }},
	// compat: the address that the interface has, not the one that RFC 9568 gives.
	{"vrrpv3OperationsVirtualMacAddr", hardware},
	{"vrrpv3OperationsStatus", operState},
	{"vrrpv3OperationsPriority", func(in *ledger.Instance) agentx.Value { return gauge(int64(in.Base)) }},
	{"vrrpv3OperationsAddrCount", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(len(advertised(in)))) }},
	{"vrrpv3OperationsAdvInterval", func(in *ledger.Instance) agentx.Value {
		return agentx.Int(int32(in.Row.AdvertInterval / (10 * time.Millisecond)))
	}},
	{"vrrpv3OperationsPreemptMode", func(in *ledger.Instance) agentx.Value { return yes(in.Row.Preempt) }},
	{"vrrpv3OperationsAcceptMode", func(in *ledger.Instance) agentx.Value { return yes(in.Row.Accept) }},
	{"vrrpv3OperationsUpTime", upTime},
	{"vrrpv3OperationsRowStatus", func(*ledger.Instance) agentx.Value { return active() }},
})

var newAddressView = newTable(&mib.VRRPv3, "vrrpv3AssociatedIpAddrTable",
	func(v *ledger.View) []row[struct{}] { return associated(newInstances(v)) },
	[]column[struct{}]{{"vrrpv3AssociatedIpAddrRowStatus", func(struct{}) agentx.Value { return active() }}})

var newStatsView = newTable(&mib.VRRPv3, "vrrpv3StatisticsTable", newInstances, []instanceColumn{
	{"vrrpv3StatisticsMasterTransitions", old(func(in *ledger.Instance) uint64 { return in.Tally.Promotions })},
	{"vrrpv3StatisticsNewMasterReason", func(in *ledger.Instance) agentx.Value {
		if e := promotion(in); e != nil {
			return agentx.Int(newMasterReason(e.Reason))
		}
		return agentx.Int(0)
	}},
	{"vrrpv3StatisticsRcvdAdvertisements", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.Received) }},
	{"vrrpv3StatisticsAdvIntervalErrors", newRejects(event.RejectAdvertInterval)},
	{"vrrpv3StatisticsIpTtlErrors", newRejects(event.RejectTTL)},
	{"vrrpv3StatisticsProtoErrReason", func(in *ledger.Instance) agentx.Value {
		for _, r := range slices.Backward(in.Rejected) {
			if n, ok := protoError(r.Last.Reason); ok {
				return agentx.Int(n)
			}
		}
		return agentx.Int(0)
	}},
	{"vrrpv3StatisticsRcvdPriZeroPackets", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.ZeroReceived) }},
	{"vrrpv3StatisticsSentPriZeroPackets", func(in *ledger.Instance) agentx.Value { return agentx.Count64(in.Tally.ZeroSent) }},
	{"vrrpv3StatisticsRcvdInvalidTypePackets", newRejects(event.RejectPacketType)},
	{"vrrpv3StatisticsAddressListErrors", newRejects(event.RejectAddressList)},
	{"vrrpv3StatisticsPacketLengthErrors", newRejects(event.RejectPacketLength)},
	{"vrrpv3StatisticsRowDiscontinuityTime", func(*ledger.Instance) agentx.Value { return agentx.Ticks(0) }},
	// compat: the interval between adverts in milliseconds.
	{"vrrpv3StatisticsRefreshRate", func(in *ledger.Instance) agentx.Value { return gauge(in.Row.AdvertInterval.Milliseconds()) }},
})

func newRejects(why event.Reason) func(*ledger.Instance) agentx.Value {
	return func(in *ledger.Instance) agentx.Value { return agentx.Count64(rejects(in, why)) }
}

// newMasterReason is priority(1), preempted(2) or masterNoResponse(3). compat: the
// first is for a master that said goodbye, and all but two others are the last.
func newMasterReason(why event.Reason) int32 {
	switch why { //nolint:exhaustive // all others are one
	case event.PriorityZero:
		return 1
	case event.Preempt, event.Startup: // an owner that is MASTER at once
		return 2
	}
	return 3
}

// protoError is ipTtlError(1), versionError(2), checksumError(3) or vrIdError(4);
// ok is false for other reasons.
func protoError(why event.Reason) (n int32, ok bool) {
	switch why { //nolint:exhaustive // those that the module knows
	case event.RejectTTL:
		return 1, true
	case event.RejectVersion:
		return 2, true
	case event.RejectChecksum:
		return 3, true
	case event.RejectVRID:
		return 4, true
	}
	return 0, false
}
