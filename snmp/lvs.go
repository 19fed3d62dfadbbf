// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

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
