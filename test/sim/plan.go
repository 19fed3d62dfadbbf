// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/simulate"
	"github.com/vigild/vigild/engine/vrrp"
)

// plan is the settings of all routers, as the commands describe them.
type plan struct {
	routers   []string
	common    options
	instances []plannedInstance
	groups    []vrrp.GroupSettings
	objects   vrrp.Settings // its Scripts, Files, Processes, Static…, StartupDelay …
}

type plannedInstance struct {
	name string
	set  options
}

// setup reads one of the commands that describe the routers; known is false
// for any other command.
func (p *plan) setup(words []string) (known bool, err error) {
	switch words[0] {
	case "routers":
		return true, p.router(words[1:])
	case "instance":
		in := plannedInstance{words[1], options{}}
		for _, w := range words[2:] {
			if err := in.set.take(w); err != nil {
				return true, err
			}
		}
		p.instances = append(p.instances, in)
	case "group":
		return true, p.group(words[1:])
	case "script", "file", "process":
		return p.object(words)
	case "startup_delay":
		p.objects.StartupDelay, err = time.ParseDuration(words[1])
	case "address_removed":
		policy, ok := map[string]vrrp.AddressPolicy{"keepalived": vrrp.GiveUp, "restore": vrrp.Restore, "alert": vrrp.Alert}[words[1]]
		if p.objects.AddressRemoved = policy; !ok {
			err = fmt.Errorf("no policy is called %q", words[1])
		}
	case "trust_self":
		p.objects.TrustSelf = true
	case "log_unknown_vrids":
		p.objects.LogUnknownVRIDs = true
	case "keep_addresses":
		p.objects.KeepAddresses = true
	case "link_delay":
		d := vrrp.LinkDelay{Interface: words[1]}
		if d.Down, err = time.ParseDuration(words[2]); err == nil {
			d.Up, err = time.ParseDuration(words[3])
		}
		p.objects.LinkDelays = append(p.objects.LinkDelays, d)
	case "static_routes":
		p.objects.StaticRoutes = routes(words[1])
	case "static_rules":
		p.objects.StaticRules = rules(words[1])
	case "static":
		var s vrrp.InstanceSettings
		err = list(func(_ *vrrp.InstanceSettings, a []vrrp.Address) { p.objects.StaticAddresses = a })(&s, words[1])
	default:
		return false, nil
	}
	return true, err
}

// router reads the words after routers.
func (p *plan) router(words []string) error {
	for _, w := range words {
		name, rest, own := strings.Cut(w, ":")
		if !strings.Contains(name, "=") {
			if !slices.Contains(p.routers, name) {
				p.routers = append(p.routers, name)
			}
			if !own || rest == "" {
				continue
			}
		}
		if err := p.common.take(w); err != nil {
			return err
		}
	}
	return nil
}

// group reads the words after group; a group that exists is replaced.
func (p *plan) group(words []string) (err error) {
	g := vrrp.GroupSettings{Name: words[0]}
	for _, w := range words[1:] {
		switch text, ok := strings.CutPrefix(w, "track="); {
		case ok:
			if g.Tracks, err = trackList(text); err != nil {
				return err
			}
		case w == "weights":
			g.TrackingWeight = true
		default:
			g.Members = append(g.Members, w)
		}
	}
	p.groups = slices.DeleteFunc(p.groups, func(x vrrp.GroupSettings) bool { return x.Name == g.Name })
	if len(g.Members) > 0 {
		p.groups = append(p.groups, g)
	}
	return nil
}

// object reads a tracked object; a result for one (script a chk ok) is not that.
func (p *plan) object(words []string) (known bool, err error) {
	if len(words) > 2 && slices.Contains(p.routers, words[1]) && !strings.Contains(words[2], "=") {
		return false, nil
	}
	value := map[string]string{}
	for _, w := range words[2:] {
		key, v, _ := strings.Cut(w, "=")
		value[key] = v
	}
	num := func(key string, otherwise int) int {
		v, ok := value[key]
		if !ok {
			return otherwise
		}
		n, e := strconv.Atoi(v)
		if e != nil {
			err = e
		}
		return n
	}
	_, reverse := value["reverse"]
	_, initFail := value["init_fail"]
	switch name := words[1]; words[0] {
	case "script":
		s := vrrp.ScriptSettings{Name: name, Rise: num("rise", 1), Fall: num("fall", 1), InitFail: initFail}
		p.objects.Scripts = append(p.objects.Scripts, s)
	case "file":
		p.objects.Files = append(p.objects.Files, vrrp.FileSettings{Name: name, Path: "/" + name, Weight: num("weight", 1), Reverse: reverse})
	case "process":
		s := vrrp.ProcessSettings{Name: name, Quorum: num("quorum", 1), QuorumMax: num("max", -1)}
		s.ForkDelay, _ = time.ParseDuration(value["gain"])
		s.TerminateDelay, _ = time.ParseDuration(value["loss"])
		p.objects.Processes = append(p.objects.Processes, s)
	}
	return true, err
}

// change reads the words after set: an optional instance, then settings.
func (p *plan) change(words []string) error {
	if name, ok := strings.CutPrefix(words[0], "-"); ok {
		p.instances = slices.DeleteFunc(p.instances, func(in plannedInstance) bool { return in.name == name })
		return nil
	}
	set := p.common
	for i := range p.instances {
		if p.instances[i].name == words[0] {
			set, words = p.instances[i].set, words[1:]
			break
		}
	}
	for _, w := range words {
		if err := set.take(w); err != nil {
			return err
		}
	}
	return nil
}

// settings are those of one router.
func (p *plan) settings(who string) (*vrrp.Settings, error) {
	s := p.objects
	s.Groups = slices.Clone(p.groups)
	planned := p.instances
	if len(planned) == 0 {
		planned = []plannedInstance{{"V", options{}}}
	}
	for _, in := range planned {
		// From weak to strong: common, the instance's, the router's, both.
		all := p.common.clone()
		for _, level := range []string{"", who} {
			for key, v := range in.set[level] {
				if all[who] == nil {
					all[who] = map[string]string{}
				}
				all[who][key] = v
			}
		}
		one, err := all.instance(in.name, who)
		if err != nil {
			return nil, err
		}
		p.introduce(&one, who)
		s.Instances = append(s.Instances, one)
	}
	return &s, nil
}

// introduce makes all other routers peers of a unicast instance that names none.
func (p *plan) introduce(s *vrrp.InstanceSettings, who string) {
	if !s.Unicast {
		return
	}
	for i, name := range p.routers {
		home := homeAddresses(i, s.Interface)
		a := home[0].Addr()
		if s.Family == 6 {
			a = home[1].Addr()
		}
		switch {
		case name == who && !s.Source.IsValid():
			s.Source = a
		case name != who && len(s.Peers) < len(p.routers)-1:
			s.Peers = append(s.Peers, vrrp.Peer{Addr: a, MinTTL: -1, MaxTTL: -1})
		}
	}
}

// links are the interfaces that the plan speaks of, eth0 first.
func (p *plan) links() []string {
	out := []string{"eth0"}
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, g := range p.groups {
		for _, t := range g.Tracks {
			if t.Kind == event.SubjectInterface {
				add(t.Name)
			}
		}
	}
	for _, who := range p.routers {
		s, err := p.settings(who)
		if err != nil {
			return out
		}
		for _, a := range s.StaticAddresses {
			add(a.Interface)
		}
		for _, x := range s.StaticRoutes {
			add(strings.Join(x.Interfaces, ""))
		}
		for i := range s.Instances {
			in := &s.Instances[i]
			add(in.Interface)
			for _, a := range slices.Concat(in.Addresses, in.Excluded) {
				add(a.Interface)
			}
			for _, x := range in.Routes {
				add(strings.Join(x.Interfaces, ""))
			}
			for _, t := range in.Tracks {
				if t.Kind == event.SubjectInterface {
					add(t.Name)
				}
			}
		}
	}
	return out
}

// build makes the World that the plan describes; it does not start it.
func (p *plan) build() (*simulate.World, error) {
	if len(p.routers) == 0 {
		return nil, fmt.Errorf("no routers")
	}
	w := simulate.New()
	w.Wires = newWires()
	for i, name := range p.routers {
		n := w.Join(name)
		n.Home = func(iface string) []netip.Prefix { return homeAddresses(i, iface) }
		for _, l := range p.links() {
			n.Kernel.Add(l, homeAddresses(i, l)...)
		}
	}
	return w, nil
}

// newWires are wires whose chance is the same in every run.
func newWires() simulate.Wires {
	w := simulate.NewWires()
	w.Chance = rand.New(rand.NewPCG(1, 2))
	return w
}

// homeAddresses are the addresses that router number i (from 0) has on an
// interface.
func homeAddresses(i int, iface string) []netip.Prefix {
	net := 0
	fmt.Sscanf(iface, "eth%d", &net)
	return []netip.Prefix{
		netip.MustParsePrefix(fmt.Sprintf("10.%d.0.%d/24", net, i+1)),
		netip.MustParsePrefix(fmt.Sprintf("fe80::%d:%d/64", net, i+1)),
	}
}
