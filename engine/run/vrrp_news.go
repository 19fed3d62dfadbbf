// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"net/netip"
	"os"
	"slices"
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
	// told hears of every change, after faces has; it must not wait. nil if nobody wants to.
	told func(link.Change)
}

// run waits for news until the monitor is closed.
func (n *news) run() {
	err := n.monitor.Wait(func() error { return n.settle() })
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
	var err error
	n.changes, err = n.monitor.Drain(n.changes[:0])
	ms := make([]message, 0, len(n.changes)+len(then))
	for _, c := range n.changes {
		ms = append(ms, message{in: n.input(c)})
	}
	for _, in := range then {
		ms = append(ms, message{in: in})
	}
	if len(ms) > 0 {
		n.inbox.put(ms...)
	}
	return err
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
