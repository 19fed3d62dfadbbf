// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// heard is what was heard on the wire: a ring of adverts and the present master.
type heard struct {
	ring [event.HeardMax]event.Heard
	head int // place of the newest
	n    int

	master         netip.Addr
	masterPriority uint8
	// at is when the master's last advert was received.
	at event.Instant
	// margin is what was then left on the master-down timer.
	margin time.Duration
	// Of the last adverts that were due, this many were lost, while BACKUP.
	due, lost int
}

// owed notes that n adverts were due, of which the last came. Of what is long
// ago, half is forgotten.
func (h *heard) owed(n int) {
	h.due, h.lost = h.due+n, h.lost+n-1
	if h.due > 64 {
		h.due, h.lost = h.due/2, h.lost/2
	}
}

// add records one advert.
func (h *heard) add(x event.Heard) {
	h.head = (h.head + 1) % event.HeardMax
	h.ring[h.head] = x
	h.n = min(h.n+1, event.HeardMax)
}

// forget says that there is no master beside us.
func (h *heard) forget() {
	h.master, h.masterPriority, h.at, h.margin, h.due, h.lost = netip.Addr{}, 0, 0, 0, 0, 0
}

// gapBounds is event.GapBounds.
var gapBounds = event.GapBounds()

// accepted records an advert of the master that is accepted by a BACKUP: gaps,
// misses and margins, all from the kernel's receive times.
func (r *Router) accepted(in *instance, x *stimulus) {
	h := &in.heard
	due, known := in.due[dueProtocol], h.master == x.source && h.at != 0 && x.at > h.at
	h.margin = due.Sub(x.at)
	if known {
		gap := x.at.Sub(h.at)
		ratio := float64(gap) / float64(in.interval)
		i := 0
		for i < len(gapBounds) && ratio > gapBounds[i] {
			i++
		}
		in.tally.Gaps[i]++
		in.tally.GapSum += ratio
		missed := max(0, int64(gap+in.interval/2)/int64(in.interval)-1)
		h.owed(int(missed) + 1)
		if missed > 0 {
			in.tally.Missed += uint64(missed)
			if h.margin < in.interval && !in.election.zero {
				r.nearMiss(in, x)
			}
		}
	}
	if h.master != x.source {
		h.due, h.lost = 0, 0
	}
	h.master, h.masterPriority, h.at = x.source, x.priority, x.at
}

// nearMiss reports a master-down timer that was in its last interval.
func (r *Router) nearMiss(in *instance, x *stimulus) {
	in.tally.NearMisses++
	c := cause{at: x.at, due: in.due[dueProtocol], peer: x.source, peerPriority: x.priority}
	r.emit(event.Event{Kind: event.VRRPNearMiss, Subject: in.subject, Priority: in.priority, Evidence: r.evidence(in, &c)})
}

// silent counts the adverts that a dead master owes.
func (in *instance) silent(now event.Instant) {
	if in.heard.at != 0 && in.heard.master.IsValid() && now > in.heard.at {
		in.tally.Missed += uint64(now.Sub(in.heard.at) / in.interval)
	}
}

// evidence is what is known now, before anything is changed.
func (r *Router) evidence(in *instance, c *cause) event.Evidence {
	e := event.Evidence{
		N: uint8(in.heard.n), Peer: c.peer, PeerPriority: c.peerPriority,
		Interval: in.interval, Skew: in.skew(), MasterDown: in.masterDown(),
		Deadline: c.due, Margin: in.heard.margin, Due: uint8(in.heard.due), Lost: uint8(in.heard.lost),
		Base: in.set.Priority, Effective: in.priority,
		Object: c.object, ObjectName: c.objectName, ObjectState: c.objectState,
	}
	if o := c.objectLast; o != nil {
		e.ObjectWhy, e.ObjectValue, e.ObjectTook = o.Reason, o.Count, o.Took
	}
	if f := &c.unheard; f.at != 0 {
		e.Refused, e.Peer, e.PeerPriority, e.Want, e.Got = f.why, f.by, 0, f.want, f.got
	}
	for i := range in.heard.n {
		e.Heard[i] = in.heard.ring[(in.heard.head-i+event.HeardMax)%event.HeardMax]
	}
	if c.due != 0 && r.now > c.due {
		e.Lateness = r.now.Sub(c.due)
	}
	e.Held = c.held
	e.Lateness = max(0, e.Lateness-c.held)
	e.Stall = r.pause.longest(r.now.Add(-e.MasterDown - c.held))
	for i := range in.follows {
		f := &in.follows[i]
		delta := f.delta()
		if f.weight == 0 || in.set.Owner() {
			continue
		}
		if e.NTerm == event.TermMax {
			e.More++
			continue
		}
		e.Terms[e.NTerm] = event.Term{Kind: f.kind(), Name: f.name(), Delta: int16(delta), Up: f.up()}
		e.NTerm++
	}
	return e
}

// pauseWorth is the shortest pause that is kept.
const pauseWorth = time.Millisecond

// pauses remembers when this process looked too late.
type pauses struct {
	ring [16]struct {
		due event.Instant // the deadline that was overdue
		end event.Instant // when it was seen
	}
	head int
	// told is until when stalls are reported.
	told event.Instant
	// limit is the shortest master-down interval of all instances, 0 for none.
	limit time.Duration
}

// look notes whether the least deadline is overdue. late is how much, and
// fresh says that this is the first sight of this pause.
func (p *pauses) look(now event.Instant, h []*timer) (late time.Duration, fresh bool) {
	if len(h) == 0 || now.Sub(h[0].due) < pauseWorth {
		return 0, false
	}
	// A deadline before the end of the last pause is part of that pause: an
	// advert that waited has moved a timer, but not far enough.
	if fresh = h[0].due > p.ring[p.head].end; fresh {
		p.head = (p.head + 1) % len(p.ring)
		p.ring[p.head].due = h[0].due
	}
	p.ring[p.head].end = now
	return now.Sub(h[0].due), fresh
}

// longest is the longest pause that ended after since.
func (p *pauses) longest(since event.Instant) (d time.Duration) {
	for _, x := range p.ring {
		if x.end > since && x.end != 0 {
			d = max(d, x.end.Sub(x.due))
		}
	}
	return d
}

// thaw is the freeze detector. It runs when time passes again, which is when
// all that was received meanwhile has been judged: after a pause in which every
// peer must have taken us for dead, whoever is still master tells the
// neighbours again where the addresses are.
func (r *Router) thaw() {
	p := &r.pause
	late := p.longest(p.told)
	if p.limit == 0 || late < p.limit {
		return
	}
	p.told = r.now
	r.tally.Stalls++
	by := r.emit(event.Event{
		Kind: event.Stalled, Subject: event.Subject{Kind: event.SubjectRouter, Name: "vrrp"}, Took: late,
	})
	for _, in := range r.instances {
		if in.state == event.Master && late >= in.masterDown() {
			r.announce(in, event.AnnounceThaw, in.set.GarpRepeat, by)
		}
	}
}

// suspicion is a takeover that is held.
type suspicion struct {
	held time.Duration
	// due is when it would have been, by the event that said so.
	due event.Instant
	by  because
}

// suspectLate is how late this process must have been, within the last
// master-down interval, not to trust itself: a tenth of an advertisement
// interval, and no less than a scheduler may take without being to blame.
func suspectLate(interval time.Duration) time.Duration { return max(interval/10, suspectLeast) }

const suspectLeast = 5 * time.Millisecond

// suspect holds the takeover of a master that seems to be silent, once and for
// one Skew_Time, if this process was late itself: what the kernel had received
// has been judged by its receive time already, but what came while the machine
// stood still may be on its way yet. An advert that comes meanwhile is taken as
// ever. So a takeover is at most one Skew_Time later than it would have been,
// and never of a router that was in time. A master that gave up, or one of lower
// priority, was heard, and nobody else needs to be waited for.
func (r *Router) suspect(in *instance, x *stimulus) bool {
	e := &in.election
	if e.suspicion.held != 0 || e.zero || e.lower.At != 0 || e.first || in.set.Owner() || r.settings.TrustSelf {
		return false
	}
	if r.pause.longest(r.now.Add(-in.masterDown())) < suspectLate(in.interval) {
		return false
	}
	in.tally.Suspicions++
	e.suspicion = suspicion{held: in.skew(), due: x.due}
	c := cause{due: x.due, held: in.skew(), peer: in.heard.master, peerPriority: in.heard.masterPriority}
	v := r.evidence(in, &c)
	v.Lateness = r.now.Sub(x.due)
	e.suspicion.by = r.emit(event.Event{
		Kind: event.VRRPSuspicion, Subject: in.subject, Priority: in.priority, Took: c.held, Evidence: v,
	})
	in.due[dueProtocol] = r.now.Add(c.held)
	return true
}

// refusal is the last advert that an instance refused: who is silent because its
// adverts are refused is not silent.
type refusal struct {
	at        event.Instant
	by        netip.Addr
	why       event.Reason
	want, got string
}

// again notes another advert of the same run.
func (f *refusal) again(at event.Instant, by netip.Addr, why event.Reason) {
	if f.by == by && f.why == why {
		f.at = at
	}
}

// stranger is a router heard under an id that no instance here has.
type stranger struct {
	at      event.Instant
	ifindex int
	family  uint8
	vrid    uint8
	by      netip.Addr
	list    []byte
}

// strangerMax bounds how many strangers are remembered. More of them are normal
// on a busy link, and then the newest are kept.
const strangerMax = 8

// strangers are those heard last.
type strangers struct {
	list [strangerMax]stranger
	next int
}

// note remembers a sound packet that fits no instance, and says whether its
// sender is new.
func (s *strangers) note(p *Packet, vrid uint8, at event.Instant) (fresh bool) {
	for i := range s.list {
		x := &s.list[i]
		if x.by == p.Source && x.vrid == vrid && x.ifindex == p.IfIndex {
			fresh = at.Sub(x.at) > runIdle
			x.at = at
			return fresh
		}
	}
	s.list[s.next] = stranger{at, p.IfIndex, p.Family, vrid, p.Source, append([]byte(nil), wire.List(p.Payload, p.Family)...)}
	s.next = (s.next + 1) % strangerMax
	return true
}

// unheard says whose adverts came within the last master-down interval and were
// not taken, when an instance takes over because it heard none: those of the
// master it had, or of anybody if it had none.
func (r *Router) unheard(in *instance) refusal {
	f, since := in.refusal, r.now.Add(-in.masterDown())
	if f.at >= max(since, in.heard.at) && f.at != 0 && (!in.heard.master.IsValid() || in.heard.master == f.by) {
		return f
	}
	if in.heard.master.IsValid() || in.ifc == nil {
		return refusal{}
	}
	for i := range r.strangers.list {
		x := &r.strangers.list[i]
		ad := wire.Advert{Family: x.family, List: x.list}
		if x.at == 0 || x.at < since || x.ifindex != in.ifc.index || x.family != in.set.Family || !sameAddresses(in.list, &ad) {
			continue
		}
		return refusal{x.at, x.by, event.RejectVRID, fmt.Sprintf("virtual router %d", in.set.VRID), fmt.Sprintf("virtual router %d", x.vrid)}
	}
	return refusal{}
}
