// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/vrrp"
)

// router is one instance as keepalived would have it by default.
func router(change ...func(*vrrp.InstanceSettings)) *vrrp.Settings {
	in := vrrp.InstanceSettings{
		Name: "V", VRID: 1, Version: 2, Family: 4, Interface: "eth0", State: event.Backup, Priority: 100, AdvertInterval: time.Second,
		DownTimerAdverts: 3, GarpDelay: 5 * time.Second, GarpRepeat: 5, GarpLowerPrioRepeat: 5, Accept: true,
		Multicast: netip.MustParseAddr("224.0.0.18"), Addresses: addresses("192.0.2.1/32"),
	}
	for _, c := range change {
		c(&in)
	}
	return &vrrp.Settings{Instances: []vrrp.InstanceSettings{in}}
}

func addresses(list ...string) (out []vrrp.Address) {
	for _, text := range list {
		out = append(out, vrrp.Address{Prefix: netip.MustParsePrefix(text), PreferredLft: vrrp.Forever})
	}
	return out
}

func password(text string) func(*vrrp.InstanceSettings) {
	return func(in *vrrp.InstanceSettings) {
		in.Auth = vrrp.AuthPass
		copy(in.AuthPass[:], text)
	}
}

// brief is a plan in a few lines.
func brief(p *Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "impact %v", p.Impact)
	list := func(what string, list []Change) {
		for _, c := range list {
			fmt.Fprintf(&b, "\n%s %s %s %s", what, c.Name, c.What, strings.Join(c.Settings, ","))
		}
	}
	list("instance", p.Instances)
	list("service", p.Services)
	list("server", p.Servers)
	list("check", p.Checks)
	if len(p.Global) > 0 {
		fmt.Fprintf(&b, "\nglobal %s", strings.Join(p.Global, ","))
	}
	for _, t := range append(slices.Clone(p.Transitions), p.Later...) {
		fmt.Fprintf(&b, "\n%s %v->%v %v %.1f", label(t.Subject), t.From, t.To, t.Reason, t.After.Seconds())
	}
	for _, x := range p.Priorities {
		fmt.Fprintf(&b, "\n%s %d->%d", x.Instance, x.From, x.To)
	}
	for _, m := range p.Moves {
		fmt.Fprintf(&b, "\n%s %s %t", m.Kind, m.Text, m.Add)
	}
	for _, o := range p.Operations {
		fmt.Fprintf(&b, "\n%v %s %s %d", o.Kind, o.Service, o.Server, o.Weight)
	}
	for _, d := range p.Dangers {
		fmt.Fprintf(&b, "\n! %s", d)
	}
	fmt.Fprintf(&b, "\nadverts %d/%d arps %d connections %d", p.Adverts, p.Zeros, p.GratuitousARPs, p.Connections.Active)
	return b.String()
}

func TestRouters(t *testing.T) {
	master, backup := &State{}, &State{Backup: true}
	heard := &State{Known: true, Instances: []Instance{{
		Name: "V", State: event.Backup, Master: netip.MustParseAddr("198.18.0.9"), MasterPriority: 120, MasterInterval: time.Second,
	}}}
	two := func(in *vrrp.InstanceSettings) { in.Addresses = addresses("192.0.2.1/32", "192.0.2.2/32") }
	priority := func(n uint8) func(*vrrp.InstanceSettings) {
		return func(in *vrrp.InstanceSettings) { in.Priority = n }
	}
	for name, c := range map[string]struct {
		old, next *vrrp.Settings
		state     *State
		want      string
	}{
		"nothing as master": {router(), router(), master, "impact none\nadverts 1/0 arps 0 connections 0"},
		"nothing as backup": {router(), router(), backup, "impact none\nadverts 0/0 arps 0 connections 0"},
		"an address more": {
			router(), router(two), master,
			"impact addresses\ninstance V changed addresses\naddress 192.0.2.2/32 true\nadverts 1/0 arps 5 connections 0",
		},
		"an address more, not ours": {router(), router(two), backup, "impact checks\ninstance V changed addresses\nadverts 0/0 arps 0 connections 0"},
		"removed": {
			router(), &vrrp.Settings{}, master,
			"impact transitions\ninstance V removed \nV MASTER->DELETED reload 0.0\naddress 192.0.2.1/32 false\nadverts 0/1 arps 0 connections 0",
		},
		"overtakes": {
			router(), router(priority(150)), heard,
			"impact transitions\ninstance V changed priority\nV BACKUP->MASTER preempt 3.4\nV 100->150\nadverts 0/0 arps 0 connections 0",
		},
		"does not overtake": {router(), router(priority(119)), heard, "impact checks\ninstance V changed priority\nV 100->119\nadverts 0/0 arps 0 connections 0"},
		"gives way": {
			router(), router(priority(50)), master,
			"impact transitions\ninstance V changed priority\nV MASTER->BACKUP higher_priority 3.6\nV 100->50\nadverts 1/0 arps 0 connections 0",
		},
		"another password": {
			router(password("one")), router(password("two")), heard,
			"impact any\ninstance V changed auth_pass\nV BACKUP->MASTER master_down_timer 3.6\n" +
				"! V would be master here and on another router that has the present configuration\nadverts 0/0 arps 0 connections 0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := brief(Make(Settings{VRRP: c.old}, Settings{VRRP: c.next}, c.state)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// farm is a virtual server with real servers 10.0.0.1, 10.0.0.2 ...
func farm(n int, change ...func(*health.ServiceSettings)) *health.Settings {
	s := health.ServiceSettings{
		VirtualServer: event.VirtualServer{Protocol: event.ProtocolTCP, Addr: netip.MustParseAddrPort("192.0.2.1:80")},
		Entries:       []event.ServiceEntry{{First: netip.MustParseAddr("192.0.2.1"), Last: netip.MustParseAddr("192.0.2.1"), Port: 80, Family: 4}},
		Scheduler:     "wrr", Granularity: 32, Quorum: 1,
	}
	for i := range n {
		s.Servers = append(s.Servers, health.ServerSettings{
			Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 80), Weight: 1,
			Checks: []health.CheckSettings{{Kind: event.CheckerTCP, Delay: 5 * time.Second, Spec: "tcp"}},
		})
	}
	for _, c := range change {
		c(&s)
	}
	return &health.Settings{Services: []health.ServiceSettings{s}}
}

// timed sets lvs_timeouts.
func timed(s *health.Settings) *health.Settings {
	s.Timeouts.TCP = time.Minute
	return s
}

func TestServers(t *testing.T) {
	busy := &State{Known: true, Servers: []Server{{
		Subject: event.ServerSubject("tcp/192.0.2.1:80", netip.MustParseAddrPort("10.0.0.2:80"), false), State: event.Up, Weight: 1, HasWeight: true, Active: 7,
	}}}
	slower := func(s *health.ServiceSettings) { s.Servers[0].Checks[0].Delay = time.Minute }
	heavier := func(s *health.ServiceSettings) { s.Servers[0].Weight = 3 }
	const at = "tcp/192.0.2.1:80"
	for name, c := range map[string]struct {
		old, next *health.Settings
		want      string
	}{
		"nothing":      {farm(2), farm(2), "impact none\nadverts 0/0 arps 0 connections 0"},
		"slower check": {farm(2), farm(2, slower), "impact checks\ncheck " + at + " 10.0.0.1:80 TCP_CHECK changed delay\nadverts 0/0 arps 0 connections 0"},
		"heavier server": {
			farm(2), farm(2, heavier),
			"impact servers\nserver " + at + " 10.0.0.1:80 changed weight\nedit_dest " + at + " 10.0.0.1:80 3\nadverts 0/0 arps 0 connections 0",
		},
		"another time limit": {
			farm(1), timed(farm(1)), "impact checks\nglobal timeouts\nadverts 0/0 arps 0 connections 0",
		},
		"a server less": {
			farm(2), farm(1),
			"impact servers\nserver " + at + " 10.0.0.2:80 removed \ncheck " + at + " 10.0.0.2:80 TCP_CHECK removed \n" +
				at + " 10.0.0.2:80 UP->DELETED reload 0.0\ndel_dest " + at + " 10.0.0.2:80 1\nadverts 0/0 arps 0 connections 7",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := brief(Make(Settings{Health: c.old}, Settings{Health: c.next}, busy)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
