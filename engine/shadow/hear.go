// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package shadow

import (
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// Hear takes an advert that was seen.
func (m *Machine) Hear(a *Advert) []event.Event {
	m.begin(a.At)
	id, ok := wire.VRID(a.Payload)
	known := false
	for _, in := range m.instances {
		if ok && in.set.VRID == id && m.concerns(in, a) {
			known = true
			m.hear(in, a)
		}
	}
	if !known {
		m.stray(a)
	}
	m.gather()
	return m.out
}

// concerns says whether an advert of its virtual router id is for an instance.
func (m *Machine) concerns(in *instance, a *Advert) bool {
	if in.set.Family != a.Family || in.set.Unicast == a.Dest.IsMulticast() {
		return false
	}
	if in.set.Interface != "" {
		i := m.links[in.set.Interface]
		return i != nil && i.index == a.IfIndex
	}
	return true
}

// stray counts a packet that fits no instance.
func (m *Machine) stray(a *Advert) {
	if a.Own {
		return
	}
	r := wire.Sound(a.Payload, a.Family, wire.Carrier{Src: a.Source, Dst: a.Dest, TTL: a.TTL})
	switch r.Reason { //nolint:exhaustive // what Sound says
	case event.RejectPacketLength:
		m.tally.Length++
	case event.RejectVersion:
		m.tally.Version++
	case event.RejectChecksum:
		m.tally.Checksum++
	default:
		m.tally.VRID++
	}
}

func (m *Machine) hear(in *instance, a *Advert) {
	var ad wire.Advert
	r := wire.Parse(a.Payload, wire.Carrier{Src: a.Source, Dst: a.Dest, TTL: a.TTL}, &in.expect, &ad)
	if r.Reason != event.ReasonNone {
		m.refuse(in, a, r)
		return
	}
	if in.set.Version == 3 && ad.Interval > 0 {
		in.interval = ad.Interval
	}
	in.expire(a.At)
	if !a.Own {
		in.tally.Received++
		m.compareList(in, a, &ad)
	}
	switch {
	case a.Own && ad.Priority == 0:
		in.tally.ZeroSent++
		in.own.at, in.resigned = 0, a.At
	case a.Own:
		in.tally.Sent++
		in.own, in.source, in.resigned = speaker{ad.Priority, a.At}, a.Source, 0
	case ad.Priority == 0:
		in.tally.ZeroReceived++
		delete(in.others, a.Source)
		in.zero = a.At
	default:
		in.listen(a, &ad)
	}
	m.settle(in)
	if ad.Priority > 0 {
		in.took(a)
	}
	m.quarrel(in)
}

// listen takes an advert of another router.
func (in *instance) listen(a *Advert, ad *wire.Advert) {
	in.ring[in.ringed%event.HeardMax] = event.Heard{At: a.At, Wall: a.Wall, Source: a.Source, Priority: ad.Priority, Interval: ad.Interval}
	in.ringed++
	if in.ringed == 2*event.HeardMax {
		in.ringed = event.HeardMax
	}
	was, known := in.others[a.Source]
	if !known && len(in.others) >= othersMost {
		return
	}
	if known {
		in.gap(a.At.Sub(was.at))
	}
	in.others[a.Source] = speaker{ad.Priority, a.At}
	in.zero = 0
	if in.state == event.Master {
		in.tally.Conflicts[in.precedence(ad.Priority)]++
	}
}

// gapBounds is event.GapBounds.
var gapBounds = event.GapBounds()

// gap counts the time between two adverts of a router.
func (in *instance) gap(d time.Duration) {
	ratio := float64(d) / float64(in.interval)
	i := 0
	for i < len(gapBounds) && ratio > gapBounds[i] {
		i++
	}
	in.tally.Gaps[i]++
	in.tally.GapSum += ratio
	in.margin = in.silence() - d
	if missed := int64(d+in.interval/2)/int64(in.interval) - 1; missed > 0 {
		in.tally.Missed += uint64(missed)
	}
}

// precedence is the place in Tally.Conflicts: lower, equal, higher.
func (in *instance) precedence(priority uint8) int {
	switch {
	case priority < in.own.priority:
		return 0
	case priority == in.own.priority:
		return 1
	}
	return 2
}

// turnsMost is how many changes between two speakers, none older than the time
// that a router may be silent, make a split brain: a handover has at most two.
const turnsMost = 4

// took notes who speaks: two that both go on are heard in turns.
func (in *instance) took(a *Advert) {
	switch {
	case in.spokeAt == 0 || a.At.Sub(in.spokeAt) > in.silence():
		in.turns = 0
	case in.spoke != a.Source:
		in.turns++
	default:
		// One of them alone for two intervals is no quarrel.
		if in.turns > 0 && len(in.others) == 0 {
			in.turns = 0
		}
	}
	in.spoke, in.spokeAt = a.Source, a.At
}

// quarrel says when two routers are master at once, and when no more.
func (m *Machine) quarrel(in *instance) {
	var rival netip.Addr
	why := event.ReasonNone
	peer, other := in.master()
	switch {
	case in.own.at != 0 && peer.IsValid() && (in.turns >= turnsMost || in.rival == peer):
		rival = peer
		why = [...]event.Reason{event.ConflictLower, event.ConflictEqual, event.ConflictHigher}[in.precedence(other.priority)]
	case in.own.at == 0 && len(in.others) > 1 && (in.turns >= turnsMost || in.why == event.ConflictMasters):
		rival, why = peer, event.ConflictMasters
	case in.state == event.Backup && len(in.holds) > 0 && m.now.Sub(in.since) > in.silence():
		// This host is not master, and has not given the addresses up.
		rival, why = peer, event.ConflictClaim
	}
	if rival == in.rival && why == in.why {
		return
	}
	if in.rival.IsValid() {
		m.emit(event.Event{
			Kind: event.VRRPConflict, Subject: in.subject, From: event.Up, To: event.Down, Reason: in.why,
			Cause: in.quarrel, Root: in.quarrel, Evidence: event.Evidence{Peer: in.rival},
		})
	}
	if in.rival, in.why = rival, why; !rival.IsValid() {
		in.turns = 0
		return
	}
	if why == event.ConflictMasters {
		in.tally.TwoMasters++
	}
	in.quarrel = m.emit(event.Event{
		Kind: event.VRRPConflict, Subject: in.subject, From: event.Down, To: event.Up, Reason: why,
		Priority: in.priorityIn(in.state), Evidence: in.evidence(),
	})
}

// refuse counts an advert that the observed router refuses as well, and tells of
// the first of each kind.
func (m *Machine) refuse(in *instance, a *Advert, r wire.Reject) {
	if a.Own {
		return
	}
	if i, ok := r.Reason.RejectIndex(); ok {
		in.tally.Rejects[i]++
	}
	key := rejection{a.Source, r.Reason}
	if in.told[key] {
		return
	}
	if len(in.told) >= othersMost {
		clear(in.told)
	}
	in.told[key] = true
	want, got := r.Text()
	m.emit(event.Event{
		Kind: event.VRRPAdvertRejected, Subject: in.subject, Reason: r.Reason, Evidence: event.Evidence{Peer: a.Source, Want: want, Got: got},
	})
}

// compareList tells of an advert with other addresses than the configuration's.
func (m *Machine) compareList(in *instance, a *Advert, ad *wire.Advert) {
	same := ad.Count() == len(in.list)
	for i := 0; same && i < ad.Count(); i++ {
		same = slices.Contains(in.list, ad.Addr(i))
	}
	if !same {
		m.refuse(in, a, wire.Reject{Reason: event.RejectAddressList, Want: len(in.list), Got: ad.Count()})
	}
}
