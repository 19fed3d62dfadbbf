// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"errors"
	"net/netip"
	"os"
	"sync"

	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/sys/link"
)

// watched is the addresses of this machine, by how many interfaces have each.
type watched struct {
	mu   sync.Mutex
	have map[netip.Addr]int
	// last is what each interface had, so that news which restate are no change.
	last map[link.Assigned]bool
}

// take notes news and says whether an address came or went.
func (w *watched) take(news []link.Change) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.have == nil {
		w.have, w.last = map[netip.Addr]int{}, map[link.Assigned]bool{}
	}
	for _, c := range news {
		if c.Address == nil {
			continue
		}
		// Only where it is counts, not how it is.
		key := link.Assigned{IfIndex: c.Address.IfIndex, Prefix: c.Address.Prefix}
		addr := key.Prefix.Addr().Unmap()
		switch {
		case c.Present && !w.last[key]:
			w.last[key] = true
			w.have[addr]++
			changed = changed || w.have[addr] == 1
		case !c.Present && w.last[key]:
			delete(w.last, key)
			if w.have[addr]--; w.have[addr] <= 0 {
				delete(w.have, addr)
				changed = true
			}
		}
	}
	return changed
}

func (w *watched) list() []netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]netip.Addr, 0, len(w.have))
	for a := range w.have {
		out = append(out, a)
	}
	return out
}

// watchAddresses follows the addresses of this machine once a service asks for it (ha_suspend).
func (l *Loop) watchAddresses(s *health.Settings) {
	if l.monitor != nil {
		return
	}
	wanted := false
	for i := range s.Services {
		wanted = wanted || s.Services[i].HASuspend
	}
	if !wanted {
		return
	}
	monitor, now, err := link.Watch()
	if err != nil {
		l.opts.Trouble(err)
		return
	}
	l.monitor = monitor
	l.addresses.take(now)
	l.step(&health.Addresses{Present: l.addresses.list()})
	go l.follow(monitor)
}

// follow tells the loop of addresses that come and go.
func (l *Loop) follow(m *link.Monitor) {
	err := m.Wait(func() error {
		news, err := m.Drain(nil)
		if l.addresses.take(news) {
			present := l.addresses.list()
			l.inbox.put(func() { l.step(&health.Addresses{Present: present}) })
		}
		return err
	})
	if !errors.Is(err, os.ErrClosed) {
		l.inbox.put(func() { l.opts.Trouble(err) })
	}
}
