// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp/auth"
	"github.com/vigild/vigild/engine/vrrp/wire"
)

// lookupKey finds the instances that a packet may be for. IfIndex is 0 for
// unicast instances without interface.
type lookupKey struct {
	ifindex      int
	family, vrid uint8
}

// receive judges one packet and, if it is good, gives it to its instance.
func (r *Router) receive(p *Packet) {
	if r.stopping || !r.started || r.now < r.notBefore {
		return // compat: vrrp_startup_delay discards adverts.
	}
	id, ok := wire.VRID(p.Payload)
	if !ok {
		r.tally.Length++
		return
	}
	in := r.find(p, id)
	if in == nil {
		r.stranger(p, id)
		return
	}
	at := r.when(p)
	var ad wire.Advert
	if reject := in.judge(p, &ad); reject.Reason != event.ReasonNone {
		r.refuse(in, at, p.Source, &ad, reject)
		return
	}
	in.tally.Received++
	if ad.Pseudo.IsValid() && !in.oldSum {
		in.oldSum = true // compat: from here on we do as it does
		in.version++
	}
	if ad.Priority == 0 {
		in.tally.ZeroReceived++
	}
	in.heard.add(event.Heard{At: at, Wall: p.Wall, Source: p.Source, Priority: ad.Priority, Interval: ad.Interval})
	if !r.addressesMatch(in, at, p.Source, &ad) {
		in.tally.Rejects[event.RejectAddressList-event.RejectTTL]++
	} else {
		in.rejects.end(p.Source)
	}
	r.step(in, stimulus{kind: onAdvert, at: at, source: p.Source, priority: ad.Priority, interval: ad.Interval})
}

// when is the time at which a packet came: not later than now.
func (r *Router) when(p *Packet) event.Instant {
	if p.At == 0 || p.At > r.now {
		return r.now
	}
	return p.At
}

// find returns the instance that a packet is for, nil if none. Where several
// share a VRID, the kind of destination decides, then the peer's address.
func (r *Router) find(p *Packet, id uint8) *instance {
	list := r.lookup[lookupKey{p.IfIndex, p.Family, id}]
	if len(list) == 0 {
		list = r.lookup[lookupKey{0, p.Family, id}]
	}
	if len(list) < 2 {
		if len(list) == 1 {
			return list[0]
		}
		return nil
	}
	var best *instance
	score := -1
	for _, in := range list {
		n := 0
		if in.set.Unicast != p.Dest.IsMulticast() {
			n += 4
		}
		if in.set.Unicast && in.peer(p.Source) != nil || !in.set.Unicast && in.set.Multicast == p.Dest {
			n += 2
		}
		if in.source == p.Dest {
			n++
		}
		if n > score {
			best, score = in, n
		}
	}
	return best
}

// stranger counts a packet that fits no instance.
func (r *Router) stranger(p *Packet, id uint8) {
	reject := wire.Sound(p.Payload, p.Family, wire.Carrier{Src: p.Source, Dst: p.Dest, TTL: p.TTL})
	switch {
	case reject.Reason == event.RejectPacketLength:
		r.tally.Length++
	case reject.Reason == event.RejectVersion:
		r.tally.Version++
	case reject.Reason == event.RejectChecksum:
		r.tally.Checksum++
	default:
		r.tally.VRID++
		if r.strangers.note(p, id, r.when(p)) && r.settings.LogUnknownVRIDs {
			r.emit(event.Event{
				Kind: event.VRRPAdvertRejected, Subject: event.Subject{Kind: event.SubjectRouter, Name: "vrrp", Family: p.Family}, Reason: event.RejectVRID,
				Evidence: event.Evidence{Peer: p.Source, Got: fmt.Sprintf("virtual router %d", id)},
			})
		}
	}
}

// peer returns the configured peer of an address.
func (in *instance) peer(a netip.Addr) *Peer {
	for i := range in.set.Peers {
		if in.set.Peers[i].Addr == a {
			return &in.set.Peers[i]
		}
	}
	return nil
}

// judge says whether a packet is a good advert for the instance. The order is
// keepalived's, so that the same packet is refused for the same reason.
func (in *instance) judge(p *Packet, ad *wire.Advert) wire.Reject {
	// compat: an authentication header is there exactly if the type is AH.
	if (p.AH != nil) != (in.set.Auth == AuthAH) {
		got := int(AuthNone)
		if p.AH != nil {
			got = int(AuthAH)
		}
		return wire.Reject{Reason: event.RejectAuthTypeMismatch, Want: int(in.set.Auth), Got: got}
	}
	from := wire.Carrier{Src: p.Source, Dst: p.Dest, TTL: p.TTL}
	reject := wire.Parse(p.Payload, from, &in.expect, ad)
	proof := auth.Received{Head: p.Head, AH: p.AH, Payload: p.Payload, Source: p.Source, Wall: p.Wall}
	if reject = in.guard.Check(proof, ad, reject); reject.Reason != event.ReasonNone {
		return reject
	}
	// An interval of zero would make everybody master for ever.
	if ad.Interval <= 0 {
		return wire.Reject{Reason: event.RejectAdvertInterval, Want: 1, Got: 0}
	}
	// compat: a multicast advert on a unicast instance, or the reverse.
	if p.Dest.IsMulticast() == in.set.Unicast {
		return wire.Reject{Reason: event.RejectDestination}
	}
	// RFC 9568 section 7.1: the owner does not listen. compat: only if
	// owner_ignore_adverts says so.
	if in.set.OwnerIgnoreAdverts && in.priority == 255 {
		return wire.Reject{Reason: event.RejectOwner}
	}
	if !in.set.Unicast {
		return wire.Reject{}
	}
	peer := in.peer(p.Source)
	if peer == nil {
		if in.set.CheckUnicastSrc {
			return wire.Reject{Reason: event.RejectUnknownPeer}
		}
		return wire.Reject{}
	}
	if peer.MinTTL >= 0 && p.TTL < peer.MinTTL {
		return wire.Reject{Reason: event.RejectTTL, Want: peer.MinTTL, Got: p.TTL}
	}
	if peer.MaxTTL >= 0 && p.TTL > peer.MaxTTL {
		return wire.Reject{Reason: event.RejectTTL, Want: peer.MaxTTL, Got: p.TTL}
	}
	return wire.Reject{}
}

// refuse counts a refused advert and reports the first of a run.
func (r *Router) refuse(in *instance, at event.Instant, source netip.Addr, ad *wire.Advert, reject wire.Reject) {
	if i, ok := reject.Reason.RejectIndex(); ok {
		in.tally.Rejects[i]++
	}
	if !in.rejects.begin(source, reject.Reason, r.now) {
		in.refusal.again(at, source, reject.Reason)
		return
	}
	want, got := reject.Text()
	if x, y, ok := in.guard.Text(reject.Reason); ok {
		want, got = x, y
	}
	switch why := reject.Reason; {
	case why == event.RejectDestination:
		want, got = "a multicast destination", "a unicast one"
		if in.set.Unicast {
			want, got = got, want
		}
	case why == event.RejectUnknownPeer:
		want, got = "a configured peer", source.String()
	case why == event.RejectOwner:
		want, got = "silence: we own the addresses", fmt.Sprintf("priority %d", ad.Priority)
	}
	in.refusal = refusal{at, source, reject.Reason, clip(want), clip(got)}
	r.rejected(in, at, source, ad.Priority, reject.Reason, want, got)
}

// rejected reports the first of a run of refused adverts.
func (r *Router) rejected(in *instance, at event.Instant, source netip.Addr, priority uint8, why event.Reason, want, got string) {
	c := cause{at: at, peer: source, peerPriority: priority}
	e := event.Event{
		Kind: event.VRRPAdvertRejected, Subject: in.subject, Reason: why, Priority: in.priority, Evidence: r.evidence(in, &c),
	}
	e.Evidence.Want, e.Evidence.Got = clip(want), clip(got)
	r.emit(e)
}

// addressesMatch says whether the advert lists our addresses, in any order.
// compat: RFC 9568 section 7.1 lets a router log a difference and still use
// the advert; so does keepalived. skip_check_adv_addr only looks when the
// master changes.
func (r *Router) addressesMatch(in *instance, at event.Instant, source netip.Addr, ad *wire.Advert) bool {
	if bytes.Equal(ad.List, in.list) {
		return true
	}
	if in.set.SkipCheckAdvAddr && source == in.heard.master {
		return true
	}
	if !bytes.Equal(ad.List, in.judged) {
		in.judged = append(in.judged[:0], ad.List...)
		in.judgedOK = sameAddresses(in.list, ad)
	}
	if in.judgedOK {
		return true
	}
	if in.rejects.begin(source, event.RejectAddressList, r.now) {
		ours := wire.Advert{Family: ad.Family, List: in.list}
		r.rejected(in, at, source, ad.Priority, event.RejectAddressList, addressText(&ours), addressText(ad))
	}
	return false
}

// sameAddresses says whether two lists hold the same addresses.
func sameAddresses(list []byte, ad *wire.Advert) bool {
	if len(list) != len(ad.List) {
		return false
	}
	ours := wire.Advert{Family: ad.Family, List: list}
	count := make(map[netip.Addr]int, ours.Count())
	for i := range ours.Count() {
		count[ours.Addr(i)]++
	}
	for i := range ad.Count() {
		a := ad.Addr(i)
		if count[a] == 0 {
			return false
		}
		count[a]--
	}
	return true
}

// addressText lists the first addresses for people.
func addressText(ad *wire.Advert) string {
	const most = 4
	var b strings.Builder
	for i := range min(ad.Count(), most) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(ad.Addr(i).String())
	}
	if n := ad.Count() - most; n > 0 {
		fmt.Fprintf(&b, " and %d more", n)
	}
	if ad.Count() == 0 {
		return "none"
	}
	return b.String()
}

// runIdle is how long a run of refused adverts may pause.
const runIdle = time.Minute

// runs remembers which sources are being refused for which reason, so that
// only the first advert of a run is an event. Its size bounds both the memory
// and the events that strangers can cause: a full table only counts.
type runs struct {
	list [16]run
	used int
}

type run struct {
	source netip.Addr
	why    event.Reason
	last   event.Instant
}

// begin says whether a refused advert is the first of a run.
func (t *runs) begin(source netip.Addr, why event.Reason, now event.Instant) bool {
	free := -1
	for i := range t.list[:t.used] {
		x := &t.list[i]
		if x.source == source && x.why == why {
			first := now.Sub(x.last) > runIdle
			x.last = now
			return first
		}
		if now.Sub(x.last) > runIdle {
			free = i
		}
	}
	if free < 0 && t.used < len(t.list) {
		free = t.used
		t.used++
	}
	if free < 0 {
		return false
	}
	t.list[free] = run{source, why, now}
	return true
}

// end closes the runs of a source, whose adverts are good again.
func (t *runs) end(source netip.Addr) {
	for i := 0; i < t.used; {
		if t.list[i].source == source {
			t.used--
			t.list[i] = t.list[t.used]
			continue
		}
		i++
	}
}

// clear closes all runs.
func (t *runs) clear() { t.used = 0 }
