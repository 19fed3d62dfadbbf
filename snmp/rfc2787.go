// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// oldInstances are the instances of VRRP-MIB. compat: those of version 2, which
// are of IPv4, with an address at least.
func oldInstances(v *ledger.View) []row[*ledger.Instance] {
	return virtual(v, func(in *ledger.Instance) bool { return in.Row.Version == 2 && in.Row.Subject.Family != 6 },
		func(in *ledger.Instance, ifIndex int) agentx.OID {
			return agentx.NewOID(uint32(ifIndex), uint32(in.Row.Subject.VRID))
		})
}

var oldNodeView = newScalars(&mib.VRRPv2, "vrrpOperations", []globalColumn{
	{"vrrpNodeVersion", func(*ledger.View) agentx.Value { return agentx.Int(2) }},
	{"vrrpNotificationCntl", func(v *ledger.View) agentx.Value { return yes(v.Global.Traps) }},
})

var oldRouterView = newScalars(&mib.VRRPv2, "vrrpStatistics", []globalColumn{
	{"vrrpRouterChecksumErrors", func(v *ledger.View) agentx.Value { return agentx.Count32(uint32(v.Router.Checksum)) }},
	{"vrrpRouterVersionErrors", func(v *ledger.View) agentx.Value { return agentx.Count32(uint32(v.Router.Version)) }},
	{"vrrpRouterVrIdErrors", func(v *ledger.View) agentx.Value { return agentx.Count32(uint32(v.Router.VRID)) }},
})

var operView = newTable(&mib.VRRPv2, "vrrpOperTable", oldInstances, []instanceColumn{
	// compat: the address that the interface has, not the one that RFC 2338 gives.
	{"vrrpOperVirtualMacAddr", hardware},
	{"vrrpOperState", operState},
	// up(1)
	{"vrrpOperAdminState", func(*ledger.Instance) agentx.Value { return agentx.Int(1) }},
	{"vrrpOperPriority", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(in.Base)) }},
	{"vrrpOperIpAddrCount", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(len(advertised(in)))) }},
	// compat: the master that was heard; 0.0.0.0 while that is this router itself.
	{"vrrpOperMasterIpAddr", func(in *ledger.Instance) agentx.Value {
		if in.State == event.Master {
			return agentx.IP(netip.IPv4Unspecified())
		}
		return agentx.IP(masterOf(in))
	}},
	{"vrrpOperPrimaryIpAddr", func(in *ledger.Instance) agentx.Value { return agentx.IP(primary(in)) }},
	// noAuthentication(1), simpleTextPassword(2), ipAuthenticationHeader(3)
	{"vrrpOperAuthType", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(in.Row.AuthType) + 1) }},
	{"vrrpOperAdvertisementInterval", func(in *ledger.Instance) agentx.Value { return agentx.Int(int32(in.Row.AdvertInterval.Seconds())) }},
	{"vrrpOperPreemptMode", func(in *ledger.Instance) agentx.Value { return yes(in.Row.Preempt) }},
	{"vrrpOperVirtualRouterUpTime", upTime},
	// ip(1)
	{"vrrpOperProtocol", func(*ledger.Instance) agentx.Value { return agentx.Int(1) }},
	{"vrrpOperRowStatus", func(*ledger.Instance) agentx.Value { return active() }},
})

var oldAddressView = newTable(&mib.VRRPv2, "vrrpAssoIpAddrTable",
	func(v *ledger.View) []row[struct{}] { return associated(oldInstances(v)) },
	[]column[struct{}]{{"vrrpAssoIpAddrRowStatus", func(struct{}) agentx.Value { return active() }}})

var oldStatsView = newTable(&mib.VRRPv2, "vrrpRouterStatsTable", oldInstances, []instanceColumn{
	{"vrrpStatsBecomeMaster", old(func(in *ledger.Instance) uint64 { return in.Tally.Promotions })},
	{"vrrpStatsAdvertiseRcvd", old(func(in *ledger.Instance) uint64 { return in.Tally.Received })},
	{"vrrpStatsAdvertiseIntervalErrors", oldRejects(event.RejectAdvertInterval)},
	{"vrrpStatsAuthFailures", oldRejects(event.RejectAuthFailure)},
	{"vrrpStatsIpTtlErrors", oldRejects(event.RejectTTL)},
	{"vrrpStatsPriorityZeroPktsRcvd", old(func(in *ledger.Instance) uint64 { return in.Tally.ZeroReceived })},
	{"vrrpStatsPriorityZeroPktsSent", old(func(in *ledger.Instance) uint64 { return in.Tally.ZeroSent })},
	{"vrrpStatsInvalidTypePktsRcvd", oldRejects(event.RejectPacketType)},
	{"vrrpStatsAddressListErrors", oldRejects(event.RejectAddressList)},
	{"vrrpStatsInvalidAuthType", oldRejects(event.RejectAuthInvalidType)},
	{"vrrpStatsAuthTypeMismatch", oldRejects(event.RejectAuthTypeMismatch)},
	{"vrrpStatsPacketLengthErrors", oldRejects(event.RejectPacketLength)},
})

// old is a counter with 32 bits, as RFC 2787 has them.
func old(count func(*ledger.Instance) uint64) func(*ledger.Instance) agentx.Value {
	return func(in *ledger.Instance) agentx.Value { return agentx.Count32(uint32(count(in))) }
}

func oldRejects(why event.Reason) func(*ledger.Instance) agentx.Value {
	return old(func(in *ledger.Instance) uint64 { return rejects(in, why) })
}

// authError is invalidAuthType(1), authTypeMismatch(2) or authFailure(3); ok is
// false for what is not about authentication.
func authError(why event.Reason) (n int32, ok bool) {
	switch why { //nolint:exhaustive // those of authentication
	case event.RejectAuthInvalidType:
		return 1, true
	case event.RejectAuthTypeMismatch:
		return 2, true
	case event.RejectAuthFailure:
		return 3, true
	}
	return 0, false
}
