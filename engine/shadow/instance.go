// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package shadow

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// speaker is a router that advertises.
type speaker struct {
	priority uint8
	// at is when it was heard last, 0 for one that is not heard (any more).
	at event.Instant
}

// othersMost bounds how many other routers are remembered for one instance.
const othersMost = 16

// rejection is one kind of refused advert of one source.
type rejection struct {
	source netip.Addr
	why    event.Reason
}

// instance is one virtual router as it is seen.
type instance struct {
	set     *vrrp.InstanceSettings
	subject event.Subject
	expect  wire.Expect
	list    []netip.Addr

	state event.State
	since event.Instant
	last  event.Event
	// interval is the one that the master advertises.
	interval time.Duration
	// own is this host, others are the rest.
	own    speaker
	source netip.Addr // of own
	others map[netip.Addr]speaker
	// zero is when another router gave up, resigned when this host did.
	zero, resigned event.Instant
	// turns counts how often the speaker changed in a short time, spoke is who
	// spoke last and when.
	turns   int
	spoke   netip.Addr
	spokeAt event.Instant
	// rival is the other half of a split brain, why what kind it is.
	rival   netip.Addr
	why     event.Reason
	quarrel event.Ref
	// holds are the addresses that are on this host.
	holds  map[netip.Addr]bool
	ring   [event.HeardMax]event.Heard
	ringed int
	told   map[rejection]bool
	margin time.Duration
	tally  event.Tally
}

func (in *instance) configure(set *vrrp.InstanceSettings) {
	in.set = set
	in.subject = event.Subject{Kind: event.SubjectInstance, Name: set.Name, Family: set.Family, VRID: set.VRID}
	in.expect = wire.Expect{
		Family: set.Family, Version: set.Version, AuthType: uint8(set.Auth), Interval: set.AdvertInterval,
		AnyTTL: set.Unicast, ChecksumAsV2: set.V3ChecksumAsV2, Trailer: set.AuthHMAC != nil,
	}
	if set.Auth == vrrp.AuthPass {
		in.expect.Auth = set.AuthPass
	}
	if set.Unicast && set.Version == 3 && set.Family == 4 {
		in.expect.Pseudo = set.Multicast // compat: of whom it is not known which they use
	}
	if in.interval == 0 || set.Version == 2 {
		in.interval = set.AdvertInterval
	}
	in.list = in.list[:0]
	for k := range set.Addresses {
		in.list = append(in.list, set.Addresses[k].Prefix.Addr())
	}
	if in.holds == nil {
		in.holds = map[netip.Addr]bool{}
	}
}

// silence is how long a router may be silent before it counts as gone: the
// longest master-down interval that any backup can have.
func (in *instance) silence() time.Duration {
	skew := in.interval
	if in.set.Version == 2 {
		skew = time.Second // RFC 3768 section 6.1: at most (256 - 0) / 256 s
	}
	return time.Duration(in.set.DownTimerAdverts)*in.interval + skew
}

// expire forgets who has been silent for too long.
func (in *instance) expire(now event.Instant) {
	gone := now.Add(-in.silence())
	if in.own.at <= gone {
		in.own.at = 0
	}
	for a, o := range in.others {
		if o.at <= gone {
			delete(in.others, a)
			in.tally.Missed += uint64(in.set.DownTimerAdverts)
		}
	}
}

// deadline is when somebody's silence will be too long.
func (in *instance) deadline() (at event.Instant) {
	earlier := func(t event.Instant) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	wait := in.silence()
	if in.own.at != 0 {
		earlier(in.own.at.Add(wait))
		if a, o := in.master(); a.IsValid() && o.at > in.own.at && in.loses(a, o) {
			earlier(in.own.at.Add(in.patience()))
		}
	}
	for _, o := range in.others {
		earlier(o.at.Add(wait))
	}
	if in.zero != 0 && in.state == event.Backup {
		earlier(in.zero.Add(wait))
	}
	return at
}

// patience is how long a router that loses an election may be silent before it
// is believed to have noticed.
func (in *instance) patience() time.Duration { return in.interval * 3 / 2 }

// master is the other router that would win, invalid if none is heard.
func (in *instance) master() (addr netip.Addr, best speaker) {
	for a, o := range in.others {
		if !addr.IsValid() || o.priority > best.priority || o.priority == best.priority && a.Compare(addr) > 0 {
			addr, best = a, o
		}
	}
	return addr, best
}

// loses says whether this host loses against another (RFC 9568 section 6.4.3).
func (in *instance) loses(a netip.Addr, o speaker) bool {
	return o.priority > in.own.priority || o.priority == in.own.priority && a.Compare(in.source) > 0
}

// settle derives the state from what is known and goes over to it.
func (m *Machine) settle(in *instance) {
	if i := m.links[in.set.Interface]; i != nil && !i.up && !in.set.DontTrackPrimary {
		m.become(in, event.Fault, event.Interface)
		return
	}
	if in.state == event.Fault {
		m.become(in, event.Init, event.Interface)
	}
	peer, other := in.master()
	speaks := in.own.at != 0
	if speaks && peer.IsValid() && other.at > in.own.at && in.loses(peer, other) &&
		(len(in.holds) == 0 && in.state == event.Master || m.now.Sub(in.own.at) >= in.patience()) {
		speaks, in.own.at = false, 0 // it has stepped back
	}
	switch {
	case speaks:
		m.become(in, event.Master, in.promotion(peer, other))
	case peer.IsValid():
		if in.state == event.Master {
			to, why := in.steppedBack(peer, other)
			m.become(in, to, why)
		}
		if in.state == event.Init {
			m.become(in, event.Backup, event.Observed)
		}
	case in.resigned != 0 && in.state == event.Master:
		m.become(in, event.Init, event.Resigned)
	case in.state == event.Backup && in.zero != 0 && m.now.Sub(in.zero) < in.silence():
		// The master gave up just now, and somebody will follow it.
	default:
		m.become(in, event.Init, event.Silent)
	}
}

// promotion is why this host advertises.
func (in *instance) promotion(peer netip.Addr, other speaker) event.Reason {
	switch {
	case in.state == event.Init:
		return event.Observed
	case in.zero != 0:
		return event.PriorityZero
	case peer.IsValid() && other.priority < in.own.priority:
		return event.Preempt
	}
	return event.MasterDownTimer
}

// steppedBack is what became of a master beside which another one is heard.
func (in *instance) steppedBack(peer netip.Addr, other speaker) (event.State, event.Reason) {
	switch {
	case in.resigned != 0:
		return event.Init, event.Resigned
	case other.priority > in.own.priority:
		return event.Backup, event.HigherPriority
	case other.priority == in.own.priority && peer.Compare(in.source) > 0:
		return event.Backup, event.HigherAddress
	}
	return event.Init, event.Silent // it vanished, and another one took over
}

// become is the only writer of the state.
func (m *Machine) become(in *instance, to event.State, why event.Reason) {
	from := in.state
	if from == to {
		return
	}
	if i := slices.Index(event.VRRPStates(), from); i >= 0 {
		in.tally.InState[i] += m.now.Sub(in.since)
	}
	if to == event.Master {
		in.tally.Promotions++
	}
	if from == event.Master {
		in.tally.Demotions++
	}
	e := event.Event{
		Kind: event.VRRPState, Subject: in.subject, From: from, To: to, Reason: why, Priority: in.priorityIn(to), Evidence: in.evidence(),
	}
	in.state, in.since = to, m.now
	if to != event.Master {
		in.resigned = 0
	}
	in.zero = 0
	m.emit(e)
	in.last = m.out[len(m.out)-1]
}

// priorityIn is the effective priority as far as it is known: that of the
// adverts of this host.
func (in *instance) priorityIn(s event.State) uint8 {
	if s == event.Master {
		return in.own.priority
	}
	return 0
}

// evidence is what is known now.
func (in *instance) evidence() event.Evidence {
	peer, other := in.master()
	e := event.Evidence{
		Peer: peer, PeerPriority: other.priority, Interval: in.interval, MasterDown: in.silence(), Margin: in.margin,
		Base: in.set.Priority, N: uint8(min(in.ringed, event.HeardMax)),
	}
	for i := range int(e.N) {
		e.Heard[i] = in.ring[(in.ringed-1-i)%event.HeardMax]
	}
	return e
}

// owned compares the addresses of this host with those of the instance.
func (m *Machine) owned(in *instance) {
	for _, list := range [][]vrrp.Address{in.set.Addresses, in.set.Excluded} {
		for k := range list {
			a := &list[k]
			face := a.Interface
			if face == "" {
				face = in.set.Face()
			}
			i := m.links[face]
			has := i != nil && i.addrs[a.Prefix.Addr()]
			if has == in.holds[a.Prefix.Addr()] {
				continue
			}
			e := event.Event{Kind: event.AddressAdded, Subject: in.subject, Count: 1, Cause: in.last.Ref(), Root: in.last.Ref()}
			e.Subject.Sub = a.Prefix.String()
			if has {
				in.holds[a.Prefix.Addr()] = true
			} else {
				delete(in.holds, a.Prefix.Addr())
				e.Kind = event.AddressRemoved
			}
			m.emit(e)
		}
	}
}
