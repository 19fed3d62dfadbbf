// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// Router is one router of a Cluster.
type Router struct {
	Name     string
	Settings *vrrp.Settings
}

// Cluster is routers that share their wires. An interface of one is on the
// wire of another one's if both have the same name, or if a virtual router with
// one id and an address in common is on both.
type Cluster struct {
	Routers []Router
	// Transcript asks for the lines of what happened in each outcome.
	Transcript bool

	horizon time.Duration
	wires   []map[string]string
	homes   []map[string][]netip.Prefix
	// addresses are all virtual ones, in the order of the configurations.
	addresses []netip.Addr
	owner     map[netip.Addr]string
}

// horizonMost bounds how long one failure is looked at.
const horizonMost = 10 * time.Minute

// prepare finds out what is the same for all runs.
func (c *Cluster) prepare() {
	if c.horizon != 0 {
		return
	}
	c.horizon = time.Second
	c.owner = map[netip.Addr]string{}
	for _, r := range c.Routers {
		for i := range r.Settings.Instances {
			in := &r.Settings.Instances[i]
			down := time.Duration(in.DownTimerAdverts)*in.AdvertInterval + max(in.AdvertInterval, time.Second)
			c.horizon = max(c.horizon, min(horizonMost, 3*down+in.PreemptDelay+r.Settings.StartupDelay+2*time.Second))
			for _, a := range slices.Concat(in.Addresses, in.Excluded) {
				if at := a.Prefix.Addr(); c.owner[at] == "" {
					c.owner[at] = in.Name
					c.addresses = append(c.addresses, at)
				}
			}
		}
	}
	c.connect()
	for i := range c.Routers {
		c.homes = append(c.homes, c.home(i))
	}
}

// place is an interface of a router.
type place struct {
	router int
	iface  string
}

// twins says whether two instances are one virtual router: one id, and an
// address in common, or a name if neither has addresses that the other has.
func twins(a, b *vrrp.InstanceSettings) bool {
	if a.Family != b.Family || a.VRID != b.VRID {
		return false
	}
	for i := range a.Addresses {
		if slices.ContainsFunc(b.Addresses, func(x vrrp.Address) bool { return x.Prefix.Addr() == a.Addresses[i].Prefix.Addr() }) {
			return true
		}
	}
	return a.Name == b.Name
}

// connect finds the wires: places that belong together have one name.
func (c *Cluster) connect() {
	root := map[place]place{}
	var find func(p place) place
	find = func(p place) place {
		if up, ok := root[p]; ok && up != p {
			return find(up)
		}
		return p
	}
	join := func(a, b place) { root[find(a)] = find(b) }
	matched := map[place]bool{}
	c.pairs(func(i, j int, a, b *vrrp.InstanceSettings) {
		x, y := place{i, a.Interface}, place{j, b.Interface}
		matched[x], matched[y] = true, true
		join(x, y)
	})
	for i := range c.Routers {
		for j := range i {
			for _, name := range Interfaces(c.Routers[i].Settings) {
				x, y := place{i, name}, place{j, name}
				if !matched[x] && !matched[y] {
					join(x, y)
				}
			}
		}
	}
	for i, r := range c.Routers {
		wires := map[string]string{}
		for _, name := range Interfaces(r.Settings) {
			at := find(place{i, name})
			wires[name] = fmt.Sprintf("%d/%s", at.router, at.iface)
		}
		for k := range r.Settings.VMACs {
			v := &r.Settings.VMACs[k]
			wires[v.Name] = wires[v.Base]
		}
		c.wires = append(c.wires, wires)
	}
}

// pairs calls do for each two instances of two routers that are one virtual router.
func (c *Cluster) pairs(do func(i, j int, a, b *vrrp.InstanceSettings)) {
	for i := range c.Routers {
		for j := range i {
			x, y := c.Routers[i].Settings, c.Routers[j].Settings
			for k := range x.Instances {
				for l := range y.Instances {
					if twins(&x.Instances[k], &y.Instances[l]) {
						do(i, j, &x.Instances[k], &y.Instances[l])
					}
				}
			}
		}
	}
}

// home is the addresses of a router's interfaces: those that its adverts are
// sent from, or that its peers expect, and made-up ones where nobody says any.
func (c *Cluster) home(i int) map[string][]netip.Prefix {
	out := map[string][]netip.Prefix{}
	known := map[string][]netip.Addr{}
	add := func(iface string, a netip.Addr) {
		if a.IsValid() && !slices.Contains(known[iface], a) {
			known[iface] = append(known[iface], a)
		}
	}
	set := c.Routers[i].Settings
	for k := range set.Instances {
		in := &set.Instances[k]
		if in.Source.IsValid() || !in.Unicast {
			add(in.Interface, in.Source)
			continue
		}
		add(in.Interface, c.expected(i, in))
	}
	for k, name := range Interfaces(set) {
		four, six := false, false
		for _, a := range known[name] {
			bits := 24
			if four = four || a.Is4(); a.Is6() {
				six, bits = true, 64
			}
			out[name] = append(out[name], netip.PrefixFrom(a, bits))
		}
		// RFC 2544 and RFC 4291: networks that nobody has in earnest.
		if !four {
			out[name] = append(out[name], netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(k), byte(i + 1)}), 24))
		}
		if !six {
			a := [16]byte{0: 0xfe, 1: 0x80, 12: byte(k), 15: byte(i + 1)}
			out[name] = append(out[name], netip.PrefixFrom(netip.AddrFrom16(a), 64))
		}
	}
	return out
}

// expected is the address that others have as peer and nobody else has as source.
func (c *Cluster) expected(i int, in *vrrp.InstanceSettings) (out netip.Addr) {
	taken := map[netip.Addr]bool{}
	for _, p := range in.Peers {
		taken[p.Addr] = true // a peer of ours is not us
	}
	for j, r := range c.Routers {
		for k := range r.Settings.Instances {
			other := &r.Settings.Instances[k]
			if j == i || !twins(in, other) {
				continue
			}
			for _, p := range other.Peers {
				if !taken[p.Addr] && !out.IsValid() {
					out = p.Addr
				}
			}
		}
	}
	return out
}

// world builds the hosts; nothing runs yet.
func (c *Cluster) world() *World {
	w := New()
	for i, r := range c.Routers {
		n := w.Join(r.Name)
		n.Wire = c.wires[i]
		n.Home = func(iface string) []netip.Prefix { return slices.Clone(c.homes[i][iface]) }
		for _, name := range Interfaces(r.Settings) {
			n.Kernel.Add(name, n.Home(name)...)
		}
	}
	return w
}

// realInterfaces are those of a router that can fail: VMACs fall with what they are on.
func realInterfaces(s *vrrp.Settings) []string {
	return slices.DeleteFunc(Interfaces(s), func(name string) bool {
		return slices.ContainsFunc(s.VMACs, func(v vrrp.VMAC) bool { return v.Name == name })
	})
}

// state is how an instance of a running router stands.
func (n *Node) state(name string) event.State {
	if n.Router == nil {
		return event.Unknown
	}
	for _, id := range n.Router.Instances(nil) {
		if v, _ := n.Router.View(id); v.Settings.Name == name {
			return v.State
		}
	}
	return event.Unknown
}
