// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package linktest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/vigild/vigild/engine/sys/link"
)

// Network stands in for link.Network. It may be used by several goroutines.
type Network struct {
	mu        sync.Mutex
	addresses map[key]link.Address
	routes    []string
	log       []string
	refuse    map[netip.Addr]error
}

type key struct {
	ifindex int
	addr    netip.Addr
}

// Refuse makes every change of an address fail; nil ends that.
func (n *Network) Refuse(a netip.Addr, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse == nil {
		n.refuse = map[netip.Addr]error{}
	}
	n.refuse[a] = err
}

// Add adds addresses as link.Addresses does.
func (n *Network) Add(list []link.Address) (same int, failed []link.Failure, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log = append(n.log, fmt.Sprintf("add %d", len(list)))
	if n.addresses == nil {
		n.addresses = map[key]link.Address{}
	}
	for i, a := range list {
		k := key{a.IfIndex, a.Prefix.Addr()}
		if err := n.refuse[k.addr]; err != nil {
			failed = append(failed, link.Failure{Index: i, Err: err})
			continue
		}
		if _, there := n.addresses[k]; there {
			same++
			continue
		}
		n.addresses[k] = a
	}
	return same, failed, nil
}

// Delete removes addresses as link.Addresses does.
func (n *Network) Delete(list []link.Address) (same int, failed []link.Failure, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log = append(n.log, fmt.Sprintf("delete %d", len(list)))
	for i, a := range list {
		k := key{a.IfIndex, a.Prefix.Addr()}
		if err := n.refuse[k.addr]; err != nil {
			failed = append(failed, link.Failure{Index: i, Err: err})
			continue
		}
		if _, there := n.addresses[k]; !there {
			same++
		}
		delete(n.addresses, k)
	}
	return same, failed, nil
}

// AddRoute adds a route, AddRule a rule; both are remembered as text.
func (n *Network) AddRoute(words []string, _ uint8) error { return n.text("route", words, true) }

func (n *Network) DeleteRoute(words []string, _ uint8) error { return n.text("route", words, false) }
func (n *Network) AddRule(words []string, _ uint8) error     { return n.text("rule", words, true) }
func (n *Network) DeleteRule(words []string, _ uint8) error  { return n.text("rule", words, false) }

func (n *Network) text(kind string, words []string, add bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	line := kind + " " + strings.Join(words, " ")
	i := slices.Index(n.routes, line)
	if add {
		n.log = append(n.log, "add "+line)
		if i < 0 {
			n.routes = append(n.routes, line)
		}
		return nil
	}
	n.log = append(n.log, "delete "+line)
	if i >= 0 {
		n.routes = slices.Delete(n.routes, i, i+1)
	}
	return nil
}

// Note adds a line to the log.
func (n *Network) Note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log = append(n.log, fmt.Sprintf(format, args...))
}

// Addresses returns what there is, sorted.
func (n *Network) Addresses() []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []netip.Addr
	for k := range n.addresses {
		out = append(out, k.addr)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// Routes returns the routes and rules there are.
func (n *Network) Routes() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.routes)
}

// Log returns what was done, in order, and forgets it.
func (n *Network) Log() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.log
	n.log = nil
	return out
}

// Close ends nothing.
func (n *Network) Close() error { return nil }
