// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"github.com/vigild/vigild/engine/sys/raw"
	"github.com/vigild/vigild/engine/vrrp"
)

// beat is the prebuilt adverts of one instance, one Frame for each
// destination, and what they were built from.
type beat struct {
	version  uint64
	ifindex  int
	priority uint8
	frames   []*raw.Frame
}

type failure struct {
	n   int
	err error
}

// beats sends the adverts. Building one happens when something about it
// changed; sending it again costs an entry in a queue.
type beats struct {
	machine *vrrp.Router
	sender  *raw.Sender
	clock   *raw.Clock // tells signatures the time
	byID    []beat
	failed  map[int]failure
	told    map[int]failure
}

func newBeats(m *vrrp.Router, s *raw.Sender) *beats {
	return &beats{machine: m, sender: s, failed: map[int]failure{}, told: map[int]failure{}}
}

// queue queues one advert of an instance.
func (b *beats) queue(id int, priority uint8) {
	for id >= len(b.byID) {
		b.byID = append(b.byID, beat{})
	}
	t := &b.byID[id]
	v, ok := b.machine.View(id)
	if ok && (t.frames == nil || t.version != v.Version || t.priority != priority || t.ifindex != v.IfIndex) {
		old := t.frames
		*t = beat{v.Version, v.IfIndex, priority, b.build(nil, &v, priority)}
		for i := range min(len(old), len(t.frames)) {
			t.frames[i].Continue(old[i])
		}
	}
	if ok {
		b.seal(&v, t.frames)
	}
	for _, f := range t.frames {
		b.sender.Queue(f, id)
	}
}

func (b *beats) build(frames []*raw.Frame, v *vrrp.View, priority uint8) []*raw.Frame {
	a, ok := b.machine.Advert(v.ID, priority)
	if !ok || !v.Source.IsValid() {
		return frames // the machine does not send without a source
	}
	s := v.Settings
	r := raw.Route{IfIndex: v.IfIndex, Source: v.Source, Dest: s.Multicast, AH: s.Auth == vrrp.AuthAH, Trailer: s.AuthHMAC.Signs()}
	if !s.Unicast {
		return append(frames, raw.NewFrame(r, &a, s.V3ChecksumAsV2))
	}
	for i := range s.Peers {
		r.Dest, r.TTL, r.IfIndex = s.Peers[i].Addr, s.UnicastTTL, 0
		if r.Dest.IsLinkLocalUnicast() {
			r.IfIndex = v.IfIndex
		}
		if r.TTL == 0 && s.Family == 6 {
			r.TTL = hopLimit6
		}
		frames = append(frames, raw.NewFrame(r, &a, s.V3ChecksumAsV2))
	}
	return frames
}

// hopLimit6 is the kernel's default. compat: unicast over IPv6 uses it unless
// unicast_ttl is given.
const hopLimit6 = 64

// flush sends what is queued.
func (b *beats) flush() {
	if b.sender.Queued() == 0 {
		return
	}
	b.sender.Flush(func(id int, err error) {
		f := b.failed[id]
		b.failed[id] = failure{f.n + 1, err}
	})
}

// failures returns what could not be sent since the last call, by instance.
func (b *beats) failures() map[int]failure {
	if len(b.failed) == 0 {
		return nil
	}
	clear(b.told)
	b.failed, b.told = b.told, b.failed
	return b.told
}
