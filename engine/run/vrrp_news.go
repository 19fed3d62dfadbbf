// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/link"
	"github.com/vigild/vigild/engine/vrrp"
)

// faces is the interfaces there are, by name and by index. The monitor writes
// it, the loop and the hands read it.
type faces struct {
	mu      sync.RWMutex
	byName  map[string]link.Interface
	byIndex map[int]string
	// local is the IPv6 link-local addresses by interface, oldest first.
	local map[int][]netip.Addr
}

func newFaces() *faces {
	return &faces{byName: map[string]link.Interface{}, byIndex: map[int]string{}, local: map[int][]netip.Addr{}}
}

// get returns the interface of a name.
func (f *faces) get(name string) (l link.Interface, ok bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	l, ok = f.byName[name]
	return l, ok
}

func (f *faces) set(c link.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := *c.Interface
	if old, ok := f.byIndex[l.Index]; ok {
		delete(f.byName, old)
		delete(f.byIndex, l.Index)
	}
	if c.Present {
		f.byName[l.Name] = l
		f.byIndex[l.Index] = l.Name
	}
}

// setLocal remembers the link-local addresses that packets can be sent from.
func (f *faces) setLocal(c link.Change) {
	a := c.Address.Prefix.Addr()
	if !a.Is6() || !a.IsLinkLocalUnicast() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := c.Address.IfIndex
	list, usable := f.local[i], c.Present && !c.Address.Tentative && !c.Address.Duplicate
	switch at := slices.Index(list, a); {
	case usable && at < 0:
		f.local[i] = append(list, a)
	case !usable && at >= 0:
		f.local[i] = slices.Delete(list, at, at+1)
	}
}

// index returns the index of an interface.
func (f *faces) index(name string) (int, error) {
	l, ok := f.get(name)
	if !ok {
		return 0, fmt.Errorf("interface %s: %w", name, os.ErrNotExist)
	}
	return l.Index, nil
}

// name returns the name of an interface, empty if there is none of that number.
func (f *faces) name(index int) string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.byIndex[index]
}

// localOf returns the first link-local address of an interface.
func (f *faces) localOf(index int) (netip.Addr, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if list := f.local[index]; len(list) > 0 {
		return list[0], true
	}
	return netip.Addr{}, false
}

// news follows what happens to interfaces and addresses and leaves it in the
// loop's inbox.
type news struct {
	mu      sync.Mutex
	monitor *link.Monitor
	faces   *faces
	inbox   *inbox
	changes []link.Change
	own     *ownEvents
	// entries follows routes and rules, nil while none needs it. port is that of
	// our own changes, lines what is followed.
	entries *link.Entries
	port    uint32
	lines   []vrrp.Entry
	moved   []link.EntryChange
	// told hears of every change, after faces has; it must not wait. nil if nobody wants to.
	told func(link.Change)
}

// run waits for news until the monitor is closed.
func (n *news) run() { n.watch(n.monitor.Wait) }

func (n *news) watch(wait func(func() error) error) {
	err := wait(func() error { return n.settle() })
	if err != nil && !errors.Is(err, os.ErrClosed) {
		n.broken(err)
	}
}

// broken reports that news cannot be read.
func (n *news) broken(err error) { n.own.denied("news of interfaces", err) }

// settle leaves what the kernel has reported by now in the inbox, and then the
// given inputs: whoever changed something thereby makes sure that the loop
// hears of the change before it hears of the outcome.
func (n *news) settle(then ...vrrp.Input) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	// What happened to an interface is told before what happened to its routes by
	// it, and so it is read after.
	var err, merr error
	n.moved = n.moved[:0]
	if n.entries != nil {
		n.moved, err = n.entries.Drain(n.moved)
	}
	n.changes, merr = n.monitor.Drain(n.changes[:0])
	err = errors.Join(err, merr)
	ms := make([]message, 0, len(n.changes)+len(n.moved)+len(then))
	for _, c := range n.changes {
		ms = append(ms, message{in: n.input(c)})
		if n.entries != nil && c.Interface != nil {
			n.entries.Renew()
		}
	}
	for _, c := range n.moved {
		in := n.lines[c.Line]
		in.Present = c.Present
		ms = append(ms, message{in: in})
	}
	for _, in := range then {
		ms = append(ms, message{in: in})
	}
	if len(ms) > 0 {
		n.inbox.put(ms...)
	}
	return err
}

// follow follows the routes and rules of a configuration from now on. A router
// without any is not woken by those of others.
func (n *news) follow(s *vrrp.Settings) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var lines []link.Line
	n.lines = n.lines[:0]
	seen := map[vrrp.Entry]bool{} // the same line of two instances is one entry of the kernel
	add := func(rule bool, family uint8, words []string, untracked bool) {
		e := vrrp.Entry{Rule: rule, Family: family, Text: strings.Join(words, " ")}
		if untracked || seen[e] {
			return
		}
		seen[e] = true
		lines = append(lines, link.Line{Rule: rule, Family: family, Words: words})
		n.lines = append(n.lines, e)
	}
	all := func(routes []vrrp.Route, rules []vrrp.Rule) {
		for i := range routes {
			add(false, routes[i].Family, routes[i].Words, routes[i].NoTrack)
		}
		for i := range rules {
			add(true, rules[i].Family, rules[i].Words, rules[i].NoTrack)
		}
	}
	all(s.StaticRoutes, s.StaticRules)
	for i := range s.Instances {
		all(s.Instances[i].Routes, s.Instances[i].Rules)
	}
	if n.entries == nil {
		if len(lines) == 0 {
			return
		}
		e, err := link.WatchEntries(n.port)
		if err != nil {
			n.broken(err)
			return
		}
		n.entries = e
		go n.watch(e.Wait)
	}
	n.entries.Want(lines, link.Names{Index: n.faces.index, VRF: link.VRFTable})
}

// input turns a change into the machine's words.
func (n *news) input(c link.Change) vrrp.Input {
	if c.Interface != nil {
		n.faces.set(c)
	} else {
		n.faces.setLocal(c)
	}
	if n.told != nil {
		n.told(c)
	}
	if l := c.Interface; l != nil {
		return vrrp.Link{IfIndex: l.Index, Name: l.Name, Present: c.Present, Up: l.Up, MTU: l.MTU, MAC: l.MAC}
	}
	a := c.Address
	return vrrp.IfAddr{
		IfIndex: a.IfIndex, Prefix: a.Prefix, Present: c.Present,
		Tentative: a.Tentative, Duplicate: a.Duplicate, Secondary: a.Secondary, Ours: a.Protocol == link.Protocol,
	}
}

// ownEvents are the events of the loop itself. They have an epoch of their
// own, because the machine numbers its events without gaps.
type ownEvents struct {
	mu       sync.Mutex
	producer *role.Producer
	deliver  func([]event.Event)
}

// publish completes and publishes one event. Any goroutine may call it.
func (o *ownEvents) publish(e event.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.producer.Stamp(&e)
	o.deliver([]event.Event{e})
}

// denied reports something that the kernel refused and that is done without.
func (o *ownEvents) denied(what string, err error) {
	o.publish(event.Event{
		Kind: event.PrivilegeDenied, Subject: event.Subject{Kind: event.SubjectWorker, Name: event.RoleVRRP.String(), Sub: what},
		Reason: event.FailPermission, Detail: err.Error(),
	})
}

// close ends run, and what follow has begun.
func (n *news) close() error {
	n.mu.Lock()
	entries := n.entries
	n.mu.Unlock()
	err := n.monitor.Close() // it waits for whoever settles
	if entries != nil {
		err = errors.Join(err, entries.Close())
	}
	return err
}
