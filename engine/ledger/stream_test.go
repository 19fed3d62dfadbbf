// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"net/netip"
	"time"

	"pgregory.net/rapid"

	"github.com/vigild/vigild/engine/event"
)

// rows is a small configuration: three instances, a group, scripts, links.
func rows() []event.Row {
	out := []event.Row{{Global: &event.GlobalRow{Version: "1.0", RouterID: "r1", Generation: 1}}}
	for i, name := range []string{"VI_1", "VI_2", "VI_3"} {
		subject := instanceSubject(name)
		subject.VRID = uint8(51 + i)
		out = append(out, event.Row{Instance: &event.InstanceRow{
			Subject: subject, Index: i + 1, Interface: "eth0", Version: 3, Priority: 100, AdvertInterval: time.Second,
		}})
		for n := range 2 {
			prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(10*i + n + 1)}), 24)
			out = append(out, event.Row{Address: &event.AddressRow{Instance: subject, Index: n + 1, Prefix: prefix, Interface: "eth0", Advertised: true}})
		}
	}
	script := event.Subject{Kind: event.SubjectScript, Name: "chk"}
	link := event.Subject{Kind: event.SubjectInterface, Name: "eth1"}
	group := event.Subject{Kind: event.SubjectGroup, Name: "G1"}
	return append(out,
		event.Row{Group: &event.GroupRow{Subject: group, Index: 1, Members: []string{"VI_1", "VI_2"}}},
		event.Row{Script: &event.ScriptRow{Subject: script, Index: 1, Weight: -20, Rise: 1, Fall: 1}},
		event.Row{Track: &event.TrackRow{Owner: instanceSubject("VI_1"), Object: script, Index: 1, Weight: -20}},
		event.Row{Track: &event.TrackRow{Owner: instanceSubject("VI_1"), Object: link, Index: 2}},
		event.Row{Track: &event.TrackRow{Owner: group, Object: link, Index: 1}},
		event.Row{Interface: &event.InterfaceRow{Name: "eth1", IfIndex: 3, Up: true}},
		event.Row{Route: &event.RouteRow{Index: 1, Text: "192.0.2.0/24 via 198.51.100.1"}},
		event.Row{Address: &event.AddressRow{Index: 1, Prefix: netip.MustParsePrefix("198.51.100.9/24"), Interface: "eth1"}},
	)
}

func instanceSubject(name string) event.Subject {
	return event.Subject{Kind: event.SubjectInstance, Name: name, Family: 4}
}

// wallBase is the wall clock at instant 0.
const wallBase = int64(1_700_000_000_000_000_000)

// producer makes well-formed events: numbered, in the order of the clock.
type producer struct {
	epoch, seq uint64
	now        event.Instant
	state      map[string]event.State
	last       map[string]event.Ref
}

func newProducer(epoch uint64) *producer {
	return &producer{epoch: epoch, now: event.Instant(time.Second), state: map[string]event.State{}, last: map[string]event.Ref{}}
}

// stamp numbers and dates an event.
func (p *producer) stamp(e event.Event) event.Event {
	p.seq++
	e.Epoch, e.Seq, e.Origin = p.epoch, p.seq, event.RoleVRRP
	e.At, e.Wall = p.now, wallBase+int64(p.now)
	return e
}

// enter makes a legal transition of an instance.
func (p *producer) enter(name string, tr event.Transition) event.Event {
	e := p.stamp(event.Event{
		Kind: event.VRRPState, Subject: instanceSubject(name), From: tr.From, To: tr.To, Reason: tr.Reason, Priority: 100,
		Evidence: event.Evidence{Base: 100, Effective: 100},
	})
	p.state[name], p.last[name] = tr.To, e.Ref()
	return e
}

// after makes an event of the story of the last transition of an instance.
func (p *producer) after(name string, e event.Event) event.Event {
	e.Subject, e.Root, e.Cause = instanceSubject(name), p.last[name], p.last[name]
	return p.stamp(e)
}

// restart is the same host with a new worker: everything begins in INIT.
func (p *producer) restart(epoch uint64) {
	p.epoch, p.seq = epoch, 0
	p.state = map[string]event.State{}
}

// draw makes one event at random, as a worker could.
func (p *producer) draw(t *rapid.T) event.Event {
	p.now = p.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
	name := rapid.SampledFrom([]string{"VI_1", "VI_2", "VI_3"}).Draw(t, "instance")
	updown := rapid.SampledFrom([]event.State{event.Up, event.Down})
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		return p.after(name, event.Event{Kind: event.AddressAdded, Count: 2, Took: time.Millisecond})
	case 1:
		return p.after(name, event.Event{Kind: event.AddressRemoved, Count: 2})
	case 2:
		e := p.after(name, event.Event{Kind: event.AddressLost})
		e.Subject.Sub = "192.0.2.1"
		return e
	case 3:
		return p.after(name, event.Event{Kind: event.AnnounceSent, Reason: event.AnnounceTransition, Count: 4, Took: time.Millisecond})
	case 4:
		return p.stamp(event.Event{Kind: event.TrackChanged, Subject: event.Subject{Kind: event.SubjectScript, Name: "chk"}, To: updown.Draw(t, "to")})
	case 5:
		return p.stamp(event.Event{Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: "eth1"}, To: updown.Draw(t, "to")})
	case 6:
		return p.stamp(event.Event{
			Kind: event.VRRPPriority, Subject: instanceSubject(name), Priority: 80,
			Evidence: event.Evidence{Base: 100, Effective: 80, NTerm: 1, Terms: [event.TermMax]event.Term{{Name: "chk", Delta: -20}}},
		})
	case 7:
		return p.after(name, event.Event{Kind: event.VRRPConflict, Reason: event.ConflictLower, To: updown.Draw(t, "to")})
	default:
		return p.enter(name, rapid.SampledFrom(p.legal(name)).Draw(t, "transition"))
	}
}

// legal lists what an instance may do now.
func (p *producer) legal(name string) []event.Transition {
	from := p.state[name]
	if from == event.StateNone || from == event.Stop {
		from = event.Init
	}
	var out []event.Transition
	for _, tr := range event.Transitions() {
		if tr.From == from && tr.To != event.Deleted {
			out = append(out, tr)
		}
	}
	return out
}

// snapshot restates a View as edges, the way a worker does.
func (p *producer) snapshot(v *View) []event.Event {
	var out []event.Event
	add := func(e event.Event) {
		wall, at := e.Wall, e.At
		e = p.stamp(e)
		e.Snapshot = true
		if at != 0 {
			e.At, e.Wall = at, wall
		}
		out = append(out, e)
	}
	for _, in := range v.Instances {
		if in.Last.Kind != event.KindNone {
			e := in.Last
			e.Root, e.At, e.Wall = in.Last.Story(), in.Since, in.SinceWall
			add(e)
		}
		sum := event.Event{Kind: event.VRRPPriority, Subject: in.Row.Subject, Priority: in.Priority}
		sum.Evidence.Base, sum.Evidence.NTerm = in.Base, uint8(copy(sum.Evidence.Terms[:], in.Terms))
		add(sum)
		for _, a := range in.Addresses {
			e := event.Event{Subject: in.Row.Subject, Kind: event.AddressRemoved}
			e.Subject.Sub = a.Row.Prefix.String()
			if a.Owned {
				e.Kind = event.AddressAdded
			}
			if a.Lost {
				e.Kind = event.AddressLost
			}
			add(e)
		}
		if in.Conflicting {
			add(in.Conflict)
		}
	}
	for _, s := range v.Scripts {
		add(event.Event{Kind: event.TrackChanged, Subject: s.Row.Subject, To: s.State})
	}
	for _, o := range v.Objects {
		add(event.Event{Kind: event.TrackChanged, Subject: o.Subject, To: o.State, Count: o.Value})
	}
	for _, i := range v.Interfaces {
		to := event.Down
		if i.Up {
			to = event.Up
		}
		add(event.Event{Kind: event.InterfaceChanged, Subject: event.Subject{Kind: event.SubjectInterface, Name: i.Name}, To: to})
	}
	return out
}
