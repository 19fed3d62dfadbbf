// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/snmp/agentx"
)

// The values of virtualServerQuorumStatus.
const (
	quorumMet      = 1
	quorumNotMet   = 2
	quorumShutdown = 3
)

// pool returns the notification of an event about a real server or a quorum; ok
// is false for none.
func (b *book) pool(v *ledger.View, e *event.Event) (n agentx.Notification, ok bool) {
	r, known := event.ParseVirtualServer(e.Subject.Name)
	if !known || e.Snapshot || e.Reason == event.HASuspend || e.Reason == event.Resumed {
		return n, false
	}
	c := &e.Evidence.Check
	if e.Kind == event.ServiceQuorum {
		status, ok := quorumStatus(e)
		if !ok {
			return n, false
		}
		n.Trap = quorumTrap
		n.VarBinds = append(identity(&r), agentx.VarBind{Name: serviceStatus, Value: agentx.Int(status)},
			agentx.VarBind{Name: serviceQuorum, Value: gauge(c.Quorum)})
	} else {
		alive, ok := serverAlive(e)
		at, err := netip.ParseAddrPort(e.Subject.Sub)
		if !ok || err != nil {
			return n, false
		}
		n.Trap = serverTrap
		n.VarBinds = append([]agentx.VarBind{
			{Name: serverFamilyAt, Value: inetType(at.Addr())},
			{Name: serverAddress, Value: inet(at.Addr())},
			{Name: serverPortAt, Value: gauge(int64(portOf(v, e.Subject, at)))},
			{Name: serverStatus, Value: yes(alive)},
		}, identity(&r)...)
	}
	n.VarBinds = append(n.VarBinds,
		agentx.VarBind{Name: serviceUp, Value: gauge(int64(c.ServersUp) + ended(v, e))},
		agentx.VarBind{Name: serviceTotal, Value: gauge(int64(c.Servers))},
		agentx.VarBind{Name: routerID, Value: agentx.Text(v.Global.RouterID)})
	return n, true
}

// ended counts the servers that were up until the end came. compat: they still
// count as up when the end of their virtual server is told.
func ended(v *ledger.View, e *event.Event) (n int64) {
	s := v.Pool.Service(e.Subject.Name)
	if s == nil || e.Reason != event.Shutdown {
		return 0
	}
	for _, r := range s.Servers {
		if r.State == event.Down && r.Last != nil && r.Last.Reason == event.Shutdown {
			n++
		}
	}
	return n
}

// portOf is the port that packets to a server go to, as far as its row is known.
func portOf(v *ledger.View, of event.Subject, at netip.AddrPort) uint16 {
	if s := v.Pool.Service(of.Name); s != nil {
		if r := s.Server(of.Sub); r != nil && r.Row.Addr.IsValid() {
			return serverPort(serverRow{r, s})
		}
	}
	return at.Port()
}

// identity is what a virtual server is known by.
func identity(r *event.VirtualServer) []agentx.VarBind {
	kind := serviceType(r)
	out := []agentx.VarBind{{Name: serviceTypeAt, Value: kind}}
	switch kind {
	case agentx.Int(3):
		out = append(out, agentx.VarBind{Name: serviceGroupAt, Value: agentx.Text(r.Group)})
	case agentx.Int(1):
		out = append(out, agentx.VarBind{Name: serviceMark, Value: gauge(int64(r.Mark))})
	default:
		out = append(out, agentx.VarBind{Name: serviceFamAt, Value: inetType(r.Addr.Addr())},
			agentx.VarBind{Name: serviceAddress, Value: inet(r.Addr.Addr())},
			agentx.VarBind{Name: servicePort, Value: gauge(int64(r.Addr.Port()))})
	}
	// compat: whatever is not TCP is told as udp(2), SCTP and firewall marks too.
	protocol := int32(2)
	if r.Protocol == event.ProtocolTCP {
		protocol = 1
	}
	return append(out, agentx.VarBind{Name: serviceProto, Value: agentx.Int(protocol)})
}

// quorumStatus is the status to tell of; ok is false for no news.
func quorumStatus(e *event.Event) (status int32, ok bool) {
	switch {
	case e.To == event.Deleted || e.Reason == event.Shutdown:
		return quorumShutdown, true
	case e.From == e.To:
		return 0, false
	case e.To == event.Up:
		return quorumMet, true
	case e.To == event.Down:
		return quorumNotMet, true
	}
	return 0, false
}

// serverAlive is the state to tell of; ok is false for no news. compat: a real
// server is taken for up at the start, so only that one is down is told; and of
// the servers that omega takes down at the end nothing is.
func serverAlive(e *event.Event) (alive, ok bool) {
	switch {
	case e.Subject.Sorry() || e.From == e.To || e.Reason == event.Shutdown:
		return false, false
	case e.To == event.Up:
		return true, e.From == event.Down
	case e.To == event.Down:
		return false, e.From == event.Up || e.From == event.StateNone
	case e.To == event.Deleted:
		return false, e.From == event.Up
	}
	return false, false
}
