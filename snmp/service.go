// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

type (
	serviceGroupColumn  = column[*event.ServiceGroupRow]
	serviceMemberColumn = column[event.ServiceEntry]
	serviceColumn       = column[*ledger.Service]
)

// compat: all groups, also those that no virtual server uses.
var serviceGroupView = newTable(&mib.Compat, "virtualServerGroupTable", func(v *ledger.View) []row[*event.ServiceGroupRow] {
	return counted(nil, agentx.OID{}, v.ServiceGroups)
}, []serviceGroupColumn{{"virtualServerGroupName", func(g *event.ServiceGroupRow) agentx.Value { return agentx.Text(g.Name) }}})

var serviceMemberView = newTable(&mib.Compat, "virtualServerGroupMemberTable", serviceMembers, []serviceMemberColumn{
	{"virtualServerGroupMemberType", memberType},
	{"virtualServerGroupMemberFwMark", func(e event.ServiceEntry) agentx.Value {
		if e.First.IsValid() {
			return none()
		}
		return gauge(int64(e.Mark))
	}},
	{"virtualServerGroupMemberAddrType", func(e event.ServiceEntry) agentx.Value { return inetType(e.First) }},
	{"virtualServerGroupMemberAddress", func(e event.ServiceEntry) agentx.Value {
		if e.First != e.Last {
			return none()
		}
		return inet(e.First)
	}},
	{"virtualServerGroupMemberAddr1", func(e event.ServiceEntry) agentx.Value {
		if e.First == e.Last {
			return none()
		}
		return inet(e.First)
	}},
	{"virtualServerGroupMemberAddr2", func(e event.ServiceEntry) agentx.Value {
		if e.First == e.Last {
			return none()
		}
		return inet(e.Last)
	}},
	{"virtualServerGroupMemberPort", func(e event.ServiceEntry) agentx.Value {
		if !e.First.IsValid() {
			return none()
		}
		return gauge(int64(e.Port))
	}},
})

// serviceMembers are the members of the groups. compat: the firewall marks of a
// group come first.
func serviceMembers(v *ledger.View) (out []row[event.ServiceEntry]) {
	for i, g := range v.ServiceGroups {
		entries := slices.Clone(g.Entries)
		slices.SortStableFunc(entries, func(a, b event.ServiceEntry) int {
			switch am, bm := !a.First.IsValid(), !b.First.IsValid(); {
			case am && !bm:
				return -1
			case bm && !am:
				return 1
			}
			return 0
		})
		out = counted(out, agentx.NewOID(uint32(i+1)), entries)
	}
	return out
}

// memberType is fwmark(1), ip(2) or iprange(3).
func memberType(e event.ServiceEntry) agentx.Value {
	switch {
	case !e.First.IsValid():
		return agentx.Int(1)
	case e.First == e.Last:
		return agentx.Int(2)
	}
	return agentx.Int(3)
}

// services are the virtual servers. compat: the index is the place in the
// configuration, from 1.
func services(v *ledger.View) []row[*ledger.Service] {
	if v.Pool == nil {
		return nil
	}
	return counted(nil, agentx.OID{}, v.Pool.Services)
}

var serviceView = newTable(&mib.Compat, "virtualServerTable", services, slices.Concat([]serviceColumn{
	{"virtualServerType", func(s *ledger.Service) agentx.Value { return serviceType(&s.Row.VirtualServer) }},
	{"virtualServerNameOfGroup", func(s *ledger.Service) agentx.Value { return some(s.Row.Group) }},
	{"virtualServerFwMark", func(s *ledger.Service) agentx.Value {
		if serviceType(&s.Row.VirtualServer) != agentx.Int(1) {
			return none()
		}
		return gauge(int64(s.Row.Mark))
	}},
	{"virtualServerAddrType", func(s *ledger.Service) agentx.Value { return agentx.Int(serviceFamily(s)) }},
	{"virtualServerAddress", func(s *ledger.Service) agentx.Value {
		if s.Row.Group != "" {
			return none()
		}
		return inet(s.Row.Addr.Addr())
	}},
	{"virtualServerPort", func(s *ledger.Service) agentx.Value {
		if s.Row.Group != "" || !s.Row.Addr.IsValid() {
			return none()
		}
		return gauge(int64(s.Row.Addr.Port()))
	}},
	{"virtualServerProtocol", serviceProtocol},
	{"virtualServerLoadBalancingAlgo", func(s *ledger.Service) agentx.Value { return scheduler(s.Row.Scheduler) }},
	{"virtualServerLoadBalancingKind", func(s *ledger.Service) agentx.Value { return forward(s.Row.Method) }},
	// alive(1), dead(2). compat: whether it is in the table of the kernel, not
	// whether it has its quorum.
	{"virtualServerStatus", func(s *ledger.Service) agentx.Value { return yes(!s.Tally.Suspended) }},
	{"virtualServerVirtualHost", func(s *ledger.Service) agentx.Value { return some(s.Row.VirtualHost) }},
	{"virtualServerPersist", func(s *ledger.Service) agentx.Value { return yes(s.Row.Persistence > 0) }},
	{"virtualServerPersistTimeout", func(s *ledger.Service) agentx.Value {
		if s.Row.Persistence == 0 {
			return none()
		}
		return seconds(s.Row.Persistence)
	}},
	{"virtualServerPersistGranularity", func(s *ledger.Service) agentx.Value {
		if s.Row.Addr.IsValid() && s.Row.Addr.Addr().Is6() {
			return none()
		}
		return agentx.Bytes(binary.LittleEndian.AppendUint32(nil, granularity(s)))
	}},
	{"virtualServerDelayLoop", func(s *ledger.Service) agentx.Value { return seconds(s.Row.Delay) }},
	{"virtualServerHaSuspend", func(s *ledger.Service) agentx.Value { return yes(s.Row.HASuspend) }},
	{"virtualServerAlpha", func(s *ledger.Service) agentx.Value { return yes(s.Row.Alpha) }},
	{"virtualServerOmega", func(s *ledger.Service) agentx.Value { return yes(s.Row.Omega) }},
	{"virtualServerRealServersTotal", func(s *ledger.Service) agentx.Value { return gauge(int64(regular(s, nil))) }},
	{"virtualServerRealServersUp", func(s *ledger.Service) agentx.Value {
		return gauge(int64(regular(s, func(v *ledger.Server) bool { return v.State != event.Down })))
	}},
	{"virtualServerQuorum", func(s *ledger.Service) agentx.Value { return gauge(s.Row.Quorum) }},
	{"virtualServerQuorumStatus", func(s *ledger.Service) agentx.Value { return yes(s.State == event.Up) }},
	{"virtualServerQuorumUp", func(s *ledger.Service) agentx.Value { return some(s.Row.QuorumUp) }},
	{"virtualServerQuorumDown", func(s *ledger.Service) agentx.Value { return some(s.Row.QuorumDown) }},
	{"virtualServerHysteresis", func(s *ledger.Service) agentx.Value { return gauge(s.Row.Hysteresis) }},
	{"virtualServerStatsConns", func(s *ledger.Service) agentx.Value { return low(s.Tally.Stats.Conns) }},
	{"virtualServerStatsInPkts", func(s *ledger.Service) agentx.Value { return agentx.Count32(uint32(s.Tally.Stats.InPackets)) }},
	{"virtualServerStatsOutPkts", func(s *ledger.Service) agentx.Value { return agentx.Count32(uint32(s.Tally.Stats.OutPackets)) }},
	{"virtualServerStatsInBytes", func(s *ledger.Service) agentx.Value { return agentx.Count64(s.Tally.Stats.InBytes) }},
	{"virtualServerStatsOutBytes", func(s *ledger.Service) agentx.Value { return agentx.Count64(s.Tally.Stats.OutBytes) }},
	{"virtualServerRateCps", func(s *ledger.Service) agentx.Value { return low(s.Tally.Stats.ConnRate) }},
	{"virtualServerRateInPPS", func(s *ledger.Service) agentx.Value { return low(s.Tally.Stats.InPacketRate) }},
	{"virtualServerRateOutPPS", func(s *ledger.Service) agentx.Value { return low(s.Tally.Stats.OutPacketRate) }},
	{"virtualServerRateInBPS", func(s *ledger.Service) agentx.Value { return low(s.Tally.Stats.InByteRate) }},
	{"virtualServerRateOutBPS", func(s *ledger.Service) agentx.Value { return low(s.Tally.Stats.OutByteRate) }},
	{"virtualServerOPS", func(s *ledger.Service) agentx.Value { return yes(s.Row.OnePacket) }},
	{"virtualServerStatsConns64", func(s *ledger.Service) agentx.Value { return agentx.Count64(s.Tally.Stats.Conns) }},
	{"virtualServerStatsInPkts64", func(s *ledger.Service) agentx.Value { return agentx.Count64(s.Tally.Stats.InPackets) }},
	{"virtualServerStatsOutPkts64", func(s *ledger.Service) agentx.Value { return agentx.Count64(s.Tally.Stats.OutPackets) }},
}, rateColumns("virtualServer", func(s *ledger.Service) *event.IPVSStats { return &s.Tally.Stats }), []serviceColumn{
	{"virtualServerPersistGranularity6", func(s *ledger.Service) agentx.Value {
		if s.Row.Addr.IsValid() && s.Row.Addr.Addr().Is4() {
			return none()
		}
		return gauge(int64(granularity(s)))
	}},
	// compat: the kernel's own mark of an entry, which nobody configures.
	{"virtualServerHashed", func(*ledger.Service) agentx.Value { return yes(false) }},
	// compat: the kernel's flags are those of sh and of mh, whatever the scheduler.
	{"virtualServerSHFallback", func(s *ledger.Service) agentx.Value { return yes(s.Row.Flag1) }},
	{"virtualServerSHPort", func(s *ledger.Service) agentx.Value { return yes(s.Row.Flag2) }},
	{"virtualServerSched3", func(s *ledger.Service) agentx.Value { return yes(s.Row.Flag3) }},
	{"virtualServerActionWhenDown", func(s *ledger.Service) agentx.Value { return whenDown(s.Row.InhibitOnFailure) }},
	{"virtualServerRetry", func(s *ledger.Service) agentx.Value { return gauge(int64(s.Row.Retry)) }},
	{"virtualServerDelayBeforeRetry", func(s *ledger.Service) agentx.Value { return seconds(s.Row.RetryDelay) }},
	{"virtualServerWarmup", func(s *ledger.Service) agentx.Value { return seconds(s.Row.Warmup) }},
	{"virtualServerWeight", func(s *ledger.Service) agentx.Value { return agentx.Int(s.Row.Weight) }},
	{"virtualServerSmtpAlert", func(s *ledger.Service) agentx.Value { return yes(s.Row.SMTPAlert) }},
	{"virtualServerMHFallback", func(s *ledger.Service) agentx.Value { return yes(s.Row.Flag1) }},
	{"virtualServerMHPort", func(s *ledger.Service) agentx.Value { return yes(s.Row.Flag2) }},
	{"virtualServerDelayLoopUsec", func(s *ledger.Service) agentx.Value { return micros(s.Row.Delay) }},
	{"virtualServerDelayBeforeRetrUsec", func(s *ledger.Service) agentx.Value { return micros(s.Row.RetryDelay) }},
	{"virtualServerWarmupUsec", func(s *ledger.Service) agentx.Value { return micros(s.Row.Warmup) }},
	{"virtualServerConnTimeoutUsec", func(s *ledger.Service) agentx.Value { return connectTimeout(s.Row.ConnectTimeout) }},
	{"virtualServerTunnelType", func(s *ledger.Service) agentx.Value { return tunnelType(s.Row.Method) }},
	{"virtualServerTunnelPort", func(s *ledger.Service) agentx.Value { return tunnelPort(s.Row.Method) }},
	{"virtualServerTunnelCsum", func(s *ledger.Service) agentx.Value { return tunnelSum(s.Row.Method) }},
	{"virtualServerName", func(s *ledger.Service) agentx.Value { return some(s.Row.SNMPName) }},
	{"virtualServerQuorumUpPath", func(s *ledger.Service) agentx.Value { return some(programOf(s.Row.QuorumUp)) }},
	{"virtualServerQuorumDownPath", func(s *ledger.Service) agentx.Value { return some(programOf(s.Row.QuorumDown)) }},
}, rate64Columns("virtualServer", func(s *ledger.Service) *event.IPVSStats { return &s.Tally.Stats })))

// serviceType is fwmark(1), ip(2) or group(3).
func serviceType(s *event.VirtualServer) agentx.Value {
	switch {
	case s.Group != "":
		return agentx.Int(3)
	case s.Addr.IsValid():
		return agentx.Int(2)
	}
	return agentx.Int(1)
}

// serviceFamily is the InetAddressType of a virtual server: of its address, else
// of its entries.
func serviceFamily(s *ledger.Service) int32 {
	six := s.Row.Family == 6 || s.Row.Group == "" && s.Row.Addr.IsValid() && s.Row.Addr.Addr().Is6()
	if s.Row.Group != "" {
		six = slices.ContainsFunc(s.Row.Entries, func(e event.ServiceEntry) bool { return e.Family == 6 })
	}
	if six {
		return 2
	}
	return 1
}

// serviceProtocol is tcp(1), udp(2) or sctp(3). compat: a firewall mark has none.
func serviceProtocol(s *ledger.Service) agentx.Value {
	if serviceType(&s.Row.VirtualServer) == agentx.Int(1) {
		return none()
	}
	switch s.Row.Protocol {
	case event.ProtocolTCP:
		return agentx.Int(1)
	case event.ProtocolUDP:
		return agentx.Int(2)
	case event.ProtocolSCTP:
		return agentx.Int(3)
	case event.ProtocolNone:
	}
	return agentx.Int(4)
}

// schedulers are the numbers of the schedulers.
var schedulers = map[string]int32{
	"rr": 1, "wrr": 2, "lc": 3, "wlc": 4, "lblc": 5, "lblcr": 6, "dh": 7, "sh": 8, "sed": 9, "nq": 10, "fo": 11, "ovf": 12, "mh": 13, "twos": 14,
}

func scheduler(name string) agentx.Value {
	if n := schedulers[name]; n != 0 {
		return agentx.Int(n)
	}
	return agentx.Int(99)
}

// forward is nat(1), dr(2) or tun(3).
func forward(m event.Method) agentx.Value {
	switch m.Forward {
	case event.ForwardNAT:
		return agentx.Int(1)
	case event.ForwardDR:
		return agentx.Int(2)
	case event.ForwardTUN:
		return agentx.Int(3)
	}
	return none()
}

// granularity is the kernel's number for persistence_granularity. compat: that is
// a mask in the order of the network for IPv4, read as a number of this machine,
// and the length of the prefix for IPv6; all ones stand for none given.
func granularity(s *ledger.Service) uint32 {
	n := s.Row.Granularity
	switch {
	case n == 0:
		return math.MaxUint32
	case serviceFamily(s) == 2:
		return uint32(n)
	}
	return binary.LittleEndian.Uint32(binary.BigEndian.AppendUint32(nil, ^uint32(0)<<(32-min(n, 32))))
}

// regular counts the real servers of a virtual server that are like this, the
// sorry server left out.
func regular(s *ledger.Service, like func(*ledger.Server) bool) (n int) {
	for _, v := range s.Servers {
		if !v.Row.Sorry && (like == nil || like(v)) {
			n++
		}
	}
	return n
}

// syncOf is an object of lvs_sync_daemon, which is there where that is (compat).
func syncOf(value func(*event.SyncRow) agentx.Value) func(*ledger.View) agentx.Value {
	return func(v *ledger.View) agentx.Value {
		if v.Global.Sync == nil || !balancing(v) {
			return none()
		}
		return value(v.Global.Sync)
	}
}

// balancing says whether there are virtual servers. compat: without them nobody
// serves their branch.
func balancing(v *ledger.View) bool { return v.Pool != nil && len(v.Pool.Services) > 0 }

// compat: keepalived asks for the kernel's default where nothing is given, and
// has no object then.
var syncView = newScalars(&mib.Compat, "lvsSyncDaemon", []globalColumn{
	{"lvsSyncDaemonEnabled", func(v *ledger.View) agentx.Value {
		if !balancing(v) {
			return none()
		}
		return yes(v.Global.Sync != nil)
	}},
	{"lvsSyncDaemonInterface", syncOf(func(s *event.SyncRow) agentx.Value { return agentx.Text(s.Interface) })},
	{"lvsSyncDaemonVrrpInstance", syncOf(func(s *event.SyncRow) agentx.Value { return some(s.Instance) })},
	{"lvsSyncDaemonSyncId", syncOf(func(s *event.SyncRow) agentx.Value { return agentx.Int(int32(s.ID)) })},
	{"lvsSyncDaemonMaxLen", syncOf(func(s *event.SyncRow) agentx.Value { return someInt(int32(s.MaxLen)) })},
	{"lvsSyncDaemonPort", syncOf(func(s *event.SyncRow) agentx.Value { return someInt(int32(s.Port)) })},
	{"lvsSyncDaemonTTL", syncOf(func(s *event.SyncRow) agentx.Value { return someInt(int32(s.TTL)) })},
	{"lvsSyncDaemonMcastGroupAddrType", syncOf(func(s *event.SyncRow) agentx.Value { return inetType(s.Group) })},
	{"lvsSyncDaemonMcastGroupAddrValue", syncOf(func(s *event.SyncRow) agentx.Value { return inet(s.Group) })},
})

var timeoutView = newScalars(&mib.Compat, "lvsTimeouts", []globalColumn{
	{"lvsTimeoutTcp", func(v *ledger.View) agentx.Value { return timeout(v, v.Global.LVSTCP) }},
	{"lvsTimeoutTcpFin", func(v *ledger.View) agentx.Value { return timeout(v, v.Global.LVSTCPFin) }},
	{"lvsTimeoutUdp", func(v *ledger.View) agentx.Value { return timeout(v, v.Global.LVSUDP) }},
})

func timeout(v *ledger.View, d time.Duration) agentx.Value {
	if !balancing(v) {
		return none()
	}
	return someInt(int32(d / time.Second))
}

// someInt is a number, no object for 0.
func someInt(n int32) agentx.Value {
	if n == 0 {
		return none()
	}
	return agentx.Int(n)
}
