// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// This file is what the modules of both RFCs say of an instance.

// active is RowStatus active(1): rows are made by the configuration alone.
func active() agentx.Value { return agentx.Int(1) }

// virtual are the instances that a module shows, by the number of their
// interface; of two with the same name the first one counts.
func virtual(v *ledger.View, shows func(*ledger.Instance) bool, index func(in *ledger.Instance, ifIndex int) agentx.OID) []row[*ledger.Instance] {
	links := linkIndex(v)
	var out []row[*ledger.Instance]
	for _, in := range v.Instances {
		if shows(in) && len(advertised(in)) > 0 {
			name, known := in.Row.Interface, in.Row.IfIndex
			if in.Row.Below != "" {
				name, known = in.Row.Below, in.Row.BelowIndex // compat: not the VMAC
			}
			out = append(out, row[*ledger.Instance]{index(in, links(name, known)), in})
		}
	}
	return inOrder(out)
}

// inOrder sorts rows by their index and drops all but the first of each.
func inOrder[R any](rows []row[R]) []row[R] {
	slices.SortStableFunc(rows, func(a, b row[R]) int { return a.index.Compare(b.index) })
	return slices.CompactFunc(rows, func(a, b row[R]) bool { return a.index == b.index })
}

// associated are the addresses of the rows, each with a name of its own.
func associated(rows []row[*ledger.Instance]) (out []row[struct{}]) {
	for _, r := range rows {
		for _, a := range advertised(r.of) {
			index := r.index
			for _, b := range a.AsSlice() {
				index = index.Append(uint32(b))
			}
			out = append(out, row[struct{}]{index, struct{}{}})
		}
	}
	return inOrder(out)
}

// advertised are the addresses in the adverts of an instance.
func advertised(in *ledger.Instance) (out []netip.Addr) {
	for _, a := range in.Addresses {
		if a.Row.Advertised {
			out = append(out, a.Row.Prefix.Addr().Unmap())
		}
	}
	return out
}

// operState is initialize(1), backup(2) or master(3).
func operState(in *ledger.Instance) agentx.Value {
	switch in.State {
	case event.Backup:
		return agentx.Int(2)
	case event.Master:
		return agentx.Int(3)
	case event.StateNone, event.Init, event.Fault, event.Stop, event.Deleted, event.Up, event.Down, event.Unknown, event.Disabled:
	}
	return agentx.Int(1)
}

// primary is the address that adverts are sent from, and of its family the zero
// address while there is none.
func primary(in *ledger.Instance) netip.Addr { return addressOr0(in, in.Tally.Source) }

// masterOf is the address of the master, this router's own while it is that.
func masterOf(in *ledger.Instance) netip.Addr {
	if in.State == event.Master {
		return primary(in)
	}
	return addressOr0(in, in.Tally.Master)
}

func addressOr0(in *ledger.Instance, text string) netip.Addr {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.WithZone("")
	}
	if in.Row.Subject.Family == 6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// hardware is the address of the interface that adverts go through, empty
// without one.
func hardware(in *ledger.Instance) agentx.Value {
	b, err := hex.DecodeString(strings.ReplaceAll(in.Tally.MAC, ":", ""))
	if err != nil {
		b = nil
	}
	return agentx.Bytes(b)
}

// upTime is for how long the instance has been BACKUP or MASTER, in hundredths of
// a second. compat: it is no moment, although RFC 2787 asks for one.
func upTime(in *ledger.Instance) agentx.Value {
	return agentx.Ticks(uint32((in.Tally.InState[1] + in.Tally.InState[2]) / (10 * time.Millisecond)))
}

// rejects counts the adverts that were refused for a reason.
func rejects(in *ledger.Instance, why event.Reason) uint64 {
	i, _ := why.RejectIndex()
	return in.Tally.Rejects[i]
}

// promotion is the last transition to MASTER that is remembered.
func promotion(in *ledger.Instance) *event.Event {
	for _, e := range []*event.Event{&in.Last, &in.Previous} {
		if e.To == event.Master {
			return e
		}
	}
	return nil
}

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
