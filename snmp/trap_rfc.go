// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

var (
	oldMasterTrap   = agentx.MustParseOID(mib.VRRPv2.OID("vrrpTrapNewMaster"))
	oldAuthTrap     = agentx.MustParseOID(mib.VRRPv2.OID("vrrpTrapAuthFailure"))
	oldMasterAddr   = agentx.MustParseOID(mib.VRRPv2.OID("vrrpOperMasterIpAddr"))
	oldPacketSource = agentx.MustParseOID(mib.VRRPv2.OID("vrrpTrapPacketSrc"))
	oldAuthError    = agentx.MustParseOID(mib.VRRPv2.OID("vrrpTrapAuthErrorType"))

	newMasterTrap = agentx.MustParseOID(mib.VRRPv3.OID("vrrpv3NewMaster"))
	newProtoTrap  = agentx.MustParseOID(mib.VRRPv3.OID("vrrpv3ProtoError"))
	newMasterAddr = agentx.MustParseOID(mib.VRRPv3.OID("vrrpv3OperationsMasterIpAddr"))
	newReason     = agentx.MustParseOID(mib.VRRPv3.OID("vrrpv3StatisticsNewMasterReason"))
	newProtoError = agentx.MustParseOID(mib.VRRPv3.OID("vrrpv3StatisticsProtoErrReason"))
)

// rfc returns the notifications of the RFCs' modules about an event, each with
// the row that it is about. known is false if the address of this router, which
// is in them, has not been heard of yet.
func rfc(v *ledger.View, e *event.Event, always bool) (ns []agentx.Notification, known bool) {
	master := e.Kind == event.VRRPState && e.To == event.Master && e.Reason != event.Resumed
	refused := e.Kind == event.VRRPAdvertRejected
	if !v.Global.Traps || e.Snapshot || !master && !refused {
		return nil, true
	}
	in := v.Instance(e.Subject.Name)
	if in == nil {
		return nil, true
	}
	only := &ledger.View{Instances: []*ledger.Instance{in}, Interfaces: v.Interfaces}
	if rows := oldInstances(only); len(rows) > 0 && (always || v.Global.SNMPRFC2) {
		index := rows[0].index
		if master {
			ns = append(ns, agentx.Notification{Trap: oldMasterTrap, VarBinds: []agentx.VarBind{
				{Name: oldMasterAddr.Join(index), Value: agentx.IP(primary(in))},
			}})
		} else if n, ok := authError(e.Reason); ok {
			ns = append(ns, agentx.Notification{Trap: oldAuthTrap, VarBinds: []agentx.VarBind{
				{Name: oldPacketSource.Join(index), Value: agentx.IP(e.Evidence.Peer)}, {Name: oldAuthError.Join(index), Value: agentx.Int(n)},
			}})
		}
	}
	if rows := newInstances(only); len(rows) > 0 && (always || v.Global.SNMPRFC3) {
		index := rows[0].index
		if master {
			ns = append(ns, agentx.Notification{Trap: newMasterTrap, VarBinds: []agentx.VarBind{
				{Name: newMasterAddr.Join(index), Value: inet(primary(in))}, {Name: newReason.Join(index), Value: agentx.Int(newMasterReason(e.Reason))},
			}})
		} else if n, ok := protoError(e.Reason); ok {
			ns = append(ns, agentx.Notification{Trap: newProtoTrap, VarBinds: []agentx.VarBind{{Name: newProtoError.Join(index), Value: agentx.Int(n)}}})
		}
	}
	for i := range ns {
		ns[i].VarBinds = append(ns[i].VarBinds, about(e)...)
	}
	return ns, !master || len(ns) == 0 || in.Tally.Source != ""
}
