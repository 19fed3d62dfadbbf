// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"net/netip"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/explain"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
	"github.com/vigild/vigild/snmp/agentx"
)

// The names of what notifications carry. compat: columns of the keepalived
// tree go out without the index of a row; receivers are keyed on that.
var (
	groupTrap     = compatOID("vrrpSyncGroupStateChange")
	instanceTrap  = compatOID("vrrpInstanceStateChange")
	routerID      = compatOID("routerId").Append(0)
	groupName     = compatOID("vrrpSyncGroupName")
	groupState    = compatOID("vrrpSyncGroupState")
	instanceName  = compatOID("vrrpInstanceName")
	instanceState = compatOID("vrrpInstanceState")
	instanceFirst = compatOID("vrrpInstanceInitialState")

	serverTrap     = compatOID("realServerStateChange")
	quorumTrap     = compatOID("virtualServerQuorumStateChange")
	serverFamilyAt = compatOID("realServerAddrType")
	serverAddress  = compatOID("realServerAddress")
	serverPortAt   = compatOID("realServerPort")
	serverStatus   = compatOID("realServerStatus")
	serviceTypeAt  = compatOID("virtualServerType")
	serviceGroupAt = compatOID("virtualServerNameOfGroup")
	serviceMark    = compatOID("virtualServerFwMark")
	serviceFamAt   = compatOID("virtualServerAddrType")
	serviceAddress = compatOID("virtualServerAddress")
	servicePort    = compatOID("virtualServerPort")
	serviceProto   = compatOID("virtualServerProtocol")
	serviceStatus  = compatOID("virtualServerQuorumStatus")
	serviceQuorum  = compatOID("virtualServerQuorum")
	serviceUp      = compatOID("virtualServerRealServersUp")
	serviceTotal   = compatOID("virtualServerRealServersTotal")

	conflictTrap = vigilOID("vigilConflictChange")
	trapEventID  = vigilOID("vigilEventId").Append(0)
	trapReason   = vigilOID("vigilEventReason").Append(0)
	trapTime     = vigilOID("vigilEventTime").Append(0)
	trapText     = vigilOID("vigilEventText").Append(0)
)

// trapCount is how many kinds of notification there are.
const trapCount = 9

// trapKinds are the notifications there are, and trapNames what they are called.
var (
	trapKinds = []agentx.OID{groupTrap, instanceTrap, conflictTrap, serverTrap, quorumTrap, oldMasterTrap, oldAuthTrap, newMasterTrap, newProtoTrap}
	trapNames = [trapCount]string{
		"vrrpSyncGroupStateChange", "vrrpInstanceStateChange", "vigilConflictChange", "realServerStateChange", "virtualServerQuorumStateChange",
		"vrrpTrapNewMaster", "vrrpTrapAuthFailure", "vrrpv3NewMaster", "vrrpv3ProtoError",
	}
)

func compatOID(name string) agentx.OID { return agentx.MustParseOID(mib.Compat.OID(name)) }
func vigilOID(name string) agentx.OID  { return agentx.MustParseOID(mib.Vigil.OID(name)) }

// book turns events into notifications: it knows what was told of each subject
// last, and the rows of instances.
type book struct {
	conflicts bool
	told      map[event.Subject]event.State
	// rows are those of a generation of the configuration with a number of
	// instances; gone those that it no longer has: their end is still to be told.
	generation, count int
	rows, gone        map[string]*event.InstanceRow
}

func newBook(conflicts bool) *book {
	return &book{conflicts: conflicts, told: map[event.Subject]event.State{}}
}

// learn takes over the rows of a View, if they are others than before.
func (b *book) learn(v *ledger.View) {
	if b.generation == v.Global.Generation && b.count == len(v.Instances) {
		return
	}
	b.generation, b.count = v.Global.Generation, len(v.Instances)
	was := b.rows
	b.rows, b.gone = make(map[string]*event.InstanceRow, b.count), map[string]*event.InstanceRow{}
	for _, in := range v.Instances {
		row := in.Row
		b.rows[row.Subject.Name] = &row
	}
	for name, row := range was {
		if b.rows[name] == nil {
			b.gone[name] = row
		}
	}
}

// row returns the row of an instance, an empty one if it was never heard of.
func (b *book) row(name string) *event.InstanceRow {
	for _, rows := range []map[string]*event.InstanceRow{b.rows, b.gone} {
		if row := rows[name]; row != nil {
			return row
		}
	}
	return &event.InstanceRow{}
}

// read returns the notification of an event; ok is false for none.
func (b *book) read(v *ledger.View, e *event.Event) (n agentx.Notification, ok bool) {
	switch {
	case e.Kind == event.VRRPState || e.Kind == event.GroupState:
		told := b.report(e)
		if !b.news(e, told) || !v.Global.Traps {
			return n, false
		}
		if e.Kind == event.GroupState {
			n = b.group(v, e, told)
		} else {
			n = b.instance(v, e, told)
		}
	case e.Kind == event.ServerState || e.Kind == event.ServiceQuorum:
		if !v.Global.Traps {
			return n, false
		}
		if n, ok = b.pool(v, e); !ok {
			return n, false
		}
	case e.Kind == event.VRRPConflict && b.conflicts && v.Global.Traps && !e.Snapshot:
		n = conflict(v, e)
	default:
		return n, false
	}
	n.VarBinds = append(n.VarBinds, about(e)...)
	return n, true
}

// report is the state as it is told. compat: a removed instance is in FAULT
// unless notify_deleted is set.
func (b *book) report(e *event.Event) event.State {
	if e.To == event.Deleted && e.Kind == event.VRRPState && !b.row(e.Subject.Name).NotifyDeleted {
		return event.Fault
	}
	return e.To
}

// news says whether a state is worth telling, and remembers it: not a state
// that was told before, nor one that is restated or taken up again by a
// restarted worker.
func (b *book) news(e *event.Event, told event.State) bool {
	key := event.Subject{Kind: e.Subject.Kind, Name: e.Subject.Name}
	was, before := b.told[key]
	switch e.To {
	case event.Deleted:
		delete(b.told, key)
	case event.StateNone, event.Init, event.Up, event.Down, event.Unknown, event.Disabled:
		return false
	case event.Backup, event.Master, event.Fault, event.Stop:
		b.told[key] = told
	}
	if e.Snapshot || e.Reason == event.Resumed {
		return false
	}
	return !before || was != told
}

func (b *book) group(v *ledger.View, e *event.Event, told event.State) agentx.Notification {
	return agentx.Notification{Trap: groupTrap, VarBinds: []agentx.VarBind{
		{Name: groupName, Value: agentx.Text(e.Subject.Name)},
		{Name: groupState, Value: state(told)},
		{Name: routerID, Value: agentx.Text(v.Global.RouterID)},
	}}
}

func (b *book) instance(v *ledger.View, e *event.Event, told event.State) agentx.Notification {
	return agentx.Notification{Trap: instanceTrap, VarBinds: []agentx.VarBind{
		{Name: instanceName, Value: agentx.Text(e.Subject.Name)},
		{Name: instanceState, Value: state(told)},
		{Name: instanceFirst, Value: state(b.row(e.Subject.Name).InitialState)},
		{Name: routerID, Value: agentx.Text(v.Global.RouterID)},
	}}
}

// conflict tells the beginning or end of a split brain, in the rows of the
// instance.
func conflict(v *ledger.View, e *event.Event) agentx.Notification {
	n := agentx.Notification{Trap: conflictTrap}
	for i, in := range v.Instances {
		if in.Row.Subject.Name != e.Subject.Name {
			continue
		}
		row := *in
		row.Conflict, row.Conflicting = *e, e.To != event.Down
		for j, c := range storyColumns {
			switch c.name {
			case "vigilInstanceName", "vigilInstanceConflict", "vigilInstanceConflictPeerType", "vigilInstanceConflictPeer", "vigilInstanceConflictPriority":
				if value := c.value(&row); value.Type() != 0 {
					n.VarBinds = append(n.VarBinds, agentx.VarBind{Name: storyView.served()[j].oid.Append(uint32(i + 1)), Value: value})
				}
			}
		}
	}
	return n
}

// about is what every notification says of its event, behind the objects that
// belong to it (RFC 3416 section 4.2.6 allows more).
func about(e *event.Event) []agentx.VarBind {
	out := []agentx.VarBind{
		{Name: trapEventID, Value: eventID(e)},
		{Name: trapReason, Value: agentx.Text(e.Reason.String())},
	}
	if at := dateAndTime(e.Wall); at.Type() != 0 {
		out = append(out, agentx.VarBind{Name: trapTime, Value: at})
	}
	return append(out, agentx.VarBind{Name: trapText, Value: displayString(explain.Sentence(e))})
}

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
