// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"math"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// serverRow is a real server with its virtual server.
type serverRow struct {
	*ledger.Server
	of *ledger.Service
}

type serverColumn = column[serverRow]

// servers are the real servers. compat: the sorry server is the first of its
// virtual server.
func servers(v *ledger.View) (out []row[serverRow]) {
	if v.Pool == nil {
		return nil
	}
	for i, s := range v.Pool.Services {
		n := uint32(0)
		add := func(r *ledger.Server) {
			n++
			out = append(out, row[serverRow]{agentx.NewOID(uint32(i+1), n), serverRow{r, s}})
		}
		for _, r := range s.Servers {
			if r.Row.Sorry {
				add(r)
			}
		}
		for _, r := range s.Servers {
			if !r.Row.Sorry {
				add(r)
			}
		}
	}
	return out
}

// ofRegular is a column that the sorry server does not have (compat).
func ofRegular(value func(serverRow) agentx.Value) func(serverRow) agentx.Value {
	return func(r serverRow) agentx.Value {
		if r.Row.Sorry {
			return none()
		}
		return value(r)
	}
}

var serverView = newTable(&mib.Compat, "realServerTable", servers, slices.Concat([]serverColumn{
	// regular(1), sorry(2)
	{"realServerType", func(r serverRow) agentx.Value { return yes(!r.Row.Sorry) }},
	{"realServerAddrType", func(r serverRow) agentx.Value { return inetType(r.Row.Addr.Addr()) }},
	{"realServerAddress", func(r serverRow) agentx.Value { return inet(r.Row.Addr.Addr()) }},
	{"realServerPort", func(r serverRow) agentx.Value { return gauge(int64(serverPort(r))) }},
	// alive(1), dead(2)
	{"realServerStatus", ofRegular(func(r serverRow) agentx.Value { return yes(r.State != event.Down) })},
	{"realServerWeight", ofRegular(func(r serverRow) agentx.Value { return agentx.Int(weight(r.Server)) })},
	{"realServerUpperConnectionLimit", ofRegular(func(r serverRow) agentx.Value { return positive(int64(r.Row.Upper)) })},
	{"realServerLowerConnectionLimit", ofRegular(func(r serverRow) agentx.Value { return positive(int64(r.Row.Lower)) })},
	{"realServerActionWhenDown", ofRegular(func(r serverRow) agentx.Value { return whenDown(r.Row.InhibitOnFailure) })},
	{"realServerNotifyUp", ofRegular(func(r serverRow) agentx.Value { return some(r.Row.NotifyUp) })},
	{"realServerNotifyDown", ofRegular(func(r serverRow) agentx.Value { return some(r.Row.NotifyDown) })},
	{"realServerFailedChecks", ofRegular(func(r serverRow) agentx.Value { return gauge(checks(r.Server, func(up, _ bool) bool { return !up })) })},
	{"realServerStatsConns", func(r serverRow) agentx.Value { return low(r.Tally.Stats.Conns) }},
	{"realServerStatsActiveConns", func(r serverRow) agentx.Value { return agentx.Gauge(r.Tally.Active) }},
	{"realServerStatsInactiveConns", func(r serverRow) agentx.Value { return agentx.Gauge(r.Tally.Inactive) }},
	{"realServerStatsPersistentConns", func(r serverRow) agentx.Value { return agentx.Gauge(r.Tally.Persistent) }},
	{"realServerStatsInPkts", func(r serverRow) agentx.Value { return agentx.Count32(uint32(r.Tally.Stats.InPackets)) }},
	{"realServerStatsOutPkts", func(r serverRow) agentx.Value { return agentx.Count32(uint32(r.Tally.Stats.OutPackets)) }},
	{"realServerStatsInBytes", func(r serverRow) agentx.Value { return agentx.Count64(r.Tally.Stats.InBytes) }},
	{"realServerStatsOutBytes", func(r serverRow) agentx.Value { return agentx.Count64(r.Tally.Stats.OutBytes) }},
	{"realServerRateCps", func(r serverRow) agentx.Value { return low(r.Tally.Stats.ConnRate) }},
	{"realServerRateInPPS", func(r serverRow) agentx.Value { return low(r.Tally.Stats.InPacketRate) }},
	{"realServerRateOutPPS", func(r serverRow) agentx.Value { return low(r.Tally.Stats.OutPacketRate) }},
	{"realServerRateInBPS", func(r serverRow) agentx.Value { return low(r.Tally.Stats.InByteRate) }},
	{"realServerRateOutBPS", func(r serverRow) agentx.Value { return low(r.Tally.Stats.OutByteRate) }},
	{"realServerStatsConns64", func(r serverRow) agentx.Value { return agentx.Count64(r.Tally.Stats.Conns) }},
	{"realServerStatsInPkts64", func(r serverRow) agentx.Value { return agentx.Count64(r.Tally.Stats.InPackets) }},
	{"realServerStatsOutPkts64", func(r serverRow) agentx.Value { return agentx.Count64(r.Tally.Stats.OutPackets) }},
}, rateColumns("realServer", func(r serverRow) *event.IPVSStats { return &r.Tally.Stats }), []serverColumn{
	{"realServerForwardingMethod", func(r serverRow) agentx.Value { return forward(r.Row.Method) }},
	{"realServerVirtualHost", ofRegular(func(r serverRow) agentx.Value { return some(r.Row.VirtualHost) })},
	{"realServerAlpha", func(r serverRow) agentx.Value { return yes(r.Row.Alpha) }},
	{"realServerRetry", func(r serverRow) agentx.Value { return gauge(int64(r.Row.Retry)) }},
	{"realServerDelayBeforeRetry", func(r serverRow) agentx.Value { return seconds(r.Row.RetryDelay) }},
	{"realServerWarmup", func(r serverRow) agentx.Value { return seconds(r.Row.Warmup) }},
	{"realServerDelayLoop", func(r serverRow) agentx.Value { return seconds(r.Row.Delay) }},
	{"realServerSmtpAlert", func(r serverRow) agentx.Value { return yes(r.Row.SMTPAlert) }},
	{"realServerDelayBeforeRetryUsec", func(r serverRow) agentx.Value { return micros(r.Row.RetryDelay) }},
	{"realServerWarmupUsec", func(r serverRow) agentx.Value { return micros(r.Row.Warmup) }},
	{"realServerDelayLoopUsec", func(r serverRow) agentx.Value { return micros(r.Row.Delay) }},
	{"realServerConnTimeoutUsec", func(r serverRow) agentx.Value {
		if r.Row.Sorry {
			return gauge(0)
		}
		return connectTimeout(r.Row.ConnectTimeout)
	}},
	{"realServerTunnelType", func(r serverRow) agentx.Value { return tunnelType(r.Row.Method) }},
	{"realServerTunnelPort", func(r serverRow) agentx.Value { return tunnelPort(r.Row.Method) }},
	{"realServerTunnelCsum", func(r serverRow) agentx.Value { return tunnelSum(r.Row.Method) }},
	{"realServerName", func(r serverRow) agentx.Value { return some(r.Row.SNMPName) }},
	{"realServerNotifyUpPath", ofRegular(func(r serverRow) agentx.Value { return some(programOf(r.Row.NotifyUp)) })},
	{"realServerNotifyDownPath", ofRegular(func(r serverRow) agentx.Value { return some(programOf(r.Row.NotifyDown)) })},
}, rate64Columns("realServer", func(r serverRow) *event.IPVSStats { return &r.Tally.Stats }), []serverColumn{
	{"realServerNotRunCheckers", ofRegular(func(r serverRow) agentx.Value { return gauge(checks(r.Server, func(_, run bool) bool { return !run })) })},
}))

// serverPort is the port that packets go to. compat: without NAT that of the
// virtual server, which a firewall mark does not have.
func serverPort(r serverRow) uint16 {
	switch {
	case r.Row.Method.Forward == event.ForwardNAT:
		return r.Row.Addr.Port()
	case r.of.Row.Group == "" && r.of.Row.Addr.IsValid():
		return r.of.Row.Addr.Port()
	case r.of.Row.Group != "":
		return r.Row.Addr.Port()
	}
	return 0
}

// weight is the weight that a server has, or will have when it is up again.
func weight(v *ledger.Server) int32 {
	if v.Tally.State == event.StateNone {
		return v.Row.WeightNow // nothing was counted yet
	}
	return v.Tally.Wanted
}

// checks counts the checks of a server that are like this.
func checks(v *ledger.Server, like func(up, run bool) bool) (n int64) {
	for i := range v.Row.Checks {
		up, run := v.Row.Checks[i].Up, v.Row.Checks[i].Run
		if i < len(v.Checks) {
			up, run = v.Checks[i].Up, v.Checks[i].Run
		}
		if like(up, run) {
			n++
		}
	}
	return n
}

// low is a number as a Gauge32: the lowest 32 bits (compat).
func low(n uint64) agentx.Value { return agentx.Gauge(uint32(n)) }

// whenDown is remove(1) or inhibit(2).
func whenDown(inhibit bool) agentx.Value { return yes(!inhibit) }

// connectTimeout is in microseconds. compat: 5 s where none is given.
func connectTimeout(d time.Duration) agentx.Value {
	if d == 0 {
		d = 5 * time.Second
	}
	return micros(d)
}

// tunnelType is ipip(1), gue(2) or gre(3), no object without a tunnel.
func tunnelType(m event.Method) agentx.Value {
	if m.Forward != event.ForwardTUN {
		return none()
	}
	switch m.Tunnel {
	case event.TunnelIPIP:
		return agentx.Int(1)
	case event.TunnelGUE:
		return agentx.Int(2)
	case event.TunnelGRE:
		return agentx.Int(3)
	}
	return none()
}

func tunnelPort(m event.Method) agentx.Value {
	if m.Forward != event.ForwardTUN || m.Tunnel != event.TunnelGUE {
		return none()
	}
	return gauge(int64(m.Port))
}

// tunnelSum is nocsum(1), csum(2) or remcsum(3), no object for ipip.
func tunnelSum(m event.Method) agentx.Value {
	if m.Forward != event.ForwardTUN || m.Tunnel == event.TunnelIPIP {
		return none()
	}
	switch m.Sum {
	case event.TunnelNoSum:
		return agentx.Int(1)
	case event.TunnelSumOn:
		return agentx.Int(2)
	case event.TunnelRemoteSum:
		return agentx.Int(3)
	}
	return none()
}

// rateNames are the rates in the order of the module.
var rateNames = [5]string{"Cps", "InPPS", "OutPPS", "InBPS", "OutBPS"}

func rateOf(s *event.IPVSStats, i int) uint64 {
	return [5]uint64{s.ConnRate, s.InPacketRate, s.OutPacketRate, s.InByteRate, s.OutByteRate}[i]
}

// rateColumns are the rates in two halves of 32 bits each.
func rateColumns[R any](prefix string, stats func(R) *event.IPVSStats) (out []column[R]) {
	for i, name := range rateNames {
		out = append(out,
			column[R]{prefix + "Rate" + name + "Low", func(r R) agentx.Value { return low(rateOf(stats(r), i)) }},
			column[R]{prefix + "Rate" + name + "High", func(r R) agentx.Value { return agentx.Gauge(uint32(rateOf(stats(r), i) >> 32 & math.MaxUint32)) }})
	}
	return out
}

// rate64Columns are the rates whole.
func rate64Columns[R any](prefix string, stats func(R) *event.IPVSStats) (out []column[R]) {
	for i, name := range rateNames {
		out = append(out, column[R]{prefix + "Rate" + name + "64", func(r R) agentx.Value { return agentx.Count64(rateOf(stats(r), i)) }})
	}
	return out
}
