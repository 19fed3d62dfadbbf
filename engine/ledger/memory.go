// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"slices"

	"github.com/vigild/vigild/engine/event"
)

// Memory is everything a Ledger knows, as plain data: another process that
// restores it goes on as if it had folded everything itself. Events that are
// told again after that count once.
type Memory struct {
	View *View `json:"view"`
	// Step is the wall clock minus the monotonic clock; Described says that rows
	// were seen.
	Step      int64 `json:"step"`
	Described bool  `json:"described"`
	// Lives counts epochs, VRRPLives those of the vrrp role.
	Lives     int           `json:"lives"`
	VRRPLives int           `json:"vrrp_lives"`
	Epochs    []EpochMemory `json:"epochs"`
	// Instances run parallel to View.Instances.
	Instances []InstanceMemory         `json:"instances"`
	Router    Carry[event.RouterTally] `json:"router"`
	// BFD runs by subject.
	BFD map[string]Carry[event.BFDTally] `json:"bfd,omitempty"`
}

// EpochMemory is one life of one producer, and which of its events were folded.
type EpochMemory struct {
	ID     uint64     `json:"id"`
	Role   event.Role `json:"role"`
	Known  bool       `json:"known,omitempty"`
	Order  int        `json:"order"`
	Newest uint64     `json:"newest"`
	Window []uint64   `json:"window"`
}

// Carry is how counters go on over the restart of the worker that counts them.
type Carry[T any] struct {
	Order int           `json:"order"`
	At    event.Instant `json:"at"`
	Base  T             `json:"base"`
	Raw   T             `json:"raw"`
}

// InstanceMemory is what a Ledger knows of an instance beside its View.
type InstanceMemory struct {
	At    event.Instant      `json:"at"`
	Order int                `json:"order"`
	Seq   uint64             `json:"seq"`
	Carry Carry[event.Tally] `json:"carry"`
	// The promotion under way.
	Promotion        event.Ref     `json:"promotion,omitzero"`
	PromotionStart   event.Instant `json:"promotion_start,omitempty"`
	PromotionAt      event.Instant `json:"promotion_at,omitempty"`
	PromotionIsWhole bool          `json:"promotion_is_whole,omitempty"`
}

func save[T any](c *carried[T]) Carry[T] { return Carry[T]{c.order, c.at, c.base, c.raw} }

func (c *Carry[T]) restore() carried[T] { return carried[T]{c.Order, c.At, c.Base, c.Raw} }

// Save returns everything the ledger knows. What it shares with the ledger
// never changes.
func (l *Ledger) Save() *Memory {
	m := &Memory{
		View: l.View(), Step: l.step, Described: l.described, Lives: l.epochs.next, VRRPLives: l.epochs.vrrp,
		Router: save(&l.router),
	}
	for _, ep := range l.epochs.list {
		m.Epochs = append(m.Epochs, EpochMemory{ep.id, ep.role, ep.known, ep.order, ep.newest, slices.Clone(ep.window[:])})
	}
	for name, c := range l.bfd {
		if m.BFD == nil {
			m.BFD = map[string]Carry[event.BFDTally]{}
		}
		m.BFD[name] = save(c)
	}
	for _, in := range l.order {
		m.Instances = append(m.Instances, InstanceMemory{
			At: in.at.at, Order: in.at.order, Seq: in.at.seq, Carry: save(&in.carry),
			Promotion: in.promo.ref, PromotionStart: in.promo.start, PromotionAt: in.promo.at, PromotionIsWhole: in.promo.whole,
		})
	}
	return m
}

// Restore returns a ledger that knows what another one knew. It takes the
// Memory over. A Memory that contradicts itself, or is of another version of
// this package, is refused.
func Restore(m *Memory) (*Ledger, error) {
	l := New()
	v := m.View
	if v == nil || len(v.Instances) != len(m.Instances) {
		return nil, fmt.Errorf("restore a ledger: %d memories of instances do not fit the view", len(m.Instances))
	}
	l.head = *v
	l.step, l.described, l.router = m.Step, m.Described, m.Router.restore()
	l.epochs.next, l.epochs.vrrp = m.Lives, m.VRRPLives
	for i := range m.Epochs {
		e := &m.Epochs[i]
		ep := &epoch{id: e.ID, role: e.Role, known: e.Known, order: e.Order, newest: e.Newest}
		if len(e.Window) != len(ep.window) || i >= epochMax {
			return nil, fmt.Errorf("restore a ledger: epoch %d: a window of %d words", i, len(e.Window))
		}
		copy(ep.window[:], e.Window)
		l.epochs.list = append(l.epochs.list, ep)
	}
	for i, in := range v.Instances {
		if len(in.Transitions) != len(l.transitions) || len(in.Marks) != len(l.transitions) {
			return nil, fmt.Errorf("restore a ledger: instance %s counts %d transitions", in.Row.Subject.Name, len(in.Transitions))
		}
		l.restoreInstance(in, &m.Instances[i])
	}
	for name, c := range m.BFD {
		carry := c.restore()
		l.bfd[name] = &carry
	}
	l.restoreLists(v)
	l.pool.restore(v.Pool)
	// The lists are those of the sections from here on.
	l.head.Instances, l.head.Groups, l.head.Scripts, l.head.Objects = nil, nil, nil, nil
	l.head.Interfaces, l.head.Static, l.head.Workers, l.head.Channels, l.head.Pool = nil, nil, nil, nil, nil
	return l, nil
}

func (l *Ledger) restoreInstance(v *Instance, m *InstanceMemory) {
	in := &instance{
		live: live[Instance]{value: v}, at: place{m.At, m.Order, m.Seq}, carry: m.Carry.restore(),
		promo: promotion{ref: m.Promotion, start: m.PromotionStart, at: m.PromotionAt, whole: m.PromotionIsWhole},
	}
	l.instances[v.Row.Subject.Name] = in
	l.order = append(l.order, in)
	if v.Last.Kind == event.KindNone {
		return
	}
	l.stories[v.Last.Ref()] = in
	if _, taken := l.stories[v.Last.Story()]; !taken {
		l.stories[v.Last.Story()] = in
	}
	for i := range v.Story {
		l.adopt(in, &v.Story[i])
	}
}

func (l *Ledger) restoreLists(v *View) {
	for _, g := range v.Groups {
		l.groups.add(g.Row.Subject.Name, g)
	}
	for _, s := range v.Scripts {
		l.scripts.add(s.Row.Subject.Name, s)
	}
	for _, o := range v.Objects {
		l.objects.add(o.Subject.Kind.String()+"/"+o.Subject.Name, o)
	}
	for _, i := range v.Interfaces {
		l.links.add(i.Name, i)
	}
	for _, a := range v.Static {
		l.static.add(a.Row.Interface+" "+a.Row.Prefix.String(), a)
	}
	for _, w := range v.Workers {
		l.workers.add(w.Name, w)
	}
	for _, c := range v.Channels {
		l.channels.add(c.Name, c)
	}
}

// restore takes over states and stories. The rows, and the counters of the life
// of the check role that goes on, are told anew; what earlier lives counted is
// gone with the process that had added it up.
func (p *pool) restore(v *Pool) {
	if v == nil {
		return
	}
	p.head = Pool{Applied: v.Applied, Refused: v.Refused}
	for _, from := range v.Services {
		s := p.service(from.Row.Subject)
		if s == nil {
			return
		}
		s.Row, s.State, s.SinceWall, s.Last, s.Brake, s.Story = from.Row, from.State, from.SinceWall, from.Last, from.Brake, from.Story
		s.Because = from.Because
		if s.Last != nil {
			s.at = s.Last.At
			p.remember(s.Last, tale{service: s})
		}
		for _, of := range from.Servers {
			r := p.server(of.Row.Subject)
			if r == nil {
				return
			}
			r.Row, r.State, r.SinceWall, r.Last, r.Outcome, r.Story = of.Row, of.State, of.SinceWall, of.Last, of.Outcome, of.Story
			r.Because = of.Because
			if r.Last != nil {
				r.at = r.Last.At
				p.remember(r.Last, tale{server: r})
			}
		}
	}
}
