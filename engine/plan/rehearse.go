// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
)

// rehearsal plays a reload of the vrrp role on a simulated host, with a peer
// that is what the other routers were last heard to be.
type rehearsal struct {
	p          *Plan
	state      *State
	old, next  *vrrp.Settings
	w          *simulate.World
	here, peer *simulate.Node
	acts       []vrrp.Action
	record     bool
}

// settle is how long a router that was put into a state is left alone, in
// intervals of the slowest instance.
const settle = 2

// horizonMost bounds how far what follows from a reload is looked at.
const horizonMost = 10 * time.Minute

func (r *rehearsal) play() {
	if len(r.old.Instances)+len(r.next.Instances) == 0 && len(r.old.StaticAddresses)+len(r.next.StaticAddresses)+
		len(r.old.StaticRoutes)+len(r.next.StaticRoutes)+len(r.old.StaticRules)+len(r.next.StaticRules) == 0 {
		return
	}
	r.build()
	r.begin()
	before := r.views()
	priority := map[string]uint8{}
	for _, t := range r.here.Router.Tallies(r.w.Now, nil) {
		priority[t.Subject.Name] = t.Priority
	}
	at := r.w.Now
	said := len(r.here.Events)
	r.record = true
	r.here.Tell(r.here.Configuration(still(r.next)))
	r.w.Flush()
	r.record = false
	r.compare(before, r.views())
	r.actions()
	r.atOnce(r.here.Events[said:], priority)
	then := len(r.here.Events)
	r.verdicts(r.next, true)
	r.w.Run(horizon(r.old, r.next))
	r.follows(r.here.Events[then:], at)
	r.dangers(r.here.Events[said:])
}

// still is the settings of a host that has not just started.
func still(s *vrrp.Settings) *vrrp.Settings {
	t := *s
	t.StartupDelay = 0
	return &t
}

// horizon is how long what a reload leads to may take.
func horizon(list ...*vrrp.Settings) time.Duration {
	most := time.Second
	for _, s := range list {
		for i := range s.Instances {
			in := &s.Instances[i]
			most = max(most, time.Duration(2*in.DownTimerAdverts+3)*in.AdvertInterval+in.PreemptDelay+2*time.Second)
		}
	}
	return min(most, horizonMost)
}

// known is what a daemon said of an instance.
func (r *rehearsal) known(name string) Instance {
	for _, in := range r.state.Instances {
		if in.Name == name {
			return in
		}
	}
	in := Instance{Name: name, State: event.Master}
	if r.state.Backup {
		in.State = event.Backup
	}
	return in
}

// build makes the two hosts.
func (r *rehearsal) build() {
	r.w = simulate.New()
	r.here, r.peer = r.w.Join("here"), r.w.Join("peer")
	r.w.Did = func(n *simulate.Node, a *vrrp.Action) {
		if r.record && n == r.here {
			r.acts = append(r.acts, *a)
		}
	}
	r.here.Wire = map[string]string{}
	for _, s := range []*vrrp.Settings{r.old, r.next} {
		for i := range s.VMACs {
			r.here.Wire[s.VMACs[i].Name] = s.VMACs[i].Base
		}
	}
	for i, name := range simulate.Interfaces(r.old, r.next) {
		r.here.Kernel.Add(name, home(r.sources(name, false), i, 1)...)
		r.peer.Kernel.Add(name, home(r.sources(name, true), i, 2)...)
	}
	for _, name := range r.state.Down {
		if l := r.here.Kernel.Links[name]; l != nil {
			l.Up = false
		}
	}
}

// sources are the addresses that adverts are sent from on an interface: ours,
// or those of the peer.
func (r *rehearsal) sources(iface string, peer bool) (out []netip.Addr) {
	add := func(a netip.Addr) {
		if a.IsValid() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, s := range []*vrrp.Settings{r.old, r.next} {
		for i := range s.Instances {
			in := &s.Instances[i]
			if in.Interface != iface {
				continue
			}
			now := r.known(in.Name)
			switch {
			case peer:
				add(r.peerOf(in))
			case in.Source.IsValid():
				add(in.Source)
			default:
				add(now.Source)
			}
		}
	}
	return out
}

// peerOf is the address that the peer of an instance sends from, if it is known.
func (r *rehearsal) peerOf(in *vrrp.InstanceSettings) netip.Addr {
	now := r.known(in.Name)
	switch {
	case now.State != event.Master && now.Master.IsValid():
		return now.Master
	case in.Unicast && len(in.Peers) > 0:
		return in.Peers[0].Addr
	}
	return netip.Addr{}
}

// home gives an interface the addresses that are known, and made-up ones of
// the families of which none is. Those are of the networks for benchmarks and
// documentation (RFC 2544, RFC 4291).
func home(known []netip.Addr, iface, host int) []netip.Prefix {
	var out []netip.Prefix
	four, six := false, false
	for _, a := range known {
		bits := 24
		if four = four || a.Is4(); a.Is6() {
			six, bits = true, 64
		}
		out = append(out, netip.PrefixFrom(a, bits))
	}
	if !four {
		out = append(out, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(iface), byte(host)}), 24))
	}
	if !six {
		a := [16]byte{0: 0xfe, 1: 0x80, 13: byte(iface), 15: byte(host)}
		out = append(out, netip.PrefixFrom(netip.AddrFrom16(a), 64))
	}
	return out
}

// begin brings both hosts into the state that the daemon is in.
func (r *rehearsal) begin() {
	var mine, theirs []vrrp.Resumed
	other := r.others(r.old)
	for i := range r.old.Instances {
		name := r.old.Instances[i].Name
		if now := r.known(name); now.State == event.Master {
			mine = append(mine, vrrp.Resumed{Name: name, State: event.Master, Within: true})
		} else {
			theirs = append(theirs, vrrp.Resumed{Name: name, State: event.Master, Within: true})
		}
	}
	sessions := func(s *vrrp.Settings) (out []vrrp.Input) {
		for _, name := range simulate.Followed(s, event.SubjectBFD) {
			out = append(out, vrrp.BFDState{Name: name, Up: r.well(event.SubjectBFD, name)})
		}
		return out
	}
	r.here.Begin(still(r.old), mine, append(sessions(r.old), sessions(r.next)...)...)
	r.peer.Begin(other, theirs)
	r.verdicts(r.old, false)
	slowest := time.Second
	for i := range r.old.Instances {
		slowest = max(slowest, r.old.Instances[i].AdvertInterval)
	}
	r.w.Run(settle * slowest)
	for _, v := range r.views() {
		if now := r.known(v.Settings.Name); now.State != v.State && (r.state.Known || !v.Settings.Owner()) {
			r.p.Assumed = append(r.p.Assumed, fmt.Sprintf("%s is %v, and is rehearsed as %v", v.Settings.Name, now.State, v.State))
		}
	}
}

// others are the settings of the peer: those of here, but for what is its own.
func (r *rehearsal) others(s *vrrp.Settings) *vrrp.Settings {
	o := *still(s)
	o.Groups, o.Scripts, o.Files, o.Processes, o.VMACs = nil, nil, nil, nil, nil
	o.StaticAddresses, o.StaticRoutes, o.StaticRules = nil, nil, nil
	o.Instances = slices.Clone(s.Instances)
	for i := range o.Instances {
		in := &o.Instances[i]
		now := r.known(in.Name)
		in.Tracks, in.VMAC, in.Routes, in.Rules, in.State = nil, "", nil, nil, event.Backup
		in.Addresses, in.Excluded = onBase(in.Addresses), onBase(in.Excluded)
		switch {
		case now.State != event.Master && now.MasterPriority > 0:
			in.Priority = now.MasterPriority
		case now.State != event.Master && in.Priority < 254:
			in.Priority++
		case now.State == event.Master && in.Priority > 1:
			in.Priority--
		}
		if now.State != event.Master && now.MasterInterval > 0 && in.Version == 3 {
			in.AdvertInterval = now.MasterInterval
		}
		if ours := now.Source; in.Unicast {
			if in.Source.IsValid() {
				ours = in.Source
			}
			in.Source = r.peerOf(in)
			in.Peers = []vrrp.Peer{{Addr: ours, MinTTL: -1, MaxTTL: -1}}
		} else if in.Source = r.peerOf(in); in.Source.IsValid() {
			in.TrackSource = false
		}
	}
	return &o
}

// onBase is addresses without the interfaces that only we have.
func onBase(list []vrrp.Address) []vrrp.Address {
	out := slices.Clone(list)
	for i := range out {
		out[i].Interface = ""
	}
	return out
}

// well says whether a tracked object is.
func (r *rehearsal) well(kind event.SubjectKind, name string) bool {
	for _, o := range r.state.Objects {
		if o.Kind == kind && o.Name == name {
			return o.State == event.Up
		}
	}
	return true
}

// verdicts tells the router how its tracked objects stand; with fresh only of
// those that nothing is known of, which are taken to be well.
func (r *rehearsal) verdicts(s *vrrp.Settings, fresh bool) {
	stands := func(kind event.SubjectKind, name string) (o Object, known, tell bool) {
		for _, o := range r.state.Objects {
			if o.Kind == kind && o.Name == name {
				return o, true, !fresh && o.State != event.Unknown
			}
		}
		return Object{State: event.Up}, false, true
	}
	for i := range s.Scripts {
		if o, _, tell := stands(event.SubjectScript, s.Scripts[i].Name); tell {
			r.here.Tell(vrrp.ScriptResult{Name: s.Scripts[i].Name, OK: o.State == event.Up})
		}
	}
	for i := range s.Files {
		if o, known, tell := stands(event.SubjectFile, s.Files[i].Name); tell && known {
			r.here.Tell(vrrp.FileValue{Name: s.Files[i].Name, Value: o.Value})
		}
	}
	for i := range s.Processes {
		o, known, tell := stands(event.SubjectProcess, s.Processes[i].Name)
		if !known {
			o.Value = int64(s.Processes[i].Quorum)
		}
		if tell {
			r.here.Tell(vrrp.ProcessCount{Name: s.Processes[i].Name, Count: int(o.Value)})
		}
	}
	for _, name := range simulate.Followed(s, event.SubjectVirtualServer) {
		if o, _, tell := stands(event.SubjectVirtualServer, name); tell {
			r.here.Tell(vrrp.ServiceState{Name: name, Up: o.State == event.Up})
		}
	}
}

// views are the instances as they are now, by their handles.
func (r *rehearsal) views() []vrrp.View {
	ids := r.here.Router.Instances(nil)
	out := make([]vrrp.View, 0, len(ids))
	for _, id := range ids {
		v, _ := r.here.Router.View(id)
		out = append(out, v)
	}
	return out
}
